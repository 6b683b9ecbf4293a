"""Runs: they take turns in worker processes, and their events are kept in the history."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from seisdream.errors import SeisdreamError
from seisdream.studio.history import ACTIVE, LAST_EVENTS, WAITING, Event, History, now
from seisdream.studio.pool import WorkerPool
from seisdream.studio.run_files import FRAMES, MASK
from seisdream.studio.workers import Worker, WorkerLostError

MOST_QUEUED, MOST_PAUSED = 50, 4
"""Runs that may wait, and that may be paused: each of these keeps its process, with what it has computed."""
_STATES = {"queued": "queued", "paused": "paused", "resumed": "running"}
"""States of a run after its events."""


class Signal:
    """Wakes all that wait for something new."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def next(self) -> asyncio.Event:
        """The event that is set when something new comes."""
        return self._event

    def notify(self) -> None:
        """Wake those that wait now."""
        self._event.set()
        self._event = asyncio.Event()


class Runs:
    """Runs of the studio.

    A run computes while it has a turn. A paused run gives its turn to the next one and keeps its process; when it is to
    go on, it waits for a turn like the others.

    Parameters
    ----------
    history : History
        Where runs and events are kept.
    folder : Path
        The folders of the runs.
    pool : WorkerPool
        Processes for runs.
    n_turns : int, default 1
        Runs that compute at the same time.
    """

    def __init__(self, history: History, folder: Path, pool: WorkerPool, n_turns: int = 1):
        self._history, self._folder, self._pool, self._n_turns = history, folder, pool, n_turns
        self._queue: deque[str] = deque()
        self._turns: set[str] = set()
        self._workers: dict[str, Worker] = {}
        self._tasks: set[asyncio.Task] = set()
        self._signals: dict[str, Signal] = {}
        self.changed = Signal()

    # Life.

    def start(self) -> None:
        """Take up what an earlier studio left: a run that had begun was interrupted, the others wait on."""
        for record in self._history.runs_in(ACTIVE + WAITING):
            if record["state"] in ACTIVE or record["started"]:
                data = {"message": "The studio ended while this run was under way; start it again.", "code": "changed"}
                self._end(record["id"], "interrupted", data | {"option": None})
            else:
                self._queue.append(record["id"])
        self._pool.on_ready = self._take_turns
        self._take_turns()

    async def close(self) -> None:
        """End the workers, and the runs that they compute."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pool.close()

    @property
    def is_busy(self) -> bool:
        """Whether a run is under way, paused or waits."""
        return bool(self._workers or self._queue)

    def state(self) -> dict[str, Any]:
        """Return the state of the workers and the queue, as the API shows them."""
        runs = [{"state": "busy" if run in self._turns else "paused", "run": run} for run in self._workers]
        return {
            "workers": [*runs, *({"state": state, "run": None} for state in self._pool.states)],
            "queue": list(self._queue),
        }

    # Requests.

    def add(
        self, request: dict[str, Any], title: str, label: str = "", mask: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Add a run to the queue.

        Parameters
        ----------
        request : dict
            ``kind`` and what the task of this name takes.
        title : str
            Of the line that it works on.
        label : str
            Free text.
        mask : dict, optional
            Drawn by hand; it may be large, so it is kept in a file of its own.

        Raises
        ------
        SeisdreamError
            If too many runs wait (``too-large``).
        """
        if len(self._queue) >= MOST_QUEUED:
            raise SeisdreamError(
                f"{MOST_QUEUED} runs wait already; wait until some have ended, or remove some.", code="too-large"
            )
        record = self._history.add_run({"kind": request["kind"], "title": title, "label": label, "request": request})
        self.folder(record["id"]).mkdir(parents=True)
        if mask is not None:
            (self.folder(record["id"]) / MASK).write_text(json.dumps(mask), encoding="utf-8")
        self._queue_up(record["id"])
        return self.shown(record["id"])

    def folder(self, run: str) -> Path:
        """Return the folder of a run."""
        return self._folder / run

    def shown(self, run: str) -> dict[str, Any]:
        """Return a run as the API shows it; raise `SeisdreamError` (``not-found``) where there is none."""
        record = self._history.run(run)
        if record is None:
            raise SeisdreamError(f"There is no run '{run[:40]}'.", code="not-found", option="run")
        frames = self.folder(run) / FRAMES
        return record | {
            "link": f"/runs/{run}",
            "section": record["request"].get("section_id"),
            "line": record["request"].get("line", {}),
            "position": self._queue.index(run) + 1 if run in self._queue else None,
            "has_mask": (self.folder(run) / MASK).is_file(),
            "frames": sorted(int(path.stem) for path in frames.glob("*.bin")) if frames.is_dir() else [],
            "last_event": self._history.last_event(run),
        }

    def listed(self, limit: int, before: str | None = None) -> list[dict[str, Any]]:
        """Return what a list shows of runs, newest first; of those before a run only, where one is named."""
        return [_short(record) for record in self._history.runs(limit, before)]

    def pause(self, run: str) -> None:
        """Pause a run after its present step; the next one in the queue has its turn."""
        self._require(run, "running")
        if len(self._workers) - len(self._turns) >= MOST_PAUSED:
            raise SeisdreamError(
                f"{MOST_PAUSED} runs are paused already, and each keeps its process; let one go on, or stop it.",
                code="changed",
                option="run",
            )
        self._workers[run].control("pause")

    def resume(self, run: str) -> None:
        """Let a paused run go on when it has a turn again."""
        self._require(run, "paused")
        self._queue_up(run)

    def stop(self, run: str) -> None:
        """Stop a run: whole levels are kept. A second request ends its worker."""
        record = self._require(run, "queued", "running", "paused")
        if run in self._queue:
            self._queue.remove(run)
        if run not in self._workers:
            self._end(run, "stopped", {"result": None})
        elif record.get("is_stopping"):
            self._workers[run].kill()
        else:
            self._history.change_run(run, is_stopping=True)
            self._workers[run].control("stop")

    def remove(self, run: str) -> None:
        """Remove a run and its files."""
        self._require(run, *(() if run in self._workers else WAITING), *LAST_EVENTS)
        if run in self._queue:
            self._queue.remove(run)
        self._history.remove_run(run)
        shutil.rmtree(self.folder(run), ignore_errors=True)
        self._signal(run).notify()
        self.changed.notify()

    async def events(self, run: str, after: int) -> AsyncIterator[Event]:
        """Yield the events of a run after one of them, until its last; they come from the disk, so none is lost."""
        while True:
            arrived = self._signal(run).next
            events = self._history.events(run, after)
            for event in events:
                yield event
                after = event.id
                if event.name in LAST_EVENTS:
                    self._signals.pop(run, None)
                    return
            if not events:
                if self._history.run(run) is None:
                    return
                await arrived.wait()

    # The work.

    def _queue_up(self, run: str) -> None:
        self._queue.append(run)
        self._event(run, "queued", {"position": len(self._queue)})
        self._take_turns()

    def _take_turns(self) -> None:
        """Let runs of the queue compute, as many as may, and keep a worker ready for each free turn and one more."""
        while self._queue and len(self._turns) < self._n_turns:
            run = self._queue[0]
            worker = self._workers.get(run) or self._pool.take()
            if worker is None:
                break
            self._queue.popleft()
            self._turns.add(run)
            if run in self._workers:
                worker.control("resume")
                continue
            self._workers[run] = worker
            self._history.change_run(run, state="running", started=now())
            self.changed.notify()
            task = asyncio.create_task(self._compute(run, worker))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._pool.keep(self._n_turns - len(self._turns) + 1)

    def _give_turn(self, run: str) -> None:
        """Give the turn of a run to the next one."""
        self._turns.discard(run)
        self._take_turns()

    async def _compute(self, run: str, worker: Worker) -> None:
        """Let a worker compute a run, and keep how it ends."""
        try:
            await self._call(run, worker)
        except Exception as error:  # Such as a full disk: later runs have their chance.
            await worker.end()
            with suppress(OSError, sqlite3.Error):
                message = f"The run could not be kept: {type(error).__name__}: {error}."
                self._end(run, "failed", {"message": message, "code": "write-failed", "option": None})
        finally:
            del self._workers[run]
            if run in self._queue:
                self._queue.remove(run)
        self._pool.give_back(worker)
        self._give_turn(run)

    async def _call(self, run: str, worker: Worker) -> None:
        record = self._history.run(run)
        assert record is not None
        try:
            result = await worker.call(
                record["kind"],
                {"request": record["request"], "folder": str(self.folder(run))},
                lambda name, data: self._event(run, name, data),
            )
        except SeisdreamError as error:
            self._end(run, "failed", {"message": str(error), "code": error.code, "option": error.option})
        except WorkerLostError as error:
            if (self._history.run(run) or {}).get("is_stopping"):
                self._end(run, "stopped", {"result": None})
                return
            message = (
                f"{error} The next run has a new one; start this one again, on a smaller section if memory ran out."
            )
            self._end(run, "crashed", {"message": message, "code": "crashed", "option": None})
        else:
            is_stopped = bool(result.pop("stopped", False))
            notes, settings = result.pop("notes", None), result.pop("settings", None)
            known = {name: value for name, value in (("notes", notes), ("settings", settings)) if value is not None}
            self._history.change_run(run, **known)
            self._end(run, "stopped" if is_stopped else "finished", {"result": result or None})

    def _event(self, run: str, name: str, data: dict[str, Any]) -> None:
        """Keep an event, and what it changes in the record of its run."""
        if name == "started":
            record = self._history.change_run(run, **{key: data[key] for key in ("settings", "notes", "n_states")})
            if record.get("is_stopping"):  # The worker had not begun when it was to stop.
                self._workers[run].control("stop")
        elif name in _STATES:
            self._history.change_run(run, state=_STATES[name])
        elif name == "step":
            self._history.change_run(run, n_done=data["state"])
        elif name == "progress":
            self._history.change_run(run, n_done=data["done"], n_states=data["total"])
        elif name == "note":
            notes = (self._history.run(run) or {}).get("notes", [])
            self._history.change_run(run, notes=[*notes, data["text"]])
        self._history.add_event(run, name, data)
        self._signal(run).notify()
        if name not in ("step", "progress"):
            self.changed.notify()
        if name == "paused":
            self._give_turn(run)

    def _end(self, run: str, name: str, data: dict[str, Any]) -> None:
        error = None if "result" in data else data
        self._history.change_run(run, state=name, ended=now(), result=data.get("result"), error=error)
        self._event(run, name, data)
        self._signals.pop(run, None)

    def _signal(self, run: str) -> Signal:
        return self._signals.setdefault(run, Signal())

    def _require(self, run: str, *states: str) -> dict[str, Any]:
        record = self.shown(run)
        if record["state"] not in states:
            raise SeisdreamError(
                f"The run is {record['state']}; this needs one that is {' or '.join(states)}.",
                code="changed",
                option="run",
            )
        return record


def _short(record: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "kind", "title", "label", "state", "created", "started", "ended", "n_states", "n_done", "error")
    request = record["request"]
    known = {
        "link": f"/runs/{record['id']}",
        "network": request.get("network"),
        "section": request.get("section_id"),
    }
    return {name: record[name] for name in names} | known
