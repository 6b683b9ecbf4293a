import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seisdream.channels.cka import cka_of_moments, joint_moments, linear_cka


def _features(seed, n_places=500, n_features=6):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_places, n_features)) * np.arange(1, n_features + 1)


def _rotation(seed, n):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]


@given(st.integers(0, 10_000), st.floats(-1000, 1000).filter(lambda scale: abs(scale) > 1e-3), st.floats(-50, 50))
def test_rotation_scale_and_shift_change_nothing(seed, scale, shift):
    features = _features(seed)
    other = np.random.default_rng(seed + 1).standard_normal((500, 4)) + features[:, :4]
    turned = scale * features @ _rotation(seed, 6) + shift
    assert linear_cka(features, turned) == pytest.approx(1.0)
    assert linear_cka(turned, other) == pytest.approx(linear_cka(features, other))


def test_another_linear_map_is_not_taken_for_the_same():
    features = _features(0)
    assert linear_cka(features, features * [10, 1, 1, 1, 1, 0.01]) < 0.7


def test_unrelated_features_are_near_0_with_many_places_and_not_with_few():
    rng = np.random.default_rng(0)
    assert linear_cka(rng.standard_normal((20_000, 8)), rng.standard_normal((20_000, 8))) < 0.002
    assert linear_cka(rng.standard_normal((10, 50)), rng.standard_normal((10, 50))) > 0.5


def test_of_single_features_it_is_the_squared_correlation():
    first = _features(3)[:, :1]
    second = first + 2.0 * np.random.default_rng(4).standard_normal((500, 1))
    assert linear_cka(first, second) == pytest.approx(np.corrcoef(first.T, second.T)[0, 1] ** 2)


def test_it_is_that_of_the_centred_gram_matrices():
    first, second = _features(5, 60), _features(6, 60)[:, :3] + _features(5, 60)[:, 3:]
    centring = np.eye(60) - 1 / 60
    grams = [centring @ values @ values.T @ centring for values in (first, second)]
    expected = np.sum(grams[0] * grams[1]) / np.sqrt(np.sum(grams[0] ** 2) * np.sum(grams[1] ** 2))
    assert linear_cka(first, second) == pytest.approx(expected)


def test_moments_of_parts_add_up_to_the_whole():
    first, second = _features(7), _features(8)[:, :2] + 3.0
    parts = [joint_moments(first[rows], second[rows]) for rows in (slice(0, 120), slice(120, None))]
    assert cka_of_moments(np.sum(parts, axis=0), 6) == pytest.approx(linear_cka(first, second))


def test_what_does_not_vary_has_no_likeness():
    assert np.isnan(linear_cka(np.zeros((20, 2)), _features(0, 20)))
