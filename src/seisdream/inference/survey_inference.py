"""What layers say along the lines of a survey, one line after another, so that no volume is ever in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.inference.tensors import to_image_tensor
from seisdream.inference.tiling import AUTO_TILE_SIZE, AUTO_TILE_THRESHOLD, Halo, Size, Tile, plan_tiles, receptive_halo
from seisdream.io.inputs import find_segy, open_section
from seisdream.io.segy import SegyVolume, read_survey
from seisdream.models.layers import LayerInfo
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import GreyMapping, check_section, fill_absent, is_colour

_PICKING = ("inline", "crossline", "time_ms")


@dataclass(frozen=True)
class SectionSource:
    """The lines of a survey, all seen through one grey mapping.

    Attributes
    ----------
    names : tuple of str
        Of each line: ``inline 362``, or "" of a section that stands alone.
    mapping : GreyMapping
        From amplitudes to grey levels, for all lines.
    numbers : tuple of int
        How far apart lines are, in traces: the places of the inlines on the survey's grid.
    """

    names: tuple[str, ...]
    mapping: GreyMapping
    numbers: tuple[int, ...]
    _open: Callable[[int], xr.DataArray]

    def __len__(self) -> int:
        return len(self.names)

    def open(self, line: int) -> xr.DataArray:
        """Return a line ``(time, trace)``, by its place from 0."""
        return self._open(line)


def open_lines(
    source: str | os.PathLike[str], *, every: int = 1, percentile: float = 99.0, **options: Any
) -> SectionSource:
    """Open a SEG-Y volume inline by inline, or anything else as the one section that it is opened as.

    Parameters
    ----------
    source : path or str
        As for `open_section`.
    every : int, default 1
        Take each so-manieth inline of a volume.
    percentile : float, 50 to 100, default 99
        Of absolute amplitude, for the grey mapping.
    **options
        As for `open_section`; with ``inline``, ``crossline`` or ``time_ms`` that section alone.

    Raises
    ------
    SeisdreamError
        If it cannot be opened, or holds nothing to look at.

    Examples
    --------
    >>> len(open_lines("sample:built-in"))
    1
    """
    if every < 1:
        raise SeisdreamError(f"--every is {every}; take every inline (1), every second (2) and so on.")
    name = os.fspath(source)
    path = None if any(options.get(word) is not None for word in _PICKING) else find_segy(name)
    if path is not None and _is_volume(path, options):
        return _lines_of(SegyVolume(path, **{word: value for word, value in options.items() if value is not None}),
                         every, percentile)  # fmt: skip
    section = open_section(name, **options)
    check_section(section)
    if is_colour(section):
        raise SeisdreamError(f"{name} is in colour; the atlas measures networks on amplitudes or grey pictures.")
    selection = str(section.attrs.get("selection", ""))
    mapping = GreyMapping.of(section, percentile)
    return SectionSource((selection if section.dims[-1] != "trace" else "",), mapping, (0,), lambda line: section)


def _is_volume(path: str, options: dict[str, Any]) -> bool:
    how = {word: value for word, value in options.items() if value is not None and word not in ("nan", "key")}
    return read_survey(Path(path), **how).grid is not None


def _lines_of(volume: SegyVolume, every: int, percentile: float) -> SectionSource:
    places = [place for place, inline in enumerate(volume.inlines) if volume.has_traces(inline)][::every]
    inlines = [volume.inlines[place] for place in places]
    mapping = volume.grey_mapping(percentile)
    return SectionSource(
        tuple(f"inline {inline}" for inline in inlines), mapping, tuple(places), lambda line: volume.open(inlines[line])
    )


@dataclass(frozen=True)
class UnitGrid:
    """What the units of a layer over a part of a line say.

    Attributes
    ----------
    values : Tensor
        float32 ``(channel, row, column)``, on the CPU.
    rows, columns : array
        Where the units' centres lie, in samples and traces of the line.
    """

    values: torch.Tensor
    rows: np.ndarray
    columns: np.ndarray

    def first(self, n_channels: int) -> UnitGrid:
        """Return the first so many channels alone."""
        return UnitGrid(self.values[:n_channels], self.rows, self.columns)

    def at(self, rows: np.ndarray, columns: np.ndarray) -> torch.Tensor:
        """Return what the units nearest to places say, ``(channel, place)``."""
        return self.values[:, _nearest(self.rows, rows), _nearest(self.columns, columns)]


def _nearest(centres: np.ndarray, places: np.ndarray) -> np.ndarray:
    after = np.searchsorted(centres, places).clip(1, max(1, len(centres) - 1))
    before = after - 1
    after = np.minimum(after, len(centres) - 1)
    return np.where(np.abs(centres[after] - places) < np.abs(centres[before] - places), after, before)


class ActivationRecorder:
    """Looks at lines, in tiles where they are long, and says what the units of layers say.

    Parameters
    ----------
    prepared : PreparedNetwork
        What looks.
    layers : sequence of str
        Layers whose units have positions.
    """

    def __init__(self, prepared: PreparedNetwork, layers: Sequence[str]):
        self.prepared, self.layers = prepared, tuple(layers)
        self._infos = {layer: prepared.network.layer(layer) for layer in layers}
        self._reach: Halo | None = None
        with suppress(SeisdreamError):  # A unit that sees the whole needs the whole.
            self._reach = receptive_halo(prepared.network, self.layers)

    def look(self, line: xr.DataArray, mapping: GreyMapping) -> Iterator[tuple[Tile, dict[str, UnitGrid]]]:
        """Yield the parts of a line, and by layer the units whose centres lie there: each unit once.

        Parameters
        ----------
        line : DataArray
            ``(time, trace)``.
        mapping : GreyMapping
            To grey levels.
        """
        values, _ = fill_absent(line)
        size = (values.shape[0], values.shape[1])
        picture = to_image_tensor(mapping.to_grey(values))
        for tile in self._tiles(size):
            window = picture[..., slice(*tile.window_rows), slice(*tile.window_columns)]
            with torch.no_grad():
                said = self.prepared.record(window, self.layers)
            yield tile, {layer: self._core(said[layer][0], self._infos[layer], tile, size) for layer in self.layers}

    def _tiles(self, size: Size) -> list[Tile]:
        whole = ((0, size[0]), (0, size[1]))
        if size[0] * size[1] <= AUTO_TILE_THRESHOLD or self._reach is None:
            return [Tile(*whole, *whole)]
        return plan_tiles(size, AUTO_TILE_SIZE, self._reach)

    def _core(self, said: torch.Tensor, info: LayerInfo, tile: Tile, size: Size) -> UnitGrid:
        places, kept = [], []
        spans = ((tile.core_rows, tile.window_rows), (tile.core_columns, tile.window_columns))
        for axis, (core, window) in enumerate(spans):
            n_units = said.shape[1 + axis]
            centres = centres_of(info, axis, n_units, window[1] - window[0]) + window[0]
            # A pool that is rounded up puts a last unit over the edge; it belongs to the last tile.
            is_last = core[1] == size[axis]
            inside = np.flatnonzero((centres >= core[0]) & ((centres < core[1]) | is_last))
            if not core[0]:
                inside = np.arange(inside[-1] + 1 if len(inside) else 0)
            kept.append(slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0))
            places.append(centres[kept[-1]])
        return UnitGrid(said[:, kept[0], kept[1]].float().cpu(), places[0], places[1])


def centres_of(info: LayerInfo, axis: int, n_units: int, n_samples: int) -> np.ndarray:
    """Return where the centres of a layer's units lie along an axis of a picture of so many samples."""
    if info.stride is None or info.start is None:
        return (np.arange(n_units) + 0.5) * n_samples / n_units - 0.5
    return info.start[axis] + info.stride[axis] * np.arange(n_units)
