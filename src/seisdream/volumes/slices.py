"""The middle inline, crossline and time slice of a volume and of its result."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from seisdream.plotting.slices import name_slice
from seisdream.volumes.volume import Volume


class Slice(NamedTuple):
    """A slice of a volume, rows going down.

    Attributes
    ----------
    section : DataArray
        Amplitudes ``(row, column)``, NaN where absent; its name is that of the slice, such as "inline 362".
    result : Dataset
        The result on the same dimensions.
    """

    section: xr.DataArray
    result: xr.Dataset


def orthogonal_slices(volume: Volume, result: xr.Dataset) -> list[Slice]:
    """Return the middle inline and crossline of those that have traces, and the middle time slice.

    Parameters
    ----------
    volume : Volume
        The input.
    result : Dataset
        Variables ``(inline, crossline, time)`` on its coordinates; what is used is read.
    """
    middle = [_middle(volume, 0), _middle(volume, 1), volume.shape[2] // 2]
    return [_slice(volume, result, axis, position) for axis, position in enumerate(middle)]


def _middle(volume: Volume, axis: int) -> int:
    live = np.flatnonzero(np.any(volume.trace_mask, axis=1 - axis))
    return int(live[len(live) // 2])


def _slice(volume: Volume, result: xr.Dataset, axis: int, position: int) -> Slice:
    box = [slice(None)] * 3
    box[axis] = slice(position, position + 1)
    dims = [dim for dim in volume.dims if dim != volume.dims[axis]]
    section = xr.DataArray(volume.read(*box).squeeze(axis), {dim: result[dim] for dim in dims}, dims)
    order = dims if axis == 2 else dims[::-1]
    cut = result.isel({volume.dims[axis]: position}).load().transpose(*order, ...)
    name = name_slice(volume.dims[axis], volume.coords[volume.dims[axis]][position])
    return Slice(section.transpose(*order).rename(name), cut)
