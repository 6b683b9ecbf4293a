"""Question 3: dumb machines, or can they see more than us? Weak targets, told from nothing by whom, and how well."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seisdream.io.tables import markdown_table
from seisdream.models.registry import load_network
from seisdream.research.experiments.base import Experiment, Outcome, Progress, in_words
from seisdream.research.experiments.dreamed_errors import about_dreams, dream_on_errors
from seisdream.research.plotting.sight import (
    draw_efficiency,
    draw_false_alarms,
    draw_gallery,
    draw_psychometric,
    draw_roc,
)
from seisdream.research.psychophysics.artefacts import ILLUSIONS
from seisdream.research.psychophysics.signal_detection import Psychometric, bootstrap, roc_curve
from seisdream.research.psychophysics.study import (
    ATTRIBUTES,
    IDEAL,
    NETWORK,
    OBSERVERS,
    UNTRAINED,
    ObserverPanel,
    TrialResponses,
    fit_over_levels,
    measure,
    threshold_interval,
)
from seisdream.research.psychophysics.targets import TARGETS
from seisdream.research.psychophysics.trials import make_trial, make_trials

LEVELS_DB = (12.0, 4.0, -4.0, -12.0, -20.0)
"""Signal-to-noise ratios of the sections."""

_WITHOUT_ILLUSION = "none"
_N_GALLERY = 8
_N_DREAMED = 30
_FIGURES = ("psychometric", "efficiency", "roc", "illusions", "gallery")


@dataclass(frozen=True)
class Size:
    """How many pairs of each kind at each level: to learn read-outs from, and to be tested on."""

    n_learn: int
    n_test: int


QUICK, FULL = Size(6, 6), Size(20, 16)


def ready_panel(network: str, seed: int, n_learn: int, progress: Progress = lambda done, total: None) -> ObserverPanel:
    """Return observers whose read-outs learned from so many pairs of each kind at each level.

    Parameters
    ----------
    network : str
        As for `seisdream.load_network`; the same with random weights is ``NETWORK@random``.
    seed : int
        Of the trials learned from, which no test and no quiz has.
    n_learn : int
        Pairs of each kind at each of `LEVELS_DB`.
    progress : callable, optional
        Called with the pairs done, of how many.
    """
    total = n_learn * len(TARGETS) * len(LEVELS_DB)
    trials = list(make_trials(seed, n_learn, stream="learn", snr_db=LEVELS_DB))
    loaded, untrained = load_network(network), load_network(f"{network}@random")
    return ObserverPanel(loaded, untrained, trials, lambda done: progress(done, total))


def run(*, network: str, seed: int, is_quick: bool, progress: Progress) -> Outcome:
    """Let all observers watch the same trials; see `Experiment`."""
    size = QUICK if is_quick else FULL
    n_cells = len(TARGETS) * len(LEVELS_DB)
    n_learn, n_test = size.n_learn * n_cells, size.n_test * n_cells
    panel = ready_panel(network, seed, size.n_learn, lambda done, _: progress(done, n_learn + n_test))
    trials = list(make_trials(seed, size.n_test, snr_db=LEVELS_DB))
    watched = panel.watch(trials, lambda done: progress(n_learn + done, n_learn + n_test))
    results, curves = measure_all(watched)
    gallery = confident_errors(watched)
    order = list(OBSERVERS)
    figures = {
        "psychometric": draw_psychometric(
            LEVELS_DB,
            results["by_level"],
            curves,
            order=order,
            note="People: none has taken part in this run (seisdream quiz).",
        ),
        "efficiency": draw_efficiency(
            TARGETS, {name: rows for name, rows in results["by_kind"].items() if name != IDEAL}, order=order
        ),
        "roc": draw_roc(_roc_curves(watched), order=order),
        "illusions": draw_false_alarms(results["illusions"], order=order),
        "gallery": draw_gallery([_picture(error) for error in gallery]),
    }
    told = {
        "size": {**asdict(size), "n_pairs": n_test, "levels_db": list(LEVELS_DB), "kinds": list(TARGETS)},
        "observers": OBSERVERS,
        **results,
        "gallery": gallery,
        "dreamed": dream_on_errors(watched, load_network(network), _N_DREAMED),
    }
    return Outcome(told, figures, {"trials": watched.rows()})


def measure_all(watched: TrialResponses) -> tuple[dict[str, Any], dict[str, Psychometric]]:
    """Return what `measure` says of every observer, over all trials, by level and by kind; and the fitted curves."""
    results: dict[str, Any] = {"overall": {}, "by_level": {}, "by_kind": {}, "psychometric": {}}
    curves = {}
    for name in watched.scores:
        known = watched.known(name)
        if not len(known.seed):
            continue  # A network whose classes have other names has no word for any target.
        results["overall"][name] = measure(known, name)
        results["by_level"][name] = [measure(known.where(known.snr_db == level), name) for level in LEVELS_DB]
        kinds = [kind for kind in TARGETS if (known.kind == kind).any()]
        results["by_kind"][name] = {kind: measure(known.where(known.kind == kind), name) for kind in kinds}
        curves[name] = fit_over_levels(known, name)
        results["psychometric"][name] = {
            **asdict(curves[name]),
            "threshold_interval": threshold_interval(known, name),
        }
    results["network_minus"] = {name: _difference(watched, name) for name in (ATTRIBUTES, UNTRAINED)}
    results["illusions"] = {name: false_alarms(watched, name) for name in (NETWORK, UNTRAINED, ATTRIBUTES)}
    return results, curves


def _difference(watched: TrialResponses, other: str) -> dict[str, Any]:
    """Return the network's share of right choices less another's, on the same pairs, and its interval."""
    gained = watched.correct(NETWORK) - watched.correct(other)
    return {"share_correct": float(gained.mean()), "share_correct_interval": bootstrap(np.mean, gained)}


def false_alarms(watched: TrialResponses, observer: str) -> dict[str, dict[str, Any]]:
    """Return by illusion how often an observer says yes where no target is: ``n``, ``share`` and its interval."""
    said_yes = watched.scores[observer][:, 0] > 0.0
    found = {}
    for illusion in (_WITHOUT_ILLUSION, *ILLUSIONS):
        yes = said_yes[watched.illusion[:, 0] == ("" if illusion == _WITHOUT_ILLUSION else illusion)]
        if len(yes):
            found[illusion] = {
                "n": len(yes),
                "share": float(yes.mean()),
                "share_interval": bootstrap(np.mean, yes, n=400),
            }
    return found


def confident_errors(watched: TrialResponses, n: int = _N_GALLERY) -> list[dict[str, Any]]:
    """Return where the network is surest of a target that is not there while attributes say no, the surest first.

    Parameters
    ----------
    watched : Watched
        What observers said.
    n : int, default 8
        At most so many, and at most a quarter of them of one kind.
    """
    network, attributes = watched.scores[NETWORK][:, 0], watched.scores[ATTRIBUTES][:, 0]
    errors: list[dict[str, Any]] = []
    for row in np.argsort(-network):
        kind = str(watched.kind[row])
        if network[row] <= 0.0 or len(errors) == n:
            break
        if attributes[row] < 0.0 and sum(error["kind"] == kind for error in errors) < max(n // 4, 1):
            errors.append(
                {
                    "seed": int(watched.seed[row]),
                    "kind": kind,
                    "snr_db": float(watched.snr_db[row]),
                    "illusion": str(watched.illusion[row, 0]) or _WITHOUT_ILLUSION,
                    "network": _probability(float(network[row])),
                    "attributes": _probability(float(attributes[row])),
                }
            )
    return errors


def _probability(log_odds: float) -> float:
    return float(1.0 / (1.0 + np.exp(-log_odds)))


def _picture(error: dict[str, Any]) -> tuple[np.ndarray, tuple[slice, slice], str]:
    trial = make_trial(error["seed"], error["kind"], error["snr_db"])
    caption = (
        f"“{error['kind']}”: network {error['network']:.2f},\nattributes {error['attributes']:.2f}; "
        f"{_decibels(error['snr_db'])},\nillusion: {error['illusion']}"
    )
    return trial.show(False, noise=0).section.values, trial.box, caption


def _roc_curves(watched: TrialResponses) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    curves: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    for kind in TARGETS:
        of_kind = watched.where(watched.kind == kind)
        curves[kind] = {}
        for name in watched.scores:
            known = of_kind.known(name)
            if len(known.seed):
                without, with_target = known.scores[name].T
                curves[kind][name] = roc_curve(with_target, without)
    return curves


def page(results: dict[str, Any], pictures: str) -> str:
    """Return the page in Markdown, from results and nothing else; see `Experiment`."""
    overall, levels = results["overall"], results["size"]["levels_db"]
    size = results["size"]
    present = [name for name in OBSERVERS if name in overall]
    figure = {name: pictures.format(name) for name in _FIGURES}
    summary = markdown_table(
        ["Observer", "right choices", "d′ (choice)", "d′ (yes/no)", "efficiency", "threshold (dB)"],
        [
            [
                name,
                in_words(overall[name], "share_correct"),
                "–" if name == IDEAL else in_words(overall[name], "d_prime"),
                _plain(overall[name]["d_prime_yes_no"]),
                "1" if name == IDEAL else _small(overall[name], "efficiency"),
                _threshold(results["psychometric"][name], levels),
            ]
            for name in present
        ],
    )
    by_level = markdown_table(
        ["Observer", *(_decibels(level) for level in levels)],
        [[name, *(_plain(row["d_prime"]) for row in results["by_level"][name])] for name in present],
    )
    by_kind = markdown_table(
        ["Observer", *size["kinds"]],
        [
            [
                name,
                *(
                    _plain(results["by_kind"][name][kind]["d_prime"]) if kind in results["by_kind"][name] else "–"
                    for kind in size["kinds"]
                ),
            ]
            for name in present
        ],
    )
    seen = results["illusions"]
    illusions = markdown_table(
        ["Observer", *seen[NETWORK]],
        [[name, *(in_words(row, "share") for row in group.values())] for name, group in seen.items()],
    )
    ideal = [
        f"{_decibels(level)} {row['share_correct']:.3f} and {row['share_simulated']:.3f}"
        for level, row in zip(levels, results["by_level"][IDEAL], strict=True)
    ]
    observers = "\n".join(f"- **{name}**: {told}." for name, told in results["observers"].items() if name in present)
    return f"""# Sight

The question: *{results["question"]}*

{_answer(results)}

`{results["command"]}` makes these numbers again (seed {results["seed"]}, {results["seconds"]} s in this run), with the
figures and a table of what every observer said of every section.

## The trials

{size["n_pairs"]} pairs of generated sections, {size["n_test"]} of each kind of target ({", ".join(size["kinds"])}) at
each of {len(levels)} signal-to-noise ratios. Both sections of a pair are the same earth under the same wavelet, one
with the target and one without; only the target and the draw of the noise differ. Half of all sections hold an illusion
too, with the target or without: {", ".join(ILLUSIONS)}. Every observer is told what is looked for and the box of
64 × 64 samples in which it would be. What is told is the choice between the twins (which one has it?) and yes or no to
single sections.

## The observers

{observers}

Read-outs learned from {size["n_learn"]} other pairs of each kind at each level. **People**: no person has taken part in
this run, and none is made up; `seisdream quiz` writes the page on which they do, and `seisdream quiz score` draws them
beside the network and the limit, on the trials that they saw.

## What they see

{summary}

In brackets are 95 % bootstrap intervals over pairs. The threshold is the signal-to-noise ratio at which half of the way
from guessing to an observer's best is gone. The ideal observer's right choices are reckoned; efficiency is the squared
share of its d′ that an observer reaches.

![Share of right choices over the signal-to-noise ratio]({figure["psychometric"]})

d′ in the choice, by level; for the ideal observer the root mean square over the trials:

{by_level}

and by kind:

{by_kind}

![Efficiency by kind of target]({figure["efficiency"]})

![Receiver operating characteristics by kind of target]({figure["roc"]})

The limit is checked: the share of right choices that it has by its formula, and that a simulation of it had, are
{"; ".join(ideal)}.

## Illusions

How often yes is said to a section without any target, by the illusion in it:

{illusions}

![False alarms by illusion]({figure["illusions"]})

{_about_illusions(seen)}

Where the network is surest of what is not there while attributes say no, at most two of a kind:

![The network's most confident errors]({figure["gallery"]})

{about_dreams(results.get("dreamed"))}

## What would change the answer

Another network, or this one trained on such targets: the read-out learned from {size["n_learn"] * len(levels)} pairs of
each kind, the network itself from none. Targets in stronger relief, or a box that is not told. The ideal observer is
told the section without noise, which nobody in the field is; an efficiency is small for that reason too, and says how
observers compare rather than how much they waste.

## What was not tested

Real sections, whose truth nobody knows; volumes, in which people follow a fault from line to line; coloured displays
and other gains; noise that is not Gaussian or not stationary; trained interpreters, until they take the quiz.

## Data, credit and licence

All sections are generated by seisdream (Apache-2.0). Network: `{results["network"]}`. Versions:
{", ".join(f"{name} {version}" for name, version in results["versions"].items())}. Measures: Green and Swets (1966),
Tanner and Birdsall (1958), Hautus (1995), Wichmann and Hill (2001). Semblance: Marfurt and others (1998).
"""


def _answer(results: dict[str, Any]) -> str:
    """Return the answer in words, as the intervals allow it."""
    network = results["overall"][NETWORK]
    low, high = network["d_prime_interval"]
    told = []
    for name, gained in results["network_minus"].items():
        least, most = gained["share_correct_interval"]
        verdict = "more than" if least > 0 else "less than" if most < 0 else "neither clearly more nor less than"
        told.append(f"{verdict} the {name} (d′ {_plain(results['overall'][name]['d_prime'])})")
    best = max(results["by_kind"][NETWORK].items(), key=lambda item: item[1]["efficiency"])
    worst = min(results["by_kind"][NETWORK].items(), key=lambda item: item[1]["efficiency"])
    return (
        f"On these trials the network has d′ {_plain(network['d_prime'])} ({_plain(low)} to {_plain(high)}): it tells "
        f"{', and '.join(told)}. Its efficiency is {100 * network['efficiency']:.2g} % of the limit. It is best at the "
        f"{best[0]} ({100 * best[1]['efficiency']:.2g} %) and worst at the {worst[0]} "
        f"({100 * worst[1]['efficiency']:.2g} %). "
        "Whether it sees more than people is open until people have answered."
    )


def _about_illusions(seen: dict[str, Any]) -> str:
    """Return in words which illusions fool the network more often than attributes."""
    more = [
        illusion
        for illusion in seen[NETWORK]
        if illusion != _WITHOUT_ILLUSION
        and seen[NETWORK][illusion]["share_interval"][0] > seen[ATTRIBUTES][illusion]["share_interval"][1]
    ]
    if more:
        return f"The network is fooled more often than attributes, beyond the intervals, by: {', '.join(more)}."
    return "By no illusion is the network fooled more often than attributes beyond what the intervals leave open."


def _plain(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _decibels(level: float) -> str:
    return f"{level:+.0f} dB".replace("-", "−")


def _small(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_interval"]
    return f"{row[name]:.2g} ({low:.2g} to {high:.2g})"


def _threshold(fit: dict[str, Any], levels: list[float]) -> str:
    low, high = fit["threshold_interval"]
    if fit["threshold"] > max(levels):
        return f"above {max(levels):+.0f}"
    if fit["threshold"] < min(levels):
        return f"below {min(levels):+.0f}".replace("-", "−")
    return f"{fit['threshold']:+.1f} ({low:+.1f} to {high:+.1f})".replace("-", "−")


EXPERIMENT = Experiment("Dumb machines, or can they see more than us?", run, page)
