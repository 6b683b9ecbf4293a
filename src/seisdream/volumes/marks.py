"""Which blocks of a job are finished: one small file for each, written after all of its shards."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from seisdream.volumes.plan import Task

BLOCKS = "blocks"
"""The folder of the marks, in the folder of a job."""


@dataclass(frozen=True)
class Mark:
    """What is known of a finished block.

    Attributes
    ----------
    key : str
        Of the task, from settings, network, input block and output.
    checksums : dict of str to str
        SHA-256 of the file of each shard, by variable.
    input_checksum : str
        Of the samples of the input block.
    seconds : dict of str to float
        That reading, computing and writing took.
    """

    key: str
    checksums: dict[str, str]
    input_checksum: str
    seconds: dict[str, float]


def write_mark(folder: Path, task: Task, mark: Mark) -> None:
    """Mark a task as finished; the mark appears whole or not at all."""
    path = _path(folder, task)
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{secrets.token_hex(4)}")
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(asdict(mark), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def read_mark(folder: Path, task: Task) -> Mark | None:
    """Return the mark of a task; None where it is not finished, or was finished by another job."""
    try:
        mark = Mark(**json.loads(_path(folder, task).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return mark if mark.key == task.key else None


def remove_mark(folder: Path, task: Task) -> None:
    """Mark a task as not finished."""
    _path(folder, task).unlink(missing_ok=True)


def unfinished(folder: Path, tasks: Iterable[Task], has_files: Callable[[Task], bool]) -> list[Task]:
    """Return the tasks that have no mark, or not all files of their shard."""
    return [task for task in tasks if read_mark(folder, task) is None or not has_files(task)]


def _path(folder: Path, task: Task) -> Path:
    return folder / BLOCKS / ("-".join(map(str, task.index)) + ".json")
