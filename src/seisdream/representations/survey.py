"""The activations of a layer over a survey: a sample of its units, from one pass that keeps one line in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.channels.channel_attribution import image_of
from seisdream.errors import SeisdreamError
from seisdream.inference.cube_blocks import CubeBlocks
from seisdream.inference.cubes import as_volume, cube_input, open_cube
from seisdream.inference.recorder import ActivationRecorder
from seisdream.inference.section_source import SectionSource, open_sections
from seisdream.inference.surroundings import Surroundings
from seisdream.inference.unit_grid import UnitGrid
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import GreyMapping, absent_samples

N_BLOCKS = 10
"""Blocks of lines, or of the traces of a single line, that belong to the two halves in turn."""

# Samples in the middle of a line, through which the gradients of all classes take seconds.
_INPUT_SAMPLES = 2**17


@dataclass(frozen=True)
class Units:
    """Units of a layer with their activations and positions.

    Attributes
    ----------
    activations : array
        float32 ``(unit, channel)``.
    positions : array
        ``(unit, 3)``: number of the line, counted from 0, and sample and trace at the unit's centre.
    """

    activations: NDArray[np.float32]
    positions: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.activations)

    def take(self, which: NDArray) -> Units:
        """Return some of the units."""
        return Units(self.activations[which], self.positions[which])

    @classmethod
    def concatenate(cls, parts: Sequence[Units]) -> Units:
        """Return the units of several parts."""
        return cls(np.concatenate([one.activations for one in parts]), np.concatenate([one.positions for one in parts]))

    def is_in_second_half(self) -> NDArray[np.bool_]:
        """Return which units belong to the second half of the data.

        Neighbouring lines are alike, so each half consists of every other of `N_BLOCKS` blocks: of lines, or of the
        traces of a single line.
        """
        lines = self.positions[:, 0]
        along = lines if len(np.unique(lines)) >= N_BLOCKS else self.positions[:, 2]
        first, last = float(along.min()), float(along.max())
        blocks = (along - first) * N_BLOCKS // max(last - first + 1.0, 1.0)
        return blocks.astype(int) % 2 == 1


class Survey:
    """The lines of a survey, as a network receives them.

    Parameters
    ----------
    data : path, DataArray, Volume or sequence of DataArray
        A volume, whose inlines are read one at a time, a section, or several; for a network for cubes a volume.
    prepared : PreparedNetwork
        The network.
    every : int
        Use every Nth inline of a volume.
    percentile : float
        Clip amplitudes at this percentile of absolute amplitude.
    **options
        How a file is opened.
    """

    def __init__(self, data: Any, prepared: PreparedNetwork, *, every: int = 1, percentile: float = 99.0, **options):
        self.prepared, self.network = prepared, prepared.network
        self.is_cube = self.network.n_spatial_dims == 3
        self._axes: dict[int, dict[str, NDArray]] = {}
        if self.is_cube:
            if every != 1:
                raise SeisdreamError(
                    f"`every` does not work for cubes, which {self.network.name} takes; leave it out.",
                    code="not-supported",
                    option="every",
                )
            self.cube, self._present, self._mapping = open_cube(as_volume(data, self.network, **options), percentile)
            self.names = tuple(f"inline {number}" for number in self.cube["inline"].values)
            return
        each = data if isinstance(data, list | tuple) else [data]
        if not each:
            raise SeisdreamError("`data` has no section; give one or more.", code="missing-argument", option="data")
        self._sources = [open_sections(one, every=every, percentile=percentile, **options) for one in each]
        self._lines = [(source, number) for source in self._sources for number in range(len(source))]
        self.names = tuple(name for source in self._sources for name in source.names)

    def __len__(self) -> int:
        return len(self.names)

    def line(self, number: int) -> xr.DataArray:
        """Return a line ``(time, trace)`` by its number; of a cube, an inline."""
        if self.is_cube:
            line = self.cube.isel(inline=number).assign_attrs(selection=self.names[number])
        else:
            source, position = self._lines[number]
            line = source.open(position)
        if number not in self._axes:
            self._axes[number] = {str(dim): np.asarray(line[dim].values) for dim in line.dims}
        return line

    def axes(self, number: int) -> dict[str, NDArray]:
        """Return the coordinates of a line by dimension, down and across; a line is opened once for them."""
        if number not in self._axes:
            self.line(number)
        return self._axes[number]

    def mapping(self, number: int) -> GreyMapping:
        """Return the mapping of a line from amplitudes to grey levels."""
        return self._mapping if self.is_cube else self._lines[number][0].mapping

    def around(self, number: int) -> Surroundings | None:
        """Return the volume that a line is from; None of a section by itself and of a cube."""
        return None if self.is_cube else self._lines[number][0].around

    @property
    def positions(self) -> tuple[int, ...]:
        """Position of each line along its volume, in traces; lines of different sections are far apart."""
        if self.is_cube:
            return tuple(range(len(self)))
        starts = itertools.accumulate((max(source.positions) + 10_000 for source in self._sources), initial=0)
        return tuple(
            start + one for start, source in zip(starts, self._sources, strict=False) for one in source.positions
        )

    def inputs(self, prepared: PreparedNetwork) -> Iterator[tuple[PreparedNetwork, torch.Tensor]]:
        """Yield a network bound to some evenly spaced lines, or to the middle of a cube, and its input."""
        if self.is_cube:
            prepared, image = cube_input(prepared, self.cube, self._present, self._mapping)
            middle = [slice(max(0, n // 2 - 48), n // 2 + 48) for n in image.shape[2:]]
            yield prepared, self.network.preprocessing.clip(image[(..., *middle)])
            return
        for number in np.unique(np.linspace(0, len(self) - 1, 6).round().astype(int)[1:-1]):
            source, _ = self._lines[int(number)]
            yield image_of(prepared, self.line(int(number)), source.mapping, source.around, _INPUT_SAMPLES)

    def sample(
        self,
        layer: str,
        n_most: int,
        seed: int,
        others: Sequence[PreparedNetwork] = (),
        on_line: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Units]:
        """Return units of a layer, at most so many, drawn at random and evenly from the lines.

        Parameters
        ----------
        layer : str
            A layer whose units have positions.
        n_most : int
            Number of units.
        seed : int
            Random seed.
        others : sequence of PreparedNetwork
            Networks with the same layers, whose units at the same positions are returned too; the data are read once.
        on_line : callable, optional
            Called with the number of lines (of a cube: blocks) done, and of all.

        Returns
        -------
        list of Units
            Of the network, and of the others.

        Raises
        ------
        SeisdreamError
            If the units of the layer have no positions (``not-supported``).
        """
        if not self.network.layer(layer).has_positions:
            raise SeisdreamError(
                f"Units of '{layer}' depend on the whole section and have no position, so they have no map; use "
                f"another `layer` (seisdream layers {self.network.name}).",
                code="not-supported",
                option="layer",
            )
        networks = [self.prepared, *others]
        if self.is_cube:
            parts = zip(*(self._cube_units(one, layer) for one in networks), strict=True)
            n_parts = len(list(CubeBlocks(self.network, layer).of(self.cube.shape)))
        else:
            parts = (self._line_units(networks, layer, number) for number in range(len(self)))
            n_parts = len(self)
        kept: list[list[Units]] = [[] for _ in networks]
        edges = np.linspace(0, n_most, n_parts + 1).astype(int)
        for number, of_networks in enumerate(parts):
            share, n_units = int(edges[number + 1] - edges[number]), len(of_networks[0])
            chosen = np.arange(n_units)
            if n_units > share:
                chosen = np.sort(np.random.default_rng([seed, number]).choice(n_units, share, replace=False))
            for own, units in zip(kept, of_networks, strict=True):
                own.append(units.take(chosen))
            on_line(number + 1, n_parts)
        return [Units.concatenate(own) for own in kept]

    def _line_units(self, networks: Sequence[PreparedNetwork], layer: str, number: int) -> list[Units]:
        line, source = self.line(number), self._lines[number][0]
        return [Units.concatenate(list(section_units(one, layer, line, source, number))) for one in networks]

    def _cube_units(self, prepared: PreparedNetwork, layer: str) -> Iterator[Units]:
        prepared, image = cube_input(prepared, self.cube, self._present, self._mapping)
        info = self.network.layer(layer)
        for core, window in CubeBlocks(self.network, layer).of(self.cube.shape):
            block = self.network.preprocessing.clip(image[(..., *(slice(*span) for span in window))])
            with torch.no_grad():
                values = prepared.record(block, (layer,))[layer][0].float().cpu()
            grid = UnitGrid.of(info, tuple(values.shape[1:]), tuple(block.shape[2:]))
            # Where a cube is padded, the last units are centred behind its edge.
            centres = [
                np.clip(grid.centres(axis) + window[axis][0], 0, n - 1) for axis, n in enumerate(self.cube.shape)
            ]
            is_inside = [(one >= own[0]) & (one < own[1]) for one, own in zip(centres, core, strict=True)]
            wanted = is_inside[0][:, None, None] & is_inside[1][:, None] & is_inside[2]
            units = _units(values, centres, wanted & _is_present(centres, ~self._present))
            # Positions are line, sample and trace.
            yield Units(units.activations, units.positions[:, [1, 0, 2]])


def section_units(
    prepared: PreparedNetwork, layer: str, line: xr.DataArray, source: SectionSource, number: int = 0
) -> Iterator[Units]:
    """Yield the units of a layer over a section, tile by tile; those over absent samples are left out.

    Parameters
    ----------
    prepared : PreparedNetwork
        The network.
    layer : str
        The layer.
    line : DataArray
        The section.
    source : SectionSource
        That it is from.
    number : int, default 0
        Number of the line in the positions of the units.
    """
    absent = absent_samples(line)
    for _, recorded in ActivationRecorder(prepared, [layer]).record(line, source.mapping, source.around):
        units = recorded[layer]
        centres = [units.grid.centres(0), units.grid.centres(1)]
        found = _units(units.values, centres, _is_present(centres, absent))
        yield Units(found.activations, np.insert(found.positions, 0, number, axis=1))


def _units(values: torch.Tensor, centres: Sequence[NDArray], is_wanted: NDArray) -> Units:
    """Return some of the units of ``(channel, *space)`` activations, with their centres as positions."""
    positions = np.stack([one.ravel() for one in np.meshgrid(*centres, indexing="ij")], 1)
    activations = values.flatten(1).T.numpy()
    return Units(np.ascontiguousarray(activations[is_wanted.ravel()], np.float32), positions[is_wanted.ravel()])


def _is_present(centres: Sequence[NDArray], absent: NDArray) -> NDArray[np.bool_]:
    """Return which units have their centre nearest to a sample that is present, one axis for each of space."""
    nearest = [np.clip(np.rint(one), 0, n - 1).astype(int) for one, n in zip(centres, absent.shape, strict=True)]
    return ~absent[np.ix_(*nearest)]
