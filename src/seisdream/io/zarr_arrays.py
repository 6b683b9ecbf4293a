"""Arrays of a Zarr store, written shard by shard: Zarr encodes each whole, and it is put in its place in one step."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from seisdream.extras import require_extra
from seisdream.io.stores import Store

CHUNKS = (64, 64, 64)
"""Samples of a chunk along inline, crossline and time: a slice in any direction reads equally many of them."""
SHARDS = (2, 2, 4)
"""Chunks of a shard along inline, crossline and time."""


@dataclass(frozen=True)
class StoredArray:
    """An array of a store and how it is divided into files.

    Attributes
    ----------
    name : str
        Name in the store.
    shape : tuple of int
        Samples along each dimension.
    dtype : dtype
        Of numbers, or of records.
    dims : tuple of str
        Names of the dimensions.
    chunks : tuple of int
        Samples that are compressed together.
    shards : tuple of int or None
        Samples of a file, whole chunks; None if each chunk is a file.
    fill : number or None
        Of samples that were never written. Default: NaN, −1, or for unsigned integers the largest; zeros for records.
    attrs : dict
        Attributes.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    dims: tuple[str, ...]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None = None
    fill: Any = None
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unit(self) -> tuple[int, ...]:
        """Samples of a file along each dimension."""
        return self.shards or self.chunks

    @property
    def grid(self) -> tuple[int, ...]:
        """Numbers of files along each dimension."""
        return tuple(math.ceil(n / size) for n, size in zip(self.shape, self.unit, strict=True))

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Yield the index of each file."""
        yield from product(*(range(n) for n in self.grid))

    def slices(self, index: tuple[int, ...]) -> tuple[slice, ...]:
        """Return the samples of a file within the array."""
        return tuple(
            slice(number * size, min((number + 1) * size, n))
            for number, size, n in zip(index, self.unit, self.shape, strict=True)
        )

    def key(self, index: tuple[int, ...]) -> str:
        """Return the key of a file in the store."""
        return shard_key(self.name, index)

    @property
    def fill_value(self) -> Any:
        """The value of samples that were never written."""
        if self.fill is not None:
            return self.fill
        if self.dtype.kind == "f":
            return math.nan
        if self.dtype.kind in "iu":
            return -1 if self.dtype.kind == "i" else int(np.iinfo(self.dtype).max)
        return False if self.dtype.kind == "b" else None

    def encode(self, values: np.ndarray) -> bytes:
        """Return the file of a shard, whose samples may end where the array does."""
        whole = values
        if values.shape != self.unit:
            whole = (
                np.full(self.unit, self.fill_value or 0, self.dtype)
                if self.fill_value is not None
                else np.zeros(self.unit, self.dtype)
            )
            whole[tuple(slice(n) for n in values.shape)] = values
        files, array = _encoder(self)
        array[...] = np.asarray(whole, self.dtype)
        return files.pop("/".join(["shard", "c", *("0" for _ in self.shape)])).to_bytes()

    def create(self, store: Any, name: str, shape: tuple[int, ...]) -> Any:
        """Make the array in a store of Zarr, under a name and in a shape."""
        zarr = require_extra("zarr", "volumes", "Writing Zarr")
        codec = zarr.codecs.BloscCodec(
            cname="lz4", clevel=3, shuffle="bitshuffle", typesize=max(1, min(self.dtype.itemsize, 255))
        )
        # Filters of warnings belong to the process, and files are written by several threads.
        with _filtering, warnings.catch_warnings():
            # Records have no specification in Zarr 3 yet; MDIO v1 stores trace headers as such.
            warnings.simplefilter("ignore")
            return zarr.create_array(
                store,
                name=name,
                shape=shape,
                dtype=self.dtype,
                chunks=self.chunks,
                shards=self.shards,
                compressors=codec,
                fill_value=self.fill_value,
                dimension_names=self.dims,
                attributes=dict(self.attrs),
                # A file of fill values alone is a file too, so that one that is missing is known.
                config={"write_empty_chunks": True},
            )


def shard_key(name: str, index: tuple[int, ...]) -> str:
    """Return the key of a file of an array in its store."""
    return "/".join([name, "c", *map(str, index)])


_filtering = threading.Lock()
_of_thread = threading.local()


def _encoder(array: StoredArray) -> tuple[dict[str, Any], Any]:
    """Return an array of one shard in memory, and its files; one for each thread and kind of array."""
    memory = require_extra("zarr.storage", "volumes", "Writing Zarr")
    known = _of_thread.__dict__.setdefault("encoders", {})
    kind = (array.unit, array.chunks, array.shards, array.dtype, repr(array.fill_value))
    if kind not in known:
        files: dict[str, Any] = {}
        known[kind] = files, array.create(memory.MemoryStore(files), "shard", array.unit)
    return known[kind]


def fit_chunks(
    shape: tuple[int, int, int], chunks: tuple[int, ...] | None, shards: tuple[int, ...] | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return samples of a chunk and of a shard, not larger than a volume needs, and shards of whole chunks.

    Parameters
    ----------
    shape : (int, int, int)
        Of the volume.
    chunks : tuple of int, optional
        Samples of a chunk. Default: `CHUNKS`.
    shards : tuple of int, optional
        Samples of a shard, rounded up to whole chunks. Default: `SHARDS` chunks.
    """
    sizes = tuple(min(one, n) for one, n in zip(chunks or CHUNKS, shape, strict=True))
    wanted = shards or tuple(size * n for size, n in zip(sizes, SHARDS, strict=True))
    counts = (
        min(math.ceil(one / size), math.ceil(n / size)) for one, size, n in zip(wanted, sizes, shape, strict=True)
    )
    return sizes, tuple(size * n for size, n in zip(sizes, counts, strict=True))


def group_documents(
    arrays: Mapping[str, tuple[StoredArray, np.ndarray | None]], attrs: Mapping[str, Any]
) -> dict[str, bytes]:
    """Return the files of a group of arrays without their shards, and with the values of small arrays, by key.

    Parameters
    ----------
    arrays : mapping
        Arrays by name, with the values of those that are written at once.
    attrs : mapping
        Attributes of the group.
    """
    zarr = require_extra("zarr", "volumes", "Writing Zarr")
    memory = require_extra("zarr.storage", "volumes", "Writing Zarr")
    files: dict[str, Any] = {}
    store = memory.MemoryStore(files)
    zarr.create_group(store, attributes=dict(attrs))
    for name, (array, values) in arrays.items():
        made = array.create(store, name, array.shape)
        if values is not None:
            made[...] = values
    return {key: content.to_bytes() for key, content in files.items()}


def put_group(store: Store, documents: Mapping[str, bytes]) -> None:
    """Write the files of a group, its own metadata last, so that it is not opened before it is whole."""
    for key in sorted(documents, key=lambda key: (key == "zarr.json", key)):
        store.put(key, documents[key])
