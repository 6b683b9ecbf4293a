"""How sensitive an observer is, estimated from its responses to the trials of a study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seisdream.research.psychophysics.signal_detection import (
    Psychometric,
    area_under_roc,
    bootstrap_interval,
    count_yes_no,
    d_prime_2afc,
    d_prime_from_area,
    efficiency,
    efficiency_interval,
    fit_psychometric,
    proportion_correct_2afc,
)
from seisdream.research.psychophysics.study import FITTED, IDEAL, TrialResponses


def estimate_dprime(
    responses: TrialResponses, observer: str, *, seed: int = 0, n_bootstrap: int = 400
) -> dict[str, Any]:
    """Return the sensitivity of an observer and related measures, with bootstrap intervals over pairs.

    Parameters
    ----------
    responses : TrialResponses
        Responses that include the observer's.
    observer : str
        One of `OBSERVERS`.
    seed : int, default 0
        Random seed of the bootstrap.
    n_bootstrap : int, default 400
        Number of bootstrap samples.

    Returns
    -------
    dict
        ``n_pairs``; from 2AFC ``proportion_correct``, ``d_prime`` and ``efficiency``; from yes/no over all sections
        ``area`` under the ROC curve and ``d_prime_yes_no``, and for observers whose decision variable has a natural
        threshold (0) ``criterion`` and ``false_alarms``. Keys ``..._interval`` are 95 % intervals. The ideal observer
        has an efficiency of 1 by definition; its ``proportion_correct`` is the analytic one, and
        ``proportion_simulated`` that of its simulated answers.
    """
    responses = responses.answered_by(observer)
    correct, limit = responses.correct(observer), responses.ideal_d_prime
    without, with_target = responses.scores[observer].T
    n_pairs = len(correct)

    def interval(statistic: Callable[..., float], *arrays: NDArray) -> tuple[float, float]:
        return bootstrap_interval(statistic, *arrays, seed=seed, n=n_bootstrap)

    def d_prime(answers: NDArray) -> float:
        return d_prime_2afc(float(answers.sum()), len(answers))

    area = area_under_roc(with_target, without)
    measures: dict[str, Any] = {
        "n_pairs": n_pairs,
        "proportion_correct": float(correct.mean()),
        "proportion_correct_interval": interval(np.mean, correct),
        "d_prime": d_prime(correct),
        "d_prime_interval": interval(d_prime, correct),
        "area": area,
        "area_interval": interval(area_under_roc, with_target, without),
        "d_prime_yes_no": d_prime_from_area(area, n_pairs),
    }
    if observer == IDEAL:
        measures |= _ideal_measures(measures["proportion_correct"], limit, interval)
    else:
        measures["efficiency"] = efficiency(correct, limit)
        measures["efficiency_interval"] = efficiency_interval(correct, limit, seed=seed, n=n_bootstrap)
    if observer in (IDEAL, *FITTED):
        counts = count_yes_no(with_target, without)
        measures |= {"criterion": counts.criterion, "false_alarms": counts.false_alarm_rate}
    return measures


def _ideal_measures(
    proportion_simulated: float, limit: NDArray, interval: Callable[..., tuple[float, float]]
) -> dict[str, Any]:
    """Return the ideal observer's measures from its analytic d′, which is finite even if all answers are correct."""

    def root_mean_square(values: NDArray) -> float:
        return float(np.sqrt(np.mean(values**2)))

    proportion = proportion_correct_2afc(limit)
    return {
        "proportion_simulated": proportion_simulated,
        "proportion_correct": float(proportion.mean()),
        "proportion_correct_interval": interval(np.mean, proportion),
        "d_prime": root_mean_square(limit),
        "d_prime_interval": interval(root_mean_square, limit),
        "efficiency": 1.0,
        "efficiency_interval": (1.0, 1.0),
    }


def fit_over_levels(responses: TrialResponses, observer: str) -> Psychometric:
    """Return the psychometric function of an observer's 2AFC answers over the signal-to-noise ratio in dB."""
    responses = responses.answered_by(observer)
    correct = responses.correct(observer)
    return fit_psychometric(responses.snr_db, correct, np.ones(len(correct)))


def threshold_interval(
    responses: TrialResponses, observer: str, *, seed: int = 0, n_bootstrap: int = 60
) -> tuple[float, float]:
    """Return the bootstrap interval of the threshold of `fit_over_levels`, in dB."""
    responses = responses.answered_by(observer)
    trial_levels, correct = responses.snr_db, responses.correct(observer)
    levels = np.unique(trial_levels)

    def threshold(trial_levels: NDArray, correct: NDArray) -> float:
        n_correct = [correct[trial_levels == level].sum() for level in levels]
        n_trials = [(trial_levels == level).sum() for level in levels]
        return fit_psychometric(levels, n_correct, n_trials).threshold

    return bootstrap_interval(threshold, trial_levels, correct, seed=seed, n=n_bootstrap)
