"""Write files and folders atomically: under a temporary name, synchronized to the disk, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from glob import escape
from pathlib import Path
from typing import Any, BinaryIO

from seisdream.errors import SeisdreamError
from seisdream.io.write_errors import explaining_refusals, refusal, why_not_written
from seisdream.io.written_files import is_ours, read_patterns, record_files

AnyPath = str | os.PathLike[str]

_LOCK, _OLD = ".seisdream-lock", ".seisdream-old"
_LOCK_TEXT = b"A process of seisdream that runs has locked this file.\n"


class FinishedElsewhereError(SeisdreamError):
    """A complete output could not be given its name, and is kept under another one.

    Parameters
    ----------
    error : SeisdreamError
        Why.
    path : Path
        Where it is.
    """

    def __init__(self, error: SeisdreamError, path: Path):
        super().__init__(f"{error} The complete result is kept as {path}.", code=error.code, option=error.option)
        self.path = path


@contextmanager
def writing_folder(
    path: AnyPath, *, force: bool = False, inputs: Iterable[AnyPath] = (), marker: str | None = None
) -> Iterator[Path]:
    """Yield an empty temporary folder, which becomes `path` when the block ends without an exception.

    The temporary folder is next to `path`, so that the last step is a rename on one file system. After an exception
    (also an interrupt) the temporary folder is removed and `path` is unchanged. What a killed process left is removed
    by the next one that writes `path`.

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
    FinishedElsewhereError
        If the block is complete, but `path` has been taken meanwhile or may not be replaced. The new folder is kept
        under the name in the error.
    """
    check = {"force": force, "is_folder": True, "inputs": list(inputs), "marker": marker}
    with _writing(path, check) as new:
        new.mkdir()
        yield new
        # An atlas has listed its own files; on a full disk nothing more could be written.
        if marker and not is_ours(new / marker):
            record_files(new, marker)


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
        A name with the suffix of `path`, at which no file exists.

    Raises
    ------
    SeisdreamError
        As `writing_folder`.
    """
    with _writing(path, {"force": force, "is_folder": False, "inputs": list(inputs)}) as new:
        yield new


@contextmanager
def _writing(path: AnyPath, check: dict[str, Any]) -> Iterator[Path]:
    """Yield a name in a locked temporary folder, and move what the block wrote there to `path`."""
    target = Path(path).resolve()
    remove_leftovers(target.parent, target.name)
    check_writable(path, **check)
    with explaining_refusals(path, target), _parent_of(target):
        partial, lock = _make_partial(target)
        new = partial / target.name
        try:
            yield new
            if new.is_file():  # Some writers make files that only their owner can read.
                new.chmod((partial / _LOCK).stat().st_mode)
            _sync(new)
            _publish(path, target, partial, check)
        except FinishedElsewhereError:
            raise
        except BaseException as error:
            # Before the removal, which makes room on a disk that is full.
            reason = why_not_written(error, partial)
            _put_back(partial)
            shutil.rmtree(partial, ignore_errors=True)
            if reason:
                raise refusal(path, reason) from error
            raise
        finally:
            lock.close()


def _publish(path: AnyPath, target: Path, partial: Path, check: dict[str, Any]) -> None:
    """Move a complete output from its temporary folder to its name, or keep it under another one."""
    new, old = partial / target.name, partial / _OLD
    try:
        with explaining_refusals(path, target):
            # The block may have run for hours, so check again.
            check_writable(path, **check)
            if target.is_dir() and not any(target.iterdir()):
                target.rmdir()
            elif target.is_dir():
                target.rename(old)
            os.replace(new, target)
    except SeisdreamError as error:
        _put_back(partial)
        raise FinishedElsewhereError(error, _keep(new, target)) from error
    with suppress(OSError):
        _sync_one(target.parent)
    shutil.rmtree(partial, ignore_errors=True)


def _keep(new: Path, target: Path) -> Path:
    """Give a complete output a name of its own next to its target; where that is refused, leave it where it is."""
    kept = target.with_name(f"{target.stem}.finished-{secrets.token_hex(4)}{target.suffix}")
    try:
        new.rename(kept)
    except OSError:
        (new.parent / _LOCK).unlink()  # Nobody removes a temporary folder without a lock.
        return new
    shutil.rmtree(new.parent, ignore_errors=True)
    return kept


# Temporary folders: each holds a file that its process has locked, so that the next process knows the dead ones.


def make_temporary_folder(name: str) -> tuple[Path, BinaryIO]:
    """Make a folder for temporary files that only this user can read.

    Remove it at the end; what a killed process left is removed by the next one that makes a folder of this name.

    Returns
    -------
    folder : Path
        The folder.
    lock : file
        Keep it open as long as the folder is used.
    """
    target = Path(tempfile.gettempdir()).resolve() / name
    remove_leftovers(target.parent, name)
    with explaining_refusals(target, target.parent):
        folder, lock = _make_partial(target)
        folder.chmod(0o700)
        return folder, lock


def _partial_name(name: str) -> str:
    return f".{name[:50]}.partial-"


def _make_partial(target: Path) -> tuple[Path, BinaryIO]:
    """Make a temporary folder next to a target; return it and its open lock."""
    while True:
        partial = target.with_name(_partial_name(target.name) + secrets.token_hex(4))
        partial.mkdir()
        try:
            lock = (partial / _LOCK).open("xb")
            lock.write(_LOCK_TEXT)
            lock.flush()
            _take(lock, waits=True)
            if (partial / _LOCK).exists():
                return partial, lock
            lock.close()  # Another process took the lock first, and removed the folder.
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def _take(lock: BinaryIO, *, waits: bool = False) -> bool:
    """Lock an open file until it is closed; return False where another process has it, or files cannot be locked."""
    try:
        import fcntl  # Not on Windows.

        fcntl.flock(lock, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except (ImportError, OSError):
        return False
    return True


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Remove what processes that were killed left in a folder.

    Parameters
    ----------
    folder : Path
        The folder.
    name : str, optional
        Only what they were writing for this file or folder in it.
    """
    for partial in folder.glob(f"{escape(_partial_name(name)) if name else '.*.partial-'}*"):
        with suppress(OSError), (partial / _LOCK).open("r+b") as lock:
            if lock.read() != _LOCK_TEXT or not _take(lock):
                continue
            _put_back(partial)
            shutil.rmtree(partial, ignore_errors=True)


def _put_back(partial: Path) -> None:
    """Give the earlier folder its name again, where its process ended between two renames."""
    for old in partial.glob(_OLD):
        new = next((one for one in partial.iterdir() if one.name not in (_OLD, _LOCK)), None)
        if new is not None and not (target := partial.with_name(new.name)).exists():
            old.rename(target)


def _sync(path: Path) -> None:
    """Wait until a file, or a folder with all that is in it, is on the disk."""
    for one in (*(path.rglob("*") if path.is_dir() else ()), path):
        if not one.is_symlink():
            _sync_one(one)


def _sync_one(path: Path) -> None:
    try:
        number = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders.
        return
    try:
        os.fsync(number)
    except OSError as error:
        # Some file systems cannot synchronize folders, and Windows no file that is open for reading.
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
            raise
    finally:
        os.close(number)


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
    with explaining_refusals(path):
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
    patterns = read_patterns(target / marker)
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
