"""Presets: how the package's own networks are trained."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from seisdream.data.augment import Augmentation
from seisdream.data.dataset import Dataset, MixtureDataset
from seisdream.data.label_permutation import ShuffledLabels
from seisdream.data.lines import LabelledLines
from seisdream.data.photos import Photos
from seisdream.data.registry import open_dataset
from seisdream.data.synthetic_stream import FAULTED_EARTHS, QUANTITIES, GeneratedEarths, GeneratedFaults
from seisdream.data.unlabelled import UnlabelledLines
from seisdream.errors import SeisdreamError, near_matches
from seisdream.evaluation.test_sets import open_held_out
from seisdream.io.inputs import open_section
from seisdream.training.plan import TrainingPlan, plan_labelled
from seisdream.training.settings import TrainingSettings

TRAINING_SEED, VALIDATION_SEED = 1, 2
"""Seeds of generated earths; no earth of one is an earth of the other."""

N_VALIDATION_EARTHS, _VALIDATION_SIZE = 32, 256
N_VALIDATION_CUBES = 6
_CUBE_EARTH = (128, 96, 96)  # Samples, inlines and crosslines; training cubes are cut from it.
_CUBE_AUGMENTATION = Augmentation(polarity=0.5, quarter_turn=0.5, fold=1.0)
_ALL_TASKS = {"fault": 0.1, "dip": 0.2, "impedance": 0.1, "attributes": 0.5, "position": 0.2}
_SET_BY_PRESET = ("size", "guard", "split", "polarity_flip")


@dataclass(frozen=True)
class Preset:
    """How one of the package's networks is trained.

    Attributes
    ----------
    title : str
        Short description of the network.
    settings : TrainingSettings
        Its settings.
    quantity : str
        Quantity of generated earths that it is trained on; empty for networks trained on labelled lines.
    unlabelled_share : float
        Share of samples from real lines without labels.
    survey : str
        The survey whose labelled lines it is trained on.
    is_ordered : bool
        Whether the classes of those lines follow one another downwards in the order of their codes.
    failures : tuple of str
        Known failures for its model card, one sentence each.
    """

    title: str
    settings: TrainingSettings
    quantity: str = ""
    unlabelled_share: float = 0.0
    survey: str = ""
    is_ordered: bool = False
    failures: tuple[str, ...] = ()


PRESETS = {
    "facies": Preset(
        "ten seismic facies, trained on generated seismic",
        TrainingSettings(
            preset="facies", unlabelled=("sample:f3", "sample:npra"), earths=10_000,
            tasks=_ALL_TASKS, flip_consistency=1.0, steps=16_000, batch_size=4, class_balance=0.4,
        ),
        quantity="seismic",
        unlabelled_share=0.25,
    ),
    "facies-robust": Preset(
        "ten seismic facies, adversarially robust: the network for dreams",
        TrainingSettings(
            preset="facies-robust", start="facies", unlabelled=("sample:f3", "sample:npra"), earths=10_000,
            tasks=_ALL_TASKS, robust=0.03, clean_share=0.25, steps=8_000, batch_size=4,
            learning_rate=1e-3, class_balance=0.4,
        ),
        quantity="seismic",
        unlabelled_share=0.25,
    ),
    "geology": Preset(
        "the same facies, trained on rock (relative impedance) and never on seismic",
        TrainingSettings(
            preset="geology", earths=10_000, tasks={"fault": 0.1, "dip": 0.2}, steps=5_000, class_balance=0.4
        ),
        quantity="impedance",
    ),
    "f3-intervals": Preset(
        "the stratigraphic intervals of F3, trained on interpreted lines",
        TrainingSettings(
            preset="f3-intervals", start="facies",
            steps=600, batch_size=3, learning_rate=1e-3, class_balance=0.3, validate_every=250,
        ),
        survey="F3",
        is_ordered=True,
    ),
    "faults": Preset(
        "faults in cubes, trained on generated cubes",
        TrainingSettings(
            preset="faults", n_dims=3, widths=(8, 16, 32, 64), size=48, earths=180, steps=3_400, batch_size=2,
            learning_rate=4e-3, class_balance=0.5, ema_decay=0.99, validate_every=100,
        ),
        quantity="seismic",
        failures=(
            "It was trained on generated faults alone, with throws of 8 to 90 ms, and it misses smaller ones",
            "A fault that displaces no visible bed, in salt, chaotic or reflection-free rock, cannot be found",
            "Faults of low angle and faults along beds, such as thrusts and detachments, are not in the training data",
            "Other breaks may be marked: flanks of salt, edges of channels and slides, unconformities, dead traces and "
            "the acquisition footprint",
            "Multiples, which repeat the faults of shallower beds, velocity pull-ups and fault shadows are not in the "
            "training data",
            "Within about ten samples of the sides of a cube, and in cubes of a few inlines, it sees only a part of a "
            "plane and is less reliable",
            "Probabilities are too high, because faults were given more weight in training than they have",
        ),
    ),
}  # fmt: skip
"""How the package's networks are trained, by name."""


def find_preset(name: str) -> Preset:
    """Return a preset by its name; raise with near matches where there is none."""
    if name not in PRESETS:
        near = near_matches(name, PRESETS) or list(PRESETS)
        raise SeisdreamError(
            f"There is no preset '{name}'; choose {' or '.join(near)} (of {', '.join(PRESETS)}).",
            code="unknown-name",
            option="preset",
        )
    return PRESETS[name]


def check_applies(settings: TrainingSettings, *, has_data: bool) -> None:
    """Raise where a run would not use one of its settings, or lacks data.

    Parameters
    ----------
    settings : TrainingSettings
        Its preset decides which settings apply.
    has_data : bool
        Whether labelled data are given.
    """
    if not settings.preset:
        if not has_data:
            raise SeisdreamError(
                f"There is nothing to train on; give labelled `data`, or a `preset`: {', '.join(PRESETS)}.",
                code="missing-argument",
                option="data",
            )
        _refuse_unused(settings, TrainingSettings(), ("earths", "unlabelled"), "Training on labelled data")
        return
    preset = find_preset(settings.preset)
    if preset.quantity and has_data:
        raise SeisdreamError(
            f"The preset {settings.preset} is trained on generated earths; leave out `data`.",
            code="incompatible",
            option="data",
        )
    if not preset.quantity and not has_data:
        raise SeisdreamError(
            f"The preset {settings.preset} is trained on labelled lines; give them as `data`.",
            code="missing-argument",
            option="data",
        )
    names = [*_SET_BY_PRESET, *(("held_out", "input_options") if preset.quantity else ("earths",))]
    if not preset.unlabelled_share:
        names.append("unlabelled")
    _refuse_unused(settings, preset.settings, names, f"The preset {settings.preset}")


def _refuse_unused(settings: TrainingSettings, defaults: TrainingSettings, names: Sequence[str], user: str) -> None:
    for name in names:
        if getattr(settings, name) != getattr(defaults, name):
            raise SeisdreamError(f"{user} does not use `{name}`; leave it out.", code="incompatible", option=name)


def plan_preset(
    settings: TrainingSettings,
    folder: str | os.PathLike[str],
    dataset: str | LabelledLines | Photos | None = None,
) -> TrainingPlan:
    """Plan the run of a preset.

    Parameters
    ----------
    settings : TrainingSettings
        With the name of the preset.
    folder : path
        Folder in which generated earths are cached.
    dataset : str or LabelledLines, optional
        Labelled lines, for a preset that is trained on them.

    Raises
    ------
    SeisdreamError
        If a setting does not apply to the preset, or its data are missing.
    """
    check_applies(settings, has_data=dataset is not None)
    preset = PRESETS[settings.preset]
    if preset.settings.n_dims == 3:
        plan = _plan_cubes(preset, settings, folder)
    elif preset.quantity:
        plan = _plan_generated(preset, settings, folder)
    else:
        assert dataset is not None
        plan = plan_labelled(dataset, settings, is_last=True, is_full_height=True)
        plan = replace(plan, survey=preset.survey, is_ordered=preset.is_ordered)
    name, title = settings.preset, preset.title
    if not settings.shuffled:
        return replace(plan, name=name, title=title, preset=name)
    return replace(
        plan, name=f"{name}-shuffled", title=f"{title}, with labels of other samples", preset=f"{name} --shuffled"
    )


def _plan_generated(preset: Preset, settings: TrainingSettings, folder: str | os.PathLike[str]) -> TrainingPlan:
    earths = GeneratedEarths(TRAINING_SEED, settings.earths, quantity=preset.quantity, folder=folder)
    validation = GeneratedEarths(
        VALIDATION_SEED, N_VALIDATION_EARTHS, quantity=preset.quantity, size=_VALIDATION_SIZE, augmentation=None,
        folder=folder,
    )  # fmt: skip
    data: Dataset = ShuffledLabels(earths, TRAINING_SEED) if settings.shuffled else earths
    source = f"{settings.earths} generated earths ({preset.quantity})"
    if preset.unlabelled_share:
        surveys, credits = _open_surveys(settings.unlabelled)
        real = UnlabelledLines(surveys, earths.classes, TRAINING_SEED)
        share = preset.unlabelled_share
        data = MixtureDataset([data, real], [1.0 - share, share], TRAINING_SEED)
        source += ", and without labels " + ", ".join(credits)
    test_set = "generated" if preset.quantity == QUANTITIES[0] else f"generated:{preset.quantity}"
    return TrainingPlan(
        settings.preset, preset.title, settings, data, validation, N_VALIDATION_EARTHS, earths.colours, source,
        open_evaluation=partial(open_held_out, test_set),
    )  # fmt: skip


def _plan_cubes(preset: Preset, settings: TrainingSettings, folder: str | os.PathLike[str]) -> TrainingPlan:
    cubes = GeneratedFaults(
        TRAINING_SEED, settings.earths, size=(settings.size,) * 3, augmentation=_CUBE_AUGMENTATION,
        settings=FAULTED_EARTHS, earth_size=_CUBE_EARTH, folder=folder,
    )  # fmt: skip
    validation = GeneratedFaults(
        VALIDATION_SEED, N_VALIDATION_CUBES, size=_CUBE_EARTH, augmentation=None, settings=FAULTED_EARTHS,
        folder=folder,
    )  # fmt: skip
    data: Dataset = ShuffledLabels(cubes, TRAINING_SEED) if settings.shuffled else cubes
    return TrainingPlan(
        settings.preset, preset.title, settings, data, validation, N_VALIDATION_CUBES, cubes.colours,
        f"{settings.earths} generated cubes", failures=preset.failures,
    )  # fmt: skip


def _open_surveys(inputs: Sequence[str]) -> tuple[list[list[xr.DataArray]], list[str]]:
    """Open real lines, grouped by survey, and return them with their credits.

    A folder is one survey. Single sections with equal vertical axes count as one survey.
    """
    surveys: dict[Any, list[xr.DataArray]] = {}
    credits = []
    for name in inputs:
        if Path(name).is_dir():
            lines = open_dataset(name)
            if not isinstance(lines, LabelledLines):
                raise SeisdreamError(
                    f"{name} holds photographs; give sections as `unlabelled` lines.",
                    code="incompatible",
                    option="unlabelled",
                )
            surveys[name] = [line.open()[0] for line in lines.lines]
            credits.append(f"{len(lines.lines)} lines of {lines.credit or lines.name}")
        else:
            section = open_section(name)
            axis = section[section.dims[0]].values
            surveys.setdefault((section.dims[0], len(axis), float(axis[-1])), []).append(section)
            credits.append(str(section.attrs.get("credit") or section.attrs.get("source", "")))
    return list(surveys.values()), list(dict.fromkeys(credits))
