"""Open a volume of any kind, to be read block by block."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError, unknown_argument
from seisdream.io.array_volumes import ArrayVolume
from seisdream.io.inputs import find_segy, open_segy_volume
from seisdream.io.netcdf import is_netcdf
from seisdream.io.netcdf_volumes import open_netcdf_volume
from seisdream.io.stores import is_url
from seisdream.io.zarr_store import is_zarr_folder
from seisdream.io.zarr_volumes import open_zarr_volume
from seisdream.seismic.volumes import Volume

__all__ = ["Volume", "open_volume"]

_ARRAY_OPTIONS = ("dt_ms", "muted")
_STORE_OPTIONS = ("variable", *_ARRAY_OPTIONS)


def open_volume(source: Any, **options: Any) -> Volume:
    """Open a volume, whose blocks are read when they are needed.

    Parameters
    ----------
    source : path, URL, DataArray, Dataset or array
        A 3-D survey in SEG-Y or Seismic Unix; a Zarr store, also of MDIO v1, in a folder or at a URL that fsspec opens,
        such as ``s3://bucket/survey.zarr``; a NetCDF file; a DataArray or Dataset of xarray, in memory, of dask or
        unread; or an array ``(inline, crossline, time)``.
    **options
        For SEG-Y as for `open_section`: ``dt_ms``, ``nan``, ``undefined``, ``muted``, ``vertical``, ``inline_byte``,
        ``crossline_byte``, ``endian``, ``encoding``, ``sample_format``. For all others ``dt_ms`` (needed for an array
        without times) and ``muted``; for stores, NetCDF and datasets also ``variable``, its name.

    Returns
    -------
    Volume
        With ``dims``, ``shape``, ``coords``, ``read(inlines, crosslines, samples)``, ``open(inline)``,
        ``trace_mask`` and ``statistics``.

    Raises
    ------
    SeisdreamError
        If the source is no volume, or an option does not apply to it.

    Examples
    --------
    >>> volume = open_volume(np.random.default_rng(0).normal(size=(4, 5, 20)), dt_ms=4.0)
    >>> volume.dims, volume.read(slice(0, 2)).shape
    (('inline', 'crossline', 'time'), (2, 5, 20))
    """
    options = {name: value for name, value in options.items() if value is not None}
    if isinstance(source, Volume):
        return source
    if isinstance(source, xr.Dataset):
        _check(options, _STORE_OPTIONS)
        return _of_dataset(source, **options)
    if isinstance(source, xr.DataArray):
        _check(options, _ARRAY_OPTIONS)
        return ArrayVolume(source, **options)
    if not isinstance(source, str | os.PathLike):
        _check(options, _ARRAY_OPTIONS)
        return ArrayVolume(_labelled(source), **options)
    name = os.fspath(source)
    if is_url(name) or (os.path.isdir(name) and is_zarr_folder(name)):
        _check(options, _STORE_OPTIONS)
        return open_zarr_volume(name, **options)
    if not name.startswith("sample:") and not os.path.exists(name):
        raise SeisdreamError(f"There is no file {name}; check the path.", code="not-found", option="source")
    if find_segy(name) is None:
        if os.path.isfile(name) and is_netcdf(Path(name)):
            _check(options, _STORE_OPTIONS)
            return open_netcdf_volume(name, **options)
        raise SeisdreamError(
            f"{name} is neither SEG-Y, NetCDF nor a Zarr store; open it with xarray and give the array, or convert it.",
            code="not-supported",
            option="source",
        )
    return open_segy_volume(name, **options)


def _check(options: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in options:
        if name not in known:
            raise unknown_argument(name, known, "open_volume")


def _of_dataset(dataset: xr.Dataset, variable: str | None = None, **options: Any) -> Volume:
    names = [str(name) for name, one in dataset.data_vars.items() if one.ndim == 3]
    found = variable or ("amplitude" if "amplitude" in names else names[0] if len(names) == 1 else None)
    if found not in names:
        raise SeisdreamError(
            f"The dataset has the volumes {', '.join(names) or '(none)'}; name one with `variable`.",
            code="unknown-name" if variable else "ambiguous",
            option="variable",
        )
    places = dataset if {"cdp_x", "cdp_y"} <= set(dataset.variables) else None
    return ArrayVolume(dataset[found], mask=dataset.get("trace_mask"), places=places, **options)


def _labelled(values: Any) -> xr.DataArray:
    array = np.asarray(values)
    if array.ndim != 3 or array.dtype.kind not in "fiub":
        raise SeisdreamError(
            f"A volume is an array of numbers (inline, crossline, time); got {array.dtype} of shape {array.shape}.",
            code="wrong-shape" if array.ndim != 3 else "wrong-type",
        )
    return xr.DataArray(array, dims=("inline", "crossline", "time"))
