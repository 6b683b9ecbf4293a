"""Whether a section of an array is plausible: its sampling interval, and which of its axes runs down."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from seisdream.seismic.intervals import doubt_interval
from seisdream.seismic.sections import absent_samples, is_colour, is_picture

_FEWEST = 24
_MOST_SIDE, _MOST_HALF = 2000, 128


def doubt_array(section: xr.DataArray) -> list[str]:
    """Return what looks wrong in a section of an array: its sampling interval, and traces stored as rows.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or the like.

    Returns
    -------
    list of str
        What looks wrong, and what to do.
    """
    found = []
    down = str(section.dims[0])
    if down in ("time", "depth") and len(section) > 1:
        doubt = doubt_interval(float(np.median(np.diff(section[down].values))), is_depth=down == "depth")
        found += [doubt] if doubt is not None else []
    is_named = bool({"inline", "crossline"} & set(map(str, section.dims)))
    if not is_named and not is_colour(section) and not is_picture(section) and is_on_its_side(section):
        what = "The array looks as if it were stored with traces as rows, (trace, time)."
        found.append((what, "If the section lies on its side, use `axes='trace,time'`."))
    return [f"{what} {fix}" for what, fix in found]


def doubt_volume(volume: Any) -> str | None:
    """Return what looks wrong if the traces of a volume without named axes do not run along its last axis.

    Parameters
    ----------
    volume : array
        Three axes; only the middles of its three middle sections are read.
    """
    middle = [n // 2 for n in volume.shape]
    windows = [slice(max(0, half - _MOST_HALF), half + _MOST_HALF) for half in middle]

    def runs_along(axis: int, other: int) -> bool:
        """Return whether traces run along an axis of the section of two axes."""
        indices = [windows[number] if number in (axis, other) else middle[number] for number in range(3)]
        plane = np.asarray(volume[tuple(indices)], np.float32)
        return is_on_its_side(xr.DataArray(plane if axis > other else plane.T, dims=("row", "column")))

    for axis, names in enumerate(("time,inline,crossline", "inline,time,crossline")):
        if all(runs_along(axis, other) for other in range(3) if other != axis):
            return (
                f"The traces of the volume seem to run along axis {axis + 1} of {' × '.join(map(str, volume.shape))}, "
                f"and not along the last one. If lines look like time slices, use `axes='{names}'`."
            )
    return None


def is_on_its_side(section: xr.DataArray) -> bool:
    """Return whether the rows of a section look like traces.

    Along a trace amplitudes oscillate about zero, so their mean is nearly 0; along a layer they do not. And
    neighbouring traces are more alike than neighbouring samples.
    """
    values = np.where(absent_samples(section), 0.0, section.values).astype(np.float64)
    values = values[:_MOST_SIDE, :_MOST_SIDE]
    limit = np.percentile(np.abs(values), 99)
    if min(values.shape) < _FEWEST:
        return False
    values = np.clip(values, -limit, limit)
    values -= values.mean()
    power = float(np.mean(values**2))
    if power == 0:
        return False
    # 1 for white noise: the variance of means, times the number of samples in each.
    down, across = (float(np.mean(values.mean(axis) ** 2)) * values.shape[axis] / power for axis in (0, 1))
    rough_down, rough_across = (float(np.mean(np.diff(values, axis=axis) ** 2)) for axis in (0, 1))
    return down > 1.5 * max(across, 0.6) and 1.5 * rough_down < rough_across
