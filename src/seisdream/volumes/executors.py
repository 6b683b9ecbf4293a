"""Where tasks run: in this process, in processes of this machine, or on a Dask cluster; a few at a time, with retries.

A pool takes one task for each free slot and returns what became of it. `run_tasks` is the one loop around all pools.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from typing import Any, Protocol

from seisdream.errors import SeisdreamError
from seisdream.volumes.plan import Task

MOST_ATTEMPTS = 3
"""How often a block is tried before it is listed as failed."""
_END_S = 5.0
# Worker processes that may end one after the other without a block in between.
_MOST_LOST = 10

Work = Callable[[], Callable[[Task], Any]]
"""Prepares a worker (opens the volume, loads the network), and returns what a task is computed with; picklable."""


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt.

    Attributes
    ----------
    task : Task
        The task.
    value : object
        What the task returned.
    error : Exception or None
        Why it failed.
    """

    task: Task
    value: Any = None
    error: Exception | None = None


class WorkerLostError(Exception):
    """A worker process ended during a task."""


class StopJobError(Exception):
    """Nothing more can be done: the disk is full, the cluster is gone, or no worker can start."""


class Pool(Protocol):
    """Slots in which tasks run."""

    @property
    def n_free(self) -> int:
        """How many more tasks can be submitted now."""
        ...

    def submit(self, task: Task) -> None:
        """Start a task in a free slot."""
        ...

    def wait(self) -> list[Outcome]:
        """Return what has ended; wait for a moment where nothing has."""
        ...

    def close(self) -> None:
        """End all workers; what they have not finished is lost."""
        ...


@dataclass
class Run:
    """What a run of tasks has come to.

    Attributes
    ----------
    failed : dict of Task to str
        The last error of each task that failed as often as it may.
    stopped : str
        Why the run ended early; "" where it did not.
    """

    failed: dict[Task, str] = field(default_factory=dict)
    stopped: str = ""


def run_tasks(
    pool: Pool,
    tasks: Iterable[Task],
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
    on_start: Callable[[Task], None] = lambda task: None,
) -> Run:
    """Run tasks in a pool, a few at a time; a task that fails is tried again after the others.

    Parameters
    ----------
    pool : Pool
        Closed at the end, whatever happens.
    tasks : iterable of Task
        What to do.
    on_outcome, on_start : callable, optional
        Called after each attempt, and before it.
    """
    waiting, n_failures, run, n_running = deque(tasks), dict[Task, int](), Run(), 0
    try:
        while waiting or n_running:
            while waiting and pool.n_free > 0:
                on_start(waiting[0])
                pool.submit(waiting.popleft())
                n_running += 1
            for outcome in pool.wait():
                n_running -= 1
                on_outcome(outcome)
                if outcome.error is None:
                    continue
                if _is_final(outcome.error):
                    raise StopJobError(str(outcome.error))
                count = n_failures[outcome.task] = n_failures.get(outcome.task, 0) + 1
                if count < MOST_ATTEMPTS:
                    waiting.append(outcome.task)
                else:
                    run.failed[outcome.task] = str(outcome.error) or type(outcome.error).__name__
    except StopJobError as error:
        run.stopped = str(error)
    finally:
        pool.close()
    return run


def _is_final(error: Exception) -> bool:
    """Return whether no other task can succeed either: the output cannot be written."""
    return isinstance(error, StopJobError) or (isinstance(error, SeisdreamError) and error.code == "write-failed")


class SerialPool:
    """One task at a time, in this process."""

    def __init__(self, work: Work) -> None:
        self._run, self._task = work(), None

    @property
    def n_free(self) -> int:
        """1 where nothing runs."""
        return int(self._task is None)

    def submit(self, task: Task) -> None:
        """Take the task that `wait` will compute."""
        self._task = task

    def wait(self) -> list[Outcome]:
        """Compute the task."""
        task, self._task = self._task, None
        return [] if task is None else [attempt(self._run, task)]

    def close(self) -> None:
        """Do nothing: there is no worker."""


class ProcessPool:
    """Spawned processes of this machine, each with the network loaded once; one that ends is replaced.

    Parameters
    ----------
    work : Work
        Called once in each process.
    n_workers : int
        Number of processes.
    n_threads : int
        Threads of PyTorch in each.
    """

    def __init__(self, work: Work, n_workers: int, n_threads: int = 1) -> None:
        self._work, self._n_threads, self._n_lost = work, n_threads, 0
        self._workers: list[_Process] = [self._start() for _ in range(n_workers)]

    def _start(self) -> _Process:
        return _Process(self._work, self._n_threads)

    @property
    def n_free(self) -> int:
        """How many processes have nothing to do."""
        return sum(one.task is None for one in self._workers)

    def submit(self, task: Task) -> None:
        """Send a task to a process that has nothing to do."""
        worker = next(one for one in self._workers if one.task is None)
        worker.task = task
        with suppress(BrokenPipeError, ConnectionResetError):  # It has ended, which `wait` notices.
            worker.pipe.send(task)

    def wait(self) -> list[Outcome]:
        """Return what has ended; where a process has ended, its task has failed and another process takes its place."""
        busy = {one.pipe: one for one in self._workers if one.task is not None}
        outcomes = []
        for pipe in connection.wait(list(busy), timeout=1.0):
            worker = busy[pipe]  # pyright: ignore[reportArgumentType]
            task, worker.task = worker.task, None
            assert task is not None
            try:
                kind, value = worker.pipe.recv()
            except (EOFError, OSError):
                error = WorkerLostError(worker.describe_end())
                outcomes.append(Outcome(task, error=error))
                worker.end()
                self._n_lost += 1
                if self._n_lost > _MOST_LOST + len(self._workers):
                    raise StopJobError(f"No worker stays alive: {error}.") from None
                self._workers[self._workers.index(worker)] = self._start()
                continue
            self._n_lost = 0
            if kind == "unprepared":
                raise StopJobError(f"A worker cannot start: {value}")
            outcomes.append(Outcome(task, error=value) if kind == "failed" else Outcome(task, value))
        return outcomes

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.end()


class _Process:
    """One worker process with the pipe to it and the task that it has."""

    def __init__(self, work: Work, n_threads: int) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.task: Task | None = None
        self._process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        # PyTorch and the libraries that it uses read these when they are imported.
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
        before = {name: os.environ.get(name) for name in names}
        try:
            os.environ.update(dict.fromkeys(names, str(n_threads)))
            self._process.start()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()

    def describe_end(self) -> str:
        self._process.join(_END_S)
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            out_of_memory = "; the system may have run out of memory" if -code == signal.SIGKILL else ""
            return f"the worker process was ended by {name}{out_of_memory}"
        return f"the worker process ended with code {code}"

    def stop(self) -> None:
        """Ask the process to end, without waiting for it; one that has no task ends when its pipe is closed."""
        self.pipe.close()
        if self.task is not None:
            self._process.terminate()

    def end(self) -> None:
        """End the process, and wait until it has ended."""
        self.stop()
        self._process.join(_END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(pipe: connection.Connection, work: Work) -> None:
    """Compute the tasks that come through a pipe until it is closed, in a process of its own."""
    # Ctrl-C reaches all processes of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # An orderly end, which gives back what the process holds: locks of libraries, files that are not whole.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        run = work()
    except Exception as error:
        try:
            pipe.recv()
            pipe.send(("unprepared", _one_line(error)))
        except (EOFError, OSError):
            pass
        return
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return  # The job has ended, or was killed.
        outcome = attempt(run, task)
        answer = ("done", outcome.value) if outcome.error is None else ("failed", plain(outcome.error))
        try:
            pipe.send(answer)
        except OSError:
            return


def attempt(run: Callable[[Task], Any], task: Task) -> Outcome:
    """Compute a task; an error of any kind is its outcome."""
    try:
        return Outcome(task, run(task))
    except MemoryError as error:
        details = f" ({_details(error)})" if str(error) else ""
        message = f"The worker is out of memory{details}; use fewer `workers`, or a smaller `block`."
        return Outcome(task, error=SeisdreamError(message, code="too-large", option="block"))
    except Exception as error:
        return Outcome(task, error=error)


def plain(error: Exception) -> Exception:
    """Return an error that every process can read: a `SeisdreamError` keeps its code."""
    if isinstance(error, SeisdreamError):
        return SeisdreamError(str(error), code=error.code, option=error.option)
    return RuntimeError(_one_line(error))


def _one_line(error: BaseException) -> str:
    text = _details(error)
    return text if isinstance(error, SeisdreamError) else f"{type(error).__name__}: {text}"


def _details(error: BaseException) -> str:
    return " ".join(str(error).split())
