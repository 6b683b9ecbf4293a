"""Salt bodies that pierce and drag the beds above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisdream.synthetic.grid import Grid


def _stock(depth):
    return depth**0.35


def _bulb(depth):
    return depth**0.4 * (0.75 + 0.6 * np.exp(-(((depth - 0.22) / 0.2) ** 2)))


def _pillow(depth):
    return np.sqrt(-np.log(1.0 - 0.93 * depth))


SHAPES = {"stock": _stock, "bulb": _bulb, "pillow": _pillow}
"""Relative half widths by relative depth below the crest: steep stocks, stocks with overhangs, and gentle pillows.

After the stages of Trusheim (AAPG Bulletin 44, 1960) and the shapes of Jackson and Talbot (GSA Bulletin 97, 1986).
"""


@dataclass(frozen=True)
class Diapir:
    """A body of salt.

    Attributes
    ----------
    position : float
        Trace of its axis at the crest.
    crest_ms, root_ms : float
        Times of its top and of the level of its full width.
    half_width : float
        Half width at the root in traces.
    shape : str, default "stock"
        One of `SHAPES`.
    lean : float, default 0
        Shift of the axis from root to crest in traces.
    lift_ms : float, default 100
        Upward drag of beds at its flank in ms.
    reach : float, default 25
        Distance from the flank over which the drag decays, in traces.
    line : float, default 0
        Inline of its axis.
    stretch : float, default 1
        Ratio of length to width across the lines, for salt walls.
    """

    position: float
    crest_ms: float
    root_ms: float
    half_width: float
    shape: str = "stock"
    lean: float = 0.0
    lift_ms: float = 100.0
    reach: float = 25.0
    line: float = 0.0
    stretch: float = 1.0

    def from_axis(self, grid: Grid, time_ms: np.ndarray) -> np.ndarray:
        """Return the distance from the axis in traces, ``(time, position)``."""
        depth = (time_ms - np.float32(self.crest_ms)) / np.float32(self.root_ms - self.crest_ms)
        axis = np.float32(self.position) + np.float32(self.lean) * np.sin(np.float32(2.0) * np.clip(depth, 0.0, 1.5))
        if grid.n_inlines == 1:
            return np.abs(grid.trace - axis)
        return np.hypot(grid.trace - axis, (grid.inline - np.float32(self.line)) / np.float32(self.stretch))

    def half_width_at(self, time_ms: np.ndarray) -> np.ndarray:
        """Return the half width in traces at given times; zero above the crest."""
        depth = (np.asarray(time_ms) - self.crest_ms) / (self.root_ms - self.crest_ms)
        return (self.half_width * SHAPES[self.shape](np.clip(depth, 0.0, 1.0))).astype(np.float32)


def rise(
    diapir: Diapir, grid: Grid, times_ms: np.ndarray, rough: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the fraction of salt in each cell, and the uplift of beds around it.

    Beds are dragged up along the flanks and domed over the crest, with a rim syncline around (Trusheim, 1960).

    Parameters
    ----------
    diapir : Diapir
        The salt body.
    grid : Grid
        The grid.
    times_ms : array
        Times of the faces, ``(time + 1, 1)`` or ``(time + 1, position)``.
    rough : array, default 0
        Roughness of the flank in traces, ``(time + 1, position)``.

    Returns
    -------
    share : array
        Fraction of salt in each cell, 0 to 1, ``(time, position)``.
    lift_ms : array
        Uplift in ms, ``(time + 1, position)``.
    """
    inside = diapir.half_width_at(times_ms) - diapir.from_axis(grid, times_ms)
    outside = np.clip(-inside, 0.0, None) / np.float32(diapir.reach)
    body = inside + rough
    # A steep flank cuts a cell, which is one trace wide, from the side; a flat crest cuts it from above.
    middle = 0.5 * (body[1:] + body[:-1])
    share = np.clip(0.5 + middle / np.maximum(np.abs(np.diff(body, axis=0)), 1.0), 0.0, 1.0)
    share[times_ms[1:, 0] <= diapir.crest_ms] = 0.0

    above = np.clip(diapir.crest_ms - times_ms, 0.0, None) / np.float32(1.2 * diapir.lift_ms + 40.0)
    drag = np.exp(-(outside**1.6)) - np.float32(0.18) * np.exp(-(((outside - 2.2) / 0.9) ** 2))
    return share.astype(np.float32), np.float32(diapir.lift_ms) * np.exp(-(above**2)).astype(np.float32) * drag


def shadow(share: np.ndarray) -> np.ndarray:
    """Return the illumination, 1 (full) to 0.3 (below salt), ``(time, position)``.

    Rays through a rugose salt body do not focus, and reflections below it are weak (Leveille and others, Geophysics 76,
    2011).
    """
    covered = np.maximum.accumulate(share, axis=0) * (1.0 - share)
    return (1.0 - np.float32(0.7) * covered).astype(np.float32)
