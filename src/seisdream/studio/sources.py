"""What a request may open: samples, noise, files below one folder, and uploads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from seisdream.atlas.settings import ATLAS_FILE
from seisdream.errors import SeisdreamError
from seisdream.studio.folders import find_folders, id_of

SAMPLES = {
    "sample:built-in": "Generated section with salt, faults and clinoforms",
    "sample:f3": "Inline 362 of F3, Dutch North Sea; downloaded once",
    "sample:npra": "Line 31-81, Alaska; downloaded once",
}
"""Samples, and what a person reads of them."""
DATA, UPLOAD, CONCEPTS = "data:", "upload:", "concepts:"
"""How the names of files below the folder of data, of uploads, and of concepts in other atlases begin."""
CONCEPTS_FILE = "concepts.json"
"""The record of a set of concepts, in its folder."""
SECTION_ENDINGS = (
    ".sgy", ".segy", ".su", ".gz", ".npy", ".npz", ".nc", ".nc4", ".h5", ".hdf5", ".mat", ".seisnc", ".dat", ".bin",
    ".raw", ".png", ".jpg", ".jpeg", ".tif", ".tiff",
)  # fmt: skip
"""Endings of files that can be opened or uploaded."""
STORE_ENDINGS = (".zarr", ".mdio")
PAGE_ENDING = ".html"
"""Of the pages that the commands write, such as those of results, sheets and comparisons."""
_MOST_NOISE = 4_000_000
_MOST_ENTRIES = 2000
_UPLOAD_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Sources:
    """Turns the names that requests use into paths, and refuses all others.

    Attributes
    ----------
    data_dir : Path or None
        Folder below which files can be opened.
    uploads : Path
        Folder of uploads, each in a folder of its own.
    atlases : tuple of Path
        Further folders with atlases, whose concepts can be dreamed.
    """

    data_dir: Path | None
    uploads: Path
    atlases: tuple[Path, ...] = ()

    def resolve(self, source: str) -> str:
        """Return the path of a source, or the name of a sample or of noise.

        Raises
        ------
        SeisdreamError
            If there is no such source (``not-found``), it lies elsewhere (``not-found``, so that an answer does not
            disclose what exists), or it is too large (``too-large``).
        """
        if source in SAMPLES:
            return source
        if match := re.fullmatch(r"noise:(\d{1,6})x(\d{1,6})", source):
            if int(match[1]) * int(match[2]) > _MOST_NOISE:
                raise SeisdreamError(
                    f"{source} has more than {_MOST_NOISE} samples; use less.", code="too-large", option="source"
                )
            return source
        if source.startswith(DATA) and self.data_dir is not None:
            return str(_confined(self.data_dir, source.removeprefix(DATA), source))
        if source.startswith(UPLOAD) and _UPLOAD_ID.fullmatch(source.removeprefix(UPLOAD)):
            found = sorted((self.uploads / source.removeprefix(UPLOAD)).glob("*"))
            if len(found) == 1 and found[0].is_file() and not found[0].is_symlink():
                return str(found[0])
        if source.startswith(CONCEPTS):
            for name, folder in self.concepts():
                if name == source:
                    return str(folder)
        raise _absent(source)

    def holds(self, path: str) -> bool:
        """Return whether a path lies below the folder of data, or is of an upload."""
        roots = [self.uploads] if self.data_dir is None else [self.data_dir, self.uploads]
        return any(Path(path).resolve().is_relative_to(root.resolve()) for root in roots)

    def concepts(self) -> Iterator[tuple[str, Path]]:
        """Yield the folders of concepts below the folder of data and in atlases, with their names in requests."""
        if self.data_dir is not None:
            root = self.data_dir.resolve()
            for folder in find_folders([root], CONCEPTS_FILE):
                yield f"{DATA}{folder.relative_to(root).as_posix()}", folder
        for folder in find_folders(self.atlases, CONCEPTS_FILE):
            yield f"{CONCEPTS}{id_of(folder)}", folder

    def page(self, path: str) -> Path:
        """Return the path of a page below the folder of data; raise `SeisdreamError` (``not-found``) without one."""
        if self.data_dir is not None:
            found = _confined(self.data_dir, path, path)
            if _kind(found) == "page":
                return found
        raise _absent(path)

    def folder(self, path: str) -> list[dict[str, Any]]:
        """Return the content of a folder below the folder of data; files that are probably no sections come last."""
        if self.data_dir is None:
            raise SeisdreamError(
                "No folder of data was given; start the studio with `data_dir`.", code="not-found", option="data_dir"
            )
        folder = _confined(self.data_dir, path, path) if path else self.data_dir.resolve()
        if not folder.is_dir() or folder.suffix in STORE_ENDINGS:
            raise _absent(path)
        root, entries = self.data_dir.resolve(), []
        children = sorted(folder.iterdir(), key=lambda child: (_kind(child) == "other", child.name.lower()))
        for child in children[:_MOST_ENTRIES]:
            name = child.name.encode("utf-8", "replace").decode()
            if name.startswith(".") or name != child.name or not child.resolve().is_relative_to(root):
                continue
            below = child.relative_to(root).as_posix()
            entries.append(
                {
                    "name": name,
                    "path": below,
                    "source": DATA + below,
                    "kind": _kind(child),
                    "bytes": child.stat().st_size if child.is_file() else 0,
                }
            )
        return entries


def _confined(root: Path, path: str, source: str) -> Path:
    """Return a path below a folder; links may not lead out of it."""
    below = PurePosixPath(path)
    if "\0" in path or "\\" in path or below.is_absolute() or ".." in below.parts:
        raise _absent(source)
    try:
        found = (root / below).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise _absent(source) from error
    if not found.is_relative_to(root.resolve()):
        raise _absent(source)
    return found


def _absent(source: str) -> SeisdreamError:
    return SeisdreamError(
        f"There is no {source[:200]!r} to open; use a sample, noise:HEIGHTxWIDTH, a file that the studio lists, or an "
        "upload.",
        code="not-found",
        option="source",
    )


def _kind(path: Path) -> str:
    if path.is_dir():
        return "volume" if path.suffix in STORE_ENDINGS else "folder"
    if path.suffix.lower() == PAGE_ENDING and not (path.parent / ATLAS_FILE).is_file():
        return "page"  # That of an atlas needs the files next to it, so it has a screen of its own.
    return "section" if path.suffix.lower() in SECTION_ENDINGS else "other"


def state_of(path: str) -> tuple[int, ...]:
    """Return what changes where a file changes: its time and its size."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size
