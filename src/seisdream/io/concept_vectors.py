"""Concept vectors (directions in the channels of a layer) as NumPy files."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.atomic import writing_file
from seisdream.io.containers import opened_numpy


def open_concept_vector(name: str | os.PathLike[str]) -> NDArray[np.float32]:
    """Open a concept vector.

    Parameters
    ----------
    name : str or path
        An ``.npy`` file with one vector, or an ``.npz`` with several. The name of one follows after ``#``, as in
        ``probe.npz#salt``; it is not needed if there is only one.

    Returns
    -------
    array
        float32 ``(channel,)``.

    Raises
    ------
    SeisdreamError
        If there is no such file or vector, or it is not an array of one number per channel.
    """
    path, _, key = os.fspath(name).partition("#") if ".npz#" in os.fspath(name) else (os.fspath(name), "", "")
    if not Path(path).is_file():
        raise SeisdreamError(
            f"There is no direction {path}; give an .npy or .npz file with one number for each channel.",
            code="not-found",
        )
    with opened_numpy(path) as arrays:
        if list(arrays) == [""]:
            return _as_vector(arrays[""], path)
        if not key and len(arrays) == 1:
            (key,) = arrays
        if key not in arrays:
            near = near_matches(key, arrays) if key else []
            found = f"has no direction '{key}'" if key else f"has {len(arrays)} directions"
            raise SeisdreamError(
                f"{path} {found}; give the name of one after a #, such as "
                f"{path}#{(near or list(arrays) or ['salt'])[0]} (it has: {', '.join(arrays) or 'none'}).",
                code="unknown-name" if key else "ambiguous",
            )
        return _as_vector(arrays[key], name)


def write_concept_vectors(
    path: str | os.PathLike[str], vectors: Mapping[str, ArrayLike], *, force: bool = False
) -> Path:
    """Write named concept vectors to an ``.npz`` that `open_concept_vector` opens.

    Parameters
    ----------
    path : path
        Ending in ``.npz``.
    vectors : mapping
        ``(channel,)`` each, by name.
    force : bool, default False
        Replace an existing file.

    Returns
    -------
    Path
        The file.
    """
    if Path(path).suffix.lower() != ".npz":
        raise SeisdreamError(f"{path} must end in .npz.", code="invalid", option="path")
    arrays = {name: _as_vector(np.asarray(values), name) for name, values in vectors.items()}
    with writing_file(path, force=force) as aside:
        np.savez(aside, **arrays)  # pyright: ignore[reportArgumentType]
    return Path(path)


def _as_vector(values: Any, name: object) -> NDArray[np.float32]:
    """Return an array, of which nothing is read before its type and shape are right, as a vector."""
    n_channels = math.prod(values.shape)
    if values.dtype.kind not in "fiu" or n_channels not in (1, max(values.shape, default=1)):
        raise SeisdreamError(
            f"The direction {name} is {values.dtype} of shape {values.shape}; it must be one real number for each "
            "channel.",
            code="wrong-shape" if values.dtype.kind in "fiu" else "wrong-type",
        )
    return np.array(values[...], np.float32).reshape(n_channels)
