"""Packages of beds between two boundaries, and bodies that are cut into or piled on a boundary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisdream.synthetic.channels import incise
from seisdream.synthetic.clinoforms import SHAPES, prograde
from seisdream.synthetic.grid import Grid
from seisdream.synthetic.layers import Beds, Frame, lay_beds, parallel_to, proportional
from seisdream.synthetic.mass_transport import Disorder, disorder, slide_floor
from seisdream.synthetic.mounds import heap, pile, undulation
from seisdream.synthetic.settings import EarthSettings

_TALLEST_CLINOFORMS_MS = 260.0


@dataclass(frozen=True)
class Package:
    """Beds between boundaries.

    Attributes
    ----------
    kind : str
        One of `settings.PACKAGES`, or ``channel``, ``mass transport``, ``mound``.
    top_ms, base_ms : array
        Boundaries ``(position,)`` at the time of deposition.
    ages : Frame
        Returns ages in ms, counted from the youngest bed of the package.
    span_ms : float
        Age of the oldest bed.
    beds : Beds
        The beds.
    wave_ms : array, optional
        Undulation of the beds ``(time + 1, position)``.
    disorder : Disorder, optional
        What disorders the beds.
    """

    kind: str
    top_ms: np.ndarray
    base_ms: np.ndarray
    ages: Frame
    span_ms: float
    beds: Beds
    wave_ms: np.ndarray | None = None
    disorder: Disorder | None = None


def thickness_of(
    rng: np.random.Generator, grid: Grid, kind: str, settings: EarthSettings, activity: float = 1.0
) -> np.ndarray:
    """Return a random thickness of a package in ms, ``(position,)``."""
    mean_ms = rng.uniform(*settings.package_ms)
    relief_ms = activity * min(rng.uniform(*settings.relief_ms), 0.3 * mean_ms)
    uneven = relief_ms * grid.wander(rng, rng.uniform(60.0, 200.0))[0]
    if kind == "divergent":
        # A wedge that thickens towards one side.
        side = grid.towards(_azimuth(rng, grid)) * np.float32(rng.choice([-1.0, 1.0]))
        extent = max(float(np.ptp(side)), 1.0)
        opening = np.clip((side - side.min()) / (extent * rng.uniform(0.7, 1.1)), 0.0, 1.0)
        return np.float32(max(mean_ms, 100.0)) * (0.15 + 1.8 * opening**1.2) + 0.3 * uneven
    if kind == "clinoforms":
        mean_ms = min(mean_ms, _TALLEST_CLINOFORMS_MS)
    if kind == "chaotic":
        uneven = uneven + 0.08 * mean_ms * grid.wander(rng, 18.0)[0]
    return np.clip(mean_ms + uneven, 0.25 * mean_ms, None).astype(np.float32)


def fill(
    rng: np.random.Generator, grid: Grid, kind: str, top_ms: np.ndarray, base_ms: np.ndarray, settings: EarthSettings
) -> Package:
    """Fill the space between two boundaries with beds of a kind."""
    span_ms = float(np.mean(base_ms - top_ms))
    ages: Frame = proportional(top_ms, base_ms, span_ms)
    wave_ms = disordered = None
    bed_ms = rng.uniform(*settings.bed_ms)
    style: dict = {
        "facies": kind,
        "thickness_ms": bed_ms,
        "contrast": rng.uniform(0.05, 0.11),
        "memory": rng.uniform(-0.5, 0.3),
    }
    if kind in ("parallel", "onlapping"):
        style |= {"facies": "parallel", "contrast": rng.uniform(0.065, 0.11)}
        style |= {"reach": rng.uniform(40.0, 160.0), "patchiness": rng.uniform(0.1, 0.4)}
        if kind == "onlapping":
            ages, span_ms = parallel_to(top_ms), float(np.max(base_ms - top_ms))
    elif kind == "subparallel":
        wave_ms = undulation(
            grid,
            rng,
            wavelength=rng.uniform(9.0, 20.0),
            tall_ms=rng.uniform(60.0, 140.0),
            height=rng.uniform(0.12, 0.19),
        )
        style |= {"contrast": rng.uniform(0.04, 0.08), "reach": rng.uniform(20.0, 40.0)}
    elif kind == "divergent":
        style |= {"contrast": rng.uniform(0.035, 0.08), "reach": rng.uniform(40.0, 90.0), "patchiness": 0.4}
    elif kind == "clinoforms":
        ages, span_ms = _clinoforms(rng, grid, top_ms, base_ms)
        wave_ms = undulation(grid, rng, wavelength=15.0, tall_ms=40.0, height=rng.uniform(0.01, 0.06))
        style |= {"contrast": rng.uniform(0.035, 0.09), "reach": rng.uniform(30.0, 70.0)}
    elif kind == "hummocky":
        wave_ms = undulation(
            grid, rng, wavelength=rng.uniform(7.0, 13.0), tall_ms=rng.uniform(28.0, 48.0), height=rng.uniform(0.2, 0.27)
        )
        style |= {"contrast": rng.uniform(0.05, 0.09), "reach": rng.uniform(5.0, 9.0), "patchiness": 1.3}
    elif kind == "chaotic":
        disordered = disorder(rng, grid, strength_ms=rng.uniform(14.0, 40.0))
        style |= {"contrast": rng.uniform(0.04, 0.1), "reach": rng.uniform(8.0, 40.0), "patchiness": 0.9}
    elif kind == "reflection-free":
        style |= {"contrast": rng.uniform(0.001, 0.004), "thickness_ms": 2.0 * bed_ms}
    return Package(kind, top_ms, base_ms, ages, span_ms, lay_beds(rng, grid, span_ms, **style), wave_ms, disordered)


def _clinoforms(rng, grid, top_ms, base_ms):
    seawards = grid.towards(_azimuth(rng, grid)) * np.float32(rng.choice([-1.0, 1.0]))
    seawards = seawards + np.float32(rng.uniform(0.0, 8.0)) * grid.wander(rng, 60.0)[0] * (grid.n_inlines > 1)
    height_ms = float(np.mean(base_ms - top_ms))
    # The steepest dip of a slope is a quarter of its height divided by its width.
    width = np.clip(0.25 * height_ms / rng.uniform(1.0, 2.4), 10.0, 60.0)
    return prograde(
        top_ms,
        base_ms,
        seawards,
        shape=str(rng.choice(list(SHAPES))),
        width=float(width),
        aggradation=float(rng.uniform(0.0, 0.6)),
    )


def channel_at(rng: np.random.Generator, grid: Grid, boundary_ms: np.ndarray) -> Package:
    """Cut one to three channels into a boundary and fill them with onlapping or draping beds."""
    depth = np.zeros(grid.n_positions, np.float32)
    for _ in range(rng.choice([1, 1, 2, 3])):
        half_width = float(np.exp(rng.uniform(np.log(20.0), np.log(65.0))))
        cut = incise(
            grid,
            position=rng.uniform(0.0, grid.n_traces),
            half_width=half_width,
            depth_ms=float(np.clip(half_width * rng.uniform(1.5, 3.0), 44.0, 130.0)),
            steepness=rng.uniform(1.8, 4.0),
            azimuth=rng.uniform(0.3, 0.7) * np.pi,
            bend=rng.uniform(0.0, 1.2) * half_width,
            wavelength=rng.uniform(6.0, 14.0) * half_width,
            phase=rng.uniform(0.0, 6.28),
            asymmetry=rng.uniform(-0.7, 0.7),
        )
        depth = np.maximum(depth, cut)
    depth = depth * (1.0 + 0.06 * np.clip(grid.wander(rng, 6.0)[0], -2, 2)).astype(np.float32)
    span_ms, base_ms = max(float(depth.max()), 10.0), boundary_ms + depth
    way = rng.random()
    ages = parallel_to(boundary_ms) if way < 0.55 else _drape(boundary_ms, depth, span_ms)
    beds = lay_beds(
        rng,
        grid,
        span_ms,
        facies="channel fill",
        thickness_ms=rng.uniform(7.0, 14.0),
        contrast=rng.uniform(0.05, 0.11) if way < 0.85 else 0.015,
        reach=rng.uniform(10.0, 40.0),
        patchiness=0.6,
    )
    # Coarse sediment or mud, so that the base has a reflection.
    beds.rock[...] += np.float32(rng.uniform(0.08, 0.18)) * (1.0 if rng.random() < 0.7 else -1.0)
    return Package("channel", boundary_ms, base_ms, ages, span_ms, beds)


def _drape(boundary_ms, depth, span_ms) -> Frame:
    """Return ages of a partly draping fill: beds sag towards the thalweg, less so upwards."""
    deep = np.float32(1.0 / span_ms)

    def ages(time_ms):
        into = time_ms - boundary_ms
        return into * (1.0 - np.float32(0.55) * (depth * deep))

    return ages


def slide_at(rng: np.random.Generator, grid: Grid, boundary_ms: np.ndarray) -> Package:
    """Return a mass-transport deposit below a boundary."""
    half_width = rng.uniform(50.0, 140.0)
    depth = slide_floor(
        rng,
        grid,
        position=rng.uniform(0.0, grid.n_traces),
        half_width=half_width,
        depth_ms=rng.uniform(40.0, 110.0),
    )
    span_ms = max(float(depth.max()), 10.0)
    rough_ms = boundary_ms - np.clip(4.0 * grid.wander(rng, 9.0)[0], -8.0, 8.0) * (depth > 0)
    beds = lay_beds(
        rng,
        grid,
        span_ms,
        facies="chaotic",
        thickness_ms=rng.uniform(7.0, 14.0),
        contrast=rng.uniform(0.03, 0.1),
        reach=rng.uniform(8.0, 40.0),
    )
    disordered = disorder(rng, grid, strength_ms=rng.uniform(14.0, 40.0))
    ages = parallel_to(boundary_ms)
    return Package("mass transport", rough_ms, boundary_ms + depth, ages, span_ms, beds, disorder=disordered)


def mounds_on(rng: np.random.Generator, grid: Grid, boundary_ms: np.ndarray) -> Package:
    """Pile mounds on a boundary."""
    height = np.zeros(grid.n_positions, np.float32)
    for _ in range(rng.integers(1, 5)):
        half_width = rng.uniform(15.0, 55.0)
        mound = pile(
            grid,
            position=rng.uniform(0.0, grid.n_traces),
            half_width=half_width,
            height_ms=float(np.clip(half_width * rng.uniform(0.9, 2.2), 20.0, 80.0)),
            line=rng.uniform(0.0, grid.n_inlines),
        )
        height = np.maximum(height, mound)
    span_ms = max(float(height.max()), 10.0)
    beds = lay_beds(
        rng,
        grid,
        span_ms,
        facies="hummocky",
        thickness_ms=rng.uniform(7.0, 12.0),
        contrast=rng.uniform(0.05, 0.1),
        reach=12.0,
        patchiness=0.8,
    )
    beds.rock[...] += np.float32(rng.normal(0.0, 0.08))
    wave = undulation(grid, rng, wavelength=8.0, tall_ms=30.0, height=0.12)
    return Package("mound", boundary_ms - height, boundary_ms, heap(boundary_ms, height, span_ms), span_ms, beds, wave)


def _azimuth(rng, grid) -> float:
    """Return a random direction on the map; along the line in a section."""
    return float(rng.uniform(-0.8, 0.8)) if grid.n_inlines > 1 else 0.0
