"""The arrays of a file by name, unread: NumPy, Zarr, MDIO, NetCDF, HDF5 and MATLAB."""

from __future__ import annotations

import json
import os
import re
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
from seisdream.extras import require_extra
from seisdream.io.axes import axis_named
from seisdream.io.links import check_hdf5, check_zarr_links
from seisdream.io.matlab import read_matlab
from seisdream.io.texts import check_regular

AnyPath = str | os.PathLike[str]

# An array inside an .npz is unpacked whole; larger ones belong in .npy or Zarr, which are read in part.
MAX_UNPACKED_BYTES = 4 * 2**30
# The best ratio of deflate; an array that declares more than this is not in the file.
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
        Arrays by name, with ``shape`` and ``dtype``; ``array[indices]`` reads only that part.
    dims : dict
        Axis names of an array, if the file has them.
    coords : dict
        Coordinates by axis name; times in ms.
    """

    format: str
    arrays: dict[str, Any] = field(default_factory=dict)
    dims: dict[str, tuple[str, ...]] = field(default_factory=dict)
    coords: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, name: str, array: Any, dims: tuple[str, ...] | None = None) -> None:
        """Add an array, or the coordinates of an axis."""
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
    if path.is_dir() or path.name.lower().endswith((".zarr", ".mdio", ".zarr.zip")):
        return _open_zarr
    return _open_netcdf


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
        if n_bytes > MAX_UNPACKED_BYTES:
            raise SeisdreamError(
                f"{what}, too much to unpack; save it as .npy or Zarr, which are read in part.", code="too-large"
            )
        with self._archive.open(self._member) as file:
            return np.lib.format.read_array(file, allow_pickle=False)[indices]


@contextmanager
def _open_zarr(path: Path) -> Iterator[Contents]:
    zarr = require_extra("zarr", "formats", "Opening Zarr")
    require_extra("zarr.storage", "formats", "Opening Zarr")
    if path.is_dir():
        check_zarr_links(path)
    _check_zarr_metadata(path)
    contents = Contents("Zarr")
    store: Any = zarr.storage.ZipStore(path, mode="r") if path.is_file() else str(path)
    try:
        node = zarr.open(store, mode="r", use_consolidated=False)
        if isinstance(node, zarr.Array):
            contents.add("", node)
        elif "dimension" in node.attrs and "data" in node:
            _add_mdio(contents, node)
        elif (
            dataset := _as_dataset(
                store,
                engine="zarr",
                consolidated=False,
                drop_variables=_records(node),
                # The fill value of MDIO, 0, is an amplitude and a line number too.
                mask_and_scale=path.suffix.lower() != ".mdio",
            )
        ) is not None:
            _add_dataset(contents, dataset)
        else:
            for name, array in node.arrays():
                contents.add(name, array)
        yield contents
    finally:
        if path.is_file():
            store.close()


def _records(node: Any) -> list[str]:
    """Return the arrays of records, such as the trace headers of MDIO, which are not numbers."""
    return [name for name, array in node.arrays() if array.dtype.kind == "V"]


def _add_mdio(contents: Contents, node: Any) -> None:
    """Add the arrays of an MDIO store before version 1, whose axes are named in the attributes of its root."""
    contents.format = "MDIO"
    axes = [(str(one["name"]), np.asarray(one["coords"])) for one in node.attrs["dimension"]]
    for name, numbers in axes:
        contents.add(name, numbers)
    for name, array in node["data"].arrays():
        contents.add(name, array, tuple(axis for axis, _ in axes) if array.ndim == len(axes) else None)


_ZARR_METADATA_NAMES = (".zarray", "zarr.json")
_PLAIN_V2_DTYPE = re.compile(r"[<>|][biufcmMSU]\d+(\[[a-zA-Z0-9]+\])?")
_PLAIN_V3_DTYPE = re.compile(
    r"bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)|r\d+|string|variable_length_utf8|fixed_length_utf32"
    r"|null_terminated_bytes|numpy\.(datetime64|timedelta64)"
)
_PLAIN_CODECS = {
    "bytes", "endian", "transpose", "sharding_indexed", "vlen-utf8", "blosc", "zstd", "gzip", "zlib", "bz2", "lzma",
    "lz4", "shuffle", "delta", "fixedscaleoffset", "quantize", "bitround", "crc32", "crc32c", "adler32", "fletcher32",
}  # fmt: skip


def _check_zarr_metadata(path: Path) -> None:
    """Raise if the type or the codecs of an array could run code, before Zarr or xarray read anything.

    Only the root, its direct children and those of ``data`` are ever opened, so only their metadata are checked.
    """
    if path.is_dir():
        parents = [path, *([path / "data"] if (path / "data").is_dir() else [])]
        folders = [path, *(child for parent in parents for child in parent.iterdir() if child.is_dir())]
        files = [folder / name for folder in folders for name in _ZARR_METADATA_NAMES]
        documents = {str(file.relative_to(path)): file.read_bytes() for file in files if file.is_file()}
    else:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.count("/") <= 1 + name.startswith("data/")]
            documents = {name: archive.read(name) for name in names if name.endswith(_ZARR_METADATA_NAMES)}
    for name, text in documents.items():
        _check_zarr_node(json.loads(text), f"{path} ({name})")


def _check_zarr_node(node: dict[str, Any], where: str) -> None:
    """Check the metadata of a Zarr array, version 2 or 3, or of a group and the arrays in its consolidated metadata."""
    for name, child in ((node.get("consolidated_metadata") or {}).get("metadata") or {}).items():
        _check_zarr_node(child, f"{where}: {name}")
    if node.get("node_type") == "array":
        dtype, codecs = node["data_type"], node["codecs"]
        is_plain = _is_plain_record(dtype, _PLAIN_V3_DTYPE)
    elif "dtype" in node:
        dtype, filters = node["dtype"], node.get("filters") or []
        codecs = [*filters, *([node["compressor"]] if node.get("compressor") else [])]
        is_text = dtype == "|O" and [one.get("id") for one in filters] == ["vlen-utf8"]
        is_plain = is_text or _is_plain_record(dtype, _PLAIN_V2_DTYPE)
    else:
        return
    if not is_plain:
        raise SeisdreamError(
            f"{where} has the data type {dtype}; expected numbers or text. Reading arrays of Python objects can run "
            "code, so they are never read; save the array as numbers.",
            code="untrusted",
        )
    _check_zarr_codecs(codecs, where)


def _is_plain_record(dtype: Any, plain: re.Pattern[str]) -> bool:
    """Return whether a Zarr type is of numbers or text, or a record of named fields of these, such as trace headers."""
    fields: Any = dtype if isinstance(dtype, list) else None
    if isinstance(dtype, dict):
        if dtype["name"] in ("structured", "struct"):
            fields = dtype["configuration"]["fields"]
        else:
            dtype = dtype["name"]
    if fields is None:
        return bool(plain.fullmatch(str(dtype)))
    kinds = [one["data_type"] if isinstance(one, dict) else one[1] for one in fields]
    return all(_is_plain_record(kind, plain) for kind in kinds)


def _check_zarr_codecs(codecs: list[Any], where: str) -> None:
    for codec in codecs:
        name, settings = (codec, {}) if isinstance(codec, str) else (codec.get("id") or codec["name"], codec)
        settings = settings | (settings.get("configuration") or {})
        if str(name).removeprefix("numcodecs.") not in _PLAIN_CODECS:
            raise SeisdreamError(
                f"{where} uses the codec '{name}', which is not supported, because some codecs can run code; "
                f"save the array with one of {', '.join(sorted(_PLAIN_CODECS))}.",
                code="untrusted",
            )
        for key in ("dtype", "astype"):
            if key in settings and not _PLAIN_V2_DTYPE.fullmatch(str(settings[key])):
                raise SeisdreamError(
                    f"{where}: the codec '{name}' has the {key} {settings[key]}; expected a type of numbers.",
                    code="untrusted",
                )
        _check_zarr_codecs([*settings.get("codecs", ()), *settings.get("index_codecs", ())], where)


@contextmanager
def _open_netcdf(path: Path) -> Iterator[Contents]:
    with open(path, "rb") as file:
        is_classic = file.read(3) == b"CDF"
    if not is_classic:
        h5netcdf = require_extra("h5netcdf", "formats", "Opening NetCDF 4 and HDF5")
        check_hdf5(path)
        # A damaged file fails before h5netcdf knows this, and a traceback would be printed when it is collected.
        h5netcdf.File._writable = False
    options = {"engine": "scipy"} if is_classic else {"engine": "h5netcdf", "phony_dims": "sort"}
    contents = Contents("NetCDF" if path.suffix in (".nc", ".nc4") else "HDF5")
    with _open_dataset(path, **options) as dataset:
        _add_dataset(contents, dataset)
        yield contents


@contextmanager
def _open_matlab(path: Path) -> Iterator[Contents]:
    """Open a MATLAB file: HDF5 since version 7.3, otherwise a format of its own."""
    contents = Contents("MATLAB")
    with open(path, "rb") as file:
        head = file.read(116)
    if head.startswith(b"MATLAB 7.3") or head[:8] == b"\x89HDF\r\n\x1a\n":
        with _open_netcdf(path) as stored:
            for name, array in stored.arrays.items():
                # HDF5 has the last axis fastest, MATLAB the first, so axes are reversed.
                _add_matlab(contents, name, tuple(reversed(array.shape)), _Reversed(array))
            yield contents
        return
    for name, array in read_matlab(path, MAX_UNPACKED_BYTES).items():
        _add_matlab(contents, name, array.shape, array)
    yield contents


def _add_matlab(contents: Contents, name: str, shape: tuple[int, ...], array: Any) -> None:
    """Add an array, or a vector, which MATLAB stores with a second axis of length 1."""
    is_vector = len(shape) == 2 and min(shape) == 1
    contents.add(name, np.ravel(array[:]) if is_vector and axis_named(name) else array)


class _Reversed:
    """An array with its axes reversed, read where it is indexed."""

    def __init__(self, array: Any):
        self._array, self.shape, self.dtype = array, tuple(reversed(array.shape)), array.dtype

    def __getitem__(self, indices: Any) -> np.ndarray:
        parts = indices if isinstance(indices, tuple) else (indices,)
        parts = (*parts, *(slice(None) for _ in self.shape[len(parts) :]))
        return np.asarray(self._array[tuple(reversed(parts))]).T


def _open_dataset(store: Any, **options: Any) -> xr.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Times stay numbers: seismic time is not a date.
        return xr.open_dataset(store, chunks=None, decode_times=False, decode_timedelta=False, **options)


def _as_dataset(store: Any, **options: Any) -> xr.Dataset | None:
    """Open a group that names its axes; return None for any other group."""
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
    """Return times in ms; they are in seconds according to their units, or to the name of the axis."""
    units = str(attrs.get("units", "s" if name.lower().endswith("_s") else "ms")).lower()
    return times * 1000.0 if units in ("s", "sec", "second", "seconds") else times
