"""Figures of the experiment on geology: scores, similarity of representations, and maps of facies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from seisdream.research.plotting.style import (
    FONT_SIZE,
    GREY,
    STYLES,
    draw_with_intervals,
    finish_axes,
    label_categories,
)


@dataclass(frozen=True)
class Series:
    """A line of a figure.

    Attributes
    ----------
    label : str
        Entry in the legend.
    rows : sequence of dict or None
        Measures and their intervals at each stage; None where there is no value.
    style : int
        Index into `STYLES`.
    is_dashed : bool
        Whether the line is dashed and its markers are open.
    """

    label: str
    rows: Sequence[Mapping[str, Any] | None]
    style: int
    is_dashed: bool = False


def draw_scores(
    stages: Sequence[str], series: Sequence[Series], measures: Mapping[str, str], *, baselines: Mapping[str, float]
) -> Figure:
    """Draw scores against the stage from rock to recorded seismic, one panel for each measure.

    Parameters
    ----------
    stages : sequence of str
        Stages, from the left.
    series : sequence of Series
        The lines of each panel.
    measures : dict
        Key of each measure and its label.
    baselines : dict of float
        Scores of the majority class, by measure.
    """
    figure = Figure(figsize=(7.6, 2.5 * len(measures) + 1.2), layout="constrained")
    panels = figure.subplots(len(measures), 1, sharex=True, squeeze=False).ravel()
    for axes, (measure, title) in zip(panels, measures.items(), strict=True):
        for number, line in enumerate(series):
            _draw_series(axes, line, measure, 0.06 * (number - 0.5 * (len(series) - 1)))
        if measure in baselines:
            axes.axhline(baselines[measure], color=GREY, linewidth=0.9, linestyle=":", label="majority class")
        axes.set_ylabel(title, fontsize=FONT_SIZE)
        axes.set_ylim(bottom=0.0)
        _finish(axes, stages)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False,
                  fontsize=FONT_SIZE - 1)  # fmt: skip
    return figure


def draw_similarity(
    stages: Sequence[str], comparisons: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]
) -> Figure:
    """Draw linear CKA against the stage: a panel for each comparison, a line for each layer.

    Parameters
    ----------
    stages : sequence of str
        Stages, from the left.
    comparisons : dict
        By comparison and layer: a row with ``cka`` and its interval for each stage.
    """
    n_columns = min(3, len(comparisons))
    n_rows = -(-len(comparisons) // n_columns)
    figure = Figure(figsize=(3.6 * n_columns, 3.4 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False)
    for axes in panels.flat[len(comparisons) :]:
        axes.set_axis_off()
    for axes, (title, layers) in zip(panels.flat, comparisons.items(), strict=False):
        for number, (layer, rows) in enumerate(layers.items()):
            _draw_series(axes, Series(layer, rows, number % len(STYLES)), "cka", 0.0)
        axes.set_title(title, fontsize=FONT_SIZE)
        axes.set_ylim(0.0, 1.03)
        _finish(axes, stages)
    for axes in panels[:, 0]:
        axes.set_ylabel("Linear CKA", fontsize=FONT_SIZE)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False,
                  fontsize=FONT_SIZE - 1)  # fmt: skip
    return figure


def draw_maps(
    columns: Sequence[tuple[str, NDArray, Mapping[str, NDArray]]], classes: Sequence[str], colours: Sequence[str]
) -> Figure:
    """Draw sections and, below each, maps of its true and predicted facies.

    Parameters
    ----------
    columns : sequence of (str, array, dict of array)
        Title, values ``(time, trace)``, and maps of class codes ``(time, trace)`` by name; all columns have the same
        names.
    classes, colours : sequence of str
        In the order of the codes.
    """
    names = list(columns[0][2])
    n_rows, n_columns = 1 + len(names), len(columns)
    height, width = columns[0][1].shape
    panel = 1.75 if width < 1.5 * height else 2.9
    figure = Figure(figsize=(panel * n_columns + 1.0, panel * min(1.0, 1.1 * height / width) * n_rows + 1.0),
                    layout="constrained")  # fmt: skip
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes in grid.ravel():
        axes.set_xticks([])
        axes.set_yticks([])
    is_present = np.zeros(len(classes), bool)
    for column, (title, values, maps) in enumerate(columns):
        clip = np.nanpercentile(np.abs(values), 99)
        grid[0, column].imshow(values, cmap="gray", vmin=-clip, vmax=clip, aspect="auto")
        grid[0, column].set_title(title, fontsize=FONT_SIZE - 1)
        for row, name in enumerate(names, start=1):
            codes = np.ma.masked_greater_equal(maps[name], len(classes))
            grid[row, column].imshow(codes, cmap=ListedColormap(list(colours)), vmin=-0.5, vmax=len(classes) - 0.5,
                                     aspect="auto", interpolation="nearest")  # fmt: skip
            is_present[np.unique(codes.compressed())] = True
    for row, label in enumerate(["input", *names]):
        grid[row, 0].set_ylabel(label, fontsize=FONT_SIZE - 1)
    handles = [Patch(color=colours[code], label=classes[code]) for code in np.flatnonzero(is_present).tolist()]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=FONT_SIZE - 1.5)
    return figure


def draw_dreams(columns: Sequence[tuple[str, NDArray, Mapping[str, NDArray]]]) -> Figure:
    """Draw sections and, below each, the dreams of each network.

    Parameters
    ----------
    columns : sequence of (str, array, dict of array)
        Title, values ``(time, trace)``, and dreams by network; each column has one grey scale.
    """
    names = list(columns[0][2])
    figure = Figure(figsize=(2.6 * len(columns) + 0.3, 2.6 * (1 + len(names)) + 0.3), layout="constrained")
    grid = figure.subplots(1 + len(names), len(columns), squeeze=False)
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
    for column, (title, values, dreams) in enumerate(columns):
        clip = np.percentile(np.abs(values), 99)
        for axes, panel in zip(grid[:, column], (values, *dreams.values()), strict=True):
            axes.imshow(panel, cmap="gray", vmin=-clip, vmax=clip, aspect="auto")
        grid[0, column].set_title(title, fontsize=FONT_SIZE - 1)
    for axes, label in zip(grid[:, 0], ("input", *names), strict=True):
        axes.set_ylabel(label, fontsize=FONT_SIZE - 1)
    return figure


def _draw_series(axes: Axes, series: Series, measure: str, shift: float) -> None:
    x = np.array([stage for stage, row in enumerate(series.rows) if row is not None])
    rows = [row for row in series.rows if row is not None]
    colour, marker = STYLES[series.style]
    draw_with_intervals(axes, x + shift, rows, measure, color=colour, marker=marker, markersize=4,
                        linestyle="--" if series.is_dashed else "-",
                        markerfacecolor="white" if series.is_dashed else colour, label=series.label)  # fmt: skip


def _finish(axes: Axes, stages: Sequence[str]) -> None:
    label_categories(axes, stages, rotation=40)
    finish_axes(axes)
