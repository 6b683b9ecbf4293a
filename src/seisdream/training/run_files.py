"""The folder of a training run: whether a run may begin or resume there, and the files that it ends with."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.evaluation.evaluate import evaluate
from seisdream.evaluation.model_card import write_card
from seisdream.evaluation.scores import Scores, plain
from seisdream.io.atomic import check_writable, writing_file
from seisdream.io.texts import read_record
from seisdream.io.written_files import is_ours, record_of
from seisdream.models.checkpoints import ModelMetadata, load_trained, write_trained
from seisdream.plotting.panels import write_figure
from seisdream.plotting.scores import draw_confusion, draw_history
from seisdream.results.writer import optional_file, warn_incomplete
from seisdream.seismic.spectrum import mean_frequency, mean_wavenumber
from seisdream.settings import to_json
from seisdream.training.loop import CHECKPOINT_FILE, Training
from seisdream.training.plan import TrainingPlan
from seisdream.training.settings import changed_settings

NETWORK_FILE, CARD_FILE, HISTORY_FILE, CURVES_FILE, CONFUSION_FILE = RESULT_FILES = (
    "network.safetensors",
    "card.md",
    "history.csv",
    "curves.png",
    "confusion.png",
)
"""What a finished run leaves."""

RUN_FILE = "run.json"
"""The data and settings of a run, by which it is resumed."""

# The ranges of mean frequencies and wavenumbers of the training data are widened by this factor on both sides.
_MARGIN = 1.15
_N_MEASURED = 64


def enter_folder(folder: Path, run_values: Mapping[str, Any], *, force: bool = False, writes: bool = True) -> None:
    """Check that a run may begin or resume in a folder, and write what it is made from.

    Parameters
    ----------
    folder : path
        Folder of the run.
    run_values : mapping
        Data and settings of the run, as values that JSON knows.
    force : bool, default False
        Begin again: the checkpoint of an earlier run is removed, and its results will be replaced. Only a folder whose
        ``run.json`` was written by seisdream is changed.
    writes : bool, default True
        False for all but one of several processes, which only check.

    Raises
    ------
    SeisdreamError
        If an earlier run there is a different one (``changed``), something else is there (``not-ours``, ``exists``), or
        nothing can be written.
    """
    checkpoint, run_file = folder / CHECKPOINT_FILE, folder / RUN_FILE
    check_writable(checkpoint, force=True)
    present = [name for name in (RUN_FILE, CHECKPOINT_FILE, *RESULT_FILES) if (folder / name).exists()]
    if present and not is_ours(run_file) and (force or {RUN_FILE, CHECKPOINT_FILE} & {*present}):
        raise SeisdreamError(
            f"{folder} holds {', '.join(present)}, but no {RUN_FILE} that seisdream wrote, so nothing is replaced; "
            "name another folder, or move these files away.",
            code="not-ours",
            option="out",
        )
    if force and writes:
        checkpoint.unlink(missing_ok=True)
    if checkpoint.exists() and not force:
        before = read_record(run_file)
        if changed := changed_settings(before, run_values):
            raise SeisdreamError(
                f"{folder} holds a run with other settings: {changed}. Resume it with the same settings, name another "
                "folder, or begin again with `force=True`.",
                code="changed",
                option="out",
            )
        return
    if writes:
        for name in RESULT_FILES:
            check_writable(folder / name, force)
        with writing_file(run_file, force=True) as partial:
            record = record_of(RUN_FILE, CHECKPOINT_FILE, *RESULT_FILES)
            partial.write_text(to_json({**run_values, **record}, indent=1), encoding="utf-8")


def describe(plan: TrainingPlan, training: Training, scores: Scores) -> ModelMetadata:
    """Return the metadata of a trained network, with its validation scores."""
    options = training.network.settings
    metrics = {name: plain(round(value, 4)) for name, value in scores.headlines().items()}
    iou = {name: plain(round(float(value), 4)) for name, value in zip(scores.classes, scores.iou, strict=True)}
    frequencies, wavenumbers = _spectral_ranges(plan)
    return ModelMetadata(
        architecture=plan.settings.architecture,
        settings=options,
        classes=tuple(plan.data.classes),
        colours=tuple(plan.colours),
        title=plan.title,
        default_layer=f"enc{min(5, len(options['widths']))}" if "widths" in options else "inception_4c/output",
        data=plan.source,
        credit=plan.credit,
        licence=plan.licence,
        metrics={plan.scored_on: metrics | {"iou": iou}},
        recipe=plan.settings.run_values(),
        split=plan.split,
        survey=plan.survey,
        is_ordered=plan.is_ordered,
        frequencies=frequencies,
        wavenumbers=wavenumbers,
    )


def write_network(folder: Path, training: Training, metadata: ModelMetadata) -> None:
    """Write the averaged network."""
    with writing_file(folder / NETWORK_FILE, force=True) as partial:
        write_trained(training.network, metadata, partial)


def write_results(
    folder: Path,
    plan: TrainingPlan,
    training: Training,
    scores: Scores,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write what a finished run leaves: the network, its model card, its history, and figures of both.

    Parameters
    ----------
    folder : path
        Folder of the run.
    plan, training, scores
        The run, and its last validation scores.
    progress : callable, optional
        Called with the number of sections scored and their total, where baselines are.

    Returns
    -------
    list of Path
        The files of `RESULT_FILES`.

    Warns
    -----
    IncompleteResultWarning
        Where anything but the network could not be written.
    """
    metadata = describe(plan, training, scores)
    write_network(folder, training, metadata)
    failures: list[str] = []

    @contextmanager
    def optional(name: str) -> Iterator[Path]:
        with optional_file(folder, name, failures.append), writing_file(folder / name, force=True) as partial:
            yield partial

    if plan.settings.baselines and plan.open_evaluation:
        with optional_file(folder, "scores of the baselines", failures.append):
            network = load_trained(plan.name, folder / NETWORK_FILE)
            evaluation = evaluate(network, plan.open_evaluation(), device=plan.settings.device, progress=progress)
            metadata = replace(metadata, metrics={evaluation.data: evaluation.metrics()})
            write_network(folder, training, metadata)
    with optional_file(folder, CARD_FILE, failures.append):
        name = f"{folder.resolve().name}/{NETWORK_FILE}"
        write_card(metadata, folder / CARD_FILE, name=name, preset=plan.preset, failures=plan.failures, force=True)
    with optional(HISTORY_FILE) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(training.history[0]))
        writer.writeheader()
        writer.writerows(training.history)
    with optional(CURVES_FILE) as partial:
        write_figure(draw_history(training.history, title=f"{plan.name}: {plan.scored_on}"), partial)
    with optional(CONFUSION_FILE) as partial:
        write_figure(draw_confusion(scores.confusion, scores.classes, title=f"{plan.name}: {plan.scored_on}"), partial)
    warn_incomplete(failures)
    return [folder / name for name in RESULT_FILES if (folder / name).exists()]


def _spectral_ranges(plan: TrainingPlan) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Return the ranges of mean frequencies and of mean wavenumbers of sections like the validation data.

    In cycles per sample and per trace. They span nine in ten of the validation sections, which are not augmented, with
    a margin on both sides. None for photographs.
    """
    samples = [plan.validation[number] for number in range(min(plan.n_validation, _N_MEASURED))]
    images = [sample.image[0] for sample in samples if sample.classes.ndim]
    if not images:
        return None, None
    frequencies = [mean_frequency(image.reshape(len(image), -1)) for image in images]
    wavenumbers = [mean_wavenumber(image.reshape(-1, image.shape[-1])) for image in images]
    return spectral_range(frequencies), spectral_range(wavenumbers)


def spectral_range(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of nine in ten of some mean frequencies, with a margin on both sides."""
    low, high = np.percentile(values, [5.0, 95.0])
    return round(float(low) / _MARGIN, 3), round(float(high) * _MARGIN, 3)
