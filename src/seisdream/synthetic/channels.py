"""Channels that are cut into older beds and filled by younger ones."""

from __future__ import annotations

import numpy as np

from seisdream.synthetic.grid import Grid


def incise(
    grid: Grid,
    *,
    position: float,
    half_width: float,
    depth_ms: float,
    steepness: float = 2.0,
    azimuth: float = 0.5 * np.pi,
    bend: float = 0.0,
    wavelength: float = 200.0,
    phase: float = 0.0,
    asymmetry: float = 0.0,
) -> np.ndarray:
    """Return the depth of a channel below its banks in ms, ``(position,)``; zero outside.

    Its cross-section is a parabola (or has a flatter bottom), deepest at the outer bank of a bend. On a map its centre
    is the sine-generated curve of meanders in its simplest form (Langbein and Leopold, USGS Professional Paper 422-H,
    1966).

    Parameters
    ----------
    grid : Grid
        The grid.
    position, half_width : float
        Centre and half width at the banks, in traces.
    depth_ms : float
        Greatest depth below the banks.
    steepness : float, default 2
        Exponent of the cross-section: 2 is a parabola, larger values give a flat bottom and steep banks.
    azimuth : float, default π/2
        Direction of flow on the map; π/2 is across the lines.
    bend, wavelength, phase : float
        Amplitude and wavelength of meanders in traces, and the phase of the meander at the first line.
    asymmetry : float, -1 to 1, default 0
        Distance of the thalweg from the centre as a fraction of the half width.
    """
    downstream = grid.towards(azimuth)
    across = grid.towards(azimuth - 0.5 * np.pi) - np.float32(position)
    across = across - np.float32(bend) * np.sin(2.0 * np.pi * downstream / wavelength + phase).astype(np.float32)
    relative = across / np.float32(half_width)
    skewed = relative - np.float32(0.5 * asymmetry) * (1.0 - relative**2)
    return np.float32(depth_ms) * np.clip(1.0 - np.abs(np.where(np.abs(relative) < 1, skewed, 1)) ** steepness, 0, None)
