"""Question 3: dumb machines, or can they see more than us? Detection of weak targets by several observers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seisdream.models.registry import load_network
from seisdream.research.experiments.base import ROBUST_NETWORK, Experiment, Outcome, Progress
from seisdream.research.experiments.error_dreams import dream_on_errors
from seisdream.research.experiments.pages import format_number
from seisdream.research.experiments.sight_page import make_page
from seisdream.research.plotting.sight import (
    draw_efficiency,
    draw_false_alarms,
    draw_gallery,
    draw_psychometric,
    draw_roc,
)
from seisdream.research.psychophysics.artefacts import ARTEFACTS
from seisdream.research.psychophysics.sensitivity import estimate_dprime, fit_over_levels, threshold_interval
from seisdream.research.psychophysics.signal_detection import Psychometric, bootstrap_interval, roc_curve
from seisdream.research.psychophysics.study import (
    ATTRIBUTES,
    FITTED,
    IDEAL,
    LEVELS_DB,
    NETWORK,
    OBSERVERS,
    ROBUST,
    UNTRAINED,
    TrialResponses,
    fit_panel,
)
from seisdream.research.psychophysics.targets import TARGETS
from seisdream.research.psychophysics.trials import make_trial, make_trials

NO_ARTEFACT = "none"
_N_GALLERY = 8
_N_DREAMED = 30


@dataclass(frozen=True)
class SightSize:
    """Size of a run: pairs of each kind of target at each noise level.

    Attributes
    ----------
    n_fit : int
        Pairs to fit read-outs on.
    n_test : int
        Pairs to test observers on.
    """

    n_fit: int
    n_test: int


def run(*, network: str, seed: int, size: SightSize, progress: Progress, robust_network: str | None = None) -> Outcome:
    """Let all observers respond to the same trials; see `Experiment`."""
    n_cells = len(TARGETS) * len(LEVELS_DB)
    n_fit, n_test = size.n_fit * n_cells, size.n_test * n_cells
    robust_network = robust_network or ROBUST_NETWORK
    panel = fit_panel(network, seed, size.n_fit, lambda done, _: progress(done, n_fit + n_test), robust=robust_network)
    trials = list(make_trials(seed, size.n_test, snr_db=LEVELS_DB))
    responses = panel.respond(trials, lambda done: progress(n_fit + done, n_fit + n_test))
    measures, curves = measure_observers(responses)
    gallery = find_confident_errors(responses)
    results = {
        "size": {**asdict(size), "n_pairs": n_test, "levels_db": list(LEVELS_DB), "kinds": list(TARGETS)},
        "observers": OBSERVERS,
        "robust_network": robust_network,
        **measures,
        "gallery": gallery,
        "dreams_on_errors": dream_on_errors(responses, load_network(network), _N_DREAMED),
        "robust_dreams_on_errors": dream_on_errors(
            responses, load_network(robust_network), _N_DREAMED, observer=ROBUST
        ),
    }
    order = list(OBSERVERS)
    figures = {
        "psychometric": draw_psychometric(
            LEVELS_DB,
            measures["by_level"],
            curves,
            order=order,
            note="No people took part in this run (seisdream quiz).",
        ),
        "efficiency": draw_efficiency(
            TARGETS, {name: rows for name, rows in measures["by_kind"].items() if name != IDEAL}, order=order
        ),
        "roc": draw_roc(_roc_curves(responses), order=order),
        "artefacts": draw_false_alarms(measures["false_alarms"], order=order),
        "gallery": draw_gallery([_gallery_panel(error) for error in gallery]),
    }
    return Outcome(results, figures, {"trials": responses.rows()})


def measure_observers(responses: TrialResponses) -> tuple[dict[str, Any], dict[str, Psychometric]]:
    """Return the measures of every observer over all trials, by level and by kind, and its psychometric function."""
    results: dict[str, Any] = {"overall": {}, "by_level": {}, "by_kind": {}, "psychometric": {}}
    curves = {}
    for name in responses.scores:
        answered = responses.answered_by(name)
        if not len(answered.seed):
            continue  # A network whose classes have other names has no class probability for any target.
        results["overall"][name] = estimate_dprime(answered, name)
        results["by_level"][name] = [
            estimate_dprime(answered.select(answered.snr_db == level), name) for level in LEVELS_DB
        ]
        results["by_kind"][name] = {
            kind: estimate_dprime(answered.select(answered.kind == kind), name)
            for kind in TARGETS
            if (answered.kind == kind).any()
        }
        curves[name] = fit_over_levels(answered, name)
        results["psychometric"][name] = {
            **asdict(curves[name]),
            "threshold_interval": threshold_interval(answered, name),
        }
    results["network_advantage"] = {
        name: _advantage(responses, name) for name in (ATTRIBUTES, UNTRAINED, ROBUST) if name in responses.scores
    }
    results["false_alarms"] = {name: count_false_alarms(responses, name) for name in FITTED if name in responses.scores}
    return results, curves


def _advantage(responses: TrialResponses, other: str) -> dict[str, Any]:
    """Return the network's proportion correct minus another observer's on the same pairs, with its interval."""
    difference = responses.correct(NETWORK) - responses.correct(other)
    return {
        "proportion_correct": float(difference.mean()),
        "proportion_correct_interval": bootstrap_interval(np.mean, difference),
    }


def count_false_alarms(responses: TrialResponses, observer: str) -> dict[str, dict[str, Any]]:
    """Return an observer's false-alarm rate by artefact: ``n`` sections without a target, ``rate`` and its interval."""
    is_yes = responses.scores[observer][:, 0] > 0.0
    rows = {}
    for artefact in (NO_ARTEFACT, *ARTEFACTS):
        answers = is_yes[responses.artefact[:, 0] == ("" if artefact == NO_ARTEFACT else artefact)]
        if len(answers):
            rows[artefact] = {
                "n": len(answers),
                "rate": float(answers.mean()),
                "rate_interval": bootstrap_interval(np.mean, answers, n=400),
            }
    return rows


def find_confident_errors(responses: TrialResponses, n_most: int = _N_GALLERY) -> list[dict[str, Any]]:
    """Return the network's most confident false alarms that seismic attributes do not share.

    Parameters
    ----------
    responses : TrialResponses
        Responses of all observers.
    n_most : int, default 8
        Maximum number; at most a quarter of them are of one kind of target.
    """
    network, attributes = responses.scores[NETWORK][:, 0], responses.scores[ATTRIBUTES][:, 0]
    errors: list[dict[str, Any]] = []
    for row in np.argsort(-network):
        kind = str(responses.kind[row])
        if network[row] <= 0.0 or len(errors) == n_most:
            break
        if attributes[row] < 0.0 and sum(error["kind"] == kind for error in errors) < max(n_most // 4, 1):
            errors.append(
                {
                    "seed": int(responses.seed[row]),
                    "kind": kind,
                    "snr_db": float(responses.snr_db[row]),
                    "artefact": str(responses.artefact[row, 0]) or NO_ARTEFACT,
                    "network": _probability(float(network[row])),
                    "attributes": _probability(float(attributes[row])),
                }
            )
    return errors


def _probability(log_odds: float) -> float:
    return float(1.0 / (1.0 + np.exp(-log_odds)))


def _gallery_panel(error: dict[str, Any]) -> tuple[np.ndarray, tuple[slice, slice], str]:
    trial = make_trial(error["seed"], error["kind"], error["snr_db"])
    caption = (
        f"“{error['kind']}”: network {error['network']:.2f},\nattributes {error['attributes']:.2f}; "
        f"{format_number(error['snr_db'], '+.0f')} dB,\nartefact: {error['artefact']}"
    )
    return trial.stimulus(False, noise=0).section.values, trial.box, caption


def _roc_curves(responses: TrialResponses) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    curves: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    for kind in TARGETS:
        of_kind = responses.select(responses.kind == kind)
        curves[kind] = {}
        for name in responses.scores:
            answered = of_kind.answered_by(name)
            if len(answered.seed):
                without, with_target = answered.scores[name].T
                curves[kind][name] = roc_curve(with_target, without)
    return curves


EXPERIMENT = Experiment(
    "Dumb machines, or can they see more than us?",
    run,
    make_page,
    quick=SightSize(6, 6),
    full=SightSize(20, 40),
    inputs=("robust_network",),
)
