"""The path check as a figure: rank correlation of a dream and of real patches, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

_REAL, _DREAM = "#777777", "#b5532a"
_FONT_SIZE = 9.0
_MOST_LABELS = 14


def draw_paths(panels: Mapping[str, Sequence[Mapping[str, Any]]], *, columns: int = 2) -> Figure:
    """Draw one panel for each dream: its rank correlation with real patches, and theirs with one another.

    Parameters
    ----------
    panels : dict
        By title, for each layer in order ``layer``, ``dream``, ``real``, ``lowest`` and ``natural``.
    columns : int, default 2
        Panels in a row, at most.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    is_narrow = columns == 1
    figure = Figure(figsize=(0.6 + 4.6 * columns, (0.9 if is_narrow else 0.5) + 2.5 * rows), layout="constrained")
    every = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes, (title, layers) in zip(every, panels.items(), strict=False):
        _draw_panel(axes, title, layers)
    for axes in every[len(panels) :]:
        axes.set_visible(False)
    for axes in every[::columns]:
        axes.set_ylabel("Correlation with real patches", fontsize=_FONT_SIZE)
    dots = {"markersize": 6, "markeredgecolor": _DREAM, "color": _DREAM}
    legend = [
        Patch(facecolor=_REAL, alpha=0.25, label="real patches among themselves, median to 5th percentile"),
        Line2D([], [], marker="o", label="dream, above the lower edge (natural)", **dots),
        Line2D([], [], marker="o", label="dream, below it (not natural)", markerfacecolor="white", **dots),
    ]
    n_columns = 1 if is_narrow else len(legend)
    figure.legend(handles=legend, loc="outside lower center", ncols=n_columns, frameon=False, fontsize=_FONT_SIZE - 1)
    return figure


def _draw_panel(axes: Axes, title: str, layers: Sequence[Mapping[str, Any]]) -> None:
    x = np.arange(len(layers))
    lowest, real, dream = (np.array([one[name] for one in layers], float) for name in ("lowest", "real", "dream"))
    if len(x) == 1:
        axes.vlines(x, lowest, real, color=_REAL, alpha=0.25, linewidth=8)
    axes.fill_between(x, lowest, real, color=_REAL, alpha=0.25, linewidth=0)
    axes.plot(x, real, color=_REAL, linewidth=1.0)
    axes.plot(x, dream, color=_DREAM, linewidth=1.3)
    for position, one in zip(x, layers, strict=True):
        face = _DREAM if one["natural"] else "white"
        axes.plot(position, one["dream"], "o", markersize=6, markeredgecolor=_DREAM, markerfacecolor=face)
    every = -(-len(layers) // _MOST_LABELS)
    axes.set_xticks(x[::every], [str(one["layer"]) for one in layers[::every]], rotation=45, ha="right")
    axes.set_title(title, fontsize=_FONT_SIZE)
    axes.set_ylim(min(-0.05, dream.min() - 0.05, lowest.min() - 0.05), 1.02)
    axes.tick_params(labelsize=_FONT_SIZE - 1)
    axes.grid(axis="y", color="#e9e9e9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
