"""Signal detection theory against textbook values and against Gaussian observers of known d′."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from errors import raises
from seisdream.research.psychophysics.signal_detection import (
    Psychometric,
    YesNo,
    area_under_roc,
    bootstrap_interval,
    count_yes_no,
    d_prime_2afc,
    d_prime_from_area,
    d_prime_interval_2afc,
    efficiency,
    efficiency_interval,
    fit_psychometric,
    is_correct_2afc,
    proportion_correct_2afc,
    roc_curve,
)


def test_d_prime_and_criterion_equal_those_of_the_textbook():
    # 84 % hits and 16 % false alarms: d' of 2 and no bias; log-linear, (84 + ½) / 101.
    even = YesNo(84, 100, 16, 100)
    assert even.d_prime == pytest.approx(2 * norm.ppf(84.5 / 101))
    assert even.criterion == pytest.approx(0.0)
    biased = YesNo(50, 100, 2, 100)
    assert biased.d_prime == pytest.approx(norm.ppf(50.5 / 101) - norm.ppf(2.5 / 101))
    assert biased.criterion == pytest.approx(-0.5 * norm.ppf(2.5 / 101))
    # Perfect scores stay finite.
    assert YesNo(20, 20, 0, 20).d_prime == pytest.approx(2 * norm.ppf(20.5 / 21))
    with raises("out-of-range", option="n_hits"):
        YesNo(5, 4, 0, 4)


@pytest.mark.parametrize("d_prime", [0.3, 1.0, 2.2])
def test_every_measure_recovers_the_d_prime_of_a_gaussian_observer(d_prime):
    rng = np.random.default_rng(0)
    without, with_target = rng.standard_normal(40_000), d_prime + rng.standard_normal(40_000)
    assert count_yes_no(with_target, without, 0.7).d_prime == pytest.approx(d_prime, abs=0.04)
    area = area_under_roc(with_target, without)
    assert area == pytest.approx(float(proportion_correct_2afc(d_prime)), abs=0.005)
    assert d_prime_from_area(area, 40_000) == pytest.approx(d_prime, abs=0.03)
    assert d_prime_2afc(is_correct_2afc(with_target, without).sum(), 40_000) == pytest.approx(d_prime, abs=0.03)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2).filter(
        lambda rows: len({b for _, b in rows}) == 2
    )
)
def test_the_area_equals_that_of_scikit_learn_and_that_under_the_curve(rows):
    scores, labels = np.array([score for score, _ in rows]), np.array([label for _, label in rows])
    area = area_under_roc(scores[labels], scores[~labels])
    assert area == pytest.approx(roc_auc_score(labels, scores))
    false_alarms, hits = roc_curve(scores[labels], scores[~labels])
    assert np.trapezoid(hits, false_alarms) == pytest.approx(area)
    assert (false_alarms[0], hits[0], false_alarms[-1], hits[-1]) == (0, 0, 1, 1)
    assert (np.diff(false_alarms) >= 0).all()
    assert (np.diff(hits) >= 0).all()


def test_ties_are_half_correct():
    assert is_correct_2afc([1.0, 1.0, 0.0], [0.0, 1.0, 1.0]).tolist() == [1.0, 0.5, 0.0]


@pytest.mark.parametrize("d_prime", [0.0, 0.8, 1.6, 2.5])
def test_the_interval_of_a_sitting_of_60_has_nominal_coverage(d_prime):
    """200 simulated sittings of a player with a Gaussian decision variable and the given d′."""
    rng = np.random.default_rng(60)
    without, with_target = rng.standard_normal((200, 60)), d_prime + rng.standard_normal((200, 60))
    right = (with_target > without).sum(1)
    intervals = np.array([d_prime_interval_2afc(int(n), 60) for n in right])
    covered = ((intervals[:, 0] <= d_prime) & (d_prime <= intervals[:, 1])).sum()
    assert covered >= 190
    estimates = np.array([d_prime_2afc(int(n), 60) for n in right])
    assert np.mean(estimates) == pytest.approx(d_prime, abs=0.1)


def test_the_interval_is_unbounded_where_all_or_no_answers_are_correct():
    assert d_prime_interval_2afc(20, 20)[1] == np.inf
    assert d_prime_interval_2afc(20, 20)[0] == pytest.approx(np.sqrt(2) * norm.ppf(0.025 ** (1 / 20)))
    assert d_prime_interval_2afc(0, 20)[0] == -np.inf


def test_a_psychometric_function_is_recovered():
    truth = Psychometric(threshold=-3.0, spread=4.0, lapse=0.03)
    levels, n = np.array([-15.0, -9.0, -6.0, -3.0, 0.0, 3.0, 9.0]), 20_000
    right = np.random.default_rng(1).binomial(n, truth(levels))
    found = fit_psychometric(levels, right, np.full(len(levels), n))
    assert found.threshold == pytest.approx(-3.0, abs=0.3)
    assert found.spread == pytest.approx(4.0, abs=0.3)
    assert found.lapse == pytest.approx(0.03, abs=0.005)
    assert truth(-100.0) == pytest.approx(0.5)
    assert truth(100.0) == pytest.approx(0.97)
    # Single trials have the same likelihood as counts.
    answers = np.concatenate([np.arange(40) < 40 * share for share in truth(levels)])
    one_by_one = fit_psychometric(np.repeat(levels, 40), answers, np.ones(len(answers)))
    counted = fit_psychometric(levels, answers.reshape(-1, 40).sum(1), np.full(len(levels), 40))
    assert one_by_one.threshold == pytest.approx(counted.threshold, abs=0.05)


def test_a_psychometric_function_needs_two_levels():
    with raises("too-small", option="levels"):
        fit_psychometric([0.0, 0.0], [3, 4], [5, 5])


def test_efficiency_is_the_squared_ratio_to_the_ideal_d_prime():
    # Identical trials: (√2 z(0.76) / 4)².
    answers = np.arange(100) < 76
    assert efficiency(answers, np.full(100, 4.0)) == pytest.approx((np.sqrt(2) * norm.ppf(0.76) / 4) ** 2, rel=1e-3)
    # Trials with very different limits, of which the observer reaches a ratio of 0.2.
    rng = np.random.default_rng(2)
    limit = rng.uniform(2.0, 20.0, 20_000)
    right = rng.random(20_000) < proportion_correct_2afc(0.2 * limit)
    assert efficiency(right, limit) == pytest.approx(0.04, rel=0.05)
    low, high = efficiency_interval(right[:500], limit[:500], n=300)
    assert low < 0.04 < high
    # An observer at chance or below has none, and there is an upper bound.
    assert efficiency(np.zeros(50), np.full(50, 4.0)) == 0.0
    assert efficiency(np.ones(50), np.full(50, 4.0)) == pytest.approx(9.0)


def test_the_bootstrap_interval_of_a_mean_matches_its_standard_error():
    values = np.random.default_rng(3).standard_normal(400)
    low, high = bootstrap_interval(np.mean, values, n=2000)
    assert (high - low) / (2 * 1.96) == pytest.approx(values.std() / 20, rel=0.1)
    assert bootstrap_interval(np.mean, values, n=50) == bootstrap_interval(np.mean, values, n=50)
