"""Gzip-compressed files, unpacked once into a temporary file."""

from __future__ import annotations

import atexit
import functools
import gzip
import os
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import BinaryIO

from seisdream.errors import SeisdreamError
from seisdream.io.atomic import make_temporary_folder

MOST_BYTES = 64 * 2**30
"""Files that unpack to more bytes are refused."""
_BLOCK, _SPARE_BYTES = 2**22, 2**28


def unpacked(path: Path) -> Path:
    """Return the file itself, or, for a name that ends in ``.gz``, a temporary file with its content.

    A file is unpacked once in a process, and the temporary file is removed when the process ends.

    Raises
    ------
    SeisdreamError
        If the file is damaged (``corrupt``), or needs more disk space than is free (``too-large``).
    """
    if path.suffix.lower() != ".gz":
        return path
    status = path.stat()
    return _unpack(path.absolute(), status.st_size, status.st_mtime_ns)


@functools.cache
def _folder() -> Path:
    folder, lock = make_temporary_folder("seisdream-unpacked")
    atexit.register(_remove, folder, lock, os.getpid())
    return folder


def _remove(folder: Path, lock: BinaryIO, owner: int) -> None:
    if os.getpid() == owner:  # not in a process that was forked
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


@functools.cache
def _unpack(path: Path, n_packed: int, mtime_ns: int) -> Path:
    folder = Path(tempfile.mkdtemp(dir=_folder()))
    target = folder / path.stem
    n_bytes = 0
    try:
        with gzip.open(path) as source, target.open("xb") as sink:
            while block := source.read(_BLOCK):
                n_bytes += len(block)
                room = shutil.disk_usage(folder).free - len(block)
                if n_bytes > MOST_BYTES or room < _SPARE_BYTES:
                    raise SeisdreamError(
                        f"{path} unpacks to more than {n_bytes:,} bytes, and {folder.parent} has no room for it; "
                        "unpack it yourself (gunzip), or set TMPDIR to a folder with more room.",
                        code="too-large",
                    )
                sink.write(block)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise SeisdreamError(
            f"{path} cannot be unpacked ({error}): it is damaged, truncated or not gzip; copy it again.", code="corrupt"
        ) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return target
