"""Few labels: how well lines far away are told when one line of a survey is labelled, or two, or five."""

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
from seisdream.evaluation.confusion import Scores, score_told
from seisdream.evaluation.dummy_classifiers import fit_depth_only
from seisdream.inference.predict import predict
from seisdream.models.network import Network
from seisdream.research.experiments.trained_networks import train_network
from seisdream.seismic.sections import make_section
from seisdream.training.active_learning import evenly_spaced, mean_entropy, select_lines
from seisdream.training.pretrained import load_pretrained
from seisdream.training.settings import TrainingSettings

SCRATCH, DEPTH = "from scratch", "depth only"
EVENLY, DOUBTFUL = "evenly spaced", "in most doubt"
_SURVEY_SEED = 7
_FOLDED = Augmentation(rotation_deg=2.0, shear=0.05, stretch_time=(0.85, 1.18), fold=12.0)
_N_INTERVALS = 6


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
    data: LabelledLines, counts: Sequence[int], network: str, n_steps: int, seed: int, on_step: Callable[[], None]
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
    on_step : callable
        Called after each of the `n_runs` times `n_steps` steps.
    """
    learned, held_out = split_lines(data, is_last=True)
    axis = held_out.lines[0].axis
    free = {line.number: line for line in learned.lines if line.axis == axis and line.number is not None}
    far = [line for line in held_out.lines if line.axis == axis]
    rows: list[dict[str, Any]] = []
    depth: dict[str, dict[str, float]] = {}
    doubts: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for n in counts:
            numbers = evenly_spaced(list(free), n)
            chosen = {EVENLY: numbers}
            if n > 1 and doubts:
                first = rows[0]["lines"]
                chosen[DOUBTFUL] = [*first, *select_lines(doubts, list(free), first, n - len(first))]
            depth[str(n)] = _score_depth(data, [free[number] for number in numbers], far)
            for how, of_lines in chosen.items():
                for start in (network, SCRATCH) if how == EVENLY else (network,):
                    began = time.monotonic()
                    part = data.with_lines(tuple(free[number] for number in of_lines), "labelled")
                    trained = _train(part, start, n_steps, seed, Path(folder) / str(len(rows)), on_step)
                    rows.append(
                        {
                            "n_labelled": n, "start": start, "chosen": how, "lines": sorted(of_lines),
                            **_score(trained, data, far), "seconds": round(time.monotonic() - began),
                        }
                    )  # fmt: skip
                    doubts = doubts or mean_entropy(trained, list(free.values()))
    return {
        "rows": rows,
        "depth": depth,
        "free": sorted(free),
        "far": sorted(line.number for line in far if line.number is not None),
        "axis": axis,
        "steps": n_steps,
    }


def fitting_counts(counts: Sequence[int], data: LabelledLines) -> list[int]:
    """Return those numbers of lines that there are outside the block that is scored."""
    learned, held_out = split_lines(data, is_last=True)
    n_free = sum(line.axis == held_out.lines[0].axis for line in learned.lines)
    return [n for n in counts if n <= n_free]


def n_runs(counts: Sequence[int]) -> int:
    """Return how often `learn_from_few` trains: from both starts, and on lines in doubt where there are several."""
    return 2 * len(counts) + sum(n > 1 for n in counts)


def _train(
    data: LabelledLines, start: str, n_steps: int, seed: int, folder: Path, on_step: Callable[[], None]
) -> Network:
    height = data.lines[0].open()[0].shape[0]
    pretrained = None if start == SCRATCH else load_pretrained(start)
    settings = TrainingSettings(
        **(pretrained.architecture if pretrained else {}), steps=n_steps, batch_size=2, learning_rate=1e-3,
        class_balance=0.3, ema_decay=0.98, seed=seed, validate_every=n_steps, workers=0,
    )  # fmt: skip
    items = LinePatches(data, seed, size=(height, 192), augmentation=_FOLDED, overhang=0.1)
    return train_network(
        settings, items, folder, title="few labels", default_layer="enc5", colours=data.colours,
        start=pretrained.weights_for(()) if pretrained else None, on_step=on_step,
    )  # fmt: skip


def _score(network: Network, data: LabelledLines, lines: Sequence[Line]) -> dict[str, float]:
    def tell(section: xr.DataArray) -> NDArray:
        return predict(section, network, augmentations=0)["probabilities"].values

    return _two(score_told(tell, (line.open() for line in lines), data.classes))


def _score_depth(data: LabelledLines, labelled: Sequence[Line], lines: Sequence[Line]) -> dict[str, float]:
    depth = fit_depth_only([line.open() for line in labelled], len(data.classes))
    return _two(score_told(depth.probabilities, (line.open() for line in lines), data.classes))


def _two(scores: Scores) -> dict[str, float]:
    return {"pixel_accuracy": scores.pixel_accuracy, "mean_iou": scores.mean_iou}
