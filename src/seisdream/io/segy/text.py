"""The text header of a SEG-Y file: 40 lines of 80 characters, in EBCDIC or ASCII."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.segy.headers import N_TEXT_BYTES, reading

N_TEXT_COLUMNS = 80
CODECS = {"ebcdic": "cp037", "ascii": "latin-1"}


def find_encoding(text: bytes) -> str:
    """Return whether a text header is "ebcdic" or "ascii", by which makes more letters and blanks."""
    codes = np.bincount(np.frombuffer(text, np.uint8), minlength=256)

    def n_in(*ranges: tuple[int, int]) -> int:
        return sum(int(codes[first : last + 1].sum()) for first, last in ranges)

    n_ascii = n_in((0x20, 0x20), (0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A))
    n_ebcdic = n_in((0x40, 0x40), (0x81, 0xA9), (0xC1, 0xE9), (0xF0, 0xF9))
    return "ascii" if n_ascii > n_ebcdic else "ebcdic"


def decode_text(text: bytes, encoding: str) -> list[str]:
    """Return a text header as 40 lines of 80 characters, with blanks for what cannot be printed."""
    characters = text.decode(CODECS[encoding])
    printable = "".join(character if character.isprintable() else " " for character in characters)
    return [printable[start : start + N_TEXT_COLUMNS] for start in range(0, N_TEXT_BYTES, N_TEXT_COLUMNS)]


def read_text_header(path: str | Path, encoding: str | None = None) -> list[str]:
    """Read the text header of a SEG-Y file.

    Parameters
    ----------
    path : str or Path
    encoding : {"ebcdic", "ascii"}, optional
        By default told from the characters.

    Returns
    -------
    list of str
        40 lines of 80 characters.

    Raises
    ------
    SeisdreamError
        If the file has no whole text header or the encoding is none of the two.
    """
    path = Path(path)
    if encoding not in (None, *CODECS):
        raise SeisdreamError(f"The text header is {' or '.join(CODECS)} (--encoding); got '{encoding}'.")
    with reading(path), path.open("rb") as file:
        text = file.read(N_TEXT_BYTES)
    if len(text) < N_TEXT_BYTES:
        raise SeisdreamError(f"{path} ends inside its text header: {len(text)} of {N_TEXT_BYTES} bytes.")
    return decode_text(text, encoding or find_encoding(text))
