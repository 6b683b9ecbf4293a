"""Where a SEG-Y file's traces lie: which header bytes number inlines and crosslines, and the grid they make.

Nothing is trusted because a standard says so: a pair of header words counts as inline and crossline only when
its numbers make a plausible grid of the traces that are there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.segy.grid import Grid, sample_grid
from seisdream.io.segy.headers import N_TRACE_HEADER_BYTES, Layout, read_header_words

DEFAULT_PAIR = (189, 193)
# Where programs that ignored or preceded revision 1 put inline and crossline (or their likes).
FALLBACK_PAIRS = ((9, 21), (5, 21), (17, 13), (221, 225), (213, 217), (181, 185))
FIELD_RECORD, CHANNEL, CDP, OFFSET = 9, 13, 21, 37

# Above this many traces headers are sampled, not all read.
MANY_TRACES = 1_000_000
# Share of a grid's places that must hold a trace: to be believed unasked, and to be accepted when asked for.
# The second also keeps a damaged number from making a grid larger than the file justifies.
BELIEVED_COVERAGE, ACCEPTED_COVERAGE = 0.25, 0.05
_N_FIRST = 65536


@dataclass(frozen=True)
class Problem:
    """What looks wrong in a file, and which option mends it.

    Attributes
    ----------
    what, mend : str
        A sentence each.
    is_fatal : bool
        Whether no section can be opened before it is mended.
    """

    what: str
    mend: str
    is_fatal: bool = False


@dataclass(frozen=True)
class Geometry:
    """How the traces of a file are arranged.

    Attributes
    ----------
    kind : {"3-D", "3-D irregular", "2-D line", "pre-stack"}
    grid : Grid or None
        None for all but 3-D.
    inline_byte, crossline_byte : int or None
        The words that number the grid.
    confidence : str
        How sure that is, in a sentence.
    n_missing : int
        Places of the grid without a trace.
    problems : tuple of Problem
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
    """How well two header words serve as inline and crossline."""

    traces: np.ndarray  # positions in the file of the traces it is about
    n_strays: int
    ranges: tuple[str, str]
    n_distinct: int
    shape: tuple[int, int]
    numbers: tuple[np.ndarray, np.ndarray] | None
    places: np.ndarray | None  # flat place on the grid of each trace

    @property
    def n_traces(self) -> int:
        return self.traces.size

    @property
    def coverage(self) -> float:
        return self.n_distinct / (self.shape[0] * self.shape[1])

    @property
    def is_believed(self) -> bool:
        return min(self.shape) > 1 and self.coverage >= BELIEVED_COVERAGE

    @property
    def is_grid(self) -> bool:
        return self.places is not None and self.n_distinct == self.n_traces

    @property
    def is_full(self) -> bool:
        return self.is_grid and self.n_distinct == self.shape[0] * self.shape[1]


def infer_geometry(
    layout: Layout,
    inline_byte: int | None = None,
    crossline_byte: int | None = None,
    every_trace: bool = False,
) -> Geometry:
    """Find out how the traces of a file are arranged.

    Parameters
    ----------
    layout : Layout
    inline_byte, crossline_byte : int, 1 to 237, optional
        First bytes of the four that hold the numbers; where none is given the standard's 189 and 193 are
        tried, then other well-known pairs.
    every_trace : bool, default False
        Read every trace header also where there are more than `MANY_TRACES`.

    Raises
    ------
    SeisdreamError
        If a byte lies outside the trace header.
    """
    is_asked = inline_byte is not None or crossline_byte is not None
    pair = (inline_byte or DEFAULT_PAIR[0], crossline_byte or DEFAULT_PAIR[1])
    _check_pair(inline_byte, crossline_byte, pair)
    if layout.n_traces > MANY_TRACES and not every_trace:
        found = _infer_from_some(layout, pair, is_asked)
        if found is not None:
            return found

    words = {*pair, FIELD_RECORD, CHANNEL, CDP, OFFSET}
    if layout.n_traces <= MANY_TRACES:
        # Of very many, other bytes count only where a sample of them makes a grid.
        words.update(np.ravel(FALLBACK_PAIRS).tolist())
    headers = read_header_words(layout, words, range(layout.n_traces))
    fit = _fit(headers[pair[0]], headers[pair[1]])
    if not fit.is_believed:
        fit = _fit_without_strays(headers[pair[0]], headers[pair[1]]) or fit
    if is_asked or fit.is_believed:
        return _use_pair(pair, fit, headers[OFFSET], is_asked)
    if not _varies(headers[OFFSET]):
        for other in FALLBACK_PAIRS:
            # Source point by channel is also how shots of a fixed spread are numbered.
            if not words.issuperset(other) or (other == (17, 13) and _varies(headers[FIELD_RECORD])):
                continue
            other_fit = _fit(headers[other[0]], headers[other[1]])
            if other_fit.is_full and other_fit.is_believed and _is_sorted(other_fit):
                return _guessed(other, _use_pair(other, other_fit, headers[OFFSET], False), pair, fit)
    gathers = _find_gathers(headers)
    if gathers:
        return _pre_stack(gathers)
    return _as_line(pair, fit)


def _check_pair(inline_byte: int | None, crossline_byte: int | None, pair: tuple[int, int]) -> None:
    for name, byte in (("inline", inline_byte), ("crossline", crossline_byte)):
        if byte is not None and not 1 <= byte <= N_TRACE_HEADER_BYTES - 3:
            raise SeisdreamError(
                f"--{name}-byte is the first of four bytes in the {N_TRACE_HEADER_BYTES} of a trace header, "
                f"1 to {N_TRACE_HEADER_BYTES - 3}; got {byte}."
            )
    if pair[0] == pair[1]:
        raise SeisdreamError(f"--inline-byte and --crossline-byte are both {pair[0]}; give two different ones.")


def _varies(numbers: np.ndarray) -> bool:
    return bool((numbers != numbers[0]).any())


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
    places = (inline.astype(np.int64) - first_i) // step_i * shape[1] + (crossline - np.int64(first_x)) // step_x
    n_distinct = int(np.unique(places).size)
    # Only a grid about as large as the file is ever laid out in memory.
    is_small = n_distinct >= ACCEPTED_COVERAGE * shape[0] * shape[1]
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
        places=places if is_small else None,
    )


def _fit_without_strays(inline: np.ndarray, crossline: np.ndarray) -> _Fit | None:
    """Return the fit of all traces but a few that stand alone on their line, if that makes a grid.

    A damaged header puts its trace far outside the survey, and would stretch the grid to there.
    """
    is_stray = np.zeros(inline.size, bool)
    for numbers in (inline, crossline):
        _, which, counts = np.unique(numbers, return_inverse=True, return_counts=True)
        is_stray |= counts[which] == 1
    if not 0 < is_stray.sum() <= max(1, inline.size // 100) < inline.size:
        return None
    fit = _fit(inline, crossline, np.flatnonzero(~is_stray))
    return fit if fit.is_believed and fit.is_grid else None


def _is_sorted(fit: _Fit) -> bool:
    """Return whether traces lie line by line in the file, as exports of a volume do."""
    assert fit.places is not None
    rows, columns = np.divmod(fit.places, fit.shape[1])
    return any(len(np.flatnonzero(np.diff(slow))) == n - 1 for slow, n in zip((rows, columns), fit.shape, strict=True))


def _use_pair(pair: tuple[int, int], fit: _Fit, offset: np.ndarray, is_asked: bool) -> Geometry:
    named = f"bytes {pair[0]} (inline {fit.ranges[0]}) and {pair[1]} (crossline {fit.ranges[1]})"
    mend = "Give the bytes that number them (--inline-byte, --crossline-byte), or neither for a 2-D line."
    if min(fit.shape) == 1:
        what = f"A grid needs two inlines and two crosslines at least, but {named} do not both vary."
        return Geometry("2-D line", "not a grid", problems=(Problem(what, mend, is_fatal=True),))
    if fit.places is None or fit.numbers is None:
        what = (
            f"With {named} {fit.n_traces} traces would lie on a grid of {fit.shape[0]} × {fit.shape[1]}: "
            "those bytes do not number inlines and crosslines, or some headers are damaged."
        )
        return Geometry("2-D line", "not a grid", problems=(Problem(what, mend, is_fatal=True),))
    if not fit.is_grid:
        return _repeated(pair, fit, offset, is_asked)
    index = np.full(fit.shape[0] * fit.shape[1], -1, np.int32)
    index[fit.places] = fit.traces
    grid = Grid(*fit.numbers, index=index.reshape(fit.shape))
    n_missing = index.size - fit.n_traces
    by = "as asked" if is_asked else "sure"
    problems: tuple[Problem, ...] = ()
    if n_missing:
        what = f"{n_missing} of the grid's {index.size} places have no trace; they are marked as absent."
        n_tail = _n_missing_at_end(index)
        if n_tail == n_missing:
            what += " They are the last ones, so the file may have been cut short."
        problems = (Problem(what, "Nothing to mend if the survey is irregular; else check the bytes used."),)
        by += ", but for the gaps"
    if fit.n_strays:
        what = (
            f"{fit.n_strays} traces have an inline or crossline number that no other has, and would stretch the grid: "
            "their headers are taken for damaged, and the traces left out."
        )
        problems += (Problem(what, f"Mend their headers, or check bytes {pair[0]} and {pair[1]}."),)
    if _varies(offset):
        what = "Offsets (bytes 37–40) vary, though each place of the grid has one trace."
        problems += (Problem(what, "If this is a common-offset volume, stack first; else nothing to mend."),)
    confidence = (
        f"{by}: {named} put {fit.n_traces} traces on {'a full' if not n_missing else 'a'} grid of "
        f"{fit.shape[0]} × {fit.shape[1]}"
    )
    kind = "3-D irregular" if n_missing else "3-D"
    return Geometry(kind, confidence, grid, *pair, n_missing, problems)


def _n_missing_at_end(index: np.ndarray) -> int:
    return index.size - 1 - int(np.flatnonzero(index >= 0)[-1])


def _guessed(pair: tuple[int, int], found: Geometry, tried: tuple[int, int], fit: _Fit) -> Geometry:
    what = (
        f"Bytes {tried[0]} and {tried[1]}, the standard's inline and crossline, hold {fit.ranges[0]} and "
        f"{fit.ranges[1]} and make no grid; bytes {pair[0]} and {pair[1]} do and are used."
    )
    mend = "If those numbers are not inlines and crosslines, give --inline-byte and --crossline-byte."
    confidence = found.confidence.replace("sure", "a guess", 1)
    return replace(found, confidence=confidence, problems=(Problem(what, mend), *found.problems))


def _repeated(pair: tuple[int, int], fit: _Fit, offset: np.ndarray, is_asked: bool) -> Geometry:
    named = f"bytes {pair[0]} and {pair[1]}"
    if _varies(offset) or fit.n_traces >= 1.5 * fit.n_distinct:
        why = f"{fit.n_traces} traces share {fit.n_distinct} inline/crossline positions ({named})"
        return _pre_stack(why + (" with different offsets" if _varies(offset) else ""))
    what = f"{fit.n_traces - fit.n_distinct} traces repeat an inline and crossline of another ({named})."
    if fit.places is not None:
        order = np.argsort(fit.places, kind="stable")
        twin = np.flatnonzero(np.diff(fit.places[order]) == 0)[0]
        what = (
            what[:-1]
            + f", first traces {fit.traces[order[twin]] + 1} and {fit.traces[order[twin + 1]] + 1} of the file."
        )
    mend = "Remove the copies, or name other bytes (--inline-byte, --crossline-byte)."
    confidence = "as asked, but" if is_asked else "doubtful:"
    return Geometry(
        "3-D irregular",
        f"{confidence} positions repeat in {named}",
        inline_byte=pair[0],
        crossline_byte=pair[1],
        problems=(Problem(what, mend, is_fatal=True),),
    )


def _find_gathers(headers: dict[int, np.ndarray]) -> str | None:
    """Return what shows that traces without a grid are gathers rather than a stacked line."""
    cdp, record, channel = headers[CDP], headers[FIELD_RECORD], headers[CHANNEL]
    n_traces, n_cdps, n_records = cdp.size, np.unique(cdp).size, np.unique(record).size
    if n_cdps > 1:
        return f"{n_traces} traces share {n_cdps} CDPs (bytes 21–24)" if n_traces >= 2 * n_cdps else None
    if n_traces > 1 and _varies(headers[OFFSET]):
        return "offsets (bytes 37–40) vary and CDPs (bytes 21–24) do not"
    numbered = np.unique(np.stack([record, channel]), axis=1).shape[1]
    if n_records > 1 and n_traces >= 2 * n_records and _varies(channel) and numbered == n_traces:
        return f"{n_traces} channels (bytes 13–16) belong to {n_records} field records (bytes 9–12)"
    return None


def _pre_stack(why: str) -> Geometry:
    mend = (
        "Stack first (or extract one offset or angle). If it is a stack, name the bytes that number it "
        "(--inline-byte, --crossline-byte)."
    )
    problem = Problem(f"This looks like pre-stack data: {why}.", mend, is_fatal=True)
    return Geometry("pre-stack", f"fairly sure: {why}", problems=(problem,))


def _as_line(pair: tuple[int, int], fit: _Fit) -> Geometry:
    if fit.shape == (1, 1):
        held = f"are {fit.ranges[0]} and {fit.ranges[1]} in every trace"
    else:
        held = f"hold {fit.ranges[0]} and {fit.ranges[1]}, which make no grid of {fit.n_traces} traces"
    confidence = f"opened as one line by trace number: bytes {pair[0]} and {pair[1]} {held}"
    if min(fit.shape) == 1:
        return Geometry("2-D line", confidence)
    what = f"Bytes {pair[0]} and {pair[1]} {held}."
    mend = "If this is a 3-D survey, name the bytes that number it (--inline-byte, --crossline-byte)."
    return Geometry("2-D line", confidence, problems=(Problem(what, mend),))


def _infer_from_some(layout: Layout, pair: tuple[int, int], is_asked: bool) -> Geometry | None:
    """Infer the geometry of very many traces from some of their headers; None where that does not do."""
    few = read_header_words(layout, {*pair, OFFSET}, range(_N_FIRST))
    few_fit = _fit(few[pair[0]], few[pair[1]])
    if few_fit.n_distinct > 1 and few_fit.n_traces >= 1.5 * few_fit.n_distinct and _varies(few[OFFSET]):
        return _repeated(pair, few_fit, few[OFFSET], is_asked)
    for tried in (pair,) if is_asked else (pair, *FALLBACK_PAIRS):
        grid = sample_grid(layout, tried)
        if grid is None:
            continue
        confidence = (
            f"{'as asked' if is_asked else 'sure'}: a spread of headers agrees with a full grid of {len(grid.inlines)} "
            f"× {len(grid.crosslines)}, inline in bytes {tried[0]} and crossline in {tried[1]}; a section's own "
            "headers are checked when it is opened"
        )
        found = Geometry("3-D", confidence, grid, *tried)
        return found if tried == pair else _guessed(tried, found, pair, few_fit)
    return None
