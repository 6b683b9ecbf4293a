"""Open one section of a SEG-Y file as an array.

Headers are checked against the file's length before anything is believed, and only the traces of the chosen
section are read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.segy.grid import Grid
from seisdream.io.segy.headers import Layout, read_header_words
from seisdream.io.segy.samples import read_samples
from seisdream.io.segy.survey import Survey, read_survey
from seisdream.seismic.sections import MOST_SAMPLES, check_finite

SEGY_ENDINGS = (".sgy", ".segy", ".seg")

# Words of the trace header (first byte, from 1).
COORDINATE_SCALAR, CDP_X, CDP_Y = 71, 181, 185
_N_CHECKED_AT_A_TIME = 65536


def open_segy(
    path: str | Path,
    *,
    inline: int | None = None,
    crossline: int | None = None,
    time_ms: float | None = None,
    nan: str = "error",
    inline_byte: int | None = None,
    crossline_byte: int | None = None,
    dt_ms: float | None = None,
    endian: str | None = None,
    encoding: str | None = None,
) -> xr.DataArray:
    """Open one section of a SEG-Y file.

    Parameters
    ----------
    path : str or Path
    inline, crossline : int, optional
        Number of the line to open, of a 3-D survey; by default the middle inline.
    time_ms : float, optional
        Time of a time slice in ms, to within half a sample.
    nan : {"error", "absent"}, default "error"
        What to do with samples that are NaN or infinite: refuse, or mark them as absent.
    inline_byte, crossline_byte, dt_ms, endian, encoding
        As for `read_survey`.

    Returns
    -------
    DataArray
        float32 amplitudes ``(time, crossline)``, ``(time, inline)``, ``(inline, crossline)`` or, of a 2-D
        line, ``(time, trace)`` with traces counted from 1. Absent traces are NaN. Beside the dimensions there
        are ``trace_index`` (position in the file from 0, −1 where absent) and, where the file has them,
        ``cdp_x`` and ``cdp_y``. Attributes named ``segy_…`` say what `write_segy_like` needs to know.

    Raises
    ------
    SeisdreamError
        If the file is not sound, is pre-stack, says nothing usable about its sampling interval, or has no
        such section, or if samples are not finite.
    """
    overrides: dict[str, Any] = {
        "inline_byte": inline_byte,
        "crossline_byte": crossline_byte,
        "dt_ms": dt_ms,
        "endian": endian,
        "encoding": encoding,
    }
    survey = _usable(read_survey(path, **overrides))
    wanted = _Selection.of(survey, inline, crossline, time_ms)
    if survey.grid is not None and survey.grid.is_sampled and not _lies_as_inferred(survey, wanted):
        survey = _usable(read_survey(path, **overrides, every_trace=True))
        wanted = _Selection.of(survey, inline, crossline, time_ms)
    values = check_finite(_read_values(survey.layout, wanted), path, nan, is_present=wanted.traces >= 0)
    section = xr.DataArray(values, dims=wanted.dims, coords=wanted.coords)
    section = section.assign_coords(trace_index=(wanted.dims[-wanted.traces.ndim :], wanted.traces))
    section = _with_coordinates(section, survey.layout, wanted)
    attrs = {
        "units": "amplitude",
        "source": str(path),
        "format": "SEG-Y",
        "selection": wanted.name,
        "segy_path": str(path),
        "segy_kind": survey.kind,
        "segy_sample_format": survey.sample_format,
        "segy_endian": survey.endian,
        "segy_encoding": survey.encoding,
        "segy_dt_ms": survey.dt_ms,
        "segy_inline_byte": survey.inline_byte,
        "segy_crossline_byte": survey.crossline_byte,
        "segy_sample": wanted.sample,
        "segy_n_bytes": survey.layout.n_bytes,
        "segy_mtime_ns": survey.layout.mtime_ns,
    }
    # NetCDF and Zarr know no None: what does not apply is left out.
    return section.assign_attrs({name: value for name, value in attrs.items() if value is not None})


def _usable(survey: Survey) -> Survey:
    """Return a survey that has no fatal problem, or say what it is."""
    for problem in survey.problems:
        if problem.is_fatal:
            raise SeisdreamError(f"{survey.path}: {problem.what} {problem.mend}")
    return survey


@dataclass(frozen=True)
class _Selection:
    """Which traces of a survey make the section, and how its axes are labelled."""

    name: str
    dims: tuple[str, str]
    coords: dict[str, np.ndarray]
    traces: np.ndarray  # positions in the file, (horizontal,) or (inline, crossline)
    numbers: tuple[Any, Any] = (None, None)  # inline and crossline of those traces, to be broadcast
    sample: int | None = None  # of a time slice

    @classmethod
    def of(cls, survey: Survey, inline: int | None, crossline: int | None, time_ms: float | None) -> _Selection:
        asked = {"--inline": inline, "--crossline": crossline, "--time": time_ms}
        asked = {option: number for option, number in asked.items() if number is not None}
        if len(asked) > 1:
            raise SeisdreamError(f"A section is one of inline, crossline and time; got {' and '.join(asked)}.")
        grid = survey.grid
        if grid is None:
            if asked:
                raise SeisdreamError(
                    f"{survey.path} is a 2-D line ({survey.confidence}): leave out {next(iter(asked))} to "
                    "open the whole line, or name the bytes that number a 3-D survey (--inline-byte, "
                    "--crossline-byte)."
                )
            traces = np.arange(survey.n_traces)
            return cls("whole line", ("time", "trace"), {"time": survey.times_ms, "trace": traces + 1}, traces)
        if time_ms is not None:
            coords = {"inline": grid.inlines, "crossline": grid.crosslines}
            sample = _find_sample(survey, time_ms)
            name = f"time {survey.times_ms[sample]:g}"
            numbers = (grid.inlines[:, None], grid.crosslines)
            return cls(name, ("inline", "crossline"), coords, grid.traces(), numbers, sample)
        if crossline is not None:
            place = _find_line(survey, "crossline", crossline)
            coords = {"time": survey.times_ms, "inline": grid.inlines}
            numbers = (grid.inlines, crossline)
            return cls(f"crossline {crossline}", ("time", "inline"), coords, grid.traces(crossline=place), numbers)
        if inline is None:
            inline = _middle_inline(grid)
        place = _find_line(survey, "inline", inline)
        coords = {"time": survey.times_ms, "crossline": grid.crosslines}
        numbers = (inline, grid.crosslines)
        return cls(f"inline {inline}", ("time", "crossline"), coords, grid.traces(inline=place), numbers)


def _middle_inline(grid: Grid) -> int:
    """Return the number of the inline nearest the middle that has traces."""
    middle = len(grid.inlines) // 2
    if grid.index is None:
        return int(grid.inlines[middle])
    full = np.flatnonzero((grid.index >= 0).any(axis=1))
    return int(grid.inlines[full[np.argmin(np.abs(full - middle))]])


def _find_line(survey: Survey, axis: str, number: int) -> int:
    """Return the place on the grid of an inline or crossline number that has traces."""
    grid = survey.grid
    assert grid is not None
    numbers = grid.inlines if axis == "inline" else grid.crosslines
    if grid.index is not None:
        has_traces = np.any(grid.index >= 0, axis=1 if axis == "inline" else 0)
    else:
        has_traces = np.ones(len(numbers), bool)
    place = int(np.searchsorted(numbers, number))
    if place < len(numbers) and numbers[place] == number and has_traces[place]:
        return place
    present = numbers[has_traces]
    nearest = sorted(present[np.argsort(np.abs(present - number), kind="stable")[:3]].tolist())
    step = f" in steps of {numbers[1] - numbers[0]}" if numbers[1] - numbers[0] != 1 else ""
    raise SeisdreamError(
        f"{survey.path} has no {axis} {number}: its {axis}s are {present[0]} to {present[-1]}{step}, the "
        f"nearest {', '.join(map(str, nearest))} (--{axis})."
    )


def _find_sample(survey: Survey, time_ms: float) -> int:
    assert survey.dt_ms is not None
    times = survey.times_ms
    sample = (time_ms - survey.start_ms) / survey.dt_ms if math.isfinite(time_ms) else math.nan
    if not -0.5 <= sample <= survey.n_samples - 0.5:
        raise SeisdreamError(
            f"{survey.path} has no sample at {time_ms:g} ms: its times are {times[0]:g} to {times[-1]:g} ms "
            f"every {survey.dt_ms:g} ms (--time)."
        )
    return min(max(round(sample), 0), survey.n_samples - 1)


def _lies_as_inferred(survey: Survey, wanted: _Selection) -> bool:
    """Return whether the headers of every trace of a section say what the sampled grid says."""
    pair = (survey.inline_byte, survey.crossline_byte)
    assert pair[0] is not None
    assert pair[1] is not None
    traces = wanted.traces.ravel()
    inlines, crosslines = (np.broadcast_to(numbers, wanted.traces.shape).ravel() for numbers in wanted.numbers)
    for start in range(0, traces.size, _N_CHECKED_AT_A_TIME):
        block = slice(start, start + _N_CHECKED_AT_A_TIME)
        words = read_header_words(survey.layout, (pair[0], pair[1]), traces[block])
        if (words[pair[0]] != inlines[block]).any() or (words[pair[1]] != crosslines[block]).any():
            return False
    return True


def _read_values(layout: Layout, wanted: _Selection) -> np.ndarray:
    """Read a section's samples as float32, NaN where no trace is."""
    traces = wanted.traces
    n_most = traces.size * (1 if wanted.sample is not None else layout.n_samples)
    if n_most > MOST_SAMPLES:
        raise SeisdreamError(f"The section has {n_most} samples, more than the {MOST_SAMPLES} that are opened at once.")
    values = read_samples(layout, traces.ravel(), wanted.sample)
    return values if wanted.sample is None else values.reshape(traces.shape)


def _with_coordinates(section: xr.DataArray, layout: Layout, wanted: _Selection) -> xr.DataArray:
    """Add the traces' coordinates where the file has any."""
    present = wanted.traces >= 0
    words = read_header_words(layout, (COORDINATE_SCALAR, CDP_X, CDP_Y), wanted.traces[present])
    if all(np.unique(words[word]).size < 2 for word in (CDP_X, CDP_Y)):
        # Zeros, or one number for all: whatever these bytes hold, it is not where the traces are.
        return section
    scalar = words[COORDINATE_SCALAR].astype(np.float64)
    # Negative divides, positive multiplies, 0 means 1.
    factor = np.where(scalar < 0, 1.0 / np.minimum(scalar, -1.0) * -1.0, np.maximum(scalar, 1.0))
    for name, word in (("cdp_x", CDP_X), ("cdp_y", CDP_Y)):
        numbers = np.full(wanted.traces.shape, np.nan)
        numbers[present] = words[word] * factor
        section = section.assign_coords({name: (wanted.dims[-wanted.traces.ndim :], numbers)})
    return section
