"""Attributes of a section: dip of reflections, and how coherent they are along it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter1d


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


def semblance(
    values: np.ndarray, *, n_traces: int = 5, n_samples: int = 7, steepest: float = 2.0, n_dips: int = 9
) -> np.ndarray:
    """Return how alike neighbouring traces are along the best of some dips.

    Energy of the mean trace over the mean energy of the traces, in a window that leans with the dip; the greatest over
    the dips (Marfurt, Kirlin, Farmer and Bahorich, "3-D seismic attributes using a semblance-based coherency
    algorithm", Geophysics 63, 1998).

    Parameters
    ----------
    values : array
        ``(time, trace)``, finite.
    n_traces : int, odd, default 5
        Traces of the window.
    n_samples : int, odd, default 7
        Samples of the window.
    steepest : float, default 2
        Dips are tried up to so many samples a trace, both ways.
    n_dips : int, default 9
        How many.

    Returns
    -------
    array
        0 to 1 (the same along a dip); ``(time, trace)``. Beyond the edges a section goes on as its last samples.
    """
    values = np.asarray(values, np.float64)
    best = np.zeros(values.shape)
    for dip in np.linspace(-steepest, steepest, n_dips):
        total, energy = np.zeros(values.shape), np.zeros(values.shape)
        for away in range(-(n_traces // 2), n_traces // 2 + 1):
            moved = _moved(values, dip * away, away)
            total += moved
            energy += moved * moved
        over, under = (uniform_filter1d(power, n_samples, axis=0, mode="nearest") for power in (total**2, energy))
        np.maximum(best, np.divide(over, n_traces * under, out=np.zeros_like(over), where=under > 1e-12), out=best)
    return best.clip(0.0, 1.0)


def _moved(values: np.ndarray, down: float, across: int) -> np.ndarray:
    """Return the values found so many samples below (linearly between samples) and traces to the right."""
    n_rows, n_columns = values.shape
    whole = int(np.floor(down))
    columns = np.clip(np.arange(n_columns) + across, 0, n_columns - 1)
    upper, lower = (np.clip(np.arange(n_rows) + whole + step, 0, n_rows - 1) for step in (0, 1))
    beside = values[:, columns]
    return beside[upper] + (down - whole) * (beside[lower] - beside[upper])
