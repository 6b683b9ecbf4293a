"""Ctrl-C, and the signals that a closed terminal and a cluster send: a run cleans up and exits with 128 + number."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_NUMBERS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
_received: list[int] = []


class Stop:
    """Whether a run has been asked to stop.

    Attributes
    ----------
    is_requested : bool
        Whether a signal has come.
    """

    is_requested = False


def was_interrupted() -> bool:
    """Return whether a signal has come."""
    return bool(_received)


def exit_code() -> int:
    """Return the exit code of an interrupted run: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def raise_interrupts() -> None:
    """From now on, raise `KeyboardInterrupt` where a signal comes, so that every block cleans up."""
    _received.clear()
    _handle(_raise)


@contextmanager
def stopping_between_steps() -> Iterator[Stop]:
    """Let a first signal request a stop between steps; a second one interrupts at once."""
    stop = Stop()

    def request() -> None:
        if stop.is_requested:
            _raise()
        stop.is_requested = True

    earlier = _handle(request)
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _raise() -> None:
    # A closed terminal sends several signals; the later ones must not interrupt the cleaning up.
    for number in _NUMBERS[1:]:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _handle(react: Callable[[], None]) -> dict[int, Any]:
    """Call a function at each signal that is not ignored, as under nohup; return the handlers until now."""
    owner = os.getpid()

    def handle(number: int, _frame: FrameType | None) -> None:
        if os.getpid() != owner:  # A worker process, which has nothing to clean up.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        _received.append(number)
        react()

    numbers = [number for number in _NUMBERS if signal.getsignal(number) != signal.SIG_IGN]
    return {number: signal.signal(number, handle) for number in numbers}
