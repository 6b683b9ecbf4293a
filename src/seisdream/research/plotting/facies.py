"""Dreams of several networks beside one another, and what judges say of them, as figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seisdream.seismic.sections import GreyMapping

_FONT_SIZE = 9.0
_LOOKS = (("#b5532a", "o"), ("#1f5a94", "s"), ("#4f9d69", "^"), ("#d9a441", "D"))

# What each judge says: rows of measures with their intervals.
ByJudge = Mapping[str, Mapping[str, Any]]


def draw_sheet(shown: tuple[str, xr.DataArray], dreams: Mapping[str, Mapping[str, xr.DataArray]]) -> Figure:
    """Draw a section and its dreams: a row for each network, from shallow layers to deep ones.

    Parameters
    ----------
    shown : (str, DataArray)
        A title and the section ``(time, trace)`` before; all are drawn in its greys.
    dreams : dict of dict of DataArray
        By network and layer.
    """
    title, section = shown
    mapping = GreyMapping.of(section)
    n_columns = 1 + max(map(len, dreams.values()))
    height, width = section.shape[:2]
    panel = 2.1
    figure = Figure(figsize=(panel * n_columns, (panel * min(1.2, height / width) + 0.25) * len(dreams)), dpi=100,
                    layout="constrained")  # fmt: skip
    grid = figure.subplots(len(dreams), n_columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for row, (name, layers) in enumerate(dreams.items()):
        for place, (layer, values) in enumerate({title: section, **layers}.items()):
            grey = mapping.to_grey(values.values)
            grid[row, place].imshow(grey, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="antialiased")
            label = layer if place else f"{name}: before" if row else f"{title}; {name}"
            grid[row, place].set_title(label, fontsize=_FONT_SIZE - 2, loc="left", pad=2)
    return figure


def draw_judged(
    by_steps: Mapping[str, ByJudge], by_depth: Mapping[str, ByJudge], undirected: Mapping[str, ByJudge]
) -> Figure:
    """Draw what a facies gains with steps and with depth by each judge, and how often they agree on dreams of layers.

    Parameters
    ----------
    by_steps, by_depth : dict
        By number of steps, or layer, and judge: rows with ``gain`` and ``gain_interval``.
    undirected : dict
        By network and layer: rows with ``agreed`` and ``agreed_interval``.
    """
    figure = Figure(figsize=(10.5, 3.4), layout="constrained")
    steps, depth, layers = figure.subplots(1, 3)
    for axes, rows, title in ((steps, by_steps, "steps an octave"), (depth, by_depth, "layer of the channel")):
        judges = list(next(iter(rows.values())))
        for number, judge in enumerate(judges):
            _draw_line(axes, judge, [row[judge] for row in rows.values()], "gain", number)
        _finish(axes, list(rows), title)
        axes.axhline(0.0, color="#777777", linewidth=0.8)
        axes.set_ylabel("gain of the facies asked for", fontsize=_FONT_SIZE)
    steps.legend(frameon=False, fontsize=_FONT_SIZE - 1)
    for number, (name, rows) in enumerate(undirected.items()):
        _draw_line(layers, name, list(rows.values()), "agreed", number)
    longest = max(map(len, undirected.values()))
    _finish(layers, ["shallow", *[""] * (longest - 2), "deep"], "layers of each network")
    layers.set_ylabel("both judges see the same facies grow", fontsize=_FONT_SIZE)
    layers.set_ylim(-0.03, 1.03)
    layers.legend(frameon=False, fontsize=_FONT_SIZE - 1, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def _draw_line(axes: Axes, label: str, rows: list[Mapping[str, Any]], name: str, look: int) -> None:
    colour, marker = _LOOKS[look % len(_LOOKS)]
    values, ends = np.array([row[name] for row in rows]), np.array([row[f"{name}_interval"] for row in rows])
    sizes = np.maximum(np.stack([values - ends[:, 0], ends[:, 1] - values]), 0.0)
    at = np.arange(len(rows)) + 0.06 * (look - 0.5)
    axes.errorbar(at, values, yerr=sizes, color=colour, marker=marker, markersize=4, capsize=2, linewidth=1.2,
                  label=label)  # fmt: skip


def _finish(axes: Axes, places: list[str], title: str) -> None:
    axes.set_xticks(range(len(places)), places, fontsize=_FONT_SIZE - 1)
    axes.set_xlabel(title, fontsize=_FONT_SIZE)
    axes.tick_params(axis="y", labelsize=_FONT_SIZE - 1)
    axes.grid(color="#e9e9e9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
