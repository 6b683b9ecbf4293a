"""Salt: bodies that rise through the beds above and drag them along."""

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

The stages of Trusheim (AAPG Bulletin 44, 1960) and the shapes of Jackson and Talbot (GSA Bulletin 97, 1986).
"""


@dataclass(frozen=True)
class Diapir:
    """A body of salt.

    Attributes
    ----------
    position : float
        Trace of its axis at the crest.
    crest_ms, root_ms : float
        Times of its top and of the level at which it has its full width.
    half_width : float
        At the root, in traces.
    shape : str, default "stock"
        One of `SHAPES`.
    lean : float, default 0
        How far the axis shifts from root to crest, in traces.
    lift_ms : float, default 100
        How far beds at its flank are dragged up.
    reach : float, default 25
        Over which distance from the flank the drag fades, in traces.
    line : float, default 0
        Inline of its axis.
    stretch : float, default 1
        How much longer than wide it is across the lines: salt walls.
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
        """Return the half width in traces at given times; nothing above the crest."""
        depth = (np.asarray(time_ms) - self.crest_ms) / (self.root_ms - self.crest_ms)
        return (self.half_width * SHAPES[self.shape](np.clip(depth, 0.0, 1.0))).astype(np.float32)


def rise(
    diapir: Diapir, grid: Grid, times_ms: np.ndarray, rough: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Let salt rise; return where it is and by how much the beds beside it are lifted.

    Beds are dragged up along the flanks and domed over the crest, with a rim syncline around (Trusheim, 1960).

    Parameters
    ----------
    diapir : Diapir
        The body.
    grid : Grid
        Where.
    times_ms : array
        Times of the faces, ``(time + 1, 1)`` or ``(time + 1, position)``.
    rough : array, default 0
        Roughness of the flank in traces, ``(time + 1, position)``.

    Returns
    -------
    share : array
        How much of each cell is salt, 0 to 1, ``(time, position)``.
    lift_ms : array
        ``(time + 1, position)``.
    """
    inside = diapir.half_width_at(times_ms) - diapir.from_axis(grid, times_ms)
    outside = np.clip(-inside, 0.0, None) / np.float32(diapir.reach)
    body = inside + rough
    # A cell is a trace wide: on a steep flank it is cut sideways, on a flat crest from above.
    middle = 0.5 * (body[1:] + body[:-1])
    share = np.clip(0.5 + middle / np.maximum(np.abs(np.diff(body, axis=0)), 1.0), 0.0, 1.0)
    share[times_ms[1:, 0] <= diapir.crest_ms] = 0.0

    above = np.clip(diapir.crest_ms - times_ms, 0.0, None) / np.float32(1.2 * diapir.lift_ms + 40.0)
    drag = np.exp(-(outside**1.6)) - np.float32(0.18) * np.exp(-(((outside - 2.2) / 0.9) ** 2))
    return share.astype(np.float32), np.float32(diapir.lift_ms) * np.exp(-(above**2)).astype(np.float32) * drag


def shadow(share: np.ndarray) -> np.ndarray:
    """Return how well the ground is seen, 1 (clear) to 0.3 (in the shadow of salt above it), ``(time, position)``.

    Rays through a rugose body of salt do not focus, and what lies below is dim (Leveille and others, Geophysics 76,
    2011).
    """
    covered = np.maximum.accumulate(share, axis=0) * (1.0 - share)
    return (1.0 - np.float32(0.7) * covered).astype(np.float32)
