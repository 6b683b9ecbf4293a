"""Many observers watch the same trials: a table of their decision variables, and what it says of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seisdream.models.network import Network
from seisdream.research.psychophysics.model_observers import (
    Features,
    NetworkFeatures,
    ReadOut,
    attribute_features,
    fit_read_out,
    ideal_d_prime,
    ideal_score,
)
from seisdream.research.psychophysics.signal_detection import (
    Psychometric,
    area_under_roc,
    bootstrap,
    choose,
    count_yes_no,
    d_prime_2afc,
    d_prime_of_area,
    efficiency,
    efficiency_interval,
    fit_psychometric,
    share_correct,
)
from seisdream.research.psychophysics.trials import Trial

IDEAL, NETWORK, WORD, UNTRAINED = "ideal", "network", "network's own word", "untrained network"
ATTRIBUTES, COHERENCE, SEMBLANCE = "attributes", "coherence", "semblance"

OBSERVERS = {
    IDEAL: "told the target, the section and the noise's covariance exactly: the likelihood ratio, which no one passes",
    NETWORK: "linear read-out of the network's classes and of two of its layers in the box, learned on other trials",
    WORD: "its mean log-probability of the facies asked for, nothing learned; only where the target is a facies",
    UNTRAINED: "the same read-out of the same network with random weights: what the architecture gives away",
    ATTRIBUTES: "the same read-out of coherence, semblance, dip and amplitude",
    COHERENCE: "the lowest coherence in the box, nothing learned: the lower, the likelier a target",
    SEMBLANCE: "the lowest semblance in the box, nothing learned",
}
"""The observers, and what each is told and has learned."""

_LOWEST_COHERENCE, _LOWEST_SEMBLANCE = 1, 4


@dataclass(frozen=True)
class TrialResponses:
    """What observers said of trials; arrays have one entry for each pair.

    Attributes
    ----------
    seed : array of int
        Of each trial.
    kind : array of str
        Of the target.
    snr_db : array
        Level.
    ideal_d_prime : array
        The limit on each trial.
    illusion : array of str
        ``(pair, 2)``: of the section without and of that with the target; empty where there is none.
    scores : dict of array
        ``(pair, 2)`` by observer: the decision variable without and with the target. NaN where it has none.
    """

    seed: NDArray
    kind: NDArray
    snr_db: NDArray
    ideal_d_prime: NDArray
    illusion: NDArray
    scores: dict[str, NDArray]

    def where(self, rows: NDArray) -> TrialResponses:
        """Return some of the trials."""
        chosen = {name: scores[rows] for name, scores in self.scores.items()}
        return TrialResponses(
            self.seed[rows], self.kind[rows], self.snr_db[rows], self.ideal_d_prime[rows], self.illusion[rows], chosen
        )

    def known(self, observer: str) -> TrialResponses:
        """Return the trials for which an observer has a decision variable."""
        return self.where(np.flatnonzero(np.isfinite(self.scores[observer]).all(1)))

    def correct(self, observer: str) -> NDArray:
        """Return whether an observer chose the target, ``(pair,)``, ½ where it had no preference."""
        without, with_target = self.scores[observer].T
        return choose(with_target, without)

    def rows(self) -> list[dict[str, Any]]:
        """Return the table, one row for each section shown."""
        return [
            {
                "pair": pair,
                "seed": int(self.seed[pair]),
                "kind": str(self.kind[pair]),
                "snr_db": float(self.snr_db[pair]),
                "ideal_d_prime": float(self.ideal_d_prime[pair]),
                "has_target": side,
                "illusion": str(self.illusion[pair, side]),
                **{name: float(scores[pair, side]) for name, scores in self.scores.items()},
            }
            for pair in range(len(self.seed))
            for side in (0, 1)
        ]


class ObserverPanel:
    """Observers made ready: features to look with, and read-outs that learned from trials of their own.

    Parameters
    ----------
    network, untrained : Network
        One that maps facies, and the same with random weights.
    trials : sequence of Trial
        To learn from; the panel must never be asked about these.
    progress : callable, optional
        Called with the number of trials done.
    """

    def __init__(
        self,
        network: Network,
        untrained: Network,
        trials: Sequence[Trial],
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        self._network = NetworkFeatures(network)
        self._features: dict[str, Features] = {
            NETWORK: self._network,
            UNTRAINED: NetworkFeatures(untrained),
            ATTRIBUTES: attribute_features,
        }
        seen = self._look(trials, progress)
        kinds = np.repeat([trial.kind for trial in trials], 2)
        has_target = np.tile([False, True], len(trials))
        pair = np.repeat(np.arange(len(trials)), 2)
        self._read_outs: dict[str, ReadOut] = {
            name: fit_read_out(list(kinds), features.reshape(len(kinds), -1), has_target, pair)
            for name, features in seen.items()
        }

    def watch(self, trials: Sequence[Trial], progress: Callable[[int], None] = lambda done: None) -> TrialResponses:
        """Return what every observer says of trials.

        Parameters
        ----------
        trials : sequence of Trial
            Other ones than those that the panel learned from.
        progress : callable, optional
            Called with the number of trials done.
        """
        seen = self._look(trials, progress)
        kinds = np.array([trial.kind for trial in trials])
        scores = {name: np.full((len(trials), 2), np.nan) for name in OBSERVERS}
        for row, trial in enumerate(trials):
            scores[IDEAL][row] = [ideal_score(trial, shown) for shown in trial.pair()]
        for kind in np.unique(kinds):
            rows = kinds == kind
            for name, read_out in self._read_outs.items():
                features = seen[name][rows]
                scores[name][rows] = read_out.scores(str(kind), features.reshape(-1, features.shape[-1])).reshape(-1, 2)
            features = seen[NETWORK][rows]
            word = self._network.word(features.reshape(-1, features.shape[-1]), str(kind))
            if word is not None:
                scores[WORD][rows] = word.reshape(-1, 2)
        scores[COHERENCE] = -seen[ATTRIBUTES][..., _LOWEST_COHERENCE]
        scores[SEMBLANCE] = -seen[ATTRIBUTES][..., _LOWEST_SEMBLANCE]
        return TrialResponses(
            seed=np.array([trial.seed for trial in trials]),
            kind=kinds,
            snr_db=np.array([trial.snr_db for trial in trials]),
            ideal_d_prime=np.array([ideal_d_prime(trial) for trial in trials]),
            illusion=np.array([[name or "" for name in trial.illusions] for trial in trials]),
            scores=scores,
        )

    def _look(self, trials: Iterable[Trial], progress: Callable[[int], None]) -> dict[str, NDArray]:
        """Return the features ``(pair, 2, feature)`` of both twins of every trial, by observer."""
        found: dict[str, list[list[NDArray]]] = {name: [] for name in self._features}
        for done, trial in enumerate(trials, start=1):
            twins = trial.pair()
            for name, features in self._features.items():
                found[name].append([features(shown, trial.box) for shown in twins])
            progress(done)
        return {name: np.array(rows) for name, rows in found.items()}


def measure(watched: TrialResponses, observer: str, *, seed: int = 0, n_bootstrap: int = 400) -> dict[str, Any]:
    """Return how well an observer tells the target in trials, with bootstrap intervals over pairs.

    Parameters
    ----------
    watched : Watched
        What it said.
    observer : str
        One of `OBSERVERS`.
    seed, n_bootstrap : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``n_pairs``; of the choice between twins ``share_correct``, ``d_prime`` and ``efficiency``; of yes/no over all
        sections ``area`` under the ROC curve, ``d_prime_yes_no`` of that area, and ``criterion`` and
        ``false_alarms`` for observers whose decision variable has a threshold of its own (0). ``..._interval`` are
        95 %. The ideal observer's efficiency is 1 by definition; its ``share_correct`` is the analytic one, and
        ``share_simulated`` what it answered.
    """
    watched = watched.known(observer)
    correct, limit = watched.correct(observer), watched.ideal_d_prime
    without, with_target = watched.scores[observer].T
    n_pairs = len(correct)

    def d_prime(answers):
        return d_prime_2afc(float(answers.sum()), len(answers))

    def area(with_target, without):
        return area_under_roc(with_target, without)

    found: dict[str, Any] = {
        "n_pairs": n_pairs,
        "share_correct": float(correct.mean()),
        "share_correct_interval": bootstrap(np.mean, correct, seed=seed, n=n_bootstrap),
        "d_prime": d_prime(correct),
        "d_prime_interval": bootstrap(d_prime, correct, seed=seed, n=n_bootstrap),
        "area": area(with_target, without),
        "area_interval": bootstrap(area, with_target, without, seed=seed, n=n_bootstrap),
    }
    found["d_prime_yes_no"] = d_prime_of_area(found["area"], n_pairs)
    if observer == IDEAL:
        shares = share_correct(limit)
        found |= {"share_simulated": found["share_correct"], "share_correct": float(shares.mean())}
        found |= {"share_correct_interval": bootstrap(np.mean, shares, seed=seed, n=n_bootstrap)}
        # Finite where simulated answers are all right: the root mean square of the limits of the trials.
        found |= {"d_prime": float(np.sqrt(np.mean(limit**2))), "efficiency": 1.0, "efficiency_interval": (1.0, 1.0)}
        found["d_prime_interval"] = bootstrap(
            lambda values: float(np.sqrt(np.mean(values**2))), limit, seed=seed, n=n_bootstrap
        )
    else:
        found["efficiency"] = efficiency(correct, limit)
        found["efficiency_interval"] = efficiency_interval(correct, limit, seed=seed, n=n_bootstrap)
    if observer in (IDEAL, NETWORK, UNTRAINED, ATTRIBUTES):
        counts = count_yes_no(with_target, without)
        found |= {"criterion": counts.criterion, "false_alarms": counts.false_alarm_rate}
    return found


def fit_over_levels(watched: TrialResponses, observer: str) -> Psychometric:
    """Return the psychometric function of an observer's choices over the level of noise in dB."""
    watched = watched.known(observer)
    correct = watched.correct(observer)
    return fit_psychometric(watched.snr_db, correct, np.ones(len(correct)))


def threshold_interval(
    watched: TrialResponses, observer: str, *, seed: int = 0, n_bootstrap: int = 60
) -> tuple[float, float]:
    """Return the bootstrap interval of the threshold of `fit_over_levels`, in dB."""
    watched = watched.known(observer)
    levels, correct = watched.snr_db, watched.correct(observer)
    grades = np.unique(levels)

    def threshold(levels, correct):
        right = [correct[levels == grade].sum() for grade in grades]
        return fit_psychometric(grades, right, [(levels == grade).sum() for grade in grades]).threshold

    return bootstrap(threshold, levels, correct, seed=seed, n=n_bootstrap)
