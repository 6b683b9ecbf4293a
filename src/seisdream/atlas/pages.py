"""The pages of an atlas, which open from disk, and their numbers as a table."""

from __future__ import annotations

import csv
import json
import math
import shlex
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from seisdream.atlas.concepts import write_concepts
from seisdream.atlas.content import SHEET_COLUMNS, AtlasContent
from seisdream.atlas.layer_selection import AtlasLayer
from seisdream.atlas.settings import ATLAS_FILE
from seisdream.atlas.sprites import write_strip
from seisdream.channels.activation_statistics import N_BINS, ActivationStatistics, correlate
from seisdream.channels.top_activations import PatchLocation
from seisdream.channels.tuning import Tuning
from seisdream.escaping import for_csv, for_html
from seisdream.inference.tensors import as_bytes
from seisdream.io.atomic import writing_file
from seisdream.models.checkpoints import COLOUR
from seisdream.models.network import Network
from seisdream.provenance import short_name, version_of
from seisdream.seismic.sections import fill_absent

INDEX, TABLE = "index.html", "channels.csv"
_N_SIMILAR = 8
_ASSETS = ("atlas.css", "atlas.js")
_DATA = "data"


def write_pages(content: AtlasContent, folder: Path) -> list[Path]:
    """Write the pages of an atlas; ``index.html`` comes last.

    Parameters
    ----------
    content : AtlasContent
        Everything that the pages show.
    folder : Path
        Of the atlas.

    Returns
    -------
    list of Path
        ``index.html``, ``channels.csv``, ``atlas.json``.
    """
    similar = _similar_channels(content)
    axes = _Axes(content)
    channels = [_channels(content, layer, similar[number], axes) for number, layer in enumerate(content.layers)]
    with writing_file(folder / "scene.webp", force=True) as aside:
        write_strip(aside, [as_bytes(content.lines.mapping.to_grey(fill_absent(content.scene)[0]))])
    concepts = {"concepts": write_concepts(content.concepts, folder)} if content.concepts else {}
    scripts = [("atlas", f"window.ATLAS = {_json(_front(content, axes) | concepts)};\n")]
    scripts += [
        (layer.folder, f"ATLAS.layers[{number}].channels = {_json(of_layer)};\n")
        for number, (layer, of_layer) in enumerate(zip(content.layers, channels, strict=True))
    ]
    for name, text in scripts:
        _write(folder / _DATA / f"{name}.js", text)
    _write_table(folder / TABLE, content, channels)
    for name in _ASSETS:
        _write(folder / name, _asset(name))
    tags = "\n".join(f'<script src="{_DATA}/{name}.js"></script>' for name, _ in scripts)
    title = f"Atlas of {short_name(content.network.name)}"
    _write(folder / INDEX, _asset(INDEX).replace("<!-- data -->", tags).replace("{{title}}", for_html(title)))
    return [folder / INDEX, folder / TABLE, folder / ATLAS_FILE]


class _Axes:
    """Positions in the data, in the coordinates of the data."""

    def __init__(self, content: AtlasContent):
        self.lines = content.lines
        first = content.scene
        self.down, self.across = (str(dim) for dim in first.dims)
        steps = np.diff(np.asarray(first[self.down].values, np.float64))
        self.dt_ms = float(np.median(steps)) if self.down == "time" else None
        self._coords: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def describe(self, location: PatchLocation, patch: tuple[int, int]) -> list[Any]:
        """Return the line, the horizontal and vertical coordinate of a patch's middle, and the activation there."""
        if location.line not in self._coords:
            # All lines of a volume have the same axes.
            key = 0 if len(self.lines) > 1 else location.line
            if key not in self._coords:
                line = self.lines.open(key)
                self._coords[key] = (np.asarray(line[self.across].values), np.asarray(line[self.down].values))
            self._coords[location.line] = self._coords[key]
        across, down = self._coords[location.line]
        middle = (location.row + patch[0] // 2, location.column + patch[1] // 2)
        return [location.line, _round(float(across[middle[1]])), _round(float(down[middle[0]])), _round(location.value)]


def _front(content: AtlasContent, axes: _Axes) -> dict[str, Any]:
    """Return what the pages show of the atlas as a whole."""
    network, record, settings = content.network, content.record, content.settings
    scene, known = content.scene, record["input"]
    return {
        "version": version_of("seisdream"),
        "network": record["network"] | {"name": short_name(network.name)},
        "data": {
            "input": Path(known["source"]).name, "credit": known["credit"], "licence": known["licence"],
            "black": known["grey_mapping"]["low"], "white": known["grey_mapping"]["high"],
        },
        "lines": list(content.lines.names),
        "down": axes.down, "across": axes.across, "dt_ms": axes.dt_ms, "units": str(scene.attrs.get("units", "")),
        "classes": [_class_name(content, number) for number in content.measurements.classes],
        "colours": [_colour(network, number) for number in content.measurements.classes],
        "class_layer": network.class_layer,
        "dips": content.waves.dips_deg.tolist(), "frequencies": [_round(one) for one in content.waves.frequencies],
        "size": settings.size, "seeds": settings.seeds, "columns": SHEET_COLUMNS,
        "scene": {
            "rows": scene.shape[0], "columns": scene.shape[1],
            "where": [str(scene.attrs.get("selection", "")),
                      *(_round(float(scene[dim].values[end])) for dim in (axes.across, axes.down) for end in (0, -1))],
        },
        "command": _command(content, axes),
        "layers": [_layer(content, one) for one in content.layers],
    }  # fmt: skip


def _layer(content: AtlasContent, layer: AtlasLayer) -> dict[str, Any]:
    info = content.network.layer(layer.name)
    return {
        "name": layer.name, "folder": layer.folder, "patch": list(layer.patch), "kind": info.kind,
        "n_channels": info.n_channels, "field": info.receptive_field, "stride": info.stride,
    }  # fmt: skip


def _command(content: AtlasContent, axes: _Axes) -> str:
    """Return the command that repeats a feature visualisation, without its layer and seed."""
    known, settings, dream = content.record["input"], content.settings, content.dream_settings
    if known["options"] or settings.every > 1:
        return ""  # No option names the line whose spectrum was used.
    words = ["seisdream", "dream", f"noise:{settings.size}x{settings.size}", "--network", content.network.name]
    if content.network.weights:
        words += ["--weights", str(content.network.weights)]
    if axes.dt_ms:
        words += ["--dt-ms", f"{axes.dt_ms:g}"]
    words += ["--parameterization", dream.parameterization, "--reference-section", known["source"], "--octaves", "1"]
    words += ["--steps", str(dream.steps), "--step-size", f"{dream.step_size:g}", "--jitter", str(dream.jitter)]
    return shlex.join([*words, "--allow-undersized"])


def _channels(content: AtlasContent, layer: AtlasLayer, similar: list[list[Any]], axes: _Axes) -> list[dict[str, Any]]:
    """Return what the pages show of each channel of a layer."""
    statistics, tuning = content.measurements.statistics[layer.name], content.tuning[layer.name]
    locations = content.measurements.patches[layer.name].locations()
    contributions = content.measurements.contributions[layer.name]
    labels, natural = _labels(content, layer.name), content.natural[layer.name]
    channels = []
    for channel in range(layer.n_channels):
        one: dict[str, Any] = {"n": channel}
        if labels:
            one["label"] = labels[channel]
        one["natural"] = natural[channel]
        one |= _tuning(tuning, channel) | _statistics(statistics, channel)
        one["patches"] = [axes.describe(location, layer.patch) for location in locations[channel]]
        one["similar"] = similar[channel]
        one["contributions"] = [_round(value) for value in contributions[channel]]
        channels.append(one)
    return channels


def _labels(content: AtlasContent, layer: str) -> tuple[str, ...] | None:
    if layer == content.network.class_layer and content.network.classes:
        return content.network.classes
    return content.network.channel_labels(layer)


def _colour(network: Network, number: int) -> str:
    """Return the colour of a class, or nothing where it is no colour; the page uses it in a style."""
    colour = network.colours[number] if network.colours else ""
    return colour if COLOUR.fullmatch(colour) else ""


def _class_name(content: AtlasContent, number: int) -> str:
    return content.network.classes[number] if content.network.classes else str(number)


def _tuning(tuning: Tuning, channel: int) -> dict[str, Any]:
    strength = tuning.strength[channel].clip(0.0)
    peak = float(strength.max())
    # One digit 0 to 9 or letter a to z for each shade, dip by dip.
    shades = np.rint(35 * strength / peak).astype(int) if peak > 0 else np.zeros_like(strength, int)
    numbers = {
        "dip": tuning.dip_deg, "frequency": tuning.frequency, "dip_selectivity": tuning.dip_selectivity,
        "phase": tuning.phase_deg, "modulation": tuning.modulation, "polarity": tuning.polarity,
    }  # fmt: skip
    rounded: dict[str, Any] = {name: _round(float(values[channel])) for name, values in numbers.items()}
    return rounded | {"tuning": "".join(np.base_repr(shade, 36).lower() for shade in shades.ravel())}


def _statistics(statistics: ActivationStatistics, channel: int) -> dict[str, Any]:
    counts = statistics.counts[channel]
    bins = np.concatenate([counts[1, ::-1], counts[0]])
    used = np.flatnonzero(bins)
    first, last = (int(used[0]), int(used[-1])) if len(used) else (N_BINS, N_BINS)
    n_units = max(1, int(statistics.n_units))
    numbers = {
        "mean": statistics.mean, "deviation": statistics.deviation, "least": statistics.least,
        "greatest": statistics.greatest, "active": statistics.share_active, "selectivity": statistics.selectivity,
    }  # fmt: skip
    rounded: dict[str, Any] = {name: _round(float(values[channel])) for name, values in numbers.items()}
    return rounded | {
        "silent": _round(float(statistics.n_silent[channel] / n_units)),
        "bins": {
            "first": first - N_BINS,
            "width": 2.0 ** int(statistics.exponents[channel]) / N_BINS if len(used) else 0,
            "counts": bins[first : last + 1].tolist() if len(used) else [],
        },
    }


def _similar_channels(content: AtlasContent) -> list[list[list[Any]]]:
    """Return by layer and channel the most correlated channels of all layers: layer, channel, correlation."""
    samples = [content.measurements.statistics[one.name].samples for one in content.layers]
    owners = np.concatenate([np.full(len(one), number) for number, one in enumerate(samples)])
    numbers = np.concatenate([np.arange(len(one)) for one in samples])
    everyone = np.concatenate(samples)
    similar = []
    for number, own in enumerate(samples):
        correlation = correlate(own, everyone)
        correlation[np.arange(len(own)), np.flatnonzero(owners == number)] = -np.inf
        order = np.argsort(-correlation, axis=1, kind="stable")[:, :_N_SIMILAR]
        similar.append(
            [
                [[int(owners[other]), int(numbers[other]), round(float(correlation[channel, other]), 2)]
                 for other in order[channel] if correlation[channel, other] > 0]
                for channel in range(len(own))
            ]
        )  # fmt: skip
    return similar


def _write_table(path: Path, content: AtlasContent, channels: list[list[dict[str, Any]]]) -> None:
    """Write a table with one row for each channel, in the units of the pages."""
    names = ("dip", "frequency", "dip_selectivity", "phase", "modulation", "polarity", "mean", "deviation", "least",
             "greatest", "active", "selectivity", "natural")  # fmt: skip
    titles = {"dip": "dip_deg", "frequency": "cycles_per_sample", "phase": "phase_deg", "active": "share_active",
              "natural": "natural_share_of_layers"}  # fmt: skip
    classes = [f"contribution to {_class_name(content, number)}" for number in content.measurements.classes]
    with (
        writing_file(path, force=True) as aside,
        aside.open("w", newline="", encoding="utf-8", errors="replace") as file,
    ):
        writer = csv.writer(file)
        titled = (titles.get(name, name) for name in names)
        writer.writerow(map(for_csv, ["layer", "channel", "label", *titled, *classes]))
        for layer, of_layer in zip(content.layers, channels, strict=True):
            for one in of_layer:
                numbers = ["" if one[name] is None else one[name] for name in names]
                row = [layer.name, one["n"], one.get("label", ""), *numbers, *one["contributions"]]
                writer.writerow(map(for_csv, row))


def _write(path: Path, text: str) -> None:
    with writing_file(path, force=True) as aside:
        aside.write_text(text, "utf-8", "replace")


def _asset(name: str) -> str:
    return (resources.files("seisdream.atlas") / "site" / name).read_text(encoding="utf-8")


def _json(value: Any) -> str:
    # A closing tag in a name would end the script.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")


def _round(value: float) -> float | int | None:
    """Return a number with four digits, or None if it is not finite."""
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e9 else rounded
