"""Folders that commands have written, below those that the studio was given."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_DEEPEST = 4
_MOST_FOLDERS = 5000


def find_folders(roots: Iterable[Path], marker: str) -> Iterator[Path]:
    """Yield folders that hold a file of a name, at and below some folders; links are not followed."""
    n_seen = 0
    for root in roots:
        for folder, children, files in os.walk(root):
            n_seen += 1
            depth = len(Path(folder).relative_to(root).parts)
            if marker in files:
                yield Path(folder)
            is_inside = marker in files or depth >= _DEEPEST or n_seen > _MOST_FOLDERS
            children[:] = (
                [] if is_inside else sorted(one for one in children if not one.startswith(".") and ".zarr" not in one)
            )


def id_of(folder: Path) -> str:
    """Return the id of a folder, for links."""
    return hashlib.sha256(str(folder.resolve()).encode(errors="surrogateescape")).hexdigest()[:16]
