"""Progress of a volume job: blocks done, rate and time left, and in a terminal a small map of the blocks."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seisdream.volumes.plan import Plan, Task

_WIDTH, _HEIGHT = 60, 8
_MOMENT_S, _REDRAWN_S, _LOGGED_S = 0.5, 2.0, 60.0
"""Seconds between two drawings in a terminal after events and without any, and between two lines elsewhere, such as in
the log of a cluster."""
_WAITING, _RUNNING, _FAILED, _DONE = range(4)
_SIGNS, _PLAIN_SIGNS = "·▒×█", ".~x#"


class BlockProgress:
    """Draws the progress of a job on the error stream; where that is no terminal, writes a line a minute.

    Until the first block is done, the line has the time since it was begun: workers import, open the volume and load
    the network before it. The rate is that of the blocks of this run, from the time at which the first of them was
    begun by a worker that was ready. Between blocks the time left counts down. Used in a ``with`` block, which ends
    the drawing.

    Parameters
    ----------
    is_shown : bool
        Whether to write anything.
    """

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown, self._is_terminal = is_shown, sys.stderr.isatty()
        self._states: dict[tuple[int, ...], int] = {}
        self._grid = (0, 0, 0)
        self._n_done, self._n_left, self._n_lines = 0, 0, 0
        """Blocks of this run that are done and left, and lines that were drawn last."""
        self._sent_at, self._began, self._done_at, self._drawn_at = 0.0, 0.0, 0.0, 0.0
        self._lock, self._ended = threading.Lock(), threading.Event()

    def __enter__(self) -> BlockProgress:
        if self._is_shown:
            threading.Thread(target=self._redraw, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:  # No drawing is under way, so none follows.
            self._ended.set()

    def begin(self, plan: Plan, left: list[Task]) -> None:
        """Start with the tasks that are left; all others are done."""
        with self._lock:
            self._states = dict.fromkeys((task.index for task in plan.tasks), _DONE) | {
                task.index: _WAITING for task in left
            }
            self._grid, self._n_left, self._n_done = plan.grid, len(left), 0
            self._sent_at = self._drawn_at = time.monotonic()
            if self._is_terminal:
                self._draw()

    def event(self, event: str, task: Task, seconds: float) -> None:
        """Take note of a task that has started, is done after some seconds in a worker, or has failed."""
        with self._lock:
            self._states[task.index] = {"start": _RUNNING, "failed": _FAILED, "done": _DONE}[event]
            if event == "done":
                self._done_at = time.monotonic()
                self._began = self._began if self._n_done else self._done_at - seconds
                self._n_done, self._n_left = self._n_done + 1, self._n_left - 1
            is_last = self._is_terminal and not self._n_left
            if is_last or time.monotonic() - self._drawn_at > (_MOMENT_S if self._is_terminal else _LOGGED_S):
                self._draw()

    def _redraw(self) -> None:
        """Draw every few seconds, or every minute where there is no terminal, while blocks are left, until the end."""
        while not self._ended.wait(_REDRAWN_S):
            with self._lock:
                is_due = self._is_terminal or time.monotonic() - self._drawn_at > _LOGGED_S
                if is_due and self._n_left and not self._ended.is_set():
                    self._draw()

    def _draw(self) -> None:
        if not self._is_shown:
            return
        self._drawn_at = time.monotonic()
        if not self._is_terminal:
            sys.stderr.write(f"{self._status()}\n")
            sys.stderr.flush()
            return
        lines = [self._status(), *self.map_lines()]
        back = f"\x1b[{self._n_lines}F" if self._n_lines else ""
        sys.stderr.write(back + "".join(f"{line}\x1b[K\n" for line in lines))
        sys.stderr.flush()
        self._n_lines = len(lines)

    def _status(self) -> str:
        n_all = len(self._states)
        count = f"{n_all - self._n_left} of {n_all} blocks"
        if not self._n_done:
            waited = time.monotonic() - self._sent_at
            return f"{count}, the next one begun {describe_duration(waited)} ago" if waited > _REDRAWN_S else count
        each = max(self._done_at - self._began, 1e-9) / self._n_done
        left = max(0.0, self._n_left * each - (time.monotonic() - self._done_at))
        return f"{count}, {60.0 / each:.3g} a minute, {describe_duration(left)} left"

    def map_lines(self) -> list[str]:
        """Return the map: inlines down and crosslines across, the samples of each together; one axis is wrapped."""
        n_inlines, n_crosslines, _ = self._grid
        cells: dict[tuple[int, int], list[int]] = {}
        width = min(_WIDTH, n_crosslines if min(n_inlines, n_crosslines) > 1 else max(n_inlines, n_crosslines))
        n_cells = n_inlines * n_crosslines
        is_wrapped = min(n_inlines, n_crosslines) == 1
        height = min(_HEIGHT, -(-n_cells // width) if is_wrapped else n_inlines)
        for (inline, crossline, _), state in self._states.items():
            if is_wrapped:
                cell = divmod((inline + crossline) * min(width * height, n_cells) // n_cells, width)
            else:
                cell = inline * height // n_inlines, crossline * width // n_crosslines
            cells.setdefault(cell, []).append(state)
        signs = _SIGNS if (sys.stderr.encoding or "").lower().startswith("utf") else _PLAIN_SIGNS
        return ["".join(_sign(cells.get((row, column)), signs) for column in range(width)) for row in range(height)]


def _sign(states: list[int] | None, signs: str) -> str:
    """Return one sign for the blocks of a cell: failed or running if any is, done if all are."""
    if not states:
        return " "
    if _FAILED in states:
        return signs[_FAILED]
    if _RUNNING in states or len(set(states)) > 1:
        return signs[_RUNNING]
    return signs[states[0]]


def describe_duration(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
