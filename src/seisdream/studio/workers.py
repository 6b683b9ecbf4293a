"""Worker processes: started by the server, spoken to in lines of JSON, and replaced when they die."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from seisdream.errors import SeisdreamError

_LONGEST_LINE = 2**24
_GRACE_S = 5.0

Observer = Callable[[str, dict[str, Any]], None]


class WorkerLostError(Exception):
    """A worker process ended in the middle of a task."""


class TaskTimeoutError(Exception):
    """A task took longer than it may; its worker was killed."""


class Worker:
    """One worker process, which does one task at a time.

    Nothing but JSON goes between the two, so that a worker that a hostile file has taken over can make the server run
    no code.

    Parameters
    ----------
    role : {"reader", "runner"}
        Readers open sections in limited memory; runners hold networks.
    options : dict
        Of `seisdream.studio.worker`: ``data_dir``, ``uploads``, ``networks``, ``threads``.
    """

    def __init__(self, role: str, options: dict[str, Any]):
        self.role, self._options = role, options
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the process, if it does not run."""
        if self.is_alive:
            return
        words = [sys.executable, "-m", "seisdream.studio.worker", self.role, json.dumps(self._options)]
        # A session of its own: Ctrl-C reaches the server alone, which ends its workers.
        self._process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
            start_new_session=True,
        )

    async def call(
        self, task: str, arguments: dict[str, Any], observe: Observer = lambda name, data: None, *, timeout_s=None
    ) -> Any:
        """Let the worker do a task, and return what it returns; tasks wait for each other.

        Parameters
        ----------
        task : str
            Name of the task.
        arguments : dict
            Its arguments, which JSON knows.
        observe : callable, optional
            Called with the name and the data of each event that the task reports.
        timeout_s : float, optional
            Seconds after which the worker is killed.

        Raises
        ------
        SeisdreamError
            That the task raised.
        WorkerLostError
            If the process ended.
        TaskTimeoutError
            If it took too long.
        """
        async with self._lock:
            await self.start()
            try:
                async with asyncio.timeout(timeout_s):
                    self._send({"task": task, "arguments": arguments})
                    return await self._answer(observe)
            except TimeoutError as error:
                await self.end()
                raise TaskTimeoutError(f"It took longer than {timeout_s:g} s.") from error
            except (SeisdreamError, WorkerLostError):
                raise
            except BaseException:
                await self.end()  # What it still sends would be taken for the answer to the next task.
                raise

    def control(self, word: str) -> None:
        """Send a word to the task under way: pause, resume or stop."""
        with suppress(WorkerLostError):
            self._send({"control": word})

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None and self.is_alive:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def close(self) -> None:
        """Let the process end, or end it."""
        if self._process is None or not self.is_alive:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _GRACE_S)
        except TimeoutError:
            await self.end()

    async def end(self) -> None:
        """End the process at once, and wait until it has ended."""
        self.kill()
        if self._process is not None:
            await self._process.wait()

    def _send(self, message: dict[str, Any]) -> None:
        if self._process is None or self._process.stdin is None or not self.is_alive:
            raise WorkerLostError(self._reason())
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _answer(self, observe: Observer) -> Any:
        assert self._process is not None
        while (message := await self._message()) is not None:
            if "event" in message:
                observe(message["event"], message["data"])
            elif "error" in message:
                error = message["error"]
                raise SeisdreamError(error["message"], code=error["code"], option=error["option"])
            else:
                return message["result"]
        await self._process.wait()
        raise WorkerLostError(self._reason())

    async def _message(self) -> dict[str, Any] | None:
        """Return the next message of the process; None at its end."""
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            line = await self._process.stdout.readline()
            return dict(json.loads(line)) if line else None
        except (ValueError, TypeError) as error:  # A line that is too long, or no object of JSON.
            await self.end()
            raise WorkerLostError("The worker process sent what cannot be read.") from error

    def _reason(self) -> str:
        """Return in words how the process ended."""
        code = None if self._process is None else self._process.returncode
        if code is None:
            return "The worker process does not run."
        if code >= 0:
            return f"The worker process ended with exit code {code}."
        name = signal.Signals(-code).name
        cause = ", perhaps because memory ran out" if name == "SIGKILL" else ""
        return f"The worker process was ended by the signal {name}{cause}."
