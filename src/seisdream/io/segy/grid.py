"""The regular grid of a survey, and how to infer it from a sample of the headers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisdream.io.segy.headers import Layout, read_header_words

_N_SPREAD = 8192
_LONGEST_LINE = 1_000_000
_HEADERS_AT_A_TIME = 2**18


@dataclass(frozen=True, eq=False)
class Grid:
    """The regular inline and crossline numbers of a survey, and the position in the file of each trace.

    Attributes
    ----------
    inlines, crosslines : int64 arrays
        Ascending numbers with a common step.
    index : int32 or int64 array ``(inline, crossline)`` or None
        Positions of the traces in the file, −1 for missing ones; None if `start` and `strides` give them.
    start : int
        Position in the file of the trace at (0, 0).
    strides : (int, int)
        Steps in the file from one inline, and from one crossline, to the next.
    """

    inlines: np.ndarray
    crosslines: np.ndarray
    index: np.ndarray | None = None
    start: int = 0
    strides: tuple[int, int] = (0, 0)

    @property
    def is_sampled(self) -> bool:
        """Whether the grid was inferred from some headers only, so that those of a section must be checked."""
        return self.index is None

    @property
    def single_axis(self) -> str:
        """What the only line of the grid is, "inline" or "crossline"; "" for a volume."""
        return "inline" if len(self.inlines) == 1 else "crossline" if len(self.crosslines) == 1 else ""

    def live_numbers(self, axis: str) -> np.ndarray:
        """Return the inline or crossline numbers that have traces."""
        numbers = self.inlines if axis == "inline" else self.crosslines
        return numbers if self.index is None else numbers[(self.index >= 0).any(axis=1 if axis == "inline" else 0)]

    def traces(self, inline: int | None = None, crossline: int | None = None) -> np.ndarray:
        """Return the positions in the file of one line's traces, or of all ``(inline, crossline)``.

        Parameters
        ----------
        inline, crossline : int, optional
            Position (not number) on the grid.
        """
        rows = np.arange(len(self.inlines)) if inline is None else inline
        columns = np.arange(len(self.crosslines)) if crossline is None else crossline
        if inline is None and crossline is None:
            rows = np.asarray(rows)[:, None]
        if self.index is not None:
            return self.index[rows, columns].astype(np.int64)
        return np.asarray(self.start + rows * self.strides[0] + columns * self.strides[1], np.int64)

    def block(self, inlines: slice, crosslines: slice) -> np.ndarray:
        """Return the positions in the file of a block's traces, int64 ``(inline, crossline)``, −1 for missing ones."""
        if self.index is not None:
            return self.index[inlines, crosslines].astype(np.int64)
        rows = np.arange(len(self.inlines), dtype=np.int64)[inlines, None]
        columns = np.arange(len(self.crosslines), dtype=np.int64)[crosslines]
        return self.start + rows * self.strides[0] + columns * self.strides[1]


def agrees_with_headers(grid: Grid, layout: Layout, pair: tuple[int, int]) -> bool:
    """Return whether every trace has the numbers of a grid that was inferred from some; some lines are read at a time.

    Parameters
    ----------
    grid : Grid
        As `sample_grid` returns it.
    layout : Layout
        Of the file.
    pair : (int, int)
        First bytes of inline and crossline number in the trace header.
    """
    slow = 0 if abs(grid.strides[0]) > abs(grid.strides[1]) else 1
    n_slow, n_fast = (len(grid.inlines), len(grid.crosslines))[:: 1 if slow == 0 else -1]
    n_lines = max(1, _HEADERS_AT_A_TIME // n_fast)
    for first in range(0, n_slow, n_lines):
        box = [slice(None), slice(None)]
        box[slow] = slice(first, first + n_lines)
        traces = grid.block(box[0], box[1])
        order = np.argsort(traces, axis=None)
        words = read_header_words(layout, pair, traces.ravel()[order])
        numbers = np.meshgrid(grid.inlines[box[0]], grid.crosslines[box[1]], indexing="ij", copy=False)
        if any((words[byte] != own.ravel()[order]).any() for byte, own in zip(pair, numbers, strict=True)):
            return False
    return True


def sample_grid(layout: Layout, pair: tuple[int, int]) -> Grid | None:
    """Return the regular grid that agrees with the first line and evenly spaced headers, if there is one.

    Parameters
    ----------
    layout : Layout
        Of the file.
    pair : (int, int)
        First bytes of inline and crossline number in the trace header.
    """
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
        # Both ends of evenly spaced lines, and evenly spaced traces anywhere.
        lines = np.unique(np.linspace(0, n_slow - 1, min(n_slow, _N_SPREAD // 4)).astype(np.int64))
        spread = np.linspace(0, n_traces - 1, _N_SPREAD // 2).astype(np.int64)
        some = np.unique(np.concatenate([lines * n_fast, (lines + 1) * n_fast - 1, spread]))
        found = read_header_words(layout, pair, some)
        agrees = (found[pair[slow]] == first[0] + some // n_fast * step_slow) & (
            found[pair[fast]] == first[1] + some % n_fast * step_fast
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
    """Return the number of traces before the slow number first changes."""
    first = None
    for start in range(0, min(layout.n_traces, _LONGEST_LINE), _N_SPREAD):
        block = range(start, min(start + _N_SPREAD, layout.n_traces))
        numbers = read_header_words(layout, (slow, fast), block)
        first = numbers[slow][0] if first is None else first
        changed = np.flatnonzero(numbers[slow] != first)
        if changed.size:
            return start + int(changed[0])
        if start == 0 and (numbers[fast] == numbers[fast][0]).all():
            return None
    return None


def _ascending(first: int, step: int, n: int, stride: int) -> tuple[np.ndarray, int, int]:
    """Return the ascending numbers of an axis, the position of its first and the step between them in the file."""
    numbers = first + step * np.arange(n)
    return (numbers, 0, stride) if step > 0 else (numbers[::-1].copy(), (n - 1) * stride, -stride)
