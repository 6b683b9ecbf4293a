"""The pages of an atlas: plain files that open from disk, and the same numbers as a table."""

from __future__ import annotations

import csv
import json
import math
import shlex
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seisdream.atlas.pictures import write_strip
from seisdream.atlas.plan import Chapter
from seisdream.atlas.settings import ATLAS_FILE
from seisdream.channels.activation_statistics import N_BINS, Responses, correlate
from seisdream.channels.top_activations import Place
from seisdream.channels.tuning import Tuning
from seisdream.inference.tensors import as_bytes
from seisdream.io.atomic import writing_file
from seisdream.provenance import short_name, version_of
from seisdream.seismic.sections import fill_absent

if TYPE_CHECKING:
    from seisdream.atlas.making import Book

INDEX, TABLE = "index.html", "channels.csv"
_N_NEAR = 8
_ASSETS = ("atlas.css", "atlas.js")
_DATA = "data"


def write_pages(book: Book, folder: Path) -> list[Path]:
    """Write the pages of an atlas beside its pictures; ``index.html`` comes last.

    Parameters
    ----------
    book : Book
        What is known.
    folder : Path
        Of the atlas.

    Returns
    -------
    list of Path
        ``index.html``, ``channels.csv``, ``atlas.json``.
    """
    near = _neighbours(book)
    axes = _Axes(book)
    chapters = [_chapter(book, place, near[place], axes) for place in range(len(book.chapters))]
    with writing_file(folder / "scene.webp", force=True) as aside:
        write_strip(aside, [as_bytes(book.lines.mapping.to_grey(fill_absent(book.scene)[0]))])
    scripts = [("atlas", f"window.ATLAS = {_json(_front(book, axes))};\n")]
    scripts += [
        (one.folder, f"ATLAS.chapters[{place}].channels = {_json(chapter)};\n")
        for place, (one, chapter) in enumerate(zip(book.chapters, chapters, strict=True))
    ]
    for name, text in scripts:
        _write(folder / _DATA / f"{name}.js", text)
    _write_table(folder / TABLE, book, chapters)
    for name in _ASSETS:
        _write(folder / name, _asset(name))
    tags = "\n".join(f'<script src="{_DATA}/{name}.js"></script>' for name, _ in scripts)
    title = f"Atlas of {short_name(book.network.name)}"
    _write(folder / INDEX, _asset(INDEX).replace("<!-- data -->", tags).replace("{{title}}", _escaped(title)))
    return [folder / INDEX, folder / TABLE, folder / ATLAS_FILE]


class _Axes:
    """How places of the data are told in its own numbers."""

    def __init__(self, book: Book):
        self.lines = book.lines
        first = book.scene
        self.down, self.across = (str(dim) for dim in first.dims)
        steps = np.diff(np.asarray(first[self.down].values, np.float64))
        self.dt_ms = float(np.median(steps)) if self.down == "time" else None
        self._coords: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def tell(self, place: Place, patch: tuple[int, int]) -> list[Any]:
        """Return line, number across and number down of a patch's middle, and the response there."""
        if place.line not in self._coords:
            # The axes of all lines of a volume are one.
            key = 0 if len(self.lines) > 1 else place.line
            if key not in self._coords:
                line = self.lines.open(key)
                self._coords[key] = (np.asarray(line[self.across].values), np.asarray(line[self.down].values))
            self._coords[place.line] = self._coords[key]
        across, down = self._coords[place.line]
        middle = (place.row + patch[0] // 2, place.column + patch[1] // 2)
        return [place.line, _round(float(across[middle[1]])), _round(float(down[middle[0]])), _round(place.value)]


def _front(book: Book, axes: _Axes) -> dict[str, Any]:
    """Return what is said of the atlas as a whole."""
    network, made_from, settings = book.network, book.made_from, book.settings
    scene = book.scene
    return {
        "version": version_of("seisdream"),
        "network": made_from["network"] | {"name": short_name(network.name)},
        "data": made_from["data"] | {"input": Path(made_from["data"]["input"]).name},
        "lines": list(book.lines.names),
        "down": axes.down, "across": axes.across, "dt_ms": axes.dt_ms, "units": str(scene.attrs.get("units", "")),
        "classes": [_class_name(book, number) for number in book.survey.classes],
        "colours": [network.colours[number] if network.colours else "" for number in book.survey.classes],
        "class_layer": network.class_layer,
        "dips": book.waves.dips_deg.tolist(), "frequencies": [_round(one) for one in book.waves.frequencies],
        "size": settings.size, "seeds": settings.seeds, "columns": book.columns,
        "scene": {
            "rows": scene.shape[0], "columns": scene.shape[1],
            "where": [str(scene.attrs.get("selection", "")),
                      *(_round(float(scene[dim].values[end])) for dim in (axes.across, axes.down) for end in (0, -1))],
        },
        "command": _command(book, axes),
        "chapters": [_layer(book, one) for one in book.chapters],
    }  # fmt: skip


def _layer(book: Book, chapter: Chapter) -> dict[str, Any]:
    info = book.network.layer(chapter.layer)
    return {
        "layer": chapter.layer, "folder": chapter.folder, "patch": list(chapter.patch), "kind": info.kind,
        "n_channels": info.n_channels, "field": info.receptive_field, "stride": info.stride,
    }  # fmt: skip


def _command(book: Book, axes: _Axes) -> str:
    """Return the command that dreams one of the pictures again, but for its layer and seed."""
    data, settings, recipe = book.made_from["data"], book.settings, book.recipe
    if data["options"] or settings.every > 1:
        return ""  # Then no words say which line's spectrum it was.
    words = ["seisdream", "dream", f"noise:{settings.size}x{settings.size}", "--network", book.network.name]
    if book.network.weights:
        words += ["--weights", str(book.network.weights)]
    if axes.dt_ms:
        words += ["--dt-ms", f"{axes.dt_ms:g}"]
    words += ["--parameterization", recipe.parameterization, "--survey", data["input"], "--octaves", "1"]
    words += ["--steps", str(recipe.steps), "--step-size", f"{recipe.step_size:g}", "--jitter", str(recipe.jitter)]
    return shlex.join([*words, "--allow-small"])


def _chapter(book: Book, place: int, near: list[list[Any]], axes: _Axes) -> list[dict[str, Any]]:
    """Return what is said of each channel of a layer."""
    chapter = book.chapters[place]
    layer = chapter.layer
    responses, tuning = book.survey.responses[layer], book.tuning[layer]
    best, effects = book.survey.exciting[layer].best(), book.survey.effects[layer]
    labels = _labels(book, layer)
    told = []
    for channel in range(chapter.n_channels):
        one: dict[str, Any] = {"n": channel}
        if labels:
            one["label"] = labels[channel]
        one |= _tuned(tuning, channel) | _answers(responses, channel)
        one["places"] = [axes.tell(found, chapter.patch) for found in best[channel]]
        one["near"] = near[channel]
        one["serves"] = [_round(value) for value in effects[channel]]
        told.append(one)
    return told


def _labels(book: Book, layer: str) -> tuple[str, ...] | None:
    if layer == book.network.class_layer and book.network.classes:
        return book.network.classes
    return book.network.channel_labels(layer)


def _class_name(book: Book, number: int) -> str:
    return book.network.classes[number] if book.network.classes else str(number)


def _tuned(tuning: Tuning, channel: int) -> dict[str, Any]:
    strength = tuning.strength[channel].clip(0.0)
    peak = float(strength.max())
    # Digits 0 to 9 and letters a to z: a shade each, dip by dip.
    shades = np.rint(35 * strength / peak).astype(int) if peak > 0 else np.zeros_like(strength, int)
    numbers = {
        "dip": tuning.dip_deg, "frequency": tuning.frequency, "dip_selectivity": tuning.dip_selectivity,
        "phase": tuning.phase_deg, "modulation": tuning.modulation, "polarity": tuning.polarity,
    }  # fmt: skip
    told: dict[str, Any] = {name: _round(float(values[channel])) for name, values in numbers.items()}
    return told | {"tuning": "".join(np.base_repr(shade, 36).lower() for shade in shades.ravel())}


def _answers(responses: Responses, channel: int) -> dict[str, Any]:
    counts = responses.counts[channel]
    bins = np.concatenate([counts[1, ::-1], counts[0]])
    used = np.flatnonzero(bins)
    first, last = (int(used[0]), int(used[-1])) if len(used) else (N_BINS, N_BINS)
    n_units = max(1, int(responses.n_units))
    numbers = {
        "mean": responses.mean, "deviation": responses.deviation, "least": responses.least,
        "greatest": responses.greatest, "active": responses.share_active, "selectivity": responses.selectivity,
    }  # fmt: skip
    told: dict[str, Any] = {name: _round(float(values[channel])) for name, values in numbers.items()}
    return told | {
        "silent": _round(float(responses.n_silent[channel] / n_units)),
        "bins": {
            "first": first - N_BINS,
            "width": 2.0 ** int(responses.exponents[channel]) / N_BINS if len(used) else 0,
            "counts": bins[first : last + 1].tolist() if len(used) else [],
        },
    }


def _neighbours(book: Book) -> list[list[list[Any]]]:
    """Return by layer and channel the channels of all layers that respond most alike: layer, channel, correlation."""
    places = [book.survey.responses[one.layer].places for one in book.chapters]
    owners = np.concatenate([np.full(len(one), place) for place, one in enumerate(places)])
    numbers = np.concatenate([np.arange(len(one)) for one in places])
    everyone = np.concatenate(places)
    near = []
    for place, own in enumerate(places):
        alike = correlate(own, everyone)
        alike[np.arange(len(own)), np.flatnonzero(owners == place)] = -np.inf
        order = np.argsort(-alike, axis=1, kind="stable")[:, :_N_NEAR]
        near.append(
            [
                [[int(owners[other]), int(numbers[other]), round(float(alike[channel, other]), 2)]
                 for other in order[channel] if alike[channel, other] > 0]
                for channel in range(len(own))
            ]
        )  # fmt: skip
    return near


def _write_table(path: Path, book: Book, chapters: list[list[dict[str, Any]]]) -> None:
    """Write one row for each channel, in the units of the pages."""
    names = ("dip", "frequency", "dip_selectivity", "phase", "modulation", "polarity", "mean", "deviation", "least",
             "greatest", "active", "selectivity")  # fmt: skip
    titles = {"dip": "dip_deg", "frequency": "cycles_per_sample", "phase": "phase_deg", "active": "share_active"}
    classes = [f"serves {_class_name(book, number)}" for number in book.survey.classes]
    with writing_file(path, force=True) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["layer", "channel", "label", *(titles.get(name, name) for name in names), *classes])
        for chapter, channels in zip(book.chapters, chapters, strict=True):
            for one in channels:
                numbers = ["" if one[name] is None else one[name] for name in names]
                writer.writerow([chapter.layer, one["n"], one.get("label", ""), *numbers, *one["serves"]])


def _write(path: Path, text: str) -> None:
    with writing_file(path, force=True) as aside:
        aside.write_text(text, encoding="utf-8")


def _asset(name: str) -> str:
    return (resources.files("seisdream.atlas") / "site" / name).read_text(encoding="utf-8")


def _json(value: Any) -> str:
    # Within a script, a closing tag in a name would end it.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _round(value: float) -> float | int | None:
    """Return four digits of a number; None of what is not one."""
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e9 else rounded
