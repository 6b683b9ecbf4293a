"""Answers that are files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response

SECTION_TYPE = "application/vnd.seisdream.section"
TYPES = {
    ".css": "text/css", ".csv": "text/csv", ".gif": "image/gif", ".html": "text/html", ".jpg": "image/jpeg",
    ".js": "text/javascript", ".json": "application/json", ".mp4": "video/mp4", ".png": "image/png",
    ".svg": "image/svg+xml", ".txt": "text/plain", ".webp": "image/webp", ".woff2": "font/woff2",
}  # fmt: skip
"""Types of the files that browsers show."""

Id = Annotated[str, InPath(pattern=r"^[0-9a-f]{16}$")]
FileName = Annotated[str, InPath(max_length=1000)]


def send_section(path: Path) -> Response:
    """Return a section as the viewer reads it."""
    answer = FileResponse(path, media_type=SECTION_TYPE, headers={"Cache-Control": "private, max-age=3600"})
    answer.chunk_size = 2**20  # Most sections at once: each part costs a change of threads.
    return answer


def send_file(path: Path, headers: Mapping[str, str] | None = None) -> Response:
    """Return a file; what browsers do not show is saved."""
    kind = TYPES.get(path.suffix.lower())
    if kind is None:
        return FileResponse(path, filename=path.name, media_type="application/octet-stream", headers=headers)
    return FileResponse(path, media_type=kind, headers=headers)
