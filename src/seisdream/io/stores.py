"""Files of a Zarr store by their keys, in a folder or at a URL; each appears whole or not at all."""

from __future__ import annotations

import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.io.write_errors import explaining_refusals

METADATA_NAMES = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
_PARTIAL = ".partial-"
MADE_BY = {"made_by": "seisdream"}
"""What the attributes of a store that seisdream wrote hold."""


def is_url(source: str) -> bool:
    """Return whether a source is a URL, such as ``s3://bucket/survey.zarr``, and not a path."""
    return "://" in source


def open_store(source: str | os.PathLike[str]) -> Store:
    """Return the files at a path or a URL; nothing need be there."""
    name = os.fspath(source)
    return RemoteStore(name) if is_url(name) else FolderStore(name)


class Store(ABC):
    """Files by key, such as ``amplitude/c/0/0/0``.

    Attributes
    ----------
    source : str
        The path or URL.
    """

    source: str

    @abstractmethod
    def put(self, key: str, content: bytes) -> None:
        """Write a file whole, in place of an earlier one; no reader ever sees a part of it."""

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """Return the content of a file, None if there is none."""

    @abstractmethod
    def listing(self) -> list[list[Any]]:
        """Return key, size and time or checksum of all files, sorted by key."""

    @abstractmethod
    def metadata(self) -> dict[str, bytes]:
        """Return the metadata of the root and of its arrays, by key."""

    @abstractmethod
    def opened(self) -> Any:
        """Return what Zarr opens."""

    @abstractmethod
    def remove(self) -> None:
        """Remove all files."""

    def is_empty(self) -> bool:
        """Return whether there are no files."""
        return not self.listing()


class FolderStore(Store):
    """The files of a folder.

    Parameters
    ----------
    source : str
        Path of the folder.
    waits : bool, default True
        Wait until a file is on the disk before it gets its name.
    """

    def __init__(self, source: str, *, waits: bool = True):
        self.source, self._folder, self._waits = source, Path(source), waits

    def put(self, key: str, content: bytes) -> None:
        """Write a file whole."""
        target = self._folder / key
        aside = target.with_name(f".{target.name}{_PARTIAL}{secrets.token_hex(4)}")
        with explaining_refusals(target, self._folder):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with aside.open("xb") as file:
                    file.write(content)
                    if self._waits:
                        file.flush()
                        os.fsync(file.fileno())
                os.replace(aside, target)
            except BaseException:
                with suppress(OSError):
                    aside.unlink()
                raise

    def get(self, key: str) -> bytes | None:
        """Return the content of a file."""
        try:
            return (self._folder / key).read_bytes()
        except FileNotFoundError:
            return None

    def listing(self) -> list[list[Any]]:
        """Return key, size and time of all files."""
        files = []
        for folder, _, names in os.walk(self._folder):
            for name in names:
                if _PARTIAL not in name:
                    stat = os.stat(os.path.join(folder, name))
                    key = os.path.relpath(os.path.join(folder, name), self._folder).replace(os.sep, "/")
                    files.append([key, stat.st_size, stat.st_mtime_ns])
        return sorted(files)

    def metadata(self) -> dict[str, bytes]:
        """Return the metadata of the root and of its arrays."""
        if not self._folder.is_dir():
            return {}
        folders = [self._folder, *(one for one in sorted(self._folder.iterdir()) if one.is_dir())]
        files = [folder / name for folder in folders for name in METADATA_NAMES]
        return {file.relative_to(self._folder).as_posix(): file.read_bytes() for file in files if file.is_file()}

    def opened(self) -> Any:
        """Return the path."""
        return self.source

    def remove(self) -> None:
        """Remove the folder, or where a link leads to it, what is in it."""
        import shutil

        if not self._folder.is_dir():
            return
        with explaining_refusals(self._folder):
            for child in self._folder.iterdir():
                shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()
            if not self._folder.is_symlink():
                self._folder.rmdir()


class RemoteStore(Store):
    """The objects at a URL that fsspec knows; storage options come from fsspec's own configuration.

    Parameters
    ----------
    source : str
        The URL.

    Raises
    ------
    SeisdreamError
        If fsspec lacks a package for it (``missing-extra``), or does not know it (``invalid``). All methods: if the
        server refuses or does not answer (``write-failed`` or ``unreadable``).
    """

    def __init__(self, source: str):
        fsspec = require_extra("fsspec", "volumes", "Opening a URL")
        self.source = source
        try:
            self._files, root = fsspec.core.url_to_fs(source)
        except (ImportError, ValueError) as error:
            raise SeisdreamError(
                f"{source} cannot be opened: {error}",
                code="missing-extra" if isinstance(error, ImportError) else "invalid",
            ) from error
        self._root = str(root).rstrip("/")

    @contextmanager
    def _explaining(self, code: str, action: str) -> Iterator[None]:
        """Turn any error but that of a missing object into one that states what to check."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError) as error:
            if code == "unreadable":
                raise
            raise SeisdreamError(f"{self.source} cannot be {action}: there is no such place.", code=code) from error
        except Exception as error:  # Each kind of server has errors of its own.
            reason = " ".join(str(error).split()) or type(error).__name__
            raise SeisdreamError(
                f"{self.source} cannot be {action}: {reason}. Check the URL, the keys and the endpoint in the "
                "configuration of fsspec.",
                code=code,
            ) from error

    def put(self, key: str, content: bytes) -> None:
        """Write an object, which object stores do as a whole."""
        with self._explaining("write-failed", "written"):
            self._files.pipe_file(f"{self._root}/{key}", content)

    def get(self, key: str) -> bytes | None:
        """Return the content of an object."""
        with suppress(FileNotFoundError), self._explaining("unreadable", "read"):
            return self._files.cat_file(f"{self._root}/{key}")
        return None

    def listing(self) -> list[list[Any]]:
        """Return key, size and checksum or time of all objects."""
        found = {}
        with suppress(FileNotFoundError), self._explaining("unreadable", "read"):
            self._files.invalidate_cache()
            found = self._files.find(self._root, detail=True)
        stamps = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created")
        files = []
        for path, known in found.items():
            stamp = next((str(known[name]) for name in stamps if known.get(name)), "")
            files.append([path[len(self._root) :].lstrip("/"), known.get("size"), stamp])
        return sorted(files)

    def metadata(self) -> dict[str, bytes]:
        """Return the metadata of the root and of its arrays."""
        try:
            with self._explaining("unreadable", "read"):
                self._files.invalidate_cache()
                found = self._files.ls(self._root, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        names = [str(one["name"]).rstrip("/").rpartition("/")[2] for one in found if one["type"] == "directory"]
        keys = [f"{folder}{name}" for folder in ("", *(f"{one}/" for one in names)) for name in METADATA_NAMES]
        with self._explaining("unreadable", "read"):
            documents = self._files.cat([f"{self._root}/{key}" for key in keys], on_error="omit")
        return {path[len(self._root) :].lstrip("/"): content for path, content in documents.items()}

    def opened(self) -> Any:
        """Return a store of Zarr."""
        zarr_storage = require_extra("zarr.storage", "volumes", "Opening Zarr")
        return zarr_storage.FsspecStore.from_url(self.source)

    def remove(self) -> None:
        """Remove all objects."""
        with self._explaining("write-failed", "written"):
            if self._files.exists(self._root):
                self._files.rm(self._root, recursive=True)
