"""Check a finished or unfinished job: every block is there, and every shard is the one that was written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seisdream.errors import SeisdreamError
from seisdream.io.stores import Store, open_store
from seisdream.io.written_files import is_ours
from seisdream.io.zarr_arrays import shard_key
from seisdream.volumes.dreams import INLINES
from seisdream.volumes.job import STORES
from seisdream.volumes.marks import read_mark, remove_mark
from seisdream.volumes.plan import Plan, Task
from seisdream.volumes.store import MARKER, digest_of, store_of_job


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
    geometry : dict of str to str
        Files with metadata or coordinates that are gone or have other bytes, and which of both. Only a job that begins
        again (``force=True``) writes them.
    """

    n_blocks: int
    missing: list[Task] = field(default_factory=list)
    damaged: dict[Task, str] = field(default_factory=dict)
    geometry: dict[str, str] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether every block is finished, and nothing is damaged."""
        return not (self.missing or self.damaged or self.geometry)


def verify(
    folder: str | os.PathLike[str], *, repair: bool = False, on_block: Callable[[int, int], None] = lambda done, n: None
) -> Verification:
    """Check every block of a volume job, and the metadata and coordinates of its store.

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
    folder, before = Path(folder), None
    if not is_ours(folder / MARKER):
        raise SeisdreamError(
            f"{folder} holds no volume job of seisdream (no {MARKER}); give the folder that a volume job wrote, "
            "such as volume.predict.",
            code="not-ours",
            option="folder",
        )
    record = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    if (folder / INLINES / MARKER).is_file():
        before = verify(folder / INLINES, repair=repair, on_block=on_block)
    plan, files = Plan.from_dict(record["plan"]), open_store(store_of_job(folder, STORES[record["command"]]))
    found = Verification(len(plan.tasks), geometry=_compare(files, record["geometry"]))
    for number, task in enumerate(plan.tasks, start=1):
        mark = read_mark(folder, task)
        if mark is None:
            found.missing.append(task)
        elif wrong := _compare(files, {shard_key(name, task.index): one for name, one in mark.checksums.items()}):
            found.damaged[task] = ", ".join(f"{key.split('/')[0]} {what}" for key, what in wrong.items())
            if repair:
                remove_mark(folder, task)
        on_block(number, len(plan.tasks))
    if before is not None:
        found.n_blocks += before.n_blocks
        found.missing[:0], found.damaged = before.missing, before.damaged | found.damaged
        found.geometry |= {f"{INLINES}/{key}": what for key, what in before.geometry.items()}
    return found


def _compare(files: Store, checksums: Mapping[str, str]) -> dict[str, str]:
    """Return the files that are gone or have changed, and which of both."""
    found = {key: digest_of(files, key) for key in checksums}
    return {
        key: "is gone" if digest is None else "has changed" for key, digest in found.items() if digest != checksums[key]
    }
