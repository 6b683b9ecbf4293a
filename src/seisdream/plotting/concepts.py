"""Concepts as a figure: the dream of each, real patches, and its map on a section."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seisdream.plotting.panels import FONT_SIZE, GREY, without_mathematics
from seisdream.plotting.thinning import nearest_samples
from seisdream.seismic.sections import GreyMapping, fill_absent

# In inches.
_THUMB, _GAP, _HEAD, _MARGIN = 1.05, 0.06, 0.36, 0.25
_MAX_PATCHES = 4
_MAP_COLUMNS = 400
_STRONGEST_CLASSES = 2
_OVERLAY = matplotlib.colormaps["autumn_r"]
_OPAQUE = 0.75


def draw_concepts(
    dataset: xr.Dataset,
    rows: Sequence[dict[str, Any]],
    names: Sequence[str],
    section: xr.DataArray,
    *,
    percentile: float = 99.0,
    title: str = "",
) -> Figure:
    """Draw a row for each concept, in two columns.

    Parameters
    ----------
    dataset : Dataset
        Of a `ConceptResult`.
    rows : sequence of dict
        What is known of each concept: ``number`` and ``name``, and what was measured.
    names : sequence of str
        Of the concepts.
    section : DataArray
        The line that the maps are of, ``(time, trace)``.
    percentile : float, 50 to 100, default 99
        The percentile of absolute amplitude at which the section's greys saturate.
    title : str
        A line above all.

    Returns
    -------
    matplotlib.figure.Figure
        For each concept its dream (where there is one), patches of data in which it is strongest, and the section with
        its strength in colour, from yellow to red at its largest.
    """
    patches = dataset["patches"].values[:, :_MAX_PATCHES]
    thumbs = [dataset["dreams"].values[:, None], patches] if "dreams" in dataset else [patches]
    n_thumbs = sum(one.shape[1] for one in thumbs)
    map_width = _THUMB * float(np.clip(section.shape[1] / section.shape[0], 1.0, 2.6))
    block = n_thumbs * (_THUMB + _GAP) + map_width
    n_columns = 2 if len(rows) > 4 else 1
    n_rows = math.ceil(len(rows) / n_columns)
    width = n_columns * block + (n_columns + 1) * _MARGIN
    height = n_rows * (_THUMB + _HEAD) + 3 * _MARGIN
    figure = Figure(figsize=(width, height))

    def place(left: float, top: float, across: float) -> Axes:
        axes = figure.add_axes((left / width, 1.0 - (top + _THUMB) / height, across / width, _THUMB / height))
        axes.set(xticks=[], yticks=[])
        return axes

    dreamed = "a dream (not recorded data), " if "dreams" in dataset else ""
    words = f"{title}\nEach row: {dreamed}the patches in which the concept is strongest, and its strength on the line"
    figure.text(_MARGIN / width, 1.0 - _MARGIN / height, words, fontsize=FONT_SIZE + 1, va="center", linespacing=1.4)
    grey = _thinned(section, percentile)
    for number, row in enumerate(rows):
        column, line = divmod(number, n_rows)
        left, top = _MARGIN + column * (block + _MARGIN), 2 * _MARGIN + line * (_THUMB + _HEAD) + _HEAD
        words = f"{row['number']}, {names[number]}" if row["name"] else f"Concept {row['number']}"
        words = ":  ".join(filter(None, [words, _facts(row)]))
        figure.text(left / width, 1.0 - (top - 0.05) / height, words, fontsize=FONT_SIZE, va="bottom")
        for position, tile in enumerate(tile for one in thumbs for tile in one[number]):
            axes = place(left + position * (_THUMB + _GAP), top, _THUMB)
            axes.imshow(tile, cmap=GREY, vmin=0, vmax=255, aspect="auto")
        axes = place(left + n_thumbs * (_THUMB + _GAP), top, map_width)
        _draw_map(axes, section, grey, dataset["map"].isel(concept=number))
    without_mathematics(figure)
    return figure


def _facts(row: dict[str, Any]) -> str:
    """Return the share of a concept, how well it reproduces, and the classes that it raises most; empty if unknown."""
    if "share" not in row:
        return ""
    facts = [f"{100 * row['share']:.0f} % of the activations", f"reproduces {row['halves']:.2f}"]
    raised = sorted(row.get("importance", {}).items(), key=lambda item: -item[1])[:_STRONGEST_CLASSES]
    if raised := [f"{name} {value:+.2g}" for name, value in raised if value > 0]:
        facts.append("raises " + ", ".join(raised))
    if likeness := row.get("likeness"):
        best = max(likeness, key=lambda name: likeness[name])
        facts.append(f"like {best} ({likeness[best]:.2f})")
    return "; ".join(facts)


def _thinned(section: xr.DataArray, percentile: float) -> NDArray:
    """Return a section as grey levels, with no more columns than a map shows."""
    values, _ = fill_absent(section)
    rows, columns = (nearest_samples(n, min(n, _MAP_COLUMNS)) for n in section.shape[:2])
    return GreyMapping.of(section, percentile).to_grey(values[rows][:, columns])


def _draw_map(axes: Axes, section: xr.DataArray, grey: NDArray, strength: xr.DataArray) -> None:
    n_rows, n_columns = section.shape[:2]
    axes.imshow(grey, cmap=GREY, vmin=0, vmax=255, aspect="auto", extent=(0.0, n_columns, n_rows, 0.0))
    values = strength.values / max(float(strength.max()), 1e-12)
    pixels = _OVERLAY(values)
    pixels[..., 3] = _OPAQUE * np.sqrt(values.clip(0.0, 1.0))
    edges = [_edges(strength[dim].values, section[dim].values) for dim in strength.dims]
    axes.imshow(
        pixels, aspect="auto", interpolation="bilinear", extent=(edges[1][0], edges[1][1], edges[0][1], edges[0][0])
    )
    axes.set(xlim=(0.0, n_columns), ylim=(n_rows, 0.0))


def _edges(centres: NDArray, samples: NDArray) -> tuple[float, float]:
    """Return the outer edges of units in samples of the section."""
    positions = np.arange(len(samples)) + 0.5
    order = np.argsort(samples)
    first, last = np.interp([centres[0], centres[-1]], np.asarray(samples, float)[order], positions[order])
    half = 0.5 * abs(last - first) / max(1, len(centres) - 1) if len(centres) > 1 else 0.5 * len(samples)
    return float(min(first, last) - half), float(max(first, last) + half)
