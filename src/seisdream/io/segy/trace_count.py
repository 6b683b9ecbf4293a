"""Count the traces of a SEG-Y file: samples per trace, trailers, and bytes that are no traces."""

from __future__ import annotations

from dataclasses import replace

from seisdream.errors import SeisdreamError
from seisdream.io.segy.file_headers import is_text, stray
from seisdream.io.segy.formats import SAMPLE_FORMATS, WORD_OF_FORMAT
from seisdream.io.segy.headers import (
    N_FILE_HEADER_BYTES,
    N_TEXT_BYTES,
    N_TRACE_HEADER_BYTES,
    Layout,
    Problem,
    first_incompatible,
    first_trace_samples,
    is_alike,
    read_at,
)
from seisdream.io.segy.sample_check import guess_format

# Traces of zeros at the end of a file that are looked for.
_MOST_PADDING = 64


def count_traces(layout: Layout) -> Layout:
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
        counted = _accept_rest(_without_padding(_with_repeated_headers(counted) or counted))
    n_in_trace = first_trace_samples(counted)
    n_samples = counted.n_samples
    if n_in_trace is not None and n_in_trace != n_samples and _swap_bytes(n_in_trace) == n_samples:
        raise SeisdreamError(
            f"{layout.path} has a {layout.endian}-endian binary header, but its trace headers have the other byte "
            "order, which is not supported; write the file again in one byte order.",
            code="not-supported",
        )
    return counted


def _find_samples(layout: Layout) -> Layout:
    """Add the samples per trace: the extended number of revision 2 where it holds, otherwise bytes 3221–3222."""
    short, long = int(layout.binary_word(3221)), int(layout.binary_word(3269, "i"))
    is_stated = layout.revision == 2 and long > 0
    candidates = [long, short] if is_stated else [short, long]
    candidates = [n for n in candidates if n > 0 and (n == short or is_stated or not short)]
    if not candidates:
        if (found := _samples_of_trace_headers(layout, short)) is not None:
            return found
        raise SeisdreamError(
            f"Bytes 3221–3222 of {layout.path} state 0 samples per trace, and bytes 115–116 of its traces no number "
            "that fits its length; correct the binary header.",
            code="corrupt",
        )
    n_left = layout.n_bytes - layout.start
    fitting = [n for n in candidates if n_left % replace(layout, n_samples=n).trace_bytes == 0]
    if not fitting and (found := _samples_of_trace_headers(layout, short)) is not None:
        return found
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


def _samples_of_trace_headers(layout: Layout, stated: int) -> Layout | None:
    """Return the layout with the samples that all trace headers state, if they fit the length; None if not."""
    n_samples = first_trace_samples(layout)
    if not n_samples:
        return None
    found = replace(layout, n_samples=n_samples)
    n_traces, n_over = divmod(layout.n_bytes - layout.start, found.trace_bytes)
    if n_over or not n_traces or first_incompatible(replace(found, n_traces=n_traces)) is not None:
        return None
    return _with_problem(
        found,
        f"The binary header states {stated} samples per trace (bytes 3221–3222), but all trace headers state "
        f"{n_samples} (bytes 115–116), which fits the length of the file and is used.",
        "No action is needed if the section looks right.",
    )


def _with_repeated_headers(layout: Layout) -> Layout | None:
    """Return the layout of a file in which the header of each trace is there twice; None if it is not."""
    twice = replace(layout, header_bytes=2 * N_TRACE_HEADER_BYTES)
    n_traces, n_over = divmod(layout.n_bytes - layout.start, twice.trace_bytes)
    if layout.header_bytes != N_TRACE_HEADER_BYTES or n_over or not n_traces:
        return None
    for trace in (0, n_traces - 1):
        both = read_at(layout, layout.start + trace * twice.trace_bytes, 2 * N_TRACE_HEADER_BYTES)
        if both[:N_TRACE_HEADER_BYTES] != both[N_TRACE_HEADER_BYTES:]:
            return None
    twice = replace(twice, n_traces=n_traces, n_after=0)
    return replace(twice, problems=(*twice.problems, stray("The header of each trace is there twice", 240)))


def _without_padding(layout: Layout) -> Layout:
    """Return the layout without the zeros that fill up a file, as a tape or a disk block does; they are no traces."""
    n_traces, n_after = layout.n_traces, layout.n_after
    if read_at(layout, layout.n_bytes - n_after, n_after).strip(b"\0"):
        return layout
    for _ in range(_MOST_PADDING):
        last = read_at(layout, layout.start + (n_traces - 1) * layout.trace_bytes, layout.trace_bytes)
        if n_traces < 2 or last.strip(b"\0"):
            break
        n_traces, n_after = n_traces - 1, n_after + layout.trace_bytes
    return replace(layout, n_traces=n_traces, n_after=n_after)


def _accept_rest(layout: Layout) -> Layout:
    """Accept bytes after the last whole trace, if the headers of the traces are where they should be; else raise."""
    if not layout.n_after:
        return layout
    first_bad = first_incompatible(layout) if layout.n_traces else 0
    if first_bad is None and not read_at(layout, layout.n_bytes - layout.n_after, layout.n_after).strip(b"\0"):
        return _with_problem(
            layout,
            f"{layout.n_after} zero bytes follow the last of {layout.n_traces} traces; they are not read.",
            "No action is needed; SEG-Y output keeps them.",
        )
    if first_bad is None:
        return _with_problem(
            layout,
            f"{layout.n_after} bytes follow the last of {layout.n_traces} whole traces of {layout.trace_bytes} bytes: "
            "the copy is truncated, or this is a trailer. They are not read.",
            "Copy the file again if traces are missing. If all look wrong, state the format with `sample_format`.",
            option="sample_format",
        )
    path, n_samples = layout.path, layout.n_samples
    n_left, n_in_trace = layout.n_bytes - layout.start, first_trace_samples(layout)
    for code in (5, 3, 8, 6):
        other = replace(layout, sample_format=code, n_traces=0)
        n_traces, n_over = divmod(n_left, other.trace_bytes)
        other = replace(other, n_traces=n_traces)
        if not n_over and n_traces > 1 and n_in_trace == n_samples and first_incompatible(other) is None:
            word = guess_format(other) or WORD_OF_FORMAT[code]
            raise SeisdreamError(
                f"{path} states {SAMPLE_FORMATS[layout.sample_format][0]}s (bytes 3225–3226), but its length and its "
                f"trace headers fit samples of {other.sample_bytes} bytes: use `sample_format='{word}'`.",
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
        good, bad = (middle, bad) if is_alike(layout, middle) else (good, middle)
    if not bad:
        return
    for trace in (good, bad):
        at = layout.start + trace * layout.trace_bytes
        block = read_at(layout, at, N_FILE_HEADER_BYTES)
        header = block[:N_TRACE_HEADER_BYTES]
        if header.strip(b"\0") and header == block[N_TRACE_HEADER_BYTES : 2 * N_TRACE_HEADER_BYTES]:
            raise SeisdreamError(
                f"The header of trace {trace + 1} of {layout.path} is there twice, at byte {at + 1}, so that all later "
                f"traces are shifted. Remove {N_TRACE_HEADER_BYTES} bytes there.",
                code="corrupt",
            )
        if is_text(block[:N_TEXT_BYTES]):
            raise SeisdreamError(
                f"The headers of another file follow trace {trace} of {layout.path}, at byte {at + 1}: files were "
                f"joined without removing the {N_FILE_HEADER_BYTES} bytes of their headers. Split the file there.",
                code="corrupt",
            )


def _with_problem(layout: Layout, what: str, fix: str, option: str | None = None) -> Layout:
    problem = Problem(what, fix, is_noted=True, option=option)
    return replace(layout, problems=(*layout.problems, problem))


def _swap_bytes(word: int) -> int:
    return (word & 0xFF) << 8 | word >> 8
