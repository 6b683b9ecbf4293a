"""What array files hold, by name and unread: NumPy, Zarr, NetCDF and HDF5."""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.axes import axis_named

AnyPath = str | os.PathLike[str]

# An array inside an .npz is unpacked whole; larger ones belong into .npy or Zarr, which are read in part.
MAX_UNPACKED_BYTES = 4 * 2**30
# The best that deflate can do; an array that claims more from its packed bytes is not there.
_BEST_COMPRESSION = 1040
_MAX_COORDINATE_LENGTH = 10_000_000


@dataclass
class Contents:
    """The arrays of a file.

    Attributes
    ----------
    format : str
        Name of the file format.
    arrays : dict
        By name, whatever has ``shape``, ``dtype`` and reads the part that is asked for by ``array[indices]``.
    dims : dict
        The names of an array's axes, for those whose file states them.
    coords : dict
        One-dimensional numbers along an axis, by the axis's name; times in ms.
    """

    format: str
    arrays: dict[str, Any] = field(default_factory=dict)
    dims: dict[str, tuple[str, ...]] = field(default_factory=dict)
    coords: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, name: str, array: Any, dims: tuple[str, ...] | None = None) -> None:
        """Take up an array, or the numbers along an axis."""
        axis = axis_named(name)
        if len(array.shape) == 1 and axis and array.shape[0] <= _MAX_COORDINATE_LENGTH:
            numbers = np.asarray(array[:])
            if numbers.dtype.kind in "fiu" and np.isfinite(numbers).all():
                attrs = getattr(array, "attrs", {})
                self.coords[axis] = _in_ms(numbers, name, attrs) if axis == "time" else numbers
        elif len(array.shape) >= 2:
            self.arrays[name] = array
            if dims:
                self.dims[name] = tuple(axis_named(dim) or dim for dim in dims)


@contextmanager
def opened(path: AnyPath) -> Iterator[Contents]:
    """Open a file of arrays and give its contents, which can be read until the block ends.

    Parameters
    ----------
    path : path
        ``.npy``, ``.npz``, a Zarr folder (or a ZIP of one), NetCDF or HDF5.

    Raises
    ------
    SeisdreamError
        If the file is not there, holds pickled objects, is damaged or truncated, or declares more than its
        size can hold.
    """
    if not Path(path).exists():
        raise SeisdreamError(f"There is no file {path}.")
    try:
        with _reader_of(Path(path))(Path(path)) as contents:
            yield contents
    except (SeisdreamError, MemoryError):
        raise
    except Exception as error:
        # A decoder that meets arbitrary bytes raises nearly anything.
        hint = "it is damaged, truncated, or of another format than its name says; save or copy it again"
        if "pickle" in str(error) or "Python object" in str(error):
            hint = "it holds pickled Python objects, which can run code and are never loaded; save numbers"
        raise SeisdreamError(f"{path} cannot be read: {hint} ({error}).") from error


def _reader_of(path: Path):
    if path.suffix == ".npy":
        return _open_npy
    if path.suffix == ".npz":
        return _open_npz
    if path.is_dir() or path.name.lower().endswith((".zarr", ".zarr.zip")):
        return _open_zarr
    return _open_netcdf


@contextmanager
def _open_npy(path: Path) -> Iterator[Contents]:
    # Mapped, not read: numpy compares the header's shape with the file's size before anything is allocated.
    yield Contents("npy", arrays={"": np.lib.format.open_memmap(path, mode="r")})


@contextmanager
def _open_npz(path: Path) -> Iterator[Contents]:
    contents = Contents("npz")
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename.endswith(".npy"):
                contents.add(member.filename.removesuffix(".npy"), _PackedArray(archive, member, path))
        yield contents


class _PackedArray:
    """An array inside an .npz of which only the header is read, until it is indexed."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path):
        self._archive, self._member, self._path = archive, member, path
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version)
            if read_header is None:
                raise SeisdreamError(f"{path}: {member.filename} is no plain array (format {version}).")
            self.shape, _, self.dtype = read_header(file)

    def __getitem__(self, indices: Any) -> np.ndarray:
        n_bytes = int(np.prod([*self.shape, self.dtype.itemsize], dtype=object))
        what = f"{self._path}: {self._member.filename} declares {self.shape}, {n_bytes:,} bytes"
        if n_bytes > _BEST_COMPRESSION * max(self._member.compress_size, 1) + 4096:
            raise SeisdreamError(f"{what}, more than its {self._member.compress_size:,} packed bytes can hold.")
        if n_bytes > MAX_UNPACKED_BYTES:
            raise SeisdreamError(f"{what}, too much to unpack; save it as .npy or Zarr, which are read in part.")
        with self._archive.open(self._member) as file:
            return np.lib.format.read_array(file, allow_pickle=False)[indices]


@contextmanager
def _open_zarr(path: Path) -> Iterator[Contents]:
    # Here, not above: it takes a second to import, and most inputs are of other formats.
    import zarr
    import zarr.storage

    contents = Contents("Zarr")
    store: Any = zarr.storage.ZipStore(path, mode="r") if path.is_file() else str(path)
    try:
        node = zarr.open(store, mode="r")
        if isinstance(node, zarr.Array):
            contents.add("", node)
        elif (dataset := _as_dataset(store, engine="zarr", consolidated=False)) is not None:
            _add_dataset(contents, dataset)
        else:
            for name, array in node.arrays():
                contents.add(name, array)
        yield contents
    finally:
        if path.is_file():
            store.close()


@contextmanager
def _open_netcdf(path: Path) -> Iterator[Contents]:
    with open(path, "rb") as file:
        is_classic = file.read(3) == b"CDF"
    options = {"engine": "scipy"} if is_classic else {"engine": "h5netcdf", "phony_dims": "sort"}
    contents = Contents("NetCDF" if path.suffix in (".nc", ".nc4") else "HDF5")
    with _open_dataset(path, **options) as dataset:
        _add_dataset(contents, dataset)
        yield contents


def _open_dataset(store: Any, **options: Any) -> xr.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Times stay numbers: seismic time is no date.
        return xr.open_dataset(store, chunks=None, decode_times=False, decode_timedelta=False, **options)


def _as_dataset(store: Any, **options: Any) -> xr.Dataset | None:
    """Open a group that says what its axes are called; return None for any other group."""
    try:
        return _open_dataset(store, **options)
    except (KeyError, ValueError, AttributeError):
        return None


def _add_dataset(contents: Contents, dataset: xr.Dataset) -> None:
    for name, variable in dataset.variables.items():
        dims = tuple(str(dim) for dim in variable.dims)
        is_named = not any(dim.startswith("phony_dim") for dim in dims)
        contents.add(str(name), dataset[name], dims if is_named else None)


def _in_ms(times: np.ndarray, name: str, attrs: Any) -> np.ndarray:
    """Return times in ms, of which the file says (or their name) that they are in seconds."""
    units = str(attrs.get("units", "s" if name.lower().endswith("_s") else "ms")).lower()
    return times * 1000.0 if units in ("s", "sec", "second", "seconds") else times
