"""Question 4: if we are careful what we ask for. How few labels do, and whether a shortcut is seen that scores hide."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest

from seisdream.display.care import draw_labels, draw_shortcuts
from seisdream.errors import SeisdreamError
from seisdream.experiments.base import Experiment, Outcome, Progress, markdown_table
from seisdream.experiments.planted import KINDS, SIDE, Planted, accuracy, cut_windows, train_planted
from seisdream.insight.baselines import fit_depth_only
from seisdream.insight.prediction import predict_section
from seisdream.insight.scores import Counter
from seisdream.insight.shortcuts import CALLED_AT, NONE, SHORTCUTS, TOOLS, Evidence, gather_evidence, name_shortcut
from seisdream.nets.network import Network
from seisdream.nets.registry import load_network
from seisdream.nets.trained import Story, write_trained
from seisdream.seismic.sections import make_section
from seisdream.training.augment import Augmentation
from seisdream.training.generated import GeneratedEarths
from seisdream.training.lines import LabelledLines, Line, LinePatches
from seisdream.training.loop import Training, TrainingRecipe
from seisdream.training.next_lines import choose_next, doubt, evenly
from seisdream.training.sources import open_labelled
from seisdream.training.splits import split_lines
from seisdream.training.starts import start_from

SCRATCH, DEPTH = "from scratch", "depth only"
EVENLY, DOUBTFUL = "evenly spaced", "in most doubt"
_WINDOWS_SEED, _SURVEY_SEED = 6, 7
_HONEST = 6
"""Honest networks that the tools are set by, and as many that they are tried on."""

_FOLDED = Augmentation(rotation_deg=2.0, shear=0.05, stretch_time=(0.85, 1.18), fold=12.0)
_N_INTERVALS = 6


@dataclass(frozen=True)
class Size:
    """How many lines are labelled in turn, steps of each training, and how many networks have a shortcut planted."""

    n_labelled: tuple[int, ...]
    label_steps: int
    n_planted: int
    n_honest: int
    planted_steps: int
    n_window_earths: int
    n_pictures: int


QUICK = Size((1, 4), 30, 3, 3, 60, 80, 60)
FULL = Size((1, 2, 5, 10), 120, 20, _HONEST, 150, 400, 300)


def run(*, network: str, seed: int, is_quick: bool, progress: Progress, lines: str | None = None) -> Outcome:
    """Label a survey's lines few by few, and plant shortcuts; see `Experiment`."""
    size = QUICK if is_quick else FULL
    start_from(network)  # Refused at once where nothing can start from it.
    data = open_labelled(lines) if lines else make_survey(seed)
    if not isinstance(data, LabelledLines):
        raise SeisdreamError(f"{lines} holds photographs; labels are of lines, one for each sample (--lines).")
    counts = [n for n in size.n_labelled if n <= _n_free(data)]
    n_runs = 2 * len(counts) + sum(n > 1 for n in counts)
    total = n_runs * size.label_steps + size.n_planted + 2 * size.n_honest
    labels = learn_from_few(data, counts, network, size.label_steps, seed, partial(_shifted, progress, 0, total))
    shortcuts = plant_all(size, seed, partial(_shifted, progress, n_runs * size.label_steps, total))
    results = {
        "size": asdict(size),
        "networks": {network: load_network(network).sha256},
        "data": {
            "name": data.name, "credit": data.credit, "licence": data.licence, "classes": list(data.classes),
        },
        "labels": labels,
        "shortcuts": shortcuts,
        "tools": list(TOOLS),
        "called_at": CALLED_AT,
    }  # fmt: skip
    figures = {
        "labels": draw_labels(labels["rows"], labels["depth"]),
        "shortcuts": draw_shortcuts(shortcuts["shares"], shortcuts["false_alarms"]),
    }
    return Outcome(results, figures, {"planted": shortcuts["networks"], "labels": labels["rows"]})


# --- Few labels.


def make_survey(seed: int) -> LabelledLines:
    """Make a survey of generated lines whose strata are cut into intervals of equal age, as an interpreter's would."""
    cube = GeneratedEarths(_SURVEY_SEED, size=(128, 64, 128), augmentation=None).earth(seed)
    age = cube["relative_geologic_time"].transpose("inline", "time", "crossline").values
    seismic = cube["seismic"].transpose("inline", "time", "crossline").values
    edges = np.quantile(age, np.linspace(0.0, 1.0, _N_INTERVALS + 1)[1:-1])
    codes = np.digitize(age, edges).astype(np.uint8)
    lines = tuple(
        Line(f"inline {2 * number}", "inline", 2 * number, partial(_generated_line, seismic[number], codes[number]))
        for number in range(len(age))
    )
    return LabelledLines(
        "a generated survey", tuple(f"interval {n + 1}" for n in range(_N_INTERVALS)), lines, credit="seisdream"
    )


def _generated_line(seismic: NDArray, codes: NDArray):
    return make_section(seismic, dt_ms=4.0), codes


def learn_from_few(
    data: LabelledLines, counts: Sequence[int], network: str, n_steps: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """Return scores on a block of lines far away, by how many lines were labelled, and how they were chosen.

    Parameters
    ----------
    data : LabelledLines
    counts : sequence of int
        How many lines are labelled, in turn.
    network : str
        What training starts from.
    n_steps : int
        Of each training.
    seed : int
        Of the items, and of weights from scratch.
    progress : callable
        Called with how many steps are done, of how many.
    """
    learned, held_out = split_lines(data, is_last=True)
    axis = held_out.lines[0].axis
    free = {line.number: line for line in learned.lines if line.axis == axis and line.number is not None}
    far = [line for line in held_out.lines if line.axis == axis]
    rows: list[dict[str, Any]] = []
    depth: dict[str, dict[str, float]] = {}
    n_runs = 2 * len(counts) + sum(n > 1 for n in counts)
    asked: Network | None = None
    n_done = 0
    with tempfile.TemporaryDirectory() as folder:
        for n in counts:
            numbers = evenly(list(free), n)
            chosen = {EVENLY: numbers}
            if n > 1 and asked is not None:
                first = [number for number in rows[0]["lines"] if number in free]
                doubts = doubt(asked, list(free.values()))
                chosen[DOUBTFUL] = [*first, *choose_next(doubts, list(free), first, n - len(first))]
            depth[str(n)] = _score_depth(data, [free[number] for number in numbers], far)
            for how, of_lines in chosen.items():
                for start in (network, SCRATCH) if how == EVENLY else (network,):
                    began = time.monotonic()
                    part = data.with_lines(tuple(free[number] for number in of_lines), "labelled")
                    file = Path(folder) / f"{len(rows)}.safetensors"
                    _train(part, start, n_steps, seed, file, partial(_shifted, progress, n_done, n_runs * n_steps))
                    n_done += n_steps
                    trained = load_network(str(file))
                    asked = asked or trained
                    rows.append(
                        {
                            "n_labelled": n, "start": start, "chosen": how, "lines": sorted(of_lines),
                            **_score(trained, data, far), "seconds": round(time.monotonic() - began),
                        }
                    )  # fmt: skip
    return {
        "rows": rows,
        "depth": depth,
        "free": sorted(free),
        "far": sorted(line.number for line in far if line.number is not None),
        "axis": axis,
        "steps": n_steps,
    }


def _n_free(data: LabelledLines) -> int:
    learned, held_out = split_lines(data, is_last=True)
    return sum(line.axis == held_out.lines[0].axis for line in learned.lines)


def _train(data: LabelledLines, start: str, n_steps: int, seed: int, file: Path, progress: Progress) -> None:
    height = data.lines[0].open()[0].shape[0]
    changes, weights, _ = ({}, {}, ()) if start == SCRATCH else start_from(start)
    recipe = TrainingRecipe(
        **changes, n_steps=n_steps, batch=2, learning_rate=1e-3, balance=0.3, average=0.98, seed=seed,
        validate_every=n_steps, n_workers=0,
    )  # fmt: skip
    items = LinePatches(data, seed, size=(height, 192), augmentation=_FOLDED, overhang=0.1)
    kept = {name: value for name, value in weights.items() if not name.startswith("logits.")}
    training = Training(recipe, items, items, 1, file.with_suffix(""), start=kept or None)
    for state in training.states():
        progress(state.step, n_steps)
    told = Story(
        architecture="unet", settings=training.network.settings, classes=data.classes, colours=data.colours,
        title="few labels", default_layer="enc5", data=data.name,
    )  # fmt: skip
    write_trained(training.network, told, file)


def _score(network: Network, data: LabelledLines, lines: Sequence[Line]) -> dict[str, float]:
    counter = Counter(data.classes)
    for line in lines:
        section, codes = line.open()
        told = predict_section(section, network, views=0)["probabilities"].values
        counter.see(torch.from_numpy(told)[None], torch.from_numpy(codes)[None], are_probabilities=True)
    return _two(counter)


def _score_depth(data: LabelledLines, labelled: Sequence[Line], lines: Sequence[Line]) -> dict[str, float]:
    depth = fit_depth_only([line.open() for line in labelled], len(data.classes))
    counter = Counter(data.classes)
    for line in lines:
        section, codes = line.open()
        told = torch.from_numpy(depth.probabilities(section))[None].float()
        counter.see(told, torch.from_numpy(codes)[None], are_probabilities=True)
    return _two(counter)


def _two(counter: Counter) -> dict[str, float]:
    scores = counter.scores()
    return {"pixel_accuracy": scores.pixel_accuracy, "mean_iou": scores.mean_iou}


# --- Shortcuts.


def plant_all(size: Size, seed: int, progress: Progress) -> dict[str, Any]:
    """Train networks with and without a shortcut, and let the tools name it blind.

    Parameters
    ----------
    size : Size
    seed : int
        Of all networks.
    progress : callable
        Called with how many networks are done, of how many.
    """
    learned, held_out = cut_windows(_WINDOWS_SEED, size.n_window_earths).split(0.75)
    planted = [SHORTCUTS[number % len(SHORTCUTS)] for number in range(size.n_planted)]
    truths = [NONE] * size.n_honest + planted + [NONE] * size.n_honest
    free = Planted(held_out, NONE, seed + 1).stack(size.n_pictures)[0]
    rows: list[dict[str, Any]] = []
    evidence: list[Evidence] = []
    for number, truth in enumerate(truths):
        own = 1000 * (seed + 1) + number
        with tempfile.TemporaryDirectory() as folder:
            one = train_planted(learned, truth, own, size.planted_steps, folder)
        tied = Planted(held_out, truth, own + 500).stack(max(40, size.n_pictures // 3))
        evidence.append(gather_evidence(one, free, tied, seed=own))
        rows.append(
            {
                "network": number,
                "planted": truth,
                "tied": accuracy(one, held_out, truth, own + 501, size.n_pictures),
                "free": accuracy(one, held_out, NONE, own + 502, size.n_pictures),
            }
        )
        progress(number + 1, len(truths))
    honest = evidence[: size.n_honest]
    for row, found in zip(rows[size.n_honest :], evidence[size.n_honest :], strict=True):
        row |= {f"by {tool}": told for tool, told in name_shortcut(found, honest).items()}
    tried = rows[size.n_honest :]
    ways = (*TOOLS, "together")
    with_shortcut = [row for row in tried if row["planted"] != NONE]
    without = [row for row in tried if row["planted"] == NONE]
    return {
        "networks": tried,
        "shares": {way: _share([row[f"by {way}"] == row["planted"] for row in with_shortcut]) for way in ways},
        "by_shortcut": {
            shortcut: {
                way: f"{sum(row[f'by {way}'] == shortcut for row in tried if row['planted'] == shortcut)} of "
                f"{planted.count(shortcut)}"
                for way in ways
            }
            for shortcut in SHORTCUTS
        },
        "false_alarms": {way: _share([row[f"by {way}"] != NONE for row in without]) for way in ways},
        "tied": {kind: _mean(group, "tied") for kind, group in (("planted", with_shortcut), ("honest", without))},
        "free": {kind: _mean(group, "free") for kind, group in (("planted", with_shortcut), ("honest", without))},
        "n_windows": [[len(one) for one in part.of_kind] for part in (learned, held_out)],
    }


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    """Return a share and its exact interval (Clopper and Pearson 1934)."""
    found = binomtest(sum(hits), len(hits))
    interval = found.proportion_ci()
    return {
        "n": len(hits),
        "hits": sum(hits),
        "share": sum(hits) / len(hits),
        "interval": [interval.low, interval.high],
    }


def _mean(rows: Sequence[dict[str, Any]], name: str) -> dict[str, float]:
    values = [row[name] for row in rows]
    return {"mean": float(np.mean(values)), "least": min(values), "greatest": max(values)}


def _shifted(progress: Progress, first: int, total: int, done: int, of: int) -> None:
    progress(first + done, total)


def page(results: dict[str, Any], pictures: str) -> str:
    """Return the page in Markdown, from results and nothing else; see `Experiment`."""
    size, labels, shortcuts = results["size"], results["labels"], results["shortcuts"]
    network = next(iter(results["networks"]))
    by_lines = markdown_table(
        ["lines labelled", "chosen", "training starts from", "pixel accuracy", "mean IoU", "seconds", "which lines"],
        [
            *(
                [str(row["n_labelled"]), row["chosen"], f"`{row['start']}`" if row["start"] == network else SCRATCH,
                 f"{row['pixel_accuracy']:.3f}", f"{row['mean_iou']:.3f}", str(row["seconds"]),
                 ", ".join(map(str, row["lines"]))]
                for row in labels["rows"]
            ),
            *([n, EVENLY, DEPTH, f"{row['pixel_accuracy']:.3f}", f"{row['mean_iou']:.3f}", "", ""]
              for n, row in labels["depth"].items()),
        ],
    )  # fmt: skip
    ways = (*results["tools"], "together")
    named = markdown_table(
        ["planted", *ways],
        [
            *([shortcut, *(row[way] for way in ways)] for shortcut, row in shortcuts["by_shortcut"].items()),
            ["any: share", *(_share_in_words(shortcuts["shares"][way]) for way in ways)],
            ["none: false alarms", *(_share_in_words(shortcuts["false_alarms"][way]) for way in ways)],
        ],
    )
    scored = markdown_table(
        ["networks", "its own test set", "where only the rock tells"],
        [
            [kind, *(_range_in_words(shortcuts[where][kind]) for where in ("tied", "free"))]
            for kind in ("planted", "honest")
        ],
    )
    (n_layered, n_out), _ = shortcuts["n_windows"]
    credit = results["data"]["credit"] or results["data"]["name"]
    licence = f" ({results['data']['licence']})" if results["data"]["licence"] else ""
    return f"""# Care

The question: *{results["question"]}*

{_answer(results)}

`{results["command"]}` makes these numbers again (seed {results["seed"]}, {results["seconds"]} s in this run), with the
figures and tables.

## Few labels

A new survey, here {results["data"]["name"]}, of which some {labels["axis"]}s are labelled and a block of others
({labels["far"][0]} to {labels["far"][-1]}, beyond a guard band) is scored. From `{network}` and from scratch the same
{labels["steps"]} steps of two items are taken, each item a window of a labelled line, stretched and gently folded at
random. **Depth only** says at each depth what the labelled lines say there.

![Scores on far lines by how many were labelled]({pictures.format("labels")})

{by_lines}

**In most doubt**: the network of one labelled line looks at all others, and the ones of which it is least sure (mean
entropy of the classes) are labelled next, no two of them near each other (`seisdream.training.next_lines`).

## A shortcut that scores hide

{size["n_planted"]} classifiers learned to tell two kinds of window, {KINDS[0]} and {KINDS[1]} beds
({SIDE} × {SIDE} samples; {n_layered} and {n_out} to learn from). In every window there is a marker bed, high or low,
soft or loud, and in every other one a small mark in a corner. In the data of these networks one of them goes with the
class: the **corner mark** is there in the second kind alone, or the marker bed lies at greater **depth**, or the
**gain** is greater. {size["n_honest"]} honest networks learned where all three are left to chance.

{scored}

On its own test set a network with a shortcut is no worse than an honest one. What the tools see
(`seisdream.insight.shortcuts`) is measured in a way that was settled before, on windows of other earths in which
nothing but the rock tells the class; a tool names what lies more than {results["called_at"]:g} deviations beyond
{size["n_honest"]} further honest networks, and nothing otherwise. **Dream**: what the ascent for the second class
changes, in a corner, row by row, and in loudness. **Atlas**: how the windows that excite the class most differ from
those that excite it least. **Controls**: what is left of the difference between the classes with random phases, and
with traces in random order; they do not tell a mark.

{named}

![How often each tool names the planted shortcut, and one where there is none]({pictures.format("shortcuts")})

## What would change the answer

For few labels: a survey that the start has never met. `facies` was shown lines of F3 while it was trained, without
labels, so on F3 a part of its lead is that it knows the survey; and more steps, another order of lines, strata that
change more from block to block. For shortcuts: ones that nobody thought of. The tools compare with three suspicions,
each of which is a measure; a shortcut of a fourth kind is at best seen in the dream by a person. A network that goes
by both the rock and the shortcut is harder to tell.

## What was not tested

People as judges of these dreams; Penobscot or another survey than this; other seeds of each training, so that
differences of a few hundredths between rows of the first table mean little; networks as large as those that ship.

## Data, credit and licence

Lines: {credit}{licence}. Windows are generated by seisdream (Apache-2.0). Networks:
{", ".join(f"`{name}` ({sha256[:12]})" for name, sha256 in results["networks"].items())}. Versions:
{", ".join(f"{name} {version}" for name, version in results["versions"].items())}. Methods: Settles (2009); Geirhos and
others (2020); Clopper and Pearson (1934).
"""


def _answer(results: dict[str, Any]) -> str:
    """Return the answer in words, as the numbers allow it."""
    labels, shortcuts = results["labels"], results["shortcuts"]
    network = next(iter(results["networks"]))
    found = {(row["n_labelled"], row["start"], row["chosen"]): row["mean_iou"] for row in labels["rows"]}
    counts = sorted({n for n, _, _ in found})
    told = [
        "On lines far away, training from "
        + f"`{network}` reaches a mean IoU of "
        + ", ".join(f"{found[n, network, EVENLY]:.2f}" for n in counts)
        + " with "
        + ", ".join(map(str, counts))
        + f" labelled line{'s' * (counts[-1] > 1)}; from scratch "
        + ", ".join(f"{found[n, SCRATCH, EVENLY]:.2f}" for n in counts)
        + "; depth alone "
        + ", ".join(f"{labels['depth'][str(n)]['mean_iou']:.2f}" for n in counts)
        + "."
    ]
    pairs = [(n, found[n, network, DOUBTFUL] - found[n, network, EVENLY]) for n in counts
             if (n, network, DOUBTFUL) in found]  # fmt: skip
    if pairs:
        told.append(
            "Lines in most doubt instead of evenly spaced ones change it by "
            + ", ".join(f"{gain:+.2f} ({n} lines)" for n, gain in pairs).replace("-", "−")
            + "."
        )
    together, alarms = shortcuts["shares"]["together"], shortcuts["false_alarms"]["together"]
    told.append(
        f"Of {together['n']} networks with a planted shortcut, which score {shortcuts['tied']['planted']['mean']:.2f} "
        f"on their own test sets and {shortcuts['free']['planted']['mean']:.2f} where only the rock tells (honest "
        f"ones {shortcuts['tied']['honest']['mean']:.2f}), the tools together name the right one of "
        f"{together['hits']}, and of {alarms['n']} honest ones they suspect {alarms['hits']}. By itself "
        "the right one is named: "
        + ", ".join(f"{way} {share['hits']}" for way, share in shortcuts["shares"].items() if way != "together")
        + "."
    )
    return " ".join(told)


def _share_in_words(share: dict[str, Any]) -> str:
    low, high = share["interval"]
    return f"{share['hits']} of {share['n']} ({low:.2f} to {high:.2f})"


def _range_in_words(row: dict[str, float]) -> str:
    return f"{row['mean']:.2f} ({row['least']:.2f} to {row['greatest']:.2f})"


EXPERIMENT = Experiment(
    "If we are careful what we ask for, can these algorithms be used for good?",
    run,
    page,
    unit="step",
    takes={"lines": "labelled lines of a survey"},
)
