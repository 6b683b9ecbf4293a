"""Signal detection theory: sensitivity to a target, separated from the bias towards answering yes.

The measures are those of Green and Swets, *Signal Detection Theory and Psychophysics* (1966), in the notation of
Macmillan and Creelman, *Detection Theory: A User's Guide* (2005). The observer is modelled by one number for each
stimulus, the decision variable, which is Gaussian with and without the target; sensitivity d′ is the distance between
the two means in standard deviations. 2AFC is the two-alternative forced choice: which of two sections has the target?
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr, ndtri, xlogy
from scipy.stats import beta, rankdata

from seisdream.errors import SeisdreamError

_ROOT_2 = float(np.sqrt(2.0))
_MAX_LAPSE = 0.1
# Ratios of d′ to the ideal d′ that the likelihood is evaluated on, evenly spaced on a logarithmic axis. They exceed 1
# because a few lucky answers can make an observer appear better than the ideal one.
_RATIOS = np.concatenate([[0.0], np.geomspace(1e-4, 3.0, 500)])


@dataclass(frozen=True)
class YesNo:
    """Counts of a yes/no task.

    Rates use the log-linear correction: half a trial is added to each count of yes and one to each number of trials.
    Perfect scores stay finite, and the bias for few trials is small (Hautus, Behavior Research Methods 27, 1995).

    Attributes
    ----------
    n_hits, n_targets : int
        Number of yes answers to sections with the target, and of these sections.
    n_false_alarms, n_without : int
        Number of yes answers to sections without the target, and of these sections.
    """

    n_hits: int
    n_targets: int
    n_false_alarms: int
    n_without: int

    def __post_init__(self):
        for name, count, total in (
            ("n_hits", self.n_hits, self.n_targets),
            ("n_false_alarms", self.n_false_alarms, self.n_without),
        ):
            if not 0 <= count <= total:
                raise SeisdreamError(
                    f"`{name}` is {count}; it must be from 0 to the number of trials, {total}.",
                    code="out-of-range",
                    option=name,
                )

    @property
    def hit_rate(self) -> float:
        """Fraction of yes answers with the target present, corrected."""
        return (self.n_hits + 0.5) / (self.n_targets + 1.0)

    @property
    def false_alarm_rate(self) -> float:
        """Fraction of yes answers with the target absent, corrected."""
        return (self.n_false_alarms + 0.5) / (self.n_without + 1.0)

    @property
    def d_prime(self) -> float:
        """Sensitivity, ``z(hits) - z(false alarms)``."""
        return float(ndtri(self.hit_rate) - ndtri(self.false_alarm_rate))

    @property
    def criterion(self) -> float:
        """Criterion (bias), ``-(z(hits) + z(false alarms)) / 2``: above 0 for an observer who tends to answer no."""
        return float(-0.5 * (ndtri(self.hit_rate) + ndtri(self.false_alarm_rate)))


def count_yes_no(with_target: ArrayLike, without: ArrayLike, threshold: float = 0.0) -> YesNo:
    """Count the yes answers of an observer, given where its decision variable is above a threshold."""
    with_target, without = np.asarray(with_target), np.asarray(without)
    return YesNo(int((with_target > threshold).sum()), len(with_target), int((without > threshold).sum()), len(without))


def d_prime_2afc(n_correct: float, n_trials: float) -> float:
    """Return d′ from the number of correct 2AFC answers, ``√2 z(proportion correct)``, corrected as in `YesNo`."""
    return float(_ROOT_2 * ndtri((n_correct + 0.5) / (n_trials + 1.0)))


def d_prime_interval_2afc(n_correct: int, n_trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of d′ from the number of correct 2AFC answers.

    It follows from the exact interval of a proportion (Clopper and Pearson, Biometrika 26, 1934), whose coverage is at
    least nominal. An end is infinite where all answers, or none, are correct.
    """
    tail = 0.5 * (1.0 - confidence)
    low = beta.ppf(tail, n_correct, n_trials - n_correct + 1) if n_correct else 0.0
    high = beta.ppf(1.0 - tail, n_correct + 1, n_trials - n_correct) if n_correct < n_trials else 1.0
    return float(_ROOT_2 * ndtri(low)), float(_ROOT_2 * ndtri(high))


def proportion_correct_2afc(d_prime: ArrayLike) -> NDArray:
    """Return the expected proportion of correct 2AFC answers of an observer of sensitivity d′, ``Φ(d′ / √2)``."""
    return ndtr(np.asarray(d_prime) / _ROOT_2)


def is_correct_2afc(with_target: ArrayLike, without: ArrayLike) -> NDArray:
    """Return 1 where the target has the greater decision variable, and so is chosen, 0 where not, ½ for ties."""
    with_target, without = np.asarray(with_target), np.asarray(without)
    return 0.5 * ((with_target > without).astype(float) + (with_target >= without))


def roc_curve(with_target: ArrayLike, without: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return false-alarm and hit rates for all thresholds, from (0, 0) to (1, 1)."""
    with_target, without = np.asarray(with_target, float), np.asarray(without, float)
    thresholds = np.unique(np.concatenate([with_target, without]))[::-1]
    rates = [
        np.concatenate([[0.0], 1.0 - np.searchsorted(np.sort(scores), thresholds, "left") / len(scores)])
        for scores in (without, with_target)
    ]
    return rates[0], rates[1]


def area_under_roc(with_target: ArrayLike, without: ArrayLike) -> float:
    """Return the area under the ROC curve: the probability that a target has the greater decision variable."""
    with_target, without = np.asarray(with_target, float), np.asarray(without, float)
    n_with, n_without = len(with_target), len(without)
    ranks = rankdata(np.concatenate([with_target, without]))[:n_with]
    return float((ranks.sum() - 0.5 * n_with * (n_with + 1)) / (n_with * n_without))


def d_prime_from_area(area: float, n_trials: int) -> float:
    """Return the equal-variance d′ of an area under the ROC curve, ``√2 z(area)``, corrected as in `YesNo`."""
    return d_prime_2afc(area * n_trials, n_trials)


@dataclass(frozen=True)
class Psychometric:
    """Psychometric function, ``guess + (1 - guess - lapse) Φ((level - threshold) / spread)``.

    Attributes
    ----------
    threshold : float
        Level halfway between guessing and the upper asymptote.
    spread : float
        Standard deviation of the cumulative Gaussian.
    lapse : float
        Distance of the upper asymptote from 1.
    guess : float, default 0.5
        Lower asymptote: the proportion correct by guessing.
    """

    threshold: float
    spread: float
    lapse: float
    guess: float = 0.5

    def __call__(self, level: ArrayLike) -> NDArray:
        """Return the expected proportion correct at each level."""
        rise = ndtr((np.asarray(level, float) - self.threshold) / self.spread)
        return self.guess + (1.0 - self.guess - self.lapse) * rise


def fit_psychometric(
    levels: ArrayLike, n_correct: ArrayLike, n_trials: ArrayLike, *, guess: float = 0.5
) -> Psychometric:
    """Fit a psychometric function and its lapse rate by maximum likelihood (Wichmann and Hill, 2001).

    Parameters
    ----------
    levels, n_correct, n_trials : array
        Stimulus levels, and the numbers of correct answers and of trials at each.
    guess : float, default 0.5
        Proportion correct by guessing.

    Returns
    -------
    Psychometric
        The threshold is at most one range of the levels outside them, the lapse rate from 0 to 0.1. An observer whose
        performance does not depend on the level has its threshold at an end of that interval.

    Raises
    ------
    SeisdreamError
        If there are fewer than two levels.
    """
    levels, correct, total = (np.asarray(values, float) for values in (levels, n_correct, n_trials))
    if len(np.unique(levels)) < 2:
        raise SeisdreamError(
            f"`levels` holds {np.unique(levels).tolist()}; a psychometric function needs two levels or more.",
            code="too-small",
            option="levels",
        )
    span = float(np.ptp(levels))
    lowest, highest = levels.min() - span, levels.max() + span

    def cost(parameters):
        expected = Psychometric(parameters[0], np.exp(parameters[1]), parameters[2], guess)(levels)
        return -float((xlogy(correct, expected) + xlogy(total - correct, 1.0 - expected)).sum())

    bounds = [(lowest, highest), (np.log(0.05 * span), np.log(3.0 * span)), (1e-6, _MAX_LAPSE)]
    starts = [(at, np.log(0.3 * span), 0.02) for at in np.linspace(lowest, highest, 5)]
    fits = [minimize(cost, start, method="L-BFGS-B", bounds=bounds) for start in starts]
    best = min(fits, key=lambda fit: fit.fun).x
    return Psychometric(float(best[0]), float(np.exp(best[1])), float(best[2]), guess)


def efficiency(correct: ArrayLike, ideal_d_prime: ArrayLike) -> float:
    """Return the efficiency of an observer, ``(d′ / d′ ideal)²``, from 2AFC answers.

    Each trial has its own ideal d′. One ratio k of the observer's d′ to the ideal one is fitted to all trials by
    maximum likelihood, with ``Φ(k d′ ideal / √2)`` as the probability of a correct answer; the efficiency is k² (Tanner
    and Birdsall, Journal of the Acoustical Society of America 30, 1958).

    Parameters
    ----------
    correct : array
        1 for correct answers, 0 for wrong ones, ½ for ties.
    ideal_d_prime : array
        The ideal observer's d′ for each trial.
    """
    correct, ideal = np.asarray(correct, float), np.asarray(ideal_d_prime, float)
    return float(_most_likely_ratio(_log_likelihoods(correct, ideal).sum(0)) ** 2)


def efficiency_interval(
    correct: ArrayLike, ideal_d_prime: ArrayLike, *, seed: int = 0, n: int = 1000, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the bootstrap interval of `efficiency` over trials."""
    correct, ideal = np.asarray(correct, float), np.asarray(ideal_d_prime, float)
    # A bootstrap sample is given by how often each trial is in it.
    counts = np.random.default_rng(seed).multinomial(len(correct), np.full(len(correct), 1.0 / len(correct)), n)
    drawn = _most_likely_ratio(counts @ _log_likelihoods(correct, ideal)) ** 2
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(drawn, [tail, 100.0 - tail])
    return float(low), float(high)


def _log_likelihoods(correct: NDArray, ideal: NDArray) -> NDArray:
    """Return the log-likelihood of each answer for each of `_RATIOS`, ``(trial, ratio)``."""
    at = _RATIOS * ideal[:, None] / _ROOT_2
    return correct[:, None] * log_ndtr(at) + (1.0 - correct[:, None]) * log_ndtr(-at)


def _most_likely_ratio(log_likelihood: NDArray) -> NDArray:
    """Return the ratio of maximum log-likelihood ``(..., ratio)``, interpolated by a parabola."""
    best = log_likelihood.argmax(-1)
    inner = np.clip(best, 2, len(_RATIOS) - 2)
    before, middle, after = (np.take_along_axis(log_likelihood, (inner + step)[..., None], -1)[..., 0]
                             for step in (-1, 0, 1))  # fmt: skip
    curvature = before - 2.0 * middle + after
    shift = np.where(curvature < 0.0, 0.5 * (before - after) / np.where(curvature < 0.0, curvature, 1.0), 0.0)
    refined = _RATIOS[inner] * np.exp(np.clip(shift, -1.0, 1.0) * np.log(_RATIOS[2] / _RATIOS[1]))
    return np.where(best == inner, refined, _RATIOS[best])


def bootstrap_interval(
    statistic: Callable[..., float], *arrays: ArrayLike, seed: int = 0, n: int = 1000, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the bootstrap percentile interval of a statistic over trials (Efron and Tibshirani, 1993).

    Parameters
    ----------
    statistic : callable
        Takes the arrays and returns a number.
    *arrays : array
        One entry for each trial; all are resampled together.
    seed : int, default 0
        Random seed.
    n : int, default 1000
        Number of bootstrap samples.
    confidence : float, default 0.95
        Confidence level.
    """
    values = [np.asarray(array) for array in arrays]
    n_trials = len(values[0])
    rng = np.random.default_rng(seed)
    drawn = [statistic(*(array[rows] for array in values)) for rows in rng.integers(0, n_trials, (n, n_trials))]
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(drawn, [tail, 100.0 - tail])
    return float(low), float(high)
