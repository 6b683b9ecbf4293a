"""Statistics do not depend on the order of the parts."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisdream.channels.activation_statistics import N_BINS, ActivationStatistics, correlate
from seisdream.inference.recorder import UnitActivations
from seisdream.inference.unit_grid import UnitGrid


def units_of(values, start=(0.0, 0.0)):
    values = torch.as_tensor(values, dtype=torch.float32)
    return UnitActivations(values, UnitGrid(start, (1.0, 1.0), tuple(values.shape[1:])))


@given(st.integers(0, 10_000), st.integers(-20, 20))
def test_the_order_of_parts_does_not_matter(seed, exponent):
    rng = np.random.default_rng(seed)
    # Each part reaches another power of two.
    parts = [units_of(rng.standard_normal((3, 4, 5)) * 2.0 ** (exponent + 3 * n)) for n in rng.permutation(4)]
    one, other = ActivationStatistics(3, 1), ActivationStatistics(3, 1)
    for part in parts:
        one.update(part)
    for part in parts[::-1]:
        other.update(part)
    np.testing.assert_array_equal(one.counts, other.counts)
    np.testing.assert_array_equal(one.exponents, other.exponents)
    np.testing.assert_allclose(one.sums, other.sums)


def test_a_histogram_counts_each_activation_in_its_bin():
    values = np.array([[[0.0, 0.5, -0.5, 3.0]], [[0.0, 0.0, 0.0, 0.0]]])
    statistics = ActivationStatistics(2, 1)
    statistics.update(units_of(values))
    width = 2.0 ** statistics.exponents[0] / N_BINS
    assert statistics.exponents[0] == 2
    assert np.argwhere(statistics.counts[0]).tolist() == [
        [0, int(0.5 / width)],
        [0, int(3 / width)],
        [1, int(0.5 / width)],
    ]
    assert statistics.n_silent.tolist() == [1, 4]
    assert statistics.counts[1].sum() == 0
    assert statistics.mean.tolist() == [0.75, 0.0]
    assert statistics.deviation[0] == pytest.approx(np.std([0, 0.5, -0.5, 3]))
    assert statistics.share_active.tolist() == [0.5, 0.0]
    assert (statistics.least[0], statistics.greatest[0]) == (-0.5, 3.0)


def test_selectivity_is_0_for_a_constant_and_1_for_a_single_active_unit():
    values = np.zeros((3, 10, 10))
    values[0], values[1, 3, 4] = 2.0, 2.0
    statistics = ActivationStatistics(3, 1)
    statistics.update(units_of(values))
    np.testing.assert_allclose(statistics.selectivity, [0.0, 1.0, 0.0], atol=1e-9)


def test_channels_correlate_and_constant_ones_do_not():
    rng = np.random.default_rng(0)
    own = rng.standard_normal((2, 500)).astype(np.float32)
    others = np.stack([3 * own[0] + 7, -own[1], np.full(500, 4.0, np.float32)])
    np.testing.assert_allclose(correlate(own, others)[[0, 1], [0, 1]], [1.0, -1.0], atol=1e-5)
    np.testing.assert_allclose(correlate(own, others), np.corrcoef(own, np.r_[others[:2], own])[:2, 2:5] * [1, 1, 0],
                               atol=1e-5)  # fmt: skip


def test_samples_are_kept_at_their_positions_and_a_state_resumes():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((2, 6, 7)).astype(np.float32)
    statistics, resumed = ActivationStatistics(2, 4), ActivationStatistics(2, 4)
    statistics.keep_samples(units_of(values), np.array([1, 5]), np.array([2, 6]), np.array([3, 0]))
    np.testing.assert_array_equal(statistics.samples[:, [3, 0]], values[:, [1, 5], [2, 6]])
    statistics.update(units_of(values))
    resumed.resume(statistics.state())
    for one in (statistics, resumed):
        one.update(units_of(4 * values))
    np.testing.assert_array_equal(statistics.counts, resumed.counts)
    np.testing.assert_array_equal(statistics.sums, resumed.sums)
