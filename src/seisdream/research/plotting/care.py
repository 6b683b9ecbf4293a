"""How few labels do, and who names a planted shortcut, as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

_FONT_SIZE = 9.0
_LOOKS = (("#1f5a94", "o"), ("#b5532a", "s"), ("#4f9d69", "^"), ("#777777", "D"))


def draw_labels(rows: Sequence[Mapping[str, Any]], depth: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw pixel accuracy and mean IoU on far lines over how many lines were labelled.

    Parameters
    ----------
    rows : sequence of dict
        ``n_labelled``, ``start``, ``chosen``, ``pixel_accuracy`` and ``mean_iou`` of each training.
    depth : dict of dict
        The scores of depth alone, by the number of lines.
    """
    figure = Figure(figsize=(7.6, 3.2), layout="constrained")
    series = {(row["start"], row["chosen"]): None for row in rows}
    panels = figure.subplots(1, 2)
    for axes, (measure, title) in zip(
        panels, (("pixel_accuracy", "pixel accuracy"), ("mean_iou", "mean IoU")), strict=True
    ):
        for (start, chosen), (colour, marker) in zip(series, _LOOKS, strict=False):
            own = [row for row in rows if (row["start"], row["chosen"]) == (start, chosen)]
            axes.plot(
                [row["n_labelled"] for row in own], [row[measure] for row in own], color=colour, marker=marker,
                markersize=5, linewidth=1.3, label=f"{start}, {chosen}",
            )  # fmt: skip
        axes.plot([int(n) for n in depth], [row[measure] for row in depth.values()], color="#777777", marker="D",
                  markersize=4, linewidth=1.0, linestyle=":", label="depth only")  # fmt: skip
        ticks = sorted({row["n_labelled"] for row in rows})
        axes.set_xscale("log")
        axes.set_xticks(ticks, list(map(str, ticks)))
        axes.set_xticks([], minor=True)
        axes.set_xlabel("lines labelled", fontsize=_FONT_SIZE)
        axes.set_ylabel(f"{title} on far lines", fontsize=_FONT_SIZE)
        _finish(axes)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False,
                  fontsize=_FONT_SIZE - 1)  # fmt: skip
    return figure


def draw_shortcuts(shares: Mapping[str, Mapping[str, Any]], false_alarms: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw in what share of networks each tool names the planted shortcut, and of honest ones any.

    Parameters
    ----------
    shares, false_alarms : dict of dict
        By tool ``share``, ``interval`` and ``n``.
    """
    figure = Figure(figsize=(5.6, 3.0), layout="constrained")
    axes = figure.subplots()
    at = np.arange(len(shares))
    for shift, (rows, label, colour) in zip(
        (-0.19, 0.19),
        ((shares, "planted, and named rightly", "#1f5a94"), (false_alarms, "honest, and suspected", "#d9a441")),
        strict=True,
    ):
        values = np.array([row["share"] for row in rows.values()])
        ends = np.array([row["interval"] for row in rows.values()])
        sizes = np.maximum(np.stack([values - ends[:, 0], ends[:, 1] - values]), 0.0)
        axes.bar(at + shift, values, 0.36, yerr=sizes, capsize=3, color=colour, error_kw={"linewidth": 0.9},
                 label=f"{label} (of {next(iter(rows.values()))['n']})")  # fmt: skip
    axes.set_xticks(at, list(shares), fontsize=_FONT_SIZE)
    axes.set_ylim(0.0, 1.0)
    axes.set_ylabel("share of networks", fontsize=_FONT_SIZE)
    _finish(axes)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=_FONT_SIZE - 1)
    return figure


def _finish(axes: Any) -> None:
    axes.tick_params(labelsize=_FONT_SIZE - 1)
    axes.grid(axis="y", color="#e9e9e9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
