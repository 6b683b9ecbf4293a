"""What a dream leaves behind: a folder of fixed names, each file with the recipe inside."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from seisdream.dreaming.dream import Dream, DreamState
from seisdream.dreaming.objectives.parser import files_of
from seisdream.dreaming.settings import RECIPE_FILE, VARIANTS_FILE, DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.resize import resize
from seisdream.inference.tensors import as_array, as_bytes, as_rgb, to_image_tensor
from seisdream.io.arrays import write_array
from seisdream.io.atomic import writing_folder
from seisdream.io.images import write_png, write_tiff
from seisdream.io.noise import is_noise
from seisdream.io.segy import write_segy_like, writing_segy_numbers
from seisdream.io.segy.writing import PREDICTION_MARK
from seisdream.plotting.figures import draw_comparison, draw_section, draw_sections, write_figure
from seisdream.plotting.films import write_films
from seisdream.plotting.rocks import draw_rock
from seisdream.provenance import hash_file, version_of
from seisdream.seismic.sections import GreyMapping, hash_section, is_picture

TEXT_KEY = "seisdream"
# A film of a dream keeps about this many moments, and no frame wider or higher than this.
FILM_FRAMES = 96
FILM_SIDE = 1280

ABSENT_ROCK = -9.0
"""What SEG-Y of rock or reflectivity holds where nothing was dreamed: outside the section, and in absent samples."""

# A text header knows no raised digits.
_ASCII = str.maketrans("⁻¹²³", "-123")
_PACKAGES = ("seisdream", "torch", "numpy", "scipy", "xarray", "pillow")


class Film:
    """A reel of uint8 frames, filled while a dream runs: the start, then moments spread evenly over it.

    Parameters
    ----------
    dream : Dream
        Before its states are consumed.
    """

    def __init__(self, dream: Dream):
        self._dream = dream
        self._every = max(1, -(-dream.n_states // FILM_FRAMES))
        self._n_seen = 0
        self.frames: list[np.ndarray] = [self._frame(dream.view())]

    def see(self, state: DreamState) -> None:
        """Keep a frame of this state, if it is one of the moments or ends a level."""
        self._n_seen += 1
        if state.ends_level or self._n_seen % self._every == 0:
            self.frames.append(self._frame(self._dream.view(state)))

    @staticmethod
    def _frame(view: np.ndarray) -> np.ndarray:
        largest = max(view.shape[:2])
        if largest > FILM_SIDE:
            rows, columns = (max(2, round(side * FILM_SIDE / largest)) for side in view.shape[:2])
            view = as_array(resize(to_image_tensor(view), (rows, columns)))
        return as_rgb(as_bytes(view))


def provenance(dream: Dream, stopped: str | None = None) -> dict[str, Any]:
    """Return everything that an output carries: settings, versions, hashes, credit, and what came out."""
    section = dream.original
    # Of the input, also where the dream was in colour and its values are grey levels already.
    mapping = GreyMapping.of(section, dream.recipe.percentile)
    return {
        "recipe": dream.recipe.to_dict(),
        "recipe_sha256": dream.recipe.sha256(),
        "input": {
            "source": section.attrs.get("source"),
            "selection": section.attrs.get("selection"),
            "samples_sha256": hash_section(section),
            "file_sha256": hash_file(section.attrs.get("source")),
            "shape": list(section.shape),
            "credit": section.attrs.get("credit"),
            "licence": section.attrs.get("licence"),
        },
        "network": {
            "name": dream.network.name,
            "sha256": dream.network.sha256,
            "credit": dream.network.credit,
            "licence": dream.network.licence,
        },
        "networks_sha256": {name: network.sha256 for name, network in dream.networks.items()},
        "guide_sha256": None if dream.guide is None else hash_section(dream.guide),
        "survey_sha256": None if dream.survey is None else hash_section(dream.survey),
        "mask_sha256": None if dream.mask is None else hashlib.sha256(dream.mask.tobytes()).hexdigest(),
        "where_sha256": None if dream.where is None else hashlib.sha256(dream.where.tobytes()).hexdigest(),
        "why_no_replay": dream.why_no_replay,
        "grey_mapping": {"low": mapping.low, "high": mapping.high},
        "result": {
            "samples_sha256": hash_section(dream.section),
            "n_whole_levels": len(dream.level_views),
            "stopped": stopped,
            "likeness": dream.likeness,
            "notes": dream.notes,
        },
        "machine": {
            "versions": {"python": platform.python_version(), **{name: version_of(name) for name in _PACKAGES}},
            "platform": platform.machine(),
            "threads": torch.get_num_threads(),
        },
    }


def write_dream(
    dream: Dream,
    folder: str | os.PathLike[str],
    *,
    film: Film | None = None,
    stopped: str | None = None,
    force: bool = False,
    segy_scope: str = "whole",
    frames_per_second: float = 12.0,
) -> list[Path]:
    """Write a dream to a folder that appears whole or not at all.

    Parameters
    ----------
    dream : Dream
        After its states were consumed (or it was stopped).
    folder : path
        The folder to make.
    film : Film, optional
        Frames collected on the way; without them no film is written.
    stopped : str, optional
        Why the dream ended early.
    force : bool, default False
        Replace an earlier dream's folder.
    segy_scope : {"whole", "section", "none"}
        For SEG-Y input: the whole file with the dreamed samples in place, only the section's traces, or nothing.

    Returns
    -------
    list of Path
        The files, in the folder's final place. ``dream.npy``, ``dream.png``, ``figure.png``, ``levels/NN.png``,
        ``scores.csv``, ``recipe.json``; ``film.mp4`` and ``film.gif``; ``dream.sgy`` for SEG-Y and ``dream.tif`` for
        TIFF. Where rock or reflectivity is free, also ``impedance.npy``, ``vp.npy``, ``density.npy`` and
        ``reflectivity.npy`` (and for SEG-Y the same as ``.sgy``), ``wavelet.npy``, and ``rock.png``.

    Raises
    ------
    SeisdreamError
        If something is in the way or the disk refuses; then nothing is written.
    """
    result = dream.section
    with writing_folder(folder, force=force, inputs=input_files(dream), marker=RECIPE_FILE) as partial:
        if segy_scope != "none" and dream.original.attrs.get("format") == "SEG-Y":
            _write_segy(dream, partial / "dream.sgy", segy_scope)
        story = provenance(dream, stopped)
        text = json.dumps(story, ensure_ascii=False)
        inside = {TEXT_KEY: text}
        (partial / RECIPE_FILE).write_text(json.dumps(story, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        write_array(result, partial / "dream.npy")
        if dream.original.attrs.get("format") == "TIFF":
            write_tiff(result, partial / "dream.tif", description=f"{TEXT_KEY} {text}")
        _write_byproducts(dream, partial, segy_scope, inside)
        _write_scores(dream.scores, partial / "scores.csv")
        if is_picture(result):
            write_png(as_bytes(dream.view()), partial / "dream.png", text=inside)
        else:
            write_figure(draw_section(result, title=_title(dream)), partial / "dream.png", text=inside)
        comparison = draw_comparison(_before(dream), result, title=_title(dream))
        write_figure(comparison, partial / "figure.png", text=inside)
        (partial / "levels").mkdir()
        for level, view in enumerate(dream.level_views, start=1):
            write_png(view, partial / "levels" / f"{level:02d}.png", text=inside)
        if film is not None:
            films = (partial / "film.mp4", partial / "film.gif")
            write_films(film.frames, *films, frames_per_second=frames_per_second, comment=text)
        names = sorted(path.relative_to(partial) for path in partial.rglob("*") if path.is_file())
    return [Path(folder) / name for name in names]


def write_variants(
    dreams: Sequence[Dream],
    folder: str | os.PathLike[str],
    *,
    films: Sequence[Film] = (),
    force: bool = False,
    segy_scope: str = "whole",
) -> list[Path]:
    """Write several dreams of one recipe to a folder that appears whole or not at all.

    Parameters
    ----------
    dreams : sequence of Dream
        After their states were consumed.
    folder, force, segy_scope
        As for `write_dream`.
    films : sequence of Film, optional
        One for each dream.

    Returns
    -------
    list of Path
        ``variants.png``, the input and all dreams in one scale; ``variants.json``, their seeds; and in folders ``1``,
        ``2`` and so on what `write_dream` writes of each.
    """
    with writing_folder(folder, force=force, inputs=input_files(dreams[0]), marker=VARIANTS_FILE) as partial:
        for number, dream in enumerate(dreams, start=1):
            film = films[number - 1] if films else None
            write_dream(dream, partial / str(number), film=film, segy_scope=segy_scope)
        first = dreams[0]
        # Each began with noise of its own.
        drawn = {} if is_noise(first.original) else {"Before": _before(first)}
        drawn |= {f"Variant {number}": dream.section for number, dream in enumerate(dreams, start=1)}
        write_figure(draw_sections(drawn, title=_title(first)), partial / "variants.png")
        seeds = {str(number): dream.recipe.seed for number, dream in enumerate(dreams, start=1)}
        story = {"layer": first.recipe.layer, "seeds": seeds}
        (partial / VARIANTS_FILE).write_text(json.dumps(story, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        names = sorted(path.relative_to(partial) for path in partial.rglob("*") if path.is_file())
    return [Path(folder) / name for name in names]


def _before(dream: Dream) -> xr.DataArray:
    """Return the input as it compares with the result: enlarged alike, and in grey where the result is in colour."""
    before = dream.before
    if before.ndim == dream.section.ndim:
        return before
    grey = GreyMapping.of(dream.original, dream.recipe.percentile).to_grey(before.values)
    return dream.section.copy(data=as_rgb(grey.clip(0.0, 255.0)))


def _write_segy(dream: Dream, path: Path, scope: str) -> None:
    reason = segy_unavailable_reason(dream)
    if reason:
        dream.notes.append(reason)
        return
    line = f"DREAMED BY SEISDREAM {version_of('seisdream')} RECIPE {dream.recipe.sha256()[:16]} {dream.network.name}"
    report = write_segy_like(dream.section, dream.original, path, line=line, scope=scope)
    if report.n_clipped:
        dream.notes.append(
            f"{report.n_clipped} of {report.n_changed} changed samples do not fit the integers of the SEG-Y and were "
            "clipped in dream.sgy (dream.npy has them whole); use a smaller --step-size, or keep --clip."
        )


def _write_byproducts(dream: Dream, folder: Path, segy_scope: str, inside: dict[str, str]) -> None:
    """Write what was found beside the section: rock and reflectivity, and the wavelet between them and the section."""
    found = dream.byproducts
    if dream.wavelet is not None:
        np.save(folder / "wavelet.npy", dream.wavelet, allow_pickle=False)
    for name in map(str, found):
        write_array(found[name], folder / f"{name}.npy")
        if (
            segy_scope != "none"
            and dream.original.attrs.get("format") == "SEG-Y"
            and not segy_unavailable_reason(dream)
        ):
            units = str(found[name].attrs["units"]).replace("10⁶", "1E6").translate(_ASCII)
            line = f"{PREDICTION_MARK}: DREAMED {name.upper()} {units} RECIPE {dream.recipe.sha256()[:16]}"
            # Rock has no zero to stand for what was not dreamed; no rock has less than nothing.
            with writing_segy_numbers(
                dream.original, folder / f"{name}.sgy", line=line, scope=segy_scope, absent=ABSENT_ROCK
            ) as numbers:
                numbers.put(found[name].assign_coords(dream.original.coords))
    if "impedance" in found:
        figure = draw_rock(dream.byproducts_before["impedance"], found["impedance"], title=_title(dream))
        write_figure(figure, folder / "rock.png", text=inside)


def check_room(dream: Dream, folder: str | os.PathLike[str], segy_scope: str) -> None:
    """Raise `SeisdreamError`, before a dream is begun, where its SEG-Y could not be written for want of space."""
    source = Path(str(dream.original.attrs.get("source")))
    if segy_scope != "whole" or dream.original.attrs.get("format") != "SEG-Y" or segy_unavailable_reason(dream):
        return
    place = Path(folder).resolve()
    while not place.exists():
        place = place.parent
    if source.exists() and shutil.disk_usage(place).free < source.stat().st_size:
        raise SeisdreamError(
            f"dream.sgy would be a copy of {source} ({source.stat().st_size / 1e9:.1f} GB), and {place} has "
            f"{shutil.disk_usage(place).free / 1e9:.1f} GB free; use --segy section (only the section's traces), "
            "--segy none, or another --out."
        )


def segy_unavailable_reason(dream: Dream) -> str | None:
    """Return why a dream on SEG-Y cannot go back into SEG-Y, or None where it can."""
    if dream.recipe.zoom and dream.recipe.levels > 1:
        return "No dream.sgy: a zoomed section no longer lies where it was recorded (use --zoom 0)."
    if dream.recipe.colour:
        return "No dream.sgy: a dream in colour is no longer amplitude (leave out --colour)."
    return None


def input_files(dream: Dream) -> list[str]:
    """Return the files that a dream was made from, which must survive it."""
    return protected_input_files(dream.recipe, *files_of(dream.objective.terms()), *dream.networks)


def protected_input_files(recipe: DreamSettings, *others: str | os.PathLike[str]) -> list[str]:
    """Return the files that a recipe names, and others of those given that are there."""
    files = (recipe.input, recipe.network, recipe.weights, recipe.guide, recipe.mask, recipe.where, recipe.survey)
    return [str(name) for name in (*files, recipe.wavelet, *others) if name and Path(name).exists()]


def _title(dream: Dream) -> str:
    attrs = dream.original.attrs
    where = [Path(str(attrs[name])).name for name in ("source", "selection") if attrs.get(name)]
    return ": ".join(filter(None, [", ".join(where), f"{dream.network.name}, {dream.recipe.layer}"]))


def _write_scores(scores: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["level", "octave", "step", "score", "milliseconds"])
        writer.writeheader()
        writer.writerows({**row, "milliseconds": round(row["milliseconds"], 3)} for row in scores)
