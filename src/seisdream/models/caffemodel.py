"""Read Caffe weight files: a minimal protobuf parser for the named blobs.

Field numbers are those of the published ``caffe.proto``. Both the old ``layers`` (2013 to 2014) and the new ``layer``
are read.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np

from seisdream.errors import SeisdreamError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# NetParameter: the field of each kind of layer, and within it the fields of name and blobs.
_LAYER_FORMS = {2: (4, 6), 100: (1, 7)}

# BlobProto.
_LEGACY_SHAPE = (1, 2, 3, 4)
_FLOATS, _SHAPE, _DOUBLES = 5, 7, 8


def read_caffemodel(path: str | os.PathLike[str]) -> dict[str, list[np.ndarray]]:
    """Read the weights in a ``.caffemodel`` file.

    Parameters
    ----------
    path : path
        A binary ``NetParameter``. It is mapped, so that only the weights take memory.

    Returns
    -------
    dict of list of ndarray
        The blobs (weight, then bias) of each layer as float32, by layer name; layers without weights are left out.
        Blobs of the old format have four dimensions, padded with ones in front.

    Raises
    ------
    SeisdreamError
        If the file cannot be opened, is truncated, or is not a Caffe file.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            # Mapped, so that a large file of another format is refused without being read whole.
            return _read_net(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except (OSError, ValueError) as error:
        reason = "it is empty" if path.is_file() and path.stat().st_size == 0 else str(error)
        raise SeisdreamError(
            f"{path} cannot be read as Caffe weights: {reason}. `weights` must be a complete .caffemodel file.",
            code="unreadable",
            option="weights",
        ) from error


def _read_net(net: memoryview) -> dict[str, list[np.ndarray]]:
    weights: dict[str, list[np.ndarray]] = {}
    for number, value in _fields(net):
        if number not in _LAYER_FORMS or not isinstance(value, memoryview):
            continue
        name_field, blob_field = _LAYER_FORMS[number]
        name, blobs = "", []
        for field, content in _fields(value):
            if field == name_field and isinstance(content, memoryview):
                name = bytes(content).decode("utf-8")
            elif field == blob_field and isinstance(content, memoryview):
                blobs.append(_read_blob(content))
        if blobs:
            weights[name] = blobs
    if not weights:
        raise ValueError("it has no layer with weights")
    return weights


def _read_blob(blob: memoryview) -> np.ndarray:
    legacy = dict.fromkeys(_LEGACY_SHAPE, 0)
    shape: tuple[int, ...] | None = None
    floats, doubles = bytearray(), bytearray()
    for number, value in _fields(blob):
        if number in legacy and isinstance(value, int):
            legacy[number] = value
        elif number == _SHAPE and isinstance(value, memoryview):
            shape = _read_shape(value)
        # Packed numbers are one long field, unpacked ones many short fields with the same bytes.
        elif number == _FLOATS and isinstance(value, memoryview):
            floats += value
        elif number == _DOUBLES and isinstance(value, memoryview):
            doubles += value
    values = np.frombuffer(doubles, "<f8").astype(np.float32) if doubles else np.frombuffer(floats, "<f4")
    if shape is None:
        shape = tuple(legacy.values())
    if prod(shape) != values.size:
        raise ValueError(f"a blob of shape {shape} has {values.size} numbers")
    return values.reshape(shape)


def _read_shape(message: memoryview) -> tuple[int, ...]:
    sizes: list[int] = []
    for number, value in _fields(message):
        if number != 1:
            continue
        if isinstance(value, int):
            sizes.append(value)
            continue
        at = 0
        while at < len(value):
            size, at = _varint(value, at)
            sizes.append(size)
    return tuple(sizes)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the fields of a message: numbers for varints, views of the bytes for all others."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire_type == _BYTES:
            length, at = _varint(message, at)
        elif wire_type in (_FIXED32, _FIXED64):
            length = 4 if wire_type == _FIXED32 else 8
        else:
            raise ValueError(f"byte {at} of a message is not the start of a protobuf field")
        if length > len(message) - at:
            raise ValueError(f"it ends {length - (len(message) - at)} bytes too early")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number that starts at a byte (seven bits per byte, lowest first) and the start of the next field."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it ends in the middle of a number")
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise ValueError("it has a number of more than 64 bits")
