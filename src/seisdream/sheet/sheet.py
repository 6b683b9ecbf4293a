"""Small dreams of one section, one for each layer and class of a network, with the command that makes each large."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.dreaming.compatibility import n_octaves_for
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.objectives.feature_matching import Concept
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.io.images import image_url
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device, resolve_precision
from seisdream.provenance import drawable, input_files, line_name, make_provenance, short_name
from seisdream.results.commands import command_of
from seisdream.results.concept_result import load_concepts
from seisdream.results.page import write_page
from seisdream.results.writer import writing_result
from seisdream.seismic.sections import GreyMapping, absent_samples
from seisdream.sheet.part import typical_part
from seisdream.sheet.settings import SheetSettings

MARKER = "sheet.json"
MOST_CLASSES = 24
"""A network with more classes has no tiles of classes, unless they are named."""
OCTAVES = 2
"""A part that is too small for them is dreamed in one."""
TITLE = "Dreams of a network, not recorded data"


@dataclass
class Sheet:
    """Small dreams of a part of a section.

    Parameters
    ----------
    section : DataArray
        The whole section ``(time, trace)``, or a picture.
    network : Network
        A network for sections.
    settings : SheetSettings
        What to draw, and where.

    Attributes
    ----------
    part : DataArray
        The part of the section that is used.
    objectives : list of str
        One for each tile.
    notes : list of str
        Which part of the section is shown, and what was left out.
    tiles : dict of DataArray
        The dreams that are done, by objective.

    Raises
    ------
    SeisdreamError
        If the network is one for cubes (``not-supported``), or has neither stages nor classes (``no-labels``).
    """

    section: xr.DataArray
    network: Network
    settings: SheetSettings
    part: xr.DataArray = field(init=False)
    objectives: list[str] = field(init=False)
    notes: list[str] = field(init=False, default_factory=list)
    tiles: dict[str, xr.DataArray] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.network.require_sections()
        self.part = self._cut()
        self.objectives = list(self.settings.objectives) or self._all_objectives()

    def _cut(self) -> xr.DataArray:
        """Return the part of the section that is used, and note which it is."""
        section, dims = self.section, [str(dim) for dim in self.section.dims[:2]]
        shape = [min(side, n) for side, n in zip(self.settings.size, section.shape, strict=False)]
        if self.settings.at is not None:
            across, down = self.settings.at
            middle = [_nearest(section, dim, value) for dim, value in zip(dims, (down, across), strict=True)]
        else:
            middle = typical_part(section, (shape[0], shape[1]))
        first = [
            max(0, min(at - side // 2, n - side)) for at, side, n in zip(middle, shape, section.shape, strict=False)
        ]
        part = section.isel({dim: slice(at, at + side) for dim, at, side in zip(dims, first, shape, strict=True)})
        if part.shape != section.shape:
            window = ", ".join(
                f"{dim} {part[dim].values[0]:g} to {part[dim].values[-1]:g}{' ms' if dim == 'time' else ''}"
                for dim in dims
            )
            self.notes.append(
                f"The section has {_size(section)} samples; the sheet shows {_size(part)} of them: {window}. Choose "
                "another part with `at`, or a larger one with `size`."
            )
        return part

    def _all_objectives(self) -> list[str]:
        class_layer = self.network.class_layer
        n_classes = 0 if class_layer is None else self.network.layer(class_layer).n_channels
        names = list(self.network.classes) or [str(code) for code in range(n_classes)]
        if not 2 <= n_classes <= MOST_CLASSES:
            names = []
        if n_classes > MOST_CLASSES:
            self.notes.append(
                f"The {n_classes} classes of {self.network.name} are left out; name some with `objectives=class:NAME`."
            )
        # The layer of the classes is the sum of the classes.
        stages = [name for name in self.network.stages if not names or name != class_layer]
        objectives = [*stages, *(f"class:{name.partition(',')[0]}" for name in names), *self._concepts()]
        if not objectives:
            raise SeisdreamError(
                f"{self.network.name} has no layer with positions and no classes; name layers with `objectives`.",
                code="no-labels",
                option="objectives",
            )
        return objectives

    def _concepts(self) -> list[str]:
        """Return the objectives of all concepts of a set."""
        if self.settings.concepts is None:
            return []
        found = load_concepts(self.settings.concepts, self.network)
        names = (row.get("name") or str(number) for number, row in enumerate(found.provenance["concepts"]))
        return [str(Concept(found.layer, name)) for name in names]

    def draw(self) -> Iterator[str]:
        """Dream one tile after another, and yield the objective of each when it is done."""
        settings = DreamSettings(
            octaves=n_octaves_for(self.part, [self.network], OCTAVES),
            steps=self.settings.steps,
            step_size=self.settings.step_size,
            seed=self.settings.seed,
            concepts=self.settings.concepts,
            allow_undersized=True,
            zoom=0.0,
        )
        mapping = GreyMapping.of(self.section)
        device = resolve_device(settings.device, self.network)
        prepared = PreparedNetwork(self.network, device, resolve_precision(settings.precision, device))
        for objective in self.objectives:
            run = Dream(self.part, self.network, objective, settings=settings, mapping=mapping, prepared=prepared).run()
            self.tiles[objective] = run.section
            yield objective

    def command(self, objective: str) -> str:
        """Return the command that dreams an objective on the whole section."""
        concepts = self.settings.concepts if objective.startswith("concept:") else None
        settings = DreamSettings(layer=objective, concepts=concepts)
        return command_of(self._record | {"kind": "dream", "settings": settings.to_dict(), "result": {}})

    @cached_property
    def _record(self) -> dict[str, Any]:
        return make_provenance(kind="sheet", settings=self.settings, section=self.section, network=self.network)

    def save(self, folder: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
        """Write ``index.html``, ``sheet.png`` and ``sheet.json`` to a folder that appears whole or not at all."""
        from seisdream.plotting.figures import draw_sections

        title = f"{TITLE}: {short_name(self.network.name)} on a part of {line_name(self.section)}"
        commands = {one: self.command(one) for one in self.tiles}
        provenance = self._record | {"result": {"tiles": commands}}
        inputs = input_files(self.section.attrs.get("source"), self.network)
        with writing_result(
            folder, marker=MARKER, provenance=provenance, notes=self.notes, force=force, inputs=inputs
        ) as made:
            write_page(
                made.path / "index.html",
                title=drawable(title),
                data=self._data(drawable(title)),
                script=files("seisdream.sheet").joinpath("site", "sheet.js").read_text(encoding="utf-8"),
            )
            with made.optional("sheet.png"):
                made.write_figure("sheet.png", draw_sections({"Input": self.part, **self.tiles}, title=title))
        return made.paths

    def picture(self, tile: xr.DataArray) -> str:
        """Return a tile, or the part of the section, as the URL of a picture on the scale of the whole section."""
        levels = GreyMapping.of(self.section).to_grey(tile.values)
        levels[absent_samples(self.part)] = 127.5
        return image_url(levels)

    def _data(self, title: str) -> dict[str, Any]:
        labels = self.section.attrs
        return {
            "title": title,
            "notes": self.notes,
            "credit": [str(labels[name]) for name in ("credit", "licence") if labels.get(name)],
            "input": self.picture(self.part),
            "tiles": [
                {"name": name, "picture": self.picture(tile), "command": self.command(name)}
                for name, tile in self.tiles.items()
            ],
        }


def make_sheet(
    section: xr.DataArray,
    network: Network,
    settings: SheetSettings | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Sheet:
    """Dream all tiles of a sheet; `progress` is called with how many are done and of how many."""
    sheet = Sheet(section, network, settings or SheetSettings())
    for done, _ in enumerate(sheet.draw(), start=1):
        if progress is not None:
            progress(done, len(sheet.objectives))
    return sheet


def _nearest(section: xr.DataArray, dim: str, value: float) -> int:
    numbers = np.asarray(section[dim].values, np.float64)
    if not numbers.min() <= value <= numbers.max():
        raise SeisdreamError(
            f"`at` has {dim} {value:g}; the section has {dim} {numbers.min():g} to {numbers.max():g}.",
            code="out-of-range",
            option="at",
        )
    return int(np.abs(numbers - value).argmin())


def _size(section: xr.DataArray) -> str:
    return " × ".join(map(str, section.shape[:2]))
