"""Outputs that appear whole or not at all: written aside under another name, then renamed."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from glob import escape
from pathlib import Path
from typing import Any

from seisdream.errors import SeisdreamError

AnyPath = str | os.PathLike[str]

_RECORD = "written"


@contextmanager
def writing_folder(
    path: AnyPath, *, force: bool = False, inputs: Iterable[AnyPath] = (), marker: str | None = None
) -> Iterator[Path]:
    """Give a fresh folder to write into, which becomes `path` when the block ends well.

    The fresh folder lies beside `path`, so the last step is a rename on one file system. Where the block ends
    with an exception (an interrupt too) the fresh folder is removed, and what was at `path` is as before.

    Parameters
    ----------
    path : path
        The folder to make. An empty folder may be there already; missing parents are made.
    force : bool, default False
        Replace a folder that holds something. The old one is deleted only after the new one is whole.
    inputs : paths, optional
        Files that must survive: a folder that holds one of them is never replaced.
    marker : str, optional
        The name of a JSON file that the block writes. The names of all files in the folder are added to it, and
        `force` replaces an earlier folder only if its own marker lists every file in it. So a folder or a file that
        seisdream did not write is never deleted.

    Yields
    ------
    pathlib.Path
        The fresh, empty folder.

    Raises
    ------
    SeisdreamError
        If something is there and `force` is not given, or the disk refuses (full, read-only, no permission).
    """
    check_writable(path, force, is_folder=True, inputs=inputs, marker=marker)
    target = Path(path).resolve()
    with _explaining_refusals(path, "--out"), _parent_of(target):
        partial = _beside(target, "partial")
        partial.mkdir()
        try:
            yield partial
            if marker:
                _record_files(partial, marker)
            # The block may have run for hours: look again at what is there now.
            check_writable(path, force, is_folder=True, inputs=inputs, marker=marker)
            replace_folder(target, partial)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


@contextmanager
def writing_file(
    path: AnyPath, *, force: bool = False, inputs: Iterable[AnyPath] = (), option: str = "--out"
) -> Iterator[Path]:
    """Give the name of a file to write, which becomes `path` when the block ends well.

    Parameters
    ----------
    path : path
        The file to make; missing parent folders are made.
    force : bool, default False
        Replace a file that is there.
    inputs : paths, optional
        Files that must survive: `path` may be none of them, `force` or not.
    option : str, default "--out"
        What the user changes to write elsewhere, for the messages.

    Yields
    ------
    pathlib.Path
        A name beside `path` and with its suffix, at which nothing exists yet.

    Raises
    ------
    SeisdreamError
        As `writing_folder`.
    """
    check_writable(path, force, is_folder=False, inputs=inputs, option=option)
    target = Path(path).resolve()
    with _explaining_refusals(path, option), _parent_of(target):
        partial = _beside(target, "partial")
        try:
            yield partial
            check_writable(path, force, is_folder=False, inputs=inputs, option=option)
            os.replace(partial, target)
        except BaseException:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise


def check_writable(
    path: AnyPath,
    force: bool = False,
    *,
    is_folder: bool | None = None,
    inputs: Iterable[AnyPath] = (),
    marker: str | None = None,
    option: str = "--out",
) -> None:
    """Raise, before any work is done, where an output could not be written.

    Parameters
    ----------
    path : path
        The folder or file to be made.
    force : bool, default False
        Whether what is there may be replaced.
    is_folder : bool, optional
        What `path` is to be; by default either.
    inputs, marker, option
        As for `writing_folder` and `writing_file`.

    Raises
    ------
    SeisdreamError
        If something is in the way, or the parent folder cannot be written to.
    """
    target = Path(path).resolve()
    with _explaining_refusals(path, option):
        if target.is_dir():
            if is_folder is False:
                raise SeisdreamError(f"{path} is a folder; name a file to write ({option}).")
            if any(target.iterdir()):
                _check_replaceable_folder(path, target, force, inputs, marker)
        elif target.exists():
            if is_folder is True:
                raise SeisdreamError(f"{path} is a file; name a folder to write into ({option}).")
            if any(_is_same_file(target, Path(source)) for source in inputs):
                raise SeisdreamError(f"{path} is the input itself, which is never written to; name another {option}.")
            if not force:
                raise SeisdreamError(f"{path} exists; replace it with --force or name another {option}.")
        parent = target.parent
        while not parent.exists():
            parent = parent.parent
        if not parent.is_dir():
            raise SeisdreamError(f"{path} cannot be made: {parent} is a file, not a folder; name another {option}.")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise SeisdreamError(f"{path} cannot be made: no permission to write in {parent}; name another {option}.")


def _check_replaceable_folder(
    path: AnyPath, target: Path, force: bool, inputs: Iterable[AnyPath], marker: str | None
) -> None:
    if not force:
        raise SeisdreamError(f"{path} exists and is not empty; replace it with --force or name another --out.")
    kept = [Path.cwd(), Path.home(), *(Path(source) for source in inputs)]
    for precious in kept:
        if precious.exists() and target in (precious.resolve(), *precious.resolve().parents):
            raise SeisdreamError(f"{path} holds {precious}, and --force would delete it; name another --out.")
    if not marker:
        return
    patterns = _read_record(target / marker)
    if patterns is None:
        raise SeisdreamError(
            f"{path} holds files but no {marker} that lists them, so it was not written by seisdream (or by an earlier "
            "version) and --force does not delete it; name another --out, or remove the folder yourself."
        )
    names = (
        item.relative_to(target).as_posix() for item in target.rglob("*") if item.is_symlink() or not item.is_dir()
    )
    foreign = sorted(name for name in names if not any(fnmatch(name, pattern) for pattern in patterns))
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise SeisdreamError(
            f"{path} holds files that seisdream did not write ({', '.join(foreign[:3])}{more}), and --force would "
            "delete them; move them away, or name another --out."
        )


def _is_same_file(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)


def _beside(target: Path, word: str) -> Path:
    # Writers choose a format by the suffix (and np.save appends a missing one), so a file keeps its own.
    return target.with_name(f".{target.stem}.{word}-{secrets.token_hex(4)}{target.suffix}")


def record_of(*patterns: str) -> dict[str, Any]:
    """Return what a marker file says about the files of its folder, as names or `fnmatch` patterns."""
    return {_RECORD: {"by": "seisdream", "files": list(patterns)}}


def is_ours(marker: Path) -> bool:
    """Return whether seisdream wrote a marker file."""
    return _read_record(marker) is not None


def _record_files(folder: Path, marker: str) -> None:
    """Add the names of a folder's files to its marker."""
    file = folder / marker
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    story = json.loads(file.read_text(encoding="utf-8")) | record_of(*map(escape, names))
    file.write_text(json.dumps(story, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_record(marker: Path) -> list[str] | None:
    """Return the patterns of the files that seisdream wrote beside a marker; None where it did not write the marker."""
    try:
        record = json.loads(marker.read_text(encoding="utf-8"))[_RECORD]
        return [str(pattern) for pattern in record["files"]] if record["by"] == "seisdream" else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def replace_folder(target: Path, partial: Path) -> None:
    """Rename a finished folder to `target`; what was there is deleted only after that."""
    if not target.exists():
        partial.rename(target)
    elif not any(target.iterdir()):
        target.rmdir()
        partial.rename(target)
    else:
        old = _beside(target, "old")
        target.rename(old)
        try:
            partial.rename(target)
        except BaseException:
            old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _parent_of(target: Path) -> Iterator[None]:
    """Make the missing parent folders, and remove them again where nothing came of it."""
    missing = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()
        raise


_REFUSALS = {
    errno.ENOSPC: "the disk is full; free some space or write to another disk",
    errno.EDQUOT: "your disk quota is used up; free some space or write elsewhere",
    errno.EFBIG: "the file would be larger than this system allows; write to another disk",
    errno.EACCES: "no permission to write there; name another place",
    errno.EPERM: "no permission to write there; name another place",
    errno.EROFS: "that file system is read-only; write elsewhere",
    errno.ENAMETOOLONG: "the name is too long for this file system; name a shorter one",
    errno.EIO: "the disk failed while it was written to; write to another disk",
}


@contextmanager
def _explaining_refusals(path: AnyPath, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = _REFUSALS.get(error.errno or 0, f"{error}; write elsewhere")
        raise SeisdreamError(f"{path} was not written: {reason} ({option}).") from error
