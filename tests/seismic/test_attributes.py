"""Attributes on sections whose dip and continuity are known."""

import numpy as np
import pytest

from seisdream.seismic.attributes import semblance


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
