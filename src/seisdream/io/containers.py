"""The arrays of a file by name, unread: NumPy, Zarr, MDIO, NetCDF, HDF5 and MATLAB."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.axes import axis_named
from seisdream.io.contents import Contents
from seisdream.io.matlab import read_matlab
from seisdream.io.netcdf import open_netcdf
from seisdream.io.texts import check_regular
from seisdream.io.zarr_store import has_zarr, open_zarr

AnyPath = str | os.PathLike[str]

# An array inside an .npz is unpacked whole; larger ones belong in .npy or Zarr, which are read in part.
_MAX_UNPACKED_BYTES = 4 * 2**30
# The best ratio of deflate; an array that declares more than this is not in the file.
_BEST_COMPRESSION = 1040


@contextmanager
def opened(path: AnyPath) -> Iterator[Contents]:
    """Open a file of arrays and yield its contents, which can be read until the block ends.

    Parameters
    ----------
    path : path
        ``.npy``, ``.npz``, a Zarr or MDIO folder (or a ZIP of one), NetCDF, HDF5 or MATLAB.

    Raises
    ------
    SeisdreamError
        If the file does not exist, has pickled objects, keeps arrays in other files, is damaged or truncated, declares
        more than its size can hold, or its format needs an extra that is not installed.
    """
    with _explaining_damage(path), _reader_of(Path(path))(Path(path)) as contents:
        yield contents


@contextmanager
def opened_numpy(path: AnyPath) -> Iterator[dict[str, Any]]:
    """Open an ``.npz`` or ``.npy`` and yield its arrays by name, which are read when they are indexed.

    The one array of an ``.npy`` has no name, and is mapped.

    Raises
    ------
    SeisdreamError
        As for `opened`.
    """
    with _explaining_damage(path):
        if Path(path).suffix.lower() != ".npz":
            yield {"": np.lib.format.open_memmap(path, mode="r")}
            return
        with zipfile.ZipFile(path) as archive:
            yield {name: _PackedArray(archive, member, Path(path)) for name, member in _members(archive)}


def read_npy(path: AnyPath) -> np.ndarray:
    """Return the array of an ``.npy``, mapped; raise `SeisdreamError` where it is damaged or no plain array."""
    with opened_numpy(path) as arrays:
        return arrays[""]


@contextmanager
def _explaining_damage(path: AnyPath) -> Iterator[None]:
    try:
        check_regular(path)
        yield
    except SeisdreamError:
        raise
    except FileNotFoundError as error:
        raise SeisdreamError(f"There is no file {path}; check the path.", code="not-found") from error
    except MemoryError as error:
        raise SeisdreamError(
            f"{path} declares more than there is memory for: it is damaged, or too large; save a part of it.",
            code="too-large",
        ) from error
    except Exception as error:
        # A decoder can raise almost anything on arbitrary bytes.
        is_pickled = "pickle" in str(error) or "Python objects" in str(error)
        hint = "it is damaged, truncated, or its ending names another format; save or copy it again"
        if is_pickled:
            hint = "it has pickled Python objects, which can run code and are never loaded; save numbers"
        raise SeisdreamError(
            f"{path} cannot be read: {hint} ({error}).", code="untrusted" if is_pickled else "unreadable"
        ) from error


def _reader_of(path: Path):
    if path.suffix == ".npy":
        return _open_npy
    if path.suffix == ".npz":
        return _open_npz
    if path.suffix.lower() == ".mat":
        return _open_matlab
    if path.suffix.lower() == ".zip" and not has_zarr(path):
        raise SeisdreamError(f"{path} is a ZIP archive without a Zarr store in it; unpack it first.", code="unreadable")
    if path.is_dir() or path.name.lower().endswith((".zarr", ".mdio", ".zip")):
        return open_zarr
    return open_netcdf


@contextmanager
def _open_npy(path: Path) -> Iterator[Contents]:
    # Mapped, not read: numpy compares the declared shape with the size of the file before it allocates memory.
    yield Contents("npy", arrays={"": np.lib.format.open_memmap(path, mode="r")})


@contextmanager
def _open_npz(path: Path) -> Iterator[Contents]:
    contents = Contents("npz")
    with zipfile.ZipFile(path) as archive:
        for name, member in _members(archive):
            contents.add(name, _PackedArray(archive, member, path))
        yield contents


@contextmanager
def _open_matlab(path: Path) -> Iterator[Contents]:
    """Open a MATLAB file: HDF5 since version 7.3, otherwise a format of its own."""
    contents = Contents("MATLAB")
    with open(path, "rb") as file:
        head = file.read(116)
    if head.startswith(b"MATLAB 7.3") or head[:8] == b"\x89HDF\r\n\x1a\n":
        with open_netcdf(path) as stored:
            for name, array in stored.arrays.items():
                # HDF5 has the last axis fastest, MATLAB the first, so axes are reversed.
                _add_matlab(contents, name, tuple(reversed(array.shape)), _Reversed(array))
            yield contents
        return
    for name, array in read_matlab(path, _MAX_UNPACKED_BYTES).items():
        _add_matlab(contents, name, array.shape, array)
    yield contents


def _add_matlab(contents: Contents, name: str, shape: tuple[int, ...], array: Any) -> None:
    """Add an array, or a vector, which MATLAB stores with a second axis of length 1."""
    is_vector = len(shape) == 2 and min(shape) == 1
    contents.add(name, np.ravel(array[:]) if is_vector and axis_named(name) else array)


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Yield the arrays of an ``.npz`` by name."""
    for member in archive.infolist():
        if member.filename.endswith(".npy"):
            yield member.filename.removesuffix(".npy"), member


class _PackedArray:
    """An array inside an .npz; only its header is read until it is indexed."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path):
        self._archive, self._member, self._path = archive, member, path
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version)
            if read_header is None:
                raise SeisdreamError(
                    f"{path}: {member.filename} is not a plain array (format {version}).", code="not-supported"
                )
            self.shape, _, self.dtype = read_header(file)

    def __getitem__(self, indices: Any) -> np.ndarray:
        n_bytes = int(np.prod([*self.shape, self.dtype.itemsize], dtype=object))
        what = f"{self._path}: {self._member.filename} declares {self.shape}, {n_bytes:,} bytes"
        if n_bytes > _BEST_COMPRESSION * max(self._member.compress_size, 1) + 4096:
            raise SeisdreamError(
                f"{what}, more than its {self._member.compress_size:,} packed bytes can hold; it is damaged.",
                code="corrupt",
            )
        if n_bytes > _MAX_UNPACKED_BYTES:
            raise SeisdreamError(
                f"{what}, too much to unpack; save it as .npy or Zarr, which are read in part.", code="too-large"
            )
        with self._archive.open(self._member) as file:
            return np.lib.format.read_array(file, allow_pickle=False)[indices]


class _Reversed:
    """An array with its axes reversed, read where it is indexed."""

    def __init__(self, array: Any):
        self._array, self.shape, self.dtype = array, tuple(reversed(array.shape)), array.dtype

    def __getitem__(self, indices: Any) -> np.ndarray:
        parts = indices if isinstance(indices, tuple) else (indices,)
        parts = (*parts, *(slice(None) for _ in self.shape[len(parts) :]))
        return np.asarray(self._array[tuple(reversed(parts))]).T
