"""Cubes of seismic as labelled arrays: time down, then inlines, then crosslines."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import check_section, make_section

DIMS = ("time", "inline", "crossline")


def make_cube(values: Any, *, dt_ms: float | None = None, **attrs: Any) -> xr.DataArray:
    """Label an array as a cube, or turn one so that time comes first.

    Parameters
    ----------
    values : array or DataArray
        Amplitudes: an array ``(time, inline, crossline)``, or a DataArray with these dimensions in any order, as
        `seisdream.synthetic.make_earth` makes them.
    dt_ms : float, optional
        Sampling interval, for an array without a time axis.
    **attrs
        ``units``, ``source``, ``credit`` and whatever else should travel with the cube.

    Returns
    -------
    DataArray
        float32 ``(time, inline, crossline)``.

    Raises
    ------
    SeisdreamError
        If it is no cube, has samples that are not finite or all alike, or no sampling.
    """
    if not isinstance(values, xr.DataArray):
        values = np.asarray(values)
        if values.ndim != 3 or not dt_ms:
            raise SeisdreamError(
                f"A cube is (time, inline, crossline) with a sampling interval (dt_ms); got shape {values.shape} and "
                f"dt_ms {dt_ms}."
            )
        coords = {"time": np.arange(len(values)) * float(dt_ms), "inline": np.arange(values.shape[1]) + 1,
                  "crossline": np.arange(values.shape[2]) + 1}  # fmt: skip
        values = xr.DataArray(values, dims=DIMS, coords=coords)
    if set(values.dims) != set(DIMS):
        raise SeisdreamError(f"A cube has the axes {', '.join(DIMS)}; got {', '.join(map(str, values.dims))}.")
    cube = values.transpose(*DIMS).astype(np.float32).assign_attrs(attrs)
    if min(cube.shape) < 2 or not np.isfinite(cube.values).all():
        raise SeisdreamError(
            "A cube has two samples or more along each axis, all of them finite; got "
            f"{' × '.join(map(str, cube.shape))} and {int((~np.isfinite(cube.values)).sum())} that are not."
        )
    check_section(traces_of(cube))
    return cube


def traces_of(cube: xr.DataArray) -> xr.DataArray:
    """Return all traces of a cube side by side as a section ``(time, trace)``; a section as it is."""
    if cube.dims != DIMS:
        return cube
    values = cube.values.reshape(len(cube), -1)
    # Zeros of a cube are amplitudes, since it has no edges that a mute could begin at.
    return make_section(
        values, dims=("time", "trace"), coords={"time": cube["time"].values}, **{**cube.attrs, "muted": "present"}
    )


def planes_of(cube: xr.DataArray) -> list[xr.DataArray]:
    """Return the section in the middle of a cube along each lateral axis, inlines first; a section alone as it is."""
    if cube.dims != DIMS:
        return [cube]
    along_inlines = cube.isel(crossline=cube.sizes["crossline"] // 2)
    along_crosslines = cube.isel(inline=cube.sizes["inline"] // 2)
    return [make_section(plane.drop_vars(["inline", "crossline"], errors="ignore").rename({plane.dims[1]: "trace"}),
                         muted="present") for plane in (along_inlines, along_crosslines)]  # fmt: skip
