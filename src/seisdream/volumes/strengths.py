"""The strengths of concepts at every sample of a section, or of a block of a cube."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.inference.cubes import cube_input
from seisdream.inference.recorder import ActivationRecorder, UnitActivations
from seisdream.inference.surroundings import Surroundings
from seisdream.inference.unit_grid import UnitGrid, interpolate_axis
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device, resolve_precision
from seisdream.representations.network import ConceptNetwork
from seisdream.results.writer import file_names
from seisdream.seismic.sections import absent_samples
from seisdream.volumes.cube_kernel import Inside
from seisdream.volumes.scale import AmplitudeScale

ALL = "all"


class Strengths:
    """Computes the strengths of some concepts, linear between the units of their layer.

    Parameters
    ----------
    network : Network
        Of `open_concepts`.
    chosen : str
        Numbers or names of concepts, separated by commas, or "all".
    scale : AmplitudeScale
        Of the volume.
    device, precision : str
        As for a prediction.

    Attributes
    ----------
    variables : dict of str to str
        Names of the concepts by those of their variables.

    Raises
    ------
    SeisdreamError
        If the network maps no concepts (``incompatible``), or has none of a name (``unknown-name``).
    """

    def __init__(self, network: Network, chosen: str, scale: AmplitudeScale, device: str, precision: str) -> None:
        if not isinstance(network, ConceptNetwork):
            raise SeisdreamError(
                "`strengths` are those of concepts; give `concepts` too, or leave it out.",
                code="incompatible",
                option="strengths",
            )
        self._numbers = _numbers(chosen, network.classes)
        slugs = file_names(network.classes)
        self.variables = {f"strength_{slugs[one].replace('-', '_')}": network.classes[one] for one in self._numbers}
        self._network, self._layer, self._scale = network, network.class_layer, scale
        self._device = resolve_device(device, network)
        self._prepared = PreparedNetwork(network, self._device, resolve_precision(precision, self._device))
        self._recorder = ActivationRecorder(self._prepared, [self._layer])

    def of_section(self, section: xr.DataArray, around: Surroundings) -> dict[str, NDArray]:
        """Return the strengths over a section ``(time, trace)`` by variable, NaN where it is absent."""
        rows: dict[int, list[UnitActivations]] = {}
        for tile, recorded in self._recorder.record(section, self._scale.mapping, around):
            rows.setdefault(tile.core_rows[0], []).append(recorded[self._layer])
        # Tiles are in the order of their rows and columns, and each unit is in one of them.
        units = torch.cat([torch.cat([one.values for one in row], 2) for row in rows.values()], 1)
        grid = replace(next(iter(rows.values()))[0].grid, shape=tuple(units.shape[1:]))
        spans = [slice(0, n) for n in section.shape]
        return self._at_samples(units, grid, spans, absent_samples(section))

    def of_cube(self, cube: xr.DataArray, inside: Inside) -> dict[str, NDArray]:
        """Return the strengths in a part of a cube ``(time, inline, crossline)`` by variable, NaN where absent."""
        present, statistics = np.isfinite(cube.values), self._scale.statistics
        prepared, image = cube_input(
            self._prepared, cube, present, self._scale.mapping, statistics=statistics, device=self._device
        )
        with torch.no_grad():
            units = prepared.record(self._network.preprocessing.clip(image), (self._layer,))[self._layer][0]
        grid = UnitGrid.of(self._network.layer(self._layer), tuple(units.shape[1:]), cube.shape)
        return self._at_samples(units, grid, inside, ~present[inside])

    def _at_samples(
        self, units: torch.Tensor, grid: UnitGrid, inside: Sequence[slice], absent: NDArray
    ) -> dict[str, NDArray]:
        values = units[self._numbers].float().cpu()
        for axis, span in enumerate(inside):
            values = interpolate_axis(values, axis + 1, grid.positions(axis, np.arange(span.start, span.stop)))
        maps = np.where(absent, np.float32(np.nan), values.numpy())
        return dict(zip(self.variables, maps, strict=True))


def _numbers(chosen: str, names: Sequence[str]) -> list[int]:
    """Return the numbers of concepts that are chosen by numbers or names."""
    if chosen == ALL:
        return list(range(len(names)))
    found = []
    for one in (part.strip() for part in chosen.split(",")):
        if one not in names and not (one.isdecimal() and int(one) < len(names)):
            raise SeisdreamError(
                f"There is no concept '{one}'; `strengths` takes 0 to {len(names) - 1}, names of concepts, or {ALL}.",
                code="unknown-name",
                option="strengths",
            )
        found.append(names.index(one) if one in names else int(one))
    return list(dict.fromkeys(found))
