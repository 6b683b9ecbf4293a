"""Directions in a layer's space, one number for each channel, as NumPy files."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.atomic import writing_file


def open_concept_vector(name: str | os.PathLike[str]) -> NDArray[np.float32]:
    """Open a direction.

    Parameters
    ----------
    name : str or path
        An ``.npy`` file of one vector, or an ``.npz`` of several; which of them is said after ``#``, as in
        ``probe.npz#salt``, and need not be where there is one alone.

    Returns
    -------
    array
        float32 ``(channel,)``.

    Raises
    ------
    SeisdreamError
        If there is no such file, it holds no numbers, or not this one.
    """
    path, _, key = os.fspath(name).partition("#") if ".npz#" in os.fspath(name) else (os.fspath(name), "", "")
    if not Path(path).is_file():
        raise SeisdreamError(f"There is no direction {path}; name an .npy or .npz file of one number for each channel.")
    try:
        opened = np.load(path, allow_pickle=False)
        if isinstance(opened, np.ndarray):
            return _as_vector(opened, path)
        with opened:
            if not key and len(opened.files) == 1:
                key = opened.files[0]
            if key not in opened.files:
                near = near_matches(key, opened.files) if key else []
                said = f"has no direction '{key}'" if key else f"holds {len(opened.files)} directions"
                raise SeisdreamError(
                    f"{path} {said}; name one after a #, such as {path}#{(near or opened.files or ['salt'])[0]}"
                    f" (there {'is' if len(opened.files) == 1 else 'are'}: {', '.join(opened.files) or 'none'})."
                )
            return _as_vector(opened[key], name)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise SeisdreamError(f"The direction {path} cannot be read as .npy or .npz: {error}.") from error


def write_directions(path: str | os.PathLike[str], directions: Mapping[str, ArrayLike], *, force: bool = False) -> Path:
    """Write named directions to an ``.npz`` that `open_direction` opens.

    Parameters
    ----------
    path : path
        Ending in ``.npz``.
    directions : mapping
        ``(channel,)`` each, by name.
    force : bool, default False
        Replace a file that is there.

    Returns
    -------
    Path
        The file.
    """
    if Path(path).suffix.lower() != ".npz":
        raise SeisdreamError(f"Directions are written as .npz; got {path}.")
    vectors = {name: _as_vector(np.asarray(values), name) for name, values in directions.items()}
    with writing_file(path, force=force) as aside:
        np.savez(aside, **vectors)  # pyright: ignore[reportArgumentType]
    return Path(path)


def _as_vector(values: np.ndarray, name: object) -> NDArray[np.float32]:
    values = np.atleast_1d(np.squeeze(values))
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        raise SeisdreamError(
            f"The direction {name} is {values.dtype} of shape {values.shape}; it must be real numbers, one for each "
            "channel."
        )
    return values.astype(np.float32)
