"""The record of the files that seisdream wrote, in the marker file of their folder."""

from __future__ import annotations

import json
from glob import escape
from pathlib import Path
from typing import Any

from seisdream.io.texts import parse_json, read_text
from seisdream.settings import to_json

_RECORD = "written"


def record_of(*patterns: str) -> dict[str, Any]:
    """Return the entry of a marker file that lists the files of its folder, as names or `fnmatch` patterns."""
    return {_RECORD: {"by": "seisdream", "files": list(patterns)}}


def is_ours(marker: Path) -> bool:
    """Return whether seisdream wrote a marker file."""
    return read_patterns(marker) is not None


def record_files(folder: Path, marker: str) -> None:
    """Add the names of all files of a folder to its marker."""
    file = folder / marker
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    content = json.loads(file.read_text(encoding="utf-8")) | record_of(*map(escape, names))
    file.write_text(to_json(content, indent=2) + "\n", encoding="utf-8")


def read_patterns(marker: Path) -> list[str] | None:
    """Return the patterns of the files that seisdream wrote next to a marker; None if the marker is not its own."""
    try:
        record = parse_json(read_text(marker))[_RECORD]
        return [str(pattern) for pattern in record["files"]] if record["by"] == "seisdream" else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
