"""What a SEG-Y file says about itself, and what is wrong with it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.segy.geometry import Geometry, Problem, infer_geometry
from seisdream.io.segy.grid import Grid
from seisdream.io.segy.headers import (
    N_TEXT_BYTES,
    SAMPLE_FORMATS,
    Layout,
    read_header_words,
    read_layout,
    reading,
)
from seisdream.io.segy.samples import read_samples
from seisdream.io.segy.text import find_encoding, read_text_header
from seisdream.seismic.sections import MOST_SAMPLES, muted_samples

# Words of the trace header (first byte, from 1).
DELAY, SAMPLES, INTERVAL, TIME_SCALAR = 109, 115, 117, 215

_N_SAMPLED_HEADERS = 512


@dataclass(frozen=True)
class Survey:
    """What a SEG-Y file says about itself, and what is wrong with that.

    Attributes
    ----------
    path : Path
    sample_format : int
        Code of the sample format; `sample_format_name` says it in words.
    endian : {"big", "little"}
    encoding : {"ebcdic", "ascii"}
    text_header : tuple of 40 str
    n_traces, n_samples : int
    dt_ms : float or None
        Sampling interval in ms; None where the file does not say.
    start_ms : float
        Time of the first sample in ms (delay recording time).
    kind : {"3-D", "3-D irregular", "2-D line", "pre-stack"}
    inlines, crosslines : int64 arrays or None
        The regular numbering, ascending; None without a grid.
    inline_byte, crossline_byte : int or None
        Bytes of the trace header that number the grid.
    confidence : str
        How sure the byte locations are, in a sentence.
    n_missing : int
        Places of the grid without a trace.
    problems : tuple of Problem
        What looks wrong; the fatal ones stop `open_segy`.
    layout : Layout
    grid : Grid or None
    """

    path: Path
    sample_format: int
    sample_format_name: str
    endian: str
    encoding: str
    text_header: tuple[str, ...]
    n_traces: int
    n_samples: int
    dt_ms: float | None
    start_ms: float
    kind: str
    inlines: np.ndarray | None
    crosslines: np.ndarray | None
    inline_byte: int | None
    crossline_byte: int | None
    confidence: str
    n_missing: int
    problems: tuple[Problem, ...]
    layout: Layout = field(repr=False)
    grid: Grid | None = field(repr=False)

    @property
    def times_ms(self) -> np.ndarray:
        """Times of the samples in ms, float64 ``(time,)``."""
        return self.start_ms + np.arange(self.n_samples) * (self.dt_ms or math.nan)


def read_survey(
    path: str | Path,
    *,
    inline_byte: int | None = None,
    crossline_byte: int | None = None,
    dt_ms: float | None = None,
    endian: str | None = None,
    encoding: str | None = None,
    every_trace: bool = False,
) -> Survey:
    """Read what a SEG-Y file holds: its headers, its geometry and what looks wrong with them.

    Parameters
    ----------
    path : str or Path
    inline_byte, crossline_byte : int, 1 to 237, optional
        First bytes of inline and crossline number in the trace header; by default 189 and 193 where they make
        a grid, else other well-known places.
    dt_ms : float, optional
        Sampling interval in ms, where the file's own is missing or wrong.
    endian : {"big", "little"}, optional
        Byte order, by default told from the binary header.
    encoding : {"ebcdic", "ascii"}, optional
        Of the text header, by default told from its characters.
    every_trace : bool, default False
        Read every trace header also of a survey with more than a million traces, where otherwise a spread
        must do.

    Returns
    -------
    Survey
        Also of a file that cannot be opened as a section, such as shot gathers; `Survey.problems` says why.

    Raises
    ------
    SeisdreamError
        If the file is not sound SEG-Y or an option is out of range.
    """
    if dt_ms is not None and not (math.isfinite(dt_ms) and dt_ms > 0):
        raise SeisdreamError(f"The sampling interval (--dt-ms) is a number of ms above 0; got {dt_ms:g}.")
    layout = read_layout(path, endian)
    text = read_text_header(path, encoding)
    with reading(layout.path), layout.path.open("rb") as file:
        encoding = encoding or find_encoding(file.read(N_TEXT_BYTES))
    dt_ms, start_ms, problems = _read_times(layout, dt_ms)
    geometry = infer_geometry(layout, inline_byte, crossline_byte, every_trace)
    problems += geometry.problems
    if geometry.kind == "2-D line" and layout.n_traces * layout.n_samples > MOST_SAMPLES:
        problems += (_too_large(layout, geometry),)
    grid = geometry.grid
    return Survey(
        path=Path(path),
        sample_format=layout.sample_format,
        sample_format_name=SAMPLE_FORMATS[layout.sample_format][0],
        endian=layout.endian,
        encoding=encoding,
        text_header=tuple(text),
        n_traces=layout.n_traces,
        n_samples=layout.n_samples,
        dt_ms=dt_ms,
        start_ms=start_ms,
        kind=geometry.kind,
        inlines=grid.inlines if grid else None,
        crosslines=grid.crosslines if grid else None,
        inline_byte=geometry.inline_byte,
        crossline_byte=geometry.crossline_byte,
        confidence=geometry.confidence,
        n_missing=geometry.n_missing,
        problems=problems,
        layout=layout,
        grid=grid,
    )


def _too_large(layout: Layout, geometry: Geometry) -> Problem:
    size = layout.n_traces * layout.n_samples * 4 / 2**30
    return Problem(
        f"No inline and crossline numbers were found, and all {layout.n_traces} traces as one section would "
        f"take {size:.1f} GiB ({geometry.confidence}).",
        "Name the bytes that number the survey (--inline-byte, --crossline-byte).",
        is_fatal=True,
    )


def _spread(n: int, n_most: int) -> np.ndarray:
    """Return up to `n_most` of the numbers 0 to n − 1, evenly spread and with both ends."""
    return np.unique(np.linspace(0, n - 1, min(n, n_most)).astype(np.int64))


def _read_times(layout: Layout, asked_ms: float | None) -> tuple[float | None, float, tuple[Problem, ...]]:
    """Return sampling interval and first time in ms, and what is wrong with them."""
    words = read_header_words(
        layout, (DELAY, SAMPLES, INTERVAL, TIME_SCALAR), _spread(layout.n_traces, _N_SAMPLED_HEADERS)
    )
    problems: list[Problem] = []
    in_traces = Counter(int(dt) & 0xFFFF for dt in words[INTERVAL])
    in_traces.pop(0, None)
    in_binary = layout.binary_word(3217)
    if not in_binary and layout.binary[300] == 2:
        # Revision 2 may keep the interval as a double instead.
        extended = layout.binary_word(3273, "d")
        in_binary = extended if math.isfinite(extended) and 0 < extended < 1e9 else 0
    found = {float(dt) for dt in (in_binary, *in_traces) if dt}
    dt_ms = asked_ms
    if asked_ms is None:
        if len(found) == 1:
            dt_ms = found.pop() / 1000.0
        elif not found:
            what = "The sampling interval is 0 in the binary header (bytes 3217–3218) and in all traces (117)."
            problems.append(Problem(what, "Give it in ms: --dt-ms.", is_fatal=True))
        else:
            listed = ", ".join(f"{dt / 1000:g} ms" for dt in sorted(found)[:4])
            what = f"Headers disagree about the sampling interval (bytes 3217–3218 and 117–118): {listed}"
            what += " and more." if len(found) > 4 else "."
            problems.append(Problem(what, "Say which is right: --dt-ms.", is_fatal=True))
    n_others = sum(n for n_samples, n in Counter((words[SAMPLES] & 0xFFFF).tolist()).items()
                   if n_samples not in (0, layout.n_samples))  # fmt: skip
    if n_others:
        what = (
            f"Trace headers (bytes 115–116) name another number of samples than the {layout.n_samples} of "
            "the binary header, which fits the file's length and is used."
        )
        problems.append(Problem(what, "Nothing to mend unless the section looks sheared."))
    delays = Counter(words[DELAY].tolist())
    if len(delays) > 1:
        what = f"Traces start at different times (bytes 109–110): {min(delays)} to {max(delays)} ms."
        problems.append(Problem(what, "The commonest is used for all; shift the traces first if that matters."))
    scalar = Counter(words[TIME_SCALAR].tolist()).most_common(1)[0][0]
    factor = 1.0
    if layout.binary[300] >= 1 or layout.binary[301] >= 1:
        factor = {-10: 0.1, -100: 0.01, -1000: 0.001, -10000: 1e-4, 10: 10.0, 100: 100.0, 1000: 1000.0}.get(scalar, 1.0)
    return dt_ms, delays.most_common(1)[0][0] * factor, tuple(problems)


def survey_statistics(path: str | Path, survey: Survey, max_traces: int = 2000) -> dict[str, float | int]:
    """Measure the amplitudes of a survey, on all traces or on a spread of them.

    Parameters
    ----------
    path : str or Path
    survey : Survey
        As `read_survey` returns it.
    max_traces : int, default 2000
        Above this many traces, as many evenly spread ones are measured (fewer where traces are very long).

    Returns
    -------
    dict
        ``min``, ``max``, ``mean``, ``rms`` and ``p99`` (99th percentile of the magnitude) of the finite
        samples (NaN where there are none), ``n_dead`` traces (nothing but zeros), ``n_muted`` samples (as
        `muted_samples` finds them), ``n_nan`` and ``n_inf`` samples, and over how many ``n_traces`` and
        ``n_samples`` all that is.
    """
    layout = survey.layout
    most = max(1, min(max_traces, 2**24 // layout.n_samples))
    traces = _spread(layout.n_traces, most)
    values = read_samples(layout, traces)
    finite = values[np.isfinite(values)].astype(np.float64)
    has_any = finite.size > 0
    return {
        "min": float(finite.min()) if has_any else math.nan,
        "max": float(finite.max()) if has_any else math.nan,
        "mean": float(finite.mean()) if has_any else math.nan,
        "rms": float(np.sqrt(np.mean(finite**2))) if has_any else math.nan,
        "p99": float(np.percentile(np.abs(finite), 99.0)) if has_any else math.nan,
        "n_dead": int((~values.any(axis=0)).sum()),
        "n_muted": int(muted_samples(xr.DataArray(values, dims=("time", "trace"))).sum()),
        "n_nan": int(np.isnan(values).sum()),
        "n_inf": int(np.isinf(values).sum()),
        "n_traces": int(traces.size),
        "n_samples": int(values.size),
    }
