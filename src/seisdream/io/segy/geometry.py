"""The geometry of a SEG-Y file: which header bytes hold inline and crossline numbers, and the grid of its traces.

The positions of the standard are not trusted: a pair of header words is used as inline and crossline only if its
numbers make a plausible grid of the traces in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
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
_TRACES_AT_A_TIME = 2**18
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

    words: tuple[np.ndarray, np.ndarray]  # those of all traces of the file
    traces: range | np.ndarray  # positions in the file of the traces used
    ranges: tuple[str, str]
    n_distinct: int
    first: tuple[int, int]
    step: tuple[int, int]
    shape: tuple[int, int]
    index: np.ndarray | None  # flat grid with the position in the file of the first trace there; None if too large

    @property
    def n_traces(self) -> int:
        return len(self.traces)

    @property
    def n_strays(self) -> int:
        return self.words[0].size - self.n_traces

    @property
    def numbers(self) -> tuple[np.ndarray, np.ndarray]:
        """Inline and crossline numbers of the grid."""
        inlines, crosslines = (
            first + step * np.arange(n) for first, step, n in zip(self.first, self.step, self.shape, strict=True)
        )
        return inlines, crosslines

    def positions(self, part: slice = slice(None)) -> np.ndarray:
        """Return the flat positions on the grid of the traces used, or of a part of them."""
        traces = self.traces[part]
        chosen = slice(traces.start, traces.stop) if isinstance(traces, range) else traces
        rows, columns = (
            (words[chosen].astype(np.int64) - first) // step
            for words, first, step in zip(self.words, self.first, self.step, strict=True)
        )
        return rows * self.shape[1] + columns

    @property
    def coverage(self) -> float:
        return self.n_distinct / (self.shape[0] * self.shape[1])

    @property
    def is_plausible(self) -> bool:
        return min(self.shape) > 1 and self.coverage >= INFERRED_COVERAGE

    @property
    def is_grid(self) -> bool:
        return self.index is not None and self.n_distinct == self.n_traces

    @property
    def is_line(self) -> bool:
        """Whether one number is constant, and the other increases, or decreases, from trace to trace."""
        if self.index is None or min(self.shape) > 1 or self.coverage < _LINE_COVERAGE:
            return False
        steps = np.diff(self.positions())
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

    gather_words, traces = {FIELD_RECORD, CHANNEL, CDP}, range(layout.n_traces)
    if layout.n_traces > MANY_TRACES:
        headers = _read_pair(layout, pair)
    else:
        words = {*pair, *gather_words, OFFSET, *np.ravel(FALLBACK_PAIRS).tolist()}
        headers = read_header_words(layout, words, traces)
    fit = _fit(headers[pair[0]], headers[pair[1]])
    if not fit.is_plausible:
        fit = _fit_without_strays(headers[pair[0]], headers[pair[1]]) or fit
    if fit.is_plausible and not fit.is_grid and not varies(headers[OFFSET]):
        fit = _without_repeats(fit) or fit
    if is_given or fit.is_plausible:
        return _use_pair(pair, fit, headers[OFFSET], is_given)
    if not headers.keys() >= gather_words:
        # With very many traces, other bytes count only if a sample of headers makes a grid.
        headers |= read_header_words(layout, gather_words - headers.keys(), traces)
    if not varies(headers[OFFSET]):
        for other in FALLBACK_PAIRS:
            # Source point and channel also number the shots of a fixed spread.
            if not headers.keys() >= set(other) or (other == (17, 13) and varies(headers[FIELD_RECORD])):
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


def _read_pair(layout: Layout, pair: tuple[int, int]) -> dict[int, np.ndarray]:
    """Return the line numbers of all traces, and of their offsets the first one and one that differs from it, if any.

    A survey may have 50 million traces, so 8 bytes of each are kept.
    """
    headers = {word: np.empty(layout.n_traces, np.int32) for word in pair}
    offsets = np.empty(0, np.int32)
    for part in _parts(layout.n_traces):
        read = read_header_words(layout, {*pair, OFFSET}, range(layout.n_traces)[part])
        for word in pair:
            headers[word][part] = read[word]
        offsets = np.unique(np.append(offsets, read[OFFSET]))[:2]
    return headers | {OFFSET: offsets}


def _parts(n_traces: int) -> Iterator[slice]:
    """Yield parts of all traces, the last one first."""
    for first in reversed(range(0, n_traces, _TRACES_AT_A_TIME)):
        yield slice(first, min(first + _TRACES_AT_A_TIME, n_traces))


def _fit(inline: np.ndarray, crossline: np.ndarray, traces: np.ndarray | None = None) -> _Fit:
    used = range(inline.size) if traces is None else traces
    firsts, steps, shape, ranges = [], [], [], []
    for numbers in (inline, crossline):
        present = np.empty(0, np.int64)
        for part in _parts(len(used)):
            present = np.union1d(present, numbers[part if traces is None else traces[part]])
        firsts.append(int(present[0]))
        steps.append(int(np.gcd.reduce(np.diff(present))) if present.size > 1 else 1)
        shape.append((int(present[-1]) - firsts[-1]) // steps[-1] + 1)
        ranges.append(f"{present[0]}" if present.size == 1 else f"{present[0]}–{present[-1]}")
    fit = _Fit(
        (inline, crossline),
        used,
        (ranges[0], ranges[1]),
        0,
        (firsts[0], firsts[1]),
        (steps[0], steps[1]),
        (shape[0], shape[1]),
        None,
    )
    # Only a grid about as large as the file is ever laid out in memory.
    if len(used) < GIVEN_COVERAGE * shape[0] * shape[1]:
        return replace(fit, n_distinct=int(np.unique(fit.positions()).size))
    index = np.full(shape[0] * shape[1], -1, np.int32)
    for part in _parts(len(used)):
        # Of traces with equal numbers, the first one stays.
        index[fit.positions(part)[::-1]] = used[part][::-1]
    n_distinct = int(np.count_nonzero(index >= 0))
    return replace(fit, n_distinct=n_distinct, index=index if n_distinct >= GIVEN_COVERAGE * index.size else None)


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


def _without_repeats(fit: _Fit) -> _Fit | None:
    """Return a fit without the few traces that repeat the header of an earlier one; None where there are more.

    More repeats are pre-stack data, or a sign of wrong bytes.
    """
    n_all = fit.words[0].size
    if fit.index is None or n_all - fit.n_distinct > _MOST_STRAYS * n_all:
        return None
    return replace(fit, traces=np.sort(fit.index[fit.index >= 0]))


def _is_sorted(fit: _Fit) -> bool:
    """Return whether traces are stored line by line, as in an exported volume."""
    rows, columns = np.divmod(fit.positions(), fit.shape[1])
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
    if fit.index is None:
        what = (
            f"With {words}, {fit.n_traces} traces would lie on a grid of {fit.shape[0]} × {fit.shape[1]}: "
            "these bytes do not hold inline and crossline numbers, or some headers are damaged."
        )
        return Geometry("2-D line", "not a grid", problems=(Problem(what, fix, is_fatal=True),))
    if not fit.is_grid:
        return _repeated(pair, fit, offset, is_given)
    index = fit.index
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
    return int(np.argmax(index[::-1] >= 0))


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
    if fit.index is not None:
        positions = fit.positions()
        order = np.argsort(positions, kind="stable")
        twin = np.flatnonzero(np.diff(positions[order]) == 0)[0]
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
