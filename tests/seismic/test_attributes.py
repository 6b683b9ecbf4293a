"""Attributes on sections and cubes whose dip and continuity are known."""

import numpy as np
import pytest

from seisdream.seismic.attributes import planarity, semblance


def _dipping(dip, noise=0.0):
    rows, columns = np.indices((80, 60), float)
    beds = np.random.default_rng(0).standard_normal(400)
    smooth = np.convolve(beds, np.hanning(9), "same")
    section = np.interp(rows - dip * columns + 150, np.arange(400), smooth)
    return section + noise * np.random.default_rng(1).standard_normal(section.shape)


@pytest.mark.parametrize("dip", [0.0, 0.5, -1.5])
def test_semblance_is_one_along_a_tested_dip(dip):
    assert semblance(_dipping(dip))[12:-12, 4:-4].min() > 0.97


def test_semblance_of_noise_is_that_of_chance():
    noise = np.random.default_rng(2).standard_normal((200, 200))
    along_one_dip = semblance(noise, n_dips=1, steepest=0.0)
    # Five independent traces: the mean's energy is a fifth.
    assert along_one_dip[10:-10, 10:-10].mean() == pytest.approx(0.2, abs=0.01)


def test_semblance_is_low_at_a_break_and_zero_in_silence():
    section = _dipping(0.0)
    section[:, 30:] = np.roll(section[:, 30:], 5, axis=0)
    found = semblance(section, steepest=0.5, n_dips=3)[15:-15]
    assert found[:, 28:31].mean() < 0.8
    assert found[:, 5:20].mean() > 0.95
    assert (semblance(np.zeros((20, 20))) == 0).all()


def _dipping_cube(along_inlines, along_crosslines):
    rows, inlines, crosslines = np.indices((40, 20, 24), float)
    beds = np.convolve(np.random.default_rng(0).standard_normal(300), np.hanning(9), "same")
    return np.interp(rows - along_inlines * inlines - along_crosslines * crosslines + 120, np.arange(300), beds)


def test_semblance_of_a_cube_is_one_along_a_tested_dip_in_two_directions():
    found = semblance(_dipping_cube(1.0, -0.5), n_traces=3, n_dips=9)
    assert found[8:-8, 2:-2, 2:-2].min() > 0.97


def test_semblance_and_planarity_of_a_cube_are_low_on_a_fault_and_high_between_faults():
    cube = _dipping_cube(0.5, 0.0)
    cube[:, :, 12:] = np.roll(cube[:, :, 12:], 5, axis=0)
    for found in (
        semblance(cube, n_traces=3, steepest=1.0, n_dips=5),
        planarity(cube, (1.5, 1.0, 1.0)),
    ):
        assert found[8:-8, 3:-3, 11:13].mean() < 0.8
        assert found[8:-8, 3:-3, 4:8].mean() > 0.95
        assert found[8:-8, 3:-3, 16:20].mean() > 0.95


def test_planarity_is_one_for_planes_of_any_dip_and_zero_in_silence():
    for dips in ((0.0, 0.0), (1.0, -0.5), (-2.0, 1.5)):
        rows, inlines, crosslines = np.indices((32, 20, 20), float)
        wave = np.sin((rows - dips[0] * inlines - dips[1] * crosslines) / 4.0)
        assert planarity(wave)[8:-8, 6:-6, 6:-6].min() > 0.99
    assert (planarity(np.zeros((8, 8, 8))) == 0.0).all()


def test_planarity_of_noise_is_low():
    noise = np.random.default_rng(3).standard_normal((24, 24, 24))
    assert planarity(noise).mean() < 0.3
