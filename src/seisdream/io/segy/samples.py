"""Convert SEG-Y samples to float32 and back.

segyio is not used: version 1.9.14 assumes that every IBM float is normalised (0x42010000, which is 1, reads as 8.5)
and does not saturate integers when it writes. The tests compare this module with segyio where the two must agree.
"""

from __future__ import annotations

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.segy import formats
from seisdream.io.segy.formats import IBM
from seisdream.io.segy.headers import Layout, reading

_SAMPLES_AT_A_TIME = 2**20


def word_type(layout: Layout) -> np.dtype:
    """Return the NumPy type of a file's samples; IBM floats are unsigned words of 32 bits."""
    return formats.word_type(layout.sample_format, layout.sample_endian or layout.endian)


def read_samples(layout: Layout, traces: np.ndarray, sample: int | None = None) -> np.ndarray:
    """Read some traces, or one sample of each.

    Parameters
    ----------
    layout : Layout
        Of the file.
    traces : int array ``(trace,)``
        Positions in the file from 0; −1 for a missing trace.
    sample : int, optional
        Read only this sample of each trace. Default: all.

    Returns
    -------
    float32 array ``(time, trace)``
        One row if `sample` is given; NaN for missing traces. Values beyond the range of float32 are infinite.
    """
    first, n_rows = (0, layout.n_samples) if sample is None else (sample, 1)
    start = layout.start + layout.header_bytes + first * layout.sample_bytes
    values = np.full((n_rows, traces.size), np.nan, np.float32)
    columns = np.flatnonzero(traces >= 0)
    n_block = max(1, _SAMPLES_AT_A_TIME // n_rows)
    with reading(layout.path), layout.file.open("rb", buffering=0) as file:
        for block in (columns[at : at + n_block] for at in range(0, columns.size, n_block)):
            words = np.empty((block.size, n_rows), word_type(layout))
            for row, trace in zip(words.view(np.uint8), traces[block].tolist(), strict=True):
                file.seek(start + trace * layout.trace_bytes)
                if file.readinto(row.data) != row.size:
                    raise SeisdreamError(
                        f"{layout.path} became shorter while it was read; open it again.", code="changed"
                    )
            values[:, block] = formats.decode_words(words, layout.sample_format).T
    return values


def encode_samples(values: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Return finite samples as a file stores them, and which of them were clipped to its range."""
    kind = word_type(layout)
    if kind.kind == "f":
        return np.asarray(values).astype(kind), np.zeros(np.shape(values), bool)
    exact = np.asarray(values, np.float64)
    if layout.sample_format == IBM:
        return _encode_ibm(exact).astype(kind), np.zeros(exact.shape, bool)
    limits = np.iinfo(kind)
    rounded = np.rint(exact)
    low, high = float(limits.min), float(limits.max)
    if int(high) > limits.max:
        # 2^63 − 1 and 2^64 − 1 are not doubles: use the largest double below.
        high = float(np.nextafter(high, 0.0))
    return np.clip(rounded, low, high).astype(kind), (rounded < low) | (rounded > high)


def changes_words(values: np.ndarray, words: np.ndarray, layout: Layout) -> np.ndarray:
    """Return where float32 samples would be stored as other words than those from which they were decoded.

    Parameters
    ----------
    values : float32 array
        Decoded samples, some perhaps replaced by NaN.
    words : array
        As the file stores them.
    layout : Layout
        Of the file.
    """
    kind = word_type(layout)
    if layout.sample_format == IBM:
        native = words.astype(np.uint32)
        exponents = native >> 24 & 0x7F
        # Normalised fractions in the range of float32, and a zero without sign or exponent, are restored exactly.
        is_exact = ((native & 0xF00000) != 0) & (exponents >= 34) & (exponents <= 96) | (native == 0)
        return ~is_exact | np.isnan(values)
    if (kind.kind, kind.itemsize) == ("f", 4):
        return values.view(np.uint32) != words.astype(np.float32).view(np.uint32)
    if kind.itemsize < 4:
        return values != words
    with np.errstate(over="ignore", invalid="ignore"):
        return np.isnan(values) | (encode_samples(np.nan_to_num(values), layout)[0] != words)


def _encode_ibm(values: np.ndarray) -> np.ndarray:
    """Return doubles in the range of float32 as IBM hexadecimal floats, rounded to their 24-bit fraction."""
    fraction, twos = np.frexp(np.abs(values))
    sixteens = -(-twos // 4)
    # value = digits / 2^24 · 16^sixteens, with digits of 21 to 24 bits.
    digits = np.rint(np.ldexp(fraction, twos - 4 * sixteens + 24))
    is_carried = digits >= 2**24
    digits = np.where(is_carried, digits / 16, digits).astype(np.uint32)
    exponent = np.where(digits == 0, 0, sixteens + is_carried + 64).astype(np.uint32)
    sign = np.signbit(values).astype(np.uint32) << 31
    return np.where(digits == 0, np.uint32(0), sign | exponent << 24 | digits)
