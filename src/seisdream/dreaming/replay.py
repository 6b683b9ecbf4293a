"""Run the recipe inside an output again, and say whether the result is the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from seisdream.dreaming.dream import Dream, DreamState
from seisdream.dreaming.objectives.parser import with_files
from seisdream.dreaming.opening import dream_from_recipe
from seisdream.dreaming.outputs import TEXT_KEY
from seisdream.dreaming.settings import RECIPE_FILE, DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.io.images import read_png_text
from seisdream.io.inputs import SEGY_ENDINGS
from seisdream.io.segy import read_text_header
from seisdream.seismic.sections import hash_section, make_section


@dataclass(frozen=True)
class Replay:
    """What came of running a recipe again.

    Attributes
    ----------
    dream : Dream
        The new run.
    is_identical : bool
        Whether the result equals the stored one bit for bit.
    differences : list of str
        What differs: the input, the network, the stored file, the samples and by how much.
    """

    dream: Dream
    is_identical: bool
    differences: list[str]


def read_story(path: str | Path) -> tuple[dict[str, Any], Path]:
    """Return what an output says of its making, and the folder it lies in.

    Parameters
    ----------
    path : path
        A dream's folder, its ``recipe.json``, a PNG (its text chunk), or another file beside a ``recipe.json``. A
        SEG-Y must carry the line of that recipe in its text header.
    """
    path = Path(path)
    if not path.exists():
        raise SeisdreamError(f"There is no {path}; name a dream's folder or a file in it.")
    folder = path if path.is_dir() else path.parent
    if folder.name == "levels" and not (folder / RECIPE_FILE).exists():
        folder = folder.parent
    try:
        if path.suffix.lower() == ".png":
            text = read_png_text(path).get(TEXT_KEY)
            if text is None:
                raise SeisdreamError(f"{path} carries no recipe; it was not written by seisdream.")
        else:
            recipe_file = path if path.suffix.lower() == ".json" else folder / RECIPE_FILE
            if not recipe_file.exists():
                raise SeisdreamError(f"There is no {RECIPE_FILE} beside {path}; name one, or a PNG of the dream.")
            text = recipe_file.read_text(encoding="utf-8")
        story = json.loads(text)
        DreamSettings.from_dict(story["recipe"])
        for whole, part in (("result", "samples_sha256"), ("input", "samples_sha256"), ("network", "sha256")):
            story[whole][part]
        int(story["machine"]["threads"])
    except (ValueError, KeyError, TypeError) as error:
        raise SeisdreamError(f"The recipe in {path} cannot be read ({error}); name another output.") from error
    if path.suffix.lower() in SEGY_ENDINGS:
        _check_segy_line(path, story)
    return story, folder


def _check_segy_line(path: Path, story: dict[str, Any]) -> None:
    mark = f"RECIPE {story['recipe_sha256'][:16]}".upper()
    lines = [line for line in read_text_header(path) if "DREAMED BY SEISDREAM" in line]
    if not lines:
        raise SeisdreamError(f"{path} says nothing of a dream in its text header; it is not one of ours.")
    if not any(mark in line.upper() for line in lines):
        raise SeisdreamError(
            f"{path} was dreamed by another recipe ('{lines[0].strip()}') than the {RECIPE_FILE} beside it; "
            "name the folder that it was written to."
        )


def replay(
    path: str | Path,
    *,
    input: str | None = None,
    network: str | None = None,
    weights: str | None = None,
    trust: Collection[str] = (),
    device: str | None = None,
    on_state: Callable[[Dream, DreamState], None] | None = None,
) -> Replay:
    """Run the recipe inside an output again and compare with what was stored.

    Parameters
    ----------
    path : path
        As for `read_story`.
    input, weights : str, optional
        Where these files are now, if they moved.
    network : str, optional
        The network to use instead of the one that the recipe names.
    trust : collection of str, optional
        Networks of the recipe that may be Python code (``package.module:factory``), which is imported and run. Others
        are refused, because whoever wrote the file chose them; `network` is trusted.
    device : str, optional
        Where to run, if the recipe's device is not here; then only statistics can agree.
    on_state : callable, optional
        Called with the dream and each state.
    """
    story, folder = read_story(path)
    if story.get("why_no_replay"):
        raise SeisdreamError(f"The dream in {path} cannot be replayed from its recipe: {story['why_no_replay']}.")
    recipe = DreamSettings.from_dict(story["recipe"])
    recipe = replace(
        recipe,
        network=network or recipe.network,
        input=input or _found(recipe.input, folder),
        weights=weights or _found(recipe.weights, folder),
        guide=_found(recipe.guide, folder),
        mask=_found(recipe.mask, folder),
        where=_found(recipe.where, folder),
        layer=with_files(recipe.layer, lambda name: _found(name, folder) or name) if recipe.layer else None,
        survey=_found(recipe.survey, folder),
        wavelet=_found(recipe.wavelet, folder),
        device=device or recipe.device,
    )
    if story["result"].get("stopped"):
        raise SeisdreamError(
            f"The dream in {path} was stopped ({story['result']['stopped']}), so there is no whole result to compare "
            "with; dream it again with the settings in its recipe.json."
        )
    threads = torch.get_num_threads()
    # Sums are split by thread, so their order, and with it the last bit, depends on the count.
    torch.set_num_threads(int(story["machine"]["threads"]))
    try:
        dream = dream_from_recipe(recipe, trusted={*trust, *([network] if network else [])})
        for state in dream.states():
            if on_state is not None:
                on_state(dream, state)
    finally:
        torch.set_num_threads(threads)
    differences = []
    if hash_section(dream.section) != story["result"]["samples_sha256"]:
        differences = _differences(dream, story, folder)
    elif (stored := _stored_samples(folder)) is not None and hash_section(stored) != hash_section(dream.section):
        differences = [f"{folder / 'dream.npy'} is not what its recipe made: it was changed since"]
    return Replay(dream, not differences, differences)


def _stored_samples(folder: Path) -> xr.DataArray | None:
    path = folder / "dream.npy"
    return make_section(np.load(path, allow_pickle=False), value_range=(0, 255)) if path.exists() else None


def _found(name: str | None, folder: Path) -> str | None:
    """Return where a file that a recipe names lies: where it says, or else beside the dream's folder."""
    if name is not None and not Path(name).exists() and (beside := folder.parent / Path(name).name).exists():
        return str(beside)
    return name


def _differences(dream: Dream, story: dict[str, Any], folder: Path) -> list[str]:
    differences = []
    if hash_section(dream.original) != story["input"]["samples_sha256"]:
        differences.append("the input's samples are not those of the stored dream")
    if dream.network.sha256 != story["network"]["sha256"]:
        differences.append("the network's weights are not those of the stored dream")
    for name, sha256 in story.get("networks_sha256", {}).items():
        if name in dream.networks and dream.networks[name].sha256 != sha256:
            differences.append(f"the weights of {name} are not those of the stored dream")
    stored = folder / "dream.npy"
    if stored.exists():
        before, after = np.load(stored, allow_pickle=False), dream.section.values
        if before.shape != after.shape:
            differences.append(f"the shape is {after.shape}, stored {before.shape}")
        else:
            original = dream.original.values if before.ndim == dream.original.ndim else np.zeros_like(before)
            differences.append(_describe_change(before - original, after - original))
    return differences or ["the samples differ"]


def _describe_change(stored: np.ndarray, now: np.ndarray) -> str:
    present = np.isfinite(stored) & np.isfinite(now)
    stored, now = stored[present], now[present]
    size = float(np.sqrt(np.mean(stored**2)))
    correlation = float(np.corrcoef(stored, now)[0, 1]) if stored.std() and now.std() else float("nan")
    return (
        f"the change of the stored dream and of this one correlate at {correlation:.4f}; they differ by at most "
        f"{np.abs(stored - now).max():.3g} (the stored change's RMS is {size:.3g})"
    )
