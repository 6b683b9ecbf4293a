"""Composition of an earth: geological events undone one by one, from the present backwards."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from seisdream.synthetic.facies import CODES
from seisdream.synthetic.faults import Fault, slip
from seisdream.synthetic.gas import trap_gas
from seisdream.synthetic.grid import Grid, share_below
from seisdream.synthetic.packages import Package, channel_at, fill, mounds_on, slide_at, thickness_of
from seisdream.synthetic.rocks import LITHOLOGIES
from seisdream.synthetic.salt import SHAPES, Diapir, rise
from seisdream.synthetic.settings import EarthSettings

_HIATUS_MS = 40.0  # Age missing at an unconformity.


class Planted(Protocol):
    """Something planted in an earth, in addition to what its settings give, without using its random numbers.

    So two earths of a seed, with and without it, are otherwise equal.
    """

    def deform(self, grid: Grid, times_ms: np.ndarray) -> np.ndarray | None:
        """Undo its movements, in place, after all others; return the fraction of salt in each cell, if it has salt.

        ``times_ms`` is ``(time + 1, position)``, the salt ``(time, position)``.
        """
        ...

    def body(self, grid: Grid, times_ms: np.ndarray) -> Package | None:
        """Return a body that cuts the beds, given the times ``(time + 1, position)`` of their deposition."""
        ...

    def gas(self, grid: Grid, age_ms: np.ndarray) -> np.ndarray | None:
        """Return the fraction of gas in each cell ``(time, position)``, given its relative geologic time."""
        ...


class Composition:
    """An earth, composed from the present positions of cells back to those at deposition.

    The last event is undone first: cell faces move to where they were before salt rose and faults slipped, and below
    each unconformity to where they were before folding. There, beds lie as they were deposited and are looked up.

    Attributes
    ----------
    rock : array
        Complex64 ``(time, position)``: deviations from the trends, as in `layers.Beds`.
    facies, lithology, unit : array
        Codes, uint8 ``(time, position)``.
    age_ms : array
        Relative geologic time, ``(time, position)``.
    salt, gas : array or None
        Fractions of cells, ``(time, position)``.
    sea_bed_ms : array or None
        Two-way time of the sea bed, ``(position,)``.
    """

    def __init__(
        self, rng: np.random.Generator, grid: Grid, settings: EarthSettings, planted: Planted | None = None
    ) -> None:
        self.rng, self.grid, self.settings = rng, grid, settings
        cells = (grid.n_samples, grid.n_positions)
        # Times of the faces before the events undone so far; then the properties of each cell.
        self._times_ms = np.broadcast_to(grid.faces_ms, (cells[0] + 1, cells[1])).copy()
        self.rock = np.zeros(cells, np.complex64)
        self.facies = np.zeros(cells, np.uint8)
        self.lithology = np.zeros(cells, np.uint8)
        self.unit = np.zeros(cells, np.uint8)
        self.age_ms = np.zeros(cells, np.float32)
        self._marks = np.zeros(cells, np.uint8)
        self._n_units = 0
        self.activity = float(np.exp(rng.uniform(*np.log(settings.activity))))
        self._oldest_ms = 0.0

        wide = grid.n_traces / 256.0
        self.salt = self._rise_salt(rng.binomial(max(1, round(wide)), settings.salt))
        self._warp()
        self._slip_faults(round(rng.uniform(*settings.n_faults) * wide * min(2.0 * self.activity, 1.0)))
        if planted is not None:
            salt = planted.deform(grid, self._times_ms)
            if salt is not None:
                self.salt = salt if self.salt is None else np.maximum(self.salt, salt)
        youngest_ms = self._times_ms
        self.sea_bed_ms = self._deposit_all()
        if planted is not None:
            self._plant(planted.body(grid, youngest_ms), youngest_ms)
        self.gas = self._trap_gas() if rng.random() < settings.gas else None
        if planted is not None:
            gas = planted.gas(grid, self.age_ms)
            if gas is not None:
                self.gas = gas if self.gas is None else np.maximum(self.gas, gas)
        self._label()

    @property
    def fault(self) -> np.ndarray:
        """Whether a cell is on a fault plane, ``(time, position)``."""
        return (self._marks & 1).astype(bool)

    @property
    def growth(self) -> np.ndarray:
        """Whether a cell is in growth strata, ``(time, position)``."""
        return (self._marks & 2).astype(bool)

    def _rise_salt(self, n_bodies: int) -> np.ndarray | None:
        """Undo the rise of salt; return the fraction of salt in each cell."""
        rng, grid = self.rng, self.grid
        salt = None
        for _ in range(n_bodies):
            crest_ms = grid.bottom_ms * rng.uniform(0.2, 0.75)
            shape = str(rng.choice(list(SHAPES)))
            pillow = shape == "pillow"
            body = Diapir(
                position=rng.uniform(0.1, 0.9) * grid.n_traces,
                crest_ms=crest_ms,
                root_ms=max(grid.bottom_ms, crest_ms + 200.0) * rng.uniform(1.0, 1.15),
                half_width=rng.uniform(25.0, 55.0) * (1.3 if pillow else 1.0),
                shape=shape,
                lean=rng.normal(0.0, 14.0),
                lift_ms=rng.uniform(40.0, 130.0) if pillow else rng.uniform(60.0, 190.0),
                reach=rng.uniform(18.0, 45.0),
                line=rng.uniform(0.2, 0.8) * grid.n_inlines,
                stretch=float(np.exp(rng.uniform(0.0, 1.2))),
            )
            rough = 2.0 * grid.texture(rng, 60.0, 25.0) + 0.8 * grid.texture(rng, 20.0, 10.0)
            share, lift_ms = rise(body, grid, grid.faces_ms, rough)
            self._times_ms += lift_ms
            salt = share if salt is None else np.maximum(salt, share)
        return salt

    def _warp(self) -> None:
        """Add variations of bed thickness at many scales, and residual time shifts."""
        rng, grid = self.rng, self.grid
        for tall_ms, far, most_ms in ((110.0, 90.0, 8.0), (60.0, 30.0, 4.0), (60.0, 11.0, 2.5), (35.0, 5.0, 1.0)):
            self._times_ms += grid.texture(rng, tall_ms, far) * np.float32(most_ms * rng.uniform(0.2, 1.0))
        self._times_ms += np.float32(rng.uniform(0.0, 0.6)) * grid.wander(rng, 1.0)[0]  # statics

    def _slip_faults(self, n_faults: int, below: np.ndarray | None = None) -> None:
        """Undo the slip of faults, most of which dip in the same direction."""
        rng, grid, settings = self.rng, self.grid, self.settings
        facing = rng.choice([-1.0, 1.0])
        kind = -1.0 if rng.random() < 0.12 else 1.0
        strike = rng.uniform(-0.6, 0.6) if grid.n_inlines > 1 else 0.0
        marks = np.zeros_like(self._marks) if below is not None else self._marks
        for _ in range(n_faults):
            half_height_ms = float(rng.uniform(0.12, 0.5) * max(grid.bottom_ms, 300.0))
            # Throw is proportional to the size of the fault.
            throw_ms = float(np.clip(self.activity * half_height_ms * rng.uniform(0.08, 0.3), *settings.throw_ms))
            growth = rng.uniform(0.35, 0.6) if rng.random() < settings.growth and kind > 0 else 0.0
            fault = Fault(
                position=rng.uniform(0.0, grid.n_traces),
                middle_ms=float(rng.uniform(0.1, 1.0) * grid.bottom_ms),
                half_height_ms=half_height_ms,
                throw_ms=kind * throw_ms,
                slope=facing * (1.0 if rng.random() < 0.75 else -1.0) * rng.uniform(0.02, 0.09),
                curve=rng.uniform(0.0, 0.5),
                decay=rng.uniform(25.0, 90.0),
                footwall=0.0 if growth else rng.uniform(0.1, 0.45),
                growth=growth,
                azimuth=strike + rng.normal(0.0, 0.1) if grid.n_inlines > 1 else 0.0,
                half_length=rng.uniform(0.5, 2.0) * grid.n_inlines if grid.n_inlines > 1 else np.inf,
                centre=rng.uniform(0.0, grid.n_inlines),
            )
            slip(fault, grid, self._times_ms, marks)
        if below is not None:
            self._marks |= np.where(below, marks, 0).astype(np.uint8)

    def _deposit_all(self) -> np.ndarray | None:
        """Deposit all packages, youngest first; return the sea bed in ms, ``(position,)``, if there is water."""
        rng, grid, settings = self.rng, self.grid, self.settings
        names, weights = zip(*settings.packages, strict=True)
        weights = np.array(weights) / np.sum(weights)
        on_boundaries: list[tuple] = []  # Painted last, because they cut older packages.
        share = np.ones(self.rock.shape, np.float32)
        top_ms = self._top()
        sea_bed_ms = None
        kind = None
        while True:
            if kind is None and rng.random() < settings.water:
                package, base_ms, sea_bed_ms = self._water()
                kind = "water"
            else:
                kind = str(rng.choice(names, p=weights))
                base_ms = top_ms + thickness_of(rng, grid, kind, settings, self.activity)
                package = fill(rng, grid, kind, top_ms, base_ms, settings)
            below = share * share_below(self._times_ms - base_ms)
            self._paint(package, share, below, self._times_ms)
            self._oldest_ms += package.span_ms
            if not below.any():
                break
            if kind != "water":
                for make, chance in (
                    (channel_at, settings.channel),
                    (slide_at, settings.mass_transport),
                    (mounds_on, settings.mound),
                ):
                    if rng.random() < chance:
                        body = make(rng, grid, base_ms)
                        on_boundaries.append((body, share, self._times_ms, self._oldest_ms))
                        self._oldest_ms += body.span_ms
                        break
            share, top_ms = below, base_ms
            if rng.random() < settings.unconformity or kind == "water":
                top_ms = self._fold(base_ms, share)
        for body, share, times_ms, age_ms in reversed(on_boundaries):
            inside = share * share_below(times_ms - body.top_ms)
            self._paint(body, inside, inside * share_below(times_ms - body.base_ms), times_ms, age_ms)
        return sea_bed_ms

    def _top(self) -> np.ndarray:
        """Return the surface above the section at which the first package begins, dipping and undulating."""
        rng, grid = self.rng, self.grid
        dip = rng.normal(0.0, 0.15) * grid.trace + rng.normal(0.0, 0.15) * grid.inline
        wander = self.activity * rng.uniform(2.0, 30.0) * grid.wander(rng, rng.uniform(80.0, 250.0))[0]
        surface = (dip + wander).astype(np.float32)
        return surface - surface.max() - np.float32(rng.uniform(0.0, 150.0))

    def _water(self) -> tuple[Package, np.ndarray, np.ndarray]:
        rng, grid = self.rng, self.grid
        dip = np.float32(rng.normal(0.0, 0.1)) * (grid.trace - 0.5 * grid.n_traces)
        sea_bed_ms = np.clip(
            rng.uniform(0.03, 0.15) * grid.bottom_ms + dip + rng.uniform(1.0, 8.0) * grid.wander(rng, 60.0)[0],
            12.0,
            None,
        ).astype(np.float32)
        package = fill(rng, grid, "reflection-free", np.zeros_like(sea_bed_ms), sea_bed_ms, self.settings)
        package.beds.rock[...] = 0.0
        package.beds.lithology[...] = LITHOLOGIES.index("water")
        return package, sea_bed_ms, sea_bed_ms

    def _fold(self, base_ms: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Undo folding and faulting of the beds below a boundary; return the top of the older beds.

        The older beds were folded and eroded down to the boundary, an angular unconformity that younger beds onlap.
        """
        rng, grid, settings = self.rng, self.grid, self.settings
        dip = rng.uniform(*settings.dip_ms) * (grid.trace - 0.5 * grid.n_traces)
        if grid.n_inlines > 1:
            dip = dip + rng.uniform(*settings.dip_ms) * (grid.inline - 0.5 * grid.n_inlines)
        fold = rng.uniform(*settings.fold_ms) * grid.wander(rng, rng.uniform(40.0, 120.0))[0] + dip
        fold = (self.activity * fold).astype(np.float32)
        self._times_ms = self._times_ms + fold
        if rng.random() < 0.4 and settings.n_faults[1] > 0:
            self._slip_faults(int(rng.integers(1, 5)), share > 0.5)
        self._oldest_ms += _HIATUS_MS
        older = base_ms + fold
        conformable = np.float32(rng.uniform(0.0, 20.0)) * grid.wander(rng, 120.0)[0]
        return np.full_like(base_ms, np.percentile(older, 10)) + conformable - np.float32(5.0)

    def _paint(self, package: Package, share, below, times_ms, age_ms: float | None = None) -> None:
        """Paint the beds of a package where its fraction of a cell exceeds that of older packages."""
        age_ms = self._oldest_ms if age_ms is None else age_ms
        self._n_units += 1
        visible = np.flatnonzero((share > below).any(axis=1))
        if not len(visible):
            return
        rows = slice(visible[0], visible[-1] + 1)
        faces = slice(rows.start, rows.stop + 1)
        share, below = share[rows], below[rows]
        times_ms = times_ms[faces] if package.wave_ms is None else times_ms[faces] + package.wave_ms[faces]
        ages = package.ages(times_ms)
        found = ages if package.disorder is None else np.abs(ages + package.disorder.shift_ms[faces])
        rock, facies, lithology = package.beds.sampled(found)
        if package.disorder is not None:
            rock = rock * package.disorder.strength[rows]
        # Bodies end within a cell; packages continue below, because older ones are painted over them.
        is_body = package.kind in ("channel", "mass transport", "mound")
        weight = share - below if is_body else share
        self.rock[rows] += weight * (rock - self.rock[rows])
        here = weight > 0.5
        middle = np.clip(0.5 * (ages[1:] + ages[:-1]), 0.0, package.span_ms) + np.float32(age_ms)
        np.copyto(self.facies[rows], facies, where=here)
        np.copyto(self.lithology[rows], lithology, where=here)
        np.copyto(self.unit[rows], np.uint8(min(self._n_units, 255)), where=here)
        np.copyto(self.age_ms[rows], middle, where=here, casting="same_kind")

    def _plant(self, body: Package | None, times_ms: np.ndarray) -> None:
        if body is not None:
            inside = share_below(times_ms - body.top_ms)
            # The minimum and not the product, so that a body without thickness leaves no trace in its top cells.
            self._paint(body, inside, np.minimum(inside, share_below(times_ms - body.base_ms)), times_ms)

    def _trap_gas(self) -> np.ndarray | None:
        allowed = self.facies <= CODES["divergent"]
        if self.salt is not None:
            allowed &= self.salt < 0.5
        return trap_gas(
            self.rng,
            self.grid,
            self.age_ms,
            allowed & (self.lithology > 0),
            column_ms=self.rng.uniform(16.0, 45.0),
            bed_ms=self.rng.uniform(12.0, 45.0),
        )

    def _label(self) -> None:
        """Set the facies and lithology of growth strata, gas and salt."""
        self.facies[self.growth & (self.facies <= CODES["subparallel"])] = CODES["divergent"]
        if self.gas is not None:
            self.lithology[self.gas > 0.5] = LITHOLOGIES.index("gas sand")
        if self.salt is not None:
            body = self.salt > 0.5
            self.facies[body] = CODES["salt"]
            self.lithology[body] = LITHOLOGIES.index("salt")
            self._n_units += 1
            self.unit[body] = min(self._n_units, 255)
            self._marks[body] = 0
