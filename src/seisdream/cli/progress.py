"""One progress bar, on the error stream of a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seisdream.dreaming.dream import DreamState


class ProgressBar:
    """A bar that appears with the first progress, after everything that can be refused has been.

    Nothing is drawn where the error stream is no terminal.

    Parameters
    ----------
    is_shown : bool
        Whether to draw anything.
    """

    def __init__(self, *, is_shown: bool):
        self._is_shown = is_shown and sys.stderr.isatty()
        self._unit, self._title, self._bar = "", "", None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def start(self, total: int, unit: str, title: str = "", done: int = 0) -> None:
        """Begin to count, with so many done already."""
        from tqdm import tqdm

        self.__exit__()
        self._unit, self._title = unit, title
        self._bar = tqdm(
            total=total, initial=done, desc=title or None, unit=unit, disable=not self._is_shown, dynamic_ncols=True
        )

    def advance(self, n: int = 1, *, label: str = "", values: str = "") -> None:
        """Count more, with what is being done before the bar and values after it."""
        assert self._bar is not None
        if label:
            self._bar.set_description(label, refresh=False)
        if values:
            self._bar.set_postfix_str(values, refresh=False)
        # Where there is more to do than was expected, the rest stays in sight.
        self._bar.total = max(self._bar.total, self._bar.n + n)
        self._bar.update(n)

    def step(self, state: DreamState, n_states: int) -> None:
        """Count a step of a dream, with its level, octave and score."""
        if self._bar is None:
            self.start(n_states, "step")
        label = f"level {state.level}/{state.n_levels} octave {state.octave}/{state.n_octaves}"
        self.advance(label=label, values=f"score {state.score:.4g}")

    def counter(self, unit: str) -> Callable[..., None]:
        """Return a function that counts one more, or more, where the bar counts this unit."""

        def count(n: int = 1) -> None:
            if self._bar is not None and self._unit == unit:
                self.advance(n)

        return count

    def callback(self, unit: str) -> Callable[[int, int], None]:
        """Return a function of how many are done and of how many, which starts the bar."""

        def set_progress(done: int, total: int) -> None:
            self.set(done, total, unit)

        return set_progress

    def set(self, done: int, total: int, unit: str, title: str = "") -> None:
        """Move the bar to how many are done, of how many; a new title starts a new bar."""
        if self._bar is None or title != self._title:
            self.start(total, unit, title, done if title else 0)
        assert self._bar is not None
        self._bar.update(done - self._bar.n)
