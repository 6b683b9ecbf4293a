"""Faults: planes on which beds slip, most in the middle and not at all at the tips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisdream.synthetic.grid import Grid

_VISIBLE_MS = 2.0  # Where the throw is less, there is no fault to be seen, nor to be labelled.
_FANS_MS = 25.0  # Where growth adds less, the beds hardly fan out.


@dataclass(frozen=True)
class Fault:
    """A fault whose throw falls off to its tips, along strike and away from the plane.

    Throw is greatest in the middle of an elliptical plane and nothing at its tip line (Walsh and Watterson, Journal
    of Structural Geology 9, 1987); it falls off away from the plane in both walls, which gives reverse drag (Barnett
    and others, AAPG Bulletin 71, 1987). Blocks move by vertical shear.

    Attributes
    ----------
    position : float
        Where the plane's middle stands, in traces towards ``azimuth``.
    middle_ms, half_height_ms : float
        The middle of the plane, and how far above and below it the tips lie.
    throw_ms : float
        Displacement in the middle in ms; positive for a normal fault, negative for a reverse fault.
    slope : float, default 0.05
        How far the plane leans, in traces per ms; positive planes dip towards ``azimuth``.
    curve : float, default 0
        Listric: by which share the slope grows from the middle to the lower tip, and lessens to the upper.
    decay : float, default 60
        Distance in traces at which the displacement has fallen to 1/e.
    footwall : float, 0 to 1, default 0.3
        The footwall's share of the displacement.
    growth : float, 0 to 1, default 0
        Share of the plane, from the upper tip down, in which throw grows because beds settled while it slipped; below
        it the throw stays until it falls off in the lowest quarter (Thorsen, Transactions of the Gulf Coast
        Association of Geological Societies 13, 1963).
    azimuth : float, default 0
        Direction of dip in radians on the map.
    half_length : float, default infinite
        How far along strike the tips lie, in traces.
    centre : float, default 0
        Where along strike the middle lies, in traces.
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
        """Return the throw on the plane at given times, ms, in the middle of its length."""
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


def slip(fault: Fault, grid: Grid, times_ms: np.ndarray, seen: np.ndarray) -> None:
    """Take a fault's slip back, in place: where each face was before it.

    Parameters
    ----------
    fault : Fault
        What slipped.
    grid : Grid
        Where.
    times_ms : array
        ``(time + 1, position)``: changed to the times at which things lay before the slip.
    seen : array
        uint8 ``(time, position)``: set to 1 on the plane (where throw is to be seen), 2 in growth strata.
    """
    above, below = fault.middle_ms - fault.half_height_ms, fault.middle_ms + fault.half_height_ms
    rows = slice(max(int(above / grid.dt_ms), 0), max(int(np.ceil(below / grid.dt_ms)) + 1, 0))
    time_ms = grid.faces_ms[rows]
    if len(time_ms) < 2:
        return
    distance = fault.from_plane(grid, time_ms)
    columns = slice(None)
    if grid.n_inlines == 1:  # Nothing moves far from the plane; in a section the columns near it are neighbours.
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
    marks = seen[rows.start : rows.start + len(middle), columns]
    if fault.growth and fault.throw_ms > _FANS_MS:
        growing = (time_ms[:-1] - above) < 2.0 * fault.growth * fault.half_height_ms
        marks[growing & (middle > 0.0) & (middle < 0.9 * fault.decay)] |= 2
    marks[plane] |= 1
