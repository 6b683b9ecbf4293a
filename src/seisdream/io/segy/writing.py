"""Write a changed section as SEG-Y: a copy of the source with the changed samples and lines in the text header.

Samples that did not change keep their bytes (two IBM words can mean the same number), integers are rounded and
saturated, and absent samples are never changed. Other quantities than amplitudes (classes, probabilities) go into
files with the headers of the source and a sample format that can hold them.
"""

from __future__ import annotations

import itertools
import shutil
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.atomic import writing_file
from seisdream.io.segy.headers import N_TEXT_BYTES, Layout
from seisdream.io.segy.layout import read_layout
from seisdream.io.segy.samples import encode_samples, word_type
from seisdream.io.segy.text_lines import DREAM_MARK, PREDICTION_MARK, write_text_lines

# Sample formats with fractions; integer files get 4-byte IEEE floats instead.
FLOAT_FORMATS, IEEE_FLOAT = (1, 5, 6), 5
_TRACES_AT_A_TIME = 1024


@dataclass(frozen=True)
class WriteReport:
    """How the samples of a section were written.

    Attributes
    ----------
    n_changed : int
        Samples whose value in the file changed.
    n_clipped : int
        Changed samples that were beyond the integer range of the file and were clipped to it.
    text_line : int
        Number of the text-header line that was written, from 1; 0 for Seismic Unix, which has no text header.
    """

    n_changed: int
    n_clipped: int
    text_line: int


def segy_ending(like: xr.DataArray) -> str:
    """Return the ending of a file that is written with the headers of a section's source: ``.sgy`` or ``.su``."""
    return ".su" if like.attrs.get("segy_is_unix") else ".sgy"


def write_segy_like(
    section: xr.DataArray,
    original: xr.DataArray,
    path: str | Path,
    *,
    line: str,
    title: Sequence[str] = (),
    scope: str = "whole",
    force: bool = False,
) -> WriteReport:
    """Write the changed samples of a section into a copy of its SEG-Y file.

    Parameters
    ----------
    section : DataArray
        The changed section, of the same dimensions as `original`. NaN and infinite samples are not written.
    original : DataArray
        As `open_segy` returned it.
    path : str or Path
        The file to write; never the source itself.
    line : str
        Content of one text-header line, at most 76 ASCII characters. It replaces a line that contains "DREAMED BY
        SEISDREAM", otherwise the last empty line up to C38, otherwise C38.
    title : sequence of str
        First lines of the text header, as for `write_text_lines`.
    scope : {"whole", "section"}, default "whole"
        Write every trace of the source, or only those of the section (a time slice has a sample of every trace).
    force : bool, default False
        Replace an existing file.

    Returns
    -------
    WriteReport
        How many samples changed.

    Raises
    ------
    SeisdreamError
        If the source has changed since it was opened, the sections do not match, or the file cannot be written. Then
        no file is left behind.
    """
    _check_scope(scope)
    if scope == "whole" or "segy_sample" in original.attrs:
        return write_sections_like([(section, original)], path, line=line, title=title, force=force)
    layout = _find_source(original.attrs)
    _check_match(section, original)
    encoding = original.attrs["segy_encoding"]
    patch = _Patch(layout, section, original)
    with (
        writing_file(path, force=force, inputs=[layout.path]) as aside,
        layout.file.open("rb") as source,
        aside.open("w+b") as file,
    ):
        patch.copy_section(source, file)
        text_line = write_text_lines(file, layout, encoding, line=line, mark=DREAM_MARK, title=title)
    return WriteReport(patch.n_changed, patch.n_clipped, text_line)


def write_sections_like(
    changed: Iterable[tuple[xr.DataArray, xr.DataArray]],
    path: str | Path,
    *,
    line: str,
    title: Sequence[str] = (),
    force: bool = False,
) -> WriteReport:
    """Write the changed samples of one or more sections of a SEG-Y file into a copy of the whole file.

    Parameters
    ----------
    changed : iterable of (section, original)
        As for `write_segy_like`; at least one.
    path, line, title, force
        As for `write_segy_like`.
    """
    pairs = iter(changed)
    first = next(pairs)
    layout, encoding = _find_source(first[1].attrs), first[1].attrs["segy_encoding"]
    n_changed = n_clipped = 0
    with writing_file(path, force=force, inputs=[layout.path]) as aside:
        shutil.copyfile(layout.file, aside)
        with aside.open("r+b") as file:
            for section, original in itertools.chain([first], pairs):
                _check_match(section, original)
                patch = _Patch(layout, section, original)
                patch.change_in_place(file)
                n_changed, n_clipped = n_changed + patch.n_changed, n_clipped + patch.n_clipped
            text_line = write_text_lines(file, layout, encoding, line=line, mark=DREAM_MARK, title=title)
    return WriteReport(n_changed, n_clipped, text_line)


def _find_source(attrs: dict[str, Any]) -> Layout:
    """Return the layout of the file that a section was opened from; raise if the file has changed."""
    if attrs.get("format") != "SEG-Y":
        raise SeisdreamError(
            "This section was not opened from SEG-Y; only a section of a SEG-Y file can be written into a copy of it.",
            code="incompatible",
        )
    source = attrs["segy_path"]
    layout = read_layout(source, attrs["segy_endian"], attrs["segy_sample_format"])
    opened = (attrs["segy_n_bytes"], attrs["segy_mtime_ns"])
    if (layout.n_bytes, layout.mtime_ns) != opened:
        raise SeisdreamError(
            f"{source} has changed since it was opened (then {opened[0]} bytes, now {layout.n_bytes}); open it again.",
            code="changed",
        )
    return layout


def _check_match(section: xr.DataArray, original: xr.DataArray) -> None:
    if section.dims != original.dims or section.shape != original.shape:
        raise SeisdreamError(
            f"The section to write is {section.dims} {section.shape}, but the one that was opened is "
            f"{original.dims} {original.shape}: a zoomed or cropped section does not fit the traces of the file.",
            code="wrong-shape",
        )


def head_of(layout: Layout, source: BinaryIO, n_traces: int) -> bytearray:
    """Return the file headers for a number of traces without a trailer, which revision 2 counts."""
    head = bytearray(_read(source, layout.start, layout))
    if layout.revision == 2:
        for byte, kind, number in ((3513, "Q", n_traces), (3529, "i", 0)):
            if layout.binary_word(byte, kind):
                struct.pack_into(layout.order + kind, head, layout.binary_start + byte - 1 - N_TEXT_BYTES, number)
    return head


def _read(source: BinaryIO, n_bytes: int, layout: Layout) -> bytes:
    content = source.read(n_bytes)
    if len(content) < n_bytes:
        raise SeisdreamError(f"{layout.path} became shorter while it was read; open it again.", code="changed")
    return content


class _Patch:
    """The changed samples of a section, as the file stores them, for some traces at a time."""

    def __init__(self, layout: Layout, section: xr.DataArray, original: xr.DataArray):
        sample = original.attrs.get("segy_sample")
        traces = np.asarray(original.coords["trace_index"].values, np.int64).ravel()
        # (time, trace) becomes (trace, time), a time slice (trace, 1).
        new, old = (np.asarray(values.values) for values in (section, original))
        self._new, self._old = (values.T if sample is None else values.reshape(-1, 1) for values in (new, old))
        in_order = np.argsort(traces, kind="stable")
        self._columns = in_order[traces[in_order] >= 0]
        self._layout, self._traces = layout, traces
        self._n_bytes = self._new.shape[1] * layout.sample_bytes
        self._first_byte = layout.header_bytes + (sample or 0) * layout.sample_bytes
        self.n_changed = self.n_clipped = 0

    def change_in_place(self, file: BinaryIO) -> None:
        """Overwrite the changed samples in a copy of the whole source."""
        for trace, change in self._changes():
            if not change.is_changed.any():
                continue
            start = self._layout.start + trace * self._layout.trace_bytes + self._first_byte
            file.seek(start)
            changed = self._apply(change, file.read(self._n_bytes))
            file.seek(start)
            file.write(changed)

    def copy_section(self, source: BinaryIO, file: BinaryIO) -> None:
        """Copy the file headers and the traces of the section in the order of the source, with the changed samples."""
        file.write(head_of(self._layout, source, self._columns.size))
        for trace, change in self._changes():
            source.seek(self._layout.start + trace * self._layout.trace_bytes)
            file.write(_read(source, self._layout.header_bytes, self._layout))
            file.write(self._apply(change, _read(source, self._n_bytes, self._layout)))

    def _changes(self) -> Iterator[tuple[int, _TraceChange]]:
        """Yield each trace's position in the file and its change, in the order of the file."""
        for start in range(0, self._columns.size, _TRACES_AT_A_TIME):
            columns = self._columns[start : start + _TRACES_AT_A_TIME]
            new, old = self._new[columns], self._old[columns]
            is_changed = (new != old) & np.isfinite(new) & ~np.isnan(old)
            words, is_clipped = np.zeros(new.shape, word_type(self._layout)), np.zeros(new.shape, bool)
            words[is_changed], is_clipped[is_changed] = encode_samples(new[is_changed], self._layout)
            for trace, *parts in zip(self._traces[columns].tolist(), is_changed, words, is_clipped, strict=True):
                yield trace, _TraceChange(*parts)

    def _apply(self, change: _TraceChange, raw: bytes) -> bytes:
        words = np.frombuffer(raw, change.words.dtype).copy()
        # An integer that rounds to its old value has not changed.
        differs = change.is_changed & (words != change.words)
        words[differs] = change.words[differs]
        self.n_changed += int(differs.sum())
        self.n_clipped += int(change.is_clipped.sum())
        return words.tobytes()


@dataclass(frozen=True)
class _TraceChange:
    """Which samples of a trace changed, their new words, and which of them were clipped to the range of the file."""

    is_changed: np.ndarray
    words: np.ndarray
    is_clipped: np.ndarray


@contextmanager
def writing_segy_numbers(
    original: xr.DataArray,
    path: str | Path,
    *,
    line: str,
    mark: str = PREDICTION_MARK,
    title: Sequence[str] = (),
    scope: str = "whole",
    absent: float = -1.0,
    force: bool = False,
) -> Iterator[SegyNumbers]:
    """Write another quantity with the headers and geometry of a SEG-Y file, section by section.

    Text header (except for the lines given), binary header, extended headers and trace headers are those of the source.
    Floating-point sources keep their sample format; integer sources, which have no fractions, get format 5 (4-byte IEEE
    float) and that code in the binary header.

    Parameters
    ----------
    original : DataArray
        As `open_segy` returned it; any section of the file if `scope` is "whole".
    path : str or Path
        The file to write; never the source itself. It appears when the block ends well.
    line : str
        Content of one text-header line. It replaces a line that contains `mark`, otherwise it goes where
        `write_segy_like` would put its line.
    mark : str, default "PREDICTED BY SEISDREAM"
        Text by which such lines are recognised.
    title : sequence of str
        First lines of the text header, as for `write_text_lines`.
    scope : {"whole", "section"}, default "whole"
        All traces of the source, or only those of `original` (a time slice has a sample of every trace).
    absent : float, default -1
        Written for NaN and for samples that were never put.
    force : bool, default False
        Replace an existing file.

    Yields
    ------
    SegyNumbers

    Raises
    ------
    SeisdreamError
        If the source has changed since it was opened or the file cannot be written. Then no file is left behind.
    """
    _check_scope(scope)
    layout = _find_source(original.attrs)
    traces = None
    if scope == "section" and "segy_sample" not in original.attrs:
        traces = np.unique(np.asarray(original.coords["trace_index"].values, np.int64))
        traces = traces[traces >= 0]
    encoding = original.attrs["segy_encoding"]
    with (
        writing_file(path, force=force, inputs=[layout.path]) as aside,
        layout.file.open("rb") as source,
        aside.open("w+b") as file,
    ):
        numbers = SegyNumbers(layout, source, file, traces, absent)
        write_text_lines(file, layout, encoding, line=line, mark=mark, title=title)
        yield numbers
        numbers.fill()


class SegyNumbers:
    """A SEG-Y file that is being written, from `writing_segy_numbers`."""

    def __init__(self, layout: Layout, source: BinaryIO, file: BinaryIO, traces: np.ndarray | None, absent: float):
        sample_format = layout.sample_format if layout.sample_format in FLOAT_FORMATS else IEEE_FLOAT
        self._layout, self._source, self._file = layout, source, file
        self._to = replace(layout, sample_format=sample_format, sample_endian=None)
        self._traces, self._absent = traces, absent
        self._is_written = np.zeros(layout.n_traces if traces is None else traces.size, bool)
        head = head_of(layout, source, layout.n_traces if traces is None else traces.size)
        if not layout.is_seismic_unix:
            struct.pack_into(layout.order + "H", head, layout.binary_start + 24, sample_format)
        file.write(head)

    def put(self, section: xr.DataArray) -> None:
        """Write the values of a section, ``(time, trace)`` or a time slice, to their traces.

        Parameters
        ----------
        section : DataArray
            With the coordinate ``trace_index``, and for a time slice the attribute ``segy_sample``, as `open_segy`
            returns them. Missing traces (−1) are left out. Put each trace once.
        """
        traces = np.asarray(section.coords["trace_index"].values, np.int64).ravel()
        sample = section.attrs.get("segy_sample")
        values = section.values.T if sample is None else section.values.reshape(-1, 1)
        for start in range(0, traces.size, _TRACES_AT_A_TIME):
            block = slice(start, start + _TRACES_AT_A_TIME)
            self._put(traces[block], values[block], sample)

    def fill(self) -> None:
        """Write the traces that were never put as absent."""
        missing = np.flatnonzero(~self._is_written)
        for start in range(0, missing.size, _TRACES_AT_A_TIME):
            block = missing[start : start + _TRACES_AT_A_TIME]
            traces = block if self._traces is None else self._traces[block]
            self._put(traces, np.empty((block.size, 0), np.float32), 0)

    def _put(self, traces: np.ndarray, values: np.ndarray, sample: int | None) -> None:
        """Write traces whose values start at a sample; the samples before and after are absent."""
        known = traces >= 0
        traces, values = traces[known], values[known]
        whole = np.full((len(traces), self._layout.n_samples), self._absent, np.float32)
        first = sample or 0
        whole[:, first : first + values.shape[1]] = np.where(np.isfinite(values), values, self._absent)
        words, _ = encode_samples(whole, self._to)
        positions = traces if self._traces is None else np.searchsorted(self._traces, traces)
        for trace, position, row in zip(traces.tolist(), positions.tolist(), words, strict=True):
            self._source.seek(self._layout.start + trace * self._layout.trace_bytes)
            self._file.seek(self._to.start + position * self._to.trace_bytes)
            self._file.write(_read(self._source, self._layout.header_bytes, self._layout) + row.tobytes())
        self._is_written[positions] = True


def _check_scope(scope: str) -> None:
    if scope not in ("whole", "section"):
        raise SeisdreamError(f"`scope` is '{scope}'; it must be whole or section.", code="out-of-range", option="scope")
