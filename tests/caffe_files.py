"""Caffe weight files, written field by field as caffe.proto numbers them."""

import struct

import numpy as np


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def number_field(field, number):
    return varint(field << 3) + varint(number)


def bytes_field(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def blob(values, *, is_legacy, is_packed=True, is_double=False):
    values = np.asarray(values)
    if is_legacy:
        shape = (1,) * (4 - values.ndim) + values.shape
        sizes = b"".join(number_field(i, size) for i, size in enumerate(shape, start=1))
    else:
        sizes = bytes_field(7, bytes_field(1, b"".join(varint(size) for size in values.shape)))
    field, kind, wire_type = (8, "<d", 1) if is_double else (5, "<f", 5)
    numbers = [struct.pack(kind, number) for number in values.ravel().tolist()]
    if is_packed:
        content = bytes_field(field, b"".join(numbers))
    else:
        content = b"".join(varint(field << 3 | wire_type) + number for number in numbers)
    return sizes + content


def old_layer(name, blobs):
    """Write a V1LayerParameter with a bottom, a top, a name, a type and blobs, in the order that Caffe does."""
    content = (
        bytes_field(2, b"data") + bytes_field(3, name.encode()) + bytes_field(4, name.encode()) + number_field(5, 4)
    )
    content += b"".join(bytes_field(6, one) for one in blobs)
    return bytes_field(2, content + bytes_field(10, number_field(1, 64)))


def new_layer(name, blobs):
    """Write a LayerParameter."""
    content = bytes_field(1, name.encode()) + bytes_field(2, b"Convolution") + bytes_field(3, b"data")
    # loss_weight: a float outside of a packed field, as files have them.
    content += varint(5 << 3 | 5) + struct.pack("<f", 1.0)
    content += b"".join(bytes_field(7, one) for one in blobs)
    return bytes_field(100, content + number_field(10, 1))


def net(layers):
    return bytes_field(1, b"test net") + bytes_field(3, b"data") + b"".join(layers)
