"""Open arrays without a header: a shape and a sample format state what the bytes are."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.arrays import open_array
from seisdream.io.containers import Contents
from seisdream.io.segy.formats import IBM, decode_words, parse_sample_format, word_type
from seisdream.io.segy.layout import read_layout

HEADERLESS_ENDINGS = (".dat", ".bin", ".raw")


def open_headerless(
    path: str | os.PathLike[str],
    *,
    shape: Sequence[int] | None = None,
    sample_format: str | int | None = None,
    endian: str | None = None,
    **options: Any,
) -> xr.DataArray:
    """Open a section, or one section of a volume, from a file of samples without a header.

    Parameters
    ----------
    path, shape, sample_format, endian
        As for `map_headerless`.
    **options
        As for `seisdream.io.arrays.open_array`.

    Returns
    -------
    DataArray
        As `open_array` returns it.

    Raises
    ------
    SeisdreamError
        As `map_headerless` and `open_array`.
    """
    contents = map_headerless(path, shape=shape, sample_format=sample_format, endian=endian)
    return open_array(path, contents=contents, **options)


def map_headerless(
    path: str | os.PathLike[str],
    *,
    shape: Sequence[int] | None = None,
    sample_format: str | int | None = None,
    endian: str | None = None,
) -> Contents:
    """Return a file of samples without a header as one array, which is mapped and not read.

    Parameters
    ----------
    path : path
        The file: samples alone, the last axis fastest.
    shape : sequence of int
        Numbers of samples along two or three axes.
    sample_format : str or int
        As for `seisdream.io.segy.formats.parse_sample_format`.
    endian : {"big", "little"}, default "little"
        Byte order.

    Raises
    ------
    SeisdreamError
        If shape or format are not given (``missing-argument``), or do not fit the length of the file (``wrong-shape``).
    """
    path = Path(path)
    if not path.is_file():
        raise SeisdreamError(f"There is no file {path}; check the path.", code="not-found")
    code, own_endian = parse_sample_format(sample_format)
    if not shape or code is None:
        missing = "shape" if not shape else "sample_format"
        raise SeisdreamError(
            f"{path} has no header that states what it holds. {_looks_like_segy(path)}Give its shape and the format of "
            "its samples, such as `shape=462,951` and `sample_format=ieee`, and `endian=big` if it is big endian.",
            code="missing-argument",
            option=missing,
        )
    if endian not in (None, "big", "little"):
        raise SeisdreamError(f"`endian` is '{endian}'; it must be big or little.", code="unknown-name", option="endian")
    kind = word_type(code, own_endian or endian or "little")
    n_bytes = path.stat().st_size
    if len(shape) not in (2, 3) or min(shape) < 1 or math.prod(shape) * kind.itemsize != n_bytes:
        raise SeisdreamError(
            f"{path} has {n_bytes} bytes, {n_bytes / kind.itemsize:g} samples of {kind.itemsize} bytes; `shape` is "
            f"{' × '.join(map(str, shape))}, {math.prod(shape)} samples. Give two or three lengths whose product is "
            "the number of samples, or another `sample_format`.",
            code="wrong-shape",
            option="shape",
        )
    words = np.memmap(path, kind, "r", shape=tuple(shape))
    array = _IbmArray(words) if code == IBM else words
    return Contents("headerless", arrays={"": array})


class _IbmArray:
    """An array of IBM floats, decoded where it is indexed."""

    def __init__(self, words: np.ndarray):
        self._words, self.shape, self.dtype = words, words.shape, np.dtype(np.float32)

    def __getitem__(self, indices: Any) -> np.ndarray:
        return decode_words(np.asarray(self._words[indices]), IBM)


def _looks_like_segy(path: Path) -> str:
    try:
        found = read_layout(path)
    except SeisdreamError:
        return ""
    name, ending = ("Seismic Unix", ".su") if found.is_seismic_unix else ("SEG-Y", ".sgy")
    return f"It looks like {name}: if it is, rename it to {ending}. Otherwise, continue as follows. "
