"""The byte layout of a SEG-Y file, its text header and the words of its trace headers.

Byte positions count from 1 as in the SEG-Y standards (SEG 1975, 2002, 2017).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.compressed import unpacked
from seisdream.io.segy.formats import ORDERS, bytes_of_format, decode_numbers

N_TEXT_BYTES = 3200
N_TEXT_COLUMNS = 80
N_BINARY_BYTES = 400
CODECS = {"ebcdic": "cp037", "ascii": "latin-1"}
N_FILE_HEADER_BYTES = 3600
N_TRACE_HEADER_BYTES = 240

# Trace header words of two bytes; all others that are read have four.
TWO_BYTE_WORDS = frozenset({29, 71, 109, 115, 117, 215})
_HEADERS_AT_A_TIME = 16384
# Traces whose headers show whether a layout is right.
_N_CHECKED = 64
# Traces up to this length are read with their samples, which is quicker than one call for each header.
_SHORT_TRACE_BYTES, _BYTES_AT_A_TIME = 8192, 2**23


@dataclass(frozen=True)
class Problem:
    """Something that looks wrong in a file, and what to do about it.

    Attributes
    ----------
    what, fix : str
        A sentence each.
    is_fatal : bool
        Whether it prevents opening a section.
    code : str
        Code of the error that it becomes if it is fatal.
    is_noted : bool
        Whether every command that opens the file prints it as a note, and not only `seisdream info`.
    option : str, optional
        Python name of the argument that corrects it.
    """

    what: str
    fix: str
    is_fatal: bool = False
    code: str = "no-geometry"
    is_noted: bool = False
    option: str | None = None


@dataclass(frozen=True)
class Layout:
    """Where headers and samples lie in a valid SEG-Y or Seismic Unix file.

    Attributes
    ----------
    path : Path
        The file.
    file : Path
        The file that is read: `path`, or a temporary one with the content of a ``.gz``.
    n_bytes, mtime_ns : int
        Length of `file` and time of the last change of `path`, by which a change is detected later.
    endian : {"big", "little"}
        Byte order of the headers.
    sample_format : int
        The code of the samples, one of `SAMPLE_FORMATS`.
    n_samples, n_traces : int
        Samples per trace, and traces.
    start : int
        Bytes before the first trace; 0 for Seismic Unix, which has no file headers.
    header_bytes : int
        Bytes of the headers of a trace: 240, more with additional trace headers.
    binary_start : int
        Bytes before the binary header.
    binary : bytes
        The 400 bytes of the binary header; zeros for Seismic Unix.
    sample_endian : {"big", "little"}, optional
        Byte order of the samples, if it is not that of the headers.
    n_after : int
        Bytes after the last trace.
    number_formats : mapping
        Formats of line numbers that are not 4-byte integers, by their first byte in the trace header.
    problems : tuple of Problem
        What looks wrong in the layout.
    """

    path: Path
    file: Path
    n_bytes: int
    mtime_ns: int
    endian: str
    sample_format: int
    n_samples: int
    n_traces: int
    start: int = N_FILE_HEADER_BYTES
    header_bytes: int = N_TRACE_HEADER_BYTES
    binary_start: int = N_TEXT_BYTES
    binary: bytes = bytes(N_BINARY_BYTES)
    sample_endian: str | None = None
    n_after: int = 0
    number_formats: Mapping[int, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def order(self) -> str:
        """The byte order of the headers as NumPy and `struct` write it."""
        return ORDERS[self.endian]

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return bytes_of_format(self.sample_format)

    @property
    def trace_bytes(self) -> int:
        """Bytes of one trace with its headers."""
        return self.header_bytes + self.n_samples * self.sample_bytes

    @property
    def is_seismic_unix(self) -> bool:
        """Whether the file has no text and binary header."""
        return self.start == 0

    def is_unchanged(self) -> bool:
        """Return whether the file is as long and as old as when it was opened."""
        try:
            return (self.file.stat().st_size, self.path.stat().st_mtime_ns) == (self.n_bytes, self.mtime_ns)
        except OSError:
            return False

    @property
    def revision(self) -> int:
        """Major revision of the standard; the two bytes of the number are swapped in some little-endian files."""
        first, second = self.binary[300], self.binary[301]
        return first if first in (1, 2) else second if first == 0 and second in (1, 2) else 0

    def binary_word(self, byte: int, kind: str = "H") -> int | float:
        """Return a number of the binary header, by its byte in the file (3201–3600) and `struct` letter."""
        return read_binary_word(self.binary, self.order, byte, kind)


def read_binary_word(binary: bytes, order: str, byte: int, kind: str) -> int | float:
    """Return a number of a binary header, by its byte in the file (3201–3600) and `struct` letter."""
    return struct.unpack_from(order + kind, binary, byte - 1 - N_TEXT_BYTES)[0]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an operating-system error into a `SeisdreamError` that says what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise SeisdreamError(f"There is no file {path}; check the path.", code="not-found") from error
    except IsADirectoryError as error:
        raise SeisdreamError(f"{path} is a folder; give one SEG-Y file in it.", code="wrong-type") from error
    except PermissionError as error:
        raise SeisdreamError(
            f"{path} cannot be read by this user; change its permissions.", code="unreadable"
        ) from error
    except (OSError, ValueError) as error:
        raise SeisdreamError(f"{path} cannot be read: {error}.", code="unreadable") from error


def read_header_words(
    layout: Layout, words: Iterable[int], traces: Sequence[int] | np.ndarray
) -> dict[int, np.ndarray]:
    """Read some words of some trace headers, a block at a time.

    Parameters
    ----------
    layout : Layout
        Of the file.
    words : iterable of int
        First bytes of the words in the trace header, from 1.
    traces : sequence or array of int
        Positions of the traces in the file, from 0.

    Returns
    -------
    dict
        For each word an int32 array with one number per trace; line numbers in the format that the layout states.
    """
    columns = {word: np.empty(len(traces), np.int32) for word in words}
    n_block = min(_HEADERS_AT_A_TIME, max(1, _BYTES_AT_A_TIME // layout.trace_bytes))
    with reading(layout.path), layout.file.open("rb", buffering=0) as file:
        for start in range(0, len(traces), n_block):
            block = np.asarray(traces[start : start + n_block], np.int64)
            headers = _read_headers(file, layout, block)
            for word, column in columns.items():
                number_format = layout.number_formats.get(word, "int16" if word in TWO_BYTE_WORDS else "int32")
                column[start : start + len(block)] = decode_numbers(
                    headers[:, word - 1 : word + 3], number_format, layout.order
                )
    return columns


def _read_headers(file: BinaryIO, layout: Layout, traces: np.ndarray) -> np.ndarray:
    """Read the headers of some traces, uint8 ``(trace, byte)``."""
    headers, n_bytes = np.empty((traces.size, N_TRACE_HEADER_BYTES), np.uint8), layout.trace_bytes
    starts = np.append(np.flatnonzero(np.diff(traces, prepend=-2) != 1), traces.size)
    if n_bytes > _SHORT_TRACE_BYTES or 2 * starts.size > traces.size:
        starts, n_bytes = np.arange(traces.size + 1), N_TRACE_HEADER_BYTES
    for first, last in pairwise(starts.tolist()):
        file.seek(layout.start + int(traces[first]) * layout.trace_bytes)
        raw = file.read((last - first) * n_bytes)
        if len(raw) != (last - first) * n_bytes:
            raise SeisdreamError(f"{layout.path} became shorter while it was read; open it again.", code="changed")
        headers[first:last] = np.frombuffer(raw, np.uint8).reshape(-1, n_bytes)[:, :N_TRACE_HEADER_BYTES]
    return headers


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
    with reading(path), unpacked(path).open("rb") as file:
        text = file.read(N_TEXT_BYTES)
    if len(text) < N_TEXT_BYTES:
        raise SeisdreamError(
            f"{path} ends inside its text header: it has {len(text)} of {N_TEXT_BYTES} bytes.", code="corrupt"
        )
    return decode_text(text, encoding or find_encoding(text))


def read_at(layout: Layout, start: int, n: int) -> bytes:
    """Return up to `n` bytes of the file from a position on."""
    with reading(layout.path), layout.file.open("rb") as file:
        file.seek(start)
        return file.read(n)


def first_incompatible(layout: Layout) -> int | None:
    """Return the first of some traces whose header is not that of a trace of this layout; None if all are."""
    traces = np.unique(np.linspace(0, layout.n_traces - 1, min(layout.n_traces, _N_CHECKED)).astype(np.int64))
    return next((trace for trace in traces.tolist() if not is_alike(layout, trace)), None)


def is_alike(layout: Layout, trace: int) -> bool:
    """Return whether a trace header states the samples of the layout, or, if the first states none, its interval."""
    stated = [_header_words(layout, one) for one in (0, trace)]
    if None in stated:
        return False
    (n_first, dt_first), (n_samples, dt_us) = stated  # pyright: ignore[reportGeneralTypeIssues]
    if n_first:
        return n_samples == n_first and n_first in (layout.n_samples & 0xFFFF, 0xFFFF)
    return bool(dt_first) and (n_samples, dt_us) == (n_first, dt_first)


def first_trace_samples(layout: Layout) -> int | None:
    """Return the samples that the header of the first trace states; None if there is none."""
    word = read_at(layout, layout.start + 114, 2)
    return struct.unpack(layout.order + "H", word)[0] if len(word) == 2 else None


def _header_words(layout: Layout, trace: int) -> tuple[int, int] | None:
    words = read_at(layout, layout.start + trace * layout.trace_bytes + 114, 4)
    return struct.unpack(layout.order + "HH", words) if len(words) == 4 else None
