"""Question 4: used for good, if we are careful? Few labels, and shortcuts that test scores do not reveal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from seisdream.data.lines import LabelledLines
from seisdream.data.registry import open_dataset
from seisdream.errors import SeisdreamError
from seisdream.models.registry import load_network
from seisdream.research.experiments.base import Experiment, Outcome, Progress, ProgressCounter
from seisdream.research.experiments.care_page import make_page
from seisdream.research.experiments.few_shot import SCRATCH, count_runs, feasible_counts, learn_from_few, make_survey
from seisdream.research.experiments.shortcut_models import ShortcutSize, detect_shortcuts
from seisdream.research.plotting.care import draw_few_labels, draw_shortcuts
from seisdream.research.shortcuts import THRESHOLD, TOOLS
from seisdream.training.pretrained import load_pretrained


@dataclass(frozen=True)
class CareSize:
    """Size of a run.

    Attributes
    ----------
    n_labelled : tuple of int
        Numbers of labelled lines.
    n_steps : int
        Steps of each training on them.
    shortcuts : ShortcutSize
        Size of the experiment on shortcuts.
    """

    n_labelled: tuple[int, ...]
    n_steps: int
    shortcuts: ShortcutSize


QUICK = CareSize((1, 4), 30, ShortcutSize(n_planted=3, n_clean=3, n_steps=60, n_earths=80, n_images=60))
FULL = CareSize((1, 2, 5, 10), 120, ShortcutSize(n_planted=20, n_clean=20, n_steps=150, n_earths=400, n_images=300))


def run(
    *,
    network: str,
    seed: int,
    size: CareSize,
    progress: Progress,
    labelled_lines: str | None = None,
    robust: float | None = None,
) -> Outcome:
    """Train on a few labelled lines of a survey, and detect planted shortcuts; see `Experiment`."""
    load_pretrained(network)  # Fails at once if training cannot start from this network.
    survey = open_dataset(labelled_lines) if labelled_lines else make_survey(seed)
    if not isinstance(survey, LabelledLines):
        raise SeisdreamError(
            f"{labelled_lines} holds photographs; `labelled_lines` needs sections with a label for each sample.",
            code="incompatible",
            option="labelled_lines",
        )
    counts, starts = feasible_counts(size.n_labelled, survey), (network, SCRATCH)
    n_classifiers = size.shortcuts.n_networks * (1 if robust is None else 2)
    counter = ProgressCounter(progress, count_runs(counts, starts) * size.n_steps + n_classifiers)
    few_labels = learn_from_few(survey, counts, starts, size.n_steps, seed, counter.count)
    shortcuts = detect_shortcuts(size.shortcuts, seed, counter.count)
    results: dict[str, Any] = {
        "size": asdict(size),
        "networks": {network: load_network(network).sha256},
        "survey": {
            "name": survey.name, "credit": survey.credit, "licence": survey.licence, "classes": list(survey.classes),
        },
        "few_labels": few_labels,
        "shortcuts": shortcuts,
        "tools": list(TOOLS),
        "threshold": THRESHOLD,
    }  # fmt: skip
    if robust is not None:
        results |= {
            "radius": robust,
            "robust_shortcuts": detect_shortcuts(size.shortcuts, seed, counter.count, robust=robust),
        }
    figures = {
        "labels": draw_few_labels(few_labels["rows"], few_labels["depth_only"]),
        "shortcuts": draw_shortcuts(shortcuts["detections"], shortcuts["false_alarms"]),
    }
    return Outcome(results, figures, {"shortcuts": shortcuts["networks"], "labels": few_labels["rows"]})


EXPERIMENT = Experiment(
    "If we are careful what we ask for, can these algorithms be used for good?",
    run,
    make_page,
    quick=QUICK,
    full=FULL,
    unit="step",
    inputs=("labelled_lines", "robust"),
)
