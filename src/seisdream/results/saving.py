"""Save a result that took hours, also where its folder can no longer be written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from seisdream.errors import SeisdreamError
from seisdream.io.atomic import FinishedElsewhereError

# The folder was taken or changed during the run, or its disk is full.
_REFUSALS = ("exists", "incompatible", "not-ours", "write-failed")

T = TypeVar("T")


def save_or_keep(save: Callable[..., T], folder: str | os.PathLike[str], *, force: bool = False, **options: Any) -> T:
    """Save a result; where that fails, save it next to its folder, or else in the folder for temporary files.

    Parameters
    ----------
    save : callable
        Takes a folder, `force` and `options`, such as the method ``save`` of a result.
    folder : path
        The folder to make.
    force : bool, default False
        Replace the folder of an earlier result.
    **options
        Passed on to `save`.

    Raises
    ------
    SeisdreamError
        Why the folder was not written, and where the result is.
    """
    try:
        return save(folder, force=force, **options)
    except FinishedElsewhereError:
        raise
    except SeisdreamError as error:
        if error.code not in _REFUSALS:
            raise
        problem = error
    for parent, prefix in ((Path(folder).resolve().parent, f"{Path(folder).name}.finished-"), (None, "seisdream-")):
        place = None
        try:
            place = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
            save(place, force=False, **options)
        except (OSError, SeisdreamError):
            if place is not None:
                place.rmdir()
            continue
        raise FinishedElsewhereError(problem, place) from problem
    raise problem
