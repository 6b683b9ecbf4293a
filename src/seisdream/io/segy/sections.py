"""Open one section of a SEG-Y file as an array.

Headers are checked against the length of the file before they are used, and only the traces of the section are read.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.segy.formats import WORD_OF_FORMAT
from seisdream.io.segy.grid import Grid
from seisdream.io.segy.headers import Layout, read_header_words
from seisdream.io.segy.number_formats import DEFAULT_PAIR
from seisdream.io.segy.samples import read_samples
from seisdream.io.segy.survey import Survey, read_survey
from seisdream.seismic.sections import MOST_SAMPLES, check_finite
from seisdream.seismic.undefined import blank_undefined

SEGY_ENDINGS = (".sgy", ".segy", ".seg", ".su")
_PACKED = ".gz"

# Words of the trace header (first byte, from 1).
CDP, COORDINATE_SCALAR, CDP_X, CDP_Y = 21, 71, 181, 185
_N_CHECKED_AT_A_TIME = 65536


def is_segy_name(path: str | os.PathLike[str]) -> bool:
    """Return whether a file name ends like SEG-Y or Seismic Unix, compressed with gzip or not."""
    name = Path(path).name.lower().removesuffix(_PACKED)
    return Path(name).suffix in SEGY_ENDINGS


def open_segy(
    path: str | Path,
    *,
    inline: int | None = None,
    crossline: int | None = None,
    time_ms: float | None = None,
    nan: str = "error",
    **options: Any,
) -> xr.DataArray:
    """Open one section of a SEG-Y or Seismic Unix file.

    Parameters
    ----------
    path : str or Path
        The file.
    inline, crossline : int, optional
        Number of the line to open in a 3-D survey. Default: the middle inline, or the only line of the file.
    time_ms : float, optional
        Time of a time slice in ms (or depth in the units of the file), to within half a sample.
    nan : {"error", "absent"}, default "error"
        Refuse samples that are NaN or infinite, or treat them as absent (NaN).
    **options
        As for `read_survey`: ``inline_byte``, ``crossline_byte``, ``dt_ms``, ``endian``, ``encoding``,
        ``sample_format``, ``vertical``, ``undefined``.

    Returns
    -------
    DataArray
        float32 amplitudes ``(time, crossline)``, ``(time, inline)``, ``(inline, crossline)``, or for a 2-D line
        ``(time, trace)`` with traces counted from 1; ``depth`` instead of ``time`` with ``vertical="depth"``. Missing
        traces are NaN. Further coordinates are ``trace_index`` (position in the file from 0, −1 for a missing trace)
        and, if the file has them, ``cdp_x`` and ``cdp_y``, for a file with one line ``cdp``, and for a 2-D line
        ``inline`` and ``crossline``. The single inline or crossline that a file may hold opens as that of a volume.
        The attributes named ``segy_…`` are what `write_segy_like` needs, ``notes`` (JSON) what looks wrong in the file.

    Raises
    ------
    SeisdreamError
        If the file is damaged or pre-stack, has no usable sampling interval or no such section, or has samples that
        are not finite.
    """
    survey = read_survey(path, **options)
    survey.require_usable()
    selection = Selection.of(survey, inline, crossline, time_ms)
    if survey.grid is not None and survey.grid.is_sampled and not _is_as_inferred(survey, selection):
        survey = read_survey(path, **options, every_trace=True)
        survey.require_usable()
        selection = Selection.of(survey, inline, crossline, time_ms)
    return _with_numbers(read_selection(survey, selection, nan), survey, selection)


@dataclass(frozen=True)
class Selection:
    """The traces of a survey that make up one section, and the labels of its axes.

    Attributes
    ----------
    name : str
        Such as ``inline 120``; empty for a 2-D line.
    dims : (str, str)
        Names of the axes, vertical first.
    coords : dict
        Numbers along each axis.
    traces : int array
        Positions in the file: ``(trace,)``, or ``(inline, crossline)`` for a time slice; −1 for a missing trace.
    numbers : (int or array, int or array)
        Inline and crossline numbers of those traces, to be broadcast; None for a 2-D line.
    sample : int, optional
        The sample of a time slice.
    """

    name: str
    dims: tuple[str, str]
    coords: dict[str, Any]
    traces: np.ndarray
    numbers: tuple[Any, Any] = (None, None)
    sample: int | None = None

    @classmethod
    def of(cls, survey: Survey, inline: int | None, crossline: int | None, time_ms: float | None) -> Selection:
        """Select a section by number; if none is given, the middle inline, or all traces of a file with one line."""
        given = {"inline": inline, "crossline": crossline, "time_ms": time_ms}
        given = {name: number for name, number in given.items() if number is not None}
        if len(given) > 1:
            raise SeisdreamError(
                f"A section is one inline, crossline or time slice; got {' and '.join(f'`{name}`' for name in given)}.",
                code="incompatible",
                option=next(iter(given)),
            )
        grid = survey.grid
        if grid is None:
            if given:
                raise SeisdreamError(
                    f"{survey.path} is a 2-D line ({survey.confidence}): leave out `{next(iter(given))}` to open the "
                    "whole line, or give the header bytes of the line numbers of a 3-D survey (`inline_byte`, "
                    "`crossline_byte`).",
                    code="not-found",
                    option=next(iter(given)),
                )
            traces = np.arange(survey.n_traces)
            coords = {**_vertical(survey), "trace": traces + 1}
            return cls("", (survey.vertical, "trace"), coords, traces)
        if (single := grid.single_axis) != "":
            number = int((grid.inlines if single == "inline" else grid.crosslines)[0])
            if given not in ({}, {single: number}):
                raise SeisdreamError(
                    f"{survey.path} holds {single} {number} alone ({survey.confidence}); leave out "
                    f"`{next(iter(given))}` to open it.",
                    code="not-found",
                    option=next(iter(given)),
                )
            return cls.line(survey, single, 0)
        if time_ms is not None:
            coords = {"inline": grid.inlines, "crossline": grid.crosslines}
            sample = _find_sample(survey, time_ms)
            name = f"{survey.vertical} {survey.times_ms[sample]:g}"
            numbers = (grid.inlines[:, None], grid.crosslines)
            return cls(name, ("inline", "crossline"), coords, grid.traces(), numbers, sample)
        if crossline is not None:
            return cls.line(survey, "crossline", _find_line(survey, "crossline", crossline))
        return cls.line(
            survey, "inline", _find_line(survey, "inline", _middle_inline(grid) if inline is None else inline)
        )

    @classmethod
    def line(cls, survey: Survey, axis: str, position: int) -> Selection:
        """Select the inline or crossline at a position (not number) of the grid."""
        grid = survey.grid
        assert grid is not None
        if axis == "inline":
            number, numbers, across = grid.inlines[position], (grid.inlines[position], grid.crosslines), "crossline"
        else:
            number, numbers, across = grid.crosslines[position], (grid.inlines, grid.crosslines[position]), "inline"
        coords = {**_vertical(survey), across: grid.crosslines if axis == "inline" else grid.inlines}
        return cls(f"{axis} {number}", (survey.vertical, across), coords, grid.traces(**{axis: position}), numbers)


def _vertical(survey: Survey) -> dict[str, Any]:
    """Return the vertical coordinate; that of depth has its units."""
    if survey.vertical == "time":
        return {"time": survey.times_ms}
    return {"depth": ("depth", survey.times_ms, {"units": survey.units})}


def read_selection(survey: Survey, selection: Selection, nan: str = "error") -> xr.DataArray:
    """Read the samples of a selection as a labelled section.

    Parameters
    ----------
    survey : Survey
        As `read_survey` returned it.
    selection : Selection
        What to read.
    nan : {"error", "absent"}, default "error"
        As for `open_segy`.

    Returns
    -------
    DataArray
        As `open_segy` returns it, without the coordinates ``cdp_x``, ``cdp_y``, ``cdp``, ``inline`` and ``crossline``
        of its traces.
    """
    traces = selection.traces
    n_samples = traces.size * (1 if selection.sample is not None else survey.n_samples)
    if n_samples > MOST_SAMPLES:
        raise SeisdreamError(
            f"{selection.name} of {survey.path} has {n_samples:,} samples; at most {MOST_SAMPLES:,} can be opened at "
            "once.",
            code="too-large",
        )
    values = read_samples(survey.layout, traces.ravel(), selection.sample)
    values = values if selection.sample is None else values.reshape(traces.shape)
    # NaN in the file is checked before undefined samples become NaN.
    try:
        values = check_finite(values, survey.path, nan, is_present=traces >= 0)
    except SeisdreamError as error:
        doubt = next((one for one in survey.problems if one.option == "sample_format"), None)
        if doubt is None:
            raise
        raise SeisdreamError(f"{error} {doubt.what} {doubt.fix}", code=error.code, option=error.option) from error
    values = blank_undefined(values, survey.path, survey.undefined, survey.undefined_values)
    section = xr.DataArray(values, dims=selection.dims, coords=selection.coords)
    section = section.assign_coords(trace_index=(selection.dims[-traces.ndim :], traces))
    attrs = {
        "units": "amplitude",
        "source": str(survey.path),
        "format": "SEG-Y",
        "selection": selection.name,
        "segy_path": str(survey.path),
        "segy_kind": survey.kind,
        "segy_sample_format": _format_word(survey.layout),
        "segy_endian": survey.endian,
        "segy_encoding": survey.encoding,
        "segy_dt_ms": survey.dt_ms,
        "segy_inline_byte": survey.inline_byte,
        "segy_crossline_byte": survey.crossline_byte,
        "segy_sample": selection.sample,
        "segy_is_unix": 1 if survey.layout.is_seismic_unix else None,
        "segy_n_bytes": survey.layout.n_bytes,
        "segy_mtime_ns": survey.layout.mtime_ns,
        "notes": json.dumps(survey.notes, ensure_ascii=False) if survey.notes else None,
    }
    if survey.undefined == "present":
        attrs["undefined"] = "present"
    # NetCDF and Zarr have no None, so what does not apply is left out.
    return section.assign_attrs({name: value for name, value in attrs.items() if value is not None})


def _format_word(layout: Layout) -> str:
    """Return the format of the samples as `parse_sample_format` reads it."""
    order = f"-{layout.sample_endian}" if layout.sample_endian else ""
    return WORD_OF_FORMAT[layout.sample_format] + order


def _middle_inline(grid: Grid) -> int:
    """Return the number of the inline with traces that is nearest the middle."""
    middle = len(grid.inlines) // 2
    if grid.index is None:
        return int(grid.inlines[middle])
    live = np.flatnonzero((grid.index >= 0).any(axis=1))
    return int(grid.inlines[live[np.argmin(np.abs(live - middle))]])


def _find_line(survey: Survey, axis: str, number: int) -> int:
    """Return the position on the grid of an inline or crossline number that has traces."""
    grid = survey.grid
    assert grid is not None
    numbers = grid.inlines if axis == "inline" else grid.crosslines
    if grid.index is not None:
        has_traces = np.any(grid.index >= 0, axis=1 if axis == "inline" else 0)
    else:
        has_traces = np.ones(len(numbers), bool)
    position = int(np.searchsorted(numbers, number))
    if position < len(numbers) and numbers[position] == number and has_traces[position]:
        return position
    present = numbers[has_traces]
    nearest = sorted(present[np.argsort(np.abs(present - number), kind="stable")[:3]].tolist())
    step = f" in steps of {numbers[1] - numbers[0]}" if numbers[1] - numbers[0] != 1 else ""
    raise SeisdreamError(
        f"{survey.path} has no {axis} {number}: `{axis}` is {present[0]} to {present[-1]}{step}; the nearest are "
        f"{', '.join(map(str, nearest))}.",
        code="not-found",
        option=axis,
    )


def _find_sample(survey: Survey, time_ms: float) -> int:
    assert survey.dt_ms is not None
    times = survey.times_ms
    sample = (time_ms - survey.start_ms) / survey.dt_ms if math.isfinite(time_ms) else math.nan
    if not -0.5 <= sample <= survey.n_samples - 0.5:
        raise SeisdreamError(
            f"{survey.path} has no sample at {time_ms:g} ms: `time_ms` is {times[0]:g} to {times[-1]:g} ms "
            f"every {survey.dt_ms:g} ms.",
            code="not-found",
            option="time_ms",
        )
    return min(max(round(sample), 0), survey.n_samples - 1)


def _is_as_inferred(survey: Survey, selection: Selection) -> bool:
    """Return whether the headers of all traces of a section agree with a grid inferred from a sample of headers."""
    pair = (survey.inline_byte, survey.crossline_byte)
    assert pair[0] is not None
    assert pair[1] is not None
    traces = selection.traces.ravel()
    inlines, crosslines = (np.broadcast_to(numbers, selection.traces.shape).ravel() for numbers in selection.numbers)
    for start in range(0, traces.size, _N_CHECKED_AT_A_TIME):
        block = slice(start, start + _N_CHECKED_AT_A_TIME)
        words = read_header_words(survey.layout, (pair[0], pair[1]), traces[block])
        if (words[pair[0]] != inlines[block]).any() or (words[pair[1]] != crosslines[block]).any():
            return False
    return True


def _with_numbers(section: xr.DataArray, survey: Survey, selection: Selection) -> xr.DataArray:
    """Add the CDP coordinates of the traces, the CDPs of a single line, and the line numbers of a 2-D line."""
    layout, present = survey.layout, selection.traces >= 0
    numbers = {} if survey.is_volume or not present.all() else {"cdp": CDP}
    if survey.grid is None:
        numbers |= {"inline": DEFAULT_PAIR[0], "crossline": DEFAULT_PAIR[1]}
    words = read_header_words(layout, numbers.values(), selection.traces[present]) if numbers else {}
    dims = selection.dims[-selection.traces.ndim :]
    # A number that is the same in all traces is kept with the other one if that counts along the line.
    counts = [name for name, word in numbers.items() if _is_count(words[word])]
    if {"inline", "crossline"} & set(counts):
        counts = list(dict.fromkeys([*counts, "inline", "crossline"]))
    section = section.assign_coords({name: (dims, words[numbers[name]].astype(np.int64)) for name in counts})
    places = read_places(layout, selection.traces)
    if not are_places(places):
        return section
    return section.assign_coords({name: (dims, values) for name, values in places.items()})


def read_places(layout: Layout, traces: np.ndarray) -> dict[str, np.ndarray]:
    """Return the coordinates ``cdp_x`` and ``cdp_y`` of traces; see `are_places`.

    Parameters
    ----------
    layout : Layout
        Of the file.
    traces : int array
        Positions in the file, −1 for missing ones.

    Returns
    -------
    dict of float64 arrays
        In the shape of `traces`, NaN for missing ones.
    """
    present = traces >= 0
    words = read_header_words(layout, (COORDINATE_SCALAR, CDP_X, CDP_Y), traces[present])
    scalar = words[COORDINATE_SCALAR].astype(np.float64)
    # A negative scalar divides, a positive one multiplies, 0 means 1.
    factor = np.where(scalar < 0, 1.0 / np.minimum(scalar, -1.0) * -1.0, np.maximum(scalar, 1.0))
    places = {}
    for name, word in (("cdp_x", CDP_X), ("cdp_y", CDP_Y)):
        places[name] = np.full(traces.shape, np.nan)
        places[name][present] = words[word] * factor
    return places


def are_places(places: dict[str, np.ndarray]) -> bool:
    """Return whether numbers are coordinates: not zeros, or one number for all traces."""
    return any(np.unique(numbers[np.isfinite(numbers)]).size > 1 for numbers in places.values())


def _is_count(numbers: np.ndarray) -> bool:
    """Return whether numbers count traces: each larger, or each smaller, than the one before, without large gaps."""
    steps = np.diff(numbers.astype(np.int64))
    return bool(steps.size and ((steps > 0).all() or (steps < 0).all()) and np.abs(steps).max() < 1000)
