"""Lines of the text header that state how a SEG-Y was made: at its top, and in an empty line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import BinaryIO

from seisdream.io.segy.headers import CODECS, N_TEXT_BYTES, N_TEXT_COLUMNS, Layout

DREAM_MARK = "DREAMED BY SEISDREAM"
PREDICTION_MARK = "PREDICTED BY SEISDREAM"
ATTRIBUTION_MARK = "ATTRIBUTED BY SEISDREAM"
CONTROLS_MARK = "CONTROLLED BY SEISDREAM"
NOT_DATA_MARK = "NOT RECORDED DATA"
"""Words of every line at the top."""
N_LINE_CHARACTERS = N_TEXT_COLUMNS - len("C01 ")
# The standards reserve lines 39 and 40 for the revision and the end mark.
_LAST_FREE_LINE = 38


def write_text_lines(
    file: BinaryIO, layout: Layout, encoding: str, *, line: str, mark: str, title: Sequence[str] = ()
) -> int:
    """Write lines into the text header of a copy of a SEG-Y file.

    Parameters
    ----------
    file : binary file
        The copy, open for reading and writing.
    layout : Layout
        Of the source.
    encoding : {"ebcdic", "ascii"}
        Of the text header.
    line : str
        Content of a line, at most 76 ASCII characters. It replaces a line that contains the mark, otherwise the last
        empty line up to C38, otherwise C38.
    mark : str
        The words by which such a line is found.
    title : sequence of str
        Content of the first lines, each with the words "NOT RECORDED DATA". The lines of the source move down; empty
        lines are left out, and where there are too few, the last lines up to C38. A title that the source has is
        replaced.

    Returns
    -------
    int
        Number of `line`, from 1; 0 for Seismic Unix, which has no text header.
    """
    if layout.is_seismic_unix:
        return 0
    codec = CODECS[encoding]
    file.seek(0)
    text = file.read(N_TEXT_BYTES)
    rows = [text[first : first + N_TEXT_COLUMNS] for first in range(0, N_TEXT_BYTES, N_TEXT_COLUMNS)]
    if title:
        rows = _with_title(rows, [_encoded(number, one, codec) for number, one in enumerate(title, 1)], codec)
    number = _choose_line([row.decode(codec) for row in rows], mark)
    rows[number - 1] = _encoded(number, line, codec)
    file.seek(0)
    file.write(b"".join(rows))
    return number


def _with_title(rows: list[bytes], title: list[bytes], codec: str) -> list[bytes]:
    """Return the rows of a text header with other rows above them."""
    text = [row.decode(codec) for row in rows]
    # The numbers of lines stay in their places.
    n_label = 3 if all(re.match(r"C[ \d]\d", one) for one in text) else 0
    kept = [row[n_label:] for row, one in zip(rows[:_LAST_FREE_LINE], text, strict=False) if NOT_DATA_MARK not in one]
    n_most = _LAST_FREE_LINE - len(title)
    while len(kept) > n_most:
        empty = [number for number, row in enumerate(kept) if not row.decode(codec).strip(" \0")]
        kept.pop(empty[-1] if empty else -1)
    kept += [" ".encode(codec) * (N_TEXT_COLUMNS - n_label)] * (n_most - len(kept))
    labels = [row[:n_label] for row in rows[len(title) : _LAST_FREE_LINE]]
    moved = [label + row for label, row in zip(labels, kept, strict=True)]
    return [*title, *moved, *rows[_LAST_FREE_LINE:]]


def _choose_line(text: Sequence[str], mark: str) -> int:
    """Return the number of the line to overwrite, from 1."""
    for number, line in enumerate(text, 1):
        if mark in line and NOT_DATA_MARK not in line:
            return number
    for number in range(_LAST_FREE_LINE, 0, -1):
        # The first three columns are the line number "Cnn".
        if not text[number - 1][3:].strip():
            return number
    return _LAST_FREE_LINE


def _encoded(number: int, line: str, codec: str) -> bytes:
    line = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in line)
    return f"C{number:2d} {line[:N_LINE_CHARACTERS]}".ljust(N_TEXT_COLUMNS).encode(codec)
