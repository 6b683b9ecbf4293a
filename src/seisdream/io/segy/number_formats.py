"""Which bytes of the trace header hold line numbers, and in which format: integers of 4 or 2 bytes, or floats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.segy.formats import decode_numbers, parse_number_byte
from seisdream.io.segy.headers import N_TRACE_HEADER_BYTES, Layout, Problem, read_header_words

DEFAULT_PAIR = (189, 193)
# Headers that are read to find the format of line numbers, and what floats of line numbers are below.
_N_NUMBERS, _LARGEST_NUMBER = 128, 2**24


def find_number_formats(
    layout: Layout, inline_byte: int | str | None, crossline_byte: int | str | None
) -> tuple[Layout, int | None, int | None]:
    """Find the formats of the line numbers: as stated, or as the numbers of some traces show.

    Parameters
    ----------
    layout : Layout
        Of the file.
    inline_byte, crossline_byte : int or str, optional
        As for `read_survey`, such as 189, or ``"189:int16"`` with a format.

    Returns
    -------
    layout : Layout
        With the formats that are not 4-byte integers, and a problem for each that was found.
    inline_byte, crossline_byte : int or None
        The bytes alone.
    """
    given = {
        name: parse_number_byte(byte, name)
        for name, byte in (("inline_byte", inline_byte), ("crossline_byte", crossline_byte))
    }
    bytes_given = (given["inline_byte"][0], given["crossline_byte"][0])
    pair = (bytes_given[0] or DEFAULT_PAIR[0], bytes_given[1] or DEFAULT_PAIR[1])
    check_pair(*bytes_given, pair)
    stated = {byte: one[1] for byte, one in zip(pair, given.values(), strict=True) if one[1]}
    traces = np.unique(np.linspace(0, layout.n_traces - 1, min(layout.n_traces, _N_NUMBERS)).astype(np.int64))
    words = read_header_words(layout, pair, traces)
    found = {byte: word for byte in pair if byte not in stated and (word := _number_format(words[byte]))}
    if len(found) == 1:
        # One number for all traces has no pattern of its own.
        word, other = next(iter(found.values())), next(byte for byte in pair if byte not in found)
        if other not in stated and not varies(words[other]) and _number_format(words[other], word) == word:
            found[other] = word
    problems = [
        Problem(
            f"Bytes {byte} to {byte + 3} hold {words[byte].min()} to {words[byte].max()} as integers: these look like "
            f"{'2-byte integers' if found[byte] == 'int16' else 'floats'} and are read as such.",
            f"If they are 4-byte integers, use `{name}='{byte}:int32'`; to state the format, "
            f"`{name}='{byte}:{found[byte]}'`.",
            is_noted=True,
            option=name,
        )
        for name, byte in zip(given, pair, strict=True)
        if byte in found
    ]
    layout = replace(layout, number_formats={**found, **stated}, problems=(*layout.problems, *problems))
    return layout, *bytes_given


def _number_format(words: np.ndarray, expected: str | None = None) -> str | None:
    """Return the format in which implausible 4-byte integers are line numbers; None if they are plausible."""
    if not (varies(words) or expected) or not words.any() or np.abs(words.astype(np.int64)).max() < 1 << 16:
        return None
    raw = words.astype(">i4").view(np.uint8).reshape(-1, 4)
    for word in (expected,) if expected in ("float", "ibm") else ("float", "ibm"):
        numbers = decode_numbers(raw, word, ">")
        is_exact = _encoded(numbers, word) == words
        if is_exact.all() and np.abs(numbers).max() < _LARGEST_NUMBER:
            return word
    return "int16" if not (words & 0xFFFF).any() else None


def _encoded(numbers: np.ndarray, word: str) -> np.ndarray:
    """Return the words, as 4-byte integers, of whole numbers below 2^24 as floats."""
    if word == "float":
        return numbers.astype(">f4").view(">i4").astype(np.int32)
    fraction, twos = np.frexp(np.abs(numbers).astype(np.float64))
    sixteens = -(-twos // 4)
    digits = np.rint(np.ldexp(fraction, twos - 4 * sixteens + 24)).astype(np.int64)
    encoded = np.where(numbers == 0, 0, (sixteens + 64).astype(np.int64) << 24 | digits)
    return (encoded | (np.int64(1) << 31) * (numbers < 0)).astype(np.uint32).view(np.int32)


def check_pair(inline_byte: int | None, crossline_byte: int | None, pair: tuple[int, int]) -> None:
    """Raise if given bytes cannot hold line numbers."""
    for name, byte in (("inline", inline_byte), ("crossline", crossline_byte)):
        if byte is not None and not 1 <= byte <= N_TRACE_HEADER_BYTES - 3:
            raise SeisdreamError(
                f"`{name}_byte` is {byte}; it must be the first of four bytes in the {N_TRACE_HEADER_BYTES} of a trace "
                f"header, 1 to {N_TRACE_HEADER_BYTES - 3}.",
                code="out-of-range",
                option=f"{name}_byte",
            )
    if pair[0] == pair[1]:
        raise SeisdreamError(
            f"`inline_byte` and `crossline_byte` are both {pair[0]}; they must differ.",
            code="incompatible",
            option="inline_byte",
        )


def varies(numbers: np.ndarray) -> bool:
    """Return whether numbers are not all the same."""
    return bool((numbers != numbers[0]).any())
