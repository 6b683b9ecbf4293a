"""Presets: how the networks of ours are trained."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from seisdream.data.dataset import MixtureDataset
from seisdream.data.label_permutation import Shuffled
from seisdream.data.registry import open_labelled
from seisdream.data.segy_lines import LabelledLines
from seisdream.data.synthetic_stream import SIGHTS, GeneratedEarths
from seisdream.data.unlabelled import UnlabelledLines
from seisdream.errors import SeisdreamError
from seisdream.evaluation.test_sets import open_held_out
from seisdream.io.inputs import open_section
from seisdream.training.loop import TrainingSettings
from seisdream.training.runs import Run, labelled_run

TRAINING_SEED, VALIDATION_SEED = 1, 2
"""Of generated earths; no earth of one is an earth of the other."""

_ALL_TASKS = {"fault": 0.1, "dip": 0.2, "impedance": 0.1, "attributes": 0.5, "place": 0.2}


@dataclass(frozen=True)
class Preset:
    """How a network of ours is trained.

    Attributes
    ----------
    title : str
        What it knows, in a few words.
    recipe : TrainingRecipe
        Every number.
    sight : str
        What of generated earths it is shown; empty for networks that learn from labelled lines.
    n_earths : int
        How many earths there are.
    share_of_lines : float
        Share of items from real lines without labels.
    lines : tuple of str
        Those lines.
    start : str
        The network whose weights it starts from.
    survey : str
        The one survey whose labelled lines it learns from.
    is_ordered : bool
        Whether the classes of those lie one below another in the order of their codes.
    """

    title: str
    recipe: TrainingSettings
    sight: str = ""
    n_earths: int = 10_000
    share_of_lines: float = 0.0
    lines: tuple[str, ...] = ()
    start: str = ""
    survey: str = ""
    is_ordered: bool = False


PRESETS = {
    "facies": Preset(
        "ten seismic facies, learned from generated seismic",
        TrainingSettings(tasks=_ALL_TASKS, mirror=1.0, n_steps=16_000, batch=4, balance=0.4),
        sight="seismic",
        share_of_lines=0.25,
        lines=("sample:f3", "sample:npra"),
    ),
    "geology": Preset(
        "the same facies, learned from rock (relative impedance), never from seismic",
        TrainingSettings(tasks={"fault": 0.1, "dip": 0.2}, n_steps=5_000, balance=0.4),
        sight="impedance",
    ),
    "f3-intervals": Preset(
        "the stratigraphic intervals of F3, learned from interpreted lines",
        TrainingSettings(n_steps=600, batch=3, learning_rate=1e-3, balance=0.3),
        start="facies",
        survey="F3",
        is_ordered=True,
    ),
}
"""How networks of ours are trained, by name."""


def preset_run(
    name: str,
    folder: str | os.PathLike[str],
    *,
    data: str | None = None,
    lines: Sequence[str] = (),
    n_earths: int | None = None,
    changes: dict[str, Any] | None = None,
    held_out: float | None = None,
    is_shuffled: bool = False,
) -> Run:
    """Prepare the run of a preset.

    Parameters
    ----------
    name : str
        One of `PRESETS`.
    folder : path
        Where earths are kept.
    data : str, optional
        Labelled lines, for presets that learn from them; as `open_labelled` takes it.
    lines : sequence of str, optional
        Real lines without labels, instead of the preset's own: sections, as `open_section` takes them, of which those
        with equal vertical axes are taken for one survey; or folders of labelled lines of one survey each, whose labels
        are left alone.
    n_earths : int, optional
        How many earths, instead of the preset's own number.
    changes : dict, optional
        Of the recipe.
    held_out : float, optional
        As for `labelled_run`; for presets that learn from labelled lines.
    is_shuffled : bool, default False
        Learn from labels of other items, for `@shuffled`.
    """
    preset = check_preset(name, data=data, lines=lines, n_earths=n_earths, held_out=held_out)
    recipe = replace(preset.recipe, **(changes or {}))
    if not preset.sight:
        assert data is not None
        run = labelled_run(
            data, recipe, held_out=0.2 if held_out is None else held_out, is_last=True, tall=True,
            is_shuffled=is_shuffled,
        )  # fmt: skip
        return _named(replace(run, survey=preset.survey, is_ordered=preset.is_ordered), name, preset.title, is_shuffled)
    n_earths = n_earths or preset.n_earths
    earths = GeneratedEarths(TRAINING_SEED, n_earths, sight=preset.sight, folder=folder)
    validation = GeneratedEarths(VALIDATION_SEED, 32, sight=preset.sight, size=256, augmentation=None, folder=folder)
    labelled = Shuffled(earths, TRAINING_SEED) if is_shuffled else earths
    items, source = labelled, f"{n_earths} generated earths ({preset.sight})"
    if preset.share_of_lines:
        surveys, credits = _open_surveys(lines or preset.lines)
        real = UnlabelledLines(surveys, earths.classes, TRAINING_SEED)
        items = MixtureDataset([labelled, real], [1.0 - preset.share_of_lines, preset.share_of_lines], TRAINING_SEED)
        source += ", and without labels " + ", ".join(credits)
    what = "generated" if preset.sight == SIGHTS[0] else f"generated:{preset.sight}"
    run = Run(
        name, preset.title, recipe, items, validation, 32, earths.colours, source,
        held_out=partial(open_held_out, what),
    )  # fmt: skip
    return _named(run, name, preset.title, is_shuffled)


def check_preset(
    name: str,
    *,
    data: str | None = None,
    lines: Sequence[str] = (),
    n_earths: int | None = None,
    held_out: float | None = None,
) -> Preset:
    """Return a preset, or raise `SeisdreamError` where there is none of that name or it learns from something else.

    Parameters
    ----------
    name, data, lines, n_earths, held_out
        As for `preset_run`, which makes what it keeps on disk only after this.
    """
    if name not in PRESETS:
        raise SeisdreamError(f"There is no preset '{name}'; choose one of {', '.join(PRESETS)} (--preset).")
    preset = PRESETS[name]
    if not preset.sight and data is None:
        raise SeisdreamError(f"The preset {name} learns from labelled lines; say where they are (--data).")
    if not preset.sight and (lines or n_earths):
        raise SeisdreamError(f"The preset {name} learns from labelled lines alone; leave out --lines and --earths.")
    if preset.sight and data is not None:
        raise SeisdreamError(f"The preset {name} learns from generated earths; leave out --data.")
    if preset.sight and held_out is not None:
        raise SeisdreamError(f"The preset {name} is scored on earths of its own; leave out --held-out.")
    if lines and not preset.share_of_lines:
        raise SeisdreamError(f"The preset {name} learns from generated earths alone; leave out --lines.")
    return preset


def _named(run: Run, preset: str, title: str, is_shuffled: bool) -> Run:
    if not is_shuffled:
        return replace(run, name=preset, title=title, preset=preset)
    return replace(
        run, name=f"{preset}-shuffled", title=f"{title}, but on labels of other items", preset=f"{preset} --shuffled"
    )


def _open_surveys(lines: Sequence[str]) -> tuple[list[list[xr.DataArray]], list[str]]:
    """Open real lines, by survey; return them and whom they are owed to."""
    surveys: dict[Any, list[xr.DataArray]] = {}
    credits = []
    for line in lines:
        if Path(line).is_dir():
            labelled = open_labelled(line)
            if not isinstance(labelled, LabelledLines):
                raise SeisdreamError(f"{line} holds photographs; lines without labels are sections (--lines).")
            surveys[line] = [one.open()[0] for one in labelled.lines]
            credits.append(f"{len(labelled.lines)} lines of {labelled.credit or labelled.name}")
        else:
            section = open_section(line)
            axis = section[section.dims[0]].values
            surveys.setdefault((section.dims[0], len(axis), float(axis[-1])), []).append(section)
            credits.append(str(section.attrs.get("credit") or section.attrs.get("source", "")))
    return list(surveys.values()), list(dict.fromkeys(credits))
