"""Results of a volume as a Zarr store: one variable for each quantity, written shard by shard, each shard once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.io.stores import MADE_BY, Store, open_store
from seisdream.io.zarr_arrays import StoredArray, fit_chunks, group_documents, put_group
from seisdream.seismic.volumes import Box, Volume

MARKER = "job.json"
"""File of the folder of a job with its settings and provenance."""


class ResultStore:
    """A store of results with the geometry of a volume; make one with `create_result`, open it with `open_result`.

    Any number of processes write to a store at once, each of them other shards: a shard is encoded whole and put in its
    place in one step.

    Parameters
    ----------
    source : path or URL
        Where it is.
    arrays : mapping
        The variables by name.
    """

    def __init__(self, source: str, arrays: Mapping[str, StoredArray]):
        self.source, self._arrays = source, dict(arrays)
        self._files: Store = open_store(source)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables."""
        return tuple(self._arrays)

    def array(self, variable: str) -> StoredArray:
        """Return shape, type, chunks and shards of a variable."""
        if variable not in self._arrays:
            raise SeisdreamError(
                f"{self.source} has no variable '{variable}'; it has {', '.join(sorted(self._arrays))}.",
                code="unknown-name",
                option="variable",
            )
        return self._arrays[variable]

    def shard_grid(self, variable: str) -> tuple[int, int, int]:
        """Return the numbers of shards of a variable along inline, crossline and time."""
        first, second, third = self.array(variable).grid
        return first, second, third

    def shard_box(self, variable: str, index: Sequence[int]) -> Box:
        """Return the samples of a shard within the volume."""
        first, second, third = self.array(variable).slices(tuple(index))
        return first, second, third

    def write_shard(self, variable: str, index: Sequence[int], values: np.ndarray) -> str:
        """Write a whole shard, in place of an earlier one.

        Parameters
        ----------
        variable : str
            Name of the variable.
        index : sequence of int
            Of the shard along inline, crossline and time, from 0.
        values : array ``(inline, crossline, time)``
            All samples of `shard_box`.

        Returns
        -------
        str
            SHA-256 of the file.

        Raises
        ------
        SeisdreamError
            If the values do not have the shape of the shard (``wrong-shape``), there is no such shard
            (``out-of-range``), or it cannot be written (``write-failed``).
        """
        array, at = self.array(variable), self._checked(variable, index)
        values = np.asarray(values)
        expected = tuple(one.stop - one.start for one in array.slices(at))
        if values.shape != expected:
            raise SeisdreamError(
                f"Shard {at} of '{variable}' has the shape {expected}; got {values.shape}.", code="wrong-shape"
            )
        content = array.encode(values)
        self._files.put(array.key(at), content)
        return sha256(content).hexdigest()

    def keys(self) -> set[str]:
        """Return the keys of all files."""
        return {key for key, *_ in self._files.listing()}

    def shard_digest(self, variable: str, index: Sequence[int]) -> str | None:
        """Return the SHA-256 of a shard's file; None if it was not written."""
        return digest_of(self._files, self.array(variable).key(self._checked(variable, index)))

    def digest_geometry(self) -> dict[str, str]:
        """Return the SHA-256 of each file that is no shard: metadata, coordinates and the mask of traces."""
        shards = tuple(f"{name}/c/" for name in self._arrays)
        keys = [key for key, *_ in self._files.listing() if not key.startswith(shards)]
        return {key: digest for key in keys if (digest := digest_of(self._files, key))}

    def put_attributes(self, attrs: Mapping[str, Any], variable: str = "") -> None:
        """Add attributes to the store, or to one of its variables.

        Parameters
        ----------
        attrs : mapping
            Anything that JSON holds.
        variable : str, optional
            Name of a variable. Default: the store itself.
        """
        key = f"{variable}/zarr.json" if variable else "zarr.json"
        content = self._files.get(key)
        if content is None:
            raise SeisdreamError(f"{self.source} has no {key}; it is no complete store.", code="corrupt")
        known = json.loads(content)
        known["attributes"] = known.get("attributes", {}) | dict(attrs)
        self._files.put(key, json.dumps(known, indent=2).encode())

    def _checked(self, variable: str, index: Sequence[int]) -> tuple[int, ...]:
        at, grid = tuple(int(one) for one in index), self.array(variable).grid
        if len(at) != len(grid) or not all(0 <= one < n for one, n in zip(at, grid, strict=True)):
            raise SeisdreamError(
                f"'{variable}' has no shard {at}; it has {' × '.join(map(str, grid))} shards.", code="out-of-range"
            )
        return at


def digest_of(files: Store, key: str) -> str | None:
    """Return the SHA-256 of a file of a store; None if there is none."""
    content = files.get(key)
    return None if content is None else sha256(content).hexdigest()


def create_result(
    path: str | os.PathLike[str],
    like: Volume,
    variables: Mapping[str, Any],
    *,
    chunks: Sequence[int] | None = None,
    shards: Sequence[int] | None = None,
    attrs: Mapping[str, Any] | None = None,
    variable_attrs: Mapping[str, Mapping[str, Any]] | None = None,
    force: bool = False,
) -> ResultStore:
    """Make a store with the geometry of a volume and without samples.

    It is opened by `xarray.open_zarr`: variables ``(inline, crossline, time)`` with the coordinates of the volume,
    ``cdp_x`` and ``cdp_y`` if it has any, and ``trace_mask``. Samples that are not written are NaN, −1 in signed
    integers and the largest number in unsigned ones.

    Parameters
    ----------
    path : path or URL
        The folder, or a URL that fsspec opens.
    like : Volume
        The volume.
    variables : mapping of str to dtype
        Types of the variables by name.
    chunks, shards : sequence of int, optional
        Samples of a chunk and of a shard along inline, crossline and time. Default: 64 samples, and 128 × 128 × 256.
    attrs : mapping, optional
        Attributes of the store. ``segy_line`` and ``segy_title`` are for the text header of an export; see
        `seisdream.volumes.export.export`.
    variable_attrs : mapping, optional
        Attributes of the variables by name.
    force : bool, default False
        Replace an earlier store.

    Returns
    -------
    ResultStore

    Raises
    ------
    SeisdreamError
        If there are files already (``exists``, ``not-ours``), or they cannot be written.
    """
    sizes, units = fit_chunks(like.shape, tuple(chunks) if chunks else None, tuple(shards) if shards else None)
    own = variable_attrs or {}
    arrays = {
        name: StoredArray(name, like.shape, np.dtype(kind), like.dims, sizes, units, attrs=own.get(name, {}))
        for name, kind in variables.items()
    }
    source = os.fspath(path)
    files = open_store(source)
    clear(files, force=force)
    stored = geometry_of(like, arrays)
    put_geometry(files, stored, like, attrs or {})
    return ResultStore(source, {name: stored[name][0] for name in arrays})


Stored = dict[str, tuple[StoredArray, Any]]
"""Arrays of a store by name, with the values of those that are written with their metadata."""


def geometry_of(like: Volume, arrays: Mapping[str, StoredArray], small: Stored | None = None) -> Stored:
    """Return all arrays of a store: some, and those that state the geometry of a volume.

    Parameters
    ----------
    like : Volume
        The volume.
    arrays : mapping
        The arrays with samples, by name; they get the coordinates of the volume.
    small : mapping, optional
        Further arrays with their values.
    """
    lines = like.shape[:2]
    line_chunks = tuple(min(512, n) for n in lines)
    mask = StoredArray("trace_mask", lines, np.dtype(bool), like.dims[:2], line_chunks)
    stored: Stored = {"trace_mask": (mask, like.trace_mask), **(small or {})}
    for dim in like.dims:
        numbers = like.coords[dim]
        units = {"units": "ms" if dim == "time" else str(like.attrs.get("vertical_units", "m"))}
        kept = units if dim == like.dims[2] else {}
        stored[dim] = (StoredArray(dim, numbers.shape, numbers.dtype, (dim,), numbers.shape, attrs=kept), numbers)
    places = like.read_places(slice(0, 1), slice(0, 1))
    for name in places:
        stored[name] = (StoredArray(name, lines, np.dtype("f8"), like.dims[:2], line_chunks), None)
    # As xarray and MDIO name the coordinates that are no dimensions.
    coordinates = {"coordinates": " ".join(sorted(places))} if places else {}
    for name, array in arrays.items():
        stored[name] = (replace(array, attrs={**coordinates, **array.attrs}), None)
    return stored


def put_geometry(files: Store, stored: Stored, like: Volume, attrs: Mapping[str, Any]) -> None:
    """Write the metadata of a store and the geometry of a volume; from then on it can be opened.

    Parameters
    ----------
    files : Store
        Where to.
    stored : mapping
        As `geometry_of` returns it.
    like : Volume
        The volume.
    attrs : mapping
        Attributes of the store.
    """
    for array, _ in (stored[name] for name in ("cdp_x", "cdp_y") if name in stored):
        for index in array.indices():
            block = array.slices(index)
            files.put(array.key(index), array.encode(like.read_places(block[0], block[1])[array.name]))
    kept = {name: like.attrs[name] for name in ("credit", "licence") if name in like.attrs}
    put_group(files, group_documents(stored, {**kept, **MADE_BY, **attrs}))


def check_replaceable(files: Store, *, force: bool) -> None:
    """Raise if there are files, and `force` is not given (``exists``) or they are not ours (``not-ours``)."""
    if files.is_empty():
        return
    if not force:
        raise SeisdreamError(
            f"{files.source} exists; replace it with `force=True` or write to another place.",
            code="exists",
            option="out",
        )
    root = files.get("zarr.json")
    if root is None or json.loads(root).get("attributes", {}).get("made_by") != MADE_BY["made_by"]:
        raise SeisdreamError(
            f"{files.source} was not written by seisdream, so `force=True` does not delete it; write to another place, "
            "or remove it yourself.",
            code="not-ours",
            option="out",
        )


def clear(files: Store, *, force: bool) -> None:
    """Remove an earlier store that seisdream wrote; raise as `check_replaceable` does."""
    check_replaceable(files, force=force)
    files.remove()


def open_result(path: str | os.PathLike[str]) -> ResultStore:
    """Open a store that `create_result` made, to write its shards.

    Raises
    ------
    SeisdreamError
        If there is none (``not-found``).
    """
    source = os.fspath(path)
    arrays = {}
    for key, content in open_store(source).metadata().items():
        known = json.loads(content)
        if known.get("node_type") == "array" and len(known["shape"]) == 3:
            name = key.rpartition("/")[0]
            arrays[name] = _described(name, known)
    if not arrays:
        raise SeisdreamError(f"There is no store of results at {source}; check the path.", code="not-found")
    return ResultStore(source, arrays)


def _described(name: str, known: Mapping[str, Any]) -> StoredArray:
    """Return an array as its metadata describe it."""
    unit = tuple(known["chunk_grid"]["configuration"]["chunk_shape"])
    sharding = next((one for one in known["codecs"] if one["name"] == "sharding_indexed"), None)
    chunks = tuple(sharding["configuration"]["chunk_shape"]) if sharding else unit
    fill = known["fill_value"]
    return StoredArray(
        name,
        tuple(known["shape"]),
        np.dtype(known["data_type"]),
        tuple(known["dimension_names"]),
        chunks,
        unit if sharding else None,
        None if fill == "NaN" else fill,
        known.get("attributes", {}),
    )


def store_of_job(folder: str | os.PathLike[str], name: str) -> str:
    """Return the path or the URL of the result of a job.

    Parameters
    ----------
    folder : path
        Of the job.
    name : str
        Of the store in it, where the job does not state a URL.
    """
    marker = Path(folder) / MARKER
    record = json.loads(marker.read_text(encoding="utf-8")) if marker.is_file() else {}
    return record.get("identity", {}).get("volume_settings", {}).get("store") or os.path.abspath(Path(folder) / name)


def open_dataset_of_job(folder: str | os.PathLike[str], name: str) -> xr.Dataset:
    """Open the store of a job; what is used of it is read then.

    Parameters
    ----------
    folder : path
        Of the job.
    name : str
        Of the store in it.

    Raises
    ------
    SeisdreamError
        If there is none (``not-found``).
    """
    require_extra("zarr", "volumes", "Opening the result of a volume")
    store = open_store(store_of_job(folder, name))
    if store.is_empty():
        raise SeisdreamError(f"There is no {store.source}; give the folder of a volume job.", code="not-found")
    return xr.open_zarr(store.opened(), chunks=None, consolidated=False, mask_and_scale=False)
