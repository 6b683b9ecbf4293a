"""Check the text and binary headers of a SEG-Y file: byte order, sample format, and where they end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seisdream.errors import SeisdreamError
from seisdream.io.foreign import describe_content
from seisdream.io.segy.formats import ORDERS, SAMPLE_FORMATS, UNREADABLE_FORMATS, WORD_OF_FORMAT
from seisdream.io.segy.headers import (
    N_BINARY_BYTES,
    N_FILE_HEADER_BYTES,
    N_TEXT_BYTES,
    N_TRACE_HEADER_BYTES,
    Layout,
    Problem,
    first_incompatible,
    first_trace_samples,
    read_at,
    read_binary_word,
)
from seisdream.io.segy.sample_check import guess_format

_ENDIAN_CONSTANT = 16909060
_N_STANZAS = 1000
_TEXT_CODES = {
    "ascii": frozenset(range(0x20, 0x7F)) | {0x0A, 0x0D},
    "ebcdic": frozenset({0x40, *range(0x4A, 0x51), *range(0x5A, 0x62), *range(0x6B, 0x70), *range(0x7A, 0x8A),
                         *range(0x91, 0x9A), *range(0xA1, 0xAA), *range(0xC0, 0xCA), *range(0xD0, 0xDA),
                         *range(0xE0, 0xEA), *range(0xF0, 0xFA)}),
}  # fmt: skip


def check_head(path: Path, head: bytes, *, is_second_text: bool) -> None:
    """Raise if the first 3600 bytes of a file are no headers of SEG-Y: empty, packed, text, or cut."""
    if not head:
        raise SeisdreamError(f"{path} is empty (0 bytes); copy or download it again.", code="corrupt")
    if (packed := describe_content(head)) is not None:
        raise SeisdreamError(f"{path} is {packed}", code="unreadable")
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


def is_second_text(head: bytes) -> bool:
    """Return whether a second text header stands where the binary header should, which follows it."""
    second = head[N_TEXT_BYTES : 2 * N_TEXT_BYTES]
    binary = head[2 * N_TEXT_BYTES : 2 * N_TEXT_BYTES + N_BINARY_BYTES]
    known = {*SAMPLE_FORMATS, *UNREADABLE_FORMATS}
    codes = [read_binary_word(binary, order, 3225, "H") for order in ORDERS.values()]
    return is_text(second) and not is_text(binary) and any(code in known for code in codes)


def is_text(block: bytes) -> bool:
    """Return whether bytes are text, EBCDIC or ASCII, and not numbers."""
    return len(block) >= N_TRACE_HEADER_BYTES and any(
        sum(byte in codes for byte in block) >= 0.97 * len(block) for codes in _TEXT_CODES.values()
    )


def stray(what: str, n: int) -> Problem:
    """Return the remark on headers that are there twice."""
    return Problem(
        f"{what}: {n} stray bytes are skipped.",
        "No action is needed if the section looks right; SEG-Y output keeps these bytes.",
        is_noted=True,
    )


def find_order_and_format(layout: Layout, given: str | None, is_named_su: bool) -> Layout:
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
        if guess:
            reason = f"Its samples look like `sample_format='{guess}'`: give this option if all else is right."
        elif is_named_su:
            reason = "It is no Seismic Unix file either; copy it again."
        else:
            option = "`sample_format`" if is_plain else "`sample_format` and `endian`"
            reason = f"If it is SEG-Y, state the format with {option}, such as `sample_format='ieee'`."
        raise SeisdreamError(
            f"{path} has sample format code {codes['big']} (bytes 3225–3226; {codes['little']} if little "
            f"endian), which does not exist. {reason}",
            code="unreadable",
            option="sample_format",
        )
    if given is not None and given not in possible:
        raise SeisdreamError(
            f"{path} is {possible[0]} endian, not {given}: read as {given} endian its sample format code is "
            f"{codes[given]}, as {possible[0]} endian {codes[possible[0]]}. Leave out `endian` or use "
            f"`endian='{possible[0]}'`. If only the samples are {given} endian, use "
            f"`sample_format='{WORD_OF_FORMAT.get(codes[possible[0]], 'ieee')}-{given}'`.",
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
        and first_trace_samples(layout) in (0, n_samples)
    )


def _guess(layout: Layout) -> str | None:
    """Return the word of the sample format that the samples of a file without a usable code look like."""
    n_samples = int(layout.binary_word(3221))
    for code in (5, 3, 8, 6):  # One of each size.
        tried = replace(layout, sample_format=code, n_samples=n_samples)
        n_traces, n_over = divmod(layout.n_bytes - layout.start, tried.trace_bytes)
        tried = replace(tried, n_traces=n_traces)
        if n_traces and not n_over and first_incompatible(tried) is None:
            return guess_format(tried)
    return None


def find_start(layout: Layout) -> Layout:
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
    if not stated and is_text(read_at(layout, start, N_TEXT_BYTES)):
        is_whole = read_at(layout, start + N_TEXT_BYTES, N_BINARY_BYTES) == layout.binary
        n_more = N_FILE_HEADER_BYTES if is_whole else N_TEXT_BYTES
        what = (
            "The file headers are there twice"
            if is_whole
            else "A text header follows that bytes 3505–3506 do not count"
        )
        problems.append(stray(what, n_more))
        start += n_more
    return replace(layout, start=start, header_bytes=header_bytes, problems=tuple(problems))


def _count_stanzas(layout: Layout, stated: int) -> int:
    """Return the number of extended text headers, the last of which ends the text, where their number is variable."""
    for number in range(_N_STANZAS):
        block = read_at(layout, layout.start + number * N_TEXT_BYTES, N_TEXT_BYTES)
        texts = ["".join(block.decode(codec).upper().split()) for codec in ("cp037", "latin-1")]
        if any("((SEG:ENDTEXT))" in text for text in texts):
            return number + 1
        if not is_text(block):
            break
    raise SeisdreamError(
        f"Bytes 3505–3506 of {layout.path} give {stated} extended text headers, a variable number, but none of them is "
        "the last one, ((SEG: EndText)). Write the file again with a fixed number, or 0.",
        code="not-supported",
    )
