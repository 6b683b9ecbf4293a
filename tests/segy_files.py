"""Small SEG-Y files made byte by byte, so that tests do not lean on the library that reads them."""

import struct

import numpy as np
from scipy import ndimage

KINDS = {1: "u4", 2: "i4", 3: "i2", 5: "f4", 6: "f8", 8: "i1", 9: "i8", 10: "u4", 11: "u2", 12: "u8", 16: "u1"}
TWO_BYTES = {29, 71, 109, 115, 117, 215}


def text_header(lines=(), encoding="cp037", n_lines=40):
    rows = [f"C{number:2d} ".ljust(80) for number in range(1, n_lines + 1)]
    for number, line in dict(lines).items():
        rows[number - 1] = f"C{number:2d} {line}".ljust(80)
    return "".join(rows).encode(encoding)


def make_segy(
    path,
    samples,
    *,
    sample_format=5,
    endian="big",
    dt_us=4000,
    words=None,
    binary=None,
    text=None,
    extended=0,
):
    """Write traces `(trace, sample)` of raw words in the format's type, with header words by their first byte.

    A word of the binary header is a number of two bytes, or a number and its `struct` letter. With ``binary={3225: 1}``
    the header states another format than that of the words.
    """
    order = {"big": ">", "little": "<"}[endian]
    samples = np.asarray(samples).astype(order + KINDS[sample_format])
    n_traces, n_samples = samples.shape
    head = bytearray(400)
    for byte, number in {
        3217: dt_us,
        3221: n_samples,
        3225: sample_format,
        3505: extended,
        **(binary or {}),
    }.items():
        number, kind = number if isinstance(number, tuple) else (number & 0xFFFF, "H")
        struct.pack_into(order + kind, head, byte - 3201, number)
    headers = np.zeros((n_traces, 240), np.uint8)
    for byte, numbers in {115: n_samples, 117: dt_us, **(words or {})}.items():
        kind = "i2" if byte in TWO_BYTES else "i4"
        column = np.broadcast_to(np.asarray(numbers), n_traces).astype(np.int64).astype(order + kind)
        size = np.dtype(kind).itemsize
        headers[:, byte - 1 : byte - 1 + size] = np.ascontiguousarray(column).view(np.uint8).reshape(-1, size)
    body = np.concatenate([headers, samples.view(np.uint8).reshape(n_traces, -1)], axis=1)
    text = text_header({1: "A TEST", 40: "END"}) if text is None else text
    path.write_bytes(text + bytes(head) + text_header() * extended + body.tobytes())
    return path


def numbered(inlines, crosslines, inline_byte=189, crossline_byte=193):
    """Return the header words of a full grid, inline by inline."""
    inline, crossline = np.meshgrid(inlines, crosslines, indexing="ij")
    return {inline_byte: inline.ravel(), crossline_byte: crossline.ravel()}


def ramp(n_traces, n_samples):
    """Return samples that all differ: thousands count traces, units samples."""
    return (1000.0 * np.arange(1, n_traces + 1)[:, None] + np.arange(n_samples)).astype(np.float32)


def wiggles(n_traces, n_samples, seed=0):
    """Return smooth traces `(trace, sample)` with a standard deviation of 1000."""
    values = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(n_traces, n_samples)), (3, 2))
    return (1000 * values / values.std()).astype(np.float32)


def ibm_words(values):
    """Return IBM floats as words of 32 bits: sign, exponent of 16 plus 64, and a fraction of 24 bits."""
    values = np.asarray(values, np.float64)
    exponent = np.zeros(values.shape, np.int64)
    magnitude = np.abs(values)
    while (is_large := magnitude >= 1).any():
        magnitude, exponent = np.where(is_large, magnitude / 16, magnitude), exponent + is_large
    while (is_small := (magnitude > 0) & (magnitude < 1 / 16)).any():
        magnitude, exponent = np.where(is_small, magnitude * 16, magnitude), exponent - is_small
    fraction = np.minimum(np.rint(magnitude * 2**24), 2**24 - 1).astype(np.int64)
    words = np.signbit(values).astype(np.int64) << 31 | (exponent + 64) << 24 | fraction
    return np.where(fraction == 0, 0, words).astype(np.uint32)
