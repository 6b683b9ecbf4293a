"""Whether the headers of traces are where a layout says they are."""

from __future__ import annotations

import struct

import numpy as np

from seisdream.io.segy.headers import Layout, reading

_N_CHECKED = 64


def read_at(layout: Layout, start: int, n: int) -> bytes:
    """Return up to `n` bytes of the file from a position on."""
    with reading(layout.path), layout.file.open("rb") as file:
        file.seek(start)
        return file.read(n)


def first_unlike(layout: Layout) -> int | None:
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
