"""Open NetCDF and HDF5 files as volumes that are read block by block."""

from __future__ import annotations

import os
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from seisdream.io.netcdf import open_netcdf_dataset
from seisdream.io.zarr_volumes import StoredVolume, variable_of


class NetcdfVolume(StoredVolume):
    """A volume of a file, which is opened again where it is unpickled; parameters are those of `StoredVolume`."""

    def is_unchanged(self) -> bool:
        """Return whether the file is still as it was when it was opened."""
        return _digest(self.source) == self._digest

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(open_netcdf_volume, self.source, **self.options), ()


def open_netcdf_volume(
    source: str | os.PathLike[str],
    *,
    variable: str | None = None,
    dt_ms: float | None = None,
    muted: str = "absent",
) -> NetcdfVolume:
    """Open a variable of a NetCDF or HDF5 file as a volume.

    Parameters
    ----------
    source : path
        The file.
    variable, dt_ms, muted
        As for `open_zarr_volume`.

    Raises
    ------
    SeisdreamError
        If the file holds no such volume.
    """
    name = os.fspath(source)
    dataset = open_netcdf_dataset(Path(name))
    return NetcdfVolume(dataset, variable_of(dataset, name, variable), name, _digest(name), dt_ms=dt_ms, muted=muted)


def _digest(source: str) -> str:
    """Return the hash of the size and the time of a file."""
    found = os.stat(source)
    return sha256(repr((found.st_size, found.st_mtime_ns)).encode()).hexdigest()
