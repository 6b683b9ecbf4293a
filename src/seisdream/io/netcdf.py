"""Open NetCDF and HDF5 files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import xarray as xr

from seisdream.extras import require_extra
from seisdream.io.contents import Contents
from seisdream.io.links import check_hdf5


def is_netcdf(path: Path) -> bool:
    """Return whether a file is NetCDF or HDF5, by its first bytes."""
    with open(path, "rb") as file:
        return file.read(4).startswith((b"CDF", b"\x89HDF"))


def open_netcdf_dataset(path: Path, group: str | None = None) -> xr.Dataset:
    """Open a NetCDF or HDF5 file, or a group of it, as a dataset of xarray, unread."""
    if _is_classic(path):
        return open_dataset(path, engine="scipy")
    h5netcdf = require_extra("h5netcdf", "formats", "Opening NetCDF 4 and HDF5")
    check_hdf5(path)
    # A damaged file fails before h5netcdf knows this, and a traceback would be printed when it is collected.
    h5netcdf.File._writable = False
    return open_dataset(path, engine="h5netcdf", phony_dims="sort", group=group)


def _is_classic(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(3) == b"CDF"


@contextmanager
def open_netcdf(path: Path) -> Iterator[Contents]:
    """Open a NetCDF or HDF5 file, also one whose arrays lie in groups."""
    contents = Contents("NetCDF" if path.suffix in (".nc", ".nc4", ".seisnc") else "HDF5")
    with ExitStack() as stack:
        add_dataset(contents, stack.enter_context(open_netcdf_dataset(path)))
        if not contents.arrays and not _is_classic(path):
            groups = _groups_with_arrays(path)
            for group in groups:
                dataset = stack.enter_context(open_netcdf_dataset(path, group))
                # Line numbers and times of several groups cannot be distinguished.
                add_dataset(contents, dataset, prefix=f"{group}/", with_coords=len(groups) == 1)
        yield contents


def _groups_with_arrays(path: Path) -> list[str]:
    """Return the groups of an HDF5 file that hold arrays of two axes or more."""
    h5py = require_extra("h5py", "formats", "Opening HDF5")
    found: list[str] = []

    def add_group(name: str, item: Any) -> None:
        group = name.rpartition("/")[0]
        if len(getattr(item, "shape", ())) > 1 and group not in found:
            found.append(group)

    with h5py.File(path, "r") as file:
        file.visititems(add_group)
    return found


def open_dataset(store: Any, **options: Any) -> xr.Dataset:
    """Open a dataset of xarray, unread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Times stay numbers: seismic time is not a date.
        return xr.open_dataset(store, chunks=None, decode_times=False, decode_timedelta=False, **options)


def add_dataset(contents: Contents, dataset: xr.Dataset, *, prefix: str = "", with_coords: bool = True) -> None:
    """Add the arrays of a dataset, their names after a prefix, and the numbers along their axes."""
    for name, variable in dataset.variables.items():
        if len(variable.dims) < 2:
            if with_coords:
                contents.add(str(name), dataset[name])
            continue
        dims = tuple(str(dim) for dim in variable.dims)
        is_named = not any(dim.startswith("phony_dim") for dim in dims)
        contents.add(prefix + str(name), dataset[name], dims if is_named else None)
