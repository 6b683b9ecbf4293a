"""Detection as figures: what observers tell from nothing, at which noise, and what they see that is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

_FONT_SIZE = 9.0
_COLOURS = ("#222222", "#1f5a94", "#6fa8d6", "#9a9a9a", "#c0562b", "#d9a441", "#8b5a9b", "#4f9d69")
_MARKERS = "osv^DPX*"


def _look(name: str, order: Sequence[str]) -> dict[str, Any]:
    """Return the colour, marker and label of an observer, the same in every figure."""
    place = list(order).index(name) % len(_COLOURS)
    return {"color": _COLOURS[place], "marker": _MARKERS[place], "label": name}


def draw_psychometric(
    levels: Sequence[float],
    observers: Mapping[str, Sequence[Mapping[str, Any]]],
    curves: Mapping[str, Callable[[NDArray], NDArray]],
    *,
    order: Sequence[str],
    note: str = "",
) -> Figure:
    """Draw the share of right answers over the level of noise.

    Parameters
    ----------
    levels : sequence of float
        Signal-to-noise ratios in dB.
    observers : dict
        For each observer and level ``share_correct`` and its ``share_correct_interval``.
    curves : dict of callable
        Fitted functions of the level, by observer.
    order : sequence of str
        All observers, by whose order each has its colour in every figure.
    note : str, optional
        A line inside, below.
    """
    figure = Figure(figsize=(6.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    fine = np.linspace(min(levels) - 1.5, max(levels) + 1.5, 200)
    for number, (name, rows) in enumerate(observers.items()):
        look = _look(name, order)
        _errors(axes, np.asarray(levels) + 0.3 * (number - 0.5 * len(observers)), rows, "share_correct", look)
        if name in curves:
            axes.plot(fine, curves[name](fine), color=look["color"], linewidth=1.2)
    axes.axhline(0.5, color="#999999", linewidth=0.8, linestyle=":")
    axes.set_ylim(0.4, 1.03)
    axes.set_xlabel("Signal-to-noise ratio (dB)", fontsize=_FONT_SIZE)
    axes.set_ylabel("Share of right choices between twins", fontsize=_FONT_SIZE)
    _finish(axes, note, at=(0.99, 0.03))
    axes.legend(frameon=False, fontsize=_FONT_SIZE - 1, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def draw_efficiency(
    kinds: Sequence[str], observers: Mapping[str, Mapping[str, Mapping[str, Any]]], *, order: Sequence[str]
) -> Figure:
    """Draw the efficiency of each observer for each kind of target, with its interval, on a logarithmic axis.

    Parameters
    ----------
    kinds : sequence of str
        Rows, from the top.
    observers : dict
        For each observer and kind ``efficiency`` and its interval; a kind that it has no answer to is left out.
    order : sequence of str
        As for `draw_psychometric`.
    """
    figure = Figure(figsize=(6.6, 0.55 * len(kinds) + 1.3), layout="constrained")
    axes = figure.add_subplot()
    least = 1e-4
    for number, (name, rows) in enumerate(observers.items()):
        at = [place for place, kind in enumerate(kinds) if kind in rows]
        values = np.array([rows[kinds[place]]["efficiency"] for place in at]).clip(least)
        ends = np.array([rows[kinds[place]]["efficiency_interval"] for place in at]).clip(least)
        where = np.array(at) + 0.1 * (number - 0.5 * (len(observers) - 1))
        look = _look(name, order)
        axes.hlines(where, ends[:, 0], ends[:, 1], color=look["color"], linewidth=1.2)
        axes.plot(values, where, linestyle="none", markersize=5, **look)
    axes.axvline(1.0, color=_COLOURS[0], linewidth=1.2)
    axes.text(1.0, -0.62, "ideal", ha="center", va="bottom", fontsize=_FONT_SIZE - 1)
    axes.set_xscale("log")
    axes.set_xlim(0.8 * least, 1.6)
    axes.set_yticks(range(len(kinds)), kinds, fontsize=_FONT_SIZE)
    axes.set_ylim(len(kinds) - 0.4, -0.6)
    axes.set_xlabel("Efficiency, (d′ / d′ ideal)²", fontsize=_FONT_SIZE)
    _finish(axes)
    axes.legend(frameon=False, fontsize=_FONT_SIZE - 1, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def draw_roc(curves: Mapping[str, Mapping[str, tuple[NDArray, NDArray]]], *, order: Sequence[str]) -> Figure:
    """Draw receiver operating characteristics, one panel for each group of trials.

    Parameters
    ----------
    curves : dict
        By group and observer, false-alarm and hit rates.
    order : sequence of str
        As for `draw_psychometric`.
    """
    figure = Figure(figsize=(2.0 * len(curves) + 1.6, 2.5), layout="constrained")
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (group, lines) in zip(panels, curves.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8, linestyle=":")
        for name, (false_alarms, hits) in lines.items():
            axes.plot(false_alarms, hits, color=_look(name, order)["color"], linewidth=1.3, label=name)
        axes.set_title(group, fontsize=_FONT_SIZE)
        axes.set_aspect("equal")
        axes.set_xticks([0, 0.5, 1])
        axes.set_yticks([0, 0.5, 1])
        axes.set_xlabel("False alarms", fontsize=_FONT_SIZE)
        _finish(axes)
    panels[0].set_ylabel("Hits", fontsize=_FONT_SIZE)
    known = {line.get_label(): line for axes in panels for line in axes.get_lines()}
    names = [name for name in order if name in known]
    handles = [known[name] for name in names]
    figure.legend(handles, names, loc="outside right upper", frameon=False, fontsize=_FONT_SIZE - 1)
    return figure


def draw_false_alarms(rows: Mapping[str, Mapping[str, Mapping[str, Any]]], *, order: Sequence[str]) -> Figure:
    """Draw how often observers see a target that is not there, by illusion.

    Parameters
    ----------
    rows : dict
        By observer and illusion ``share`` and its ``share_interval``.
    order : sequence of str
        As for `draw_psychometric`.
    """
    illusions = list(dict.fromkeys(name for group in rows.values() for name in group))
    figure = Figure(figsize=(6.6, 2.9), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, group) in enumerate(rows.items()):
        at = np.arange(len(illusions)) + 0.14 * (number - 0.5 * (len(rows) - 1))
        _errors(axes, at, [group[illusion] for illusion in illusions], "share", _look(name, order))
    axes.set_xticks(range(len(illusions)), illusions, fontsize=_FONT_SIZE)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("Says yes where nothing is", fontsize=_FONT_SIZE)
    _finish(axes)
    axes.legend(frameon=False, fontsize=_FONT_SIZE - 1, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def draw_gallery(pictures: Sequence[tuple[NDArray, tuple[slice, slice], str]], *, n_columns: int = 4) -> Figure:
    """Draw sections with the box in which something was looked for, and what was said.

    Parameters
    ----------
    pictures : sequence of (array, (slice, slice), str)
        Section ``(time, trace)``, box and caption of each.
    n_columns : int, default 4
        In a row.
    """
    n_rows = -(-len(pictures) // n_columns)
    figure = Figure(figsize=(2.1 * n_columns, 2.75 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, (values, (rows, columns), caption) in zip(panels, pictures, strict=False):
        clip = np.percentile(np.abs(values), 99)
        axes.imshow(values, cmap="gray", vmin=-clip, vmax=clip, aspect="auto", interpolation="nearest")
        for row in (rows.start, rows.stop - 1):
            for column in (columns.start, columns.stop - 1):
                to_row, to_column = (8 if row == rows.start else -8), (8 if column == columns.start else -8)
                corner = ([column + to_column, column, column], [row, row, row + to_row])
                axes.plot(*corner, color="#e0a030", linewidth=1.4)
        axes.set_title(caption, fontsize=_FONT_SIZE - 1.5, parse_math=False)
    return figure


def draw_people(
    levels: Sequence[float],
    observers: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    order: Sequence[str],
    note: str = "",
) -> Figure:
    """Draw d′ of people beside other observers', over the level of noise.

    Parameters
    ----------
    levels : sequence of float
        Signal-to-noise ratios in dB.
    observers : dict
        For each observer and level ``d_prime`` and its interval.
    order : sequence of str
        As for `draw_psychometric`.
    note : str, optional
        A line inside, below.
    """
    figure = Figure(figsize=(6.6, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, rows) in enumerate(observers.items()):
        look = _look(name, order) | {"linestyle": "-"}
        _errors(axes, np.asarray(levels) + 0.12 * (number - 1), rows, "d_prime", look)
    axes.axhline(0.0, color="#999999", linewidth=0.8, linestyle=":")
    axes.set_yscale("symlog", linthresh=4.0)
    ends = [end for rows in observers.values() for row in rows for end in row["d_prime_interval"] if np.isfinite(end)]
    low, high = min(-1.0, *ends), max(4.0, *ends)
    ticks = [tick for tick in (-4, -3, -2, -1, 0, 1, 2, 3, 4, 8, 16, 32, 64, 128, 256) if low <= tick <= high]
    axes.set_yticks(ticks, [str(tick).replace("-", "−") for tick in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(low - 0.5, 1.2 * high)
    axes.set_xlabel("Signal-to-noise ratio (dB)", fontsize=_FONT_SIZE)
    axes.set_ylabel("Sensitivity d′", fontsize=_FONT_SIZE)
    _finish(axes, note, at=(0.99, 0.03))
    axes.legend(frameon=False, fontsize=_FONT_SIZE - 1, loc="upper left")
    return figure


def _errors(axes: Axes, at: NDArray, rows: Sequence[Mapping[str, Any]], name: str, look: dict[str, Any]) -> None:
    values = np.array([row[name] for row in rows], float)
    ends = np.array([row[f"{name}_interval"] for row in rows], float)
    # An exact interval has no end where all answers are right; an arrow would be longer than the axis.
    ends = np.where(np.isfinite(ends), ends, values[:, None])
    sizes = np.abs(ends - values[:, None]).T
    look = {"linestyle": "none", "markersize": 5, "capsize": 2, "linewidth": 1.2} | look
    axes.errorbar(at, values, yerr=sizes, **look)


def _finish(axes: Axes, note: str = "", at: tuple[float, float] = (0.0, 0.0)) -> None:
    axes.tick_params(labelsize=_FONT_SIZE - 1)
    axes.grid(color="#e9e9e9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if note:
        axes.text(
            *at, note, transform=axes.transAxes, ha="right", fontsize=_FONT_SIZE - 1, style="italic", color="#555555"
        )
