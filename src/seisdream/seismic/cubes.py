"""Cubes of seismic as labelled arrays ``(time, inline, crossline)``."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import check_section, make_section

DIMS = ("time", "inline", "crossline")
"""Of a cube in memory, as a network receives it."""
VOLUME_DIMS = ("inline", "crossline", "time")
"""Of a volume on disk and of what is predicted on it."""


def make_cube(values: Any, *, dt_ms: float | None = None, **attrs: Any) -> xr.DataArray:
    """Label an array as a cube, or transpose a cube so that time comes first.

    Parameters
    ----------
    values : array or DataArray
        Amplitudes: an array ``(time, inline, crossline)``, or a DataArray with these dimensions in any order, such as
        `seisdream.synthetic.make_earth` returns.
    dt_ms : float, optional
        Sampling interval in ms; needed for an array without coordinates.
    **attrs
        ``units``, ``source``, ``credit`` and any other attribute of the cube.

    Returns
    -------
    DataArray
        float32 ``(time, inline, crossline)``.

    Raises
    ------
    SeisdreamError
        If it is not a cube (``wrong-shape``, ``too-small``), has samples that are not finite (``not-finite``) or all
        equal (``no-signal``), or no sampling interval (``missing-argument``).
    """
    if not isinstance(values, xr.DataArray):
        values = np.asarray(values)
        if values.ndim != 3 or not dt_ms:
            raise SeisdreamError(
                f"A cube must be (time, inline, crossline) with a sampling interval; got the shape {values.shape} and "
                f"`dt_ms` {dt_ms}.",
                code="wrong-shape" if values.ndim != 3 else "missing-argument",
                option=None if values.ndim != 3 else "dt_ms",
            )
        coords = {"time": np.arange(len(values)) * float(dt_ms), "inline": np.arange(values.shape[1]) + 1,
                  "crossline": np.arange(values.shape[2]) + 1}  # fmt: skip
        values = xr.DataArray(values, dims=DIMS, coords=coords)
    if set(values.dims) != set(DIMS):
        raise SeisdreamError(
            f"A cube must have the axes {', '.join(DIMS)}; got {', '.join(map(str, values.dims))}.", code="wrong-shape"
        )
    cube = values.transpose(*DIMS).astype(np.float32).assign_attrs(attrs)
    if min(cube.shape) < 2 or not np.isfinite(cube.values).all():
        n_bad = int((~np.isfinite(cube.values)).sum())
        raise SeisdreamError(
            f"The cube has {' × '.join(map(str, cube.shape))} samples, {n_bad} of them not finite; it must have two or "
            "more along each axis, all finite.",
            code="not-finite" if n_bad else "too-small",
        )
    check_section(traces_of(cube))
    return cube


def traces_of(cube: xr.DataArray) -> xr.DataArray:
    """Return all traces of a cube as one section ``(time, trace)``; a section is returned unchanged."""
    if cube.dims != DIMS:
        return cube
    values = cube.values.reshape(len(cube), -1)
    # Muted samples are not looked for in a cube: its zeros are amplitudes.
    return make_section(
        values, dims=("time", "trace"), coords={"time": cube["time"].values}, **{**cube.attrs, "muted": "present"}
    )


def planes_of(cube: xr.DataArray) -> list[xr.DataArray]:
    """Return the middle inline and crossline of a cube as sections; a section is returned as the only one."""
    if cube.dims != DIMS:
        return [cube]
    along_inlines = cube.isel(crossline=cube.sizes["crossline"] // 2)
    along_crosslines = cube.isel(inline=cube.sizes["inline"] // 2)
    return [make_section(plane.drop_vars(["inline", "crossline"], errors="ignore").rename({plane.dims[1]: "trace"}),
                         muted="present") for plane in (along_inlines, along_crosslines)]  # fmt: skip
