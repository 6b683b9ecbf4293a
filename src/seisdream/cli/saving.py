"""Save a result that took hours, also where its folder can no longer be written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from seisdream.errors import SeisdreamError
from seisdream.io.atomic import FinishedElsewhereError
from seisdream.results.result import Result

# The folder was taken or changed during the run, or its disk is full.
_REFUSALS = ("exists", "incompatible", "not-ours", "write-failed")


def save(result: Result, folder: str, **options: Any) -> list[Path]:
    """Save a result; where that fails, save it next to its folder, or else in the folder for temporary files.

    Parameters
    ----------
    result : Result
        The result.
    folder : str
        The folder to make.
    **options
        As for its `save`.

    Raises
    ------
    SeisdreamError
        Why the folder was not written, and where the result is.
    """
    try:
        return result.save(folder, **options)
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
            result.save(place, **{**options, "force": False})
        except (OSError, SeisdreamError):
            if place is not None:
                place.rmdir()
            continue
        raise FinishedElsewhereError(problem, place) from problem
    raise problem
