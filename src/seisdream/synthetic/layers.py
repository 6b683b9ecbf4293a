"""Beds: thickness, rock properties and lateral extent, and their average in each sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seisdream.synthetic.facies import CODES
from seisdream.synthetic.grid import Grid

Frame = Callable[[np.ndarray], np.ndarray]
"""Returns ages in ms, counted from the youngest bed of a package, at times ``(face, position)``."""

_BEYOND_MS = 60.0  # The youngest and the oldest bed extend this far beyond the package, for cells across its boundary.


def proportional(top_ms: np.ndarray, base_ms: np.ndarray, span_ms: float) -> Frame:
    """Return ages that are proportional between two surfaces: beds parallel to both, or diverging with them.

    These are the parallel and divergent configurations of Mitchum, Vail and Sangree (AAPG Memoir 26, 1977).
    """
    scale = np.float32(span_ms) / np.maximum(base_ms - top_ms, np.float32(1.0))
    return lambda time_ms: (time_ms - top_ms) * scale


def parallel_to(top_ms: np.ndarray) -> Frame:
    """Return ages of beds parallel to a top, so that they onlap or downlap the relief below.

    The reflection terminations are those of Mitchum, Vail and Thompson (AAPG Memoir 26, 1977).
    """
    return lambda time_ms: time_ms - top_ms


@dataclass(frozen=True)
class Beds:
    """The beds of one package, youngest first.

    Attributes
    ----------
    edges_ms : array
        Ages of the boundaries, ``(bed + 1,)``.
    rock : array
        Complex64 ``(bed, position)``: deviation of the logarithm of velocity (real) and of density (imaginary) from
        the trend with depth.
    facies, lithology : array
        Codes, uint8: ``(bed, position)`` and ``(bed,)``.
    """

    edges_ms: np.ndarray
    rock: np.ndarray
    facies: np.ndarray
    lithology: np.ndarray

    def sampled(self, ages_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rock, facies and lithology of cells, ``(cell, position)``, from the ages of their faces.

        Rock is averaged over the beds in a cell, so that thin beds count by their thickness and reflections of dipping
        beds have no steps.
        """
        n_beds, n_positions = self.rock.shape
        thickness = np.diff(self.edges_ms)[:, None]
        summed = np.zeros((n_beds + 1, n_positions), np.complex64)
        np.cumsum(self.rock * thickness, axis=0, out=summed[1:])
        ages = np.clip(ages_ms, self.edges_ms[0], self.edges_ms[-1] - 1e-2)
        position = np.interp(ages, self.edges_ms, np.arange(n_beds + 1)).astype(np.float32)
        bed = position.astype(np.int32)
        address = bed * np.int32(n_positions) + np.arange(n_positions, dtype=np.int32)
        into = (ages - self.edges_ms.astype(np.float32)[bed]).astype(np.float32)
        depth = summed.ravel()[address] + into * self.rock.ravel()[address]
        span = np.diff(ages, axis=0)
        same = np.abs(span) < 1e-2
        rock = np.where(same, self.rock.ravel()[address[:-1]], np.diff(depth, axis=0) / np.where(same, 1.0, span))
        middle = ((position[:-1] + position[1:]) * np.float32(0.5)).astype(np.int32)
        return (
            rock,
            self.facies.ravel()[middle * np.int32(n_positions) + np.arange(n_positions)],
            self.lithology[middle],
        )


def lay_beds(
    rng: np.random.Generator,
    grid: Grid,
    span_ms: float,
    *,
    facies: str,
    thickness_ms: float = 12.0,
    contrast: float = 0.06,
    reach: float = 60.0,
    patchiness: float = 0.5,
    memory: float = 0.0,
) -> Beds:
    """Deposit beds during a span of time.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    grid : Grid
        The grid.
    span_ms : float
        Age of the base of the package.
    facies : str
        Facies of all beds; ``parallel`` for packages that vary between high and low amplitude.
    thickness_ms : float, default 12
        Mean thickness in ms. Thicknesses have a gamma distribution with many thin beds and few thick ones, close to the
        exponential distribution of random sedimentation, modulated by slow cycles.
    contrast : float, default 0.06
        Standard deviation of the logarithm of velocity between beds. Its distribution has heavy tails, as reflection
        coefficients in wells (Walden and Hosken, Geophysical Prospecting 33, 1985, and 34, 1986).
    reach : float, default 60
        Lateral scale of variations of a bed in traces.
    patchiness : float, 0 to 1, default 0.5
        Strength of these variations.
    memory : float, -1 to 1, default 0
        Correlation of a bed with the one below; negative for alternating beds, whose reflectivity is blue.
    """
    n_most = int(2.5 * span_ms / thickness_ms) + 4
    cycles = np.exp(0.5 * np.sin(np.cumsum(rng.uniform(0.0, 0.6, n_most)) + rng.uniform(0.0, 6.0)))
    thickness = np.maximum(rng.gamma(1.6, size=n_most) / 1.6 * cycles * thickness_ms, 1.0)
    edges = np.cumsum(thickness)
    n_beds = int(np.searchsorted(edges, span_ms)) + 1
    edges = np.concatenate([[-_BEYOND_MS], edges[: n_beds - 1], [max(span_ms, edges[n_beds - 2]) + _BEYOND_MS]])

    hardness = 0.7 * rng.laplace(scale=np.sqrt(0.5), size=n_beds) + 0.7 * rng.standard_normal(n_beds)
    for bed in range(1, n_beds):
        hardness[bed] += memory * hardness[bed - 1]
    along = grid.wander(rng, reach, n_beds)
    relative = hardness[:, None].astype(np.float32) * (1.0 + np.float32(patchiness) * along)
    # Add variations of each bed at smaller scales.
    for share, far in ((0.25, 0.5), (0.35, 0.12)):
        relative += np.float32(share * patchiness) * grid.wander(rng, far * reach, n_beds)
    _merge_beds(rng, grid, relative, 3.0 * reach)
    if facies == "parallel":
        strength, codes = _high_and_low(rng, grid, edges)
    else:
        strength, codes = np.float32(1.0), np.full(relative.shape, CODES[facies], np.uint8)
    log_vp = np.float32(contrast) * strength * np.clip(relative, -4.0, 4.0)
    log_density = np.float32(0.15 * contrast) * rng.standard_normal((n_beds, 1), dtype=np.float32) * np.sign(strength)
    rock = np.empty(relative.shape, np.complex64)
    rock.real, rock.imag = log_vp, log_density
    lithology = np.where(hardness > 1.6, 3, np.where(hardness > 0.1, 2, 1)).astype(np.uint8)
    return Beds(edges, rock, codes, lithology)


def _merge_beds(rng: np.random.Generator, grid: Grid, relative: np.ndarray, far: float) -> None:
    """Let some beds lose their contrast with the younger one laterally, so that reflections merge, split and end."""
    share = rng.uniform(0.0, 0.5)
    for bed in 1 + np.flatnonzero(rng.random(len(relative) - 1) < share):
        merged = np.clip(0.5 + np.float32(rng.uniform(1.5, 6.0)) * (grid.wander(rng, far)[0] - 0.3), 0.0, 1.0)
        relative[bed] += merged * (relative[bed - 1] - relative[bed])


def _high_and_low(rng, grid, edges) -> tuple[np.ndarray, np.ndarray]:
    """Return strength and facies of groups of beds of high or low amplitude, some of which change laterally."""
    middles = 0.5 * (edges[1:] + edges[:-1])
    n_groups = 1 + int(middles[-1] / 60.0)
    group = np.minimum(np.searchsorted(np.cumsum(rng.gamma(6.0, 35.0, n_groups)), middles), n_groups - 1)
    level = np.where(rng.random(n_groups) < 0.5, 1.0, -1.0)
    tilted = np.where(rng.random(n_groups) < 0.35, 1.5, 0.0)
    state = level[:, None].astype(np.float32) + tilted[:, None].astype(np.float32) * grid.wander(rng, 80.0, n_groups)
    high = 1.0 / (1.0 + np.exp(-8.0 * state))
    strength = (0.18 + 0.92 * high).astype(np.float32)
    codes = np.where(state > 0.0, CODES["parallel-high"], CODES["parallel-low"]).astype(np.uint8)
    return strength[group], codes[group]
