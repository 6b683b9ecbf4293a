"""Volume jobs on the disk: which of their blocks are finished, read from their marks."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

from seisdream.studio.folders import id_of
from seisdream.volumes.marks import BLOCKS
from seisdream.volumes.plan import Plan

MARKER = "job.json"
"""The record of a job, in its folder."""
_LOCK, _MISSING = "lock", "missing.txt"
OPEN, FINISHED, FAILED = 0, 1, 2
"""States of a block."""


def describe_job(folder: Path, *, with_blocks: bool = False) -> dict[str, Any] | None:
    """Return what is known of a job; None where its record cannot be read.

    Parameters
    ----------
    folder : Path
        Of the job.
    with_blocks : bool, default False
        Add ``grid`` and the state of each block, in the order of rows.
    """
    try:
        record = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        grid = Plan.from_dict(record["plan"]).grid
        provenance = record["provenance"]
        described = {
            "id": id_of(folder),
            "folder": str(folder),
            "command": record["command"],
            "network": provenance["network"]["name"],
            "input": provenance["input"]["source"],
            "total": math.prod(grid),
            "is_running": _is_locked(folder),
        }
        marks = {path.stem for path in (folder / BLOCKS).glob("*.json")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    names = ["-".join(map(str, index)) for index in itertools.product(*map(range, grid))]
    described["done"] = sum(name in marks for name in names)
    if with_blocks:
        failed = _failed(folder)
        states = (FINISHED if name in marks else FAILED if name in failed else OPEN for name in names)
        described |= {"grid": list(grid), "blocks": list(states)}
    return described


def _failed(folder: Path) -> set[str]:
    """Return the blocks that the last run listed as missing with a reason."""
    try:
        lines = (folder / _MISSING).read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    named = (line.removeprefix("block ").partition(": ") for line in lines)
    return {block.replace(",", "-") for block, _, reason in named if reason and reason != "not computed"}


def _is_locked(folder: Path) -> bool:
    """Return whether a process writes to the job, where the system lists its locks."""
    try:
        inode = (folder / _LOCK).stat().st_ino
        return f":{inode} " in Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return False
