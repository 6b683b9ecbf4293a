"""Composition: geology in its own order, taken back step by step from the present."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from seisdream.synthetic.facies import CODES
from seisdream.synthetic.faults import Fault, slip
from seisdream.synthetic.gas import trap_gas
from seisdream.synthetic.grid import Grid, share_below
from seisdream.synthetic.packages import Package, channel_at, fill, mounds_on, slide_at, thickness_of
from seisdream.synthetic.recipe import EarthSettings
from seisdream.synthetic.rocks import LITHOLOGIES
from seisdream.synthetic.salt import SHAPES, Diapir, rise

_HIATUS_MS = 40.0  # Age that is missing at an unconformity.


class Planted(Protocol):
    """What is put into an earth beside what is drawn from its recipe, without taking of its randomness.

    So two earths of a seed, one with something planted and one without, are the same but for that.
    """

    def deform(self, grid: Grid, times_ms: np.ndarray) -> np.ndarray | None:
        """Take movements back, in place, after all others; return how much of each cell is salt, if there is any.

        ``times_ms`` is ``(time + 1, position)``, the salt ``(time, position)``.
        """
        ...

    def body(self, grid: Grid, times_ms: np.ndarray) -> Package | None:
        """Return what is cut into the beds, from the times ``(time + 1, position)`` of their deposition."""
        ...

    def gas(self, grid: Grid, age_ms: np.ndarray) -> np.ndarray | None:
        """Return the share of gas in each cell ``(time, position)``, from its relative geologic time."""
        ...


class Composition:
    """An earth while it is composed: from present places backwards to where they were laid down.

    What happened last is taken back first: faces move to where they were before salt rose and faults slipped, and
    below each unconformity to where they were before it folded. There, beds lie as they were deposited, and are
    looked up.

    Attributes
    ----------
    rock : array
        Complex64 ``(time, position)``: departures from the trends, as in `layers.Beds`.
    facies, lithology, unit : array
        Codes, uint8 ``(time, position)``.
    age_ms : array
        Relative geologic time, ``(time, position)``.
    salt, gas : array or None
        Shares of cells, ``(time, position)``.
    sea_bed_ms : array or None
        Where water ends, ``(position,)``.
    """

    def __init__(
        self, rng: np.random.Generator, grid: Grid, recipe: EarthSettings, planted: Planted | None = None
    ) -> None:
        self.rng, self.grid, self.recipe = rng, grid, recipe
        cells = (grid.n_samples, grid.n_positions)
        # Where each face was before the events taken back so far; what is known of each cell.
        self._times_ms = np.broadcast_to(grid.faces_ms, (cells[0] + 1, cells[1])).copy()
        self.rock = np.zeros(cells, np.complex64)
        self.facies = np.zeros(cells, np.uint8)
        self.lithology = np.zeros(cells, np.uint8)
        self.unit = np.zeros(cells, np.uint8)
        self.age_ms = np.zeros(cells, np.float32)
        self._marks = np.zeros(cells, np.uint8)
        self._n_units = 0
        self.activity = float(np.exp(rng.uniform(*np.log(recipe.activity))))
        self._oldest_ms = 0.0

        wide = grid.n_traces / 256.0
        self.salt = self._rise_salt(rng.binomial(max(1, round(wide)), recipe.salt))
        self._warp()
        self._slip_faults(round(rng.uniform(*recipe.n_faults) * wide * min(2.0 * self.activity, 1.0)))
        if planted is not None:
            salt = planted.deform(grid, self._times_ms)
            if salt is not None:
                self.salt = salt if self.salt is None else np.maximum(self.salt, salt)
        youngest_ms = self._times_ms
        self.sea_bed_ms = self._lay_down_all()
        if planted is not None:
            self._plant(planted.body(grid, youngest_ms), youngest_ms)
        self.gas = self._trap_gas() if rng.random() < recipe.gas else None
        if planted is not None:
            gas = planted.gas(grid, self.age_ms)
            if gas is not None:
                self.gas = gas if self.gas is None else np.maximum(self.gas, gas)
        self._name()

    @property
    def fault(self) -> np.ndarray:
        """Whether a cell is on a fault's plane, ``(time, position)``."""
        return (self._marks & 1).astype(bool)

    @property
    def growth(self) -> np.ndarray:
        """Whether strata grew against a fault, ``(time, position)``."""
        return (self._marks & 2).astype(bool)

    def _rise_salt(self, n_bodies: int) -> np.ndarray | None:
        """Take the rise of salt back; return how much of each cell is salt."""
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
        """Let bed thickness vary at many scales, and what no velocity model ever puts quite right."""
        rng, grid = self.rng, self.grid
        for tall_ms, far, most_ms in ((110.0, 90.0, 8.0), (60.0, 30.0, 4.0), (60.0, 11.0, 2.5), (35.0, 5.0, 1.0)):
            self._times_ms += grid.texture(rng, tall_ms, far) * np.float32(most_ms * rng.uniform(0.2, 1.0))
        self._times_ms += np.float32(rng.uniform(0.0, 0.6)) * grid.wander(rng, 1.0)[0]  # statics

    def _slip_faults(self, n_faults: int, below: np.ndarray | None = None) -> None:
        """Take the slip of faults back, each with its own plane, most of them dipping the same way."""
        rng, grid, recipe = self.rng, self.grid, self.recipe
        facing = rng.choice([-1.0, 1.0])
        kind = -1.0 if rng.random() < 0.12 else 1.0
        strike = rng.uniform(-0.6, 0.6) if grid.n_inlines > 1 else 0.0
        marks = np.zeros_like(self._marks) if below is not None else self._marks
        for _ in range(n_faults):
            half_height_ms = float(rng.uniform(0.12, 0.5) * max(grid.bottom_ms, 300.0))
            # Longer faults have slipped further, in proportion.
            throw_ms = float(np.clip(self.activity * half_height_ms * rng.uniform(0.08, 0.3), *recipe.throw_ms))
            growth = rng.uniform(0.35, 0.6) if rng.random() < recipe.growth and kind > 0 else 0.0
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

    def _lay_down_all(self) -> np.ndarray | None:
        """Lay down every package, youngest first; return the sea bed in ms, ``(position,)``, if there is water."""
        rng, grid, recipe = self.rng, self.grid, self.recipe
        names, weights = zip(*recipe.packages, strict=True)
        weights = np.array(weights) / np.sum(weights)
        on_boundaries: list[tuple] = []  # Painted last: they cut into what lies below.
        share = np.ones(self.rock.shape, np.float32)
        top_ms = self._top()
        sea_bed_ms = None
        kind = None
        while True:
            if kind is None and rng.random() < recipe.water:
                package, base_ms, sea_bed_ms = self._water()
                kind = "water"
            else:
                kind = str(rng.choice(names, p=weights))
                base_ms = top_ms + thickness_of(rng, grid, kind, recipe, self.activity)
                package = fill(rng, grid, kind, top_ms, base_ms, recipe)
            below = share * share_below(self._times_ms - base_ms)
            self._paint(package, share, below, self._times_ms)
            self._oldest_ms += package.span_ms
            if not below.any():
                break
            if kind != "water":
                for make, chance in (
                    (channel_at, recipe.channel),
                    (slide_at, recipe.mass_transport),
                    (mounds_on, recipe.mound),
                ):
                    if rng.random() < chance:
                        body = make(rng, grid, base_ms, recipe)
                        on_boundaries.append((body, share, self._times_ms, self._oldest_ms))
                        self._oldest_ms += body.span_ms
                        break
            share, top_ms = below, base_ms
            if rng.random() < recipe.unconformity or kind == "water":
                top_ms = self._fold(base_ms, share)
        for body, share, times_ms, age_ms in reversed(on_boundaries):
            inside = share * share_below(times_ms - body.top_ms)
            self._paint(body, inside, inside * share_below(times_ms - body.base_ms), times_ms, age_ms)
        return sea_bed_ms

    def _top(self) -> np.ndarray:
        """Choose the surface from which packages are counted: above the section, dipping and wandering."""
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
        package = fill(rng, grid, "reflection-free", np.zeros_like(sea_bed_ms), sea_bed_ms, self.recipe)
        package.beds.rock[...] = 0.0
        package.beds.lithology[...] = LITHOLOGIES.index("water")
        return package, sea_bed_ms, sea_bed_ms

    def _fold(self, base_ms: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Take back the folding and faulting of what is older than a boundary; return what the older beds began with.

        The older beds stood up, and what rose above the boundary was eroded: it cuts them at an angle, and the
        younger ones lap onto it.
        """
        rng, grid, recipe = self.rng, self.grid, self.recipe
        dip = rng.uniform(*recipe.dip_ms) * (grid.trace - 0.5 * grid.n_traces)
        if grid.n_inlines > 1:
            dip = dip + rng.uniform(*recipe.dip_ms) * (grid.inline - 0.5 * grid.n_inlines)
        fold = rng.uniform(*recipe.fold_ms) * grid.wander(rng, rng.uniform(40.0, 120.0))[0] + dip
        fold = (self.activity * fold).astype(np.float32)
        self._times_ms = self._times_ms + fold
        if rng.random() < 0.4 and recipe.n_faults[1] > 0:
            self._slip_faults(int(rng.integers(1, 5)), share > 0.5)
        self._oldest_ms += _HIATUS_MS
        older = base_ms + fold
        conformable = np.float32(rng.uniform(0.0, 20.0)) * grid.wander(rng, 120.0)[0]
        return np.full_like(base_ms, np.percentile(older, 10)) + conformable - np.float32(5.0)

    def _paint(self, package: Package, share, below, times_ms, age_ms: float | None = None) -> None:
        """Put a package's beds where its share of a cell is more than what lies below it."""
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
        found = ages if package.disorder_ms is None else np.abs(ages + package.disorder_ms[faces])
        rock, facies, lithology = package.beds.seen(found)
        # Bodies end within a cell, packages go on below theirs: what is older is painted over them.
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
            # Not their product: where the body has no thickness, nothing of it may be left in the cells of its top.
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

    def _name(self) -> None:
        """Say what growth, gas and salt make of what was laid down."""
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
