"""The SEG-Y file that a Zarr store was ingested from: file headers, trace headers, trace order and original words.

Amplitudes are float32 in a store. Where these do not give the words of the file back (large integers, IBM floats that
are not normalised, undefined samples), `ingest` keeps the words of the whole shard in the variable ``sample_words``.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.segy import SegyVolume
from seisdream.io.segy.formats import decode_words
from seisdream.io.segy.headers import Layout
from seisdream.io.segy.samples import encode_samples, word_type
from seisdream.io.segy.trace_header_fields import header_record
from seisdream.io.stores import is_url, open_store
from seisdream.io.zarr_arrays import StoredArray
from seisdream.io.zarr_volumes import StoredVolume, open_zarr_dataset
from seisdream.seismic.volumes import Box
from seisdream.volumes.volume import open_volume

FILE_HEADER, HEADERS, TRACE_INDEX, SAMPLE_WORDS = "segy_file_header", "headers", "trace_index", "sample_words"
"""Variables of a store that was ingested from SEG-Y."""
_LAYOUT = (
    "endian", "sample_format", "sample_endian", "n_bytes", "n_samples", "n_traces", "start", "header_bytes",
    "binary_start", "n_after",
)  # fmt: skip
_MOST_BYTES_AFTER = 2**20


def file_header(volume: SegyVolume) -> StoredArray:
    """Return the variable whose attributes hold the file headers, readable and as bytes, and the layout of the file."""
    survey, layout = volume.survey, volume.survey.layout
    with layout.file.open("rb") as file:
        head = file.read(layout.start)
        file.seek(layout.n_bytes - layout.n_after)
        after = file.read(min(layout.n_after, _MOST_BYTES_AFTER))
    words = {"sample_interval": 3217, "samples_per_trace": 3221, "data_sample_format": 3225}
    attrs = {
        "textHeader": "\n".join(survey.text_header),
        "binaryHeader": {name: int(layout.binary_word(byte)) for name, byte in words.items()},
        "rawBinaryHeader": _as_text(layout.binary),
        "rawFileHeader": _as_text(head),
        "rawTrailer": _as_text(after),
        "endianness": layout.endian,
        "encoding": survey.encoding,
        "layout": {name: getattr(layout, name) for name in _LAYOUT},
        "not_stored": _not_stored(volume),
    }
    return StoredArray(FILE_HEADER, (), np.dtype("u1"), (), (), attrs=attrs)


def header_arrays(volume: SegyVolume, amplitude: StoredArray) -> dict[str, StoredArray]:
    """Return the variables for headers and positions of traces, and for the words of samples, by name."""
    kinds = {HEADERS: header_record("<"), TRACE_INDEX: np.dtype("i8")}
    lines, unit = volume.shape[:2], amplitude.unit[:2]
    arrays = {name: StoredArray(name, lines, kind, volume.dims[:2], unit) for name, kind in kinds.items()}
    word = np.dtype(f"<u{volume.survey.layout.sample_bytes}")
    arrays[SAMPLE_WORDS] = StoredArray(
        SAMPLE_WORDS, volume.shape, word, volume.dims, amplitude.chunks, amplitude.shards, fill=0
    )
    return arrays


def headers_of(raw: np.ndarray, layout: Layout) -> np.ndarray:
    """Return the headers of whole traces, uint8 ``(trace, byte)``, as the records of a store."""
    stored = header_record(layout.order)
    return np.ascontiguousarray(raw[:, : stored.itemsize]).view(stored)[:, 0].astype(header_record("<"))


class StoredSegy:
    """The SEG-Y file that a store was ingested from.

    Parameters
    ----------
    source : path or URL
        The store.

    Attributes
    ----------
    volume : StoredVolume
        The amplitudes of the store.
    layout : Layout
        Of the file.
    encoding : {"ebcdic", "ascii"}
        Of its text header.
    head : bytes
        What comes before the first trace.

    Raises
    ------
    SeisdreamError
        If the store does not hold the headers (``missing-argument``), or not all of them (``incomplete``).
    """

    def __init__(self, source: str | os.PathLike[str]) -> None:
        name = os.fspath(source)
        dataset = open_zarr_dataset(name)
        known: dict[str, Any] = dataset[FILE_HEADER].attrs if FILE_HEADER in dataset else {}
        remedy = "give the SEG-Y survey, or the store that was ingested from it (`like`)"
        if "layout" not in known or not {HEADERS, TRACE_INDEX} <= set(dataset.variables):
            raise SeisdreamError(
                f"{name} does not hold the headers of a SEG-Y survey; {remedy}.", code="missing-argument", option="like"
            )
        if known["not_stored"]:
            raise SeisdreamError(
                f"{name} does not hold all of its SEG-Y file, which has {known['not_stored']}; {remedy}.",
                code="incomplete",
                option="like",
            )
        self.head, self._after = (base64.b64decode(known[one]) for one in ("rawFileHeader", "rawTrailer"))
        start = known["layout"]["binary_start"]
        binary = self.head[start : start + 400] if self.head else bytes(400)
        self.layout = Layout(Path(name), Path(name), mtime_ns=0, binary=binary, **known["layout"])
        self.encoding = str(known["encoding"])
        volume = open_volume(name, variable="amplitude")
        assert isinstance(volume, StoredVolume)
        self.volume, self._dataset = volume, dataset
        self.inputs: Sequence[Path] = [] if is_url(name) else [Path(name)]
        self._kept = {key for key, *_ in open_store(name).listing() if key.startswith(f"{SAMPLE_WORDS}/c/")}
        self._words: StoredArray | None = None
        if self._kept:
            words = dataset[SAMPLE_WORDS]
            unit = words.encoding["shards"] or words.encoding["chunks"]
            self._words = StoredArray(SAMPLE_WORDS, volume.shape, words.dtype, volume.dims, unit)

    def index(self, inlines: slice, crosslines: slice) -> np.ndarray:
        """Return the positions in the file of a block's traces, int64 ``(inline, crossline)``, −1 for missing ones."""
        return self._dataset[TRACE_INDEX][inlines, crosslines].values

    def after(self) -> Iterator[bytes]:
        """Yield what comes after the last trace."""
        yield self._after

    def read(self, traces: np.ndarray) -> np.ndarray:
        """Return traces without a place in the volume; a store has none, so this is not called."""
        raise AssertionError(traces)

    def traces(self, box: Box, rows: np.ndarray, amplitudes: np.ndarray | None) -> np.ndarray:
        """Return whole traces as they were in the file.

        Parameters
        ----------
        box : Box
            A block with all samples.
        rows : int array ``(trace,)``
            Which of its traces, inlines first.
        amplitudes : float32 array ``(trace, time)`` or None
            Those of the store, of these traces; None: they are read.

        Returns
        -------
        uint8 array ``(trace, byte)``
        """
        layout = self.layout
        records = self._dataset[HEADERS][box[0], box[1]].values.reshape(-1)[rows]
        if amplitudes is None:
            amplitudes = self.volume.read(*box).reshape(-1, layout.n_samples)[rows]
        values, kind = amplitudes, word_type(layout)
        words = encode_samples(values if kind.kind == "f" else np.nan_to_num(values), layout)[0]
        if self._words is not None:
            stored, is_kept = self._read_words(box)
            stored, is_kept = stored[rows], is_kept[rows]
            with np.errstate(invalid="ignore"):
                is_kept &= np.isnan(values) | (decode_words(stored, layout.sample_format) == values)
            words = np.where(is_kept, stored, words).astype(kind)
        raw = np.empty((rows.size, layout.trace_bytes), np.uint8)
        raw[:, : layout.header_bytes] = (
            records.astype(header_record(layout.order)).view(np.uint8).reshape(rows.size, -1)
        )
        raw[:, layout.header_bytes :] = words.view(np.uint8)
        return raw

    def _read_words(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """Return the words of a block and where they are stored, both ``(trace, time)``."""
        assert self._words is not None
        words = self._dataset[SAMPLE_WORDS][box].values
        is_kept = np.zeros(words.shape, bool)
        for index in self._words.indices():
            if self._words.key(index) in self._kept:
                shard = zip(self._words.slices(index), box, strict=True)
                is_kept[tuple(slice(max(0, a.start - b.start), max(0, a.stop - b.start)) for a, b in shard)] = True
        native = words.astype(words.dtype.newbyteorder("=")).view(word_type(self.layout).newbyteorder("="))
        return native.reshape(-1, words.shape[2]), is_kept.reshape(-1, words.shape[2])


def _not_stored(volume: SegyVolume) -> str:
    """Return what the file has that a store does not hold; "" where that is nothing."""
    layout = volume.survey.layout
    n_left_out = layout.n_traces - int(np.count_nonzero(volume.trace_mask))
    if layout.header_bytes > header_record("<").itemsize:
        return f"trace headers of {layout.header_bytes} bytes"
    if n_left_out:
        return f"{n_left_out} traces without a place among the inlines and crosslines"
    if layout.n_after > _MOST_BYTES_AFTER:
        return f"{layout.n_after} bytes after the last trace"
    return ""


def _as_text(content: bytes) -> str:
    return base64.b64encode(content).decode()
