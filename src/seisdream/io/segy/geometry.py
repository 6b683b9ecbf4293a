"""The geometry of a SEG-Y file: which header bytes hold inline and crossline numbers, and the grid of its traces.

The positions of the standard are not trusted: a pair of header words is used as inline and crossline only if its
numbers make a plausible grid of the traces in the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from seisdream.io.segy.grid import Grid, sample_grid
from seisdream.io.segy.headers import Layout, Problem, read_header_words
from seisdream.io.segy.number_formats import DEFAULT_PAIR, check_pair, varies

# Where programs that ignored or preceded revision 1 put inline and crossline numbers.
FALLBACK_PAIRS = ((9, 21), (5, 21), (17, 13), (221, 225), (213, 217), (181, 185))
FIELD_RECORD, CHANNEL, CDP, OFFSET = 9, 13, 21, 37

# Above this many traces, headers are sampled and not all read.
MANY_TRACES = 1_000_000
# Share of grid positions that must have a trace: for bytes that were inferred, and for bytes that were given.
# The second also keeps a damaged number from making a grid larger than the file justifies.
INFERRED_COVERAGE, GIVEN_COVERAGE = 0.25, 0.05
# Share of the numbers along a single inline or crossline that must have a trace.
_LINE_COVERAGE = 0.5
_N_FIRST = 65536
# Most traces with damaged or repeated headers that are left out, as a share of all.
_MOST_STRAYS = 0.03


@dataclass(frozen=True)
class Geometry:
    """How the traces of a file are arranged.

    Attributes
    ----------
    kind : {"3-D", "3-D irregular", "single inline", "single crossline", "2-D line", "pre-stack"}
        The arrangement.
    confidence : str
        How certain that is, and why, in words.
    grid : Grid or None
        None for a 2-D line and pre-stack data.
    inline_byte, crossline_byte : int or None
        First bytes of the words that hold inline and crossline numbers.
    n_missing : int
        Grid positions without a trace.
    problems : tuple of Problem
        What looks wrong.
    """

    kind: str
    confidence: str
    grid: Grid | None = None
    inline_byte: int | None = None
    crossline_byte: int | None = None
    n_missing: int = 0
    problems: tuple[Problem, ...] = field(default=())


@dataclass(frozen=True)
class _Fit:
    """How well two header words fit as inline and crossline numbers."""

    traces: np.ndarray  # positions in the file of the traces used
    n_strays: int
    ranges: tuple[str, str]
    n_distinct: int
    shape: tuple[int, int]
    numbers: tuple[np.ndarray, np.ndarray] | None
    positions: np.ndarray | None  # flat position on the grid of each trace

    @property
    def n_traces(self) -> int:
        return self.traces.size

    @property
    def coverage(self) -> float:
        return self.n_distinct / (self.shape[0] * self.shape[1])

    @property
    def is_plausible(self) -> bool:
        return min(self.shape) > 1 and self.coverage >= INFERRED_COVERAGE

    @property
    def is_grid(self) -> bool:
        return self.positions is not None and self.n_distinct == self.n_traces

    @property
    def is_line(self) -> bool:
        """Whether one number is constant, and the other increases, or decreases, from trace to trace."""
        if self.positions is None or min(self.shape) > 1 or self.coverage < _LINE_COVERAGE:
            return False
        steps = np.diff(self.positions)
        return bool(steps.size and ((steps > 0).all() or (steps < 0).all()))

    @property
    def is_full(self) -> bool:
        return self.is_grid and self.n_distinct == self.shape[0] * self.shape[1]


def infer_geometry(
    layout: Layout,
    inline_byte: int | None = None,
    crossline_byte: int | None = None,
    every_trace: bool = False,
) -> Geometry:
    """Infer how the traces of a file are arranged.

    Line numbers are read in the formats that the layout states; see `find_number_formats`.

    Parameters
    ----------
    layout : Layout
        Of the file.
    inline_byte, crossline_byte : int, 1 to 237, optional
        First of the four bytes that hold the numbers. Default: 189 and 193 of the standard, then other common pairs.
    every_trace : bool, default False
        Read every trace header even if there are more than `MANY_TRACES`.

    Raises
    ------
    SeisdreamError
        If a byte lies outside the trace header.
    """
    is_given = inline_byte is not None or crossline_byte is not None
    pair = (inline_byte or DEFAULT_PAIR[0], crossline_byte or DEFAULT_PAIR[1])
    check_pair(inline_byte, crossline_byte, pair)
    if layout.n_traces > MANY_TRACES and not every_trace:
        found = _infer_from_some(layout, pair, is_given)
        if found is not None:
            return found

    words = {*pair, FIELD_RECORD, CHANNEL, CDP, OFFSET}
    if layout.n_traces <= MANY_TRACES:
        # With very many traces, other bytes count only if a sample of headers makes a grid.
        words.update(np.ravel(FALLBACK_PAIRS).tolist())
    headers = read_header_words(layout, words, range(layout.n_traces))
    fit = _fit(headers[pair[0]], headers[pair[1]])
    if not fit.is_plausible:
        fit = _fit_without_strays(headers[pair[0]], headers[pair[1]]) or fit
    if fit.is_plausible and not fit.is_grid and not varies(headers[OFFSET]):
        fit = _fit_without_repeats(headers[pair[0]], headers[pair[1]]) or fit
    if is_given or fit.is_plausible:
        return _use_pair(pair, fit, headers[OFFSET], is_given)
    if not varies(headers[OFFSET]):
        for other in FALLBACK_PAIRS:
            # Source point and channel also number the shots of a fixed spread.
            if not words.issuperset(other) or (other == (17, 13) and varies(headers[FIELD_RECORD])):
                continue
            other_fit = _fit(headers[other[0]], headers[other[1]])
            if other_fit.is_full and other_fit.is_plausible and _is_sorted(other_fit):
                return _guessed(other, _use_pair(other, other_fit, headers[OFFSET], False), pair, fit)
        # A constant number of 0 was never set: the other one numbers the traces of a 2-D line.
        if fit.is_line and headers[pair[fit.shape.index(1)]][0] != 0:
            return _use_pair(pair, fit, headers[OFFSET], False)
    gathers = _find_gathers(headers)
    if gathers:
        return _pre_stack(gathers)
    return _as_line(pair, fit)


def _fit(inline: np.ndarray, crossline: np.ndarray, traces: np.ndarray | None = None) -> _Fit:
    n_all = inline.size
    if traces is None:
        traces = np.arange(n_all)
    else:
        inline, crossline = inline[traces], crossline[traces]
    axes, shape, ranges = [], [], []
    for numbers in (inline, crossline):
        present = np.unique(numbers).astype(np.int64)
        step = int(np.gcd.reduce(np.diff(present))) if present.size > 1 else 1
        axes.append((int(present[0]), step))
        shape.append((int(present[-1]) - int(present[0])) // step + 1)
        ranges.append(f"{present[0]}" if present.size == 1 else f"{present[0]}–{present[-1]}")
    (first_i, step_i), (first_x, step_x) = axes
    positions = (inline.astype(np.int64) - first_i) // step_i * shape[1] + (crossline - np.int64(first_x)) // step_x
    n_distinct = int(np.unique(positions).size)
    # Only a grid about as large as the file is ever laid out in memory.
    is_small = n_distinct >= GIVEN_COVERAGE * shape[0] * shape[1]
    numbers = None
    if is_small:
        numbers = (first_i + step_i * np.arange(shape[0]), first_x + step_x * np.arange(shape[1]))
    return _Fit(
        traces=traces,
        n_strays=n_all - traces.size,
        ranges=(ranges[0], ranges[1]),
        n_distinct=n_distinct,
        shape=(shape[0], shape[1]),
        numbers=numbers,
        positions=positions if is_small else None,
    )


def _fit_without_strays(inline: np.ndarray, crossline: np.ndarray) -> _Fit | None:
    """Return the fit without the few traces that are nearly alone on their line, if the others make a grid.

    A damaged header, also if several traces repeat it, puts its traces far outside the survey and would stretch the
    grid.
    """
    is_stray = np.zeros(inline.size, bool)
    for numbers in (inline, crossline):
        _, which, counts = np.unique(numbers, return_inverse=True, return_counts=True)
        own = counts[which]
        is_stray |= (own == 1) | (own < np.median(own) / 4)
    if not 0 < is_stray.sum() <= max(1, _MOST_STRAYS * inline.size) < inline.size:
        return None
    fit = _fit(inline, crossline, np.flatnonzero(~is_stray))
    return fit if fit.is_plausible and fit.is_grid else None


def _fit_without_repeats(inline: np.ndarray, crossline: np.ndarray) -> _Fit | None:
    """Return the fit without the few traces that repeat the header of an earlier one, if the others make a grid.

    More repeats are pre-stack data, or a sign of wrong bytes.
    """
    pairs = np.stack([inline, crossline], axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    first = np.sort(first)
    n_repeats = inline.size - first.size
    if not 0 < n_repeats <= _MOST_STRAYS * inline.size:
        return None
    fit = _fit(inline, crossline, first)
    return fit if fit.is_plausible and fit.is_grid else None


def _is_sorted(fit: _Fit) -> bool:
    """Return whether traces are stored line by line, as in an exported volume."""
    assert fit.positions is not None
    rows, columns = np.divmod(fit.positions, fit.shape[1])
    return any(len(np.flatnonzero(np.diff(slow))) == n - 1 for slow, n in zip((rows, columns), fit.shape, strict=True))


def _use_pair(pair: tuple[int, int], fit: _Fit, offset: np.ndarray, is_given: bool) -> Geometry:
    words = f"bytes {pair[0]} (inline {fit.ranges[0]}) and {pair[1]} (crossline {fit.ranges[1]})"
    fix = (
        "Give the header bytes of inline and crossline numbers (`inline_byte`, `crossline_byte`), or neither for a "
        "2-D line."
    )
    if min(fit.shape) == 1 and not fit.is_line:
        what = (
            f"{words[0].upper()}{words[1:]} are not line numbers: both vary in a volume, and in a single inline or "
            "crossline one is constant and the other increases or decreases from trace to trace."
        )
        return Geometry("2-D line", "not a grid", problems=(Problem(what, fix, is_fatal=True),))
    if fit.positions is None or fit.numbers is None:
        what = (
            f"With {words}, {fit.n_traces} traces would lie on a grid of {fit.shape[0]} × {fit.shape[1]}: "
            "these bytes do not hold inline and crossline numbers, or some headers are damaged."
        )
        return Geometry("2-D line", "not a grid", problems=(Problem(what, fix, is_fatal=True),))
    if not fit.is_grid:
        return _repeated(pair, fit, offset, is_given)
    index = np.full(fit.shape[0] * fit.shape[1], -1, np.int32)
    index[fit.positions] = fit.traces
    grid = Grid(*fit.numbers, index=index.reshape(fit.shape))
    n_missing = index.size - fit.n_traces
    certainty = "as given" if is_given else "certain"
    problems: tuple[Problem, ...] = ()
    if n_missing:
        what = f"{n_missing} of the {index.size} grid positions have no trace; they are absent (NaN)."
        n_tail = _n_missing_at_end(index)
        if n_tail == n_missing:
            what += " They are the last ones, so the file may be truncated."
        problems = (Problem(what, "No action is needed if the survey is irregular; otherwise check the header bytes."),)
        certainty += ", with gaps"
    if fit.n_strays:
        what = (
            f"{fit.n_strays} traces have an inline or crossline number that few other traces have, far from the "
            "others, or repeat the numbers of an earlier trace: their headers are probably damaged, and these traces "
            "are left out."
        )
        fix = f"Correct them, or give other bytes than {pair[0]} and {pair[1]} (`inline_byte`, `crossline_byte`)."
        problems += (Problem(what, fix, is_noted=True, option="inline_byte"),)
    if varies(offset):
        what = "Offsets (bytes 37–40) vary, although each grid position has one trace."
        problems += (Problem(what, "If this is a common-offset volume, stack first; otherwise no action is needed."),)
    kind = "3-D irregular" if n_missing else "3-D"
    where = f"on {'a full' if not n_missing else 'a'} grid of {fit.shape[0]} × {fit.shape[1]}"
    if grid.single_axis:
        kind, where = f"single {grid.single_axis}", f"along one {grid.single_axis}"
    confidence = f"{certainty}: {words} put {fit.n_traces} traces {where}"
    return Geometry(kind, confidence, grid, *pair, n_missing, problems)


def _n_missing_at_end(index: np.ndarray) -> int:
    return index.size - 1 - int(np.flatnonzero(index >= 0)[-1])


def _guessed(pair: tuple[int, int], found: Geometry, tried: tuple[int, int], fit: _Fit) -> Geometry:
    what = (
        f"Bytes {tried[0]} and {tried[1]}, inline and crossline in the standard, hold {fit.ranges[0]} and "
        f"{fit.ranges[1]} and make no grid; bytes {pair[0]} and {pair[1]} make one and are used."
    )
    fix = "If these are not inline and crossline numbers, give `inline_byte` and `crossline_byte`."
    confidence = found.confidence.replace("certain", "inferred", 1)
    return replace(found, confidence=confidence, problems=(Problem(what, fix), *found.problems))


def _repeated(pair: tuple[int, int], fit: _Fit, offset: np.ndarray, is_given: bool) -> Geometry:
    words = f"bytes {pair[0]} and {pair[1]}"
    if varies(offset) or fit.n_traces >= 1.5 * fit.n_distinct:
        why = f"{fit.n_traces} traces share {fit.n_distinct} inline/crossline positions ({words})"
        return _pre_stack(why + (" with different offsets" if varies(offset) else ""))
    what = f"{fit.n_traces - fit.n_distinct} traces repeat the inline and crossline of another trace ({words})."
    if fit.positions is not None:
        order = np.argsort(fit.positions, kind="stable")
        twin = np.flatnonzero(np.diff(fit.positions[order]) == 0)[0]
        what = (
            what[:-1]
            + f", first traces {fit.traces[order[twin]] + 1} and {fit.traces[order[twin + 1]] + 1} of the file."
        )
    fix = "Remove the copies, or give other header bytes (`inline_byte`, `crossline_byte`)."
    confidence = "as given, but" if is_given else "doubtful:"
    return Geometry(
        "3-D irregular",
        f"{confidence} positions repeat in {words}",
        inline_byte=pair[0],
        crossline_byte=pair[1],
        problems=(Problem(what, fix, is_fatal=True),),
    )


def _find_gathers(headers: dict[int, np.ndarray]) -> str | None:
    """Return why traces without a grid are gathers and not a stacked line; None if they are a line."""
    cdp, record, channel = headers[CDP], headers[FIELD_RECORD], headers[CHANNEL]
    n_traces, n_cdps, n_records = cdp.size, np.unique(cdp).size, np.unique(record).size
    if n_cdps > 1:
        return f"{n_traces} traces share {n_cdps} CDPs (bytes 21–24)" if n_traces >= 2 * n_cdps else None
    if n_traces > 1 and varies(headers[OFFSET]):
        return "offsets (bytes 37–40) vary and CDPs (bytes 21–24) do not"
    numbered = np.unique(np.stack([record, channel]), axis=1).shape[1]
    if n_records > 1 and n_traces >= 2 * n_records and varies(channel) and numbered == n_traces:
        return f"{n_traces} channels (bytes 13–16) belong to {n_records} field records (bytes 9–12)"
    return None


def _pre_stack(why: str) -> Geometry:
    fix = (
        "Stack first (or extract one offset or angle). If it is a stack, give the header bytes of its line numbers "
        "(`inline_byte`, `crossline_byte`)."
    )
    problem = Problem(f"This looks like pre-stack data: {why}.", fix, is_fatal=True, code="not-supported")
    return Geometry("pre-stack", f"likely: {why}", problems=(problem,))


def _as_line(pair: tuple[int, int], fit: _Fit) -> Geometry:
    if fit.shape == (1, 1):
        held = f"are {fit.ranges[0]} and {fit.ranges[1]} in every trace"
    elif min(fit.shape) == 1:
        held = f"hold {fit.ranges[0]} and {fit.ranges[1]}, so that only one of the two numbers varies"
    else:
        held = f"hold {fit.ranges[0]} and {fit.ranges[1]}, which make no grid of {fit.n_traces} traces"
    confidence = f"opened as one line of traces: bytes {pair[0]} and {pair[1]} {held}"
    if min(fit.shape) == 1:
        return Geometry("2-D line", confidence)
    what = f"Bytes {pair[0]} and {pair[1]} {held}."
    fix = "If this is a 3-D survey, give the header bytes of its line numbers (`inline_byte`, `crossline_byte`)."
    return Geometry("2-D line", confidence, problems=(Problem(what, fix),))


def _infer_from_some(layout: Layout, pair: tuple[int, int], is_given: bool) -> Geometry | None:
    """Infer the geometry of very many traces from some of their headers; None if these do not suffice."""
    few = read_header_words(layout, {*pair, OFFSET}, range(_N_FIRST))
    few_fit = _fit(few[pair[0]], few[pair[1]])
    if few_fit.n_distinct > 1 and few_fit.n_traces >= 1.5 * few_fit.n_distinct and varies(few[OFFSET]):
        return _repeated(pair, few_fit, few[OFFSET], is_given)
    for tried in (pair,) if is_given else (pair, *FALLBACK_PAIRS):
        grid = sample_grid(layout, tried)
        if grid is None:
            continue
        confidence = (
            f"{'as given' if is_given else 'certain'}: evenly spaced headers agree with a full grid of "
            f"{len(grid.inlines)} × {len(grid.crosslines)}, inline in bytes {tried[0]} and crossline in {tried[1]}; "
            "the headers of a section are checked when it is opened"
        )
        found = Geometry("3-D", confidence, grid, *tried)
        return found if tried == pair else _guessed(tried, found, pair, few_fit)
    return None
