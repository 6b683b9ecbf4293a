"""Seismic attributes of sections and cubes: dip, coherence, planarity and semblance."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter1d


def dip_and_coherence(values: np.ndarray, smoothing: tuple[float, float] = (4.0, 4.0)) -> tuple[np.ndarray, np.ndarray]:
    """Return the local dip of reflections and their coherence.

    Both come from the structure tensor, the smoothed outer product of the gradient with itself (Bigün and Granlund
    1987; Fehmers and Höcker, "Fast structural interpretation with structure-oriented filtering", Geophysics 68, 2003).
    Its first eigenvector is normal to the reflections; coherence is the normalised difference of its eigenvalues.

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
        0 (no direction) to 1 (one direction only); ``(time, trace)``.
    """
    down, across = np.gradient(np.asarray(values, np.float64))
    dd, da, aa = (gaussian_filter(product, smoothing) for product in (down * down, down * across, across * across))
    spread = np.hypot(dd - aa, 2.0 * da)
    # The first eigenvector (down, across) is (cos, sin) of half this angle; reflections are perpendicular to it.
    angle = 0.5 * np.arctan2(2.0 * da, dd - aa)
    steepest = 0.5 * np.pi - 1e-3
    dip = -np.tan(angle.clip(-steepest, steepest))
    total = dd + aa
    return dip, np.divide(spread, total, out=np.zeros_like(total), where=total > 0)


def planarity(values: np.ndarray, smoothing: tuple[float, float, float] = (3.0, 2.0, 2.0)) -> np.ndarray:
    """Return how much the reflections of a cube look like planes.

    The difference of the two largest eigenvalues of the structure tensor over the largest (Hale, "Structure-oriented
    smoothing and semblance", CWP Report 635, 2009). It is low where reflections are broken.

    Parameters
    ----------
    values : array
        ``(time, inline, crossline)``, finite.
    smoothing : (float, float, float), default (3, 2, 2)
        Standard deviations of the tensor's Gaussian window, in samples along each axis.

    Returns
    -------
    array
        0 (no direction) to 1 (a plane), and 0 in silence; ``(time, inline, crossline)``.
    """
    gradient = np.gradient(np.asarray(values, np.float64))
    tensor = np.empty((*values.shape, 3, 3))
    for one, other in itertools.combinations_with_replacement(range(3), 2):
        tensor[..., one, other] = gaussian_filter(gradient[one] * gradient[other], smoothing)
        tensor[..., other, one] = tensor[..., one, other]
    _, second, first = np.moveaxis(np.linalg.eigvalsh(tensor), -1, 0)
    return np.divide(first - second, first, out=np.zeros_like(first), where=first > 1e-12).clip(0.0, 1.0)


def semblance(
    values: np.ndarray, *, n_traces: int = 5, n_samples: int = 7, steepest: float = 2.0, n_dips: int = 9
) -> np.ndarray:
    """Return the semblance of neighbouring traces along the best of several dips.

    Semblance is the energy of the mean trace divided by the mean energy of the traces, in a window along the dip; the
    maximum over dips is returned (Marfurt, Kirlin, Farmer and Bahorich, "3-D seismic attributes using a semblance-based
    coherency algorithm", Geophysics 63, 1998).

    Parameters
    ----------
    values : array
        ``(time, trace)`` or ``(time, inline, crossline)``, finite.
    n_traces : int, odd, default 5
        Traces in the window; in a cube, along each of its sides.
    n_samples : int, odd, default 7
        Samples in the window.
    steepest : float, default 2
        Largest dip that is tried, in samples per trace, in both directions.
    n_dips : int, default 9
        Number of dips; in a cube, along inlines and along crosslines.

    Returns
    -------
    array
        0 to 1 (equal along a dip), of the shape of the values. Beyond the edges the last samples are repeated.
    """
    values = np.asarray(values, np.float64)
    n_lateral = values.ndim - 1
    offsets = list(itertools.product(range(-(n_traces // 2), n_traces // 2 + 1), repeat=n_lateral))
    best = np.zeros(values.shape)
    for dips in itertools.product(np.linspace(-steepest, steepest, n_dips), repeat=n_lateral):
        total, energy = np.zeros(values.shape), np.zeros(values.shape)
        for across in offsets:
            moved = _shifted(values, float(np.dot(dips, across)), across)
            total += moved
            energy += moved * moved
        over, under = (uniform_filter1d(power, n_samples, axis=0, mode="nearest") for power in (total**2, energy))
        share = np.divide(over, len(offsets) * under, out=np.zeros_like(over), where=under > 1e-12)
        np.maximum(best, share, out=best)
    return best.clip(0.0, 1.0)


def _shifted(values: np.ndarray, down: float, across: tuple[int, ...]) -> np.ndarray:
    """Return the values at a distance below (interpolated linearly between samples) and along each lateral axis."""
    whole, n_rows = int(np.floor(down)), len(values)
    shifted = values
    for axis, offset in enumerate(across, start=1):
        n = values.shape[axis]
        shifted = shifted.take(np.clip(np.arange(n) + offset, 0, n - 1), axis)
    upper, lower = (np.clip(np.arange(n_rows) + whole + step, 0, n_rows - 1) for step in (0, 1))
    return shifted[upper] + (down - whole) * (shifted[lower] - shifted[upper])
