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
from seisdream.io.segy.formats import (
    IBM,
    SAMPLE_FORMATS,
    WORD_OF_FORMAT,
    bytes_of_format,
    decode_words,
    parse_sample_format,
    word_type,
)
from seisdream.io.segy.layout import read_layout
from seisdream.io.segy.sample_check import doubt_format

HEADERLESS_ENDINGS = (".dat", ".bin", ".raw")
_N_ROWS, _N_SAMPLES = 32, 768
_MOST_ROWS, _LEAST_LIKENESS = 2000, 0.3


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
            "its samples, such as `shape=(462, 951)` and `sample_format='ieee'`; `endian='big'` for big endian.",
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
    doubt = _doubt_format(words, code, own_endian or endian or "little") or _doubt_shape(array)
    return Contents("headerless", arrays={"": array}, doubts=[doubt] if doubt else [])


def _doubt_format(words: np.memmap, code: int, endian: str) -> str | None:
    """Return what is wrong if the words look like those of another format."""
    flat = words.reshape(-1)
    n_samples = min(_N_SAMPLES, flat.size)
    starts = np.unique(np.linspace(0, flat.size - n_samples, _N_ROWS).astype(np.int64))
    block = np.stack([np.array(flat[start : start + n_samples]).view(np.uint8) for start in starts])
    doubt = doubt_format(block, code, endian)
    if doubt is None:
        return None
    word = f"{WORD_OF_FORMAT[doubt.code]}{f'-{doubt.endian}' if bytes_of_format(doubt.code) > 1 else ''}"
    return (
        f"The samples do not look like {SAMPLE_FORMATS[code][0]}s, {endian} endian: {doubt.reason}. They look like "
        f"{SAMPLE_FORMATS[doubt.code][0]}s, {doubt.endian} endian. If that is right, use `sample_format='{word}'`."
    )


def _doubt_shape(array: Any) -> str | None:
    """Return what is wrong if rows of another length than the last of the shape are alike, as neighbouring traces are.

    The lengths are then in another order, so that the section is sheared.
    """
    shape = tuple(array.shape)
    plane = np.asarray(array[:_MOST_ROWS] if len(shape) == 2 else array[shape[0] // 2], np.float64)
    flat = np.nan_to_num(plane.reshape(-1))
    flat = flat - flat.mean()
    power = float(flat @ flat)
    if not power > 0:
        return None
    likeness = {n: float(flat[n:] @ flat[:-n]) / power for n in {*shape} if n < flat.size // 4}
    best = max(likeness, key=lambda n: likeness[n], default=shape[-1])
    stated = likeness.get(shape[-1], 1.0)
    if best == shape[-1] or likeness[best] < _LEAST_LIKENESS or stated > 0.5 * likeness[best]:
        return None
    rest = list(shape)
    rest.remove(best)
    right = ",".join(map(str, [*rest, best]))
    return (
        f"Rows of {shape[-1]} samples are not alike, but rows of {best} samples are: the lengths may be in another "
        f"order. If the section is sheared, use `shape=({right})`."
    )


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
