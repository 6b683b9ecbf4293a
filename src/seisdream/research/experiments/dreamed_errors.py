"""Whether dreams come from errors: what a dream changes where a network is sure of what is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seisdream.dreaming.dream import dream
from seisdream.models.network import Network
from seisdream.research.experiments.base import in_words
from seisdream.research.psychophysics.signal_detection import bootstrap
from seisdream.research.psychophysics.study import NETWORK, TrialResponses
from seisdream.research.psychophysics.trials import make_trial

_STEPS = 8


def dream_on_errors(watched: TrialResponses, network: Network, n: int) -> dict[str, Any]:
    """Return how much a dream changes the box of errors, and of sections that the network rightly has nothing in.

    Parameters
    ----------
    watched : TrialResponses
        What observers said.
    network : Network
        Which dreams, on its own layer.
    n : int
        How many of its surest errors; each has beside it, of the same kind and level, the section of which it is surest
        that nothing is there.

    Returns
    -------
    dict
        ``n`` pairs, ``layer``, ``steps``; mean change in the box over that of the section for ``errors`` and
        ``rejections``, their ``difference``, and 95 % bootstrap intervals over pairs.
    """
    said = watched.scores[NETWORK][:, 0]
    found = []
    for error in np.argsort(-said):
        like_it = np.flatnonzero((watched.kind == watched.kind[error]) & (watched.snr_db == watched.snr_db[error]))
        rejection = like_it[np.argmin(said[like_it])]
        if said[error] <= 0.0 or len(found) == n:
            break
        if said[rejection] < 0.0:
            found.append([_share_in_box(watched, int(row), network) for row in (error, rejection)])
    told: dict[str, Any] = {"n": len(found), "layer": network.default_layer, "steps": _STEPS}
    if len(found) > 1:
        errors, rejections = np.array(found).T
        for name, values in (("errors", errors), ("rejections", rejections), ("difference", errors - rejections)):
            told[name] = float(values.mean())
            told[f"{name}_interval"] = list(bootstrap(np.mean, values))
    return told


def _share_in_box(watched: TrialResponses, row: int, network: Network) -> float:
    trial = make_trial(int(watched.seed[row]), str(watched.kind[row]), float(watched.snr_db[row]))
    section = trial.show(False, noise=0).section
    result = dream(section, network, octaves=1, steps=_STEPS, device="cpu", precision="float32")
    change = np.abs(result.dataset["dream"].values - section.values)
    return float(change[trial.box].mean() / change.mean())


def about_dreams(told: Mapping[str, Any] | None) -> str:
    """Return in words whether dreams go to errors, from results and nothing else."""
    if told is None or "difference" not in told:
        return "Whether its dreams come from such errors was not measured in this run."
    low, high = told["difference_interval"]
    verdict = (
        "so dreams do grow from what it wrongly believes"
        if low > 0
        else "so dreams shun what it wrongly believes"
        if high < 0
        else "so that dreams come from such errors is not shown"
    )
    return (
        f"Do its dreams come from there? A dream on `{told['layer']}` ({told['steps']} steps) changes the box of the "
        f"{told['n']} surest errors {in_words(told, 'errors')} times as much as those sections on the whole. Where it "
        f"is surest that nothing is there, of the same kind and level, that is {in_words(told, 'rejections')}. "
        f"The difference is {in_words(told, 'difference')}: {verdict}."
    )
