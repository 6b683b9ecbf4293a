"""Faults, salt, clinoforms, channels and mounds have the given position and shape."""

import numpy as np
import pytest

from seisdream.synthetic.channels import incise
from seisdream.synthetic.clinoforms import SHAPES as SLOPES
from seisdream.synthetic.clinoforms import prograde
from seisdream.synthetic.faults import Fault, slip
from seisdream.synthetic.gas import trap_gas
from seisdream.synthetic.grid import Grid, share_below
from seisdream.synthetic.layers import lay_beds, parallel_to, proportional
from seisdream.synthetic.mass_transport import slide_floor
from seisdream.synthetic.mounds import heap, pile
from seisdream.synthetic.salt import SHAPES, Diapir, rise, shadow

GRID = Grid(200, 1, 160, 4.0)


def _slipped(fault, grid=GRID):
    times = np.broadcast_to(grid.faces_ms, (grid.n_samples + 1, grid.n_positions)).copy()
    marks = np.zeros((grid.n_samples, grid.n_positions), np.uint8)
    slip(fault, grid, times, marks)
    return grid.faces_ms - times, marks


@pytest.mark.parametrize("throw_ms", [-30.0, 12.0, 48.0])
def test_throw_is_greatest_in_the_middle_and_zero_at_the_tips(throw_ms):
    fault = Fault(position=80.0, middle_ms=400.0, half_height_ms=200.0, throw_ms=throw_ms, slope=0.05, decay=1e4)
    moved, marks = _slipped(fault)
    for time_ms in (300.0, 400.0, 500.0):
        row = int(time_ms / 4.0)
        plane = 80.0 + 0.05 * (time_ms - 400.0)
        measured = moved[row, int(plane) + 3] - moved[row, int(plane) - 3]
        assert measured == pytest.approx(throw_ms * (1 - ((time_ms - 400.0) / 200.0) ** 2), abs=0.1)
    assert np.abs(moved[[50, 150]]).max() < 1e-3  # The tips.
    rows, columns = np.nonzero(marks & 1)
    assert np.abs(columns - (80.0 + 0.05 * ((rows + 0.5) * 4.0 - 400.0))).max() <= 0.51
    assert set(range(70, 130)) <= set(rows.tolist())
    assert rows.min() >= 50
    assert rows.max() <= 150


def test_slip_decays_away_from_the_plane_in_both_walls():
    fault = Fault(position=80.0, middle_ms=400.0, half_height_ms=200.0, throw_ms=40.0, decay=20.0, footwall=0.25)
    moved, _ = _slipped(fault)
    assert moved[100, 81] == pytest.approx(30.0 * np.exp(-1 / 20), rel=1e-3)
    assert moved[100, 79] == pytest.approx(-10.0 * np.exp(-1 / 20), rel=1e-3)
    assert moved[100, 120] == pytest.approx(30.0 * np.exp(-2), rel=1e-3)


def test_throw_of_a_growth_fault_increases_with_depth():
    fault = Fault(position=80.0, middle_ms=400.0, half_height_ms=200.0, throw_ms=40.0, growth=0.5, footwall=0.0)
    assert fault.throw_at(np.array([200.0, 300.0, 400.0, 480.0, 600.0])) == pytest.approx([0, 20, 40, 40, 0])
    _, marks = _slipped(fault)
    assert np.nonzero(marks & 2)[0].max() * 4.0 < 400.0


def test_fault_in_a_cube_ends_along_strike():
    grid = Grid(64, 40, 60, 4.0)
    fault = Fault(30.0, 128.0, 100.0, 20.0, slope=0.05, half_length=15.0, centre=20.0)
    moved, _ = _slipped(fault, grid)
    moved = moved.reshape(65, 40, 60)
    assert moved[32, 20, 31] > 10.0
    assert np.abs(moved[:, [0, 4, 36, 39]]).max() < 1e-3


@pytest.mark.parametrize("shape", SLOPES)
def test_clinoforms_grow_older_downwards_and_landwards(shape):
    top, base = np.full(160, 200.0, np.float32), np.full(160, 400.0, np.float32)
    ages, span = prograde(top, base, GRID.trace, shape=shape, width=20.0)
    found = ages(np.broadcast_to(GRID.faces_ms, (201, 160)))
    inside = found[50:101]
    assert (np.diff(inside, axis=0) > 0).all()
    assert (np.diff(inside, axis=1) < 0).all()  # It builds out towards higher traces.
    assert found.min() == pytest.approx(0.0, abs=1e-2)
    assert found.max() == pytest.approx(span, rel=1e-3)


def test_a_sigmoid_is_steepest_in_the_middle():
    top, base = np.full(160, 200.0, np.float32), np.full(160, 400.0, np.float32)
    ages, _ = prograde(top, base, GRID.trace, shape="sigmoid", width=20.0)
    found = ages(np.broadcast_to(GRID.faces_ms, (201, 160)).astype(np.float32))
    level = found[75, 80]  # The surface through the middle, followed along the line.
    depth = np.array([np.interp(level, found[50:101, trace], GRID.faces_ms[50:101, 0]) for trace in range(160)])
    dip = np.gradient(depth)
    # Height over four widths, but for the tails that are cut off.
    assert dip[80] == pytest.approx(200.0 / (4.0 * 20.0), rel=0.05)
    assert dip.argmax() in range(76, 85)
    assert max(dip[20], dip[140]) < 0.3 * dip[80]


@pytest.mark.parametrize("shape", SHAPES)
def test_salt_is_where_its_shape_says_and_drags_beds_upwards(shape):
    diapir = Diapir(80.0, 300.0, 800.0, 25.0, shape=shape, lift_ms=80.0, reach=15.0)
    share, lift_ms = rise(diapir, GRID, GRID.faces_ms)
    assert not share[:75].any()
    for row in (100, 140, 180):
        assert share[row].sum() == pytest.approx(2 * diapir.half_width_at((row + 0.5) * 4.0), abs=1.0)
    assert lift_ms[120, 80] == pytest.approx(80.0, rel=0.05)
    assert lift_ms[120].min() < 0.0  # The rim syncline.
    assert (np.diff(GRID.faces_ms + lift_ms, axis=0) > 0.0).all()  # No bed turns over.


def test_shadow_lies_below_salt_only():
    share = np.zeros((10, 3), np.float32)
    share[3:5, 1] = 1.0
    seen = shadow(share)
    assert (seen[:, [0, 2]] == 1.0).all()
    assert (seen[:5, 1] == 1.0).all()
    assert seen[5:, 1] == pytest.approx(0.3)


def test_a_channel_is_a_parabola_and_meanders_on_a_map():
    depth = incise(GRID, position=80.0, half_width=20.0, depth_ms=60.0)
    assert depth.max() == depth[80] == pytest.approx(60.0)
    assert depth[70] == pytest.approx(60.0 * (1 - 0.25), rel=1e-5)
    assert (depth > 0).sum() == 39
    grid = Grid(32, 200, 160, 4.0)
    cut = incise(grid, position=80.0, half_width=10.0, depth_ms=60.0, bend=25.0, wavelength=100.0).reshape(200, 160)
    thalweg = cut.argmax(axis=1)
    assert thalweg == pytest.approx(80.0 + 25.0 * np.sin(2 * np.pi * np.arange(200) / 100.0), abs=1.0)


def test_mounds_stand_on_their_floor_and_their_beds_downlap():
    height = pile(GRID, position=80.0, half_width=30.0, height_ms=50.0)
    assert height[80] == pytest.approx(50.0)
    assert height[40] == 0.0
    base = np.full(160, 400.0, np.float32)
    ages = heap(base, height, 50.0)(np.broadcast_to(GRID.faces_ms, (201, 160)))
    assert (np.diff(ages, axis=0) > 0).all()
    assert ages[95, 80] > ages[95, 65]
    assert ages[95, 80] > ages[95, 95]


def test_a_slide_has_steep_sides_and_a_rough_floor():
    depth = slide_floor(np.random.default_rng(0), GRID, position=80.0, half_width=50.0, depth_ms=80.0)
    assert (depth[:30] == 0).all()
    assert depth[34:126].min() > 10.0
    assert np.diff(depth[60:100]).std() > 0.5


def test_beds_onlap_or_follow_the_surface_below():
    top, base = np.zeros(160, np.float32), 200.0 + GRID.trace
    along_base = np.broadcast_to(base, (1, 160))
    onlap = parallel_to(top)(along_base)[0]
    assert onlap[-1] - onlap[0] == pytest.approx(159.0)  # Ever older beds end against the dipping base.
    concordant = proportional(top, base, 200.0)(along_base)[0]
    assert concordant == pytest.approx(200.0)


def test_a_cell_is_the_mean_of_its_beds():
    grid = Grid(32, 1, 32, 4.0)
    beds = lay_beds(np.random.default_rng(3), grid, 128.0, facies="clinoforms", thickness_ms=3.0)
    faces = np.broadcast_to(grid.faces_ms, (33, 32))
    rock, _, lithology = beds.sampled(faces)
    fine = np.arange(0.005, 128.0, 0.01)
    bed = np.searchsorted(beds.edges_ms, fine, side="right") - 1
    for cell in (0, 7, 20):
        inside = bed[cell * 400 : (cell + 1) * 400]
        assert rock[cell] == pytest.approx(beds.rock[inside].mean(axis=0), abs=2e-3)
        assert lithology[cell, 0] in beds.lithology[inside]


def test_share_below_a_surface_is_exact_for_planes():
    faces = np.array([[-3.0, -1.0, 1.0], [1.0, -0.5, 5.0]])
    assert share_below(faces)[0] == pytest.approx([0.25, 0.0, 1.0], abs=1e-5)


def test_gas_fills_an_anticline_down_to_one_level():
    dome = 60.0 * np.exp(-(((GRID.trace - 80.0) / 25.0) ** 2))
    ages = (GRID.faces_ms[:-1] + 2.0 + dome).astype(np.float32)
    allowed = np.ones(ages.shape, bool)
    for seed in range(20):
        gas = trap_gas(np.random.default_rng(seed), GRID, ages, allowed, column_ms=24.0, bed_ms=60.0)
        if gas is not None:
            break
    full = gas == 1.0
    lowest = GRID.n_samples - 1 - full[::-1].argmax(axis=0)[full.any(axis=0)]
    assert lowest.max() - lowest.min() == 0  # A flat spot.
    columns = np.flatnonzero(full.any(axis=0))
    assert abs(columns.mean() - 80.0) < 1.5
    assert (ages[gas > 0].max() - ages[gas > 0].min()) <= 60.0
