"""Attributes of a section by its structure tensor: dip of reflections, and how coherent they are along it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def dip_and_coherence(values: np.ndarray, smoothing: tuple[float, float] = (4.0, 4.0)) -> tuple[np.ndarray, np.ndarray]:
    """Return the local dip of reflections and their coherence.

    The structure tensor is the smoothed outer product of the gradient with itself (Bigün and Granlund 1987; Fehmers
    and Höcker, "Fast structural interpretation with structure-oriented filtering", Geophysics 68, 2003). Its main
    direction is across the reflections; how much its eigenvalues differ says how much there is one direction only.

    Parameters
    ----------
    values : array
        ``(time, trace)``, finite.
    smoothing : (float, float), default (4, 4)
        Standard deviations of the tensor's Gaussian window, in samples and in traces.

    Returns
    -------
    dip : array
        Samples per trace, positive where reflections go down to the right; ``(time, trace)``.
    coherence : array
        0 (no direction) to 1 (reflections in one direction alone); ``(time, trace)``.
    """
    down, across = np.gradient(np.asarray(values, np.float64))
    dd, da, aa = (gaussian_filter(product, smoothing) for product in (down * down, down * across, across * across))
    spread = np.hypot(dd - aa, 2.0 * da)
    # The main direction is (cos, sin) of half this angle, (down, across); reflections run at right angles to it.
    angle = 0.5 * np.arctan2(2.0 * da, dd - aa)
    steepest = 0.5 * np.pi - 1e-3
    dip = -np.tan(angle.clip(-steepest, steepest))
    total = dd + aa
    return dip, np.divide(spread, total, out=np.zeros_like(total), where=total > 0)
