"""An atlas from beginning to end, in steps that each end in files: killed and begun again, it goes on.

The data are looked along once for all layers; plane waves are shown once for all layers; then each layer is dreamed,
and a layer that is dreamed is not dreamed again. The pages are written last, from what the steps left.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.atlas.pages import INDEX, TABLE, write_pages
from seisdream.atlas.pictures import as_tile, resized, write_strip
from seisdream.atlas.plan import Chapter, plan_chapters
from seisdream.atlas.settings import ATLAS_FILE, AtlasSettings
from seisdream.atlas.survey import Survey
from seisdream.channels.tuning import Tuning, Waves, measure_tuning
from seisdream.dreaming.dream import dream_channels
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.section_source import SectionSource, open_sections
from seisdream.io.atomic import check_writable, is_ours, record_of, replace_folder, writing_file, writing_folder
from seisdream.io.noise import DEFAULT_DT_MS, open_noise
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device, resolve_precision
from seisdream.provenance import hash_samples, input_files, machine_record
from seisdream.seismic.sections import fill_absent, make_section

PARTS, REAL, DREAMS = "parts", "real", "dreams"
_FILES = (
    ATLAS_FILE, INDEX, TABLE, "atlas.css", "atlas.js", "scene.webp", "data/*.js", f"{PARTS}/*.npz", ".*.partial-*",
    *(f"{part}/*/{name}.webp" for part in (REAL, DREAMS) for name in ("sheet", "[0-9][0-9][0-9]*")),
)  # fmt: skip
"""What an atlas consists of, whether finished or not."""
_SHEET_COLUMNS = 16
_SCENE = (128, 192)
_SCENE_STEP_SIZE = 3.0

Progress = Callable[[str, int, int], None]


def make_atlas(
    network: Network,
    source: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    settings: AtlasSettings | None = None,
    *,
    input_options: dict[str, Any] | None = None,
    force: bool = False,
    progress: Progress = lambda step, done, total: None,
) -> list[Path]:
    """Make the atlas of a network on some data, or go on with it where an earlier run was stopped.

    Parameters
    ----------
    network : Network
        From `seisdream.load_network`.
    source : path or str
        SEG-Y volume, whose inlines are all looked at, or anything that is opened as one section.
    folder : path
        Where to.
    settings : AtlasSettings, optional
        What it is made with.
    input_options : dict, optional
        How the data are opened, as for `seisdream.open_section`.
    force : bool, default False
        Begin anew where another atlas is, which is deleted only when the new one is whole. Until then the new one lies
        in a hidden folder, ``.NAME.new``, in which the same call goes on.
    progress : callable, optional
        Called with what is being done (``lines``, ``patches``, ``plane waves``, ``dreams``), how much of it is done,
        and how much there is.

    Returns
    -------
    list of Path
        ``index.html``, which opens in any browser from disk, ``channels.csv`` and ``atlas.json``.

    Raises
    ------
    SeisdreamError
        If data and network do not fit, or the folder holds something else.

    Examples
    --------
    >>> from seisdream.models.registry import load_network
    >>> settings = AtlasSettings(layers=("stage2/rectified",), steps=2, size=48)
    >>> make_atlas(load_network("gabor"), "sample:built-in", "gabor.atlas", settings)  # doctest: +SKIP
    """
    settings, folder = settings or AtlasSettings(), Path(folder)
    options = input_options or {}
    lines = open_sections(source, every=settings.every, percentile=settings.percentile, **options)
    first = lines.open(0)
    chapters = plan_chapters(network, settings, (first.shape[0], first.shape[1]))
    made_from = _made_from(network, source, options, settings, lines, first)
    inputs = input_files(first.attrs.get("segy_path", source), network)
    if force and folder.is_dir() and any(folder.iterdir()):
        check_writable(folder, force, is_folder=True, inputs=inputs, marker=ATLAS_FILE)
        target = folder.resolve()
        aside = target.with_name(f".{target.name}.new")
        _discard_other(aside, made_from)
        make_atlas(network, source, aside, settings, input_options=input_options, progress=progress)
        check_writable(folder, force, is_folder=True, inputs=inputs, marker=ATLAS_FILE)
        replace_folder(target, aside)
        return [folder / name for name in (INDEX, TABLE, ATLAS_FILE)]
    _enter(folder, made_from, inputs)
    _clear_away(folder)
    if (folder / INDEX).is_file():
        shutil.rmtree(folder / PARTS, ignore_errors=True)
        return [folder / name for name in (INDEX, TABLE, ATLAS_FILE)]
    maker = _Maker(network, lines, chapters, settings, folder, progress)
    maker.measure()
    maker.dream()
    files = write_pages(maker.book(made_from), folder)
    shutil.rmtree(folder / PARTS, ignore_errors=True)
    return files


@dataclass(frozen=True)
class Book:
    """Everything that an atlas's pages tell.

    Attributes
    ----------
    network : Network
        Whose atlas it is.
    settings : AtlasSettings
        What it was made with.
    made_from : dict
        Network, data and settings, ready for JSON.
    lines : Lines
        The data.
    chapters : list of Chapter
        The layers.
    survey : Survey
        What the data said.
    tuning : dict of Tuning
        What plane waves said, by layer.
    waves : Waves
        Which were shown.
    recipe : Recipe
        Of the dreams from noise.
    scene : DataArray
        The section before the dream for one channel.
    columns : int
        Tiles in a row of a sheet.
    """

    network: Network
    settings: AtlasSettings
    made_from: dict[str, Any]
    lines: SectionSource
    chapters: list[Chapter]
    survey: Survey
    tuning: dict[str, Tuning]
    waves: Waves
    recipe: DreamSettings
    scene: xr.DataArray
    columns: int = _SHEET_COLUMNS


class _Maker:
    """The steps, each of which looks first whether its files are there."""

    def __init__(
        self,
        network: Network,
        lines: SectionSource,
        chapters: list[Chapter],
        settings: AtlasSettings,
        folder: Path,
        progress: Progress,
    ):
        self.network, self.lines, self.chapters, self.settings = network, lines, chapters, settings
        self.folder, self.progress = folder, progress
        device = resolve_device(settings.device)
        self._device, self._precision = device, resolve_precision(settings.precision, device)
        self._exact: PreparedNetwork | None = None
        self.survey = Survey(chapters, settings.patches, lines)
        self.waves = Waves.usual()
        self.tuning: dict[str, Tuning] = {}
        self.scene = _scene(lines)
        self.recipe = DreamSettings(
            octaves=1, parameterization="phase", steps=settings.steps, step_size=settings.step_size, jitter=8,
            allow_undersized=True, precision=self._precision, device=device, percentile=settings.percentile,
        )  # fmt: skip

    def measure(self) -> None:
        """Look along the data, cut the patches, and show plane waves."""
        parts = self.folder / PARTS
        exact = self.network.prepared(self._device)
        self.survey.measure(exact, parts / "survey.npz", lambda done, total: self.progress("lines", done, total))
        if any(not (self.folder / REAL / one.folder).is_dir() for one in self.chapters):
            cut = self.survey.patches(lambda done, total: self.progress("patches", done, total))
            for chapter in self.chapters:
                if not (self.folder / REAL / chapter.folder).is_dir():
                    with writing_folder(self.folder / REAL / chapter.folder) as partial:
                        self._write_real(chapter, cut[chapter.layer], partial)
        self.tuning = self._tune(exact, parts / "tuning.npz")

    def dream(self) -> None:
        """Dream every layer that is not dreamed yet."""
        n_all = sum(one.n_channels for one in self.chapters)
        n_done, prepared = 0, None
        for chapter in self.chapters:
            self.progress("dreams", n_done, n_all)
            if not (self.folder / DREAMS / chapter.folder).is_dir():
                prepared = prepared or self.network.prepared(self._device, self._precision)
                with writing_folder(self.folder / DREAMS / chapter.folder) as partial:
                    self._dream_layer(chapter, prepared, partial, n_done, n_all)
            n_done += chapter.n_channels
        self.progress("dreams", n_done, n_all)

    def book(self, made_from: dict[str, Any]) -> Book:
        """Return everything that is now known."""
        return Book(
            self.network, self.settings, made_from, self.lines, self.chapters, self.survey, self.tuning, self.waves,
            self.recipe, self.scene,
        )  # fmt: skip

    def _write_real(self, chapter: Chapter, patches: list[np.ndarray], folder: Path) -> None:
        side = self.settings.size
        blank = np.full((side, side), 127, np.uint8)
        sheet = [resized(one[0], side) if len(one) else blank for one in patches]
        write_strip(folder / "sheet.webp", sheet, columns=_SHEET_COLUMNS)
        for channel, those in enumerate(patches):
            if len(those):
                write_strip(folder / f"{channel:03d}.webp", list(those))

    def _tune(self, exact: PreparedNetwork, path: Path) -> dict[str, Tuning]:
        if not path.is_file():
            shown = [0]

            def see(n_waves: int) -> None:
                shown[0] += n_waves
                self.progress("plane waves", shown[0], len(self.waves))

            measured = measure_tuning(exact, [one.layer for one in self.chapters], self.waves, on_waves=see)
            arrays = {f"{place}/{name}": value for place, chapter in enumerate(self.chapters)
                      for name, value in asdict(measured[chapter.layer]).items()}  # fmt: skip
            with writing_file(path, force=True) as aside:
                np.savez(aside, **arrays)
        with np.load(path) as file:
            return {
                chapter.layer: Tuning(**{name: file[f"{place}/{name}"] for name in Tuning.__dataclass_fields__})
                for place, chapter in enumerate(self.chapters)
            }

    def _dream_layer(
        self, chapter: Chapter, prepared: PreparedNetwork, folder: Path, n_before: int, n_all: int
    ) -> None:
        settings, channels = self.settings, range(chapter.n_channels)
        n_steps = settings.seeds * settings.steps + self._scene_recipe.steps
        taken = [0]

        def see(n_dreams: int) -> None:
            taken[0] += n_dreams
            self.progress("dreams", n_before + taken[0] // n_steps, n_all)

        dt_ms = self._dt_ms
        noise = [open_noise(f"noise:{settings.size}x{settings.size}", seed=seed, dt_ms=dt_ms)
                 for seed in range(settings.seeds)]  # fmt: skip
        order = [(channel, seed) for channel in channels for seed in range(settings.seeds)]
        dreamed = dream_channels(
            [noise[seed] for _, seed in order], self.network, chapter.layer, [channel for channel, _ in order],
            settings=self.recipe, seeds=[seed for _, seed in order], reference_section=self.middle, prepared=prepared,
            on_step=see,
        )  # fmt: skip
        tiles = [as_tile(one, settings.percentile) for one in dreamed]
        write_strip(folder / "sheet.webp", tiles[:: settings.seeds], columns=_SHEET_COLUMNS)
        after = dream_channels(
            [self.scene] * len(channels), self.network, chapter.layer, list(channels), settings=self._scene_recipe,
            prepared=prepared, on_step=see,
        )  # fmt: skip
        grey = self.lines.mapping.to_grey(after).round().clip(0, 255).astype(np.uint8)
        for channel in channels:
            write_strip(
                folder / f"{channel:03d}.webp", tiles[channel * settings.seeds : (channel + 1) * settings.seeds]
            )
            write_strip(folder / f"{channel:03d}-after.webp", [grey[channel]])

    @property
    def middle(self) -> xr.DataArray:
        """The line whose spectrum the dreams from noise keep."""
        return self.lines.open(len(self.lines) // 2)

    @property
    def _dt_ms(self) -> float:
        """The sampling of the noise: the data's, where they go down in time."""
        if self.scene.dims[0] != "time":
            return DEFAULT_DT_MS
        return float(np.median(np.diff(self.scene[self.scene.dims[0]].values)))

    @property
    def _scene_recipe(self) -> DreamSettings:
        """How a real section is dreamed on: within its band where it has one, because a free phase hardly shows."""
        free = "bandlimited" if self.scene.dims[0] == "time" else "fourier"
        steps = max(1, self.settings.steps // 2)
        changes = {"parameterization": free, "steps": steps, "step_size": _SCENE_STEP_SIZE}
        return DreamSettings(**{**self.recipe.to_dict(), **changes})


def _clear_away(folder: Path) -> None:
    """Remove what a killed run had begun to write aside."""
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        for partial in place.glob(".*.partial-*"):
            shutil.rmtree(partial) if partial.is_dir() else partial.unlink()


def _scene(lines: SectionSource) -> xr.DataArray:
    """Return the middle of the middle line, without absent samples: what every channel dreams on."""
    line = lines.open(len(lines) // 2)
    rows, columns = (
        slice((size - min(size, side)) // 2, (size + min(size, side)) // 2)
        for size, side in zip(line.shape, _SCENE, strict=True)
    )
    values, _ = fill_absent(line)
    cut = line[rows, columns]
    scene = make_section(values[rows, columns], dims=[str(dim) for dim in cut.dims],
                         coords={str(dim): cut[dim].values for dim in cut.dims}, **_plain_attrs(line))  # fmt: skip
    if not np.ptp(scene.values):
        raise SeisdreamError("The middle of the middle line holds nothing to dream on; choose another line (--inline).")
    return scene


def _plain_attrs(line: xr.DataArray) -> dict[str, Any]:
    return {name: line.attrs[name] for name in ("units", "value_range", "source", "selection", "credit", "licence")
            if name in line.attrs}  # fmt: skip


def _made_from(
    network: Network,
    source: str | os.PathLike[str],
    options: dict[str, Any],
    settings: AtlasSettings,
    lines: SectionSource,
    first: xr.DataArray,
) -> dict[str, Any]:
    """Return what says whether two atlases are one."""
    return {
        "network": {"name": network.name, "weights": network.weights, "sha256": network.sha256,
                    "credit": network.credit, "licence": network.licence},
        "data": {"input": os.fspath(source), "options": options, "lines": len(lines), "shape": list(first.shape),
                 "first_line_sha256": hash_samples(first), "black": lines.mapping.low, "white": lines.mapping.high,
                 "credit": str(first.attrs.get("credit", "")), "licence": str(first.attrs.get("licence", ""))},
        "settings": settings.to_dict(),
    }  # fmt: skip


def _changed(before: dict[str, Any], made_from: dict[str, Any]) -> list[str]:
    """Return in what another atlas differs: network, data and options."""
    changed = [part for part in ("network", "data") if before.get(part) != made_from[part]]
    return changed + [f"--{name.replace('_', '-')}" for name, value in made_from["settings"].items()
                      if before.get("settings", {}).get(name) != value]  # fmt: skip


def _discard_other(folder: Path, made_from: dict[str, Any]) -> None:
    """Remove what is left of another atlas that was to replace one with `force`."""
    told = folder / ATLAS_FILE
    if folder.exists() and not (is_ours(told) and not _changed(json.loads(told.read_text("utf-8")), made_from)):
        check_writable(folder, force=True, is_folder=True, marker=ATLAS_FILE)
        shutil.rmtree(folder)


def _enter(folder: Path, made_from: dict[str, Any], inputs: list[str]) -> None:
    """Make sure that an atlas may be begun, or gone on with, in a folder."""
    told = folder / ATLAS_FILE
    if is_ours(told):
        if changed := _changed(json.loads(told.read_text(encoding="utf-8")), made_from):
            raise SeisdreamError(
                f"{folder} holds an atlas with another {', another '.join(changed)}; go on with the same, name another "
                "folder (--out), or begin anew (--force)."
            )
        return
    check_writable(folder, is_folder=True, inputs=inputs)
    with writing_file(told, force=True) as aside:
        story = made_from | record_of(*_FILES) | {"machine": machine_record()}
        aside.write_text(json.dumps(story, indent=1, ensure_ascii=False), encoding="utf-8")
