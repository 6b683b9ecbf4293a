"""Rock physics: velocities that grow with burial, densities that follow velocity, impedance and reflectivity."""

from __future__ import annotations

import numpy as np

LITHOLOGIES = ("water", "shale", "sand", "carbonate", "salt", "gas sand")
"""Lithologies in the order of their codes."""

VP_BOUNDS = (1450.0, 6500.0)
"""Least and greatest P velocity in m/s."""

DENSITY_BOUNDS = (1000.0, 3000.0)
"""Least and greatest density in kg/m³."""

WATER = (1500.0, 1030.0)
"""P velocity (m/s) and density (kg/m³) of sea water."""

SALT = (4500.0, 2160.0)
"""P velocity (m/s) and density (kg/m³) of halite: clean salt hardly compacts, so neither changes with depth."""

GAS_EFFECT = (-0.16, -0.07)
"""What gas does to the logarithms of a young sand's velocity and density.

The order of size that Gassmann's relation gives for a porous sand at shallow depth (Gassmann, Vierteljahrsschrift der
Naturforschenden Gesellschaft in Zürich 96, 1951; Domenico, Geophysics 41, 1976).
"""


def velocity_trend(burial_ms, surface_vp: float = 1800.0, gradient_per_s: float = 0.6) -> np.ndarray:
    """Return the P velocity of compacting rock in m/s at a burial in ms of two-way time.

    Velocity that grows linearly with depth, ``v = v0 + k z``, grows exponentially with two-way time,
    ``v = v0 exp(k t / 2)`` (Slotnick, Geophysics 1, 1936).

    Parameters
    ----------
    burial_ms : array
        Two-way time below the surface where rock is softest.
    surface_vp : float, default 1800
        ``v0`` in m/s.
    gradient_per_s : float, default 0.6
        ``k`` in 1/s; 0.3 to 1 in young basins.
    """
    return surface_vp * np.exp(0.5e-3 * gradient_per_s * np.clip(burial_ms, 0.0, None))


def gardner_density(vp) -> np.ndarray:
    """Return the density in kg/m³ that goes with a P velocity in m/s: ``310 vp^0.25``.

    Gardner, Gardner and Gregory, "Formation velocity and density: the diagnostic basics for stratigraphic traps",
    Geophysics 39 (1974); water and salt do not follow it.
    """
    return 310.0 * np.sqrt(np.sqrt(vp))


def reflectivity_of(impedance: np.ndarray) -> np.ndarray:
    """Return the zero-offset reflection coefficient at each sample's top, ``(time, ...)``.

    ``(Z2 - Z1) / (Z2 + Z1)`` of the sample above and the sample itself; zero at the first sample.
    """
    reflectivity = np.zeros_like(impedance)
    above, below = impedance[:-1], impedance[1:]
    np.divide(below - above, below + above, out=reflectivity[1:])
    return reflectivity
