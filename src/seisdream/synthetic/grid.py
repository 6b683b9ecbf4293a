"""The grid of a synthetic earth, and smooth random fields on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np


@dataclass(frozen=True)
class Grid:
    """Samples in time for the traces of a line (one inline) or of a map.

    All fields are ``(time, position)``, where a position is a trace of the line or of the map, inline by inline. So the
    same code makes sections and cubes. Rock fills *cells*, one for each sample. Surfaces cut cells anywhere, so
    coordinates are kept on the *faces* between cells.

    Attributes
    ----------
    n_samples, n_inlines, n_traces : int
        Size of the grid; a section has one inline.
    dt_ms : float
        Sampling interval in ms of two-way time.
    """

    n_samples: int
    n_inlines: int
    n_traces: int
    dt_ms: float

    @property
    def bottom_ms(self) -> float:
        """Two-way time of the lowest face in ms."""
        return self.n_samples * self.dt_ms

    @property
    def n_positions(self) -> int:
        """Number of traces."""
        return self.n_inlines * self.n_traces

    @cached_property
    def faces_ms(self) -> np.ndarray:
        """Two-way times of the faces, ``(time + 1, 1)``; a sample is in the middle of its cell."""
        return (np.arange(self.n_samples + 1, dtype=np.float32) * np.float32(self.dt_ms))[:, None]

    @cached_property
    def trace(self) -> np.ndarray:
        """Number of the trace at each position, ``(position,)``, from 0."""
        return np.tile(np.arange(self.n_traces, dtype=np.float32), self.n_inlines)

    @cached_property
    def inline(self) -> np.ndarray:
        """Number of the inline at each position, ``(position,)``, from 0."""
        return np.repeat(np.arange(self.n_inlines, dtype=np.float32), self.n_traces)

    def towards(self, azimuth: float) -> np.ndarray:
        """Return the distance of each position in a direction, in traces; azimuth 0 is along a line."""
        if self.n_inlines == 1:
            return self.trace * np.float32(np.cos(azimuth))
        return self.trace * np.float32(np.cos(azimuth)) + self.inline * np.float32(np.sin(azimuth))

    def wander(self, rng, scale: float, n: int = 1) -> np.ndarray:
        """Return smooth noise of unit variance over the map, ``(n, position)``; the scale is in traces."""
        across = _bumps(self.n_traces, scale)
        if self.n_inlines == 1:
            return rng.standard_normal((n, len(across)), dtype=np.float32) @ across
        along = _bumps(self.n_inlines, scale)
        noise = rng.standard_normal((n, len(along), len(across)), dtype=np.float32) @ across
        return np.einsum("nkx,ky->nyx", noise, along, optimize=True).reshape(n, -1)

    def texture(self, rng, scale_ms: float, scale: float) -> np.ndarray:
        """Return smooth noise of unit variance on the faces, ``(time + 1, position)``; scales in ms and traces."""
        down = _bumps(self.n_samples + 1, scale_ms / self.dt_ms)
        return down.T @ self.wander(rng, scale, len(down))


def _bumps(n_points: int, scale: float) -> np.ndarray:
    """Return Gaussian bumps ``(bump, point)``, whose sum with normal weights is smooth noise of unit variance."""
    scale = max(scale, 0.6)
    return _cached_bumps(n_points, float(f"{scale:.2g}"))  # Rounded to two digits, so that few are cached.


@lru_cache(maxsize=512)
def _cached_bumps(n_points: int, scale: float) -> np.ndarray:
    centres = np.arange(-3.0 * scale, n_points + 3.0 * scale, scale)
    bumps = np.exp(-0.5 * ((np.arange(n_points) - centres[:, None]) / scale) ** 2)
    return (bumps / np.sqrt(np.sum(bumps**2, axis=0))).astype(np.float32)


def share_below(faces: np.ndarray) -> np.ndarray:
    """Return the fraction of each cell in which a function is positive, 0 to 1, from its values on the faces."""
    top, bottom = faces[:-1], faces[1:]
    return np.clip(np.maximum(top, bottom) / (np.abs(bottom - top) + np.float32(1e-6)), 0.0, 1.0)
