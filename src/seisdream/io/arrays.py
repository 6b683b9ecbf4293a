"""Open sections from array files (NumPy, Zarr, MDIO, NetCDF, HDF5, MATLAB) and write them as ``.npy``."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.axes import find_section, name_axes, number_axes, parse_axes
from seisdream.io.containers import Contents, opened
from seisdream.seismic.orientation import doubt_array, doubt_volume
from seisdream.seismic.sections import COLOUR_DIM, MOST_SAMPLES, check_finite, make_section
from seisdream.seismic.undefined import blank_undefined

AnyPath = str | os.PathLike[str]
ARRAY_ENDINGS = (".npy", ".npz", ".zarr", ".mdio", ".zip", ".nc", ".nc4", ".seisnc", ".h5", ".hdf5", ".mat")

# Types whose numbers are grey levels.
_PICTURES = ("b1", "u1", "u2")
# Names of the array with the seismic data, best first.
_SEISMIC_NAMES = ("amplitude", "seismic", "section", "data", "image", "volume", "dream", "chunked_012")


def open_array(
    path: AnyPath,
    *,
    key: str | None = None,
    inline: int | None = None,
    crossline: int | None = None,
    time_ms: float | None = None,
    dt_ms: float | None = None,
    nan: str = "error",
    undefined: Any = None,
    vertical: str | None = None,
    axes: str | Sequence[str] | None = None,
    contents: Contents | None = None,
) -> xr.DataArray:
    """Open a section, or one section of a volume, from a file of arrays.

    Only the section is read from a volume (an ``.npz`` is unpacked whole). Axes are known by their names (Zarr,
    NetCDF: ``inline`` or ``iline``, ``crossline`` or ``xline``, ``time`` or ``twt``, ``depth``) or by one-dimensional
    arrays next to the data (``.npz``: ``crossline``, ``time_ms``). A volume without either is read as
    ``(inline, crossline, time)``, numbered from 0.

    Parameters
    ----------
    path : path
        ``.npy``, ``.npz``, a Zarr or MDIO folder or ``.zarr.zip``, NetCDF, HDF5, or MATLAB. Pickled objects are never
        loaded.
    key : str, optional
        Name of the array in the file. It is not needed if only one array has two axes or more, or one is called
        ``amplitude``, ``seismic``, ``section``, ``data``, ``image`` or ``volume``.
    inline, crossline : int, optional
        Number of the section in a volume. Default: the middle one along the first of these axes.
    time_ms : float, optional
        Time in ms (or depth in m) of a slice.
    dt_ms : float, optional
        Sampling interval in ms, or in m for depth; replaces the times of the file. Without it a plain array has rows
        and columns.
    nan : {"error", "absent"}, default "error"
        Refuse NaN and infinite samples, or treat them as absent (NaN).
    undefined : {"error", "auto", "present"}, float or sequence of float, default "error"
        As for `seisdream.seismic.undefined.blank_undefined`. Pictures have no undefined samples.
    vertical : {"time", "depth"}, optional
        The vertical axis, if the file does not name it. Default: time.
    axes : str or sequence of str, optional
        Names of the axes in the order in which the array is stored, such as ``("trace", "time")``; replaces those of
        the file.
    contents : Contents, optional
        The arrays of the file, if they have been opened.

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
    if vertical not in (None, "time", "depth"):
        raise SeisdreamError(
            f"`vertical` is '{vertical}'; it must be time or depth.", code="unknown-name", option="vertical"
        )
    with opened(path) if contents is None else nullcontext(contents) as contents:
        name = _choose(contents, key, path)
        array, what = contents.arrays[name], f"{path}{f' ({name})' if name else ''}"
        if array.dtype.kind not in "fiub":
            raise SeisdreamError(f"{what} has the type {array.dtype}; it must be real numbers.", code="wrong-type")
        numbers, stated = contents.coords, contents.dims.get(name)
        if stated is None and not numbers and not selected and _is_colour(array):
            stated = ("row", "column", COLOUR_DIM)
        labels = {"axes": axes, "vertical": vertical, "dt_ms": dt_ms}
        dims, coords = _label_axes(contents, name, what, stated=stated, **labels)
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
        doubts = list(contents.doubts)
        is_plain = stated is None and axes is None and not numbers and len(array.shape) == 3
        if is_plain and array.dtype.str[1:] not in _PICTURES and (doubt := doubt_volume(array)) is not None:
            doubts.append(doubt)
    dims = [dims[position] for position in kept]
    coords = {axis: along for axis, along in coords.items() if axis in dims}
    attrs: dict[str, Any] = {"source": os.fspath(path), "format": contents.format}
    for axis, number in selection.items():
        attrs["selection"] = f"{axis} {number:.12g}"
    if COLOUR_DIM in dims and values.dtype.kind in "fi":
        attrs["value_range"] = (0, 255)
    try:
        values = check_finite(values, path, nan)
    except SeisdreamError as error:
        if not contents.doubts:
            raise
        raise SeisdreamError(f"{error} {contents.doubts[0]}", code=error.code, option=error.option) from error
    if values.dtype.str[1:] not in _PICTURES and "value_range" not in attrs:
        values = blank_undefined(values, what, undefined)
        if undefined == "present":
            attrs["undefined"] = "present"
    section = make_section(values, dims=dims, coords=coords, **attrs)
    if axes is None:
        doubts += doubt_array(section)
    if doubts:
        section.attrs["notes"] = json.dumps([f"{what}: {doubt}" for doubt in doubts], ensure_ascii=False)
    for other in {"inline", "crossline", "trace"} & numbers.keys() - coords.keys() - selection.keys():
        # Traces of an arbitrary line have several numbers each: one is the axis, the others are coordinates on it.
        if other not in section.coords and not selection and len(numbers[other]) == section.shape[1]:
            section = section.assign_coords({other: (section.dims[1], numbers[other])})
    return section


def write_array(section: xr.DataArray, path: AnyPath) -> None:
    """Write the samples of a section in its units as a float32 ``.npy`` of its shape."""
    np.save(path, np.ascontiguousarray(section.values, np.float32), allow_pickle=False)


def _choose(contents: Contents, key: str | None, path: AnyPath) -> str:
    """Return the name of the array with the seismic data."""
    arrays = contents.arrays
    listed = ", ".join(f"{name} {' × '.join(map(str, array.shape))}" for name, array in arrays.items())
    if not arrays:
        inside = " Arrays inside structures and cells are not read; save the array as a variable of its own, with -v7."
        raise SeisdreamError(
            f"{path} has no array with two axes or more, so no section.{inside if contents.format == 'MATLAB' else ''}",
            code="wrong-shape",
        )
    if list(arrays) == [""]:
        if key is not None:
            raise SeisdreamError(
                f"{path} has no named arrays; leave out `key='{key}'`.", code="incompatible", option="key"
            )
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
    if (volume := _volume_with_maps(arrays)) is not None:
        return volume
    real = [name for name, array in arrays.items() if array.dtype.kind == "f"]
    for candidates in (real, list(arrays)):
        if len(candidates) == 1:
            return candidates[0]
    raise SeisdreamError(f"{path} has several arrays; choose one with `key`: {listed}.", code="ambiguous", option="key")


def _volume_with_maps(arrays: Mapping[str, Any]) -> str | None:
    """Return the name of the one volume if all other arrays are maps over its lines, such as coordinates or a mask."""
    deepest = max(arrays, key=lambda name: len(arrays[name].shape))
    shape = tuple(arrays[deepest].shape)
    others = [tuple(array.shape) for name, array in arrays.items() if name != deepest]
    return deepest if len(shape) == 3 and all(other == shape[:2] for other in others) else None


def _is_colour(array: Any) -> bool:
    """Return whether an array without named axes is a colour picture: three channels in 0–255."""
    if len(array.shape) != 3 or array.shape[-1] != 3 or math.prod(array.shape) > MOST_SAMPLES:
        return False
    if array.dtype.kind == "f":
        values = np.asarray(array[:])
        return bool(values.min() >= 0.0 and values.max() <= 255.0)
    return array.dtype == np.uint8


def line_numbers(
    path: AnyPath, axis: str, *, key: str | None = None, contents: Contents | None = None, **labels: Any
) -> np.ndarray:
    """Return the numbers of a volume's sections along an axis.

    Parameters
    ----------
    path, key, contents
        As for `open_array`.
    axis : str
        Name of the axis.
    **labels
        ``axes``, ``vertical`` and ``dt_ms`` as for `open_array`.

    Raises
    ------
    SeisdreamError
        If the array has no such axis (``wrong-shape``).
    """
    with opened(path) if contents is None else nullcontext(contents) as contents:
        name = _choose(contents, key, path)
        dims, coords = _label_axes(contents, name, os.fspath(path), stated=contents.dims.get(name), **labels)
    if axis not in coords:
        raise SeisdreamError(f"{path} has no axis '{axis}'; it has {', '.join(dims)}.", code="wrong-shape")
    return coords[axis]


def _label_axes(
    contents: Contents,
    name: str,
    what: str,
    *,
    stated: tuple[str, ...] | None,
    axes: str | Sequence[str] | None = None,
    vertical: str | None = None,
    dt_ms: float | None = None,
) -> tuple[list[str], dict[str, Any]]:
    """Return the names of the axes of an array, and the numbers along each."""
    shape, numbers = contents.arrays[name].shape, contents.coords
    if axes is not None:
        stated = parse_axes(axes, shape, what)
    if vertical is not None:
        other = "time" if vertical == "depth" else "depth"
        numbers = {vertical if axis == other else axis: along for axis, along in numbers.items()}
        stated = stated and tuple(vertical if axis == other else axis for axis in stated)
    dims = name_axes(shape, stated, numbers, is_timed=dt_ms is not None)
    if vertical == "depth":
        dims = ["depth" if dim == "time" else dim for dim in dims]
    return dims, dict(number_axes(shape, dims, numbers, dt_ms))
