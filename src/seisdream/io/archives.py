"""Unpack downloaded archives without trusting the names and sizes in them."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from seisdream.errors import SeisdreamError
from seisdream.io.atomic import writing_folder

AnyPath = str | os.PathLike[str]

MOST_BYTES = 64 * 2**30
"""Archives that declare more bytes are not unpacked."""

_DAMAGES = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    FileExistsError,
    NotImplementedError,
    RuntimeError,
)


def unpack(
    archive: AnyPath, folder: AnyPath, *, wanted: Callable[[str], bool] | None = None, most_bytes: int = MOST_BYTES
) -> Path:
    """Unpack a ZIP or tar archive into a folder, which appears whole or not at all.

    Only regular files inside the folder are unpacked. The files that macOS adds (``__MACOSX``, ``._name``) are left
    out.

    Parameters
    ----------
    archive : path
        ``.zip``, ``.tar``, ``.tar.gz`` and the like, detected by content.
    folder : path
        The folder to write; replaced if it exists.
    wanted : callable, optional
        Returns whether to unpack a member, by its name. Default: all.
    most_bytes : int, default 64 GiB
        Largest total size of the unpacked files.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    SeisdreamError
        If the archive is damaged, has a name outside the folder, or declares too many bytes.
    """
    with writing_folder(folder, force=True, inputs=[archive]) as partial:
        try:
            _write_members(Path(archive), partial, wanted, most_bytes)
        except _DAMAGES as error:
            raise SeisdreamError(
                f"{archive} cannot be unpacked ({error}): it is damaged; download it again.", code="corrupt"
            ) from error
    return Path(folder)


def _write_members(archive: Path, target: Path, wanted: Callable[[str], bool] | None, most_bytes: int) -> None:
    n_bytes = 0
    for name, size, read in _members(archive):
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if parts[:1] == ("__MACOSX",) or parts[-1].startswith("._") or (wanted and not wanted(name)):
            continue
        if ".." in parts or parts[0].startswith("/") or ":" in parts[0]:
            raise SeisdreamError(
                f"{archive} has a file outside its folder ({name}); it is not unpacked.", code="untrusted"
            )
        n_bytes += size
        if n_bytes > most_bytes:
            raise SeisdreamError(
                f"{archive} declares more than {most_bytes:,} bytes; it is not unpacked.", code="too-large"
            )
        path = target.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        with read() as source, path.open("xb") as sink:
            # zipfile and tarfile never return more bytes than a member declares.
            shutil.copyfileobj(source, sink, 1 << 20)


def _members(archive: Path) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    """Yield name, size and a function that opens it, for each regular file of an archive."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                if not info.is_dir():
                    yield info.filename, info.file_size, lambda info=info: packed.open(info)
        return
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.isfile():
                source = packed.extractfile(member)
                assert source is not None
                yield member.name, member.size, lambda source=source: source
