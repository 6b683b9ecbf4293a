"""Networks compared over what they are shown: scores, likeness of representations and maps, as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

_FONT_SIZE = 9.0
_LOOKS = (("#b5532a", "o"), ("#1f5a94", "s"), ("#4f9d69", "^"), ("#d9a441", "D"))

# A label, what was measured at each place, which look (networks have one each), and whether the line is dashed.
Line = tuple[str, Sequence[Mapping[str, Any] | None], int, bool]


def draw_over_sights(
    places: Sequence[str], lines: Sequence[Line], measures: Mapping[str, str], *, floors: Mapping[str, float]
) -> Figure:
    """Draw scores over what was shown, from rock to recorded seismic, with their intervals.

    Parameters
    ----------
    places : sequence of str
        What was shown, from the left.
    lines : sequence
        For each its label, a row of measures at each place (None where there is none), the number of its look, and
        whether it is dashed.
    measures : dict
        Names in the rows, and how they are written: a panel for each.
    floors : dict of float
        What a measure is without looking, by name.
    """
    figure = Figure(figsize=(7.6, 2.5 * len(measures) + 1.2), layout="constrained")
    panels = figure.subplots(len(measures), 1, sharex=True, squeeze=False).ravel()
    for axes, (name, title) in zip(panels, measures.items(), strict=True):
        for number, line in enumerate(lines):
            _draw_line(axes, line, name, 0.06 * (number - 0.5 * (len(lines) - 1)))
        if name in floors:
            axes.axhline(
                floors[name], color="#777777", linewidth=0.9, linestyle=":", label="commonest class everywhere"
            )
        axes.set_ylabel(title, fontsize=_FONT_SIZE)
        axes.set_ylim(bottom=0.0)
        _finish(axes, places)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False,
                  fontsize=_FONT_SIZE - 1)  # fmt: skip
    return figure


def draw_alike(places: Sequence[str], groups: Mapping[str, Mapping[str, Sequence[Mapping[str, Any] | None]]]) -> Figure:
    """Draw linear CKA over what was shown: a panel for each comparison, a line for each layer.

    Parameters
    ----------
    places : sequence of str
        What was shown, from the left.
    groups : dict
        By comparison and layer a row with ``cka`` and its interval at each place, or None.
    """
    figure = Figure(figsize=(3.6 * len(groups), 3.9), layout="constrained")
    panels = figure.subplots(1, len(groups), sharey=True, squeeze=False).ravel()
    for axes, (title, layers) in zip(panels, groups.items(), strict=True):
        for number, (layer, rows) in enumerate(layers.items()):
            _draw_line(axes, (layer, rows, number % len(_LOOKS), False), "cka", 0.0)
        axes.set_title(title, fontsize=_FONT_SIZE)
        axes.set_ylim(0.0, 1.03)
        _finish(axes, places)
    panels[0].set_ylabel("Linear CKA", fontsize=_FONT_SIZE)
    panels[-1].legend(frameon=False, fontsize=_FONT_SIZE - 1)
    return figure


def draw_shown_and_told(
    columns: Sequence[tuple[str, NDArray, Mapping[str, NDArray]]], classes: Sequence[str], colours: Sequence[str]
) -> Figure:
    """Draw what was shown, and below it what each network took it for.

    Parameters
    ----------
    columns : sequence of (str, array, dict of array)
        A title, values ``(time, trace)``, and maps of classes ``(time, trace)`` by name, the same names in each.
    classes, colours : sequence of str
        In the order of their codes.
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
    seen = np.zeros(len(classes), bool)
    for place, (title, values, maps) in enumerate(columns):
        clip = np.nanpercentile(np.abs(values), 99)
        grid[0, place].imshow(values, cmap="gray", vmin=-clip, vmax=clip, aspect="auto")
        grid[0, place].set_title(title, fontsize=_FONT_SIZE - 1)
        for row, name in enumerate(names, start=1):
            codes = np.ma.masked_greater_equal(maps[name], len(classes))
            grid[row, place].imshow(codes, cmap=ListedColormap(list(colours)), vmin=-0.5, vmax=len(classes) - 0.5,
                                    aspect="auto", interpolation="nearest")  # fmt: skip
            seen[np.unique(codes.compressed())] = True
            if place == 0:
                grid[row, 0].set_ylabel(name, fontsize=_FONT_SIZE - 1)
    grid[0, 0].set_ylabel("shown", fontsize=_FONT_SIZE - 1)
    handles = [Patch(color=colours[code], label=classes[code]) for code in np.flatnonzero(seen).tolist()]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=_FONT_SIZE - 1.5)
    return figure


def _draw_line(axes: Axes, line: Line, name: str, shift: float) -> None:
    label, rows, look, is_dashed = line
    at = np.array([place for place, row in enumerate(rows) if row is not None])
    there = [row for row in rows if row is not None]
    values = np.array([row[name] for row in there])
    ends = np.array([row[f"{name}_interval"] for row in there])
    colour, marker = _LOOKS[look]
    # A percentile interval need not hold the value that it is about.
    sizes = np.abs(np.stack([np.minimum(ends[:, 0] - values, 0.0), np.maximum(ends[:, 1] - values, 0.0)]))
    axes.errorbar(at + shift, values, yerr=sizes, color=colour, marker=marker, markersize=4, capsize=2, linewidth=1.2,
                  linestyle="--" if is_dashed else "-", markerfacecolor="white" if is_dashed else colour,
                  label=label)  # fmt: skip


def _finish(axes: Axes, places: Sequence[str]) -> None:
    axes.set_xticks(range(len(places)), places, rotation=40, ha="right", fontsize=_FONT_SIZE - 1)
    axes.tick_params(axis="y", labelsize=_FONT_SIZE - 1)
    axes.grid(color="#e9e9e9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
