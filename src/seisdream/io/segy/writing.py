"""Write a changed section back as SEG-Y: the source byte for byte, but for what changed and one line.

Samples whose value did not change keep their very bytes (two IBM words can mean the same number), integers
are rounded and saturated rather than wrapped, and a sample that is absent is never touched.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.aside import writing_file
from seisdream.io.segy.headers import N_TRACE_HEADER_BYTES, Layout, read_layout
from seisdream.io.segy.samples import encode_samples, word_type
from seisdream.io.segy.text import CODECS, N_TEXT_COLUMNS, read_text_header

DREAM_MARK = "DREAMED BY SEISDREAM"
N_LINE_CHARACTERS = N_TEXT_COLUMNS - len("C01 ")
# Lines 39 and 40 are spoken for: the standards put the revision and the end mark there.
_LAST_FREE_LINE = 38


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
    layout = _find_source(original)
    _check_match(section, original)
    encoding = original.attrs["segy_encoding"]
    text_line = _choose_line(read_text_header(layout.path, encoding))
    patch = _Patch(layout, section, original)
    with writing_file(path, force=force, inputs=[layout.path]) as aside:
        if scope == "whole" or patch.is_time_slice:
            shutil.copyfile(layout.path, aside)
            with aside.open("r+b") as file:
                patch.change_in_place(file)
                _write_line(file, text_line, line, encoding)
        else:
            with layout.path.open("rb") as source, aside.open("w+b") as file:
                patch.copy_section(source, file)
                _write_line(file, text_line, line, encoding)
    return WriteReport(patch.n_changed, patch.n_clipped, text_line)


def _find_source(original: xr.DataArray) -> Layout:
    """Return the layout of the file a section came from, or say that it is no longer the same."""
    if original.attrs.get("format") != "SEG-Y":
        raise SeisdreamError("Only a section that was opened from SEG-Y can be written back into its file.")
    source = original.attrs["segy_path"]
    layout = read_layout(source, original.attrs["segy_endian"])
    opened = (original.attrs["segy_n_bytes"], original.attrs["segy_mtime_ns"])
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


def _choose_line(text: list[str]) -> int:
    """Return the number of the text-header line to write, from 1."""
    for number, line in enumerate(text, 1):
        if DREAM_MARK in line:
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
