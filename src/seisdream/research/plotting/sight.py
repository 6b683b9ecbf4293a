"""Figures of the experiment on sight and of the quiz: detection by observers and people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from seisdream.research.plotting.style import FONT_SIZE, draw_with_intervals, finish_axes, label_categories

_COLOURS = ("#222222", "#1f5a94", "#b03a6f", "#6fa8d6", "#9a9a9a", "#c0562b", "#d9a441", "#8b5a9b", "#4f9d69")
_MARKERS = "osphv^DPX*"[: len(_COLOURS)]
_GUIDE = {"color": "#999999", "linewidth": 0.8, "linestyle": ":"}
_LEGEND = {"frameon": False, "fontsize": FONT_SIZE - 1, "loc": "upper left"}
_LEAST_EFFICIENCY = 1e-4


def draw_psychometric(
    levels: Sequence[float],
    observers: Mapping[str, Sequence[Mapping[str, Any]]],
    curves: Mapping[str, Callable[[NDArray], NDArray]],
    *,
    order: Sequence[str],
    note: str = "",
) -> Figure:
    """Draw the proportion of correct 2AFC answers against the signal-to-noise ratio.

    Parameters
    ----------
    levels : sequence of float
        Signal-to-noise ratios in dB.
    observers : dict
        For each observer and level ``proportion_correct`` and its interval.
    curves : dict of callable
        Fitted psychometric functions, by observer.
    order : sequence of str
        All observers; the position in it gives each its colour, the same in every figure.
    note : str, optional
        A line of text inside the figure, below.
    """
    figure = Figure(figsize=(6.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    fine = np.linspace(min(levels) - 1.5, max(levels) + 1.5, 200)
    for number, (name, rows) in enumerate(observers.items()):
        style = _style(name, order)
        x = np.asarray(levels) + 0.3 * (number - 0.5 * len(observers))
        draw_with_intervals(axes, x, rows, "proportion_correct", **style)
        if name in curves:
            axes.plot(fine, curves[name](fine), color=style["color"], linewidth=1.2)
    axes.axhline(0.5, **_GUIDE)
    axes.set_ylim(0.4, 1.03)
    axes.set_xlabel("Signal-to-noise ratio (dB)", fontsize=FONT_SIZE)
    axes.set_ylabel("Proportion correct (2AFC)", fontsize=FONT_SIZE)
    finish_axes(axes)
    _write_note(axes, note)
    axes.legend(**_LEGEND, bbox_to_anchor=(1.0, 1.0))
    return figure


def draw_efficiency(
    kinds: Sequence[str], observers: Mapping[str, Mapping[str, Mapping[str, Any]]], *, order: Sequence[str]
) -> Figure:
    """Draw the efficiency of each observer for each kind of target on a logarithmic axis.

    Parameters
    ----------
    kinds : sequence of str
        Kinds of target, from the top.
    observers : dict
        For each observer and kind ``efficiency`` and its interval; kinds without a response are left out.
    order : sequence of str
        As for `draw_psychometric`.
    """
    figure = Figure(figsize=(6.6, 0.55 * len(kinds) + 1.3), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, rows) in enumerate(observers.items()):
        positions = [position for position, kind in enumerate(kinds) if kind in rows]
        values = np.array([rows[kinds[position]]["efficiency"] for position in positions]).clip(_LEAST_EFFICIENCY)
        ends = np.array([rows[kinds[position]]["efficiency_interval"] for position in positions])
        ends = ends.clip(_LEAST_EFFICIENCY)
        y = np.array(positions) + 0.1 * (number - 0.5 * (len(observers) - 1))
        style = _style(name, order)
        axes.hlines(y, ends[:, 0], ends[:, 1], color=style["color"], linewidth=1.2)
        axes.plot(values, y, **style)
    axes.axvline(1.0, color=_COLOURS[0], linewidth=1.2)
    axes.text(1.0, -0.62, "ideal", ha="center", va="bottom", fontsize=FONT_SIZE - 1)
    axes.set_xscale("log")
    axes.set_xlim(0.8 * _LEAST_EFFICIENCY, 1.6)
    axes.set_yticks(range(len(kinds)), kinds, fontsize=FONT_SIZE)
    axes.set_ylim(len(kinds) - 0.4, -0.6)
    axes.set_xlabel("Efficiency, (d′ / d′ ideal)²", fontsize=FONT_SIZE)
    finish_axes(axes)
    axes.legend(**_LEGEND, bbox_to_anchor=(1.0, 1.0))
    return figure


def draw_roc(curves: Mapping[str, Mapping[str, tuple[NDArray, NDArray]]], *, order: Sequence[str]) -> Figure:
    """Draw receiver operating characteristics, one panel for each kind of target.

    Parameters
    ----------
    curves : dict
        By kind and observer: false-alarm and hit rates.
    order : sequence of str
        As for `draw_psychometric`.
    """
    figure = Figure(figsize=(2.0 * len(curves) + 1.6, 2.5), layout="constrained")
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (kind, of_kind) in zip(panels, curves.items(), strict=True):
        axes.plot([0, 1], [0, 1], **_GUIDE)
        for name, (false_alarms, hits) in of_kind.items():
            axes.plot(false_alarms, hits, color=_style(name, order)["color"], linewidth=1.3, label=name)
        axes.set_title(kind, fontsize=FONT_SIZE)
        axes.set_aspect("equal")
        axes.set_xticks([0, 0.5, 1])
        axes.set_yticks([0, 0.5, 1])
        axes.set_xlabel("False-alarm rate", fontsize=FONT_SIZE)
        finish_axes(axes)
    panels[0].set_ylabel("Hit rate", fontsize=FONT_SIZE)
    handles = {line.get_label(): line for axes in panels for line in axes.get_lines()}
    names = [name for name in order if name in handles]
    figure.legend([handles[name] for name in names], names, loc="outside right upper", frameon=False,
                  fontsize=FONT_SIZE - 1)  # fmt: skip
    return figure


def draw_false_alarms(rows: Mapping[str, Mapping[str, Mapping[str, Any]]], *, order: Sequence[str]) -> Figure:
    """Draw the false-alarm rate of observers by artefact.

    Parameters
    ----------
    rows : dict
        By observer and artefact: ``rate`` and its interval.
    order : sequence of str
        As for `draw_psychometric`.
    """
    artefacts = list(dict.fromkeys(name for of_observer in rows.values() for name in of_observer))
    figure = Figure(figsize=(6.6, 2.9), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, of_observer) in enumerate(rows.items()):
        x = np.arange(len(artefacts)) + 0.14 * (number - 0.5 * (len(rows) - 1))
        draw_with_intervals(axes, x, [of_observer[kind] for kind in artefacts], "rate", **_style(name, order))
    label_categories(axes, artefacts)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("False-alarm rate", fontsize=FONT_SIZE)
    finish_axes(axes)
    axes.legend(**_LEGEND, bbox_to_anchor=(1.0, 1.0))
    return figure


def draw_gallery(sections: Sequence[tuple[NDArray, tuple[slice, slice], str]], *, n_columns: int = 4) -> Figure:
    """Draw sections with the corners of their search boxes and a caption.

    Parameters
    ----------
    sections : sequence of (array, (slice, slice), str)
        Values ``(time, trace)``, search box and caption.
    n_columns : int, default 4
        Sections in a row.
    """
    n_rows = -(-len(sections) // n_columns)
    figure = Figure(figsize=(1.85 * n_columns, 2.45 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, (values, box, caption) in zip(panels, sections, strict=False):
        clip = np.percentile(np.abs(values), 99)
        axes.imshow(values, cmap="gray", vmin=-clip, vmax=clip, aspect="auto", interpolation="nearest")
        _draw_corners(axes, *box)
        axes.set_title(caption, fontsize=FONT_SIZE - 1.5, parse_math=False)
    return figure


def draw_people(
    levels: Sequence[float],
    observers: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    order: Sequence[str],
    note: str = "",
) -> Figure:
    """Draw d′ of people and other observers against the signal-to-noise ratio.

    Parameters
    ----------
    levels : sequence of float
        Signal-to-noise ratios in dB.
    observers : dict
        For each observer and level ``d_prime`` and its interval.
    order : sequence of str
        As for `draw_psychometric`.
    note : str, optional
        A line of text inside the figure, below.
    """
    figure = Figure(figsize=(6.6, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, rows) in enumerate(observers.items()):
        x = np.asarray(levels) + 0.12 * (number - 1)
        draw_with_intervals(axes, x, rows, "d_prime", **(_style(name, order) | {"linestyle": "-"}))
    axes.axhline(0.0, **_GUIDE)
    axes.set_yscale("symlog", linthresh=4.0)
    ends = [end for rows in observers.values() for row in rows for end in row["d_prime_interval"] if np.isfinite(end)]
    low, high = min(-1.0, *ends), max(4.0, *ends)
    ticks = [tick for tick in (-4, -3, -2, -1, 0, 1, 2, 3, 4, 8, 16, 32, 64, 128, 256) if low <= tick <= high]
    axes.set_yticks(ticks, [str(tick).replace("-", "−") for tick in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(low - 0.5, 1.2 * high)
    axes.set_xlabel("Signal-to-noise ratio (dB)", fontsize=FONT_SIZE)
    axes.set_ylabel("Sensitivity d′", fontsize=FONT_SIZE)
    finish_axes(axes)
    _write_note(axes, note)
    axes.legend(**_LEGEND)
    return figure


def _style(name: str, order: Sequence[str]) -> dict[str, Any]:
    """Return the colour, marker and label of an observer, the same in every figure."""
    index = list(order).index(name) % len(_COLOURS)
    return {
        "color": _COLOURS[index], "marker": _MARKERS[index], "markersize": 5, "linestyle": "none", "label": name,
    }  # fmt: skip


def _draw_corners(axes: Axes, rows: slice, columns: slice, length: int = 8) -> None:
    for row, down in ((rows.start, length), (rows.stop - 1, -length)):
        for column, right in ((columns.start, length), (columns.stop - 1, -length)):
            corner = ([column + right, column, column], [row, row, row + down])
            axes.plot(*corner, color="#e0a030", linewidth=1.4)


def _write_note(axes: Axes, note: str) -> None:
    axes.text(
        0.99, 0.03, note, transform=axes.transAxes, ha="right", fontsize=FONT_SIZE - 1, style="italic", color="#555555"
    )
