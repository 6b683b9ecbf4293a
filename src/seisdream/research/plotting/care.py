"""Figures of the experiment on care: few labels, and planted shortcuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from seisdream.research.plotting.style import FONT_SIZE, GREY, finish_axes

_STYLES = (("#1f5a94", "o"), ("#b5532a", "s"), ("#4f9d69", "^"), (GREY, "D"))


def draw_few_labels(rows: Sequence[Mapping[str, Any]], depth_only: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw pixel accuracy and mean IoU on distant lines against the number of labelled lines.

    Parameters
    ----------
    rows : sequence of dict
        ``n_labelled``, ``start``, ``selection``, ``pixel_accuracy`` and ``mean_iou`` of each training.
    depth_only : dict of dict
        Scores of the depth-only baseline, by the number of lines.
    """
    figure = Figure(figsize=(7.6, 3.2), layout="constrained")
    series = list(dict.fromkeys((row["start"], row["selection"]) for row in rows))
    ticks = sorted({row["n_labelled"] for row in rows})
    panels = figure.subplots(1, 2)
    for axes, (measure, title) in zip(
        panels, (("pixel_accuracy", "Pixel accuracy"), ("mean_iou", "Mean IoU")), strict=True
    ):
        for (start, selection), (colour, marker) in zip(series, _STYLES, strict=False):
            own = [row for row in rows if (row["start"], row["selection"]) == (start, selection)]
            axes.plot(
                [row["n_labelled"] for row in own], [row[measure] for row in own], color=colour, marker=marker,
                markersize=5, linewidth=1.3, label=f"{start}, {selection}",
            )  # fmt: skip
        axes.plot([int(n) for n in depth_only], [row[measure] for row in depth_only.values()], color=GREY, marker="D",
                  markersize=4, linewidth=1.0, linestyle=":", label="depth only")  # fmt: skip
        axes.set_xscale("log")
        axes.set_xticks(ticks, list(map(str, ticks)))
        axes.set_xticks([], minor=True)
        axes.set_xlabel("Labelled lines", fontsize=FONT_SIZE)
        axes.set_ylabel(f"{title} on distant lines", fontsize=FONT_SIZE)
        finish_axes(axes, grid="y")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False,
                  fontsize=FONT_SIZE - 1)  # fmt: skip
    return figure


def draw_shortcuts(
    detections: Mapping[str, Mapping[str, Any]], false_alarms: Mapping[str, Mapping[str, Any]]
) -> Figure:
    """Draw for each tool how often it identifies a planted shortcut, and how often it reports one that is not there.

    Parameters
    ----------
    detections, false_alarms : dict of dict
        By tool ``rate``, ``interval`` and ``n``.
    """
    figure = Figure(figsize=(5.6, 3.0), layout="constrained")
    axes = figure.subplots()
    x = np.arange(len(detections))
    for shift, (rows, label, colour) in zip(
        (-0.19, 0.19),
        (
            (detections, "planted shortcut identified", "#1f5a94"),
            (false_alarms, "no shortcut, one reported", "#d9a441"),
        ),
        strict=True,
    ):
        values = np.array([row["rate"] for row in rows.values()])
        ends = np.array([row["interval"] for row in rows.values()])
        errors = np.maximum(np.stack([values - ends[:, 0], ends[:, 1] - values]), 0.0)
        axes.bar(x + shift, values, 0.36, yerr=errors, capsize=3, color=colour, error_kw={"linewidth": 0.9},
                 label=f"{label} (of {next(iter(rows.values()))['n']})")  # fmt: skip
    axes.set_xticks(x, list(detections), fontsize=FONT_SIZE)
    axes.set_ylim(0.0, 1.0)
    axes.set_ylabel("Fraction of networks", fontsize=FONT_SIZE)
    finish_axes(axes, grid="y")
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=FONT_SIZE - 1)
    return figure
