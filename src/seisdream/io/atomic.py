"""Write files and folders atomically: under a temporary name, then renamed."""

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
    """Yield an empty temporary folder, which becomes `path` when the block ends without an exception.

    The temporary folder is next to `path`, so that the last step is a rename on one file system. After an exception
    (also an interrupt) the temporary folder is removed and `path` is unchanged.

    Parameters
    ----------
    path : path
        The folder to write. It may exist if it is empty; missing parents are made.
    force : bool, default False
        Replace a folder that is not empty. The old one is deleted only after the new one is complete.
    inputs : paths, optional
        Files to protect: a folder that contains one of them is never replaced.
    marker : str, optional
        The name of a JSON file that the block writes. The names of all files in the folder are added to it, and
        `force` replaces an earlier folder only if its own marker lists every file in it. So a folder or a file that
        seisdream did not write is never deleted.

    Yields
    ------
    pathlib.Path
        The temporary folder.

    Raises
    ------
    SeisdreamError
        If the folder is not empty and `force` is not given, or the disk is full, read-only or not permitted.
    """
    check_writable(path, force, is_folder=True, inputs=inputs, marker=marker)
    target = Path(path).resolve()
    with _explaining_refusals(path), _parent_of(target):
        partial = _temporary_name(target, "partial")
        partial.mkdir()
        try:
            yield partial
            if marker:
                _record_files(partial, marker)
            # The block may have run for hours, so check again.
            check_writable(path, force, is_folder=True, inputs=inputs, marker=marker)
            replace_folder(target, partial)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


@contextmanager
def writing_file(path: AnyPath, *, force: bool = False, inputs: Iterable[AnyPath] = ()) -> Iterator[Path]:
    """Yield the name of a temporary file, which becomes `path` when the block ends without an exception.

    Parameters
    ----------
    path : path
        The file to write; missing parent folders are made.
    force : bool, default False
        Replace an existing file.
    inputs : paths, optional
        Files to protect: none of them is ever replaced.

    Yields
    ------
    pathlib.Path
        A name next to `path`, with its suffix, at which no file exists.

    Raises
    ------
    SeisdreamError
        As `writing_folder`.
    """
    check_writable(path, force, is_folder=False, inputs=inputs)
    target = Path(path).resolve()
    with _explaining_refusals(path), _parent_of(target):
        partial = _temporary_name(target, "partial")
        try:
            yield partial
            check_writable(path, force, is_folder=False, inputs=inputs)
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
) -> None:
    """Raise, before any work is done, if an output cannot be written.

    Parameters
    ----------
    path : path
        The folder or file to write.
    force : bool, default False
        Whether an existing one may be replaced.
    is_folder : bool, optional
        Whether `path` will be a folder or a file. Default: either.
    inputs, marker
        As for `writing_folder` and `writing_file`.

    Raises
    ------
    SeisdreamError
        If `path` exists and may not be replaced, or the parent folder is not writable.
    """
    target = Path(path).resolve()
    with _explaining_refusals(path):
        if target.is_dir():
            if is_folder is False:
                raise SeisdreamError(f"{path} is a folder; give the name of a file.", code="exists", option="out")
            if any(target.iterdir()):
                _check_replaceable_folder(path, target, force, inputs, marker)
        elif target.exists():
            if is_folder is True:
                raise SeisdreamError(f"{path} is a file; give the name of a folder.", code="exists", option="out")
            if any(_is_same_file(target, Path(source)) for source in inputs):
                raise SeisdreamError(
                    f"{path} is the input itself, which is never changed; give another file name.",
                    code="incompatible",
                    option="out",
                )
            if not force:
                raise SeisdreamError(
                    f"{path} exists; replace it with `force=True` or give another file name.",
                    code="exists",
                    option="out",
                )
        parent = target.parent
        while not parent.exists():
            parent = parent.parent
        if not parent.is_dir():
            raise SeisdreamError(
                f"{path} cannot be made: {parent} is a file, not a folder; give another name.",
                code="write-failed",
                option="out",
            )
        if not os.access(parent, os.W_OK | os.X_OK):
            raise SeisdreamError(
                f"{path} cannot be made: no permission to write in {parent}; write to another folder.",
                code="write-failed",
                option="out",
            )


def _check_replaceable_folder(
    path: AnyPath, target: Path, force: bool, inputs: Iterable[AnyPath], marker: str | None
) -> None:
    if not force:
        raise SeisdreamError(
            f"{path} exists and is not empty; replace it with `force=True` or write to another folder.",
            code="exists",
            option="out",
        )
    kept = [Path.cwd(), Path.home(), *(Path(source) for source in inputs)]
    for precious in kept:
        if precious.exists() and target in (precious.resolve(), *precious.resolve().parents):
            raise SeisdreamError(
                f"{path} contains {precious}, which `force=True` would delete; write to another folder.",
                code="incompatible",
                option="out",
            )
    if not marker:
        return
    patterns = _read_record(target / marker)
    if patterns is None:
        raise SeisdreamError(
            f"{path} has files but no {marker} that lists them, so it was not written by this version of seisdream and "
            "`force=True` does not delete it; write to another folder, or remove this one yourself.",
            code="not-ours",
            option="out",
        )
    names = (
        file.relative_to(target).as_posix() for file in target.rglob("*") if file.is_symlink() or not file.is_dir()
    )
    foreign = sorted(name for name in names if not any(fnmatch(name, pattern) for pattern in patterns))
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise SeisdreamError(
            f"{path} has files that seisdream did not write ({', '.join(foreign[:3])}{more}), which `force=True` would "
            "delete; move them away, or write to another folder.",
            code="not-ours",
            option="out",
        )


def _is_same_file(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)


def _temporary_name(target: Path, word: str) -> Path:
    # Writers choose the format by the suffix (and np.save appends a missing one), so the suffix is kept.
    return target.with_name(f".{target.stem}.{word}-{secrets.token_hex(4)}{target.suffix}")


def record_of(*patterns: str) -> dict[str, Any]:
    """Return the entry of a marker file that lists the files of its folder, as names or `fnmatch` patterns."""
    return {_RECORD: {"by": "seisdream", "files": list(patterns)}}


def is_ours(marker: Path) -> bool:
    """Return whether seisdream wrote a marker file."""
    return _read_record(marker) is not None


def _record_files(folder: Path, marker: str) -> None:
    """Add the names of all files of a folder to its marker."""
    file = folder / marker
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    content = json.loads(file.read_text(encoding="utf-8")) | record_of(*map(escape, names))
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_record(marker: Path) -> list[str] | None:
    """Return the patterns of the files that seisdream wrote next to a marker; None if the marker is not its own."""
    try:
        record = json.loads(marker.read_text(encoding="utf-8"))[_RECORD]
        return [str(pattern) for pattern in record["files"]] if record["by"] == "seisdream" else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def replace_folder(target: Path, partial: Path) -> None:
    """Rename a complete folder to `target`, and then delete the folder that was there."""
    if not target.exists():
        partial.rename(target)
    elif not any(target.iterdir()):
        target.rmdir()
        partial.rename(target)
    else:
        old = _temporary_name(target, "old")
        target.rename(old)
        try:
            partial.rename(target)
        except BaseException:
            old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _parent_of(target: Path) -> Iterator[None]:
    """Make the missing parent folders, and remove them again after an exception."""
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
    errno.EACCES: "no permission to write there; write elsewhere",
    errno.EPERM: "no permission to write there; write elsewhere",
    errno.EROFS: "that file system is read-only; write elsewhere",
    errno.ENAMETOOLONG: "the name is too long for this file system; give a shorter one",
    errno.EIO: "the disk failed during writing; write to another disk",
}


@contextmanager
def _explaining_refusals(path: AnyPath) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = _REFUSALS.get(error.errno or 0, f"{error}; write elsewhere")
        raise SeisdreamError(f"{path} was not written: {reason}.", code="write-failed", option="out") from error
