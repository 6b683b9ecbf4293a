"""What an inspector answers at once: the parts of a network, and what fires at a point of a section."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.inference.predict import predict
from seisdream.inference.recorder import record_activations
from seisdream.models.network import Network
from seisdream.plotting.classes import colours_of
from seisdream.results.load import load_result
from seisdream.sheet.settings import SheetSettings
from seisdream.sheet.sheet import make_sheet
from seisdream.studio.control import Control
from seisdream.studio.requests import Requests
from seisdream.studio.run_files import RESULT, ZARR
from seisdream.studio.sources import Sources, state_of

_N_KEPT = 4
_MOST_LAYERS = 12


class Inspector:
    """Answers questions about networks and points.

    Parameters
    ----------
    sources : Sources
        What may be opened.
    networks : collection of str
        Networks named on the command line.
    """

    def __init__(self, sources: Sources, networks: Collection[str]):
        self._requests = Requests(sources, networks)
        self._activations = lru_cache(_N_KEPT * _MOST_LAYERS)(self._record)
        self._prediction = lru_cache(_N_KEPT)(self._predict)

    def network(self, *, name: str, control: Control) -> dict[str, Any]:
        """Describe a network: its layers in order, its classes with colours."""
        network = self._requests.open_network(name)
        layers = [
            {
                "name": info.name,
                "channels": info.n_channels,
                "stride": None if info.stride is None else list(info.stride),
                "receptive_field": None if info.receptive_field is None else list(info.receptive_field),
                "has_positions": info.has_positions,
            }
            for info in network.layers.values()
        ]
        return {
            "name": name,
            "dims": network.n_spatial_dims,
            "default_layer": network.default_layer,
            "class_layer": network.class_layer,
            "classes": _classes(network),
            "layers": layers,
            "credit": network.credit,
            "licence": network.licence,
            "sha256": network.sha256,
        }

    def point(
        self,
        *,
        section: Mapping[str, Any],
        line: Mapping[str, float],
        network: str,
        down: float,
        across: float,
        layers: Sequence[str] | None,
        count: int,
        control: Control,
    ) -> dict[str, Any]:
        """Return the channels that are most active at a point, compared with all positions of the section."""
        path, options = self._requests.input(section, line)
        opened, loaded = self._requests.open_section(path, options), self._requests.open_network(network)
        # The same options of the same file are recorded once.
        at = path, json.dumps(options, sort_keys=True), state_of(path)
        row, column = (_nearest(opened, axis, value) for axis, value in enumerate((down, across)))
        if layers is not None and len(layers) > _MOST_LAYERS:
            raise SeisdreamError(
                f"Got {len(layers)} layers; ask for at most {_MOST_LAYERS}.", code="too-large", option="layers"
            )
        found = []
        for layer in layers or [loaded.default_layer]:
            channels = _strongest(self._activations(*at, network, layer), row, column, count)
            found.append(
                {"layer": layer, "channels": [one | {"objective": f"{layer}:{one['channel']}"} for one in channels]}
            )
        amplitude = float(np.mean(opened.values[row, column]))
        return {
            "down": float(opened[opened.dims[0]].values[row]),
            "across": float(opened[opened.dims[1]].values[column]),
            "amplitude": amplitude if np.isfinite(amplitude) else None,
            "classes": self._classes_at(*at, network, row, column),
            "layers": found,
        }

    def tile(
        self,
        *,
        section: Mapping[str, Any],
        line: Mapping[str, float],
        network: str,
        objective: str,
        concepts: str | None,
        out: str,
        control: Control,
    ) -> None:
        """Write a small dream of an objective on a part of a section, as pictures for the page."""
        path, options = self._requests.input(section, line)
        opened, loaded = self._requests.open_section(path, options), self._requests.open_network(network)
        settings = SheetSettings(
            objectives=(self._requests.objective(objective),),
            concepts=None if concepts is None else self._requests.resolve(concepts),
        )
        sheet = make_sheet(opened, loaded, settings)
        (dream,) = sheet.tiles.values()
        known = {"before": sheet.picture(sheet.part), "dream": sheet.picture(dream), "part": _part(sheet.part)}
        partial = Path(f"{out}.partial")
        partial.write_text(json.dumps(known), encoding="utf-8")
        partial.replace(out)

    def quiz(self, *, out: str, control: Control) -> None:
        """Write the page of the quiz."""
        from seisdream.research.quiz.page import write_quiz

        write_quiz(Path(out), force=True)

    def zarr(self, *, folder: str, control: Control) -> None:
        """Write the arrays of a run's result as a Zarr store in a zip file."""
        require_extra("zarr", "formats", "Writing Zarr")
        place = Path(folder)
        dataset = load_result(place / RESULT).dataset
        with tempfile.TemporaryDirectory(dir=place) as scratch:
            dataset.to_zarr(Path(scratch) / "result.zarr", mode="w")
            packed = shutil.make_archive(str(Path(scratch) / "packed"), "zip", scratch, "result.zarr")
            Path(packed).replace(place / ZARR)

    def _record(self, path: str, options: str, state: tuple[int, ...], network: str, layer: str) -> xr.DataArray:
        section = self._requests.open_section(path, json.loads(options))
        return record_activations(section, self._requests.open_network(network), layer)

    def _predict(self, path: str, options: str, state: tuple[int, ...], network: str) -> xr.DataArray:
        section = self._requests.open_section(path, json.loads(options))
        return predict(section, self._requests.open_network(network), augmentations=0)["probabilities"]

    def _classes_at(
        self, path: str, options: str, state: tuple[int, ...], network: str, row: int, column: int
    ) -> list[dict[str, Any]]:
        if not self._requests.open_network(network).class_map_layer:
            return []
        at = self._prediction(path, options, state, network)[:, row, column]
        known = [(str(name), float(share)) for name, share in zip(at["class"].values, at.values, strict=True)]
        return [
            {"name": name, "probability": round(share, 4)}
            for name, share in sorted(known, key=lambda one: -one[1])
            if np.isfinite(share)
        ]


def _strongest(activations: xr.DataArray, row: int, column: int, count: int) -> list[dict[str, Any]]:
    """Return the channels whose activation at a point exceeds those at most other positions of the section."""
    if activations.ndim != 3:
        raise SeisdreamError(
            f"The units of {activations.name} have no positions; choose a layer whose units have.",
            code="incompatible",
            option="layers",
        )
    at = tuple(
        int(np.abs(activations[name].values - position).argmin())
        for name, position in (("row", row), ("column", column))
    )
    values = activations.values.reshape(len(activations), -1)
    here = activations.values[:, at[0], at[1]]
    # Ties count half, so that a channel that is silent everywhere ranks in the middle.
    ranks = (values < here[:, None]).mean(axis=1) + 0.5 * (values == here[:, None]).mean(axis=1)
    order = np.lexsort((-here, -ranks))[:count]
    return [
        {"channel": int(channel), "value": float(here[channel]), "rank": round(float(ranks[channel]), 4)}
        for channel in order
    ]


def _part(section: xr.DataArray) -> dict[str, list[float]]:
    """Return the first and the last coordinate of each axis of a part of a section."""
    return {str(dim): [float(one) for one in section[dim].values[[0, -1]]] for dim in section.dims[:2]}


def _nearest(section: xr.DataArray, axis: int, value: float) -> int:
    return int(np.abs(section[section.dims[axis]].values.astype(float) - value).argmin())


def _classes(network: Network) -> list[dict[str, str]]:
    """Return the classes of a network with their colours."""
    names = list(network.classes)
    if not names or len(names) > 100:  # The thousand classes of photographs have no colours.
        return [{"name": name, "colour": ""} for name in names]
    coords: dict[str, Any] = {"class": names}
    if network.colours:
        coords["colour"] = ("class", list(network.colours))
    colours = colours_of(xr.Dataset(coords=coords))
    return [{"name": name, "colour": colour} for name, colour in zip(names, colours, strict=True)]
