"""Concepts as pictures: the dream of each, real patches, and its map on a section."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from seisdream.plotting.panels import FONT_SIZE, without_mathematics
from seisdream.seismic.sections import GreyMapping, fill_absent

SIDE = 105
"""Height of a strip in pixels; dreams and patches are as wide."""
_GAP = 6
_MAX_PATCHES = 4
_ASPECT = (1.0, 2.6)
_STRONGEST_CLASSES = 2
_OVERLAY = matplotlib.colormaps["autumn_r"]
_OPAQUE = 0.85
_CORNER = (255, 160, 30)
# In inches, at 100 pixels each.
_PIXELS = 100.0
_HEAD, _MARGIN, _LINE = 0.36, 0.25, 0.19
_NARROWEST = 5.0  # column, for what is known of a concept
_CHARACTERS = 14  # of the caption, in an inch


def concept_strips(dataset: xr.Dataset, section: xr.DataArray, *, percentile: float = 99.0) -> NDArray[np.uint8]:
    """Return a picture of each concept: its dream (where there is one), its patches, and its map.

    Parameters
    ----------
    dataset : Dataset
        Of a `ConceptResult`: ``patches``, ``map`` and perhaps ``dreams``.
    section : DataArray
        The line that the maps are of, ``(time, trace)``.
    percentile : float, 50 to 100, default 99
        The percentile of absolute amplitude at which the section's greys saturate.

    Returns
    -------
    array
        uint8 ``(concept, row, column, 3)``. Corners mark the middle third of a dream or patch, where the concept is. A
        map is the section with the strength in colour, from yellow to red at its largest.
    """
    patches = dataset["patches"].values[:, :_MAX_PATCHES]
    thumbs = [dataset["dreams"].values[:, None], patches] if "dreams" in dataset else [patches]
    gap = np.full((len(patches), SIDE, _GAP, 3), 255, np.uint8)
    parts: list[NDArray] = []
    for tile in (one[:, number] for one in thumbs for number in range(one.shape[1])):
        grey = np.stack([_resized(one, (SIDE, SIDE)) for one in tile])
        pictures = np.repeat(grey[..., None], 3, axis=3)
        pictures[:, _corners()] = _CORNER
        pictures[np.ptp(tile, axis=(1, 2)) == 0] = 255  # no more patches
        parts += [pictures, gap]
    return np.concatenate([*parts, maps_on_section(dataset["map"], section, percentile)], axis=2)


def draw_concepts(strips: NDArray[np.uint8], rows: Sequence[dict[str, Any]], *, title: str = "") -> Figure:
    """Draw a strip for each concept, in two columns.

    Parameters
    ----------
    strips : array
        From `concept_strips`.
    rows : sequence of dict
        What is known of each concept.
    title : str
        A line above all.
    """
    strip, side = strips.shape[2] / _PIXELS, SIDE / _PIXELS
    column_width = max(strip, _NARROWEST)
    n_columns = 2 if len(rows) > 4 else 1
    n_rows = math.ceil(len(rows) / n_columns)
    width = n_columns * column_width + (n_columns + 1) * _MARGIN
    lines = [*([title] if title else []), *textwrap.wrap(caption_of(rows), int(_CHARACTERS * (width - 2 * _MARGIN)))]
    first = _MARGIN + len(lines) * _LINE
    height = first + n_rows * (side + _HEAD) + _MARGIN
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.axis("off")
    for number, line in enumerate(lines):
        figure.text(_MARGIN / width, 1.0 - (_MARGIN + number * _LINE) / height, line, fontsize=FONT_SIZE + 1, va="top")
    for number, row in enumerate(rows):
        column, line = divmod(number, n_rows)
        left, top = _MARGIN + column * (column_width + _MARGIN), first + line * (side + _HEAD) + _HEAD
        words = f"{heading_of(row)}:  {facts_of(row)}"
        figure.text(left / width, 1.0 - (top - 0.05) / height, words, fontsize=FONT_SIZE, va="bottom")
        axes.imshow(strips[number], extent=(left, left + strip, top + side, top), aspect="auto")
    axes.set(xlim=(0.0, width), ylim=(height, 0.0))
    without_mathematics(figure)
    return figure


def maps_on_section(strengths: xr.DataArray, section: xr.DataArray, percentile: float) -> NDArray[np.uint8]:
    """Return pictures of a section with the strength of each concept in colour, from yellow to red at its largest.

    Parameters
    ----------
    strengths : DataArray
        ``(concept, time, trace)`` at the units of a layer.
    section : DataArray
        ``(time, trace)``.
    percentile : float
        The percentile of absolute amplitude at which the section's greys saturate.

    Returns
    -------
    array
        uint8 ``(concept, row, column, 3)``, `SIDE` rows.
    """
    values, _ = fill_absent(section)
    size = (SIDE, round(SIDE * float(np.clip(section.shape[1] / section.shape[0], *_ASPECT))))
    grey = _resized(GreyMapping.of(section, percentile).to_grey(values).clip(0, 255).astype(np.float32), size)
    at = [
        _interpolation(strengths[dim].values, section[dim].values, n)
        for dim, n in zip(strengths.dims[1:], size, strict=True)
    ]
    shown = np.einsum("ri,kij,cj->krc", at[0], strengths.values, at[1], optimize=True)
    shown = shown.clip(0.0) / np.maximum(strengths.values.max((1, 2), keepdims=True), 1e-12)
    opacity = _OPAQUE * shown.clip(0.0, 1.0)[..., None]
    colours = 255.0 * _OVERLAY(shown)[..., :3]
    return np.rint((1.0 - opacity) * grey[..., None] + opacity * colours).astype(np.uint8)


def caption_of(rows: Sequence[dict[str, Any]]) -> str:
    """Return what the strips of some concepts show, and what `facts_of` lists."""
    dream = "a dream (not recorded data), " if "natural" in rows[0] else ""
    effect = "; the classes that it makes more likely (logit)" if "importance" in rows[0] else ""
    return (
        f"From the left: {dream}patches where the concept is strongest, between the orange corners, and its strength "
        "on the line, from yellow to red. Above: its share of the activations; how well it reproduces between halves "
        f"of the data (0 to 1){effect}."
    )


def heading_of(row: dict[str, Any]) -> str:
    """Return the number of a concept, and its name where a user gave one."""
    return f"{row['number']}, {row['name']}" if row["name"] else f"Concept {row['number']}"


def facts_of(row: dict[str, Any]) -> str:
    """Return the share of a concept, how well it reproduces, the classes that it raises most, and what it is like."""
    facts = [f"{100 * row['share']:.0f} %", f"reproduces {row['halves']:.2f}"]
    raised = sorted(row.get("importance", {}).items(), key=lambda item: -item[1])[:_STRONGEST_CLASSES]
    if raised := [f"{name} {value:+.2f}" for name, value in raised if value >= 0.005]:
        facts.append("raises " + ", ".join(raised))
    if likeness := row.get("likeness"):
        best = max(likeness, key=lambda name: likeness[name])
        facts.append(f"like {best} ({likeness[best]:.2f})")
    return "; ".join(facts)


def _corners() -> NDArray[np.bool_]:
    """Return the pixels of a picture that mark the corners of its middle third."""
    first, last, length = SIDE // 3, SIDE - SIDE // 3 - 1, SIDE // 15
    row, column = np.mgrid[:SIDE, :SIDE]
    to_edge = [np.minimum(np.abs(axis - first), np.abs(axis - last)) for axis in (row, column)]
    is_inside = (np.minimum(row, column) >= first) & (np.maximum(row, column) <= last)
    return is_inside & (np.minimum(*to_edge) == 0) & (np.maximum(*to_edge) < length)


def _interpolation(centres: NDArray, samples: NDArray, n: int) -> NDArray[np.float64]:
    """Return the weights of units at each of n pixels over the samples of an axis, ``(pixel, unit)``."""
    order = np.argsort(samples)
    units = np.interp(centres, np.asarray(samples, float)[order], np.arange(len(samples))[order])
    pixels = (np.arange(n) + 0.5) * len(samples) / n - 0.5
    by_position = np.argsort(units)
    return np.stack([np.interp(pixels, units[by_position], one) for one in np.eye(len(units))[:, by_position]], 1)


def _resized(levels: NDArray, size: tuple[int, int]) -> NDArray:
    return np.asarray(Image.fromarray(levels).resize((size[1], size[0]), Image.Resampling.BILINEAR))
