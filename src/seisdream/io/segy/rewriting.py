"""Write a SEG-Y file with the headers of another one and new samples, some traces at a time, in any order."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.atomic import writing_file
from seisdream.io.segy.formats import decode_words
from seisdream.io.segy.headers import Layout
from seisdream.io.segy.samples import encode_samples
from seisdream.io.segy.text_lines import write_text_lines
from seisdream.io.segy.traces import read_traces, words_of, write_traces
from seisdream.io.segy.volumes import SegyVolume
from seisdream.io.segy.writing import (
    FLOAT_FORMATS,
    IEEE_FLOAT,
    WriteReport,
    head_of,
)
from seisdream.seismic.volumes import Box

_BYTES_AT_A_TIME = 2**25


class HeaderSource(Protocol):
    """A SEG-Y survey whose headers are written with other samples.

    Attributes
    ----------
    layout : Layout
        Of the file.
    encoding : {"ebcdic", "ascii"}
        Of its text header.
    head : bytes
        What comes before the first trace.
    inputs : sequence of path
        Files that are not replaced.
    """

    layout: Layout
    encoding: str
    head: bytes
    inputs: Sequence[Path]

    def read(self, traces: np.ndarray) -> np.ndarray:
        """Return whole traces, uint8 ``(trace, byte)``, by their ascending positions in the file."""
        ...

    def after(self) -> Iterator[bytes]:
        """Yield what comes after the last trace."""
        ...


class SegyFile:
    """A survey in a SEG-Y file as the source of headers.

    Parameters
    ----------
    volume : SegyVolume
        The survey.

    Raises
    ------
    SeisdreamError
        If the file has changed since it was opened (``changed``).
    """

    def __init__(self, volume: SegyVolume) -> None:
        self.volume, self.layout, self.encoding = volume, volume.survey.layout, volume.survey.encoding
        self.inputs: Sequence[Path] = [self.layout.path]
        if not self.layout.is_unchanged():
            raise SeisdreamError(f"{self.layout.path} has changed since it was opened; open it again.", code="changed")
        with self.layout.file.open("rb") as file:
            self.head = file.read(self.layout.start)

    def index(self, inlines: slice, crosslines: slice) -> np.ndarray:
        """Return the positions in the file of a block's traces, int64 ``(inline, crossline)``, −1 for missing ones."""
        return self.volume.grid.block(inlines, crosslines)

    def traces(self, box: Box, rows: np.ndarray, amplitudes: np.ndarray | None) -> np.ndarray:
        """Return whole traces of a block, uint8 ``(trace, byte)``.

        Parameters
        ----------
        box : Box
            The block.
        rows : int array ``(trace,)``
            Which of its traces, inlines first, in the order of the file.
        amplitudes : object
            Not used.
        """
        return self.read(self.index(box[0], box[1]).ravel()[rows])

    def read(self, traces: np.ndarray) -> np.ndarray:
        """Return whole traces by their positions in the file."""
        return read_traces(self.layout, traces)

    def after(self) -> Iterator[bytes]:
        """Yield what comes after the last trace."""
        layout = self.layout
        with layout.file.open("rb") as file:
            file.seek(layout.start + layout.n_traces * layout.trace_bytes)
            while part := file.read(_BYTES_AT_A_TIME):
                yield part


@contextmanager
def rewriting_segy(
    source: HeaderSource,
    path: str | Path,
    *,
    is_amplitude: bool,
    line: str | None = None,
    mark: str = "",
    title: Sequence[str] = (),
    absent: float = -1.0,
    force: bool = False,
) -> Iterator[SegyRewriter]:
    """Write a file with the headers, geometry and trace order of a survey.

    Amplitudes keep the sample format; samples that do not change keep their bytes, absent ones (NaN) too, and so do
    traces that are never put. Other numbers keep floating-point formats and replace integer formats with 4-byte IEEE
    floats, and are `absent` where there is none.

    Parameters
    ----------
    source : HeaderSource
        The headers of the survey.
    path : str or Path
        The file to write; never the source itself. It appears when the block ends well.
    is_amplitude : bool
        Whether the samples are amplitudes as those of the source.
    line : str, optional
        Content of one text-header line. Default: the text header is not changed.
    mark : str
        Text by which an earlier such line is recognised, which is then replaced.
    title : sequence of str
        First lines of the text header, as for `write_text_lines`.
    absent : float, default -1
        Written for numbers that are NaN.
    force : bool, default False
        Replace an existing file.

    Yields
    ------
    SegyRewriter

    Raises
    ------
    SeisdreamError
        If the file cannot be written. Then no file is left behind.
    """
    layout = source.layout
    with writing_file(path, force=force, inputs=source.inputs) as aside, aside.open("w+b") as file:
        rewriter = SegyRewriter(source, file.fileno(), is_amplitude=is_amplitude, absent=absent)
        yield rewriter
        rewriter.finish()
        if line:
            file.flush()
            rewriter.text_line = write_text_lines(file, layout, source.encoding, line=line, mark=mark, title=title)


class SegyRewriter:
    """A SEG-Y file that is being written, from `rewriting_segy`."""

    def __init__(self, source: HeaderSource, file: int, *, is_amplitude: bool, absent: float):
        layout = source.layout
        is_kept = is_amplitude or layout.sample_format in FLOAT_FORMATS
        self._source, self._layout, self._file = source, layout, file
        self._is_amplitude, self._absent = is_amplitude, absent
        # Numbers in another format get the byte order of the headers.
        self._to = layout if is_kept else replace(layout, sample_format=IEEE_FLOAT, sample_endian=None)
        self._is_written = np.zeros(layout.n_traces, bool)
        self._n_changed = self._n_clipped = self.text_line = 0

    @property
    def report(self) -> WriteReport:
        """How many samples changed so far."""
        return WriteReport(self._n_changed, self._n_clipped, self.text_line)

    def put(self, traces: np.ndarray, raw: np.ndarray, values: np.ndarray | None) -> None:
        """Write some traces.

        Parameters
        ----------
        traces : int64 array ``(trace,)``
            Ascending positions in the file from 0.
        raw : uint8 array ``(trace, byte)``
            These traces as they are in the survey; overwritten.
        values : float32 array ``(trace, time)`` or None
            All samples of these traces; None where none of them has changed.
        """
        self._is_written[traces] = True
        if values is None:
            pass
        elif self._is_amplitude:
            words = words_of(raw, self._layout)
            n_block = max(1, 2**18 // self._layout.n_samples)
            for start in range(0, len(words), n_block):
                self._change(words[start : start + n_block], values[start : start + n_block])
        else:
            headers = raw[:, : self._layout.header_bytes]
            words, _ = encode_samples(np.where(np.isfinite(values), values, self._absent), self._to)
            raw = np.concatenate([headers, words.view(np.uint8).reshape(len(headers), -1)], axis=1)
            self._n_changed += words.size
        write_traces(self._file, self._to, traces, raw)

    def _change(self, words: np.ndarray, new: np.ndarray) -> None:
        """Replace the samples that differ from those of the source, in the bytes that were read."""
        old = decode_words(words, self._layout.sample_format)
        differs = new != old
        if not differs.any():
            return
        differs &= np.isfinite(new) & ~np.isnan(old)
        encoded, is_clipped = encode_samples(new[differs], self._layout)
        # An integer that rounds to its old value has not changed.
        self._n_changed += int((words[differs] != encoded).sum())
        self._n_clipped += int(is_clipped.sum())
        words[differs] = encoded

    def finish(self) -> None:
        """Write the file headers, the traces that were never put, and what follows the last trace."""
        layout = self._layout
        missing = np.flatnonzero(~self._is_written)
        n_block = max(1, _BYTES_AT_A_TIME // layout.trace_bytes)
        for start in range(0, missing.size, n_block):
            traces = missing[start : start + n_block]
            absent = None if self._is_amplitude else np.full((traces.size, layout.n_samples), np.nan, np.float32)
            self.put(traces, self._source.read(traces), absent)
        head = self._source.head
        if self._is_amplitude:
            end = layout.start + layout.n_traces * layout.trace_bytes
            for part in self._source.after():
                os.pwrite(self._file, part, end)
                end += len(part)
        else:
            head = head_of(layout, io.BytesIO(head), layout.n_traces)
            if not layout.is_seismic_unix:
                struct.pack_into(layout.order + "H", head, layout.binary_start + 24, self._to.sample_format)
        os.pwrite(self._file, bytes(head), 0)
