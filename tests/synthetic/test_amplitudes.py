"""Facies of high, low and no amplitude are named by the section."""

import numpy as np
import pytest

from seisdream.synthetic import EarthSettings, make_earth
from seisdream.synthetic.amplitudes import BY_AMPLITUDE, name_by_amplitude
from seisdream.synthetic.facies import CODES, FACIES

SHAPE = (210, 120)
HIGH, LOW, FREE = (CODES[name] for name in ("parallel-high", "parallel-low", "reflection-free"))
UNITS = np.repeat(np.arange(3, dtype=np.uint8), 70)[:, None].repeat(SHAPE[1], 1)


def section(amplitudes=(1.0, 0.3, 0.04)):
    """Make units of three amplitudes, one below the other."""
    loud = np.repeat(amplitudes, 70)
    wave = loud * np.sin(2 * np.pi * np.arange(SHAPE[0]) / 9)
    return np.repeat(wave[:, None], SHAPE[1], 1).astype(np.float32)


def named(noise_free, facies=HIGH, noise=0.0):
    codes = np.full(SHAPE, facies, np.uint8) if np.isscalar(facies) else facies.copy()
    name_by_amplitude(codes, UNITS, noise_free + np.float32(noise), noise_free, 4.0)
    return codes


@pytest.mark.parametrize("laid_down", [HIGH, LOW, FREE])
def test_beds_are_named_by_their_visible_amplitude(laid_down):
    codes = named(section(), laid_down)
    for start, code in ((0, HIGH), (70, LOW), (140, FREE)):
        assert (codes[start : start + 70] == code).all()
    assert set(BY_AMPLITUDE) == {HIGH, LOW, FREE}


def test_a_gain_over_the_whole_section_changes_nothing():
    assert np.array_equal(named(section()), named(7.0 * section()))


def test_other_facies_stay_and_do_not_count():
    noise_free = section((0.04, 0.3, 1.0))
    codes = np.full(SHAPE, HIGH, np.uint8)
    others = [CODES[facies.name] for facies in FACIES if CODES[facies.name] not in BY_AMPLITUDE]
    blocks = np.array_split(np.arange(SHAPE[1]), len(others))
    for code, columns in zip(others, blocks, strict=True):
        codes[20:60, columns], noise_free[20:60, columns] = code, 1.0
    got = named(noise_free, codes)
    is_other = ~np.isin(codes, BY_AMPLITUDE)
    assert np.array_equal(got[is_other], codes[is_other])
    assert (got[:20] == FREE).all()  # Quiet beds right above a loud body.


def test_different_beds_of_a_unit_are_named_separately():
    noise_free = section((1.0, 1.0, 1.0))
    noise_free[:, 60:] *= 0.3
    laid_down = np.full(SHAPE, HIGH, np.uint8)
    laid_down[:, 60:] = LOW
    codes = named(noise_free, laid_down)
    assert (codes[:, :60] == HIGH).all()
    assert (codes[:, 60:] == LOW).all()


def test_a_strong_boundary_does_not_make_a_strong_unit():
    noise_free = section((1.0, 0.2, 1.0))
    noise_free[70:75] = noise_free[135:140] = 3.0
    assert (named(noise_free)[70:140] == LOW).all()


def test_reflections_below_the_noise_are_not_counted():
    noise = np.random.default_rng(0).normal(size=SHAPE)
    # The weak beds have a mean amplitude of 0.19, the noise one of 0.8 of its deviation.
    for level, weak in ((0.25, LOW), (0.5, FREE)):
        codes = named(section(), noise=level * noise)
        assert (codes[70:140] == weak).all()
        assert (codes[:70] == HIGH).all()


@pytest.mark.parametrize("value", [0.0, 1e-20])
def test_silence_has_no_reflections(value):
    assert (named(np.full(SHAPE, value, np.float32)) == FREE).all()


def test_a_section_without_beds_is_unchanged():
    codes = named(section(), CODES["salt"])
    assert (codes == CODES["salt"]).all()


def test_facies_of_earths_follow_amplitude_and_are_repeatable():
    for seed in (3, 4):
        one, same = make_earth(seed, n_samples=128, n_traces=96), make_earth(seed, n_samples=128, n_traces=96)
        assert one.identical(same)
    settings = EarthSettings(packages=(("parallel", 2.0), ("reflection-free", 1.0)), gas=0.0, salt=0.0)
    earths = [make_earth(seed, settings=settings) for seed in range(6)]
    noise_free, facies = (np.stack([earth[name].values for earth in earths]) for name in ("noise_free", "facies"))
    strength = {code: np.median(np.abs(noise_free[facies == code])) for code in BY_AMPLITUDE}
    assert strength[HIGH] > 2.0 * strength[LOW] > 2.0 * strength[FREE]
