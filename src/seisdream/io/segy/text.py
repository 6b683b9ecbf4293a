"""The text header of a SEG-Y file: 40 lines of 80 characters, in EBCDIC or ASCII."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.segy.headers import N_TEXT_BYTES, reading

N_TEXT_COLUMNS = 80
CODECS = {"ebcdic": "cp037", "ascii": "latin-1"}


def find_encoding(text: bytes) -> str:
    """Return the encoding, "ebcdic" or "ascii", in which a text header has more letters, digits and blanks."""
    codes = np.bincount(np.frombuffer(text, np.uint8), minlength=256)

    def n_in(*ranges: tuple[int, int]) -> int:
        return sum(int(codes[first : last + 1].sum()) for first, last in ranges)

    n_ascii = n_in((0x20, 0x20), (0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A))
    n_ebcdic = n_in((0x40, 0x40), (0x81, 0xA9), (0xC1, 0xE9), (0xF0, 0xF9))
    return "ascii" if n_ascii > n_ebcdic else "ebcdic"


def decode_text(text: bytes, encoding: str) -> list[str]:
    """Return a text header as 40 lines of 80 characters, with blanks for unprintable ones."""
    characters = text.decode(CODECS[encoding])
    printable = "".join(character if character.isprintable() else " " for character in characters)
    return [printable[start : start + N_TEXT_COLUMNS] for start in range(0, N_TEXT_BYTES, N_TEXT_COLUMNS)]


def read_text_header(path: str | Path, encoding: str | None = None) -> list[str]:
    """Read the text header of a SEG-Y file.

    Parameters
    ----------
    path : str or Path
        The file.
    encoding : {"ebcdic", "ascii"}, optional
        Default: detected from the characters.

    Returns
    -------
    list of str
        40 lines of 80 characters.

    Raises
    ------
    SeisdreamError
        If the file ends inside the text header, or the encoding is neither of the two.
    """
    path = Path(path)
    if encoding not in (None, *CODECS):
        raise SeisdreamError(
            f"`encoding` is '{encoding}'; it must be {' or '.join(CODECS)}.", code="unknown-name", option="encoding"
        )
    with reading(path), path.open("rb") as file:
        text = file.read(N_TEXT_BYTES)
    if len(text) < N_TEXT_BYTES:
        raise SeisdreamError(
            f"{path} ends inside its text header: it has {len(text)} of {N_TEXT_BYTES} bytes.", code="corrupt"
        )
    return decode_text(text, encoding or find_encoding(text))
