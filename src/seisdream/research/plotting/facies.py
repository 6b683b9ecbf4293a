"""Figures of the experiment on facies: a sheet of dreams, and how classifiers rate them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seisdream.research.plotting.style import (
    FONT_SIZE,
    GREY,
    STYLES,
    draw_with_intervals,
    finish_axes,
    label_categories,
)
from seisdream.seismic.sections import GreyMapping

ByClassifier = Mapping[str, Mapping[str, Any]]
"""Measures and their intervals, by classifier."""


def draw_sheet(title: str, section: xr.DataArray, dreams: Mapping[str, Mapping[str, xr.DataArray]]) -> Figure:
    """Draw a section and its dreams: a row for each network, from shallow layers to deep ones.

    Parameters
    ----------
    title : str
        Name of the section.
    section : DataArray
        ``(time, trace)`` before dreaming; all panels have its grey scale.
    dreams : dict of dict of DataArray
        By network and layer.
    """
    mapping = GreyMapping.of(section)
    n_columns = 1 + max(map(len, dreams.values()))
    height, width = section.shape[:2]
    panel = 1.7
    figure = Figure(figsize=(panel * n_columns, (panel * min(1.2, height / width) + 0.25) * len(dreams)), dpi=100,
                    layout="constrained")  # fmt: skip
    grid = figure.subplots(len(dreams), n_columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for row, (network, layers) in enumerate(dreams.items()):
        for column, (layer, values) in enumerate({title: section, **layers}.items()):
            grey = mapping.to_grey(values.values)
            axes = grid[row, column]
            axes.imshow(grey, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="antialiased")
            label = layer if column else network if row else f"{title}; {network}"
            axes.set_title(label, fontsize=FONT_SIZE - 2, loc="left", pad=2)
    return figure


def draw_gains(
    by_steps: Mapping[str, ByClassifier], by_layer: Mapping[str, ByClassifier], by_dreamer: Mapping[str, ByClassifier]
) -> Figure:
    """Draw the gain of the target facies against steps, layers and networks.

    Parameters
    ----------
    by_steps, by_layer, by_dreamer : dict
        By number of steps, layer, or network and preset, and classifier: rows with ``gain`` and ``gain_interval``.
    """
    figure = Figure(figsize=(10.5, 3.4), layout="constrained")
    panels = {"Steps per octave": by_steps, "Layer of the channel": by_layer, "Network": by_dreamer}
    for axes, (title, rows) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        for number, classifier in enumerate(next(iter(rows.values()))):
            line = "none" if rows is by_dreamer else "-"
            _draw_series(axes, classifier, [row[classifier] for row in rows.values()], number, line)
        axes.axhline(0.0, color=GREY, linewidth=0.8)
        label_categories(axes, [name.replace(", ", ",\n") for name in rows])
        axes.set_xlabel(title, fontsize=FONT_SIZE)
        axes.set_ylabel("Gain of the target facies", fontsize=FONT_SIZE)
        finish_axes(axes)
    figure.axes[-1].tick_params(axis="x", labelrotation=40)
    figure.axes[0].legend(frameon=False, fontsize=FONT_SIZE - 1)
    return figure


def _draw_series(axes: Axes, label: str, rows: list[Mapping[str, Any]], number: int, line: str) -> None:
    colour, marker = STYLES[number % len(STYLES)]
    x = np.arange(len(rows)) + 0.06 * (number - 0.5)
    style = {"color": colour, "marker": marker, "markersize": 4, "linestyle": line}
    draw_with_intervals(axes, x, rows, "gain", label=label, **style)
