"""Open sections from array files (NumPy, Zarr, NetCDF, HDF5) and write them as ``.npy``."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.axes import find_section, name_axes, number_axes
from seisdream.io.containers import Contents, opened
from seisdream.seismic.sections import COLOUR_DIM, MOST_SAMPLES, check_finite, make_section

AnyPath = str | os.PathLike[str]
ARRAY_ENDINGS = (".npy", ".npz", ".zarr", ".zip", ".nc", ".nc4", ".h5", ".hdf5")

# Names of the array with the seismic data, best first.
_SEISMIC_NAMES = ("amplitude", "seismic", "section", "data", "image", "volume", "dream")


def open_array(
    path: AnyPath,
    *,
    key: str | None = None,
    inline: int | None = None,
    crossline: int | None = None,
    time_ms: float | None = None,
    dt_ms: float | None = None,
    nan: str = "error",
) -> xr.DataArray:
    """Open a section, or one section of a volume, from a file of arrays.

    Only the section is read from a volume (an ``.npz`` is unpacked whole). Axes are known by their names (Zarr,
    NetCDF: ``inline`` or ``iline``, ``crossline`` or ``xline``, ``time`` or ``twt``, ``depth``) or by one-dimensional
    arrays next to the data (``.npz``: ``crossline``, ``time_ms``). A volume without either is read as
    ``(inline, crossline, time)``, numbered from 0.

    Parameters
    ----------
    path : path
        ``.npy``, ``.npz``, a Zarr folder or ``.zarr.zip``, NetCDF, or HDF5. Pickled objects are never loaded.
    key : str, optional
        Name of the array in the file. It is not needed if only one array has two axes or more, or one is called
        ``amplitude``, ``seismic``, ``section``, ``data``, ``image`` or ``volume``.
    inline, crossline : int, optional
        Number of the section in a volume. Default: the middle one along the first of these axes.
    time_ms : float, optional
        Time in ms (or depth in m) of a slice.
    dt_ms : float, optional
        Sampling interval in ms; replaces the times of the file. Without it a plain array has rows and columns.
    nan : {"error", "absent"}, default "error"
        Refuse NaN and infinite samples, or treat them as absent (NaN).

    Returns
    -------
    DataArray
        float32 ``(time, trace)`` or the like, rows going down; ``(row, column, colour)`` for
        ``(height, width, 3)`` in 0–255. Unsigned 8- and 16-bit numbers are pictures, all others amplitudes, as in
        `make_section`.

    Raises
    ------
    SeisdreamError
        If the file has no array with two axes or more, or several of them, or no such section.
    """
    selected = {
        name: value
        for name, value in (("inline", inline), ("crossline", crossline), ("time", time_ms))
        if value is not None
    }
    if len(selected) > 1:
        names = " and ".join("`time_ms`" if name == "time" else f"`{name}`" for name in selected)
        raise SeisdreamError(f"A section is one inline, crossline or time slice; got {names}.", code="incompatible")
    if dt_ms is not None and not (np.isfinite(dt_ms) and dt_ms > 0):
        raise SeisdreamError(f"`dt_ms` is {dt_ms:g}; it must be above 0 ms.", code="out-of-range", option="dt_ms")
    with opened(path) as contents:
        name = _choose(contents, key, path)
        array, what = contents.arrays[name], f"{path}{f' ({name})' if name else ''}"
        if array.dtype.kind not in "fiub":
            raise SeisdreamError(f"{what} has the type {array.dtype}; it must be real numbers.", code="wrong-type")
        numbers, stated = contents.coords, contents.dims.get(name)
        if stated is None and not numbers and not selected and _is_colour(array):
            stated = ("row", "column", COLOUR_DIM)
        dims = name_axes(array.shape, stated, numbers, is_timed=dt_ms is not None)
        coords: dict[str, Any] = dict(number_axes(array.shape, dims, numbers, dt_ms))
        indices, selection = find_section(what, array.shape, dims, coords, selected)
        kept = [position for position, index in enumerate(indices) if isinstance(index, slice)]
        n_samples = math.prod(array.shape[position] for position in kept)
        if not 0 < n_samples <= MOST_SAMPLES:
            shape = " × ".join(str(array.shape[position]) for position in kept)
            raise SeisdreamError(
                f"{what}: a section of {shape} has {n_samples:,} samples; it must have 1 to {MOST_SAMPLES:,}. Save a "
                "part of it.",
                code="too-large" if n_samples else "no-signal",
            )
        values = np.asarray(array[indices])
    dims = [dims[position] for position in kept]
    coords = {axis: along for axis, along in coords.items() if axis in dims}
    attrs: dict[str, Any] = {"source": os.fspath(path), "format": contents.format}
    for axis, number in selection.items():
        attrs["selection"] = f"{axis} {number:.12g}"
    if COLOUR_DIM in dims and values.dtype.kind in "fi":
        attrs["value_range"] = (0, 255)
    section = make_section(check_finite(values, path, nan), dims=dims, coords=coords, **attrs)
    for other in {"inline", "crossline", "trace"} & numbers.keys() - coords.keys() - selection.keys():
        # Traces of an arbitrary line have several numbers each: one is the axis, the others are coordinates on it.
        if not selection and len(numbers[other]) == section.shape[1]:
            section = section.assign_coords({other: (section.dims[1], numbers[other])})
    return section


def write_array(section: xr.DataArray, path: AnyPath) -> None:
    """Write the samples of a section in its units as a float32 ``.npy`` of its shape."""
    np.save(path, np.ascontiguousarray(section.values, np.float32), allow_pickle=False)


def _choose(contents: Contents, key: str | None, path: AnyPath) -> str:
    """Return the name of the array with the seismic data."""
    arrays = contents.arrays
    listed = ", ".join(f"{name} {' × '.join(map(str, array.shape))}" for name, array in arrays.items())
    if not arrays or list(arrays) == [""]:
        if key is not None:
            raise SeisdreamError(
                f"{path} has no named arrays; leave out `key={key}`.", code="incompatible", option="key"
            )
        if not arrays:
            raise SeisdreamError(f"{path} has no array with two axes or more, so no section.", code="wrong-shape")
        return ""
    if key is not None:
        if key not in arrays:
            near = near_matches(key, arrays)
            raise SeisdreamError(
                f"{path} has no array '{key}' with two axes or more; "
                + (f"did you mean {' or '.join(near)}? It has {listed}." if near else f"it has {listed}."),
                code="unknown-name",
                option="key",
            )
        return key
    for name in (*_SEISMIC_NAMES, *(alias.upper() for alias in _SEISMIC_NAMES)):
        if name in arrays:
            return name
    real = [name for name, array in arrays.items() if array.dtype.kind == "f"]
    for candidates in (real, list(arrays)):
        if len(candidates) == 1:
            return candidates[0]
    raise SeisdreamError(f"{path} has several arrays; choose one with `key`: {listed}.", code="ambiguous", option="key")


def _is_colour(array: Any) -> bool:
    """Return whether an array without named axes is a colour picture: three channels in 0–255."""
    if len(array.shape) != 3 or array.shape[-1] != 3 or math.prod(array.shape) > MOST_SAMPLES:
        return False
    if array.dtype.kind == "f":
        values = np.asarray(array[:])
        return bool(values.min() >= 0.0 and values.max() <= 255.0)
    return array.dtype == np.uint8


def line_numbers(path: AnyPath, axis: str, *, key: str | None = None, dt_ms: float | None = None) -> np.ndarray:
    """Return the numbers of a volume's sections along an axis.

    Raises
    ------
    SeisdreamError
        If the array has no such axis (``wrong-shape``).
    """
    with opened(path) as contents:
        name = _choose(contents, key, path)
        shape = contents.arrays[name].shape
        dims = name_axes(shape, contents.dims.get(name), contents.coords, is_timed=dt_ms is not None)
        coords = number_axes(shape, dims, contents.coords, dt_ms)
    if axis not in coords:
        raise SeisdreamError(f"{path} has no axis '{axis}'; it has {', '.join(dims)}.", code="wrong-shape")
    return coords[axis]
