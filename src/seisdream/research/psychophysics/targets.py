"""Targets to detect: one small geological body inserted near the middle of a generated earth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisdream.synthetic.channels import incise
from seisdream.synthetic.clinoforms import SHAPES, prograde
from seisdream.synthetic.faults import Fault, slip
from seisdream.synthetic.grid import Grid
from seisdream.synthetic.layers import lay_beds, parallel_to
from seisdream.synthetic.packages import Package
from seisdream.synthetic.salt import Diapir, rise

TARGETS = ("fault", "clinoforms", "channel", "flat spot", "salt flank")
"""Kinds of target, by the names that observers and the quiz use."""


@dataclass(frozen=True)
class Position:
    """Centre of a target in a section.

    Attributes
    ----------
    time_ms : float
        Two-way time in ms.
    trace : float
        Trace, counted from 0.
    """

    time_ms: float
    trace: float


class Target:
    """One geological body, inserted while an earth is composed; see `composition.Planted`.

    Parameters
    ----------
    seed : int
        Determines the body's shape; the same seed gives the same body.
    kind : str
        One of `TARGETS`.
    position : Position
        Centre of the body.
    is_present : bool, default True
        False omits the body but keeps its setting: the anticline that a flat spot needs. Sections without the target
        are made this way, because the anticline alone would otherwise give the target away.
    """

    def __init__(self, seed: int, kind: str, position: Position, *, is_present: bool = True) -> None:
        self.kind, self.position, self.is_present, self._seed = kind, position, is_present, seed

    def _rng(self, part: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, TARGETS.index(self.kind), part])

    def deform(self, grid: Grid, times_ms: np.ndarray) -> np.ndarray | None:
        """Displace beds along a fault, around rising salt, or into the anticline of a flat spot."""
        rng, position = self._rng(0), self.position
        if self.kind == "flat spot":
            # An anticline whose limbs dip enough for a level contact to cut them.
            half_width, height_ms = rng.uniform(20.0, 30.0), rng.uniform(24.0, 40.0)
            times_ms += (height_ms * np.exp(-(((grid.trace - position.trace) / half_width) ** 2))).astype(np.float32)
        elif not self.is_present:
            return None
        elif self.kind == "fault":
            fault = Fault(
                position=position.trace,
                middle_ms=position.time_ms,
                half_height_ms=rng.uniform(110.0, 150.0),
                throw_ms=rng.uniform(6.0, 16.0) * (1.0 if rng.random() < 0.85 else -1.0),
                slope=rng.choice([-1.0, 1.0]) * rng.uniform(0.02, 0.07),
                decay=rng.uniform(18.0, 35.0),
                footwall=rng.uniform(0.2, 0.5),
            )
            slip(fault, grid, times_ms, np.zeros((grid.n_samples, grid.n_positions), np.uint8))
        elif self.kind == "salt flank":
            crest_ms = position.time_ms - rng.uniform(10.0, 50.0)
            body = Diapir(
                position=position.trace,
                crest_ms=crest_ms,
                root_ms=max(grid.bottom_ms, crest_ms + 200.0) * 1.1,
                half_width=rng.uniform(10.0, 16.0),
                lean=rng.normal(0.0, 4.0),
                lift_ms=rng.uniform(15.0, 35.0),
                reach=rng.uniform(8.0, 14.0),
            )
            share, lift_ms = rise(body, grid, grid.faces_ms, 0.6 * grid.texture(rng, 30.0, 10.0))
            times_ms += lift_ms
            return share
        return None

    def body(self, grid: Grid, times_ms: np.ndarray) -> Package | None:
        """Return a filled channel or a lens of clinoforms, or None for other kinds."""
        if not self.is_present or self.kind not in ("channel", "clinoforms"):
            return None
        rng, position = self._rng(1), self.position
        # The body cuts or overlies one bed: a surface of equal depositional time, whatever its present shape.
        row, trace = round(position.time_ms / grid.dt_ms), round(position.trace)
        level_ms = float(times_ms[row, trace])
        if self.kind == "channel":
            deep_ms = rng.uniform(28.0, 48.0)
            top_ms = np.full(grid.n_positions, level_ms - 0.5 * deep_ms, np.float32)
            cut_ms = incise(
                grid,
                position=position.trace,
                half_width=rng.uniform(14.0, 24.0),
                depth_ms=deep_ms,
                steepness=rng.uniform(1.8, 3.5),
                asymmetry=rng.uniform(-0.6, 0.6),
            )
            beds = lay_beds(
                rng, grid, deep_ms, facies="channel fill", thickness_ms=9.0, contrast=0.05, reach=20.0, patchiness=0.6
            )
            beds.rock[...] += np.float32(rng.uniform(0.04, 0.09) * rng.choice([-1.0, 1.0]))
            return Package("channel", top_ms, top_ms + cut_ms, parallel_to(top_ms), deep_ms, beds)
        tall_ms, half_width = rng.uniform(56.0, 88.0), rng.uniform(26.0, 36.0)
        across = np.clip(1.0 - ((grid.trace - position.trace) / half_width) ** 4, 0.0, None).astype(np.float32)
        top_ms = np.full(grid.n_positions, level_ms - 0.5 * tall_ms, np.float32)
        base_ms = top_ms + np.float32(tall_ms) * across
        seawards = (grid.trace - position.trace) * np.float32(rng.choice([-1.0, 1.0]))
        # Foresets prograde between level surfaces; the lens only bounds them.
        width = 0.25 * tall_ms / rng.uniform(1.2, 2.2)
        shape = str(rng.choice(list(SHAPES)))
        floor_ms = top_ms + np.float32(tall_ms)
        ages, span_ms = prograde(top_ms, floor_ms, seawards, shape=shape, width=width, height_ms=tall_ms)
        beds = lay_beds(
            rng, grid, span_ms, facies="clinoforms", thickness_ms=9.0, contrast=0.055, reach=40.0, patchiness=0.4
        )
        return Package("channel", top_ms, base_ms, ages, span_ms, beds)

    def gas(self, grid: Grid, age_ms: np.ndarray) -> np.ndarray | None:
        """Return the fraction of gas in each cell: the crest of the anticline, down to a level contact."""
        if not self.is_present or self.kind != "flat spot":
            return None
        rng, position = self._rng(2), self.position
        row, trace = round(position.time_ms / grid.dt_ms), round(position.trace)
        oldest_ms = age_ms[row, trace] + rng.uniform(30.0, 45.0)
        contact = row + rng.uniform(16.0, 28.0) / grid.dt_ms
        share = np.clip(np.float32(contact) - np.arange(grid.n_samples, dtype=np.float32)[:, None], 0.0, 1.0)
        near = np.abs(grid.trace - position.trace) < 30.0
        return (share * ((age_ms >= age_ms[row, trace]) & (age_ms < oldest_ms) & near)).astype(np.float32)
