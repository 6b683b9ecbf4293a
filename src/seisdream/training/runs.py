"""Whole runs: what is learned from what, the presets behind networks of ours, and the files at the end."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seisdream.data.augment import GENTLE, Augmentation
from seisdream.data.label_permutation import Shuffled
from seisdream.data.photos import PhotoPatches, Photos, WholePhotos, split_photos
from seisdream.data.registry import name_of, open_labelled
from seisdream.data.segy_lines import LabelledLines, LinePatches, WholeLines
from seisdream.data.splits import split_lines
from seisdream.errors import SeisdreamError
from seisdream.evaluation.confusion import Scores, plain
from seisdream.evaluation.evaluate import evaluate
from seisdream.evaluation.model_card import write_card
from seisdream.evaluation.test_sets import HeldOut, hold_out
from seisdream.io.atomic import check_writable, is_ours, record_of, writing_file
from seisdream.models.checkpoints import ModelMetadata, load_trained, write_trained
from seisdream.plotting.figures import write_figure
from seisdream.plotting.scores import draw_confusion, draw_history
from seisdream.seismic.spectrum import mean_frequency
from seisdream.training.loop import CHECKPOINT_FILE, Items, Training, TrainingSettings

RESULTS = ("network.safetensors", "card.md", "history.csv", "curves.png", "confusion.png")
"""What a finished run leaves."""

RUN_FILE = "run.json"
"""What a run learns from, so that it is resumed with nothing else."""

CREDIT, LICENCE = "seisdream", "Apache-2.0"
_PHOTOS_BY_NAME = (
    "Each photograph is held out, or not, by its name alone. Where several are of one outcrop or thin section, the "
    "scores then say how well it was remembered: hold out the last of each class, in the order of their names, with "
    "--split blocks."
)
_TALL = Augmentation(rotation_deg=2.0, shear=0.05, stretch_time=(0.8, 1.25), fold=36.0, clip=0.6)
"""For whole lines of one survey: hardly turned, but stretched and folded as far as its strata change from block to
block, and often clipped hard."""
_TALL_OVERHANG = 0.15
_ALIKE = 1.15


@dataclass(frozen=True)
class Run:
    """What is to be learned, from what, and how.

    Attributes
    ----------
    name, title : str
        Of the network.
    recipe : TrainingRecipe
        Every number.
    data, validation : Items
        Items to learn from, and to look at.
    n_validation : int
        How many items there are to look at.
    colours : tuple of str
        Of the classes.
    source, credit, licence : str
        Of the data.
    preset : str
        The words after ``seisdream train --preset`` that make it again, if it is one.
    split : dict
        How lines were held out, for `split_lines`.
    survey : str
        The one survey of those lines; empty where there are several or none.
    is_ordered : bool
        Whether the classes lie one below another in the order of their codes.
    notes : tuple of str
        What was settled without being asked for, a sentence each.
    held_out : callable, optional
        Opens what the network is scored on in the end beside its baselines; None for photographs.
    """

    name: str
    title: str
    recipe: TrainingSettings
    data: Items
    validation: Items
    n_validation: int
    colours: tuple[str, ...]
    source: str
    credit: str = CREDIT
    licence: str = LICENCE
    preset: str = ""
    split: dict[str, Any] = field(default_factory=dict)
    survey: str = ""
    is_ordered: bool = False
    notes: tuple[str, ...] = ()
    held_out: Callable[[], HeldOut] | None = None

    @property
    def scored_on(self) -> str:
        """What the scores of its validation data are of, in words."""
        return "lines that it learned from" if self.split.get("held_out") == 0 else "held-out data"


def labelled_run(
    source: str,
    recipe: TrainingSettings,
    *,
    size: int | tuple[int, int] = 224,
    held_out: float = 0.2,
    guard: int | None = None,
    is_random: bool | None = None,
    is_last: bool = False,
    tall: bool = False,
    augmentation: Augmentation = GENTLE,
    is_shuffled: bool = False,
    **options: Any,
) -> Run:
    """Prepare a run on labelled data of one's own, or a benchmark's.

    Parameters
    ----------
    source : str
        As `open_labelled` takes it: photographs make a classifier, lines a segmentation.
    recipe : TrainingRecipe
        Every number.
    size : int or (int, int), default 224
        Samples of an item.
    held_out : float, default 0.2
        As for `split_lines`; 0 learns from all lines, once a run with some held out has said how good that is. Its
        scores are then of lines that it learned from.
    guard, is_last
        As for `split_lines`.
    is_random : bool, optional
        Hold out each line or photograph by itself; False: as a block of neighbours. By default lines are held out as a
        block, and photographs by themselves, by their names (see `split_photos`).
    tall : bool, default False
        Show each line from top to bottom, 288 traces at a time, so that depth can be learned and the middle of an item
        is as far from its sides as that of a line.
    augmentation : Augmentation
        What may be done to items of lines.
    is_shuffled : bool, default False
        Learn from labels of other items: a control.
    """
    if recipe.settings.get("n_dims", 2) != 2:
        raise SeisdreamError("Labelled lines are sections; start from a network for sections (--start).")
    data = open_labelled(source, **options)
    name = name_of(source)
    told = f"{data.name}" + (f" ({data.credit})" if data.credit else "")
    split: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    survey, is_ordered = "", False
    scored: Callable[[], HeldOut] | None = None
    if isinstance(data, Photos):
        if guard is not None or augmentation is not GENTLE:
            raise SeisdreamError(
                f"{source} holds photographs, which have no line numbers and no polarity; leave out --guard and "
                "--polarity-flip."
            )
        by = "block" if is_random is False else "name"
        training, validation = split_photos(data, held_out, by=by)
        told += (
            f", of which {'the last of each class' if by == 'block' else 'some, chosen by their names,'} are held out"
        )
        if is_random is None:
            notes = (_PHOTOS_BY_NAME,)
        side = size if isinstance(size, int) else size[0]
        whole = WholePhotos(validation, size=side)
        patches = PhotoPatches(training, recipe.seed, size=side)
        settings = {name: value for name, value in recipe.settings.items() if name != "n_dims"}
        if recipe.architecture != "googlenet":
            recipe = replace(recipe, architecture="classifier", settings=settings)
        title = f"{len(data.classes)} kinds of photograph"
    else:
        if recipe.architecture == "googlenet":
            raise SeisdreamError(
                f"GoogLeNet tells what a whole photograph shows, and {source} has a label for each sample; start from "
                "a network for sections (--start facies)."
            )
        split = {"held_out": held_out, "guard": guard, "is_random": bool(is_random), "is_last": is_last}
        survey, is_ordered = data.survey or "", data.is_ordered
        if held_out:
            training, validation = split_lines(data, **split)
            scored = partial(hold_out, training, validation)
        else:
            training = validation = data
        whole = WholeLines(validation)
        if tall:
            size, augmentation = (_height_of(data), 288), _TALL
        overhang = _TALL_OVERHANG if tall else 0.5
        patches = LinePatches(training, recipe.seed, size=size, augmentation=augmentation, overhang=overhang)
        title = f"{len(data.classes)} classes of {data.name}"
    items: Items = patches
    if is_shuffled:
        items, name, title = Shuffled(patches, recipe.seed), f"{name}-shuffled", f"{title}, on labels of other items"
    return Run(
        name, title, recipe, items, whole, len(whole), data.colours, told, data.credit or CREDIT,
        data.licence or LICENCE, split=split, survey=survey, is_ordered=is_ordered, notes=notes, held_out=scored,
    )  # fmt: skip


def enter_folder(
    folder: str | os.PathLike[str], learned_from: dict[str, Any], *, force: bool = False, writes: bool = True
) -> None:
    """Make sure that a run may be begun, or resumed, in a folder.

    Parameters
    ----------
    folder : path
        Of the run.
    learned_from : dict
        What it learns from, by the name of the option that says so; ready for JSON.
    force : bool, default False
        Begin anew: an earlier run's checkpoint is removed, and its results will be replaced. Only a folder whose
        ``run.json`` was written by seisdream is changed.
    writes : bool, default True
        False for all but one of several processes, which only look.

    Raises
    ------
    SeisdreamError
        If an earlier run there learned from something else, something there is not of a run, or nothing can be written.
    """
    folder = Path(folder)
    checkpoint, told = folder / CHECKPOINT_FILE, folder / RUN_FILE
    check_writable(checkpoint, force=True)
    foreign = [name for name in (RUN_FILE, CHECKPOINT_FILE, *RESULTS) if (folder / name).exists()]
    if foreign and not is_ours(told) and (force or {RUN_FILE, CHECKPOINT_FILE} & {*foreign}):
        raise SeisdreamError(
            f"{folder} holds {', '.join(foreign)}, but no {RUN_FILE} that seisdream wrote, so nothing is replaced; "
            "name another folder (--out), or move these files away."
        )
    if force and writes:
        checkpoint.unlink(missing_ok=True)
    if checkpoint.exists() and not force:
        before = json.loads(told.read_text(encoding="utf-8"))
        if changed := [name for name, value in learned_from.items() if before.get(name) != value]:
            options = ", another ".join(f"--{name.replace('_', '-')}" for name in changed)
            raise SeisdreamError(
                f"{folder} holds a run with another {options}; resume it with the same options, or name another "
                "folder (--out), or begin anew (--force)."
            )
        return
    if writes:
        for name in RESULTS:
            check_writable(folder / name, force)
        with writing_file(told, force=True) as aside:
            aside.write_text(
                json.dumps(learned_from | record_of(RUN_FILE, CHECKPOINT_FILE, *RESULTS), indent=1, ensure_ascii=False),
                encoding="utf-8",
            )


def write_run(
    run: Run,
    training: Training,
    scores: Scores,
    folder: str | os.PathLike[str],
    *,
    with_baselines: bool = True,
    device: str = "auto",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Write what a finished run leaves: the network, its card, its history, and pictures of both.

    Parameters
    ----------
    run, training, scores
        The run, where it ended, and the last scores of its validation data.
    folder : path
        Where to.
    with_baselines : bool, default True
        Score the network on all that was held out, beside what it has to beat, for its card; photographs have no
        baselines.
    device, progress
        As for `evaluate`.

    Returns
    -------
    list of Path
        ``network.safetensors``, ``card.md``, ``history.csv``, ``curves.png``, ``confusion.png``.
    """
    folder = Path(folder)
    iou = {name: plain(round(float(value), 4)) for name, value in zip(scores.classes, scores.iou, strict=True)}
    headlines = {name: plain(round(value, 4)) for name, value in scores.headlines().items()}
    settings = training.network.settings
    metrics: dict[str, Any] = {run.scored_on: headlines | {"iou": iou}}
    story = ModelMetadata(
        architecture=run.recipe.architecture,
        settings=settings,
        classes=tuple(run.data.classes),
        colours=tuple(run.colours),
        title=run.title,
        default_layer=f"enc{min(5, len(settings['widths']))}" if "widths" in settings else "inception_4c/output",
        data=run.source,
        credit=run.credit,
        licence=run.licence,
        metrics=metrics,
        recipe=asdict(run.recipe),
        split=run.split,
        survey=run.survey,
        is_ordered=run.is_ordered,
        frequencies=_frequencies_of(run),
    )
    paths = [folder / name for name in RESULTS]
    with writing_file(paths[0], force=True) as aside:
        write_trained(training.network, story, aside)
    if with_baselines and run.held_out:
        evaluation = evaluate(load_trained(run.name, paths[0]), run.held_out(), device=device, progress=progress)
        story = replace(story, metrics={evaluation.data: evaluation.metrics()})
        with writing_file(paths[0], force=True) as aside:
            write_trained(training.network, story, aside)
    write_card(story, paths[1], name=f"{folder.resolve().name}/{RESULTS[0]}", preset=run.preset, force=True)
    with writing_file(paths[2], force=True) as aside, aside.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(training.history[0]))
        writer.writeheader()
        writer.writerows(training.history)
    for path, figure in (
        (paths[3], draw_history(training.history, title=run.name)),
        (paths[4], draw_confusion(scores.confusion, scores.classes, title=run.name)),
    ):
        with writing_file(path, force=True) as aside:
            write_figure(figure, aside)
    return paths


def _frequencies_of(run: Run, most: int = 64) -> tuple[float, float] | None:
    """Return between which mean frequencies, in cycles a sample, sections lie like those of a run; None of photographs.

    They are those of nine in ten of its validation data, which nobody stretched, and a little more on both sides.
    """
    items = [run.validation[number] for number in range(min(run.n_validation, most))]
    pictures = [item.picture[0] for item in items if item.classes.ndim]
    found = [mean_frequency(picture.reshape(len(picture), -1)) for picture in pictures]
    if not found:
        return None
    low, high = np.percentile(found, [5.0, 95.0])
    return round(float(low) / _ALIKE, 3), round(float(high) * _ALIKE, 3)


def _height_of(data: LabelledLines) -> int:
    section, _ = data.lines[0].open()
    return section.shape[0]
