"""How a run in a worker process is paused, resumed and stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class StoppedError(Exception):
    """A run was stopped."""


class Control:
    """Control words that arrive while a task runs, and the events that it reports.

    Parameters
    ----------
    report : callable
        Takes the name and the data of an event.
    """

    def __init__(self, report: Callable[[str, dict[str, Any]], None]):
        self.report = report
        self._may_go_on = threading.Event()
        self._is_stopped = False

    def begin(self) -> None:
        """Forget the words for earlier tasks; called where a task arrives, so that no later word is lost."""
        self._is_stopped = False
        self._may_go_on.set()

    def obey(self, word: str) -> None:
        """Take a word: pause, resume or stop."""
        if word == "pause":
            self._may_go_on.clear()
        else:
            self._is_stopped = self._is_stopped or word == "stop"
            self._may_go_on.set()

    def check(self) -> None:
        """Wait while paused; raise `StoppedError` where the run was stopped."""
        if not self._may_go_on.is_set():
            self.report("paused", {})
            self._may_go_on.wait()
            if not self._is_stopped:
                self.report("resumed", {})
        if self._is_stopped:
            raise StoppedError
