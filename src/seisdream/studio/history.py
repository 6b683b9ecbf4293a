"""The history of the studio: its runs, their events and its sections, in a file of SQLite."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

WAITING, ACTIVE = ("queued",), ("running", "paused")
"""States of a run before and while a worker computes it."""
LAST_EVENTS = ("finished", "stopped", "failed", "crashed", "interrupted")
"""Events that end a run; each is the name of its state from then on."""
_NEW_RUN = {
    "created": None,
    "kind": "",
    "title": "",
    "label": "",
    "state": "queued",
    "started": None,
    "ended": None,
    "request": {},
    "settings": None,
    "notes": [],
    "n_states": None,
    "n_done": 0,
    "result": None,
    "error": None,
}
"""The record of a run that waits; what the record of another version lacks is as here."""

_TABLES = """
CREATE TABLE IF NOT EXISTS runs (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    run TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sections (id TEXT PRIMARY KEY, record TEXT NOT NULL);
"""


class Event(NamedTuple):
    """One event of a run; `data` is JSON."""

    id: int
    name: str
    data: str


class History:
    """Runs, events and sections on the disk.

    Parameters
    ----------
    path : Path
        The file of SQLite, made where it does not exist.
    """

    def __init__(self, path: Path):
        # The server uses it in one thread only, which need not be the one that opens it.
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # Runs.

    def add_run(self, record: dict[str, Any]) -> dict[str, Any]:
        """Add a run that waits; return its record with a new id and the time."""
        record = _NEW_RUN | {"id": secrets.token_hex(8), "created": now()} | record
        self._database.execute("INSERT INTO runs (id, record) VALUES (?, ?)", (record["id"], json.dumps(record)))
        return record

    def run(self, run: str) -> dict[str, Any] | None:
        """Return the record of a run; None where there is none."""
        record = self._record("SELECT record FROM runs WHERE id = ?", run)
        return None if record is None else _NEW_RUN | record

    def change_run(self, run: str, **values: Any) -> dict[str, Any]:
        """Change values of a run's record, and return it."""
        record = (self.run(run) or {"id": run}) | values
        self._database.execute("UPDATE runs SET record = ? WHERE id = ?", (json.dumps(record), run))
        return record

    def remove_run(self, run: str) -> None:
        """Remove a run and its events."""
        self._database.execute("DELETE FROM events WHERE run = ?", (run,))
        self._database.execute("DELETE FROM runs WHERE id = ?", (run,))

    def runs(self, limit: int, before: str | None = None) -> list[dict[str, Any]]:
        """Return runs, newest first; those before a run only, where one is named."""
        rows = self._database.execute(
            "SELECT record FROM runs WHERE ? IS NULL OR number < (SELECT number FROM runs WHERE id = ?)"
            " ORDER BY number DESC LIMIT ?",
            (before, before, limit),
        )
        return [_NEW_RUN | json.loads(record) for (record,) in rows]

    def runs_in(self, states: Iterable[str]) -> list[dict[str, Any]]:
        """Return the runs in some states, oldest first."""
        wanted = tuple(states)
        marks = ", ".join("?" * len(wanted))
        rows = self._database.execute(
            f"SELECT record FROM runs WHERE json_extract(record, '$.state') IN ({marks}) ORDER BY number", wanted
        )
        return [_NEW_RUN | json.loads(record) for (record,) in rows]

    # Events.

    def add_event(self, run: str, name: str, data: dict[str, Any]) -> int:
        """Add an event to a run; return its id, which counts up from 1."""
        event = self.last_event(run) + 1
        self._database.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (run, event, name, json.dumps(data)))
        return event

    def events(self, run: str, after: int = 0, limit: int = 500) -> list[Event]:
        """Return the events of a run after one of them, in order."""
        rows = self._database.execute(
            "SELECT id, name, data FROM events WHERE run = ? AND id > ? ORDER BY id LIMIT ?", (run, after, limit)
        )
        return [Event(*row) for row in rows]

    def last_event(self, run: str) -> int:
        """Return the id of the last event of a run, or 0."""
        (last,) = self._database.execute("SELECT MAX(id) FROM events WHERE run = ?", (run,)).fetchone()
        return last or 0

    def steps(self, run: str) -> Iterator[dict[str, Any]]:
        """Yield the data of the steps of a run."""
        rows = self._database.execute("SELECT data FROM events WHERE run = ? AND name = 'step' ORDER BY id", (run,))
        return (json.loads(data) for (data,) in rows)

    # Sections.

    def keep_section(self, record: dict[str, Any]) -> None:
        """Keep the record of a section under its id."""
        self._database.execute("INSERT OR REPLACE INTO sections VALUES (?, ?)", (record["id"], json.dumps(record)))

    def section(self, section: str) -> dict[str, Any] | None:
        """Return the record of a section; None where there is none."""
        return self._record("SELECT record FROM sections WHERE id = ?", section)

    def _record(self, query: str, key: str) -> dict[str, Any] | None:
        row = self._database.execute(query, (key,)).fetchone()
        return None if row is None else json.loads(row[0])


def now() -> str:
    """Return the time, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
