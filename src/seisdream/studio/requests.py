"""From the plain values of a request to settings: only what the studio may open is named in them."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.dreaming.objectives.parser import files_of, parse, with_files
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError, unknown_argument
from seisdream.io.inputs import open_section
from seisdream.models.caffe_networks import CAFFE_NETWORKS
from seisdream.models.checkpoints import SHIPPED, split_variant
from seisdream.models.network import Network
from seisdream.models.registry import open_network
from seisdream.settings import Settings
from seisdream.studio.reading import line_options
from seisdream.studio.sources import Sources, state_of

_NAMED = (*SHIPPED, *CAFFE_NETWORKS, "gabor")
_WINDOW = re.compile(r"[\w:=,.\s+-]*=[\w:=,.\s+-]*")
_FORMULA = re.compile(r"(ricker|ormsby):[\d.e+-]+")
# Settings that name files, and the words that they may hold instead.
_FILES = {
    "guide": None, "reference_section": None, "concepts": None,
    "mask": _WINDOW, "objective_mask": _WINDOW, "wavelet": _FORMULA,
}  # fmt: skip
_MOST_STATES = 100_000
_N_KEPT = 4


class Requests:
    """Makes settings from requests, and refuses names of files and of code that the studio was not given.

    Parameters
    ----------
    sources : Sources
        What may be opened.
    networks : collection of str
        Networks named on the command line: files and code.
    """

    def __init__(self, sources: Sources, networks: Collection[str]):
        self._sources, self.networks = sources, networks
        self._open_network = lru_cache(_N_KEPT)(lambda name: open_network(name, trust_code=name in networks))
        self._open_section = lru_cache(_N_KEPT)(lambda path, options, state: open_section(path, **json.loads(options)))

    def input(self, section: Mapping[str, Any], line: Mapping[str, float]) -> tuple[str, dict[str, Any]]:
        """Return the path and the options of opening of a section of the studio."""
        return self._sources.resolve(section["source"]), {**section["options"], **line_options(dict(line))}

    def resolve(self, source: str) -> str:
        """Return the path of a source."""
        return self._sources.resolve(source)

    def holds(self, *paths: str) -> bool:
        """Return whether all of some paths lie where the studio opens files."""
        return all(self._sources.holds(path) for path in paths)

    def network(self, name: str) -> str:
        """Return the name of a network; raise `SeisdreamError` (``untrusted``) where it may not be used."""
        if name not in self.networks and split_variant(name)[0] not in _NAMED:
            raise SeisdreamError(
                f"The studio was not given the network '{name[:200]}'; name it where the studio starts, with "
                "`networks`.",
                code="untrusted",
                option="network",
            )
        return name

    def open_network(self, name: str) -> Network:
        """Return a network that the studio may use; the last ones are kept open."""
        return self._open_network(self.network(name))

    def open_section(self, path: str, options: Mapping[str, Any]) -> xr.DataArray:
        """Return a section that `input` has named; the last ones are kept open, as long as their files are the same."""
        return self._open_section(path, json.dumps(options, sort_keys=True), state_of(path))

    def objective(self, text: str) -> str:
        """Return an objective with its sources as paths."""
        terms = parse(text).terms()
        for term in terms:
            if term.network:
                self.network(term.network)
        return with_files(text, self._sources.resolve) if files_of(terms) else text

    def dream_settings(
        self, values: Mapping[str, Any], section: Mapping[str, Any], line: Mapping[str, float], network: str
    ) -> DreamSettings:
        """Return the settings of a dream.

        Raises
        ------
        SeisdreamError
            If a setting does not exist or is out of its range, or names what may not be opened.
        """
        given = public_values(DreamSettings, values)
        path, options = self.input(section, line)
        if given.get("layer"):
            given["layer"] = self.objective(given["layer"])
        given |= {name: self._sources.resolve(path) for name, path in files_in(given).items()}
        return DreamSettings(input=path, input_options=options, network=self.network(network), **given)


def public_values(settings: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given values but for None; raise where a field does not exist, or only the program sets it."""
    known = [one.name for one in settings.declared() if not one.declared.is_hidden]
    for name in values:
        if name not in known:
            raise unknown_argument(name, known, settings.__name__)
    return {name: value for name, value in values.items() if value is not None}


def files_in(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a dream that name a file or a folder."""
    given = {name: values[name] for name in _FILES if values.get(name)}
    return {name: one for name, one in given.items() if not (words := _FILES[name]) or not words.fullmatch(one)}


def check_length(n_states: int) -> None:
    """Raise `SeisdreamError` where a run has too many steps for its history."""
    if n_states > _MOST_STATES:
        raise SeisdreamError(
            f"The run has {n_states} steps; the studio keeps at most {_MOST_STATES}. Use fewer `steps` or `levels`, "
            "or `seisdream dream`.",
            code="too-large",
            option="steps",
        )


def write_mask(mask: Mapping[str, Any], folder: Path) -> str:
    """Write a mask that was drawn by hand, as the command line reads it; return its path.

    Parameters
    ----------
    mask : mapping
        ``polygons``, lists of horizontal and vertical coordinates; or ``shape`` and ``data``, samples 0 to 255 in base
        64.
    folder : Path
        Where to write.
    """
    if mask.get("polygons"):
        path = folder / "mask.txt"
        polygons = ("\n".join(f"{float(x)!r} {float(y)!r}" for x, y in polygon) for polygon in mask["polygons"])
        path.write_text("\n\n".join(polygons) + "\n", encoding="utf-8")
        return str(path)
    n_rows, n_columns = mask["shape"]
    try:
        samples = base64.b64decode(mask["data"], validate=True)
    except binascii.Error as error:
        raise SeisdreamError(f"`mask` is not base 64: {error}.", code="unreadable", option="mask") from error
    if len(samples) != n_rows * n_columns:
        raise SeisdreamError(
            f"`mask` has {len(samples)} samples; its shape is {n_rows} × {n_columns}.",
            code="wrong-shape",
            option="mask",
        )
    path = folder / "mask.npy"
    np.save(path, np.frombuffer(samples, np.uint8).reshape(n_rows, n_columns).astype(np.float32) / 255.0)
    return str(path)
