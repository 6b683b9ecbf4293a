"""Signal detection theory: how well something is told from nothing, apart from how readily it is said to be there.

The measures are those of Green and Swets, *Signal Detection Theory and Psychophysics* (1966), as Macmillan and
Creelman, *Detection Theory: A User's Guide* (2005), write them. An observer is taken to have one number for what it is
shown, the decision variable, Gaussian with and without the target; sensitivity d′ is how many standard deviations apart
the two lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import xlogy
from scipy.stats import beta, norm, rankdata

from seisdream.errors import SeisdreamError

_ROOT_2 = float(np.sqrt(2.0))
_MOST_LAPSES = 0.1
# Shares of the ideal d′ that are tried, evenly on a logarithmic axis. No observer beats the ideal one; a few right
# answers by luck may look as if.
_RATIOS = np.concatenate([[0.0], np.geomspace(1e-4, 3.0, 500)])


@dataclass(frozen=True)
class YesNo:
    """Counts of a yes/no task.

    Rates are corrected log-linearly: half a trial is added to each count of yes and one to each number of trials, so
    that perfect scores stay finite and few trials are biased least (Hautus, Behavior Research Methods 27, 1995).

    Attributes
    ----------
    n_hits, n_targets : int
        How often yes was said with the target there, of how many.
    n_false_alarms, n_without : int
        How often yes was said with nothing there, of how many.
    """

    n_hits: int
    n_targets: int
    n_false_alarms: int
    n_without: int

    def __post_init__(self):
        for told, total, what in (
            (self.n_hits, self.n_targets, "hits of targets"),
            (self.n_false_alarms, self.n_without, "false alarms of sections without"),
        ):
            if not 0 <= told <= total:
                raise SeisdreamError(f"There cannot be {told} {what.split(' of ')[0]} in {total} trials.")

    @property
    def hit_rate(self) -> float:
        """Share of yes with the target there, corrected."""
        return (self.n_hits + 0.5) / (self.n_targets + 1.0)

    @property
    def false_alarm_rate(self) -> float:
        """Share of yes with nothing there, corrected."""
        return (self.n_false_alarms + 0.5) / (self.n_without + 1.0)

    @property
    def d_prime(self) -> float:
        """Sensitivity, ``z(hits) - z(false alarms)``."""
        return float(norm.ppf(self.hit_rate) - norm.ppf(self.false_alarm_rate))

    @property
    def criterion(self) -> float:
        """Bias, ``-(z(hits) + z(false alarms)) / 2``: above 0 for an observer who says no readily."""
        return float(-0.5 * (norm.ppf(self.hit_rate) + norm.ppf(self.false_alarm_rate)))


def count_yes_no(with_target: ArrayLike, without: ArrayLike, threshold: float = 0.0) -> YesNo:
    """Count an observer's yes, which it says where its decision variable is above a threshold."""
    with_target, without = np.asarray(with_target), np.asarray(without)
    return YesNo(int((with_target > threshold).sum()), len(with_target), int((without > threshold).sum()), len(without))


def d_prime_2afc(n_correct: float, n_trials: float) -> float:
    """Return d′ from right answers to a choice between two, ``√2 z(share right)``, corrected as in `YesNo`."""
    return float(_ROOT_2 * norm.ppf((n_correct + 0.5) / (n_trials + 1.0)))


def interval_2afc(n_correct: int, n_trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of d′ that right answers to a choice between two leave open.

    From the exact interval of a share (Clopper and Pearson, Biometrika 26, 1934), which holds the truth at least as
    often as it says; infinite where all answers, or none, are right.
    """
    tail = 0.5 * (1.0 - confidence)
    low = beta.ppf(tail, n_correct, n_trials - n_correct + 1) if n_correct else 0.0
    high = beta.ppf(1.0 - tail, n_correct + 1, n_trials - n_correct) if n_correct < n_trials else 1.0
    return float(_ROOT_2 * norm.ppf(low)), float(_ROOT_2 * norm.ppf(high))


def share_correct(d_prime: ArrayLike) -> NDArray:
    """Return the share of right answers to a choice between two that an observer of d′ gives, ``Φ(d′ / √2)``."""
    return norm.cdf(np.asarray(d_prime) / _ROOT_2)


def choose(with_target: ArrayLike, without: ArrayLike) -> NDArray:
    """Return whether the section with the target was chosen, by the greater decision variable; ½ where they tie."""
    with_target, without = np.asarray(with_target), np.asarray(without)
    return 0.5 * ((with_target > without).astype(float) + (with_target >= without))


def roc_curve(with_target: ArrayLike, without: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return false-alarm and hit rates over all thresholds, from (0, 0) to (1, 1)."""
    with_target, without = np.asarray(with_target, float), np.asarray(without, float)
    thresholds = np.unique(np.concatenate([with_target, without]))[::-1]
    rates = [
        np.concatenate([[0.0], 1.0 - np.searchsorted(np.sort(scores), thresholds, "left") / len(scores)])
        for scores in (without, with_target)
    ]
    return rates[0], rates[1]


def area_under_roc(with_target: ArrayLike, without: ArrayLike) -> float:
    """Return the area under the curve: how often a section with the target has the greater decision variable."""
    with_target, without = np.asarray(with_target, float), np.asarray(without, float)
    n_with, n_without = len(with_target), len(without)
    ranks = rankdata(np.concatenate([with_target, without]))[:n_with]
    return float((ranks.sum() - 0.5 * n_with * (n_with + 1)) / (n_with * n_without))


def d_prime_of_area(area: float, n_trials: int) -> float:
    """Return the d′ of equal variances that has this area, ``√2 z(area)``; at the ends corrected as in `YesNo`."""
    return d_prime_2afc(area * n_trials, n_trials)


@dataclass(frozen=True)
class Psychometric:
    """Share of right answers over a level: ``½ + (½ - lapse) Φ((level - threshold) / spread)``.

    Attributes
    ----------
    threshold : float
        Where half of the way from guessing to the best is gone.
    spread : float
        Standard deviation of the rise.
    lapse : float
        How far the best stays below 1.
    guess : float, default 0.5
        Where it starts.
    """

    threshold: float
    spread: float
    lapse: float
    guess: float = 0.5

    def __call__(self, level: ArrayLike) -> NDArray:
        """Return the share of right answers at levels."""
        rise = norm.cdf((np.asarray(level, float) - self.threshold) / self.spread)
        return self.guess + (1.0 - self.guess - self.lapse) * rise


def fit_psychometric(
    levels: ArrayLike, n_correct: ArrayLike, n_trials: ArrayLike, *, guess: float = 0.5
) -> Psychometric:
    """Fit a psychometric function by maximum likelihood, its lapses too (Wichmann and Hill, 2001).

    Parameters
    ----------
    levels, n_correct, n_trials : array
        Levels, and how many answers were right of how many at each.
    guess : float, default 0.5
        Share of right answers by guessing.

    Returns
    -------
    Psychometric
        With a threshold within one range of the levels of them, and 0 to 0.1 lapses. An observer who is as good, or
        as bad, at all levels has its threshold at an end of that.

    Raises
    ------
    SeisdreamError
        If there are fewer than two levels.
    """
    levels, right, total = (np.asarray(values, float) for values in (levels, n_correct, n_trials))
    if len(np.unique(levels)) < 2:
        raise SeisdreamError(f"A psychometric function needs two levels or more; got {np.unique(levels).tolist()}.")
    span = float(np.ptp(levels))
    least, most = levels.min() - span, levels.max() + span

    def cost(parameters):
        share = Psychometric(parameters[0], np.exp(parameters[1]), parameters[2], guess)(levels)
        return -float((xlogy(right, share) + xlogy(total - right, 1.0 - share)).sum())

    bounds = [(least, most), (np.log(0.05 * span), np.log(3.0 * span)), (1e-6, _MOST_LAPSES)]
    starts = [(at, np.log(0.3 * span), 0.02) for at in np.linspace(least, most, 5)]
    fits = [minimize(cost, start, method="L-BFGS-B", bounds=bounds) for start in starts]
    best = min(fits, key=lambda fit: fit.fun).x
    return Psychometric(float(best[0]), float(np.exp(best[1])), float(best[2]), guess)


def efficiency(correct: ArrayLike, ideal_d_prime: ArrayLike) -> float:
    """Return the efficiency of an observer, ``(d′ / d′ ideal)²``, from choices between two.

    Trials are not alike: each has its own ideal d′. One share of it for all is fitted by maximum likelihood, with
    right answers as often as ``Φ(k d′ ideal / √2)``; the efficiency is k² (Tanner and Birdsall, Journal of the
    Acoustical Society of America 30, 1958). On trials of one ideal d′ it is the squared ratio itself.

    Parameters
    ----------
    correct : array
        1 for right answers, 0 for wrong ones, ½ for ties.
    ideal_d_prime : array
        The ideal observer's for each trial.
    """
    correct, ideal = np.asarray(correct, float), np.asarray(ideal_d_prime, float)
    return float(_most_likely_ratio(_log_likelihoods(correct, ideal).sum(0)) ** 2)


def efficiency_interval(
    correct: ArrayLike, ideal_d_prime: ArrayLike, *, seed: int = 0, n: int = 1000, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the bootstrap interval of `efficiency` over trials drawn again."""
    correct, ideal = np.asarray(correct, float), np.asarray(ideal_d_prime, float)
    # A draw only says how often each trial counts.
    counts = np.random.default_rng(seed).multinomial(len(correct), np.full(len(correct), 1.0 / len(correct)), n)
    drawn = _most_likely_ratio(counts @ _log_likelihoods(correct, ideal)) ** 2
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(drawn, [tail, 100.0 - tail])
    return float(low), float(high)


def _log_likelihoods(correct: NDArray, ideal: NDArray) -> NDArray:
    """Return the log-likelihood of each answer at each of `_RATIOS`, ``(trial, ratio)``."""
    at = _RATIOS * ideal[:, None] / _ROOT_2
    return correct[:, None] * norm.logcdf(at) + (1.0 - correct[:, None]) * norm.logcdf(-at)


def _most_likely_ratio(log_likelihood: NDArray) -> NDArray:
    """Return where log-likelihoods ``(..., ratio)`` are greatest, between the ratios by a parabola."""
    best = log_likelihood.argmax(-1)
    inner = np.clip(best, 2, len(_RATIOS) - 2)
    before, middle, after = (np.take_along_axis(log_likelihood, (inner + step)[..., None], -1)[..., 0]
                             for step in (-1, 0, 1))  # fmt: skip
    bend = before - 2.0 * middle + after
    shift = np.where(bend < 0.0, 0.5 * (before - after) / np.where(bend < 0.0, bend, 1.0), 0.0)
    finer = _RATIOS[inner] * np.exp(np.clip(shift, -1.0, 1.0) * np.log(_RATIOS[2] / _RATIOS[1]))
    return np.where(best == inner, finer, _RATIOS[best])


def bootstrap(
    statistic: Callable[..., float], *arrays: ArrayLike, seed: int = 0, n: int = 1000, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the percentile interval of a statistic over trials drawn again (Efron and Tibshirani, 1993).

    Parameters
    ----------
    statistic : callable
        Takes the arrays and gives a number.
    *arrays : array
        One entry for each trial; they are drawn together.
    seed, n : int
        Of the draws, and how many.
    confidence : float, default 0.95
        Share of the draws inside.
    """
    values = [np.asarray(array) for array in arrays]
    n_trials = len(values[0])
    rng = np.random.default_rng(seed)
    drawn = [statistic(*(array[rows] for array in values)) for rows in rng.integers(0, n_trials, (n, n_trials))]
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(drawn, [tail, 100.0 - tail])
    return float(low), float(high)
