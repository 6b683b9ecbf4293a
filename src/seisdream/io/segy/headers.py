"""The headers and the byte layout of a SEG-Y file.

Headers are checked against the length of the file before anything else is read. Byte positions count from 1 as in
the SEG-Y standards (SEG 1975, 2002, 2017).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seisdream.errors import SeisdreamError

N_TEXT_BYTES = 3200
N_TEXT_COLUMNS = 80
CODECS = {"ebcdic": "cp037", "ascii": "latin-1"}
N_FILE_HEADER_BYTES = 3600
N_TRACE_HEADER_BYTES = 240

ORDERS = {"big": ">", "little": "<"}

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

# Trace header words of two bytes; all others that are read have four.
TWO_BYTE_WORDS = frozenset({29, 71, 109, 115, 117, 215})
_HEADERS_AT_A_TIME = 16384


@dataclass(frozen=True)
class Layout:
    """Where headers and samples lie in a valid SEG-Y file.

    Attributes
    ----------
    path : Path
        The file.
    n_bytes, mtime_ns : int
        Length and time of the last change, by which a change of the file is detected later.
    endian : {"big", "little"}
        Byte order.
    sample_format : int
        The code in bytes 3225–3226, one of `SAMPLE_FORMATS`.
    n_samples, n_traces, n_extended : int
        Samples per trace, traces, and extended text headers of 3200 bytes.
    binary : bytes
        The 400 bytes of the binary header.
    """

    path: Path
    n_bytes: int
    mtime_ns: int
    endian: str
    sample_format: int
    n_samples: int
    n_traces: int
    n_extended: int
    binary: bytes

    @property
    def order(self) -> str:
        """The byte order as NumPy and `struct` write it."""
        return ORDERS[self.endian]

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return _sample_bytes(self.sample_format)

    @property
    def traces_start(self) -> int:
        """Bytes before the first trace."""
        return N_FILE_HEADER_BYTES + N_TEXT_BYTES * self.n_extended

    @property
    def trace_bytes(self) -> int:
        """Bytes of one trace with its header."""
        return N_TRACE_HEADER_BYTES + self.n_samples * self.sample_bytes

    def binary_word(self, byte: int, kind: str = "H") -> int | float:
        """Return a number of the binary header, by its byte in the file (3201–3600) and `struct` letter."""
        return _binary_word(self.binary, self.order, byte, kind)


def _sample_bytes(sample_format: int) -> int:
    kind = SAMPLE_FORMATS[sample_format][1]
    return np.dtype(kind).itemsize if kind else 4


def _binary_word(binary: bytes, order: str, byte: int, kind: str) -> int | float:
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


def read_layout(path: str | Path, endian: str | None = None) -> Layout:
    """Check the headers of a SEG-Y file against its length and return its layout.

    Parameters
    ----------
    path : str or Path
        The file.
    endian : {"big", "little"}, optional
        Byte order. Default: detected from the sample format code.

    Raises
    ------
    SeisdreamError
        If the file is missing, empty, a text file, truncated, of another byte order than given, or of a layout that
        is not supported.
    """
    path = Path(path)
    if endian not in (None, *ORDERS):
        raise SeisdreamError(
            f"`endian` is '{endian}'; it must be {' or '.join(ORDERS)}.", code="unknown-name", option="endian"
        )
    with reading(path):
        if path.is_dir():
            raise IsADirectoryError
        if path.exists() and not path.is_file():
            raise SeisdreamError(f"{path} is not a regular file; copy its content to a file first.", code="unreadable")
        with path.open("rb") as file:
            head = file.read(N_FILE_HEADER_BYTES)
        status = path.stat()
    _check_head(path, head)

    binary = head[N_TEXT_BYTES:]
    endian = _find_endian(path, binary, endian)
    order = ORDERS[endian]
    sample_format = int(_binary_word(binary, order, 3225, "H"))
    if sample_format in UNREADABLE_FORMATS:
        raise SeisdreamError(
            f"{path} has sample format {sample_format} ({UNREADABLE_FORMATS[sample_format]}), which is not "
            f"supported; convert it to one of {', '.join(map(str, SAMPLE_FORMATS))} (5 is IEEE float).",
            code="not-supported",
        )
    layout = Layout(
        path=path,
        n_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        endian=endian,
        sample_format=sample_format,
        n_samples=int(_binary_word(binary, order, 3221, "H")),
        n_traces=0,
        n_extended=int(_binary_word(binary, order, 3505, "h")),
        binary=binary,
    )
    return _count_traces(layout)


def _check_head(path: Path, head: bytes) -> None:
    if not head:
        raise SeisdreamError(f"{path} is empty (0 bytes); copy or download it again.", code="corrupt")
    # A binary header without any zero byte or control character is text. A truncated ASCII text header has no
    # line breaks, because SEG-Y counts columns instead.
    tail = head[N_TEXT_BYTES:] if len(head) == N_FILE_HEADER_BYTES else head
    is_text = all(byte >= 32 or byte in b"\t\n\v\f\r" for byte in tail)
    if is_text and (b"\n" in head or b"\r" in head or len(head) == N_FILE_HEADER_BYTES):
        begin = " ".join(head[:40].decode("ascii", "replace").split())
        raise SeisdreamError(
            f"{path} is a text file that begins with '{begin}', not SEG-Y; give the SEG-Y file itself.",
            code="unreadable",
        )
    if len(head) < N_FILE_HEADER_BYTES:
        part = "text header" if len(head) < N_TEXT_BYTES else "binary header"
        raise SeisdreamError(
            f"{path} ends inside its {part}: it has {len(head)} bytes, and a SEG-Y file has {N_FILE_HEADER_BYTES} "
            "before its first trace. The copy is truncated, or it is not SEG-Y.",
            code="corrupt",
        )


def _find_endian(path: Path, binary: bytes, given: str | None) -> str:
    codes = {name: int(_binary_word(binary, order, 3225, "H")) for name, order in ORDERS.items()}
    possible = [name for name, code in codes.items() if code in SAMPLE_FORMATS or code in UNREADABLE_FORMATS]
    if given in possible:
        return given
    if not possible:
        raise SeisdreamError(
            f"{path} has sample format code {codes['big']} (bytes 3225–3226; {codes['little']} if little "
            f"endian), which does not exist: the header is damaged or this is not SEG-Y. Supported codes: "
            f"{', '.join(map(str, SAMPLE_FORMATS))}.",
            code="unreadable",
        )
    if given is not None:
        raise SeisdreamError(
            f"{path} is {possible[0]} endian, not {given}: read as {given} endian its sample format code is "
            f"{codes[given]}, as {possible[0]} endian {codes[possible[0]]}. Leave out `endian` or use "
            f"`endian={possible[0]}`.",
            code="incompatible",
            option="endian",
        )
    return possible[0]


def _count_traces(layout: Layout) -> Layout:
    """Add the number of traces; raise if the length of the file does not fit the headers."""
    path, n_samples = layout.path, layout.n_samples
    if layout.n_extended < 0:
        raise SeisdreamError(
            f"Bytes 3505–3506 of {path} give {layout.n_extended} extended text headers; a variable or negative number "
            "is not supported. Write the file again with a fixed number, or 0.",
            code="not-supported",
        )
    if n_samples == 0:
        raise SeisdreamError(
            f"Bytes 3221–3222 of {path} give 0 samples per trace; correct the binary header.", code="corrupt"
        )
    _check_revision_2(layout)
    n_left = layout.n_bytes - layout.traces_start
    if n_left <= 0:
        extended = f" with {layout.n_extended} extended text headers" if layout.n_extended else ""
        raise SeisdreamError(
            f"{path} has no traces: it is {layout.n_bytes} bytes long and its headers{extended} alone take "
            f"{layout.traces_start}. The copy is truncated, or bytes 3505–3506 are wrong.",
            code="corrupt",
        )
    n_traces, n_over = divmod(n_left, layout.trace_bytes)
    n_in_trace = _first_trace_samples(layout)
    if n_over:
        if n_in_trace is not None:
            for n_other in {n_in_trace, _swap_bytes(n_in_trace)} - {0, n_samples}:
                if n_left % (N_TRACE_HEADER_BYTES + n_other * layout.sample_bytes) == 0:
                    raise SeisdreamError(
                        f"{path} has {n_samples} samples per trace in its binary header (bytes 3221–3222), "
                        f"but {n_other} in its trace headers, and only {n_other} fit its length; correct the "
                        "binary header.",
                        code="corrupt",
                    )
        raise SeisdreamError(
            f"{path} ends inside trace {n_traces + 1}, after {n_over} of its {layout.trace_bytes} bytes "
            f"({n_samples} samples of {SAMPLE_FORMATS[layout.sample_format][0]}, {layout.endian} endian): "
            "the copy is truncated, or the traces differ in length, which is not supported.",
            code="corrupt",
        )
    if n_in_trace is not None and n_in_trace != n_samples and _swap_bytes(n_in_trace) == n_samples:
        raise SeisdreamError(
            f"{path} has a {layout.endian}-endian binary header, but its trace headers have the other byte "
            "order, which is not supported; write the file again in one byte order.",
            code="not-supported",
        )
    return Layout(**{**vars(layout), "n_traces": n_traces})


def _first_trace_samples(layout: Layout) -> int | None:
    with reading(layout.path), layout.path.open("rb") as file:
        file.seek(layout.traces_start + 114)
        word = file.read(2)
    return struct.unpack(layout.order + "H", word)[0] if len(word) == 2 else None


def _swap_bytes(word: int) -> int:
    return (word & 0xFF) << 8 | word >> 8


def _check_revision_2(layout: Layout) -> None:
    """Refuse layouts of revision 2 that are not supported."""
    if layout.binary[3501 - 1 - N_TEXT_BYTES] != 2:
        return
    unknown = {
        "extended number of samples (3269–3272)": layout.binary_word(3269, "i") not in (0, layout.n_samples),
        "additional trace headers (3507–3510)": layout.binary_word(3507, "i") != 0,
        "first trace elsewhere (3521–3528)": layout.binary_word(3521, "Q") not in (0, layout.traces_start),
        "trailer stanzas (3529–3532)": layout.binary_word(3529, "i") != 0,
    }
    used = [name for name, is_used in unknown.items() if is_used]
    if used:
        raise SeisdreamError(
            f"{layout.path} uses parts of SEG-Y revision 2 that are not supported: {', '.join(used)}. Write it "
            "again as revision 1.",
            code="not-supported",
        )


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
        For each word an int32 array with one number per trace.
    """
    columns = {word: np.empty(len(traces), np.int32) for word in words}
    with reading(layout.path), layout.path.open("rb", buffering=0) as file:
        for start in range(0, len(traces), _HEADERS_AT_A_TIME):
            block = traces[start : start + _HEADERS_AT_A_TIME]
            raw = bytearray()
            for trace in block.tolist() if isinstance(block, np.ndarray) else block:
                file.seek(layout.traces_start + trace * layout.trace_bytes)
                raw += file.read(N_TRACE_HEADER_BYTES)
            if len(raw) != len(block) * N_TRACE_HEADER_BYTES:
                raise SeisdreamError(f"{layout.path} became shorter while it was read; open it again.", code="changed")
            headers = np.frombuffer(raw, np.uint8).reshape(-1, N_TRACE_HEADER_BYTES)
            for word, column in columns.items():
                kind = "i2" if word in TWO_BYTE_WORDS else "i4"
                n = np.dtype(kind).itemsize
                taken = np.ascontiguousarray(headers[:, word - 1 : word - 1 + n])
                column[start : start + len(block)] = taken.view(layout.order + kind)[:, 0]
    return columns


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
