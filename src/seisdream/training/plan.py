"""What a run trains on: training and validation samples with their origin, from labelled data or from a preset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from seisdream.data.augment import DEFAULT_AUGMENTATION, Augmentation
from seisdream.data.dataset import Dataset
from seisdream.data.label_permutation import ShuffledLabels
from seisdream.data.lines import LabelledLines
from seisdream.data.patches import LinePatches, WholeLines
from seisdream.data.photos import PhotoPatches, Photos, WholePhotos, split_photos
from seisdream.data.registry import dataset_name, open_dataset
from seisdream.data.splits import split_lines
from seisdream.errors import SeisdreamError
from seisdream.evaluation.test_sets import EvaluationData, from_split
from seisdream.training.settings import TrainingSettings

CREDIT, LICENCE = "seisdream", "Apache-2.0"
SPLIT_BY_NAME_NOTE = (
    "Photographs are held out by their names. Where several show one outcrop or thin section, the scores measure how "
    "well it was remembered; use `split=blocks` to hold out the last of each class, in the order of their names."
)
# For whole lines of one survey: barely rotated, but folded, thickened and thinned as much as its strata vary far away,
# mostly below flat shallow beds, and often clipped hard.
_FULL_HEIGHT_AUGMENTATION = Augmentation(
    rotation_deg=2.0, shear=0.05, stretch_time=(0.88, 1.14), fold=24.0, thickness=0.3, anchor=0.7, clip=0.6
)
_FULL_HEIGHT_OVERHANG, _FULL_HEIGHT_TRACES = 0.15, 288


@dataclass(frozen=True)
class TrainingPlan:
    """What a run trains on, and how.

    Attributes
    ----------
    name, title : str
        Name of the network, and a short description.
    settings : TrainingSettings
        Settings with the architecture and the split that suit the data.
    data, validation : Dataset
        Training and validation samples.
    n_validation : int
        Number of validation samples.
    colours : tuple of str
        ``#rrggbb`` for each class.
    source, credit, licence : str
        Description of the data, its credit and its licence.
    preset : str
        What follows ``seisdream train --preset`` to train the network again; empty without a preset.
    split : dict
        How lines were held out, for `split_lines`.
    survey : str
        The survey of the lines; empty where there are several or none.
    is_ordered : bool
        Whether the classes follow one another downwards in the order of their codes.
    failures : tuple of str
        Known failures for the model card, one sentence each.
    notes : tuple of str
        What the user may not expect, one sentence each.
    open_evaluation : callable, optional
        Opens the data on which network and baselines are scored at the end; None for photographs.
    """

    name: str
    title: str
    settings: TrainingSettings
    data: Dataset
    validation: Dataset
    n_validation: int
    colours: tuple[str, ...]
    source: str
    credit: str = CREDIT
    licence: str = LICENCE
    preset: str = ""
    split: dict[str, Any] = field(default_factory=dict)
    survey: str = ""
    is_ordered: bool = False
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    open_evaluation: Callable[[], EvaluationData] | None = None

    @property
    def scored_on(self) -> str:
        """What the validation scores were measured on."""
        return "training lines" if self.split.get("held_out") == 0 else "held-out data"


def plan_labelled(
    dataset: str | LabelledLines | Photos,
    settings: TrainingSettings,
    *,
    is_last: bool = False,
    is_full_height: bool = False,
) -> TrainingPlan:
    """Plan a run on labelled data.

    Parameters
    ----------
    dataset : str, LabelledLines or Photos
        A source as `open_dataset` takes it, or an opened dataset. Photographs train a classifier, lines a segmentation
        network.
    settings : TrainingSettings
    is_last : bool, default False
        Hold out the last lines, whatever the seed.
    is_full_height : bool, default False
        Train on patches of the full height of the lines and 288 traces, so that depth can be learned and the middle of
        a patch is as far from its sides as that of a line.

    Raises
    ------
    SeisdreamError
        If there are no labels, the data cannot be split, or the settings do not suit the data.
    """
    if settings.n_dims != 2:
        raise SeisdreamError(
            "Labelled lines and photographs are 2-D; start from a network for sections.",
            code="incompatible",
            option="start",
        )
    data = open_dataset(dataset, **settings.input_options) if isinstance(dataset, str) else dataset
    name = dataset_name(dataset) if isinstance(dataset, str) else data.name
    source = data.name + (f" ({data.credit})" if data.credit else "")
    if isinstance(data, Photos):
        plan = _plan_photos(name, source, data, settings)
    else:
        plan = _plan_lines(name, source, data, settings, is_last, is_full_height)
    if settings.shuffled:
        plan = replace(
            plan,
            name=f"{plan.name}-shuffled",
            title=f"{plan.title}, with labels of other samples",
            data=ShuffledLabels(plan.data, settings.seed),
        )
    return plan


def _plan_photos(name: str, source: str, photos: Photos, settings: TrainingSettings) -> TrainingPlan:
    if settings.guard is not None or settings.polarity_flip:
        option = "polarity_flip" if settings.guard is None else "guard"
        raise SeisdreamError(
            f"{photos.name} holds photographs, which have no line numbers and no polarity; leave out `{option}`.",
            code="incompatible",
            option=option,
        )
    by = "block" if settings.split == "blocks" else "name"
    training, validation = split_photos(photos, settings.held_out, by=by)
    held_out = "the last of each class" if by == "block" else "some, chosen by their names"
    settings = settings.replace(
        split=settings.split or "random",
        architecture="googlenet" if settings.architecture == "googlenet" else "classifier",
    )
    whole = WholePhotos(validation, size=settings.size)
    return TrainingPlan(
        name=name,
        title=f"{len(photos.classes)} kinds of photograph",
        settings=settings,
        data=PhotoPatches(training, settings.seed, size=settings.size),
        validation=whole,
        n_validation=len(whole),
        colours=photos.colours,
        source=f"{source}; held out: {held_out}",
        credit=photos.credit or CREDIT,
        licence=photos.licence or LICENCE,
        notes=(SPLIT_BY_NAME_NOTE,) if by == "name" else (),
    )


def _plan_lines(
    name: str,
    source: str,
    lines: LabelledLines,
    settings: TrainingSettings,
    is_last: bool,
    is_full_height: bool,
) -> TrainingPlan:
    if settings.architecture == "googlenet":
        raise SeisdreamError(
            f"GoogLeNet predicts one class for a whole photograph, but {lines.name} has a label for each sample; start "
            "from a network for sections, such as `start=facies`.",
            code="incompatible",
            option="start",
        )
    settings = settings.replace(split=settings.split or "blocks", architecture="unet")
    split = {
        "held_out": settings.held_out,
        "guard": settings.guard,
        "is_random": settings.split == "random",
        "is_last": is_last,
    }
    training, validation, open_evaluation = lines, lines, None
    if settings.held_out:
        training, validation = split_lines(lines, **split)
        open_evaluation = partial(from_split, training, validation)
    size: int | tuple[int, int] = settings.size
    augmentation, overhang = DEFAULT_AUGMENTATION, 0.5
    if settings.polarity_flip:
        augmentation = replace(augmentation, polarity=settings.polarity_flip)
    if is_full_height:
        section, _ = lines.lines[0].open()
        size, augmentation, overhang = (
            (section.shape[0], _FULL_HEIGHT_TRACES), _FULL_HEIGHT_AUGMENTATION, _FULL_HEIGHT_OVERHANG,
        )  # fmt: skip
    whole = WholeLines(validation)
    return TrainingPlan(
        name=name,
        title=f"{len(lines.classes)} classes of {lines.name}",
        settings=settings,
        data=LinePatches(training, settings.seed, size=size, augmentation=augmentation, overhang=overhang),
        validation=whole,
        n_validation=len(whole),
        colours=lines.colours,
        source=source,
        credit=lines.credit or CREDIT,
        licence=lines.licence or LICENCE,
        split=split,
        survey=lines.survey or "",
        is_ordered=lines.is_ordered,
        open_evaluation=open_evaluation,
    )
