"""Why an output could not be written: a full disk, no permission, a read-only disk."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seisdream.errors import SeisdreamError

AnyPath = str | os.PathLike[str]

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
def explaining_refusals(path: AnyPath, folder: Path | None = None) -> Iterator[None]:
    """Turn a failure to write into a `SeisdreamError` that states the reason."""
    try:
        yield
    except Exception as error:
        reason = why_not_written(error, folder or Path(path))
        if reason is None:
            raise
        raise refusal(path, reason) from error


def refusal(path: AnyPath, reason: str) -> SeisdreamError:
    """Return the error that an output was not written, with a reason."""
    return SeisdreamError(f"{path} was not written: {reason}.", code="write-failed", option="out")


def why_not_written(error: BaseException, folder: Path) -> str | None:
    """Return why the system did not write, and what to do; None where an error is not about writing.

    Parameters
    ----------
    error : BaseException
        An `OSError`, or the error that PyTorch or safetensors makes of one.
    folder : Path
        Where it was written.
    """
    number = _error_number(error)
    if number is None and isinstance(error, OSError) and _is_full(folder):
        number = errno.ENOSPC  # NumPy only reports how much it has written.
    if number is None and not isinstance(error, OSError):
        return None
    return _REFUSALS.get(number or 0, f"{error}; write elsewhere")


def _error_number(error: BaseException) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    if type(error) is RuntimeError and isinstance(error.__context__, OSError):
        return error.__context__.errno
    found = re.search(r"\(os error (\d+)\)", str(error)) if type(error).__name__ == "SafetensorError" else None
    return int(found[1]) if found else None


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < 2**20
    except OSError:
        return False
