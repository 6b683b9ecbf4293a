"""Rock physics: compaction trend of velocity, density from velocity, and reflectivity."""

from __future__ import annotations

import numpy as np

LITHOLOGIES = ("water", "shale", "sand", "carbonate", "salt", "gas sand")
"""Lithologies in the order of their codes."""

VP_BOUNDS = (1450.0, 6500.0)
"""Smallest and largest P velocity in m/s."""

DENSITY_BOUNDS = (1000.0, 3000.0)
"""Smallest and largest density in kg/m³."""

WATER = (1500.0, 1030.0)
"""P velocity (m/s) and density (kg/m³) of sea water."""

SALT = (4500.0, 2160.0)
"""P velocity (m/s) and density (kg/m³) of halite: salt barely compacts, so neither changes with depth."""

GAS_EFFECT = (-0.16, -0.07)
"""Change of the logarithms of velocity and density of a sand due to gas.

The order of magnitude is that of Gassmann's relation for a porous sand at shallow depth (Gassmann, Vierteljahrsschrift
der Naturforschenden Gesellschaft in Zürich 96, 1951; Domenico, Geophysics 41, 1976).
"""


def velocity_trend(burial_ms, surface_vp: float = 1800.0, gradient_per_s: float = 0.6) -> np.ndarray:
    """Return the P velocity in m/s of compacting rock for burial in ms of two-way time.

    Velocity that increases linearly with depth, ``v = v0 + k z``, increases exponentially with two-way time,
    ``v = v0 exp(k t / 2)`` (Slotnick, Geophysics 1, 1936).

    Parameters
    ----------
    burial_ms : array
        Two-way time below the surface at which compaction begins.
    surface_vp : float, default 1800
        ``v0`` in m/s.
    gradient_per_s : float, default 0.6
        ``k`` in 1/s; 0.3 to 1 in young basins.
    """
    return surface_vp * np.exp(0.5e-3 * gradient_per_s * np.clip(burial_ms, 0.0, None))


def gardner_density(vp) -> np.ndarray:
    """Return the density in kg/m³ for a P velocity in m/s: ``310 vp^0.25``.

    Gardner, Gardner and Gregory, "Formation velocity and density: the diagnostic basics for stratigraphic traps",
    Geophysics 39 (1974); water and salt do not follow it.
    """
    return 310.0 * np.sqrt(np.sqrt(vp))


def reflectivity_of(impedance: np.ndarray) -> np.ndarray:
    """Return the zero-offset reflection coefficient at the top of each sample, ``(time, ...)``.

    ``(Z2 - Z1) / (Z2 + Z1)`` of the sample above and the sample itself; zero at the first sample.
    """
    reflectivity = np.zeros_like(impedance)
    above, below = impedance[:-1], impedance[1:]
    np.divide(below - above, below + above, out=reflectivity[1:])
    return reflectivity
