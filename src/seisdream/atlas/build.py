"""Build an atlas in steps that each end in files, so that an interrupted atlas resumes.

The data are read once for all layers, then plane waves are evaluated once for all layers, then each layer is dreamed,
and the concepts of one are found in some of the lines.
The pages are written last, from the files of these steps.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.atlas.concepts import SHEET
from seisdream.atlas.content import SHEET_COLUMNS, AtlasContent
from seisdream.atlas.layer_selection import AtlasLayer, select_layers
from seisdream.atlas.measurements import Measurements, read_part
from seisdream.atlas.pages import INDEX, TABLE, write_pages
from seisdream.atlas.settings import ATLAS_FILE, CONCEPTS, DREAMS, NO_CONCEPTS, AtlasSettings
from seisdream.atlas.sprites import as_tile, resize_tile, write_strip
from seisdream.channels.tuning import PlaneWaves, Tuning, measure_tuning
from seisdream.dreaming.batch import dream_batch
from seisdream.dreaming.objectives.terms import Channel
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.network_input import notes_on_input
from seisdream.inference.section_source import SectionSource, open_sections
from seisdream.io.atomic import check_writable, remove_leftovers, writing_file, writing_folder
from seisdream.io.noise import DEFAULT_DT_MS, open_noise
from seisdream.io.segy import SegyVolume
from seisdream.io.texts import read_record
from seisdream.io.written_files import is_ours, record_of
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device, resolve_precision
from seisdream.models.registry import as_network
from seisdream.provenance import input_files, make_provenance
from seisdream.representations.concepts import concepts as find_concepts
from seisdream.results.concept_result import ConceptResult, load_concepts
from seisdream.seismic.sections import fill_absent, make_section
from seisdream.settings import to_json
from seisdream.significance.path_check import natural_shares

PARTS, REAL = "parts", "real"
PATH_FILE = "path.json"
_FILES = (
    ATLAS_FILE, INDEX, TABLE, "atlas.css", "atlas.js", "scene.webp", SHEET, "data/*.js", f"{PARTS}/*.npz",
    ".*.partial-*", "*/.*.partial-*", f"{DREAMS}/*/{PATH_FILE}", f"{CONCEPTS}/*",
    *(f"{part}/*/{name}.webp" for part in (REAL, DREAMS) for name in ("sheet", "[0-9][0-9][0-9]*")),
)  # fmt: skip
"""The files of an atlas, complete or not."""
_FORM = {"settings?": dict}
_SCENE = (128, 192)
_SCENE_STEP_SIZE = 3.0
_N_CONCEPT_LINES = 32

Progress = Callable[[str, int, int], None]
Data = str | os.PathLike[str] | xr.DataArray | SegyVolume


def _ignore_progress(step: str, done: int, total: int) -> None:
    pass


def build_atlas(
    network: Network | str,
    data: Data,
    folder: str | os.PathLike[str],
    *,
    settings: AtlasSettings | None = None,
    input_options: dict[str, Any] | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **overrides: Any,
) -> list[Path]:
    """Build an HTML atlas of a network's channels, or resume an interrupted one.

    Each channel gets feature visualisations, its top-activating patches of the data, its tuning to dip, frequency and
    polarity, similar channels, and its contributions to the classes. The first page opens with concepts of one layer.

    Parameters
    ----------
    network : Network or str
        A network or its name.
    data : path, str, DataArray or SegyVolume
        A SEG-Y volume, of which all inlines are used, a 3-D array, or a section.
    folder : path
        The folder of the atlas.
    settings : AtlasSettings, optional
        All settings.
    input_options : dict, optional
        How a file is opened, as for `seisdream.open_section`.
    force : bool, default False
        Replace another atlas. It is deleted only when the new one is complete; until then the new one is in a hidden
        folder, ``.NAME.new``, in which the same call resumes.
    progress : callable, optional
        Called with the step (``lines``, ``patches``, ``plane waves``, ``dreams``, ``concepts``), how much of it is
        done, and how much there is.
    **overrides
        Fields of `AtlasSettings`: ``layers``, ``concepts``, ``channels_at_most``, ``seeds``, ``size``, ``steps``,
        ``step_size``, ``patches``, ``every``, ``percentile``, ``precision``, ``device``.

    Returns
    -------
    list of Path
        ``index.html``, which opens from disk in any browser, ``channels.csv`` and ``atlas.json``.

    Raises
    ------
    SeisdreamError
        If a layer does not exist or has no positions, the folder holds something else (``exists``, ``not-ours``) or an
        atlas with other settings (``changed``), or a keyword does not exist (``unknown-argument``).

    Examples
    --------
    >>> build_atlas("gabor", "sample:built-in", "gabor.atlas", layers=["stage2/rectified"])  # doctest: +SKIP
    """
    settings, folder = AtlasSettings.of(settings, overrides), Path(folder)
    network, options, progress = as_network(network), input_options or {}, progress or _ignore_progress
    lines = open_sections(data, every=settings.every, percentile=settings.percentile, **options)
    first = lines.open(0)
    layers = select_layers(network, settings, (first.shape[0], first.shape[1]))
    record = _provenance(network, data, options, settings, lines, first, layers)
    inputs = input_files(first.attrs.get("segy_path", record["input"]["source"]), network)
    if force and folder.is_dir() and any(folder.iterdir()):
        check_writable(folder, force, is_folder=True, inputs=inputs, marker=ATLAS_FILE)
        target = folder.resolve()
        aside = target.with_name(f".{target.name}.new")
        _discard_other(aside, record)
        build_atlas(network, data, aside, settings=settings, input_options=input_options, progress=progress)
        with writing_folder(folder, force=True, inputs=inputs, marker=ATLAS_FILE) as partial:
            partial.rmdir()
            aside.rename(partial)
        return [folder / name for name in (INDEX, TABLE, ATLAS_FILE)]
    _begin(folder, record, inputs)
    for parent in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        remove_leftovers(parent)
    if (folder / INDEX).is_file():
        _remove_parts(folder)
        return [folder / name for name in (INDEX, TABLE, ATLAS_FILE)]
    builder = _Builder(network, lines, layers, settings, folder, progress)
    builder.measure()
    builder.dream()
    if note := builder.find_concepts(data, options):
        record["notes"].append(note)
        _write_record(folder, record)
    files = write_pages(builder.content(record), folder)
    _remove_parts(folder)
    return files


def _remove_parts(folder: Path) -> None:
    """Remove the measurements that the pages were made from, and nothing that a user put there."""
    for path in (folder / PARTS).glob("*.npz"):
        path.unlink()
    with suppress(OSError):
        (folder / PARTS).rmdir()


class _Builder:
    """The steps, each of which is skipped if its files exist."""

    def __init__(
        self,
        network: Network,
        lines: SectionSource,
        layers: list[AtlasLayer],
        settings: AtlasSettings,
        folder: Path,
        progress: Progress,
    ):
        self.network, self.lines, self.layers, self.settings = network, lines, layers, settings
        self.folder, self.progress = folder, progress
        device = resolve_device(settings.device, network)
        self._device, self._precision = device, resolve_precision(settings.precision, device)
        self._exact: PreparedNetwork | None = None
        self.concepts: ConceptResult | None = None
        if settings.concepts not in (None, NO_CONCEPTS):
            self.concepts = load_concepts(settings.concepts, network)
        self.measurements = Measurements(layers, settings.patches, lines)
        self.waves = PlaneWaves.default()
        self.tuning: dict[str, Tuning] = {}
        self.scene = _scene(lines)
        self.dream_settings = DreamSettings(
            octaves=1, parameterization="phase", steps=settings.steps, step_size=settings.step_size, jitter=8,
            allow_undersized=True, precision=self._precision, device=device, percentile=settings.percentile,
        )  # fmt: skip

    def measure(self) -> None:
        """Measure the data, cut the patches, and measure the tuning to plane waves."""
        parts = self.folder / PARTS
        exact = PreparedNetwork(self.network, self._device)
        self.measurements.measure(
            exact, parts / "measurements.npz", lambda done, total: self.progress("lines", done, total)
        )
        if any(not (self.folder / REAL / one.folder).is_dir() for one in self.layers):
            cut = self.measurements.cut_patches(lambda done, total: self.progress("patches", done, total))
            for layer in self.layers:
                if not (self.folder / REAL / layer.folder).is_dir():
                    with writing_folder(self.folder / REAL / layer.folder) as partial:
                        self._write_patches(layer, cut[layer.name], partial)
        self.tuning = self._tune(exact, parts / "tuning.npz")

    def dream(self) -> None:
        """Dream every layer that is not dreamed yet."""
        n_all = sum(one.n_channels for one in self.layers)
        n_done, prepared = 0, None
        for layer in self.layers:
            self.progress("dreams", n_done, n_all)
            if not (self.folder / DREAMS / layer.folder).is_dir():
                prepared = prepared or PreparedNetwork(self.network, self._device, self._precision)
                with writing_folder(self.folder / DREAMS / layer.folder) as partial:
                    self._dream_layer(layer, prepared, partial, n_done, n_all)
            n_done += layer.n_channels
        self.progress("dreams", n_done, n_all)

    def find_concepts(self, data: Data, options: dict[str, Any]) -> str | None:
        """Find concepts of one layer in evenly spaced lines, or return why there are none.

        Nothing is done where a folder of them was given, or none is wanted.
        """
        settings, target = self.settings, self.folder / CONCEPTS
        if settings.concepts is not None:
            return None
        if not target.is_dir():
            try:
                found = find_concepts(
                    self.network, data, layer=self._layer_of_concepts,
                    every=settings.every * -(-len(self.lines) // _N_CONCEPT_LINES), percentile=settings.percentile,
                    control=False, device=self._device, input_options=options,
                    progress=lambda step, done, total: self.progress(CONCEPTS, done, total),
                )  # fmt: skip
            except SeisdreamError as error:  # Such as a layer that is inactive in the data.
                return f"No concepts: {error}"
            found.save(target)
        self.concepts = load_concepts(target, self.network)
        return None

    @property
    def _layer_of_concepts(self) -> str:
        """The network's default layer, or the last layer of the atlas before the classes."""
        names = [one.name for one in self.layers]
        if self.network.default_layer in names:
            return self.network.default_layer
        return ([name for name in names if name != self.network.class_layer] or names)[-1]

    def content(self, record: dict[str, Any]) -> AtlasContent:
        """Return everything that the pages show."""
        natural = {
            one.name: json.loads((self.folder / DREAMS / one.folder / PATH_FILE).read_text("utf-8"))
            for one in self.layers
        }
        return AtlasContent(
            self.network, self.settings, record, self.lines, self.layers, self.measurements, self.tuning, self.waves,
            natural, self.dream_settings, self.scene, self.concepts,
        )  # fmt: skip

    def _write_patches(self, layer: AtlasLayer, patches: list[np.ndarray], folder: Path) -> None:
        side = self.settings.size
        blank = np.full((side, side), 127, np.uint8)
        sheet = [resize_tile(one[0], side) if len(one) else blank for one in patches]
        write_strip(folder / "sheet.webp", sheet, columns=SHEET_COLUMNS)
        for channel, of_channel in enumerate(patches):
            if len(of_channel):
                write_strip(folder / f"{channel:03d}.webp", list(of_channel))

    def _tune(self, exact: PreparedNetwork, path: Path) -> dict[str, Tuning]:
        if not path.is_file():
            n_done = [0]

            def count(n_waves: int) -> None:
                n_done[0] += n_waves
                self.progress("plane waves", n_done[0], len(self.waves))

            measured = measure_tuning(exact, [one.name for one in self.layers], self.waves, on_waves=count)
            arrays = {f"{number}/{name}": value for number, layer in enumerate(self.layers)
                      for name, value in asdict(measured[layer.name]).items()}  # fmt: skip
            with writing_file(path, force=True) as aside:
                np.savez(aside, **arrays)
        names = [f"{number}/{name}" for number in range(len(self.layers)) for name in Tuning.__dataclass_fields__]
        arrays = read_part(path, names)
        return {
            layer.name: Tuning(**{name: arrays[f"{number}/{name}"] for name in Tuning.__dataclass_fields__})
            for number, layer in enumerate(self.layers)
        }

    def _dream_layer(
        self, layer: AtlasLayer, prepared: PreparedNetwork, folder: Path, n_before: int, n_all: int
    ) -> None:
        settings, channels = self.settings, range(layer.n_channels)
        n_steps = settings.seeds * settings.steps + (self._scene_settings.steps or 0)
        n_done = [0]

        def count(n_dreams: int) -> None:
            n_done[0] += n_dreams
            self.progress("dreams", n_before + n_done[0] // n_steps, n_all)

        dt_ms = self._dt_ms
        noise = [open_noise(f"noise:{settings.size}x{settings.size}", seed=seed, dt_ms=dt_ms)
                 for seed in range(settings.seeds)]  # fmt: skip
        order = [(channel, seed) for channel in channels for seed in range(settings.seeds)]
        dreamed = dream_batch(
            [noise[seed] for _, seed in order], self.network, [Channel(layer.name, channel) for channel, _ in order],
            settings=self.dream_settings, seeds=[seed for _, seed in order], reference_section=self.middle,
            prepared=prepared,
            on_step=count,
        )  # fmt: skip
        tiles = [as_tile(one, settings.percentile) for one in dreamed]
        write_strip(folder / "sheet.webp", tiles[:: settings.seeds], columns=SHEET_COLUMNS)
        objectives = [Channel(layer.name, channel) for channel in channels]
        natural = natural_shares(
            self.network, objectives, self.lines.open, len(self.lines),
            dreamed[:: settings.seeds], percentile=settings.percentile, device=self._device,
        )  # fmt: skip
        (folder / PATH_FILE).write_text(to_json(natural), encoding="utf-8")
        after = dream_batch(
            [self.scene] * len(channels), self.network, objectives, settings=self._scene_settings,
            prepared=prepared, on_step=count,
        )  # fmt: skip
        grey = self.lines.mapping.to_grey(after).round().clip(0, 255).astype(np.uint8)
        for channel in channels:
            write_strip(
                folder / f"{channel:03d}.webp", tiles[channel * settings.seeds : (channel + 1) * settings.seeds]
            )
            write_strip(folder / f"{channel:03d}-after.webp", [grey[channel]])

    @property
    def middle(self) -> xr.DataArray:
        """The line whose amplitude spectrum dreams from noise have."""
        return self.lines.open(len(self.lines) // 2)

    @property
    def _dt_ms(self) -> float:
        """The sampling interval of the noise: that of the data, if their vertical axis is time."""
        if self.scene.dims[0] != "time":
            return DEFAULT_DT_MS
        return float(np.median(np.diff(self.scene[self.scene.dims[0]].values)))

    @property
    def _scene_settings(self) -> DreamSettings:
        """Settings of dreams on the section: within its band, because changes of phase alone are barely visible."""
        parameterization = "bandlimited" if self.scene.dims[0] == "time" else "fourier"
        steps = max(1, self.settings.steps // 2)
        changes = {"parameterization": parameterization, "steps": steps, "step_size": _SCENE_STEP_SIZE}
        return DreamSettings(**{**self.dream_settings.to_dict(), **changes})


def _scene(lines: SectionSource) -> xr.DataArray:
    """Return the middle of the middle line, without absent samples, which every channel dreams on."""
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
        raise SeisdreamError(
            "The middle of the middle line is constant, so there is nothing to dream on; use another `inline`.",
            code="no-signal",
        )
    return scene


def _plain_attrs(line: xr.DataArray) -> dict[str, Any]:
    return {name: line.attrs[name] for name in ("units", "value_range", "source", "selection", "credit", "licence")
            if name in line.attrs}  # fmt: skip


def _provenance(
    network: Network,
    data: Data,
    options: dict[str, Any],
    settings: AtlasSettings,
    lines: SectionSource,
    first: xr.DataArray,
    layers: Sequence[AtlasLayer],
) -> dict[str, Any]:
    """Return the provenance of an atlas; its input is the first line, under the name of the whole."""
    source = os.fspath(data) if isinstance(data, str | os.PathLike) else str(first.attrs.get("source", ""))
    record = make_provenance(
        kind="atlas",
        settings=settings,
        section=first,
        network=network,
        grey_mapping=lines.mapping,
        result={"n_lines": len(lines)},
        notes=notes_on_input(network, first, lines.around, [one.name for one in layers]),
    )
    record["input"] |= {"source": source, "options": options}
    return record


def _changed(before: dict[str, Any], record: dict[str, Any]) -> list[str]:
    """Return what differs in another atlas: network, input and settings."""
    changed = [part for part in ("network", "input") if before.get(part) != record[part]]
    return changed + [f"`{name}`" for name, value in record["settings"].items()
                      if before.get("settings", {}).get(name) != value]  # fmt: skip


def _discard_other(folder: Path, record: dict[str, Any]) -> None:
    """Remove an incomplete atlas that differs from this one."""
    path = folder / ATLAS_FILE
    if folder.exists() and not (is_ours(path) and not _changed(read_record(path, _FORM), record)):
        check_writable(folder, force=True, is_folder=True, marker=ATLAS_FILE)
        shutil.rmtree(folder)


def _begin(folder: Path, record: dict[str, Any], inputs: list[str]) -> None:
    """Begin or resume an atlas in a folder, or raise `SeisdreamError`."""
    path = folder / ATLAS_FILE
    if is_ours(path):
        if changed := _changed(read_record(path, _FORM), record):
            raise SeisdreamError(
                f"{folder} holds an atlas with another {', another '.join(changed)}; use the same, another "
                "`folder`, or `force=True` to replace it.",
                code="changed",
                option="folder",
            )
        return
    check_writable(folder, is_folder=True, inputs=inputs)
    _write_record(folder, record)


def _write_record(folder: Path, record: dict[str, Any]) -> None:
    with writing_file(folder / ATLAS_FILE, force=True) as aside:
        aside.write_text(to_json(record | record_of(*_FILES), indent=1), encoding="utf-8")
