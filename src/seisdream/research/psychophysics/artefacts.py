"""Illusions: what recording and processing leave in a section that looks like geology and is none."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from seisdream.synthetic.grid import Grid
from seisdream.synthetic.wavelets import ricker

ILLUSIONS = ("footprint", "smiles", "multiples", "crossing noise")
"""The kinds of illusion."""


def make_illusion(
    rng: np.random.Generator, grid: Grid, kind: str, background: np.ndarray, peak_hz: float, middle: tuple[int, int]
) -> np.ndarray:
    """Make what is added to a section of unit standard deviation, ``(time, trace)``.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    grid : Grid
        Of one line.
    kind : str
        One of `ILLUSIONS`:

        - ``footprint``: stripes of gain with the period of the acquisition, fading downwards;
        - ``smiles``: what migration makes of bursts of noise, ellipses that are open upwards;
        - ``multiples``: the section once more, later, weaker and of reversed polarity, with a dip of its own;
        - ``crossing noise``: steep linear events of both directions, along which beds seem to break.
    background : array
        The section without noise ``(time, trace)``, of which footprint and multiples are made.
    peak_hz : float
        Of the wavelet of smiles and crossing noise.
    middle : (int, int)
        Row and trace around which smiles and crossing noise are drawn.
    """
    if kind == "footprint":
        period, fading = rng.uniform(4.0, 10.0), rng.uniform(150.0, 500.0)
        pattern = np.cos(2.0 * np.pi * (grid.trace / period + rng.random()))
        return (rng.uniform(0.3, 0.7) * pattern * np.exp(-grid.faces_ms[:-1] / fading) * background).astype(np.float32)
    if kind == "multiples":
        later, dip = int(rng.integers(10, 30)), rng.uniform(-0.15, 0.15)
        rows = np.arange(grid.n_samples)[:, None] - later - dip * (grid.trace - 0.5 * grid.n_traces)
        below = np.floor(rows).astype(int)
        weight = (rows - below).astype(np.float32)
        at = np.arange(grid.n_traces)
        last = grid.n_samples - 1
        copy = (1 - weight) * background[below.clip(0, last), at] + weight * background[(below + 1).clip(0, last), at]
        return (-rng.uniform(0.3, 0.6) * copy * (rows >= 0)).astype(np.float32)
    spikes = np.zeros((grid.n_samples, grid.n_traces), np.float32)
    trace = np.arange(grid.n_traces)
    if kind == "smiles":
        for _ in range(rng.integers(2, 5)):
            row, at = middle[0] + rng.normal(0.0, 12.0), middle[1] + rng.normal(0.0, 16.0)
            half_width = rng.uniform(16.0, 34.0)
            inside = np.clip(1.0 - ((trace - at) / half_width) ** 2, 0.0, None)
            # An ellipse's lower half: deepest below the burst, and weaker up its limbs.
            _spread(spikes, row - (1.0 - np.sqrt(inside)) * rng.uniform(14.0, 26.0), rng.normal() * np.sqrt(inside))
    elif kind == "crossing noise":
        for sign in (-1.0, 1.0):
            for _ in range(rng.integers(2, 4)):
                dip = sign * rng.uniform(1.2, 2.6)
                away = trace - (middle[1] + rng.normal(0.0, 9.0))
                fading = np.exp(-((away / rng.uniform(12.0, 26.0)) ** 2))
                _spread(spikes, middle[0] + dip * away, rng.choice([-1.0, 1.0]) * rng.uniform(0.6, 1.2) * fading)
    wavelet = ricker((np.arange(-20, 21)) * grid.dt_ms, peak_hz)
    return (rng.uniform(0.9, 1.5) * fftconvolve(spikes, wavelet[:, None], mode="same")).astype(np.float32)


def _spread(spikes: np.ndarray, rows: np.ndarray, heights: np.ndarray) -> None:
    """Add one spike a trace, in place, shared by the two samples next to its row."""
    below = np.floor(rows).astype(int)
    for at, weight in ((below, 1.0 - (rows - below)), (below + 1, rows - below)):
        inside = (at >= 0) & (at < len(spikes))
        np.add.at(spikes, (at[inside], np.flatnonzero(inside)), (weight * heights)[inside].astype(np.float32))
