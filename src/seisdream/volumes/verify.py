"""Check a finished or unfinished job: every block is there, and every shard is the one that was written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from seisdream.errors import SeisdreamError
from seisdream.io.written_files import is_ours
from seisdream.volumes.job import MARKER, STORES
from seisdream.volumes.marks import read_mark, remove_mark
from seisdream.volumes.plan import Plan, Task
from seisdream.volumes.store import open_result


@dataclass
class Verification:
    """What is wrong with a job's output.

    Attributes
    ----------
    n_blocks : int
        Of the plan.
    missing : list of Task
        Blocks that are not finished.
    damaged : dict of Task to str
        Finished blocks with a shard that is gone or has other bytes, and which.
    """

    n_blocks: int
    missing: list[Task] = field(default_factory=list)
    damaged: dict[Task, str] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether every block is finished and undamaged."""
        return not self.missing and not self.damaged


def verify(
    folder: str | os.PathLike[str], *, repair: bool = False, on_block: Callable[[int, int], None] = lambda done, n: None
) -> Verification:
    """Check every block of a volume job.

    Parameters
    ----------
    folder : path
        Of the job.
    repair : bool, default False
        Mark damaged blocks as not finished, so that the job's command computes them again.
    on_block : callable, optional
        Called with how many blocks are checked, and of how many.

    Raises
    ------
    SeisdreamError
        If the folder holds no volume job (``not-ours``).
    """
    folder = Path(folder)
    if not is_ours(folder / MARKER):
        raise SeisdreamError(
            f"{folder} holds no volume job of seisdream (no {MARKER}); give the folder that a command wrote with "
            "`volume=True`.",
            code="not-ours",
            option="folder",
        )
    record = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    plan, store = Plan.from_dict(record["plan"]), open_result(folder / STORES[record["command"]])
    found = Verification(len(plan.tasks))
    for number, task in enumerate(plan.tasks, start=1):
        mark = read_mark(folder, task)
        if mark is None:
            found.missing.append(task)
        else:
            digests = {name: store.shard_digest(name, task.index) for name in plan.dtypes}
            if wrong := [name for name, digest in digests.items() if digest != mark.checksums.get(name)]:
                found.damaged[task] = ", ".join(
                    f"{name} {'is gone' if digests[name] is None else 'has changed'}" for name in wrong
                )
                if repair:
                    remove_mark(folder, task)
        on_block(number, len(plan.tasks))
    return found
