"""How well two sections agree."""

from __future__ import annotations

import numpy as np


def repeatability(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Return the correlation of two sections and the NRMS of their difference.

    NRMS is 200 times the RMS of the difference divided by the sum of both RMS amplitudes: 0 for equal sections, 141 for
    uncorrelated ones of equal strength (Kragh and Christie, "Seismic repeatability, normalized rms, and
    predictability", The Leading Edge 21, 2002).

    Parameters
    ----------
    one, other : array
        Amplitudes of the same shape, finite.

    Returns
    -------
    dict
        ``correlation`` (NaN if either is constant) and ``nrms_percent``.
    """
    one, other = np.asarray(one, np.float64).ravel(), np.asarray(other, np.float64).ravel()
    rms = [float(np.sqrt(np.mean(values**2))) for values in (one, other, one - other)]
    correlation = float(np.corrcoef(one, other)[0, 1]) if one.std() and other.std() else float("nan")
    return {
        "correlation": round(correlation, 4),
        "nrms_percent": round(200.0 * rms[2] / max(rms[0] + rms[1], 1e-30), 1),
    }
