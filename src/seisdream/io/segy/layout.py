"""Find where headers and traces lie in a SEG-Y or Seismic Unix file.

Headers are checked against the length of the file before anything else is read.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.compressed import unpacked
from seisdream.io.segy.formats import (
    ORDERS,
    SAMPLE_FORMATS,
    UNREADABLE_FORMATS,
    WORD_OF_FORMAT,
    bytes_of_format,
    parse_sample_format,
)
from seisdream.io.segy.headers import (
    N_BINARY_BYTES,
    N_FILE_HEADER_BYTES,
    N_TEXT_BYTES,
    N_TRACE_HEADER_BYTES,
    Layout,
    read_binary_word,
    reading,
)
from seisdream.io.segy.problems import Problem
from seisdream.io.segy.sample_check import guess_format

_ENDIAN_CONSTANT = 16909060
_N_CHECKED = 64
_N_STANZAS = 1000
_TEXT_CODES = {
    "ascii": frozenset(range(0x20, 0x7F)) | {0x0A, 0x0D},
    "ebcdic": frozenset({0x40, *range(0x4A, 0x51), *range(0x5A, 0x62), *range(0x6B, 0x70), *range(0x7A, 0x8A),
                         *range(0x91, 0x9A), *range(0xA1, 0xAA), *range(0xC0, 0xCA), *range(0xD0, 0xDA),
                         *range(0xE0, 0xEA), *range(0xF0, 0xFA)}),
}  # fmt: skip


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
    if is_named_su and (found := _find_seismic_unix(blank, endian)) is not None:
        return found
    try:
        return _read_segy(blank, endian, is_named_su)
    except SeisdreamError as error:
        if error.code == "not-supported" or is_named_su:
            raise
        found = _find_seismic_unix(blank, endian)
        if found is None or found.n_traces < 2:
            raise
        problem = Problem(
            f"{path.name} is a Seismic Unix file: it has no text and binary header, and its traces begin at once.",
            "No action is needed; name it .su so that other programs recognise it.",
            is_noted=True,
        )
        return replace(found, problems=(problem, *found.problems))


def _read_at(layout: Layout, start: int, n: int) -> bytes:
    with reading(layout.path), layout.file.open("rb") as file:
        file.seek(start)
        return file.read(n)


# Seismic Unix ----------------------------------------------------------------------------


def _find_seismic_unix(blank: Layout, endian: str | None) -> Layout | None:
    """Return the layout of a file of traces without file headers; None if it is none."""
    head = _read_at(blank, 0, N_TRACE_HEADER_BYTES)
    if len(head) < N_TRACE_HEADER_BYTES:
        return None
    code = blank.sample_format or 5
    for name in (endian,) if endian else ORDERS:
        n_samples, dt_us = struct.unpack_from(ORDERS[name] + "HH", head, 114)
        trace_bytes = N_TRACE_HEADER_BYTES + n_samples * bytes_of_format(code)
        n_traces, n_over = divmod(blank.n_bytes, trace_bytes)
        if n_samples < 2 or not n_traces or n_over:
            continue
        binary = bytearray(N_BINARY_BYTES)
        for byte, number in ((3217, dt_us), (3221, n_samples), (3225, code)):
            struct.pack_into(ORDERS[name] + "H", binary, byte - 1 - N_TEXT_BYTES, number)
        found = replace(
            blank,
            endian=name,
            sample_format=code,
            n_samples=n_samples,
            n_traces=n_traces,
            start=0,
            binary=bytes(binary),
        )
        if _first_unlike(found) is None:
            return found
    return None


# SEG-Y -----------------------------------------------------------------------------------


def _read_segy(blank: Layout, endian: str | None, is_named_su: bool) -> Layout:
    path = blank.path
    head = _read_at(blank, 0, 2 * N_FILE_HEADER_BYTES)
    binary_start, problems = N_TEXT_BYTES, []
    if len(head) == 2 * N_FILE_HEADER_BYTES and _is_second_text(head):
        binary_start = 2 * N_TEXT_BYTES
        problems.append(_stray("The text header is there twice, before the binary header", N_TEXT_BYTES))
    _check_head(path, head[:N_FILE_HEADER_BYTES], is_second_text=binary_start > N_TEXT_BYTES)
    binary = head[binary_start : binary_start + N_BINARY_BYTES]
    layout = replace(
        blank, binary=binary, binary_start=binary_start, start=binary_start + N_BINARY_BYTES, problems=tuple(problems)
    )
    layout = _find_order_and_format(layout, endian, is_named_su)
    return _count_traces(_find_start(layout))


def _stray(what: str, n: int) -> Problem:
    return Problem(
        f"{what}: {n} stray bytes are skipped.",
        "No action is needed if the section looks right; SEG-Y output keeps these bytes.",
        is_noted=True,
    )


def _is_text(block: bytes) -> bool:
    """Return whether bytes are text, EBCDIC or ASCII, and not numbers."""
    return len(block) >= N_TRACE_HEADER_BYTES and any(
        sum(byte in codes for byte in block) >= 0.97 * len(block) for codes in _TEXT_CODES.values()
    )


def _is_second_text(head: bytes) -> bool:
    """Return whether a second text header stands where the binary header should, which follows it."""
    second = head[N_TEXT_BYTES : 2 * N_TEXT_BYTES]
    binary = head[2 * N_TEXT_BYTES : 2 * N_TEXT_BYTES + N_BINARY_BYTES]
    known = {*SAMPLE_FORMATS, *UNREADABLE_FORMATS}
    codes = [read_binary_word(binary, order, 3225, "H") for order in ORDERS.values()]
    return _is_text(second) and not _is_text(binary) and any(code in known for code in codes)


def _check_head(path: Path, head: bytes, *, is_second_text: bool) -> None:
    if not head:
        raise SeisdreamError(f"{path} is empty (0 bytes); copy or download it again.", code="corrupt")
    # A binary header without any zero byte or control character is text. A truncated ASCII text header has no
    # line breaks, because SEG-Y counts columns instead.
    tail = head[N_TEXT_BYTES:] if len(head) == N_FILE_HEADER_BYTES else head
    is_text = not is_second_text and all(byte >= 32 or byte in b"\t\n\v\f\r" for byte in tail)
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


def _find_order_and_format(layout: Layout, given: str | None, is_named_su: bool) -> Layout:
    """Add the byte order, and the sample format as given or as the binary header states it."""
    path, binary, code = layout.path, layout.binary, layout.sample_format
    codes = {name: int(read_binary_word(binary, order, 3225, "H")) for name, order in ORDERS.items()}
    known = {*SAMPLE_FORMATS, *UNREADABLE_FORMATS}
    possible = [name for name in ORDERS if codes[name] in known]
    constants = {name: read_binary_word(binary, order, 3297, "i") for name, order in ORDERS.items()}
    possible = [name for name in possible if constants[name] == _ENDIAN_CONSTANT] or possible
    if not possible:
        # Without a code that exists, the lengths of file and traces give the byte order.
        fitting = [name for name in ((given,) if given else ORDERS) if _fits(replace(layout, endian=name))]
        if code and (given or fitting):
            return replace(layout, endian=given or fitting[0])
        guess = next((found for name in fitting if (found := _guess(replace(layout, endian=name)))), None)
        # Headers of zeros, or of anything else, are not those of a SEG-Y file with a wrong code.
        is_plain = guess is not None or bool(fitting)
        hint = f"its samples look like `sample_format={guess}`" if guess else "state it with `sample_format`"
        endian_hint = "" if is_plain else " with `endian`"
        reason = (
            f"If all else is right, {hint}{endian_hint}" if not is_named_su else "It is no Seismic Unix file either"
        )
        raise SeisdreamError(
            f"{path} has sample format code {codes['big']} (bytes 3225–3226; {codes['little']} if little "
            f"endian), which does not exist: the header is damaged or this is not SEG-Y. {reason} (supported codes: "
            f"{', '.join(map(str, SAMPLE_FORMATS))}).",
            code="unreadable",
            option="sample_format",
        )
    if given is not None and given not in possible:
        raise SeisdreamError(
            f"{path} is {possible[0]} endian, not {given}: read as {given} endian its sample format code is "
            f"{codes[given]}, as {possible[0]} endian {codes[possible[0]]}. Leave out `endian` or use "
            f"`endian={possible[0]}`. If only the samples are {given} endian, use "
            f"`sample_format={WORD_OF_FORMAT.get(codes[possible[0]], 'ieee')}-{given}`.",
            code="incompatible",
            option="endian",
        )
    endian = given or possible[0]
    stated = codes[endian]
    if not code and stated in UNREADABLE_FORMATS:
        raise SeisdreamError(
            f"{path} has sample format {stated} ({UNREADABLE_FORMATS[stated]}), which is not supported; convert it to "
            f"one of {', '.join(map(str, SAMPLE_FORMATS))} (5 is IEEE float), or state the right one with "
            "`sample_format` if this code is wrong.",
            code="not-supported",
            option="sample_format",
        )
    return replace(layout, endian=endian, sample_format=code or stated)


def _fits(layout: Layout) -> bool:
    """Return whether whole traces of some sample size fill the file."""
    n_left, n_samples = layout.n_bytes - layout.start, int(layout.binary_word(3221))
    sizes = (layout.sample_bytes,) if layout.sample_format else (4, 2, 1, 8)
    return (
        n_samples > 0
        and n_left > 0
        and any(n_left % (N_TRACE_HEADER_BYTES + n_samples * size) == 0 for size in sizes)
        and _first_trace_samples(layout) in (0, n_samples)
    )


def _guess(layout: Layout) -> str | None:
    """Return the word of the sample format that the samples of a file without a usable code look like."""
    n_samples = int(layout.binary_word(3221))
    for code in (5, 3, 8, 6):  # One of each size.
        tried = replace(layout, sample_format=code, n_samples=n_samples)
        n_traces, n_over = divmod(layout.n_bytes - layout.start, tried.trace_bytes)
        tried = replace(tried, n_traces=n_traces)
        if n_traces and not n_over and _first_unlike(tried) is None:
            return guess_format(tried)
    return None


def _find_start(layout: Layout) -> Layout:
    """Add the bytes before the first trace, and those of the headers of each trace."""
    start, n_extended = layout.start, int(layout.binary_word(3505, "h"))
    problems = list(layout.problems)
    if n_extended < 0:
        n_extended = _count_stanzas(layout, n_extended)
    start += N_TEXT_BYTES * n_extended
    stated = int(layout.binary_word(3521, "Q")) if layout.revision == 2 else 0
    header_bytes = N_TRACE_HEADER_BYTES
    if layout.revision == 2:
        if N_FILE_HEADER_BYTES <= stated < layout.n_bytes:
            start = stated
        n_more = int(layout.binary_word(3507, "i"))
        header_bytes *= 1 + max(n_more, 0)
        if n_more > 0:
            what = f"Each trace has {n_more} additional trace headers (bytes 3507–3510), which are not read."
            problems.append(Problem(what, "No action is needed; SEG-Y output keeps them."))
    if not stated and _is_text(_read_at(layout, start, N_TEXT_BYTES)):
        is_whole = _read_at(layout, start + N_TEXT_BYTES, N_BINARY_BYTES) == layout.binary
        n_more = N_FILE_HEADER_BYTES if is_whole else N_TEXT_BYTES
        what = (
            "The file headers are there twice"
            if is_whole
            else "A text header follows that bytes 3505–3506 do not count"
        )
        problems.append(_stray(what, n_more))
        start += n_more
    return replace(layout, start=start, header_bytes=header_bytes, problems=tuple(problems))


def _count_stanzas(layout: Layout, stated: int) -> int:
    """Return the number of extended text headers, the last of which ends the text, where their number is variable."""
    marks = ["((SEG: EndText))".encode(codec) for codec in ("cp037", "latin-1")]
    for number in range(_N_STANZAS):
        block = _read_at(layout, layout.start + number * N_TEXT_BYTES, N_TEXT_BYTES)
        if any(mark in block for mark in marks):
            return number + 1
        if not _is_text(block):
            break
    raise SeisdreamError(
        f"Bytes 3505–3506 of {layout.path} give {stated} extended text headers, a variable number, but none of them is "
        "the last one, ((SEG: EndText)). Write the file again with a fixed number, or 0.",
        code="not-supported",
    )


def _find_samples(layout: Layout) -> Layout:
    """Add the samples per trace: the extended number of revision 2 where it holds, otherwise bytes 3221–3222."""
    short, long = int(layout.binary_word(3221)), int(layout.binary_word(3269, "i"))
    is_stated = layout.revision == 2 and long > 0
    candidates = [long, short] if is_stated else [short, long]
    candidates = [n for n in candidates if n > 0 and (n == short or is_stated or not short)]
    if not candidates:
        raise SeisdreamError(
            f"Bytes 3221–3222 of {layout.path} give 0 samples per trace; correct the binary header.", code="corrupt"
        )
    n_left = layout.n_bytes - layout.start
    fitting = [n for n in candidates if n_left % replace(layout, n_samples=n).trace_bytes == 0]
    n_samples = (fitting or candidates)[0]
    layout = replace(layout, n_samples=n_samples)
    if n_samples == candidates[0] and (is_stated or n_samples == short):
        return layout
    problem = Problem(
        f"The binary header states {short} (bytes 3221–3222) and {long} (bytes 3269–3272) samples per trace; "
        f"{n_samples} fits the length of the file and is used.",
        "No action is needed if the section looks right.",
        is_noted=True,
    )
    return replace(layout, problems=(*layout.problems, problem))


def _count_traces(layout: Layout) -> Layout:
    """Add the number of traces; raise if the length of the file does not fit the headers."""
    layout = _find_samples(layout)
    n_left = layout.n_bytes - layout.start
    if n_left <= 0:
        n_extended = (layout.start - N_FILE_HEADER_BYTES) // N_TEXT_BYTES
        extended = f" with {n_extended} extended text headers" if n_extended else ""
        raise SeisdreamError(
            f"{layout.path} has no traces: it is {layout.n_bytes} bytes long and its headers{extended} alone take "
            f"{layout.start}. The copy is truncated, or bytes 3505–3506 are wrong.",
            code="corrupt",
        )
    n_trailer = 0
    if layout.revision == 2:
        # Trailer stanzas follow the last trace; a variable number of them is −1.
        n_trailer = N_TEXT_BYTES * max(int(layout.binary_word(3529, "i")), 0)
        n_stated = int(layout.binary_word(3513, "Q"))
        if 0 < n_stated * layout.trace_bytes <= n_left - n_trailer:
            n_trailer = n_left - n_stated * layout.trace_bytes
    if layout.header_bytes > N_TRACE_HEADER_BYTES and (n_left - n_trailer) % layout.trace_bytes:
        # Bytes 3507–3510 state the largest number; only the same number in every trace is supported.
        layout = replace(layout, header_bytes=N_TRACE_HEADER_BYTES)
        if (n_left - n_trailer) % layout.trace_bytes:
            raise SeisdreamError(
                f"{layout.path} has additional trace headers (bytes 3507–3510) in some traces only, which is not "
                "supported; write it again as revision 1.",
                code="not-supported",
            )
    n_traces, n_over = divmod(max(n_left - n_trailer, 0), layout.trace_bytes)
    counted = replace(layout, n_traces=n_traces, n_after=n_trailer + n_over)
    if not n_traces and not n_over:
        raise SeisdreamError(
            f"The headers of {layout.path} count {n_trailer} bytes of trailer (bytes 3529–3532), which leaves no "
            "room for a trace; correct the binary header.",
            code="corrupt",
        )
    if n_over:
        counted = _accept_rest(_with_repeated_headers(counted) or counted)
    elif n_trailer:
        what = f"{n_trailer} bytes follow the last of {n_traces} traces, as the binary header states."
        counted = _with_problem(counted, what, "No action is needed; whole copies of the file keep them.")
    n_in_trace = _first_trace_samples(counted)
    n_samples = counted.n_samples
    if n_in_trace is not None and n_in_trace != n_samples and _swap_bytes(n_in_trace) == n_samples:
        raise SeisdreamError(
            f"{layout.path} has a {layout.endian}-endian binary header, but its trace headers have the other byte "
            "order, which is not supported; write the file again in one byte order.",
            code="not-supported",
        )
    return counted


def _with_problem(layout: Layout, what: str, fix: str, option: str | None = None) -> Layout:
    problem = Problem(what, fix, is_noted=True, option=option)
    return replace(layout, problems=(*layout.problems, problem))


def _with_repeated_headers(layout: Layout) -> Layout | None:
    """Return the layout of a file in which the header of each trace is there twice; None if it is not."""
    twice = replace(layout, header_bytes=2 * N_TRACE_HEADER_BYTES)
    n_traces, n_over = divmod(layout.n_bytes - layout.start, twice.trace_bytes)
    if layout.header_bytes != N_TRACE_HEADER_BYTES or n_over or not n_traces:
        return None
    for trace in (0, n_traces - 1):
        both = _read_at(layout, layout.start + trace * twice.trace_bytes, 2 * N_TRACE_HEADER_BYTES)
        if both[:N_TRACE_HEADER_BYTES] != both[N_TRACE_HEADER_BYTES:]:
            return None
    twice = replace(twice, n_traces=n_traces, n_after=0)
    return replace(twice, problems=(*twice.problems, _stray("The header of each trace is there twice", 240)))


def _accept_rest(layout: Layout) -> Layout:
    """Accept bytes after the last whole trace, if the headers of the traces are where they should be; else raise."""
    if not layout.n_after:
        return layout
    first_bad = _first_unlike(layout) if layout.n_traces else 0
    if first_bad is None:
        return _with_problem(
            layout,
            f"{layout.n_after} bytes follow the last of {layout.n_traces} whole traces of {layout.trace_bytes} bytes: "
            "the copy is truncated, or this is a trailer. They are not read.",
            "Copy the file again if traces are missing. If all look wrong, state the format with `sample_format`.",
            option="sample_format",
        )
    path, n_samples = layout.path, layout.n_samples
    n_left, n_in_trace = layout.n_bytes - layout.start, _first_trace_samples(layout)
    if n_in_trace is not None:
        for n_other in {n_in_trace, _swap_bytes(n_in_trace)} - {0, n_samples}:
            if n_left % (layout.header_bytes + n_other * layout.sample_bytes) == 0:
                raise SeisdreamError(
                    f"{path} has {n_samples} samples per trace in its binary header (bytes 3221–3222), "
                    f"but {n_other} in its trace headers, and only {n_other} fit its length; correct the "
                    "binary header.",
                    code="corrupt",
                )
    for code in (5, 3, 8, 6):
        other = replace(layout, sample_format=code, n_traces=0)
        n_traces, n_over = divmod(n_left, other.trace_bytes)
        other = replace(other, n_traces=n_traces)
        if not n_over and n_traces > 1 and n_in_trace == n_samples and _first_unlike(other) is None:
            word = guess_format(other) or WORD_OF_FORMAT[code]
            raise SeisdreamError(
                f"{path} states {SAMPLE_FORMATS[layout.sample_format][0]}s (bytes 3225–3226), but its length and its "
                f"trace headers fit samples of {other.sample_bytes} bytes: use `sample_format={word}`.",
                code="corrupt",
                option="sample_format",
            )
    _raise_stray(layout, first_bad)
    n_traces, n_over = divmod(n_left, layout.trace_bytes)
    raise SeisdreamError(
        f"{path} ends inside trace {n_traces + 1}, after {n_over} of its {layout.trace_bytes} bytes "
        f"({n_samples} samples of {SAMPLE_FORMATS[layout.sample_format][0]}, {layout.endian} endian): "
        "the copy is truncated, the traces differ in length, which is not supported, or the samples have another "
        "format (`sample_format`).",
        code="corrupt",
        option="sample_format",
    )


def _raise_stray(layout: Layout, bad: int) -> None:
    """Raise if a trace header or the headers of another file lie among the traces."""
    good = 0
    while good + 1 < bad:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if _is_alike(layout, middle) else (good, middle)
    if not bad:
        return
    for trace in (good, bad):
        at = layout.start + trace * layout.trace_bytes
        block = _read_at(layout, at, N_FILE_HEADER_BYTES)
        header = block[:N_TRACE_HEADER_BYTES]
        if header.strip(b"\0") and header == block[N_TRACE_HEADER_BYTES : 2 * N_TRACE_HEADER_BYTES]:
            raise SeisdreamError(
                f"The header of trace {trace + 1} of {layout.path} is there twice, at byte {at + 1}, so that all later "
                f"traces are shifted. Remove {N_TRACE_HEADER_BYTES} bytes there.",
                code="corrupt",
            )
        if _is_text(block[:N_TEXT_BYTES]):
            raise SeisdreamError(
                f"The headers of another file follow trace {trace} of {layout.path}, at byte {at + 1}: files were "
                f"joined without removing the {N_FILE_HEADER_BYTES} bytes of their headers. Split the file there.",
                code="corrupt",
            )


def _is_alike(layout: Layout, trace: int) -> bool:
    """Return whether a trace header states the samples of the layout, or, if the first states none, its interval."""
    stated = [_header_words(layout, one) for one in (0, trace)]
    if None in stated:
        return False
    (n_first, dt_first), (n_samples, dt_us) = stated  # pyright: ignore[reportGeneralTypeIssues]
    if n_first:
        return n_samples == n_first and n_first in (layout.n_samples & 0xFFFF, 0xFFFF)
    return bool(dt_first) and (n_samples, dt_us) == (n_first, dt_first)


def _first_unlike(layout: Layout) -> int | None:
    """Return the first of some traces whose header is not that of a trace of this layout; None if all are."""
    traces = np.unique(np.linspace(0, layout.n_traces - 1, min(layout.n_traces, _N_CHECKED)).astype(np.int64))
    return next((trace for trace in traces.tolist() if not _is_alike(layout, trace)), None)


def _header_words(layout: Layout, trace: int) -> tuple[int, int] | None:
    words = _read_at(layout, layout.start + trace * layout.trace_bytes + 114, 4)
    return struct.unpack(layout.order + "HH", words) if len(words) == 4 else None


def _first_trace_samples(layout: Layout) -> int | None:
    word = _read_at(layout, layout.start + 114, 2)
    return struct.unpack(layout.order + "H", word)[0] if len(word) == 2 else None


def _swap_bytes(word: int) -> int:
    return (word & 0xFF) << 8 | word >> 8
