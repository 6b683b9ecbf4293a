"""Where a SEG-Y file's traces lie: which header bytes number inlines and crosslines, and the grid they make.

Nothing is trusted because a standard says so: a pair of header words counts as inline and crossline only when
its numbers make a plausible grid of the traces that are there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.segy_headers import N_TRACE_HEADER_BYTES, Layout, read_header_words

DEFAULT_PAIR = (189, 193)
# Where programs that ignored or preceded revision 1 put inline and crossline (or their likes).
FALLBACK_PAIRS = ((9, 21), (5, 21), (17, 13), (221, 225), (213, 217), (181, 185))
FIELD_RECORD, CHANNEL, CDP, OFFSET = 9, 13, 21, 37

# Above this many traces headers are sampled, not all read.
MANY_TRACES = 1_000_000
# Share of a grid's places that must hold a trace: to be believed unasked, and to be accepted when asked for.
# The second also keeps a damaged number from making a grid larger than the file justifies.
BELIEVED_COVERAGE, ACCEPTED_COVERAGE = 0.25, 0.05
_N_SPREAD = 8192


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


@dataclass(frozen=True, eq=False)
class Grid:
    """The regular numbering of a survey's inlines and crosslines, and which trace lies where.

    Attributes
    ----------
    inlines, crosslines : int64 arrays
        Ascending numbers with a common step.
    index : int32 or int64 array ``(inline, crossline)`` or None
        Positions of the traces in the file, −1 where absent; None where `start` and `strides` say it.
    start : int
    strides : (int, int)
        Position of the trace at (0, 0), and how it grows with an inline and a crossline.
    """

    inlines: np.ndarray
    crosslines: np.ndarray
    index: np.ndarray | None = None
    start: int = 0
    strides: tuple[int, int] = (0, 0)

    @property
    def is_sampled(self) -> bool:
        """Whether the grid was inferred from some headers only, so that a section's own must be checked."""
        return self.index is None

    def traces(self, inline: int | None = None, crossline: int | None = None) -> np.ndarray:
        """Return the positions in the file of one line's traces, or of all ``(inline, crossline)``.

        Parameters
        ----------
        inline, crossline : int, optional
            Place (not number) on the grid.
        """
        rows = np.arange(len(self.inlines)) if inline is None else inline
        columns = np.arange(len(self.crosslines)) if crossline is None else crossline
        if inline is None and crossline is None:
            rows = np.asarray(rows)[:, None]
        if self.index is not None:
            return self.index[rows, columns].astype(np.int64)
        return np.asarray(self.start + rows * self.strides[0] + columns * self.strides[1], np.int64)


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

    n_traces: int
    ranges: tuple[str, str]
    n_distinct: int
    shape: tuple[int, int]
    numbers: tuple[np.ndarray, np.ndarray] | None
    places: np.ndarray | None  # flat place on the grid of each trace

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
    if layout.n_traces > MANY_TRACES:
        return _infer_from_many(layout, pair, is_asked, every_trace)

    words = {pair[0], pair[1], FIELD_RECORD, CHANNEL, CDP, OFFSET, *np.ravel(FALLBACK_PAIRS).tolist()}
    headers = read_header_words(layout, words, range(layout.n_traces))
    fit = _fit(headers[pair[0]], headers[pair[1]])
    if is_asked or fit.is_believed:
        return _use_pair(pair, fit, headers[OFFSET], is_asked)
    if not _varies(headers[OFFSET]):
        for other in FALLBACK_PAIRS:
            # Source point by channel is also how shots of a fixed spread are numbered.
            if other == (17, 13) and _varies(headers[FIELD_RECORD]):
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


def _fit(inline: np.ndarray, crossline: np.ndarray) -> _Fit:
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
        n_traces=inline.size,
        ranges=(ranges[0], ranges[1]),
        n_distinct=n_distinct,
        shape=(shape[0], shape[1]),
        numbers=numbers,
        places=places if is_small else None,
    )


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
    index[fit.places] = np.arange(fit.n_traces)
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
        what = what[:-1] + f", first traces {order[twin] + 1} and {order[twin + 1] + 1} of the file."
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


def _infer_from_many(layout: Layout, pair: tuple[int, int], is_asked: bool, every_trace: bool) -> Geometry:
    """Infer a regular grid of very many traces from some of their headers, or read all where that fails."""
    if not every_trace:
        for tried in (pair,) if is_asked else (pair, *FALLBACK_PAIRS):
            grid = _sample_grid(layout, tried)
            if grid is None:
                continue
            shape = f"{len(grid.inlines)} × {len(grid.crosslines)}"
            confidence = (
                f"{'as asked' if is_asked else 'sure'}: a spread of headers agrees with a full grid of "
                f"{shape}, inline in bytes {tried[0]} and crossline in {tried[1]}; a section's own headers "
                "are checked when it is opened"
            )
            found = Geometry("3-D", confidence, grid, *tried)
            if tried == pair:
                return found
            few = read_header_words(layout, pair, range(1000))
            return _guessed(tried, found, pair, _fit(few[pair[0]], few[pair[1]]))
    headers = read_header_words(layout, {*pair, OFFSET}, range(layout.n_traces))
    fit = _fit(headers[pair[0]], headers[pair[1]])
    if is_asked or fit.is_believed:
        return _use_pair(pair, fit, headers[OFFSET], is_asked)
    return _as_line(pair, fit)


def _sample_grid(layout: Layout, pair: tuple[int, int]) -> Grid | None:
    """Return the regular grid that the first line and a spread of headers agree on, if there is one."""
    n_traces = layout.n_traces
    for slow, fast in ((0, 1), (1, 0)):
        n_fast = _first_line_length(layout, pair[slow], pair[fast])
        if n_fast is None or n_traces % n_fast or n_fast in (1, n_traces):
            continue
        n_slow = n_traces // n_fast
        ends = read_header_words(layout, pair, [0, 1, n_fast])
        first = (int(ends[pair[slow]][0]), int(ends[pair[fast]][0]))
        step_slow = int(ends[pair[slow]][2]) - first[0]
        step_fast = int(ends[pair[fast]][1]) - first[1]
        if not step_slow or not step_fast:
            continue
        # Both ends of as many lines as there are headers to spend, and a spread that falls anywhere.
        lines = np.unique(np.linspace(0, n_slow - 1, min(n_slow, _N_SPREAD // 4)).astype(np.int64))
        spread = np.linspace(0, n_traces - 1, _N_SPREAD // 2).astype(np.int64)
        some = np.unique(np.concatenate([lines * n_fast, (lines + 1) * n_fast - 1, spread]))
        seen = read_header_words(layout, pair, some)
        agrees = (seen[pair[slow]] == first[0] + some // n_fast * step_slow) & (
            seen[pair[fast]] == first[1] + some % n_fast * step_fast
        )
        if agrees.all():
            axis_slow, start_slow, stride_slow = _ascending(first[0], step_slow, n_slow, n_fast)
            axis_fast, start_fast, stride_fast = _ascending(first[1], step_fast, n_fast, 1)
            start = start_slow + start_fast
            if slow == 0:
                return Grid(axis_slow, axis_fast, None, start, (stride_slow, stride_fast))
            return Grid(axis_fast, axis_slow, None, start, (stride_fast, stride_slow))
    return None


def _first_line_length(layout: Layout, slow: int, fast: int) -> int | None:
    """Return after how many traces the slow number changes for the first time."""
    first = None
    for start in range(0, min(layout.n_traces, MANY_TRACES), _N_SPREAD):
        block = range(start, min(start + _N_SPREAD, layout.n_traces))
        numbers = read_header_words(layout, (slow, fast), block)
        first = numbers[slow][0] if first is None else first
        changed = np.flatnonzero(numbers[slow] != first)
        if changed.size:
            return start + int(changed[0])
        if start == 0 and not _varies(numbers[fast]):
            return None
    return None


def _ascending(first: int, step: int, n: int, stride: int) -> tuple[np.ndarray, int, int]:
    """Return an axis's ascending numbers, where its first lies in the file and how far apart they lie."""
    numbers = first + step * np.arange(n)
    return (numbers, 0, stride) if step > 0 else (numbers[::-1].copy(), (n - 1) * stride, -stride)
