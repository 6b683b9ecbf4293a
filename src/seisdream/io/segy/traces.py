"""Read and write whole traces of a SEG-Y file, headers and samples, in runs that follow each other in the file."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.segy import formats
from seisdream.io.segy.headers import Layout, reading
from seisdream.io.segy.samples import word_type

_SAMPLES_AT_A_TIME = 2**18


def runs_of(traces: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield runs of ascending positions in a file: where a run begins in `traces`, its first trace, its length."""
    if not traces.size:
        return
    starts = np.concatenate([[0], np.flatnonzero(np.diff(traces) != 1) + 1])
    ends = np.append(starts[1:], traces.size)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield start, int(traces[start]), end - start


def read_traces(layout: Layout, traces: np.ndarray) -> np.ndarray:
    """Read whole traces, headers and samples.

    Parameters
    ----------
    layout : Layout
        Of the file.
    traces : int64 array ``(trace,)``
        Ascending positions in the file from 0.

    Returns
    -------
    uint8 array ``(trace, byte)``
        The bytes of each trace.
    """
    raw = np.empty((traces.size, layout.trace_bytes), np.uint8)
    with reading(layout.path), layout.file.open("rb", buffering=0) as file:
        for row, trace, n in runs_of(traces):
            file.seek(layout.start + trace * layout.trace_bytes)
            part = raw[row : row + n].data.cast("B")
            while part:
                n_read = file.readinto(part)
                if not n_read:
                    raise SeisdreamError(
                        f"{layout.path} became shorter while it was read; open it again.", code="changed"
                    )
                part = part[n_read:]
    return raw


def write_traces(file: int, layout: Layout, traces: np.ndarray, raw: np.ndarray) -> None:
    """Write whole traces to an open file, by its number; parameters are those of `read_traces`."""
    for row, trace, n in runs_of(traces):
        part, offset = raw[row : row + n].data.cast("B"), layout.start + trace * layout.trace_bytes
        while part:
            n_written = os.pwrite(file, part, offset)
            part, offset = part[n_written:], offset + n_written


def words_of(raw: np.ndarray, layout: Layout) -> np.ndarray:
    """Return the samples of whole traces as the file stores them, ``(trace, time)``, without a copy."""
    return raw[:, layout.header_bytes :].view(word_type(layout))


def read_part(layout: Layout, traces: np.ndarray, samples: slice) -> np.ndarray:
    """Read some samples of each trace.

    Parameters
    ----------
    layout, traces
        As for `read_traces`.
    samples : slice
        From a first sample to the one after the last.

    Returns
    -------
    uint8 array ``(trace, byte)``
        Headers are left out, as if traces had none.
    """
    n_bytes = (samples.stop - samples.start) * layout.sample_bytes
    start = layout.start + layout.header_bytes + samples.start * layout.sample_bytes
    raw = np.empty((traces.size, n_bytes), np.uint8)
    with reading(layout.path), layout.file.open("rb", buffering=0) as file:
        for row, trace in zip(raw, traces.tolist(), strict=True):
            file.seek(start + trace * layout.trace_bytes)
            if file.readinto(row.data) != n_bytes:
                raise SeisdreamError(f"{layout.path} became shorter while it was read; open it again.", code="changed")
    return raw


def decode_traces(raw: np.ndarray, layout: Layout, out: np.ndarray, rows: np.ndarray, samples: slice) -> None:
    """Decode samples of traces, from `read_traces` or `read_part`, into some rows of a float32 array ``(trace, time)``.

    Parameters
    ----------
    raw : uint8 array ``(trace, byte)``
        Whole traces, or samples alone.
    layout : Layout
        Of the file.
    out : float32 array
        Where to.
    rows : int array
        The row of each trace.
    samples : slice
        Which of the samples in `raw`.
    """
    n_before = layout.header_bytes if raw.shape[1] == layout.trace_bytes else 0
    words = raw[:, n_before:].view(word_type(layout))[:, samples]
    n_block = max(1, _SAMPLES_AT_A_TIME // max(1, words.shape[1]))
    for start in range(0, len(words), n_block):
        block = slice(start, start + n_block)
        out[rows[block]] = formats.decode_words(words[block], layout.sample_format)
