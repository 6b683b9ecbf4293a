"""Which part of a section is most like all of it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from seisdream.seismic.sections import fill_absent, is_picture

# In samples: where gradients are measured, and over which they are averaged to a dip.
_FINE, _COARSE = 1.5, 4.0
_QUARTERS = (0.25, 0.5, 0.75)


def typical_part(section: xr.DataArray, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the middle of the part of a section whose amplitudes and dips are distributed most like the section's.

    Absolute amplitudes and dips are each divided into quarters of the section; in the typical part the shares of all
    eight are nearest to a quarter. Dips are those of the structure tensor. Of a picture it is the middle.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)``, or a picture.
    shape : (int, int)
        Samples and traces of the part, no more than those of the section.
    """
    values, absent = fill_absent(section)
    n_rows, n_columns = absent.shape
    if is_picture(section) or absent.all():
        return n_rows // 2, n_columns // 2
    # SciPy's stubs accept one number for all axes; its documentation one for each.
    down, across = (gaussian_filter(values, _FINE, order) for order in ((1, 0), (0, 1)))  # pyright: ignore
    # The angle is doubled, so that a gradient and its opposite are the same dip; it is 0 where beds are flat.
    dip = np.angle(gaussian_filter((down + 1j * across) ** 2, _COARSE))

    # Parts within the section: the one around row r begins at r - side // 2.
    first = [side // 2 for side in shape]
    inside = tuple(slice(at, at + n - side + 1) for at, side, n in zip(first, shape, absent.shape, strict=True))

    def share(of: NDArray) -> NDArray:
        return uniform_filter(of.astype(np.float64), shape)[inside]  # pyright: ignore

    deviation = np.zeros([n - side + 1 for n, side in zip(absent.shape, shape, strict=True)])
    for quantity in (np.abs(values), dip):
        quarter = np.digitize(quantity, np.quantile(quantity[~absent], _QUARTERS))
        for number in range(4):
            deviation += (share((quarter == number) & ~absent) - 0.25) ** 2
    row, column = np.unravel_index(int(deviation.argmin()), deviation.shape)
    return int(row) + first[0], int(column) + first[1]
