"""Find where headers and traces lie in a SEG-Y or Seismic Unix file.

Headers are checked against the length of the file before anything else is read.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seisdream.errors import SeisdreamError
from seisdream.io.compressed import unpacked
from seisdream.io.segy.file_headers import check_head, find_order_and_format, find_start, is_second_text, stray
from seisdream.io.segy.formats import ORDERS, parse_sample_format
from seisdream.io.segy.headers import (
    N_BINARY_BYTES,
    N_FILE_HEADER_BYTES,
    N_TEXT_BYTES,
    Layout,
    Problem,
    read_at,
    reading,
)
from seisdream.io.segy.seismic_unix import find_seismic_unix
from seisdream.io.segy.trace_count import count_traces


def read_layout(path: str | Path, endian: str | None = None, sample_format: str | int | None = None) -> Layout:
    """Check the headers of a SEG-Y or Seismic Unix file against its length and return its layout.

    Parameters
    ----------
    path : str or Path
        The file; with the ending ``.gz`` it is unpacked.
    endian : {"big", "little"}, optional
        Byte order. Default: detected from the headers.
    sample_format : str or int, optional
        Format of the samples, as for `parse_sample_format`. Default: that of the binary header.

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
    code, sample_endian = parse_sample_format(sample_format)
    with reading(path):
        if path.is_dir():
            raise IsADirectoryError
        if path.exists() and not path.is_file():
            raise SeisdreamError(f"{path} is not a regular file; copy its content to a file first.", code="unreadable")
        mtime_ns = path.stat().st_mtime_ns
        file = unpacked(path)
        n_bytes = file.stat().st_size
    blank = Layout(path, file, n_bytes, mtime_ns, endian or "big", code or 0, 0, 0, sample_endian=sample_endian)
    is_named_su = ".su" in [suffix.lower() for suffix in path.suffixes[-2:]]
    if is_named_su and (found := find_seismic_unix(blank, endian)) is not None:
        return found
    try:
        return _read_segy(blank, endian, is_named_su)
    except SeisdreamError as error:
        if is_named_su and (found := find_seismic_unix(blank, endian, is_cut=True)) is not None:
            return found
        if error.code == "not-supported" or is_named_su:
            raise
        found = find_seismic_unix(blank, endian)
        if found is None or found.n_traces < 2:
            raise
        problem = Problem(
            f"{path.name} is a Seismic Unix file: it has no text and binary header, and its traces begin at once.",
            "No action is needed; name it .su so that other programs recognise it.",
            is_noted=True,
        )
        return replace(found, problems=(problem, *found.problems))


def _read_segy(blank: Layout, endian: str | None, is_named_su: bool) -> Layout:
    path = blank.path
    head = read_at(blank, 0, 2 * N_FILE_HEADER_BYTES)
    binary_start, problems = N_TEXT_BYTES, []
    if len(head) == 2 * N_FILE_HEADER_BYTES and is_second_text(head):
        binary_start = 2 * N_TEXT_BYTES
        problems.append(stray("The text header is there twice, before the binary header", N_TEXT_BYTES))
    check_head(path, head[:N_FILE_HEADER_BYTES], is_second_text=binary_start > N_TEXT_BYTES)
    binary = head[binary_start : binary_start + N_BINARY_BYTES]
    layout = replace(
        blank, binary=binary, binary_start=binary_start, start=binary_start + N_BINARY_BYTES, problems=tuple(problems)
    )
    layout = find_order_and_format(layout, endian, is_named_su)
    return count_traces(find_start(layout))
