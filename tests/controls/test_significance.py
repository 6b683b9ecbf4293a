"""Known answers of what stands out from chance: counts by hand, error rates as promised."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seisdream.controls.significance import BlockGrid, agreement, interpolate, max_statistic_permutation_test


@given(st.integers(1, 70), st.integers(1, 70), st.integers(4, 40))
def test_regions_cover_every_sample_once_and_windows_lie_within(rows, columns, side):
    regions, windows = BlockGrid.regions((rows, columns), side), BlockGrid.windows((rows, columns), side)
    for spans, windowed, n in zip((regions.rows, regions.columns), (windows.rows, windows.columns), (rows, columns),
                                  strict=True):  # fmt: skip
        assert np.concatenate([np.arange(*span) for span in spans]).tolist() == list(range(n))
        assert (windowed[0, 0], windowed[-1, 1]) == (0, n)
        assert (np.diff(windowed) == min(side, n)).all()
        assert (np.diff(windowed[:, 0]) <= max(1, side // 4)).all()


def test_means_are_means_of_what_is_there():
    map_ = np.arange(48.0).reshape(6, 8)
    is_live = np.ones((6, 8), bool)
    is_live[0, 0] = False
    is_live[3:, 4:] = False
    map_[0, 0] = np.nan
    means = BlockGrid.regions((6, 8), 4).means(map_, is_live)
    assert means.shape == (2, 2)
    assert means[0, 0] == pytest.approx(np.nanmean(map_[:3, :4]))
    assert np.isnan(means[1, 1])


def test_between_places_maps_are_linear_and_beyond_them_level():
    map_ = interpolate(np.array([[0.0, 4.0], [2.0, 6.0]]), np.array([1.0, 3.0]), np.array([0.0, 4.0]), (5, 6))
    np.testing.assert_allclose(map_[:, 0], [0, 0, 1, 2, 2])
    np.testing.assert_allclose(map_[1], [0, 1, 2, 3, 4, 4])


def test_p_values_are_counted():
    # One row and one column of boxes: effects are in the order of the values.
    chance = np.arange(1.0, 10.0).reshape(9, 1, 1)
    for observed, n_as_far in ((9.5, 0), (9.0, 1), (5.2, 4), (0.0, 9)):
        found = max_statistic_permutation_test(np.array([[observed]]), chance)
        assert found.p[0, 0] == pytest.approx((1 + n_as_far) / 10)
        assert found.familywise[0, 0] == found.p[0, 0] == found.section_p


def test_effects_are_in_standard_deviations_of_chance_row_by_row():
    rng = np.random.default_rng(0)
    scales = np.array([1.0, 100.0])[:, None]
    chance = 5.0 + scales * rng.normal(size=(400, 2, 8))
    observed = 5.0 + scales * np.full((2, 8), 3.0)
    np.testing.assert_allclose(max_statistic_permutation_test(observed, chance).effect, 3.0, rtol=0.15)


def test_false_discoveries_are_controlled_as_promised():
    rng = np.random.default_rng(1)
    n_trials, n_any, n_exact, shares = 300, 0, 0, []
    for _ in range(n_trials):
        # Neighbouring boxes depend on each other, rows have their own scale, and tails are long.
        maps = rng.gamma(2.0, size=(40, 6, 7))
        maps = (maps + np.roll(maps, 1, axis=2)) * np.array([1.0, 3.0, 0.1, 20.0, 5.0, 1.0])[:, None]
        found = max_statistic_permutation_test(maps[0], maps[1:])
        shares.append((found.q <= 0.05).mean())
        n_any += bool((found.q <= 0.05).any())
        n_exact += found.section_p <= 0.05
    assert np.mean(shares) < 0.01
    for n_hits in (n_any, n_exact):
        assert stats.binomtest(n_hits, n_trials, 0.05, alternative="greater").pvalue > 0.01
    # Exact, not only safe: 2 of 40 ranks are as far as that.
    assert stats.binomtest(n_exact, n_trials, 0.05).pvalue > 0.01


def test_what_stands_out_is_called_and_the_false_share_is_kept():
    rng = np.random.default_rng(2)
    false, n_called = 0, 0
    for _ in range(60):
        maps = rng.normal(size=(40, 10, 10))
        maps[0, :3] += 5.0
        called = max_statistic_permutation_test(maps[0], maps[1:]).q <= 0.05
        assert called[:3].mean() > 0.9
        false, n_called = false + called[3:].sum(), n_called + called.sum()
    assert false / n_called < 0.06


def test_boxes_that_are_not_there_stay_out():
    maps = np.random.default_rng(0).normal(size=(10, 2, 3))
    maps[:, 0, 1] = np.nan
    found = max_statistic_permutation_test(maps[0], maps[1:])
    assert np.argwhere(np.isnan(found.q)).tolist() == [[0, 1]]
    assert np.isnan(max_statistic_permutation_test(maps[0] * np.nan, maps[1:]).q).all()


def test_where_chance_always_makes_the_same_nothing_stands_out():
    found = max_statistic_permutation_test(np.ones((2, 2)), np.ones((9, 2, 2)))
    assert (found.effect == 0).all()
    assert (found.p == 1).all()


def test_changes_agree_as_far_as_they_are_the_same():
    rng = np.random.default_rng(0)
    own, common = rng.normal(size=(4, 60, 60)), rng.normal(size=(60, 60))
    for share in (0.0, 0.5, 1.0):
        products, squares = agreement(np.sqrt(share) * common + np.sqrt(1 - share) * own)
        assert products.mean() / squares.mean() == pytest.approx(share, abs=0.03)
