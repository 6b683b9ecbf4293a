"""Formats of numbers in SEG-Y: samples, and line numbers in trace headers."""

from __future__ import annotations

from typing import Any

import numpy as np

from seisdream.errors import SeisdreamError

ORDERS = {"big": ">", "little": "<"}
IBM, IEEE = 1, 5

# Sample formats that can be read: code -> (name, NumPy type without byte order, None for IBM floats).
SAMPLE_FORMATS: dict[int, tuple[str, str | None]] = {
    1: ("4-byte IBM float", None),
    2: ("4-byte integer", "i4"),
    3: ("2-byte integer", "i2"),
    5: ("4-byte IEEE float", "f4"),
    6: ("8-byte IEEE float", "f8"),
    8: ("1-byte integer", "i1"),
    9: ("8-byte integer", "i8"),
    10: ("4-byte unsigned integer", "u4"),
    11: ("2-byte unsigned integer", "u2"),
    12: ("8-byte unsigned integer", "u8"),
    16: ("1-byte unsigned integer", "u1"),
}
UNREADABLE_FORMATS = {
    4: "4-byte fixed point with gain",
    7: "3-byte integer",
    15: "3-byte unsigned integer",
}
# Words of the option `sample_format`.
FORMAT_WORDS = {
    "ibm": 1, "ieee": 5, "float64": 6, "int8": 8, "int16": 3, "int32": 2, "int64": 9,
    "uint8": 16, "uint16": 11, "uint32": 10, "uint64": 12,
}  # fmt: skip
_ALIASES = {"float32": 5, "float": 5, "double": 6}
WORD_OF_FORMAT = {code: word for word, code in FORMAT_WORDS.items()}

# Formats of a line number in a trace header: NumPy type without byte order, None for IBM floats.
NUMBER_FORMATS: dict[str, str | None] = {"int32": "i4", "int16": "i2", "float": "f4", "ibm": None}
_NUMBER_WORDS = {"4": "int32", "2": "int16", "ieee": "float", **{name: name for name in NUMBER_FORMATS}}


# What the fraction of an IBM float is multiplied by, for each sign and exponent of 16 (biased by 64). The fraction has
# 24 bits, whose leading digit may be 0.
_IBM_SCALES = np.ldexp(np.where(np.arange(256) < 128, 1.0, -1.0), 4 * (np.arange(256) % 128 - 64) - 24)


def bytes_of_format(code: int) -> int:
    """Return the bytes of one sample."""
    kind = SAMPLE_FORMATS[code][1]
    return np.dtype(kind).itemsize if kind else 4


def parse_sample_format(given: str | int | None) -> tuple[int | None, str | None]:
    """Return the code and the byte order that ``sample_format`` states.

    Parameters
    ----------
    given : str or int, optional
        ``ibm``, ``ieee``, ``int16`` and so on, or the code of the SEG-Y standard; with ``-big`` or ``-little`` if
        samples and headers differ in byte order.

    Returns
    -------
    (int or None, str or None)
        Code, and byte order of the samples; None for what is not stated.
    """
    if given is None:
        return None, None
    word, _, order = str(given).strip().lower().partition("-")
    code = FORMAT_WORDS.get(word, _ALIASES.get(word, int(word) if word.isdecimal() else None))
    if code not in SAMPLE_FORMATS or (order and order not in ORDERS):
        raise SeisdreamError(
            f"`sample_format` is '{given}'; it must be one of {', '.join(FORMAT_WORDS)} or a code of the standard "
            f"({', '.join(map(str, SAMPLE_FORMATS))}), with -big or -little if samples and headers differ in order.",
            code="unknown-name",
            option="sample_format",
        )
    return code, order or None


def parse_number_byte(given: int | str | None, name: str) -> tuple[int | None, str | None]:
    """Return the byte and the format of a line number, from ``189``, ``"189:int16"`` or ``"189:float"``."""
    if given is None or isinstance(given, int):
        return given, None
    byte, separator, word = str(given).strip().lower().partition(":")
    number_format = _NUMBER_WORDS.get(word)
    if not byte.lstrip("-").isdecimal() or (separator and number_format is None):
        raise SeisdreamError(
            f"`{name}` is '{given}'; it must be a byte such as 189, or a byte and a format such as 189:int16, "
            "189:float (IEEE) or 189:ibm.",
            code="wrong-type",
            option=name,
        )
    return int(byte), number_format


def decode_ibm(words: np.ndarray) -> np.ndarray:
    """Return unsigned words of 32 bits as float64: IBM hexadecimal floats."""
    words = words.astype(np.uint32)
    values = (words & 0xFFFFFF).astype(np.float64)
    values *= _IBM_SCALES[words >> 24]
    return values


def decode_words(words: np.ndarray, code: int) -> np.ndarray:
    """Return words of a sample format as float32; IBM floats are exact within its range and infinite beyond."""
    with np.errstate(over="ignore", invalid="ignore"):
        return (decode_ibm(words) if code == IBM else words).astype(np.float32)


def word_type(code: int, endian: str) -> np.dtype:
    """Return the NumPy type of the words of a sample format; IBM floats are unsigned words of 32 bits."""
    return np.dtype(ORDERS[endian] + (SAMPLE_FORMATS[code][1] or "u4"))


def decode_numbers(raw: Any, number_format: str, order: str) -> np.ndarray:
    """Return line numbers as int32 from the bytes of a header word ``(trace, 4)``.

    Numbers that are not finite, or beyond the range of int32, become 0.
    """
    kind = NUMBER_FORMATS[number_format]
    size = np.dtype(kind or "u4").itemsize
    words = np.ascontiguousarray(raw[:, :size]).view(order + (kind or "u4"))[:, 0]
    if number_format.startswith("int"):
        return words.astype(np.int32)
    with np.errstate(invalid="ignore", over="ignore"):
        numbers = np.rint(decode_ibm(words) if kind is None else words.astype(np.float64))
    return np.where(np.isfinite(numbers) & (np.abs(numbers) < 2**31), numbers, 0).astype(np.int32)
