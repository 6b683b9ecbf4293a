"""A detection study: several observers respond to the same trials."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seisdream.models.network import Network
from seisdream.models.registry import load_network
from seisdream.research.psychophysics.model_observers import (
    ATTRIBUTE_FEATURES,
    Features,
    NetworkFeatures,
    ReadOut,
    attribute_features,
    fit_read_out,
    ideal_d_prime,
    ideal_score,
)
from seisdream.research.psychophysics.signal_detection import is_correct_2afc
from seisdream.research.psychophysics.targets import TARGETS
from seisdream.research.psychophysics.trials import Trial, make_trials

IDEAL, NETWORK, ROBUST, CLASS_PROBABILITY = "ideal", "network", "robust network", "class probability"
UNTRAINED, ATTRIBUTES, COHERENCE, SEMBLANCE = "untrained network", "attributes", "coherence", "semblance"

OBSERVERS = {
    IDEAL: "likelihood ratio, given the target, the noise-free section and the noise covariance; an upper limit",
    NETWORK: "linear read-out of the network's class probabilities and of two layers in the box, fitted on other "
    "trials",
    ROBUST: "the same read-out of a network that was trained adversarially",
    CLASS_PROBABILITY: "the network's mean log-probability of the target's facies, nothing fitted; only for targets "
    "that are a facies",
    UNTRAINED: "the same read-out of the same network with random weights: the contribution of the architecture alone",
    ATTRIBUTES: "the same read-out of coherence, semblance, dip and amplitude",
    COHERENCE: "minimum coherence in the box, nothing fitted; lower values indicate a target",
    SEMBLANCE: "minimum semblance in the box, nothing fitted; lower values indicate a target",
}
"""The observers, and what each is given."""

FITTED = (NETWORK, ROBUST, UNTRAINED, ATTRIBUTES)
"""Observers with a fitted read-out, whose decision variable is the log-odds of a target."""


LEVELS_DB = (12.0, 4.0, -4.0, -12.0, -20.0)
"""Signal-to-noise ratios in dB at which read-outs are fitted and observers tested."""


@dataclass(frozen=True)
class TrialResponses:
    """Decision variables of all observers for a set of trials; arrays have one entry for each pair.

    Attributes
    ----------
    seed : array of int
        Random seed of the trial.
    kind : array of str
        Kind of target.
    snr_db : array
        Signal-to-noise ratio in dB.
    ideal_d_prime : array
        The ideal observer's d′ for the trial.
    artefact : array of str
        ``(pair, 2)``: artefact of the sections without and with the target; empty if there is none.
    scores : dict of array
        By observer ``(pair, 2)``: the decision variable without and with the target; NaN if it has none.
    """

    seed: NDArray
    kind: NDArray
    snr_db: NDArray
    ideal_d_prime: NDArray
    artefact: NDArray
    scores: dict[str, NDArray]

    def select(self, rows: NDArray) -> TrialResponses:
        """Return some of the trials, by index or by mask."""
        scores = {name: values[rows] for name, values in self.scores.items()}
        return TrialResponses(
            self.seed[rows], self.kind[rows], self.snr_db[rows], self.ideal_d_prime[rows], self.artefact[rows], scores
        )

    def answered_by(self, observer: str) -> TrialResponses:
        """Return the trials for which an observer has a decision variable."""
        return self.select(np.flatnonzero(np.isfinite(self.scores[observer]).all(1)))

    def correct(self, observer: str) -> NDArray:
        """Return whether an observer chooses the section with the target, ``(pair,)``; ½ for ties."""
        without, with_target = self.scores[observer].T
        return is_correct_2afc(with_target, without)

    def rows(self) -> list[dict[str, Any]]:
        """Return a table with one row for each section."""
        return [
            {
                "pair": pair,
                "seed": int(self.seed[pair]),
                "kind": str(self.kind[pair]),
                "snr_db": float(self.snr_db[pair]),
                "ideal_d_prime": float(self.ideal_d_prime[pair]),
                "has_target": side,
                "artefact": str(self.artefact[pair, side]),
                **{name: float(scores[pair, side]) for name, scores in self.scores.items()},
            }
            for pair in range(len(self.seed))
            for side in (0, 1)
        ]


class ObserverPanel:
    """Observers whose read-outs are fitted, ready to respond to trials.

    Parameters
    ----------
    networks : dict of Network
        By observer, `NETWORK` among them: networks that predict facies.
    trials : sequence of Trial
        Trials to fit the read-outs on; the panel must not be tested on them.
    progress : callable, optional
        Called with the number of trials done.
    has_attributes : bool, default True
        Whether attributes, coherence and semblance are observers too.
    """

    def __init__(
        self,
        networks: Mapping[str, Network],
        trials: Sequence[Trial],
        progress: Callable[[int], None] = lambda done: None,
        *,
        has_attributes: bool = True,
    ) -> None:
        of_networks = {name: NetworkFeatures(network) for name, network in networks.items()}
        self._network = of_networks[NETWORK]
        self._extractors: dict[str, Features] = {**of_networks}
        if has_attributes:
            self._extractors[ATTRIBUTES] = attribute_features
        kinds = np.repeat([trial.kind for trial in trials], 2)
        has_target = np.tile([False, True], len(trials))
        pair = np.repeat(np.arange(len(trials)), 2)
        self._read_outs: dict[str, ReadOut] = {
            name: fit_read_out(list(kinds), features.reshape(len(kinds), -1), has_target, pair)
            for name, features in self._extract(trials, progress).items()
        }

    def respond(self, trials: Sequence[Trial], progress: Callable[[int], None] = lambda done: None) -> TrialResponses:
        """Return the responses of every observer.

        Parameters
        ----------
        trials : sequence of Trial
            Trials other than those that the read-outs were fitted on.
        progress : callable, optional
            Called with the number of trials done.
        """
        features = self._extract(trials, progress)
        kinds = np.array([trial.kind for trial in trials])
        observers = {IDEAL, CLASS_PROBABILITY, *self._read_outs}
        if ATTRIBUTES in self._read_outs:
            observers |= {COHERENCE, SEMBLANCE}
        scores = {name: np.full((len(trials), 2), np.nan) for name in OBSERVERS if name in observers}
        for row, trial in enumerate(trials):
            scores[IDEAL][row] = [ideal_score(trial, stimulus) for stimulus in trial.pair()]
        for kind in np.unique(kinds):
            rows = kinds == kind
            for name, read_out in self._read_outs.items():
                scores[name][rows] = read_out.scores(str(kind), _by_section(features[name][rows])).reshape(-1, 2)
            log_probability = self._network.class_log_probability(_by_section(features[NETWORK][rows]), str(kind))
            if log_probability is not None:
                scores[CLASS_PROBABILITY][rows] = log_probability.reshape(-1, 2)
        for name in observers & {COHERENCE, SEMBLANCE}:
            scores[name] = -features[ATTRIBUTES][..., ATTRIBUTE_FEATURES.index(f"{name}, minimum")]
        return TrialResponses(
            seed=np.array([trial.seed for trial in trials]),
            kind=kinds,
            snr_db=np.array([trial.snr_db for trial in trials]),
            ideal_d_prime=np.array([ideal_d_prime(trial) for trial in trials]),
            artefact=np.array([[name or "" for name in trial.artefacts] for trial in trials]),
            scores=scores,
        )

    def _extract(self, trials: Iterable[Trial], progress: Callable[[int], None]) -> dict[str, NDArray]:
        """Return the features ``(pair, 2, feature)`` of both sections of every trial, by observer."""
        features: dict[str, list[list[NDArray]]] = {name: [] for name in self._extractors}
        for done, trial in enumerate(trials, start=1):
            pair = trial.pair()
            for name, extract in self._extractors.items():
                features[name].append([extract(stimulus, trial.box) for stimulus in pair])
            progress(done)
        return {name: np.array(rows) for name, rows in features.items()}


def fit_panel(
    network: str,
    seed: int,
    n_pairs: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    fitted: Collection[str] = (NETWORK, UNTRAINED, ATTRIBUTES),
    robust: str | None = None,
) -> ObserverPanel:
    """Return observers whose read-outs are fitted on trials of the stream ``learn``.

    Parameters
    ----------
    network : str
        As for `seisdream.load_network`; the untrained network is ``NETWORK@random``.
    seed : int
        Random seed of the trials; neither tests nor the quiz use them.
    n_pairs : int
        Number of pairs of each kind of target at each of `LEVELS_DB`.
    progress : callable, optional
        Called with the number of pairs done and the total.
    fitted : collection of str, default (NETWORK, UNTRAINED, ATTRIBUTES)
        The observers that are needed, `NETWORK` among them.
    robust : str, optional
        The robust network, as for `seisdream.load_network`; without it there is no such observer.
    """
    total = n_pairs * len(TARGETS) * len(LEVELS_DB)
    trials = list(make_trials(seed, n_pairs, stream="learn", snr_db=LEVELS_DB))
    names = {NETWORK: network}
    if UNTRAINED in fitted:
        names[UNTRAINED] = f"{network}@random"
    if robust is not None:
        names[ROBUST] = robust
    return ObserverPanel(
        {observer: load_network(name) for observer, name in names.items()},
        trials,
        lambda done: progress(done, total),
        has_attributes=ATTRIBUTES in fitted,
    )


def _by_section(features: NDArray) -> NDArray:
    """Return features ``(pair, 2, feature)`` as ``(section, feature)``."""
    return features.reshape(-1, features.shape[-1])
