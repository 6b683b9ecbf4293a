"""Progress of a volume job: blocks done, rate and time left, and in a terminal a small map of the blocks."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seisdream.volumes.plan import Plan, Task

_WIDTH, _HEIGHT = 60, 8
_MOMENT_S, _LOGGED_S = 0.5, 60.0
"""Seconds between two drawings in a terminal, and between two lines elsewhere, such as in the log of a cluster."""
_WAITING, _RUNNING, _FAILED, _DONE = range(4)
_SIGNS, _PLAIN_SIGNS = "·▒×█", ".~x#"


class BlockProgress:
    """Draws the progress of a job on the error stream; where that is no terminal, writes a line a minute.

    Parameters
    ----------
    is_shown : bool
        Whether to write anything.
    """

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown, self._is_terminal = is_shown, sys.stderr.isatty()
        self._states: dict[tuple[int, ...], int] = {}
        self._grid = (0, 0, 0)
        self._n_done, self._n_all, self._n_lines = 0, 0, 0
        self._began, self._drawn_at = 0.0, 0.0

    def begin(self, plan: Plan, left: list[Task]) -> None:
        """Start with the tasks that are left; all others are done."""
        self._states = dict.fromkeys((task.index for task in plan.tasks), _DONE) | {
            task.index: _WAITING for task in left
        }
        self._grid, self._n_all, self._n_done = plan.grid, len(left), 0
        self._began = self._drawn_at = time.monotonic()
        if self._is_terminal:
            self._draw()

    def event(self, event: str, task: Task) -> None:
        """Take note of a task that has started, is done or has failed."""
        self._states[task.index] = {"start": _RUNNING, "failed": _FAILED, "done": _DONE}[event]
        self._n_done += event == "done"
        is_last = self._is_terminal and self._n_done == self._n_all
        if is_last or time.monotonic() - self._drawn_at > (_MOMENT_S if self._is_terminal else _LOGGED_S):
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
        seconds = time.monotonic() - self._began
        if not self._n_done:
            return f"0 of {self._n_all} blocks"
        left = (self._n_all - self._n_done) * seconds / self._n_done
        rate = 60.0 * self._n_done / max(seconds, 1e-9)
        return f"{self._n_done} of {self._n_all} blocks, {rate:.3g} a minute, {describe_duration(left)} left"

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
