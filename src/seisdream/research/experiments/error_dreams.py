"""Do dreams amplify a network's false alarms? Changes inside and outside the search box of what it wrongly detects."""

from __future__ import annotations

from typing import Any

import numpy as np

from seisdream.dreaming.dream import dream
from seisdream.models.network import Network
from seisdream.research.psychophysics.signal_detection import bootstrap_interval
from seisdream.research.psychophysics.study import NETWORK, TrialResponses
from seisdream.research.psychophysics.trials import make_trial

_STEPS = 8


def dream_on_errors(
    responses: TrialResponses, network: Network, n_most: int, *, observer: str = NETWORK
) -> dict[str, Any]:
    """Compare how much dreams change the search box of false alarms and of correct rejections.

    Parameters
    ----------
    responses : TrialResponses
        Responses of observers, the network among them.
    network : Network
        The network that dreams, on its default layer.
    n_most : int
        Number of false alarms, the most confident first. Each is paired with the most confident correct rejection of
        the same kind of target and noise level.
    observer : str, default "network"
        The network among the observers.

    Returns
    -------
    dict
        ``n`` pairs, ``layer`` and ``steps``; and with two pairs or more, for ``false_alarms``, ``correct_rejections``
        and their ``difference``, the mean change in the box over that of the section and its 95 % bootstrap interval.
    """
    log_odds = responses.scores[observer][:, 0]
    changes = []
    for false_alarm in np.argsort(-log_odds):
        comparable = np.flatnonzero(
            (responses.kind == responses.kind[false_alarm]) & (responses.snr_db == responses.snr_db[false_alarm])
        )
        rejection = comparable[np.argmin(log_odds[comparable])]
        if log_odds[false_alarm] <= 0.0 or len(changes) == n_most:
            break
        if log_odds[rejection] < 0.0:
            changes.append([_relative_change(responses, int(row), network) for row in (false_alarm, rejection)])
    results: dict[str, Any] = {"n": len(changes), "layer": network.default_layer, "steps": _STEPS}
    if len(changes) > 1:
        false_alarms, rejections = np.array(changes).T
        for name, values in (
            ("false_alarms", false_alarms),
            ("correct_rejections", rejections),
            ("difference", false_alarms - rejections),
        ):
            results[name] = float(values.mean())
            results[f"{name}_interval"] = list(bootstrap_interval(np.mean, values))
    return results


def _relative_change(responses: TrialResponses, row: int, network: Network) -> float:
    """Return the mean absolute change of a dream in the search box over that in the whole section."""
    trial = make_trial(int(responses.seed[row]), str(responses.kind[row]), float(responses.snr_db[row]))
    section = trial.stimulus(False, noise=0).section
    settings = {"parameterization": "pixel", "octaves": 1, "steps": _STEPS, "step_size": 1.5}
    result = dream(section, network, **settings, device="cpu", precision="float32")
    change = np.abs(result.dataset["dream"].values - section.values)
    return float(change[trial.box].mean() / change.mean())
