"""Block means and the permutation test against counts by hand and nominal error rates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seisdream.significance.statistics import BlockGrid, interpolate, max_statistic_permutation_test, pair_products


@given(st.integers(1, 70), st.integers(1, 70), st.integers(4, 40))
def test_blocks_cover_every_sample_once_and_windows_lie_within(rows, columns, side):
    blocks, windows = BlockGrid.blocks((rows, columns), side), BlockGrid.windows((rows, columns), side)
    for spans, windowed, n in zip(blocks.spans, windows.spans, (rows, columns), strict=True):
        assert np.concatenate([np.arange(*span) for span in spans]).tolist() == list(range(n))
        assert (windowed[0, 0], windowed[-1, 1]) == (0, n)
        assert (np.diff(windowed) == min(side, n)).all()
        assert (np.diff(windowed[:, 0]) <= max(1, side // 4)).all()


def test_means_are_over_present_samples():
    map_ = np.arange(48.0).reshape(6, 8)
    is_present = np.ones((6, 8), bool)
    is_present[0, 0] = False
    is_present[3:, 4:] = False
    map_[0, 0] = np.nan
    means = BlockGrid.blocks((6, 8), 4).means(map_, is_present)
    assert means.shape == (2, 2)
    assert means[0, 0] == pytest.approx(np.nanmean(map_[:3, :4]))
    assert np.isnan(means[1, 1])


def test_maps_are_linear_between_centres_and_constant_beyond():
    map_ = interpolate(np.array([[0.0, 4.0], [2.0, 6.0]]), [np.array([1.0, 3.0]), np.array([0.0, 4.0])], (5, 6))
    np.testing.assert_allclose(map_[:, 0], [0, 0, 1, 2, 2])
    np.testing.assert_allclose(map_[1], [0, 1, 2, 3, 4, 4])


def test_p_values_are_counted():
    # With one block, effects are in the order of the values.
    null = np.arange(1.0, 10.0).reshape(9, 1, 1)
    for observed, n_larger in ((9.5, 0), (9.0, 1), (5.2, 4), (0.0, 9)):
        found = max_statistic_permutation_test(np.array([[observed]]), null)
        assert found.p[0, 0] == pytest.approx((1 + n_larger) / 10)
        assert found.familywise[0, 0] == found.p[0, 0] == found.section_p


def test_effects_are_in_standard_deviations_of_surrogates_row_by_row():
    rng = np.random.default_rng(0)
    scales = np.array([1.0, 100.0])[:, None]
    null = 5.0 + scales * rng.normal(size=(400, 2, 8))
    observed = 5.0 + scales * np.full((2, 8), 3.0)
    np.testing.assert_allclose(max_statistic_permutation_test(observed, null).effect, 3.0, rtol=0.15)


def test_false_discoveries_are_controlled_at_the_nominal_rate():
    rng = np.random.default_rng(1)
    n_trials, n_any, n_exact, shares = 300, 0, 0, []
    for _ in range(n_trials):
        # Neighbouring blocks depend on each other, rows have their own scale, and tails are long.
        maps = rng.gamma(2.0, size=(40, 6, 7))
        maps = (maps + np.roll(maps, 1, axis=2)) * np.array([1.0, 3.0, 0.1, 20.0, 5.0, 1.0])[:, None]
        found = max_statistic_permutation_test(maps[0], maps[1:])
        shares.append((found.q <= 0.05).mean())
        n_any += bool((found.q <= 0.05).any())
        n_exact += found.section_p <= 0.05
    assert np.mean(shares) < 0.01
    for n_hits in (n_any, n_exact):
        assert stats.binomtest(n_hits, n_trials, 0.05, alternative="greater").pvalue > 0.01
    # Exact, not only conservative: 2 of 40 ranks are as large.
    assert stats.binomtest(n_exact, n_trials, 0.05).pvalue > 0.01


def test_strong_blocks_are_significant_and_the_false_discovery_rate_is_kept():
    rng = np.random.default_rng(2)
    false, n_significant = 0, 0
    for _ in range(60):
        maps = rng.normal(size=(40, 10, 10))
        maps[0, :3] += 5.0
        significant = max_statistic_permutation_test(maps[0], maps[1:]).q <= 0.05
        assert significant[:3].mean() > 0.9
        false, n_significant = false + significant[3:].sum(), n_significant + significant.sum()
    assert false / n_significant < 0.06


def test_absent_blocks_stay_absent():
    maps = np.random.default_rng(0).normal(size=(10, 2, 3))
    maps[:, 0, 1] = np.nan
    found = max_statistic_permutation_test(maps[0], maps[1:])
    assert np.argwhere(np.isnan(found.q)).tolist() == [[0, 1]]
    assert np.isnan(max_statistic_permutation_test(maps[0] * np.nan, maps[1:]).q).all()


def test_without_variation_over_surrogates_nothing_is_significant():
    found = max_statistic_permutation_test(np.ones((2, 2)), np.ones((9, 2, 2)))
    assert (found.effect == 0).all()
    assert (found.p == 1).all()


def test_pair_products_measure_the_common_share_of_changes():
    rng = np.random.default_rng(0)
    own, common = rng.normal(size=(4, 60, 60)), rng.normal(size=(60, 60))
    for share in (0.0, 0.5, 1.0):
        products, squares = pair_products(np.sqrt(share) * common + np.sqrt(1 - share) * own)
        assert products.mean() / squares.mean() == pytest.approx(share, abs=0.03)


def test_values_of_blocks_are_repeated_at_their_samples():
    grid = BlockGrid.blocks((6, 8), 4)
    map_ = grid.repeat(np.array([[1, 2], [3, 4]]))
    assert map_.shape == (6, 8)
    np.testing.assert_array_equal(grid.means(map_), [[1, 2], [3, 4]])
