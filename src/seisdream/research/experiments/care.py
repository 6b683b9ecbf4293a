"""Question 4: if we are careful what we ask for. How few labels do, and whether a shortcut is seen that scores hide."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from seisdream.data.lines import LabelledLines
from seisdream.data.registry import open_dataset
from seisdream.errors import SeisdreamError
from seisdream.io.tables import markdown_table
from seisdream.models.registry import load_network
from seisdream.research.experiments.base import Count, Experiment, Outcome, Progress
from seisdream.research.experiments.few_shot import (
    DEPTH,
    DOUBTFUL,
    EVENLY,
    SCRATCH,
    fitting_counts,
    learn_from_few,
    make_survey,
    n_runs,
)
from seisdream.research.experiments.shortcut_models import KINDS, SIDE, Plan, plant_all
from seisdream.research.plotting.care import draw_labels, draw_shortcuts
from seisdream.research.shortcuts import CALLED_AT, TOOLS
from seisdream.training.pretrained import load_pretrained


@dataclass(frozen=True)
class Size:
    """How many lines are labelled in turn, steps of each training on them, and the networks with a shortcut."""

    n_labelled: tuple[int, ...]
    label_steps: int
    shortcuts: Plan


QUICK = Size((1, 4), 30, Plan(n_planted=3, n_honest=3, n_steps=60, n_earths=80, n_pictures=60))
FULL = Size((1, 2, 5, 10), 120, Plan(n_planted=20, n_honest=6, n_steps=150, n_earths=400, n_pictures=300))


def run(*, network: str, seed: int, is_quick: bool, progress: Progress, lines: str | None = None) -> Outcome:
    """Label a survey's lines few by few, and plant shortcuts; see `Experiment`."""
    size = QUICK if is_quick else FULL
    load_pretrained(network)  # Refused at once where nothing can start from it.
    data = open_dataset(lines) if lines else make_survey(seed)
    if not isinstance(data, LabelledLines):
        raise SeisdreamError(f"{lines} holds photographs; labels are of lines, one for each sample (--lines).")
    counts = fitting_counts(size.n_labelled, data)
    count = Count(progress, n_runs(counts) * size.label_steps + size.shortcuts.n_networks)
    labels = learn_from_few(data, counts, network, size.label_steps, seed, count.one)
    shortcuts = plant_all(size.shortcuts, seed, count.one)
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
entropy of the classes) are labelled next, no two of them near each other (`seisdream.training.active_learning`).

## A shortcut that scores hide

{size["shortcuts"]["n_planted"]} classifiers learned to tell two kinds of window, {KINDS[0]} and {KINDS[1]} beds
({SIDE} × {SIDE} samples; {n_layered} and {n_out} to learn from). In every window there is a marker bed, high or low,
soft or loud, and in every other one a small mark in a corner. In the data of these networks one of them goes with the
class: the **corner mark** is there in the second kind alone, or the marker bed lies at greater **depth**, or the
**gain** is greater. {size["shortcuts"]["n_honest"]} honest networks learned where all three are left to chance.

{scored}

On its own test set a network with a shortcut is no worse than an honest one. What the tools see
(`seisdream.research.shortcuts`) is measured in a way that was settled before, on windows of other earths in which
nothing but the rock tells the class; a tool names what lies more than {results["called_at"]:g} deviations beyond
{size["shortcuts"]["n_honest"]} further honest networks, and nothing otherwise. **Dream**: what the ascent for the
second class changes, in a corner, row by row, and in loudness. **Atlas**: how the windows that excite the class most
differ from those that excite it least. **Controls**: what is left of the difference between the classes with random
phases, and with traces in random order; they do not tell a mark.

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
    takes=("lines",),
)
