"""Worker processes of runs: warm ones are kept ready, so that a run begins at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from seisdream.errors import SeisdreamError
from seisdream.studio.workers import Worker, WorkerLostError


class WorkerPool:
    """Workers that wait for a run.

    Parameters
    ----------
    make : callable
        Returns a new worker.
    network : str
        Loaded by a worker that waits.

    Attributes
    ----------
    on_ready : callable
        Called when a worker is ready.
    is_warm : asyncio.Event
        Set when the first worker has been ready.
    """

    def __init__(self, make: Callable[[], Worker], network: str):
        self._make, self._network = make, network
        self._cold: list[Worker] = []
        self._ready: list[Worker] = []
        self._ending: set[asyncio.Task] = set()
        self._warming: asyncio.Task | None = None
        self.on_ready, self.is_warm = lambda: None, asyncio.Event()

    @property
    def states(self) -> list[str]:
        """Of the workers that wait: ready or starting."""
        return ["ready"] * len(self._ready) + ["starting"] * len(self._cold)

    def keep(self, n_waiting: int) -> None:
        """Let so many workers wait: more are started, one after another, or some are ended."""
        while len(self._ready) + len(self._cold) > n_waiting:
            task = asyncio.create_task((self._cold or self._ready).pop(0).close())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        while len(self._ready) + len(self._cold) < n_waiting:
            self._cold.append(self._make())
        if self._cold and (self._warming is None or self._warming.done()):
            self._warming = asyncio.create_task(self._warm())

    def take(self) -> Worker | None:
        """Return a worker that is ready, the last one used first; None where none is."""
        return self._ready.pop() if self._ready else None

    def give_back(self, worker: Worker) -> None:
        """Let a worker wait for the next run, if its process has not ended."""
        if worker.is_alive:
            self._ready.append(worker)

    async def close(self) -> None:
        """End the workers that wait."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        await asyncio.gather(*self._ending, *(one.close() for one in (*self._ready, *self._cold)))

    async def _warm(self) -> None:
        """Warm the workers one after another: together, the first would be ready later."""
        while self._cold:
            worker = self._cold[0]
            with suppress(SeisdreamError, WorkerLostError):  # A run reports it, if it persists.
                await worker.call("warm", {"network": self._network})
            if worker in self._cold:
                self._cold.remove(worker)
                self._ready.append(worker)
            self.is_warm.set()
            self.on_ready()
