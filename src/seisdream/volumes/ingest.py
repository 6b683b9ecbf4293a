"""SEG-Y to Zarr: samples, headers and geometry of a survey in chunks that are quick to read in every direction."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from seisdream.io.atomic import writing_folder
from seisdream.io.segy import SegyVolume
from seisdream.io.segy.trace_header_fields import header_record
from seisdream.io.segy.traces import decode_traces, read_traces
from seisdream.io.stores import FolderStore, Store, is_url, open_store
from seisdream.io.zarr_arrays import StoredArray, fit_chunks
from seisdream.seismic.amplitude_statistics import AmplitudeCounter
from seisdream.seismic.volumes import Box, Volume
from seisdream.volumes.blocks import blocks
from seisdream.volumes.store import check_replaceable, clear, geometry_of, put_geometry
from seisdream.volumes.volume import open_volume

Progress = Callable[[int, int], None]

_N_WRITERS = 2
_BYTES_AT_A_TIME = 2**25


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
    ``headers``, a record of the fields of revision 1 for each trace, and ``segy_file_header``, whose attributes hold
    text and binary header. Zarr 3, in shards; compressed without loss. The store appears whole or not at all, and never
    more than some hundred megabytes are in memory.

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
    headers, small = None, {}
    if isinstance(volume, SegyVolume):
        headers = StoredArray("headers", volume.shape[:2], header_record("<"), volume.dims[:2], shards[:2])
        small["segy_file_header"] = (_file_header(volume), np.uint8(0))
    counter, n_done, total = AmplitudeCounter(), 0, int(np.prod(volume.shape, dtype=np.int64))
    progress(0, total)
    pending: set[Future[None]] = set()
    with ThreadPoolExecutor(_N_WRITERS) as pool:
        try:
            for block in blocks(volume.shape, shards):
                values, records = _read_block(volume, block, with_headers=headers is not None and block[2].start == 0)
                counter.add(values)
                _finish(pending)  # At most two blocks are in memory: one that is read, one that is written.
                pending = {
                    pool.submit(_put, files, amplitude, index, part) for index, part in _parts(amplitude, block, values)
                }
                if headers is not None and records is not None:
                    pending |= {pool.submit(_put, files, headers, *one) for one in _parts(headers, block[:2], records)}
                n_done += values.size
                progress(n_done, total)
            _finish(pending)
        except BaseException:
            for one in pending:
                one.cancel()
            raise
    attrs = {"statsV1": counter.statistics().to_mdio(), "units": "amplitude"}
    arrays = {"amplitude": replace(amplitude, attrs=attrs)}
    if headers is not None:
        arrays["headers"] = headers
    root = {"name": "seismic_3d", "attributes": {"defaultVariableName": "amplitude"}}
    put_geometry(files, geometry_of(volume, arrays, small), volume, root)


def _read_block(volume: Volume, block: Box, *, with_headers: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the samples of a block, and the headers of its traces where they are wanted, read in one go."""
    if not (isinstance(volume, SegyVolume) and with_headers):
        return volume.read(*block), None
    layout, traces = volume.survey.layout, volume.grid.block(block[0], block[1])
    flat = traces.ravel()
    values = np.empty((flat.size, block[2].stop - block[2].start), np.float32)
    values[flat < 0] = np.nan
    records = np.zeros(flat.size, header_record("<"))
    rows = np.flatnonzero(flat >= 0)
    rows = rows[np.argsort(flat[rows], kind="stable")]
    n_block = max(1, _BYTES_AT_A_TIME // layout.trace_bytes)
    stored = header_record(layout.order)
    for start in range(0, rows.size, n_block):
        part = rows[start : start + n_block]
        raw = read_traces(layout, flat[part])
        decode_traces(raw, layout, values, part, block[2])
        records[part] = np.ascontiguousarray(raw[:, : stored.itemsize]).view(stored)[:, 0].astype(records.dtype)
    values = values.reshape(*traces.shape, -1)
    return volume.checked(values, traces >= 0), records.reshape(traces.shape)


def _parts(
    array: StoredArray, block: Sequence[slice], values: np.ndarray
) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yield the files of an array that make up a block: index and samples of each."""
    first = [one.start // size for one, size in zip(block, array.unit, strict=True)]
    counts = [-(-n // size) for n, size in zip(values.shape, array.unit, strict=True)]
    for offset in np.ndindex(*counts):
        part = tuple(slice(number * size, (number + 1) * size) for number, size in zip(offset, array.unit, strict=True))
        yield tuple(start + number for start, number in zip(first, offset, strict=True)), values[part]


def _put(files: Store, array: StoredArray, index: tuple[int, ...], values: np.ndarray) -> None:
    files.put(array.key(index), array.encode(values))


def _finish(pending: set[Future[None]]) -> None:
    """Wait until all is written, and raise the first error."""
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        for one in done:
            one.result()


def _file_header(volume: SegyVolume) -> StoredArray:
    """Return the variable whose attributes are the file headers, readable and as bytes."""
    survey, layout = volume.survey, volume.survey.layout
    with layout.file.open("rb") as file:
        head = file.read(layout.start)
    words = {"sample_interval": 3217, "samples_per_trace": 3221, "data_sample_format": 3225}
    attrs = {
        "textHeader": "\n".join(survey.text_header),
        "binaryHeader": {name: int(layout.binary_word(byte)) for name, byte in words.items()},
        "rawBinaryHeader": base64.b64encode(layout.binary).decode(),
        "rawFileHeader": base64.b64encode(head).decode(),
        "endianness": layout.endian,
    }
    return StoredArray("segy_file_header", (), np.dtype("u1"), (), (), attrs=attrs)
