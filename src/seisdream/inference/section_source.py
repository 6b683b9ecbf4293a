"""Sections of a volume or a file, one at a time and through one grey mapping, so that no volume is in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.inference.surroundings import Surroundings
from seisdream.io.inputs import find_segy, open_section
from seisdream.io.segy import SegyVolume, read_survey
from seisdream.seismic.sections import VERTICAL_DIMS, GreyMapping, check_section, is_colour
from seisdream.seismic.volumes import Volume

_SELECTIONS = ("inline", "crossline", "time_ms")


@dataclass(frozen=True)
class SectionSource:
    """Sections that share one grey mapping: the inlines of a volume, or a single section.

    Attributes
    ----------
    names : tuple of str
        Of each section: ``inline 362``, or "" for a section that stands alone.
    inlines : tuple of int
        Numbers of the inlines; empty for a single section.
    positions : tuple of int
        Position of each section along the volume, in traces.
    mapping : GreyMapping
        From amplitudes to grey levels, for all sections.
    around : Surroundings or None
        All lines of the volume; None for a single section.
    """

    names: tuple[str, ...]
    inlines: tuple[int, ...]
    positions: tuple[int, ...]
    mapping: GreyMapping
    _open: Callable[[int], xr.DataArray]
    around: Surroundings | None = None

    def __len__(self) -> int:
        return len(self.names)

    def open(self, number: int) -> xr.DataArray:
        """Return a section ``(time, trace)`` by its number, counted from 0."""
        return self._open(number)


def is_volume(data: xr.DataArray) -> bool:
    """Return whether an array is a volume, with inlines and crosslines over time or depth."""
    return data.ndim == 3 and {"inline", "crossline"} <= set(map(str, data.dims))


def open_sections(
    data: str | os.PathLike[str] | xr.DataArray | Volume,
    *,
    every: int = 1,
    percentile: float = 99.0,
    **options: Any,
) -> SectionSource:
    """Return the inlines of a volume one by one, or a single section.

    Parameters
    ----------
    data : path, str, DataArray or Volume
        A file or a sample as for `seisdream.open_section`, an opened section or a volume.
    every : int, default 1
        Use every Nth inline of a volume.
    percentile : float, 50 to 100, default 99
        Clip amplitudes at this percentile of absolute amplitude.
    **options
        For files, as for `seisdream.open_section`; ``inline``, ``crossline`` or ``time_ms`` select a single section.

    Raises
    ------
    SeisdreamError
        If the data cannot be opened, or are in colour (``not-supported``).

    Examples
    --------
    >>> len(open_sections("sample:built-in"))
    1
    """
    if isinstance(data, Volume):
        return _of_volume(data, every, percentile)
    if isinstance(data, xr.DataArray):
        return _of_array(data, every, percentile) if is_volume(data) else _of_section(data, percentile)
    options = {name: value for name, value in options.items() if value is not None}
    path = find_segy(os.fspath(data))
    if path is not None and not any(name in options for name in _SELECTIONS) and _holds_volume(path, options):
        return _of_volume(SegyVolume(path, **options), every, percentile)
    return _of_section(open_section(os.fspath(data), **options), percentile)


def _of_section(section: xr.DataArray, percentile: float) -> SectionSource:
    check_section(section)
    if is_colour(section):
        raise SeisdreamError(
            f"{section.attrs.get('source', 'The image')} is in colour; use amplitudes or a grey image.",
            code="not-supported",
        )
    selection = str(section.attrs.get("selection", ""))
    name = selection if section.dims[-1] != "trace" else ""
    return SectionSource((name,), (), (0,), GreyMapping.of(section, percentile), lambda number: section)


def _holds_volume(path: str, options: dict[str, Any]) -> bool:
    layout = {name: value for name, value in options.items() if name not in ("nan", "muted", "key", "axes", "shape")}
    return read_survey(Path(path), **layout).is_volume


def _of_volume(volume: Volume, every: int, percentile: float) -> SectionSource:
    around = surroundings_of_volume(volume)
    inlines = tuple(int(number) for number in around.numbers[::every])
    positions = tuple(volume.inlines.index(inline) for inline in inlines)
    return _inlines(inlines, positions, volume.grey_mapping(percentile), volume.open, around)


def surroundings_of_volume(volume: Volume) -> Surroundings:
    """Return the inlines of a volume that have traces."""
    return Surroundings([inline for inline in volume.inlines if volume.has_traces(inline)], volume.open)


def _of_array(volume: xr.DataArray, every: int, percentile: float) -> SectionSource:
    vertical = next(str(dim) for dim in volume.dims if dim not in ("inline", "crossline"))
    if vertical not in VERTICAL_DIMS:
        raise SeisdreamError(
            f"The volume has dimensions {', '.join(map(str, volume.dims))}; expected inline, crossline and time or "
            "depth.",
            code="wrong-shape",
        )
    volume = volume.transpose(vertical, "inline", "crossline")
    volume = volume if "inline" in volume.coords else volume.assign_coords(inline=np.arange(volume.sizes["inline"]))
    has_samples = np.isfinite(volume.values).any(axis=(0, 2))
    every_position = np.flatnonzero(has_samples).tolist()
    if not every_position:
        raise SeisdreamError("The volume has no sample that is a number.", code="no-signal")
    by_number = {int(volume["inline"].values[index]): index for index in every_position}
    traces = xr.DataArray(volume.values.reshape(len(volume), -1), dims=(vertical, "trace"), attrs=volume.attrs)
    mapping = GreyMapping.of(traces, percentile)

    def open_inline(inline: int) -> xr.DataArray:
        section = volume.isel(inline=by_number[inline]).drop_vars("inline")
        return section.assign_attrs(selection=f"inline {inline}")

    inlines = tuple(by_number)[::every]
    positions = tuple(every_position[::every])
    return _inlines(inlines, positions, mapping, open_inline, Surroundings(list(by_number), open_inline))


def _inlines(
    inlines: tuple[int, ...],
    positions: tuple[int, ...],
    mapping: GreyMapping,
    open_inline: Callable[[int], xr.DataArray],
    around: Surroundings,
) -> SectionSource:
    names = tuple(f"inline {inline}" for inline in inlines)
    return SectionSource(names, inlines, positions, mapping, lambda number: open_inline(inlines[number]), around)
