"""Uploads: streamed to the disk, limited in size and number."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from seisdream.errors import SeisdreamError
from seisdream.studio.sources import SECTION_ENDINGS, UPLOAD

_BUFFER_BYTES = 2**20
_LONGEST_NAME = 100
_PARTIAL = ".partial"


class Uploads:
    """Files that people have uploaded, each in a folder of its own.

    Parameters
    ----------
    folder : Path
        Of all uploads.
    most_bytes, most_files : int
        Limits of one upload, and of their number.
    """

    def __init__(self, folder: Path, most_bytes: int, most_files: int):
        self._folder, self.most_bytes, self._most_files = folder, most_bytes, most_files
        folder.mkdir(parents=True, exist_ok=True)
        for partial in folder.glob(f"*/*{_PARTIAL}"):  # The studio was killed while they arrived.
            shutil.rmtree(partial.parent, ignore_errors=True)

    def list(self) -> list[dict[str, Any]]:
        """Return the uploads, oldest first."""
        files = [path for path in self._folder.glob("*/*") if path.suffix != _PARTIAL and path.is_file()]
        return [_shown(path) for path in sorted(files, key=lambda path: path.stat().st_mtime)]

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> dict[str, Any]:
        """Write an upload to the disk as it arrives.

        Raises
        ------
        SeisdreamError
            If its ending is not known (``unreadable``), or it is too large or one too many (``too-large``).
        """
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)[-_LONGEST_NAME:].lstrip(".") or "upload"
        if Path(safe).suffix.lower() not in SECTION_ENDINGS:
            raise SeisdreamError(
                f"The ending of {name[:_LONGEST_NAME]!r} is not known; upload one of {', '.join(SECTION_ENDINGS)}.",
                code="unreadable",
                option="name",
            )
        if sum(1 for path in self._folder.iterdir() if path.is_dir()) >= self._most_files:
            raise SeisdreamError(
                f"There are {self._most_files} uploads already; remove one.", code="too-large", option="uploads"
            )
        place = self._folder / secrets.token_hex(8)
        place.mkdir()
        try:
            partial = place / f"{safe}{_PARTIAL}"
            await self._write(partial, chunks)
            partial.rename(place / safe)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return _shown(place / safe)

    async def _write(self, path: Path, chunks: AsyncIterator[bytes]) -> None:
        n_bytes, buffer = 0, bytearray()
        with path.open("wb") as file:
            async for chunk in chunks:
                n_bytes += len(chunk)
                if n_bytes > self.most_bytes:
                    raise SeisdreamError(
                        f"The upload is larger than {self.most_bytes / 1e9:g} GB; put the file in the folder of data, "
                        "or allow more with `upload_gb`.",
                        code="too-large",
                        option="upload_gb",
                    )
                buffer += chunk
                if len(buffer) >= _BUFFER_BYTES:
                    await asyncio.to_thread(file.write, buffer)
                    buffer = bytearray()
            file.write(buffer)
        if not n_bytes:
            raise SeisdreamError("The upload is empty.", code="no-signal", option="name")

    def remove(self, upload: str) -> None:
        """Remove an upload; raise `SeisdreamError` (``not-found``) where there is none."""
        place = self._folder / upload
        if not re.fullmatch(r"[0-9a-f]{16}", upload) or not place.is_dir():
            raise SeisdreamError(f"There is no upload {upload[:40]!r}.", code="not-found", option="upload")
        shutil.rmtree(place)


def _shown(path: Path) -> dict[str, Any]:
    return {"source": UPLOAD + path.parent.name, "name": path.name, "bytes": path.stat().st_size}
