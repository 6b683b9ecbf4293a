"""The headers, geometry and problems of a SEG-Y file."""

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
    find_encoding,
    read_header_words,
    read_layout,
    read_text_header,
    reading,
)
from seisdream.io.segy.samples import read_samples
from seisdream.seismic.sections import MOST_SAMPLES, muted_samples

# Words of the trace header (first byte, from 1).
DELAY, SAMPLES, INTERVAL, TIME_SCALAR = 109, 115, 117, 215

_N_SAMPLED_HEADERS = 512


@dataclass(frozen=True)
class Survey:
    """The headers, geometry and problems of a SEG-Y file.

    Attributes
    ----------
    path : Path
        The file.
    sample_format : int
        Code of the sample format; `sample_format_name` is its name.
    endian : {"big", "little"}
        Byte order.
    encoding : {"ebcdic", "ascii"}
        Encoding of the text header.
    text_header : tuple of 40 str
        Lines of the text header.
    n_traces, n_samples : int
        Traces, and samples per trace.
    dt_ms : float or None
        Sampling interval in ms; None if the file has none.
    start_ms : float
        Time of the first sample in ms (delay recording time).
    kind : {"3-D", "3-D irregular", "2-D line", "pre-stack"}
        How the traces are arranged.
    inlines, crosslines : int64 arrays or None
        The regular numbering, ascending; None without a grid.
    inline_byte, crossline_byte : int or None
        Bytes of the trace header that hold inline and crossline numbers.
    confidence : str
        How certain the geometry is, and why, in words.
    n_missing : int
        Grid positions without a trace.
    problems : tuple of Problem
        What looks wrong; a fatal problem prevents opening a section.
    layout : Layout
        Where headers and samples lie in the file.
    grid : Grid or None
        The regular grid of a 3-D survey.
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

    def require_usable(self) -> None:
        """Raise `SeisdreamError` if a problem prevents opening a section."""
        for problem in self.problems:
            if problem.is_fatal:
                raise SeisdreamError(f"{self.path}: {problem.what} {problem.fix}", code=problem.code)


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
    """Read the headers of a SEG-Y file, infer its geometry and list what looks wrong.

    Parameters
    ----------
    path : str or Path
        The file.
    inline_byte, crossline_byte : int, 1 to 237, optional
        First bytes of inline and crossline number in the trace header. Default: 189 and 193 if they make a grid,
        otherwise other common positions.
    dt_ms : float, optional
        Sampling interval in ms, if that of the file is missing or wrong.
    endian : {"big", "little"}, optional
        Byte order. Default: detected from the binary header.
    encoding : {"ebcdic", "ascii"}, optional
        Encoding of the text header. Default: detected from its characters.
    every_trace : bool, default False
        Read every trace header even if there are more than a million traces, instead of a sample of them.

    Returns
    -------
    Survey
        Also for files that cannot be opened as a section, such as shot gathers; `Survey.problems` has the reason.

    Raises
    ------
    SeisdreamError
        If the file is not valid SEG-Y or an option is out of range.
    """
    if dt_ms is not None and not (math.isfinite(dt_ms) and dt_ms > 0):
        raise SeisdreamError(f"`dt_ms` is {dt_ms:g}; it must be above 0 ms.", code="out-of-range", option="dt_ms")
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
        f"No inline and crossline numbers were found, and one section of all {layout.n_traces} traces would "
        f"take {size:.1f} GiB ({geometry.confidence}).",
        "Give the header bytes of inline and crossline numbers (`inline_byte`, `crossline_byte`).",
        is_fatal=True,
        code="too-large",
    )


def _evenly_spaced(n: int, n_most: int) -> np.ndarray:
    """Return up to `n_most` of the numbers 0 to n − 1, evenly spaced and with both ends."""
    return np.unique(np.linspace(0, n - 1, min(n, n_most)).astype(np.int64))


def _read_times(layout: Layout, given_ms: float | None) -> tuple[float | None, float, tuple[Problem, ...]]:
    """Return sampling interval and first time in ms, and the problems with them."""
    words = read_header_words(
        layout, (DELAY, SAMPLES, INTERVAL, TIME_SCALAR), _evenly_spaced(layout.n_traces, _N_SAMPLED_HEADERS)
    )
    problems: list[Problem] = []
    in_traces = Counter(int(dt) & 0xFFFF for dt in words[INTERVAL])
    in_traces.pop(0, None)
    in_binary = layout.binary_word(3217)
    if not in_binary and layout.binary[300] == 2:
        # Revision 2 may store the interval as a double instead.
        extended = layout.binary_word(3273, "d")
        in_binary = extended if math.isfinite(extended) and 0 < extended < 1e9 else 0
    found = {float(dt) for dt in (in_binary, *in_traces) if dt}
    dt_ms = given_ms
    if given_ms is None:
        if len(found) == 1:
            dt_ms = found.pop() / 1000.0
        elif not found:
            what = "The sampling interval is 0 in the binary header (bytes 3217–3218) and in all traces (117)."
            problems.append(Problem(what, "Give it in ms (`dt_ms`).", is_fatal=True))
        else:
            listed = ", ".join(f"{dt / 1000:g} ms" for dt in sorted(found)[:4])
            what = f"Headers disagree about the sampling interval (bytes 3217–3218 and 117–118): {listed}"
            what += " and more." if len(found) > 4 else "."
            problems.append(Problem(what, "Give the right one in ms (`dt_ms`).", is_fatal=True))
    n_others = sum(n for n_samples, n in Counter((words[SAMPLES] & 0xFFFF).tolist()).items()
                   if n_samples not in (0, layout.n_samples))  # fmt: skip
    if n_others:
        what = (
            f"Trace headers (bytes 115–116) have another number of samples than the {layout.n_samples} of "
            "the binary header, which fits the length of the file and is used."
        )
        problems.append(Problem(what, "No action is needed unless the section looks sheared."))
    delays = Counter(words[DELAY].tolist())
    if len(delays) > 1:
        what = f"Traces start at different times (bytes 109–110): {min(delays)} to {max(delays)} ms."
        problems.append(Problem(what, "The most common one is used for all; shift the traces first if that matters."))
    scalar = Counter(words[TIME_SCALAR].tolist()).most_common(1)[0][0]
    factor = 1.0
    if layout.binary[300] >= 1 or layout.binary[301] >= 1:
        factor = {-10: 0.1, -100: 0.01, -1000: 0.001, -10000: 1e-4, 10: 10.0, 100: 100.0, 1000: 1000.0}.get(scalar, 1.0)
    return dt_ms, delays.most_common(1)[0][0] * factor, tuple(problems)


def survey_statistics(survey: Survey, max_traces: int = 2000) -> dict[str, float | int]:
    """Measure the amplitudes of a survey, on all traces or on evenly spaced ones.

    Parameters
    ----------
    survey : Survey
        As `read_survey` returns it.
    max_traces : int, default 2000
        Measure at most this many evenly spaced traces (fewer if traces are very long).

    Returns
    -------
    dict
        ``min``, ``max``, ``mean``, ``rms`` and ``p99`` (99th percentile of absolute amplitude) of the finite
        samples (NaN without any), ``n_dead`` traces (all zeros), ``n_muted`` samples (see `muted_samples`), ``n_nan``
        and ``n_inf`` samples, and the numbers of ``n_traces`` and ``n_samples`` that were measured.
    """
    layout = survey.layout
    most = max(1, min(max_traces, 2**24 // layout.n_samples))
    traces = _evenly_spaced(layout.n_traces, most)
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
