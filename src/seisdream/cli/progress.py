"""Progress bars, on the error stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seisdream.dreaming.dream import DreamState


class DreamProgress:
    """A bar with octave, level, score, rate and time left.

    Parameters
    ----------
    n_states : int
        How many steps there will be.
    is_shown : bool
        Whether to draw anything.
    """

    def __init__(self, n_states: int, *, is_shown: bool):
        from tqdm import tqdm

        self._bar = tqdm(total=n_states, unit="step", disable=not is_shown, dynamic_ncols=True, leave=True)

    def __enter__(self) -> DreamProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def see(self, state: DreamState) -> None:
        """Move on by one step."""
        self._bar.set_description(
            f"level {state.level}/{state.n_levels} octave {state.octave}/{state.n_octaves}", refresh=False
        )
        self._bar.set_postfix_str(f"score {state.score:.4g}", refresh=False)
        self._bar.update()


class DeferredProgressBar:
    """A bar that stands from where it is started, after all that can be refused was; then another may follow it.

    Parameters
    ----------
    is_shown : bool
        Whether to draw anything.
    """

    def __init__(self, *, is_shown: bool):
        self._is_shown, self._unit, self._title, self._bar = is_shown, "", "", None

    def __enter__(self) -> DeferredProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def start(self, total: int, unit: str, title: str = "", done: int = 0) -> None:
        """Begin to count, with so many done already."""
        from tqdm import tqdm

        self.__exit__()
        self._unit, self._title = unit, title
        self._bar = tqdm(
            total=total, initial=done, desc=title or None, unit=unit, disable=not self._is_shown, dynamic_ncols=True
        )

    def counts(self, unit: str) -> Callable[..., None]:
        """Return what counts one more, or a number of them, where that is what the bar counts."""

        def see(n: int = 1) -> None:
            if self._bar is not None and self._unit == unit:
                # What turns out to be more than was foreseen is still told with what is left of it.
                self._bar.total = max(self._bar.total, self._bar.n + n)
                self._bar.update(n)

        return see

    def follows(self, unit: str) -> Callable[[int, int], None]:
        """Return what is told how many are done, of how many, and starts the bar when it is told first."""

        def see(done: int, total: int) -> None:
            self.see(done, total, unit)

        return see

    def see(self, done: int, total: int, unit: str, title: str = "") -> None:
        """Move the bar to how many are done, of how many; a new one where the title is new."""
        if self._bar is None or title != self._title:
            self.start(total, unit, title, done if title else 0)
        assert self._bar is not None
        self._bar.update(done - self._bar.n)
