"""Artefacts: patterns of acquisition and processing that can be mistaken for geology."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from seisdream.synthetic.grid import Grid
from seisdream.synthetic.wavelets import ricker

ARTEFACTS = ("footprint", "smiles", "multiples", "linear noise")
"""Kinds of artefact."""


def make_artefact(
    rng: np.random.Generator, grid: Grid, kind: str, background: np.ndarray, peak_hz: float, centre: tuple[int, int]
) -> np.ndarray:
    """Return an artefact to be added to a section of unit standard deviation, ``(time, trace)``.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    grid : Grid
        Grid of a single line.
    kind : str
        One of `ARTEFACTS`:

        - ``footprint``: amplitude stripes with the period of the acquisition geometry, fading with time;
        - ``smiles``: migrated noise bursts, elliptical and concave upwards;
        - ``multiples``: a delayed, weaker copy of the section with reversed polarity and its own dip;
        - ``linear noise``: steep linear events in both directions, which seem to break the beds.
    background : array
        Section without target and noise, ``(time, trace)``; source of footprint and multiples.
    peak_hz : float
        Peak frequency of the wavelet of smiles and linear noise.
    centre : (int, int)
        Row and trace around which smiles and linear noise are placed.
    """
    if kind == "footprint":
        period, decay_ms = rng.uniform(4.0, 10.0), rng.uniform(150.0, 500.0)
        pattern = np.cos(2.0 * np.pi * (grid.trace / period + rng.random()))
        return (rng.uniform(0.3, 0.7) * pattern * np.exp(-grid.faces_ms[:-1] / decay_ms) * background).astype(
            np.float32
        )
    if kind == "multiples":
        delay, dip = int(rng.integers(10, 30)), rng.uniform(-0.15, 0.15)
        rows = np.arange(grid.n_samples)[:, None] - delay - dip * (grid.trace - 0.5 * grid.n_traces)
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
            row, at = centre[0] + rng.normal(0.0, 12.0), centre[1] + rng.normal(0.0, 16.0)
            half_width = rng.uniform(16.0, 34.0)
            inside = np.clip(1.0 - ((trace - at) / half_width) ** 2, 0.0, None)
            # The lower half of an ellipse: strongest below the burst, weaker up its limbs.
            _add_spikes(spikes, row - (1.0 - np.sqrt(inside)) * rng.uniform(14.0, 26.0), rng.normal() * np.sqrt(inside))
    elif kind == "linear noise":
        for sign in (-1.0, 1.0):
            for _ in range(rng.integers(2, 4)):
                dip = sign * rng.uniform(1.2, 2.6)
                offset = trace - (centre[1] + rng.normal(0.0, 9.0))
                taper = np.exp(-((offset / rng.uniform(12.0, 26.0)) ** 2))
                _add_spikes(spikes, centre[0] + dip * offset, rng.choice([-1.0, 1.0]) * rng.uniform(0.6, 1.2) * taper)
    wavelet = ricker((np.arange(-20, 21)) * grid.dt_ms, peak_hz)
    return (rng.uniform(0.9, 1.5) * fftconvolve(spikes, wavelet[:, None], mode="same")).astype(np.float32)


def _add_spikes(spikes: np.ndarray, rows: np.ndarray, heights: np.ndarray) -> None:
    """Add one spike to each trace, in place, split linearly between the two nearest samples."""
    below = np.floor(rows).astype(int)
    for at, weight in ((below, 1.0 - (rows - below)), (below + 1, rows - below)):
        inside = (at >= 0) & (at < len(spikes))
        np.add.at(spikes, (at[inside], np.flatnonzero(inside)), (weight * heights)[inside].astype(np.float32))
