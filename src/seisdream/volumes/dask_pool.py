"""Tasks on a Dask cluster, local or running elsewhere.

Only the tasks and short answers pass through the scheduler: each worker opens the volume and writes its shards itself.
Progress is on the disk, so that nothing is lost with the client. No call waits without a limit, because a future of a
lost worker may stay pending for ever.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.volumes.executors import Outcome, StopJobError, Work, WorkerLostError, attempt, plain
from seisdream.volumes.plan import Task

_CONNECT_S, _POLL_S, _COUNT_S = 30, 1.0, 2.0
# An answer is a few bytes; one that takes longer was lost with its worker, after the task had ended.
_ANSWER_S = 5
# How long a cluster may have no worker, and how long its workers may do nothing although tasks are pending.
_NO_WORKER_S, _STALL_S = 120.0, 60.0
_LOGGERS = ("distributed", "tornado", "asyncio")
_IN_FLIGHT = 2
"""Tasks for each worker: one runs, one waits there."""


class DaskPool:
    """The workers of a Dask cluster.

    Parameters
    ----------
    work : Work
        Called once in each worker process; small, because it is sent with every task.
    scheduler : str, optional
        Address of a running scheduler, such as ``tcp://10.0.0.1:8786``. Default: a cluster on this machine.
    n_workers, n_threads : int
        Of a cluster on this machine: processes, and threads of PyTorch in each. Elsewhere PyTorch has the threads of
        the worker.

    Raises
    ------
    SeisdreamError
        If Dask is not installed (``missing-extra``), or the scheduler cannot be reached (``not-found``).
    """

    def __init__(self, work: Work, scheduler: str | None, n_workers: int, n_threads: int = 1) -> None:
        distributed = require_extra("distributed", "volumes", "A Dask cluster")
        self._work, self._n_threads = work, n_threads if scheduler is None else None
        self._cluster, self._address = None, scheduler or "this machine"
        self._silence = ExitStack()
        self._silence.enter_context(_silenced())
        try:
            if scheduler is None:
                self._cluster = distributed.LocalCluster(
                    n_workers=n_workers,
                    threads_per_worker=1,
                    processes=True,
                    # Each cluster on a port of its own, which this machine alone can reach.
                    dashboard_address="127.0.0.1:0",
                    worker_dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                )
            self._client = self._connect(distributed, self._cluster or scheduler)
        except OSError as error:
            self.close()
            raise SeisdreamError(
                f"The Dask scheduler at {self._address} cannot be reached: {error}. Check the address in `scheduler`.",
                code="not-found",
                option="scheduler",
            ) from error
        self._futures: dict[Any, Task] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._n_submitted = 0
        self._n_workers, self._counted_at, self._last_worker_at = 0, 0.0, time.monotonic()
        self._last_outcome_at = time.monotonic()

    @staticmethod
    def _connect(distributed: Any, cluster: Any) -> Any:
        """Return a client; Dask itself waits for ever where something else than a scheduler listens."""
        found: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def connect() -> None:
            try:
                found.put(distributed.Client(cluster, timeout=_CONNECT_S, set_as_default=False, name="seisdream"))
            except Exception as error:
                found.put(error)

        threading.Thread(target=connect, daemon=True).start()
        try:
            client = found.get(timeout=2 * _CONNECT_S)
        except queue.Empty:
            raise TimeoutError("what listens there does not answer as a scheduler does") from None
        if isinstance(client, Exception):
            raise client
        return client

    @property
    def n_free(self) -> int:
        """How many more tasks can be submitted now."""
        self._count_workers()
        return _IN_FLIGHT * self._n_workers - len(self._futures)

    def submit(self, task: Task) -> None:
        """Submit a task under its own key; each attempt has a new one, because the scheduler remembers failures."""
        self._n_submitted += 1
        key = f"{task.key[:32]}-{self._n_submitted}"
        try:
            future = self._client.submit(_compute, self._work, task, self._n_threads, key=key, pure=False, retries=0)
        except Exception as error:
            raise self._lost(error) from error
        self._futures[future] = task
        future.add_done_callback(self._ended.put)

    def wait(self) -> list[Outcome]:
        """Return what has ended."""
        if not self._futures:
            self._count_workers()
            time.sleep(0.0 if self._n_workers else 0.1)
            return []
        ended = []
        with suppress(queue.Empty):
            ended.append(self._ended.get(timeout=_POLL_S))
            while True:
                ended.append(self._ended.get_nowait())
        if self._client.status not in ("running", "newly-created"):
            raise self._lost(None)
        # One that was given up earlier may still end.
        outcomes = [self._outcome(future) for future in ended if future in self._futures]
        now = time.monotonic()
        if outcomes:
            self._last_outcome_at = now
        elif now - self._last_outcome_at > _STALL_S:
            self._last_outcome_at = now
            outcomes = self._give_up_idle()
        return outcomes

    def _outcome(self, future: Any) -> Outcome:
        task = self._futures.pop(future)
        try:
            if future.status == "finished":
                return Outcome(task, future.result(timeout=_ANSWER_S))
            error = future.exception(timeout=_ANSWER_S) if future.status == "error" else None
        except Exception:
            with suppress(Exception):
                future.cancel()
            return Outcome(task, error=WorkerLostError("the worker was lost before its answer arrived"))
        if error is not None:
            is_plain = isinstance(error, SeisdreamError | RuntimeError)
            return Outcome(task, error=error if is_plain else WorkerLostError(" ".join(str(error).split())))
        return Outcome(task, error=WorkerLostError("the scheduler lost the task"))

    def _give_up_idle(self) -> list[Outcome]:
        """Return all pending tasks as lost where no worker computes any of them."""
        self._count_workers()
        try:
            is_idle = not any(self._client.processing().values())
        except Exception:  # A scheduler that is gone is noticed by its connection.
            is_idle = False
        if not is_idle:
            return []
        tasks = list(self._futures.values())
        with suppress(Exception):
            self._client.cancel(list(self._futures))
        self._futures.clear()
        return [Outcome(task, error=WorkerLostError("no worker computed the task")) for task in tasks]

    def _count_workers(self) -> None:
        """Count the workers of the cluster; raise where there has been none for long."""
        now = time.monotonic()
        if now - self._counted_at < _COUNT_S and self._n_workers:
            return
        try:
            self._n_workers = len(self._client.nthreads())
        except Exception:  # A moment without an answer is no end of the cluster.
            self._n_workers = 0
        self._counted_at = now
        if self._n_workers:
            self._last_worker_at = now
        elif now - self._last_worker_at > _NO_WORKER_S:
            raise StopJobError(f"The Dask cluster at {self._address} has had no worker for {_NO_WORKER_S:g} seconds.")

    def _lost(self, error: Exception | None) -> StopJobError:
        reason = f" ({type(error).__name__}: {' '.join(str(error).split())})" if error is not None else ""
        return StopJobError(f"The connection to the Dask scheduler at {self._address} is lost{reason}.")

    def close(self) -> None:
        """Cancel what is pending, and end a cluster of this machine; a cluster elsewhere goes on."""
        client, cluster = getattr(self, "_client", None), self._cluster
        with suppress(Exception):
            if client is not None and client.status == "running":
                client.cancel(list(getattr(self, "_futures", ())), asynchronous=False)
        for one in (client, cluster):
            with suppress(Exception):
                if one is not None:
                    one.close(timeout=_CONNECT_S)
        self._silence.close()


@contextmanager
def _silenced() -> Iterator[None]:
    """Silence Dask, which writes tracebacks about a lost connection; the job itself states what is lost."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _LOGGERS]
    before = {one: one.level for one in map(logging.getLogger, names)}
    try:
        for one in before:
            one.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for one, level in before.items():
            one.setLevel(level)


_lock = threading.Lock()
_prepared: list[Any] = []


def _compute(work: Work, task: Task, n_threads: int | None) -> Any:
    """Compute a task in a worker of Dask, which prepares itself with the first one.

    One task at a time, whatever threads a worker has: PyTorch uses these itself.
    """
    with _lock:
        if not _prepared or _prepared[0] != work:
            import torch
            from distributed import get_worker

            torch.set_num_threads(n_threads or get_worker().state.nthreads)
            _prepared[:] = [work, work()]
        outcome = attempt(_prepared[1], task)
    if outcome.error is not None:
        raise plain(outcome.error)
    return outcome.value
