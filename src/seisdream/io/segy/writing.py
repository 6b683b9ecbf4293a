"""Write a changed section back as SEG-Y: the source byte for byte, but for what changed and one line.

Samples whose value did not change keep their very bytes (two IBM words can mean the same number), integers
are rounded and saturated rather than wrapped, and a sample that is absent is never touched. Other numbers than
amplitudes (classes, probabilities) go into files with the source's headers and samples that can hold them.
"""

from __future__ import annotations

import itertools
import shutil
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.atomic import writing_file
from seisdream.io.segy.headers import N_TEXT_BYTES, N_TRACE_HEADER_BYTES, Layout, read_layout
from seisdream.io.segy.samples import encode_samples, word_type
from seisdream.io.segy.text import CODECS, N_TEXT_COLUMNS, read_text_header

DREAM_MARK = "DREAMED BY SEISDREAM"
PREDICTION_MARK = "PREDICTED BY SEISDREAM"
ATTRIBUTION_MARK = "ATTRIBUTED BY SEISDREAM"
CONTROLS_MARK = "CONTROLLED BY SEISDREAM"
N_LINE_CHARACTERS = N_TEXT_COLUMNS - len("C01 ")
# Lines 39 and 40 are spoken for: the standards put the revision and the end mark there.
_LAST_FREE_LINE = 38
# Sample formats that hold fractions; files of integers get 4-byte IEEE floats instead.
_FLOAT_FORMATS, _IEEE_FLOAT = (1, 5, 6), 5
_TRACES_AT_A_TIME = 1024


@dataclass(frozen=True)
class WriteReport:
    """What became of a section's samples in a file.

    Attributes
    ----------
    n_changed : int
        Samples whose value in the file is another one now.
    n_clipped : int
        Samples to be changed that did not fit the file's integers and were set to the nearest that does.
    text_line : int
        Number of the line of the text header that was written, from 1.
    """

    n_changed: int
    n_clipped: int
    text_line: int


def write_segy_like(
    section: xr.DataArray,
    original: xr.DataArray,
    path: str | Path,
    *,
    line: str,
    scope: str = "whole",
    force: bool = False,
) -> WriteReport:
    """Write a section's changed samples into a copy of the SEG-Y file it was opened from.

    Parameters
    ----------
    section : DataArray
        The changed section, of the same dimensions as `original`. NaN and infinite samples are not written.
    original : DataArray
        As `open_segy` returned it.
    path : str or Path
        The file to write; never the source itself.
    line : str
        What one line of the text header is to say; 76 characters of ASCII have room. It replaces a line that
        has "DREAMED BY SEISDREAM" in it already, else the last empty line up to C38, else C38.
    scope : {"whole", "section"}, default "whole"
        Copy every trace of the source, or the section's own only (a time slice crosses every trace).
    force : bool, default False
        Replace a file that is there already.

    Returns
    -------
    WriteReport

    Raises
    ------
    SeisdreamError
        If the source has changed since it was opened, the sections do not match, or the file cannot be
        written; then nothing is left behind.
    """
    if scope not in ("whole", "section"):
        raise ValueError(f"scope is 'whole' or 'section'; got {scope!r}")
    if scope == "whole" or "segy_sample" in original.attrs:
        return write_sections_like([(section, original)], path, line=line, force=force)
    layout = _find_source(original.attrs)
    _check_match(section, original)
    encoding = original.attrs["segy_encoding"]
    text_line = _choose_line(read_text_header(layout.path, encoding))
    patch = _Patch(layout, section, original)
    with (
        writing_file(path, force=force, inputs=[layout.path]) as aside,
        layout.path.open("rb") as source,
        aside.open("w+b") as file,
    ):
        patch.copy_section(source, file)
        _write_line(file, text_line, line, encoding)
    return WriteReport(patch.n_changed, patch.n_clipped, text_line)


def write_sections_like(
    changed: Iterable[tuple[xr.DataArray, xr.DataArray]], path: str | Path, *, line: str, force: bool = False
) -> WriteReport:
    """Write the changed samples of one or more sections of a SEG-Y file into a copy of the whole file.

    Parameters
    ----------
    changed : iterable of (section, original)
        As for `write_segy_like`; at least one.
    path, line, force
        As for `write_segy_like`.
    """
    pairs = iter(changed)
    first = next(pairs)
    layout, encoding = _find_source(first[1].attrs), first[1].attrs["segy_encoding"]
    text_line = _choose_line(read_text_header(layout.path, encoding))
    n_changed = n_clipped = 0
    with writing_file(path, force=force, inputs=[layout.path]) as aside:
        shutil.copyfile(layout.path, aside)
        with aside.open("r+b") as file:
            for section, original in itertools.chain([first], pairs):
                _check_match(section, original)
                patch = _Patch(layout, section, original)
                patch.change_in_place(file)
                n_changed, n_clipped = n_changed + patch.n_changed, n_clipped + patch.n_clipped
            _write_line(file, text_line, line, encoding)
    return WriteReport(n_changed, n_clipped, text_line)


def _find_source(attrs: dict[str, Any]) -> Layout:
    """Return the layout of the file a section came from, or say that it is no longer the same."""
    if attrs.get("format") != "SEG-Y":
        raise SeisdreamError("Only a section that was opened from SEG-Y can be written back into its file.")
    source = attrs["segy_path"]
    layout = read_layout(source, attrs["segy_endian"])
    opened = (attrs["segy_n_bytes"], attrs["segy_mtime_ns"])
    if (layout.n_bytes, layout.mtime_ns) != opened:
        raise SeisdreamError(
            f"{source} has changed since it was opened (then {opened[0]} bytes, now {layout.n_bytes}); open "
            "it again and start over."
        )
    return layout


def _check_match(section: xr.DataArray, original: xr.DataArray) -> None:
    if section.dims != original.dims or section.shape != original.shape:
        raise SeisdreamError(
            f"The section to write is {section.dims} {section.shape}, but the one that was opened "
            f"{original.dims} {original.shape}: once zoomed or cropped it does not lie where it was recorded."
        )


def _choose_line(text: list[str], mark: str = DREAM_MARK) -> int:
    """Return the number of the text-header line to write, from 1."""
    for number, line in enumerate(text, 1):
        if mark in line:
            return number
    for number in range(_LAST_FREE_LINE, 0, -1):
        # The first three columns are the line's own "Cnn".
        if not text[number - 1][3:].strip():
            return number
    return _LAST_FREE_LINE


def _write_line(file: BinaryIO, number: int, line: str, encoding: str) -> None:
    line = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in line)
    file.seek((number - 1) * N_TEXT_COLUMNS)
    file.write(f"C{number:2d} {line[:N_LINE_CHARACTERS]}".ljust(N_TEXT_COLUMNS).encode(CODECS[encoding]))


class _Patch:
    """The samples of a section that changed, as the file stores them."""

    def __init__(self, layout: Layout, section: xr.DataArray, original: xr.DataArray):
        sample = original.attrs.get("segy_sample")
        self.is_time_slice = sample is not None
        traces = np.asarray(original.coords["trace_index"].values, np.int64).ravel()
        # (time, trace) becomes (trace, time), a time slice (trace, 1).
        new, old = (np.asarray(values.values) for values in (section, original))
        new, old = (values.reshape(-1, 1) if self.is_time_slice else values.T for values in (new, old))
        in_order = np.argsort(traces, kind="stable")
        in_order = in_order[traces[in_order] >= 0]
        self._layout = layout
        self._traces = traces[in_order]
        new, old = new[in_order], old[in_order]
        self._is_changed = (new != old) & np.isfinite(new) & ~np.isnan(old)
        self._words = np.zeros(new.shape, word_type(layout))
        self._words[self._is_changed], clipped = encode_samples(new[self._is_changed], layout)
        self._is_clipped = np.zeros(new.shape, bool)
        self._is_clipped[self._is_changed] = clipped
        self._n_bytes = self._words[:1].size * layout.sample_bytes
        self._first_byte = N_TRACE_HEADER_BYTES + (sample or 0) * layout.sample_bytes
        self.n_changed = self.n_clipped = 0

    def change_in_place(self, file: BinaryIO) -> None:
        """Overwrite the samples that changed in a copy of the whole source."""
        for row in np.flatnonzero(self._is_changed.any(axis=1)).tolist():
            start = self._layout.traces_start + int(self._traces[row]) * self._layout.trace_bytes + self._first_byte
            file.seek(start)
            changed = self._apply(row, file.read(self._n_bytes))
            file.seek(start)
            file.write(changed)

    def copy_section(self, source: BinaryIO, file: BinaryIO) -> None:
        """Copy the file's headers and the section's traces, in the order of the source, with what changed."""
        file.write(source.read(self._layout.traces_start))
        for row, trace in enumerate(self._traces.tolist()):
            source.seek(self._layout.traces_start + trace * self._layout.trace_bytes)
            file.write(source.read(N_TRACE_HEADER_BYTES))
            file.write(self._apply(row, source.read(self._n_bytes)))

    def _apply(self, row: int, raw: bytes) -> bytes:
        words = np.frombuffer(raw, self._words.dtype).copy()
        # An integer that rounds to what it was has not changed.
        differs = self._is_changed[row] & (words != self._words[row])
        words[differs] = self._words[row][differs]
        self.n_changed += int(differs.sum())
        self.n_clipped += int((self._is_clipped[row] & self._is_changed[row]).sum())
        return words.tobytes()


@contextmanager
def writing_segy_numbers(
    original: xr.DataArray,
    path: str | Path,
    *,
    line: str,
    mark: str = PREDICTION_MARK,
    scope: str = "whole",
    absent: float = -1.0,
    force: bool = False,
) -> Iterator[SegyNumbers]:
    """Give a file with the headers and geometry of a SEG-Y file, to be filled with other numbers, section by section.

    Text header (but for one line), binary header, extended headers and trace headers are the source's. Floating-point
    sources keep their sample format; those of integers, which hold no fractions, get format 5 (4-byte IEEE float),
    and that code in the binary header.

    Parameters
    ----------
    original : DataArray
        As `open_segy` returned it; any section of the file for the scope "whole".
    path : str or Path
        The file to write; never the source itself. It appears when the block ends well.
    line : str
        What one line of the text header is to say; it replaces one with the mark in it already, else is put where
        `write_segy_like` would put its own.
    mark : str, default "PREDICTED BY SEISDREAM"
        What such lines have in them.
    scope : {"whole", "section"}, default "whole"
        All traces of the source, or those of `original` only. A time slice crosses all traces.
    absent : float, default -1
        Written for NaN, and into samples that were never filled.
    force : bool, default False
        Replace a file that is there already.

    Yields
    ------
    SegyNumbers

    Raises
    ------
    SeisdreamError
        If the source has changed since it was opened or the file cannot be written; then nothing is left behind.
    """
    if scope not in ("whole", "section"):
        raise ValueError(f"scope is 'whole' or 'section'; got {scope!r}")
    layout = _find_source(original.attrs)
    traces = None
    if scope == "section" and "segy_sample" not in original.attrs:
        traces = np.unique(np.asarray(original.coords["trace_index"].values, np.int64))
        traces = traces[traces >= 0]
    encoding = original.attrs["segy_encoding"]
    text_line = _choose_line(read_text_header(layout.path, encoding), mark)
    with (
        writing_file(path, force=force, inputs=[layout.path]) as aside,
        layout.path.open("rb") as source,
        aside.open("w+b") as file,
    ):
        numbers = SegyNumbers(layout, source, file, traces, absent)
        _write_line(file, text_line, line, encoding)
        yield numbers
        numbers.fill()


class SegyNumbers:
    """A SEG-Y file in the making, from `writing_segy_numbers`."""

    def __init__(self, layout: Layout, source: BinaryIO, file: BinaryIO, traces: np.ndarray | None, absent: float):
        sample_format = layout.sample_format if layout.sample_format in _FLOAT_FORMATS else _IEEE_FLOAT
        self._layout, self._source, self._file = layout, source, file
        self._to = replace(layout, sample_format=sample_format)
        self._traces, self._absent = traces, absent
        self._is_there = np.zeros(layout.n_traces if traces is None else traces.size, bool)
        head = bytearray(source.read(layout.traces_start))
        struct.pack_into(layout.order + "H", head, N_TEXT_BYTES + 24, sample_format)
        file.write(head)

    def put(self, section: xr.DataArray) -> None:
        """Write a section's numbers, ``(time, trace)`` or a time slice, at their traces (`trace_index`).

        Parameters
        ----------
        section : DataArray
            With ``trace_index``, and ``segy_sample`` in its attributes if it is a time slice, as `open_segy` gives
            them; traces that lie nowhere in the file (−1) are left out. Each trace is put once.
        """
        traces = np.asarray(section.coords["trace_index"].values, np.int64).ravel()
        sample = section.attrs.get("segy_sample")
        values = section.values.T if sample is None else section.values.reshape(-1, 1)
        for start in range(0, traces.size, _TRACES_AT_A_TIME):
            block = slice(start, start + _TRACES_AT_A_TIME)
            self._put(traces[block], values[block], sample)

    def fill(self) -> None:
        """Write the traces that were never put, all absent."""
        missing = np.flatnonzero(~self._is_there)
        for start in range(0, missing.size, _TRACES_AT_A_TIME):
            block = missing[start : start + _TRACES_AT_A_TIME]
            traces = block if self._traces is None else self._traces[block]
            self._put(traces, np.empty((block.size, 0), np.float32), 0)

    def _put(self, traces: np.ndarray, values: np.ndarray, sample: int | None) -> None:
        """Write traces whose known samples start at some place; those before and after are absent."""
        known = traces >= 0
        traces, values = traces[known], values[known]
        whole = np.full((len(traces), self._layout.n_samples), self._absent, np.float32)
        first = sample or 0
        whole[:, first : first + values.shape[1]] = np.where(np.isfinite(values), values, self._absent)
        words, _ = encode_samples(whole, self._to)
        places = traces if self._traces is None else np.searchsorted(self._traces, traces)
        for trace, place, row in zip(traces.tolist(), places.tolist(), words, strict=True):
            self._source.seek(self._layout.traces_start + trace * self._layout.trace_bytes)
            self._file.seek(self._to.traces_start + place * self._to.trace_bytes)
            self._file.write(self._source.read(N_TRACE_HEADER_BYTES) + row.tobytes())
        self._is_there[places] = True
