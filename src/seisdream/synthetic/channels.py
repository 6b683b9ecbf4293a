"""Channels: valleys cut into older beds and filled by younger ones."""

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
    """Cut a channel; return how deep it is cut below its banks in ms, ``(position,)``, nothing outside.

    In a cross-section it is a parabola (or flatter-bottomed), deepest at the outer bank where it bends; on a map its
    centre is the sine-generated curve of meanders in its simplest form (Langbein and Leopold, USGS Professional Paper
    422-H, 1966).

    Parameters
    ----------
    grid : Grid
        Where.
    position, half_width : float
        Centre and half width at the banks, in traces.
    depth_ms : float
        Greatest depth below the banks.
    steepness : float, default 2
        Exponent of the cross-section: 2 is a parabola, more is a flat bottom between steep banks.
    azimuth : float, default π/2
        The direction in which it flows on the map; π/2 crosses the lines.
    bend, wavelength, phase : float
        Amplitude and length of meanders in traces, and where in a meander the first line lies.
    asymmetry : float, -1 to 1, default 0
        How far the thalweg lies from the centre, as a share of the half width.
    """
    downstream = grid.towards(azimuth)
    across = grid.towards(azimuth - 0.5 * np.pi) - np.float32(position)
    across = across - np.float32(bend) * np.sin(2.0 * np.pi * downstream / wavelength + phase).astype(np.float32)
    relative = across / np.float32(half_width)
    skewed = relative - np.float32(0.5 * asymmetry) * (1.0 - relative**2)
    return np.float32(depth_ms) * np.clip(1.0 - np.abs(np.where(np.abs(relative) < 1, skewed, 1)) ** steepness, 0, None)
