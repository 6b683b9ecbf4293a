"""Faults whose throw decreases from the middle to the tips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisdream.synthetic.grid import Grid

_VISIBLE_MS = 2.0  # A smaller throw is not visible, and is not labelled.
_FANS_MS = 25.0  # Growth with less throw does not visibly fan out beds.


@dataclass(frozen=True)
class Fault:
    """A fault whose throw decreases to its tips, along strike and away from the plane.

    Throw is largest in the middle of an elliptical plane and zero at its tip line (Walsh and Watterson, Journal of
    Structural Geology 9, 1987). It decreases away from the plane in both walls, which gives reverse drag (Barnett et
    al., AAPG Bulletin 71, 1987). Blocks move by vertical shear.

    Attributes
    ----------
    position : float
        Position of the middle of the plane, in traces towards ``azimuth``.
    middle_ms, half_height_ms : float
        Middle of the plane, and the distance of its tips above and below.
    throw_ms : float
        Displacement in the middle in ms; positive for a normal fault, negative for a reverse fault.
    slope : float, default 0.05
        Slope of the plane in traces per ms; positive planes dip towards ``azimuth``.
    curve : float, default 0
        Listric curvature: the relative increase of the slope from the middle to the lower tip, and its decrease to
        the upper tip.
    decay : float, default 60
        Distance in traces at which the displacement is 1/e.
    footwall : float, 0 to 1, default 0.3
        Fraction of the displacement in the footwall.
    growth : float, 0 to 1, default 0
        Fraction of the plane, from the upper tip down, in which throw increases because beds were deposited during
        slip. Below it the throw is constant until it decreases in the lowest quarter (Thorsen, Transactions of the Gulf
        Coast Association of Geological Societies 13, 1963).
    azimuth : float, default 0
        Direction of dip in radians on the map.
    half_length : float, default infinite
        Distance of the tips along strike in traces.
    centre : float, default 0
        Position of the middle along strike in traces.
    """

    position: float
    middle_ms: float
    half_height_ms: float
    throw_ms: float
    slope: float = 0.05
    curve: float = 0.0
    decay: float = 60.0
    footwall: float = 0.3
    growth: float = 0.0
    azimuth: float = 0.0
    half_length: float = float("inf")
    centre: float = 0.0

    def throw_at(self, time_ms: np.ndarray) -> np.ndarray:
        """Return the throw in ms at given times in the middle of its length."""
        along = (np.asarray(time_ms) - self.middle_ms) / self.half_height_ms
        if not self.growth:
            return self.throw_ms * np.clip(1.0 - along**2, 0.0, None)
        down = 0.5 * (along + 1.0)
        return self.throw_ms * np.clip(np.minimum(down / self.growth, (1.0 - down) / 0.25), 0.0, 1.0)

    def from_plane(self, grid: Grid, time_ms: np.ndarray) -> np.ndarray:
        """Return the distance from the plane in traces, ``(time, position)``, positive in the hanging wall."""
        along = (time_ms - np.float32(self.middle_ms)) / np.float32(self.half_height_ms)
        plane = self.slope * self.half_height_ms * (along + 0.5 * self.curve * (along**2 - 1.0)) + self.position
        side = np.float32(1.0 if self.slope >= 0 else -1.0)
        return side * (grid.towards(self.azimuth) - plane.astype(np.float32))


def slip(fault: Fault, grid: Grid, times_ms: np.ndarray, labels: np.ndarray) -> None:
    """Undo the slip of a fault, in place.

    Parameters
    ----------
    fault : Fault
        The fault.
    grid : Grid
        The grid.
    times_ms : array
        Times of the faces ``(time + 1, position)``, changed to those before the slip.
    labels : array
        uint8 ``(time, position)``: set to 1 on the plane (if the throw is visible), 2 in growth strata.
    """
    above, below = fault.middle_ms - fault.half_height_ms, fault.middle_ms + fault.half_height_ms
    rows = slice(max(int(above / grid.dt_ms), 0), max(int(np.ceil(below / grid.dt_ms)) + 1, 0))
    time_ms = grid.faces_ms[rows]
    if len(time_ms) < 2:
        return
    distance = fault.from_plane(grid, time_ms)
    columns = slice(None)
    if grid.n_inlines == 1:  # Only columns near the plane move, which are contiguous in a section.
        near = np.flatnonzero(np.abs(distance).min(axis=0) < 5.0 * fault.decay)
        if not len(near):
            return
        columns = slice(near[0], near[-1] + 1)
        distance = distance[:, columns]
    throw = fault.throw_at(time_ms).astype(np.float32)
    if np.isfinite(fault.half_length):
        strike = grid.towards(fault.azimuth + 0.5 * np.pi)[columns]
        throw = throw * np.clip(1.0 - ((strike - fault.centre) / fault.half_length) ** 2, 0.0, None).astype(np.float32)
    share = np.where(distance > 0.0, np.float32(1.0 - fault.footwall), np.float32(-fault.footwall))
    fading = np.exp(np.abs(distance) * np.float32(-1.0 / fault.decay))
    times_ms[rows, columns] -= throw * share * fading

    lean = max(1.0, abs(fault.slope) * grid.dt_ms)  # A flat plane crosses several traces within a sample.
    middle = 0.5 * (distance[:-1] + distance[1:])
    plane = (np.abs(middle) <= 0.5 * lean) & (np.abs(throw[:-1]) > _VISIBLE_MS)
    marks = labels[rows.start : rows.start + len(middle), columns]
    if fault.growth and fault.throw_ms > _FANS_MS:
        growing = (time_ms[:-1] - above) < 2.0 * fault.growth * fault.half_height_ms
        marks[growing & (middle > 0.0) & (middle < 0.9 * fault.decay)] |= 2
    marks[plane] |= 1
