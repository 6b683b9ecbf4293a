"""Read the numeric arrays of MATLAB files before version 7.3.

SciPy is not used: version 1.17 crashes the interpreter on damaged files.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_COMPRESSED, _MATRIX = 15, 14
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_IS_COMPLEX, _IS_LOGICAL = 0x0800, 0x0200


def read_matlab(path: Path, most_bytes: int) -> dict[str, np.ndarray]:
    """Return the real numeric arrays of a file by name; structures, cells, text and complex numbers are left out.

    Parameters
    ----------
    path : Path
        A file of MATLAB version 5 to 7.
    most_bytes : int
        Largest size of an unpacked array.

    Raises
    ------
    ValueError
        If the file is damaged or of another version.
    """
    data = path.read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise ValueError("it is no MATLAB file of version 5 to 7.3; in MATLAB save it with -v7")
    found = {}
    for kind, content in _elements(data[128:], order):
        if kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            try:
                content = unpacker.decompress(content, most_bytes)
            except zlib.error as error:
                raise ValueError(str(error)) from error
            kind, content = next(_elements(content, order), (0, b""))
        if kind == _MATRIX and (array := _read_array(content, order)) is not None:
            found[array[0]] = array[1]
    return found


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of each element; those of up to 4 bytes are packed with their tag."""
    at = 0
    while at + 8 <= len(data):
        kind, n = struct.unpack_from(order + "II", data, at)
        if kind >> 16:
            kind, n = kind & 0xFFFF, kind >> 16
            content, step = data[at + 4 : at + 4 + n], 8
        else:
            content, step = data[at + 8 : at + 8 + n], 8 + n + (-n % 8 if kind != _COMPRESSED else 0)
        if len(content) < n or n > len(data):
            raise ValueError("it ends inside an array")
        yield kind, content
        at += step


def _read_array(data: bytes, order: str) -> tuple[str, np.ndarray] | None:
    parts = _elements(data, order)
    flags, shape, name, values = (next(parts, (0, b"")) for _ in range(4))
    word = struct.unpack_from(order + "I", flags[1])[0] if len(flags[1]) >= 4 else 0
    kind = _CLASSES.get(word & 0xFF)
    if kind is None or word & (_IS_COMPLEX | _IS_LOGICAL) or values[0] not in _STORED or len(shape[1]) % 4:
        return None
    lengths = tuple(int(n) for n in np.frombuffer(shape[1], order + "i4"))
    stored = np.dtype(order + _STORED[values[0]])
    numbers = np.frombuffer(values[1][: len(values[1]) // stored.itemsize * stored.itemsize], stored)
    if min(lengths, default=-1) < 0 or int(np.prod(lengths, dtype=object)) != numbers.size:
        raise ValueError(f"an array of shape {lengths} has {numbers.size} numbers")
    with np.errstate(all="ignore"):
        return name[1].decode("latin-1"), numbers.astype(kind).reshape(lengths, order="F")
