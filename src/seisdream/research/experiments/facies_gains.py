"""How much of each facies dreams gain, and whether two classifiers agree on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seisdream.research.psychophysics.signal_detection import bootstrap_interval

MIN_GAIN = 0.02
"""Fraction of a section that a facies must gain to count as a change."""

_N_BOOTSTRAP = 400


def own_gain(gains: NDArray) -> NDArray:
    """Return the gain of the target class, ``(section, class)``, from gains ``(section, target class, class)``."""
    return np.einsum("sii->si", gains)


def _specific_gain(gains: NDArray) -> NDArray:
    """Return the gain of each class as the target minus its mean gain when other classes are, ``(section, class)``."""
    own = own_gain(gains)
    return own - (gains.sum(1) - own) / (gains.shape[1] - 1)


_MEASURES: dict[str, Callable[[NDArray], NDArray]] = {
    "gain": own_gain,
    "specific_gain": _specific_gain,
    "increased": lambda gains: own_gain(gains) > 0.0,
    "largest": lambda gains: gains.argmax(-1) == np.arange(gains.shape[1]),
}


def measure_gains(by_classifier: Mapping[str, NDArray], seed: int) -> dict[str, dict[str, Any]]:
    """Return the mean measures of dreams on a class, with intervals, by classifier.

    Parameters
    ----------
    by_classifier : dict of array
        Gains ``(section, target class, class)``.
    seed : int
        Random seed of the bootstrap.

    Returns
    -------
    dict
        By classifier: ``gain`` of the target class; ``specific_gain``, the gain minus that when other classes are the
        target; the fractions of dreams in which the class ``increased`` and in which its gain is the ``largest``.
    """
    return {
        classifier: {
            key: value
            for name, measure in _MEASURES.items()
            for key, value in _mean_with_interval(name, measure(gains), seed).items()
        }
        for classifier, gains in by_classifier.items()
    }


def mean_gain_by_facies(
    by_classifier: Mapping[str, NDArray], classes: Sequence[str]
) -> dict[str, dict[str, dict[str, float]]]:
    """Return by facies and classifier the mean ``gain``, and the fraction of dreams in which it ``increased``."""
    own = {classifier: own_gain(gains) for classifier, gains in by_classifier.items()}
    return {
        facies: {
            classifier: {"gain": float(gain[:, code].mean()), "increased": float((gain[:, code] > 0.0).mean())}
            for classifier, gain in own.items()
        }
        for code, facies in enumerate(classes)
    }


def measure_agreement(gains: Sequence[NDArray], classes: Sequence[str], seed: int) -> dict[str, Any]:
    """Return how often two classifiers agree on the facies that dreams without a target class gain.

    Parameters
    ----------
    gains : sequence of array
        Of two classifiers, ``(section, class)``.
    classes : sequence of str
        In the order of their codes.
    seed : int
        Random seed of the bootstrap.

    Returns
    -------
    dict
        ``agreement``, the fraction of dreams for which both classifiers find that the same class gains most, and more
        than `MIN_GAIN`, with its interval; ``by_chance``, the fraction expected if the classifiers were independent;
        ``facies``, how often they agree on each class.
    """
    first, second = gains
    codes = [one.argmax(-1) for one in (first, second)]
    agree = (codes[0] == codes[1]) & (first.max(-1) > MIN_GAIN) & (second.max(-1) > MIN_GAIN)
    frequencies = [np.bincount(one, minlength=len(classes)) / len(one) for one in codes]
    counts = np.bincount(codes[0][agree], minlength=len(classes))
    return {
        **_mean_with_interval("agreement", agree[:, None], seed),
        "by_chance": float(frequencies[0] @ frequencies[1]),
        "facies": {classes[code]: int(counts[code]) for code in np.flatnonzero(counts).tolist()},
    }


def _mean_with_interval(name: str, values: NDArray, seed: int) -> dict[str, Any]:
    """Return the mean of values ``(section, ...)`` and its bootstrap interval over sections."""
    by_section = values.reshape(len(values), -1).mean(1)
    low, high = bootstrap_interval(np.mean, by_section, seed=seed, n=_N_BOOTSTRAP)
    return {name: float(by_section.mean()), f"{name}_interval": [low, high]}
