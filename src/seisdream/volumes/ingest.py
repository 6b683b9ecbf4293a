"""SEG-Y to Zarr: samples, headers and geometry of a survey in chunks that are quick to read in every direction."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from seisdream.io.atomic import writing_folder
from seisdream.io.segy import SegyVolume
from seisdream.io.segy.formats import decode_words
from seisdream.io.segy.headers import Layout
from seisdream.io.segy.samples import changes_words
from seisdream.io.segy.trace_header_fields import header_record
from seisdream.io.segy.traces import read_traces, words_of
from seisdream.io.segy.writing import IEEE_FLOAT
from seisdream.io.stores import FolderStore, Store, is_url, open_store
from seisdream.io.zarr_arrays import StoredArray, fit_chunks
from seisdream.seismic.amplitude_statistics import AmplitudeCounter
from seisdream.seismic.volumes import Box, Volume
from seisdream.volumes.blocks import blocks
from seisdream.volumes.store import check_replaceable, clear, geometry_of, put_geometry
from seisdream.volumes.stored_segy import (
    FILE_HEADER,
    HEADERS,
    SAMPLE_WORDS,
    TRACE_INDEX,
    file_header,
    header_arrays,
    headers_of,
)
from seisdream.volumes.volume import open_volume

Progress = Callable[[int, int], None]

_N_WRITERS = 2
# What stays in the cache of a processor while it is decoded.
_BYTES_AT_A_TIME = 2**20


class Shard(NamedTuple):
    """A file of an array: its place along each dimension, and its samples."""

    array: StoredArray
    place: tuple[int, ...]
    values: np.ndarray


def ingest(
    source: Any,
    target: str | os.PathLike[str],
    *,
    chunks: Sequence[int] | None = None,
    shards: Sequence[int] | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Volume:
    """Write a volume as a Zarr store in the layout of MDIO v1, which plain `xarray.open_zarr` opens.

    The variables are ``amplitude`` ``(inline, crossline, time)`` as float32, with the attribute ``statsV1``;
    ``trace_mask``; ``inline``, ``crossline``, ``time`` or ``depth``, ``cdp_x`` and ``cdp_y``; and for SEG-Y
    ``headers``, a record of the fields of revision 1 for each trace, ``trace_index``, its position in the file,
    ``segy_file_header``, whose attributes hold text and binary header, and ``sample_words``, the samples as the file
    stores them, of shards where float32 does not hold them exactly. Zarr 3, in shards; compressed without loss. The
    store appears whole or not at all, and never more than some hundred megabytes are in memory.

    Parameters
    ----------
    source : path, URL, array or Volume
        As for `seisdream.open_volume`.
    target : path or URL
        The store, a folder or any URL that fsspec writes.
    chunks, shards : sequence of int, optional
        Samples of a chunk and of a shard along inline, crossline and time. Default: 64 samples, and 128 × 128 × 256.
    force : bool, default False
        Replace an earlier store that seisdream wrote.
    progress : callable, optional
        Called with the number of samples that are done, and of all.
    **options
        As for `seisdream.open_volume`. Samples that are not finite are kept (``nan="absent"``) unless stated otherwise.

    Returns
    -------
    Volume
        The store, opened.

    Raises
    ------
    SeisdreamError
        If the source is no volume or has two traces at one position, the target exists, or it cannot be written.
    """
    name = os.fspath(target)
    check_replaceable(open_store(name), force=force)
    if isinstance(source, str | os.PathLike) and not is_url(os.fspath(source)) and not os.path.isdir(source):
        options = {"nan": "absent", **options}
    volume = open_volume(source, **options)
    sizes, units = fit_chunks(volume.shape, tuple(chunks) if chunks else None, tuple(shards) if shards else None)
    with _writing_store(name, volume, force=force) as files:
        _write(files, volume, sizes, units, progress or (lambda done, total: None))
    return open_volume(target)


@contextmanager
def _writing_store(target: str, volume: Volume, *, force: bool) -> Iterator[Store]:
    """Yield the files of a store that appears when the block ends well."""
    if not is_url(target):
        inputs = [volume.source] if volume.source and not is_url(volume.source) else []
        with writing_folder(target, force=force, inputs=inputs) as folder:
            # The folder as a whole is synchronized before it gets its name.
            yield FolderStore(os.fspath(folder), waits=False)
        return
    files = open_store(target)
    clear(files, force=force)
    try:
        yield files
    except BaseException:
        files.remove()
        raise


def _write(files: Store, volume: Volume, chunks: tuple[int, ...], shards: tuple[int, ...], progress: Progress) -> None:
    amplitude = StoredArray("amplitude", volume.shape, np.dtype("f4"), volume.dims, chunks, shards)
    arrays, small = {amplitude.name: amplitude}, {}
    if isinstance(volume, SegyVolume):
        arrays |= header_arrays(volume, amplitude)
        small[FILE_HEADER] = (file_header(volume), np.uint8(0))
    n_header_bytes = volume.survey.layout.header_bytes if isinstance(volume, SegyVolume) else 0
    boxes = list(blocks(volume.shape, shards, n_header_bytes=n_header_bytes))
    # Memory that is used again: a new array costs more time than its samples.
    buffers = [np.empty(max(_n_samples(box) for box in boxes), np.float32) for _ in boxes[:2]]
    counter, n_done, total = AmplitudeCounter(), 0, int(np.prod(volume.shape, dtype=np.int64))
    progress(0, total)
    pending: set[Future[None]] = set()
    with ThreadPoolExecutor(_N_WRITERS) as pool:
        try:
            for number, box in enumerate(boxes):
                shape = tuple(one.stop - one.start for one in box)
                values = buffers[number % 2][: _n_samples(box)].reshape(shape)
                shards_of_block = _read_block(volume, arrays, box, values)
                _finish(pending)  # At most two blocks are in memory: one that is read, one that is written.
                pending = {pool.submit(counter.add, values)}
                pending |= {pool.submit(_put, files, one) for one in shards_of_block}
                n_done += values.size
                progress(n_done, total)
            _finish(pending)
        except BaseException:
            for one in pending:
                one.cancel()
            raise
    attrs = {"statsV1": counter.statistics().to_mdio(), "units": "amplitude"}
    arrays[amplitude.name] = replace(amplitude, attrs=attrs)
    root = {"name": "seismic_3d", "attributes": {"defaultVariableName": "amplitude"}}
    put_geometry(files, geometry_of(volume, arrays, small), volume, root)


def _n_samples(box: Box) -> int:
    return math.prod(one.stop - one.start for one in box)


def _read_block(volume: Volume, arrays: Mapping[str, StoredArray], box: Box, values: np.ndarray) -> list[Shard]:
    """Read the samples of a block into an array, and return all shards that belong to it."""
    if not isinstance(volume, SegyVolume):
        values[...] = volume.read(*box)
        return list(_shards(arrays["amplitude"], box, values))
    layout, traces = volume.survey.layout, volume.grid.block(box[0], box[1])
    flat, by_trace = traces.ravel(), values.reshape(traces.size, -1)
    by_trace[flat < 0] = np.nan
    records, is_changed = np.zeros(flat.size, header_record("<")), np.zeros(flat.size, bool)
    for rows, raw in _traces_of(layout, flat):
        words = words_of(raw, layout)[:, box[2]]
        decoded = decode_words(words, layout.sample_format)[:, None]
        samples = volume.checked(decoded, np.ones((len(raw), 1), bool))
        by_trace[rows] = samples[:, 0]
        records[rows] = headers_of(raw, layout)
        if samples is not decoded or layout.sample_format != IEEE_FLOAT:
            is_changed[rows] = changes_words(samples[:, 0], words, layout).any(axis=1)
    shards = list(_shards(arrays["amplitude"], box, values))
    if box[2].start == 0:
        for name, one in ((HEADERS, records.reshape(traces.shape)), (TRACE_INDEX, traces)):
            shards += _shards(arrays[name], box[:2], one)
    if is_changed.any():
        kept = np.zeros(by_trace.shape, arrays[SAMPLE_WORDS].dtype)
        for rows, raw in _traces_of(layout, flat):
            words = words_of(raw, layout)[:, box[2]]
            kept[rows] = words.astype(words.dtype.newbyteorder("<")).view(kept.dtype)
        whole = np.broadcast_to(is_changed.reshape(*traces.shape, 1), values.shape)
        of_changed = zip(
            _shards(arrays[SAMPLE_WORDS], box, kept.reshape(values.shape)),
            _shards(arrays[SAMPLE_WORDS], box, whole),
            strict=True,
        )
        shards += [shard for shard, changed in of_changed if changed.values.any()]
    return shards


def _traces_of(layout: Layout, traces: np.ndarray) -> Iterator[tuple[slice | np.ndarray, np.ndarray]]:
    """Yield the rows and the bytes of some traces at a time, in the order of the file; −1 is left out."""
    rows = np.flatnonzero(traces >= 0)
    rows = rows[np.argsort(traces[rows], kind="stable")]
    n_block = max(1, _BYTES_AT_A_TIME // layout.trace_bytes)
    for start in range(0, rows.size, n_block):
        part = rows[start : start + n_block]
        is_run = part[-1] - part[0] == part.size - 1 and bool((np.diff(part) == 1).all())
        yield slice(part[0], part[-1] + 1) if is_run else part, read_traces(layout, traces[part])


def _shards(array: StoredArray, box: Sequence[slice], values: np.ndarray) -> Iterator[Shard]:
    """Yield the shards of an array that make up a block."""
    first = [one.start // size for one, size in zip(box, array.unit, strict=True)]
    counts = [-(-n // size) for n, size in zip(values.shape, array.unit, strict=True)]
    for offset in np.ndindex(*counts):
        part = tuple(slice(number * size, (number + 1) * size) for number, size in zip(offset, array.unit, strict=True))
        yield Shard(array, tuple(start + number for start, number in zip(first, offset, strict=True)), values[part])


def _put(files: Store, shard: Shard) -> None:
    files.put(shard.array.key(shard.place), shard.array.encode(shard.values))


def _finish(pending: set[Future[None]]) -> None:
    """Wait until all is written, and raise the first error."""
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        for one in done:
            one.result()
