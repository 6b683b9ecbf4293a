"""Few-shot learning: how well a network predicts distant lines of a survey when only a few lines are labelled."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.data.augment import Augmentation
from seisdream.data.lines import LabelledLines, Line
from seisdream.data.patches import LinePatches
from seisdream.data.splits import split_lines
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.evaluation.confusion import score_predictions
from seisdream.evaluation.dummy_classifiers import fit_depth_only
from seisdream.evaluation.scores import Scores
from seisdream.inference.predict import predict
from seisdream.models.network import Network
from seisdream.research.experiments.trained_networks import train_network
from seisdream.seismic.sections import make_section
from seisdream.training.active_learning import evenly_spaced, mean_entropy, select_lines
from seisdream.training.pretrained import load_pretrained
from seisdream.training.settings import TrainingSettings

SCRATCH, DEPTH_ONLY = "from scratch", "depth only"
EVENLY_SPACED, MOST_UNCERTAIN = "evenly spaced", "most uncertain"
_SURVEY_SEED = 7
_AUGMENTATION = Augmentation(rotation_deg=2.0, shear=0.05, stretch_time=(0.85, 1.18), fold=12.0)
_N_INTERVALS = 6


def make_survey(seed: int) -> LabelledLines:
    """Generate a survey whose labels are intervals of equal geologic age, as an interpreter picks them."""
    cube = GeneratedEarths(_SURVEY_SEED, size=(128, 64, 128), augmentation=None).earth(seed)
    age = cube["relative_geologic_time"].transpose("inline", "time", "crossline").values
    seismic = cube["seismic"].transpose("inline", "time", "crossline").values
    boundaries = np.quantile(age, np.linspace(0.0, 1.0, _N_INTERVALS + 1)[1:-1])
    codes = np.digitize(age, boundaries).astype(np.uint8)
    lines = tuple(
        Line(f"inline {2 * number}", "inline", 2 * number, partial(_open_generated, seismic[number], codes[number]))
        for number in range(len(age))
    )
    return LabelledLines(
        "a generated survey", tuple(f"interval {n + 1}" for n in range(_N_INTERVALS)), lines, credit="seisdream"
    )


def _open_generated(seismic: NDArray, codes: NDArray) -> tuple[xr.DataArray, NDArray]:
    return make_section(seismic, dt_ms=4.0), codes


def learn_from_few(
    survey: LabelledLines,
    counts: Sequence[int],
    starts: Sequence[str],
    n_steps: int,
    seed: int,
    on_step: Callable[[], None],
) -> dict[str, Any]:
    """Return scores on a block of distant lines by the number of labelled lines and how they are selected.

    Parameters
    ----------
    survey : LabelledLines
        The lines of a survey.
    counts : sequence of int
        Numbers of labelled lines.
    starts : sequence of str
        Pretrained networks that training starts from, or `SCRATCH`. Uncertain lines are selected for the first alone.
    n_steps : int
        Steps of each training.
    seed : int
        Random seed of the training samples and of weights from scratch.
    on_step : callable
        Called after each of the `count_runs` times ``n_steps`` steps.
    """
    candidates, distant = _split(survey)
    rows: list[dict[str, Any]] = []
    depth_only: dict[str, dict[str, float]] = {}
    entropy: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for n in counts:
            numbers = evenly_spaced(list(candidates), n)
            selections = {EVENLY_SPACED: numbers}
            if n > 1 and entropy:
                first = rows[0]["lines"]
                selections[MOST_UNCERTAIN] = [*first, *select_lines(entropy, list(candidates), first, n - len(first))]
            depth_only[str(n)] = _score_depth_only(survey, [candidates[number] for number in numbers], distant)
            for selection, selected in selections.items():
                for start in starts if selection == EVENLY_SPACED else starts[:1]:
                    began = time.monotonic()
                    labelled = survey.with_lines(tuple(candidates[number] for number in selected), "labelled")
                    trained = _train(labelled, start, n_steps, seed, Path(folder) / str(len(rows)), on_step)
                    rows.append(
                        {
                            "n_labelled": n, "start": start, "selection": selection, "lines": sorted(selected),
                            **_score(trained, survey, distant), "seconds": round(time.monotonic() - began),
                        }
                    )  # fmt: skip
                    entropy = entropy or mean_entropy(trained, list(candidates.values()))
    return {
        "rows": rows,
        "depth_only": depth_only,
        "candidates": sorted(candidates),
        "distant": sorted(line.number for line in distant if line.number is not None),
        "axis": distant[0].axis,
        "steps": n_steps,
    }


def _split(survey: LabelledLines) -> tuple[dict[int, Line], list[Line]]:
    """Return the lines that may be labelled, by number, and the distant block of lines that is scored."""
    near, held_out = split_lines(survey, is_last=True)
    axis = held_out.lines[0].axis
    candidates = {line.number: line for line in near.lines if line.axis == axis and line.number is not None}
    return candidates, [line for line in held_out.lines if line.axis == axis]


def feasible_counts(counts: Sequence[int], survey: LabelledLines) -> list[int]:
    """Return those numbers of labelled lines that the survey has outside the block that is scored."""
    n_candidates = len(_split(survey)[0])
    return [n for n in counts if n <= n_candidates]


def count_runs(counts: Sequence[int], starts: Sequence[str]) -> int:
    """Return how many networks `learn_from_few` trains."""
    return len(starts) * len(counts) + sum(n > 1 for n in counts)


def _train(
    labelled: LabelledLines, start: str, n_steps: int, seed: int, folder: Path, on_step: Callable[[], None]
) -> Network:
    height = labelled.lines[0].open()[0].shape[0]
    pretrained = None if start == SCRATCH else load_pretrained(start)
    settings = TrainingSettings(
        **(pretrained.architecture if pretrained else {}), steps=n_steps, batch_size=2, learning_rate=1e-3,
        class_balance=0.3, ema_decay=0.98, seed=seed, validate_every=n_steps, workers=0,
    )  # fmt: skip
    patches = LinePatches(labelled, seed, size=(height, 192), augmentation=_AUGMENTATION, overhang=0.1)
    return train_network(
        settings, patches, folder, title="few labels", default_layer="enc5", colours=labelled.colours,
        start=pretrained.weights_for(()) if pretrained else None, on_step=on_step,
    )  # fmt: skip


def _score(network: Network, survey: LabelledLines, lines: Sequence[Line]) -> dict[str, float]:
    def probabilities(section: xr.DataArray) -> NDArray:
        return predict(section, network, augmentations=0)["probabilities"].values

    return _headlines(score_predictions(probabilities, (line.open() for line in lines), survey.classes))


def _score_depth_only(survey: LabelledLines, labelled: Sequence[Line], lines: Sequence[Line]) -> dict[str, float]:
    baseline = fit_depth_only([line.open() for line in labelled], len(survey.classes))
    return _headlines(score_predictions(baseline.probabilities, (line.open() for line in lines), survey.classes))


def _headlines(scores: Scores) -> dict[str, float]:
    return {"pixel_accuracy": scores.pixel_accuracy, "mean_iou": scores.mean_iou}
