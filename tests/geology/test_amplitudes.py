"""High, low and no reflections are told by what the section shows."""

import numpy as np
import pytest

from seisdream.geology import EarthRecipe, make_earth
from seisdream.geology.amplitudes import BY_AMPLITUDE, name_by_amplitude
from seisdream.geology.facies import CODES, FACIES
from seisdream.geology.grid import Grid

GRID = Grid(210, 1, 120, 4.0)
HIGH, LOW, FREE = (CODES[name] for name in ("parallel-high", "parallel-low", "reflection-free"))
# Of the window: samples up and down, and traces to both sides.
HALF, SIDE = 12, 21


def section(amplitudes=(1.0, 0.3, 0.04), grid=GRID):
    """Make beds of three amplitudes, one below the other."""
    rows = np.arange(grid.n_samples)
    loud = np.repeat(amplitudes, grid.n_samples // 3)
    wave = loud * np.sin(2 * np.pi * rows / 9)
    return np.repeat(wave[:, None], grid.n_positions, 1).astype(np.float32)


def named(noise_free, facies=HIGH, grid=GRID, noise=0.0):
    codes = np.full(noise_free.shape, facies, np.uint8)
    name_by_amplitude(codes, noise_free + np.float32(noise), noise_free, grid)
    return codes


@pytest.mark.parametrize("laid_down", [HIGH, LOW, FREE])
def test_beds_are_called_what_they_look_like(laid_down):
    codes = named(section(), laid_down)
    for start, code in ((0, HIGH), (70, LOW), (140, FREE)):
        assert (codes[start + HALF + 1 : start + 70 - HALF - 1] == code).all()
    assert set(np.unique(codes)) == {HIGH, LOW, FREE}
    assert set(BY_AMPLITUDE) == {HIGH, LOW, FREE}


def test_a_gain_over_the_whole_section_changes_nothing():
    assert np.array_equal(named(section()), named(7.0 * section()))


def test_other_facies_stay_and_do_not_count():
    noise_free = section((0.04, 0.3, 1.0))
    codes = np.full(noise_free.shape, HIGH, np.uint8)
    others = [CODES[facies.name] for facies in FACIES if CODES[facies.name] not in BY_AMPLITUDE]
    blocks = np.array_split(np.arange(120), len(others))
    for code, columns in zip(others, blocks, strict=True):
        codes[20:60, columns], noise_free[20:60, columns] = code, 5.0
    before = codes.copy()
    name_by_amplitude(codes, noise_free, noise_free, GRID)
    is_other = ~np.isin(before, BY_AMPLITUDE)
    assert np.array_equal(codes[is_other], before[is_other])
    assert (codes[:20] == FREE).all()  # Quiet beds right above a loud body.


def test_amplitudes_may_change_along_a_bed():
    noise_free = section((1.0, 1.0, 1.0))
    noise_free[:, 60:] *= 0.3
    codes = named(noise_free)
    assert (codes[:, : 60 - SIDE] == HIGH).all()
    assert (codes[:, 60 + SIDE :] == LOW).all()


def test_reflections_that_noise_hides_are_none():
    noise = np.random.default_rng(0).normal(size=(210, 120))
    # The weak beds have a deviation of 0.21.
    for level, weak in ((0.25, LOW), (0.5, FREE)):
        codes = named(section(), noise=level * noise)
        inside = codes[70 + HALF + 1 : 140 - HALF - 1]
        assert (inside == weak).mean() > 0.99
        assert (codes[: 70 - HALF - 1] == HIGH).all()


def test_lines_of_a_cube_are_looked_at_one_by_one():
    grid = Grid(90, 3, 40, 4.0)
    noise_free = section((1.0, 1.0, 1.0), grid)
    noise_free[:, 40:80] *= 0.3
    noise_free[:, 80:] *= 0.02
    codes = named(noise_free, grid=grid).reshape(90, 3, 40)
    assert [set(np.unique(codes[:, line])) for line in range(3)] == [{HIGH}, {LOW}, {FREE}]


@pytest.mark.parametrize("value", [0.0, 1e-20])
def test_silence_has_no_reflections(value):
    assert (named(np.full((210, 120), value, np.float32)) == FREE).all()


def test_a_section_without_beds_is_left_alone():
    codes = named(section(), CODES["salt"])
    assert (codes == CODES["salt"]).all()


def test_earths_are_named_so_and_always_the_same():
    for seed in (3, 4):
        one, same = make_earth(seed, n_samples=128, n_traces=96), make_earth(seed, n_samples=128, n_traces=96)
        assert one.identical(same)
    recipe = EarthRecipe(packages=(("parallel", 2.0), ("reflection-free", 1.0)), gas=0.0, salt=0.0)
    earths = [make_earth(seed, recipe=recipe) for seed in range(6)]
    noise_free, facies = (np.stack([earth[name].values for earth in earths]) for name in ("noise_free", "facies"))
    strength = {code: np.sqrt(np.mean(noise_free[facies == code] ** 2)) for code in BY_AMPLITUDE}
    assert strength[HIGH] > 2.0 * strength[LOW] > 4.0 * strength[FREE]
