"""The headers, geometry and problems of a SEG-Y file."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.segy.formats import SAMPLE_FORMATS
from seisdream.io.segy.geometry import Geometry, infer_geometry
from seisdream.io.segy.grid import Grid
from seisdream.io.segy.headers import (
    N_TEXT_BYTES,
    Layout,
    Problem,
    find_encoding,
    read_header_words,
    read_text_header,
    reading,
)
from seisdream.io.segy.layout import read_layout
from seisdream.io.segy.number_formats import find_number_formats
from seisdream.io.segy.sample_check import check_samples, decode_block, read_sample_block
from seisdream.io.segy.samples import read_samples
from seisdream.seismic.intervals import doubt_interval
from seisdream.seismic.sections import MOST_SAMPLES, count_extreme, muted_samples
from seisdream.seismic.undefined import (
    blank_undefined,
    describe_undefined,
    find_undefined,
    is_undefined,
    parse_undefined,
)

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
        Code of the format of the samples; `sample_format_name` is its name.
    endian : {"big", "little"}
        Byte order.
    encoding : {"ebcdic", "ascii"}
        Encoding of the text header.
    text_header : tuple of 40 str
        Lines of the text header; empty for Seismic Unix, which has none.
    n_traces, n_samples : int
        Traces, and samples per trace.
    dt_ms : float or None
        Sampling interval in ms, or in `units` for depth; None if the file has none.
    start_ms : float
        Time of the first sample in ms (delay recording time), or its depth.
    vertical : {"time", "depth"}
        The vertical axis.
    units : {"ms", "m", "ft"}
        Its units.
    undefined : str, float or sequence of float, optional
        How undefined samples are treated, as for `seisdream.seismic.undefined.blank_undefined`.
    undefined_values : tuple of float
        Values of undefined samples that were found in some traces.
    kind : {"3-D", "3-D irregular", "single inline", "single crossline", "2-D line", "pre-stack"}
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
        The regular grid of a 3-D survey, or of a single line of one.
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
    vertical: str
    units: str
    undefined: Any
    undefined_values: tuple[float, ...]
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
        """Times of the samples in ms (or depths in `units`), float64 ``(time,)``."""
        return self.start_ms + np.arange(self.n_samples) * (self.dt_ms or math.nan)

    @property
    def is_volume(self) -> bool:
        """Whether the file has several inlines and several crosslines."""
        return self.grid is not None and not self.grid.single_axis

    @property
    def notes(self) -> list[str]:
        """What every command that opens the file reports."""
        return [f"{self.path}: {problem.what} {problem.fix}" for problem in self.problems if problem.is_noted]

    def require_usable(self) -> None:
        """Raise `SeisdreamError` if a problem prevents opening a section."""
        for problem in self.problems:
            if problem.is_fatal:
                raise SeisdreamError(
                    f"{self.path}: {problem.what} {problem.fix}", code=problem.code, option=problem.option
                )


def read_survey(
    path: str | Path,
    *,
    inline_byte: int | str | None = None,
    crossline_byte: int | str | None = None,
    dt_ms: float | None = None,
    endian: str | None = None,
    encoding: str | None = None,
    sample_format: str | int | None = None,
    vertical: str | None = None,
    undefined: Any = None,
    every_trace: bool = False,
) -> Survey:
    """Read the headers of a SEG-Y file, infer its geometry and list what looks wrong.

    Parameters
    ----------
    path : str or Path
        The file.
    inline_byte, crossline_byte : int, 1 to 237, or str, optional
        First bytes of inline and crossline number in the trace header. Default: 189 and 193 if they make a grid,
        otherwise other common positions. ``"189:int16"``, ``"189:float"`` and ``"189:ibm"`` also state the format of
        the numbers. Default: 4-byte integers, unless all of them are 2-byte integers or floats.
    dt_ms : float, optional
        Sampling interval in ms, if that of the file is missing or wrong; for depth in m or ft.
    endian : {"big", "little"}, optional
        Byte order. Default: detected from the binary header.
    encoding : {"ebcdic", "ascii"}, optional
        Encoding of the text header. Default: detected from its characters.
    sample_format : str or int, optional
        Format of the samples: ``ibm``, ``ieee``, ``int16`` and so on, or a code of the standard; ``ieee-little`` if
        samples and headers differ in byte order. Default: that of the binary header.
    vertical : {"time", "depth"}, default "time"
        The vertical axis. The interval of depth is in mm (or thousandths of ft) in the file.
    undefined : {"error", "auto", "present"}, float or sequence of float, default "error"
        How undefined samples are treated, as for `seisdream.seismic.undefined.blank_undefined`.
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
    if vertical not in (None, "time", "depth"):
        raise SeisdreamError(
            f"`vertical` is '{vertical}'; it must be time or depth.", code="unknown-name", option="vertical"
        )
    parse_undefined(undefined)
    plain = read_layout(path, endian, sample_format)
    text: list[str] = []
    if not plain.is_seismic_unix:
        text = read_text_header(path, encoding)
        with reading(plain.path), plain.file.open("rb") as file:
            encoding = encoding or find_encoding(file.read(N_TEXT_BYTES))
    layout, inline_byte, crossline_byte = find_number_formats(plain, inline_byte, crossline_byte)
    geometry = infer_geometry(layout, inline_byte, crossline_byte, every_trace)
    if len(layout.problems) > len(plain.problems) and geometry.grid is None:
        # Numbers that make no grid are not line numbers in another format either.
        layout = plain
        geometry = infer_geometry(layout, inline_byte, crossline_byte, every_trace)
    is_depth = vertical == "depth"
    dt_ms, start_ms, problems = _read_times(layout, dt_ms, is_depth)
    problems = (*layout.problems, *problems, *geometry.problems)
    block = read_sample_block(layout)
    if sample_format is None and (problem := check_samples(layout, block)) is not None:
        problems = (problem, *problems)
        values: tuple[float, ...] = ()
    else:
        samples = decode_block(layout, block)
        values = find_undefined(samples)
        if (problem := _doubt_undefined(samples, values, undefined)) is not None:
            problems += (problem,)
    if geometry.kind == "2-D line" and layout.n_traces * layout.n_samples > MOST_SAMPLES:
        problems += (_too_large(layout, geometry),)
    grid = geometry.grid
    return Survey(
        path=Path(path),
        sample_format=layout.sample_format,
        sample_format_name=SAMPLE_FORMATS[layout.sample_format][0],
        endian=layout.endian,
        encoding=encoding or "ascii",
        text_header=tuple(text),
        n_traces=layout.n_traces,
        n_samples=layout.n_samples,
        dt_ms=dt_ms,
        start_ms=start_ms,
        vertical="depth" if is_depth else "time",
        units=("ft" if layout.binary_word(3255) == 2 else "m") if is_depth else "ms",
        undefined=undefined,
        undefined_values=values,
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


def _doubt_undefined(samples: np.ndarray, values: tuple[float, ...], undefined: Any) -> Problem | None:
    """Return a problem if some samples are undefined and no option states how to treat them."""
    stated = parse_undefined(undefined)
    if not isinstance(stated, str):
        values = tuple(one for one in values if not is_undefined(np.asarray(stated), [one]).any())
    if not values or stated in ("auto", "present"):
        return None
    what = describe_undefined(values, int(is_undefined(samples, values).sum()), samples.size)
    fix = (
        "Make them absent (`undefined='auto'`, or the value itself), or use them as amplitudes (`undefined='present'`)."
    )
    return Problem(what, fix, is_fatal=True, code="not-finite", option="undefined")


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


def _read_times(
    layout: Layout, given_ms: float | None, is_depth: bool
) -> tuple[float | None, float, tuple[Problem, ...]]:
    """Return sampling interval and first time in ms (or depth), and the problems with them."""
    words = read_header_words(
        layout, (DELAY, SAMPLES, INTERVAL, TIME_SCALAR), _evenly_spaced(layout.n_traces, _N_SAMPLED_HEADERS)
    )
    problems: list[Problem] = []
    in_traces = Counter(int(dt) & 0xFFFF for dt in words[INTERVAL])
    in_traces.pop(0, None)
    in_binary = layout.binary_word(3217)
    if layout.revision == 2:
        # Revision 2 may store the interval as a double, which replaces the two-byte word and is more exact.
        extended = layout.binary_word(3273, "d")
        if math.isfinite(extended) and 0 < extended < 1e9:
            in_traces = Counter({dt: n for dt, n in in_traces.items() if abs(dt - extended) >= 1 and dt != in_binary})
            in_binary = extended
    found = {float(dt) for dt in (in_binary, *in_traces) if dt}
    dt_ms = given_ms
    if given_ms is None:
        if len(found) == 1:
            dt_ms = found.pop() / 1000.0
        elif not found:
            what = "The sampling interval is 0 in the binary header (bytes 3217–3218) and in all traces (117)."
            problems.append(Problem(what, "Give it in ms (`dt_ms`).", is_fatal=True, option="dt_ms"))
        else:
            listed = ", ".join(f"{dt / 1000:g} ms" for dt in sorted(found)[:4])
            what = f"Headers disagree about the sampling interval (bytes 3217–3218 and 117–118): {listed}"
            what += " and more." if len(found) > 4 else "."
            problems.append(Problem(what, "Give the right one in ms (`dt_ms`).", is_fatal=True, option="dt_ms"))
        if dt_ms is not None and (doubt := doubt_interval(dt_ms, is_depth=is_depth)) is not None:
            problems.append(Problem(*doubt, is_noted=True, option="dt_ms"))
    n_others = sum(n for n_samples, n in Counter((words[SAMPLES] & 0xFFFF).tolist()).items()
                   if n_samples not in (0, layout.n_samples, layout.n_samples & 0xFFFF, 0xFFFF))  # fmt: skip
    n_in_trace = Counter((words[SAMPLES] & 0xFFFF).tolist()).most_common(1)[0][0]
    other = replace(layout, n_samples=n_in_trace)
    if n_others and (n_in_trace == layout.n_samples or (layout.n_bytes - layout.start) % other.trace_bytes == 0):
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
    if layout.revision >= 1:
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
        samples (NaN without any), ``n_extreme`` samples (see `count_extreme`), ``n_dead`` traces (all zeros),
        ``n_muted`` samples (see `muted_samples`), ``n_nan``, ``n_inf`` and ``n_undefined`` samples, and
        the numbers of ``n_traces`` and ``n_samples`` that were measured.
    """
    layout = survey.layout
    most = max(1, min(max_traces, 2**24 // layout.n_samples))
    traces = _evenly_spaced(layout.n_traces, most)
    values = read_samples(layout, traces)
    n_nan = int(np.isnan(values).sum())
    stated = parse_undefined(survey.undefined)
    if stated != "present":
        # Undefined samples are not amplitudes, also where no option makes them absent.
        known = (*survey.undefined_values, *(() if isinstance(stated, str) else stated))
        values = blank_undefined(values, survey.path, "auto", known)
    finite = values[np.isfinite(values)].astype(np.float64)
    has_any = finite.size > 0
    return {
        "min": float(finite.min()) if has_any else math.nan,
        "max": float(finite.max()) if has_any else math.nan,
        "mean": float(finite.mean()) if has_any else math.nan,
        "rms": float(np.sqrt(np.mean(finite**2))) if has_any else math.nan,
        "p99": float(np.percentile(np.abs(finite), 99.0)) if has_any else math.nan,
        "n_extreme": count_extreme(finite),
        "n_dead": int((values == 0).all(axis=0).sum()),
        "n_muted": int(muted_samples(xr.DataArray(values, dims=("time", "trace"))).sum()),
        "n_nan": n_nan,
        "n_undefined": int(np.isnan(values).sum()) - n_nan,
        "n_inf": int(np.isinf(values).sum()),
        "n_traces": int(traces.size),
        "n_samples": int(values.size),
    }
