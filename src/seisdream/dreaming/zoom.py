"""Enlarging the middle of a section between levels."""

from __future__ import annotations

import numpy as np
import scipy.ndimage


def zoomed(values: np.ndarray, zoom: float) -> np.ndarray:
    """Enlarge the middle of ``(row, column)`` or ``(row, column, 3)`` values by a share, linearly, to the same size."""
    keep = 1.0 - zoom
    matrix = [keep, keep, 1.0][: values.ndim]
    offset = [values.shape[0] * zoom / 2, values.shape[1] * zoom / 2, 0.0][: values.ndim]
    # SciPy's types know a single offset only, its documentation one for each axis.
    return scipy.ndimage.affine_transform(values, matrix, offset, order=1, mode="nearest")  # pyright: ignore


def zoomed_places(places: np.ndarray, zoom: float) -> np.ndarray:
    """Return which sample of the input each place of an axis shows after `zoomed`."""
    count = np.arange(len(places))
    return np.interp(count * (1.0 - zoom) + len(places) * zoom / 2, count, places)
