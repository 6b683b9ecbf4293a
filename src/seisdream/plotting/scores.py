"""Scores as figures: confusion matrices and training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from seisdream.plotting.panels import FONT_SIZE

# One hue from white to dark, because shares are ordered and have no middle.
_COLOURS = "Blues"
_LINE, _OTHER_LINE, _FAINT = "#1f5a94", "#c0562b", "#8a8a8a"
_MAX_CHARACTERS = 24


def draw_confusion(confusion: NDArray, classes: Sequence[str], *, title: str = "") -> Figure:
    """Draw a confusion matrix in percent of each true class.

    Parameters
    ----------
    confusion : array
        Counts ``(true class, predicted class)``.
    classes : sequence of str
        Names in the order of the codes; long names are shortened in the middle.
    title : str, optional
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        Each class is labelled with its number of samples. A row without samples is grey, and zeros are not printed.
    """
    counts = np.asarray(confusion, np.float64)
    n_classes, totals = len(classes), counts.sum(1)
    with np.errstate(invalid="ignore"):
        percent = 100 * counts / totals[:, None]
    names = [_cut(name) for name in classes]
    side = 0.48 * n_classes + 0.3
    # Room for the names on two sides, the colour bar and the title.
    words = 0.075 * max(map(len, names))
    figure = Figure(figsize=(side + words + 1.9, side + words + 0.9), layout="compressed")
    axes = figure.add_subplot()
    axes.set_facecolor("#dddddd")
    image = axes.imshow(np.ma.masked_invalid(percent), cmap=_COLOURS, vmin=0, vmax=100)
    for row, column in zip(*np.nonzero(counts), strict=True):
        share = percent[row, column]
        text = "<1" if share < 0.5 else f"{share:.0f}"
        axes.text(
            column, row, text, ha="center", va="center", fontsize=FONT_SIZE, color="white" if share > 55 else "#222222"
        )
    ticks = range(n_classes)
    axes.set_xticks(ticks, names, rotation=45, ha="left", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(ticks, [f"{name}  ({_short(n)})" for name, n in zip(names, totals, strict=True)], parse_math=False)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.tick_params(labelsize=FONT_SIZE - 1, length=0)
    axes.set_xlabel("Predicted", fontsize=FONT_SIZE)
    axes.set_ylabel("True (samples)", fontsize=FONT_SIZE)
    axes.set_xticks(np.arange(n_classes + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n_classes + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.0)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=22, pad=0.02)
    bar.set_label("Percent of the true class", fontsize=FONT_SIZE)
    bar.ax.tick_params(labelsize=FONT_SIZE - 1)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=FONT_SIZE + 2, parse_math=False)
    return figure


def draw_history(history: Sequence[Mapping[str, float]], *, title: str = "") -> Figure:
    """Draw training curves.

    Parameters
    ----------
    history : sequence of dict
        For each validation: ``step``, ``loss``, ``learning_rate``, ``mean_iou`` and ``pixel_accuracy``; NaN is not
        drawn.
    title : str, optional
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        Loss, scores and learning rate against the step.
    """
    figure = Figure(figsize=(7.0, 6.2), layout="constrained")
    loss, scores, rate = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1))
    steps = [row["step"] for row in history]

    def draw(axes: Axes, name: str, label: str, colour: str) -> None:
        # A single validation is a point, which a line would not show.
        axes.plot(steps, [row[name] for row in history], color=colour, label=label, linewidth=1.6,
                  marker="o" if len(history) < 25 else "", markersize=3)  # fmt: skip

    draw(loss, "loss", "loss", _LINE)
    draw(scores, "pixel_accuracy", "pixel accuracy", _OTHER_LINE)
    draw(scores, "mean_iou", "mean IoU", _LINE)
    draw(rate, "learning_rate", "learning rate", _FAINT)
    losses = [row["loss"] for row in history]
    if losses and min(losses) > 0 and max(losses) > 20 * min(losses):
        loss.set_yscale("log")
    loss.set_ylabel("Training loss", fontsize=FONT_SIZE)
    scores.set_ylabel("Validation", fontsize=FONT_SIZE)
    scores.set_ylim(0, 1)
    known = [row["mean_iou"] for row in history if row["mean_iou"] == row["mean_iou"]]
    if known:
        best = max(known)
        scores.axhline(best, color=_LINE, linewidth=0.7, linestyle=":")
        scores.set_title(f"best mean IoU {best:.3f}", loc="right", fontsize=FONT_SIZE - 1, color=_LINE)
    legend = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": 2, "borderpad": 0.0}
    scores.legend(**legend, frameon=False, fontsize=FONT_SIZE - 1)
    rate.set_ylabel("Learning\nrate", fontsize=FONT_SIZE)
    rate.set_xlim(0, 1.02 * max(steps, default=1))
    rate.xaxis.set_major_locator(MaxNLocator(integer=True))
    rate.set_ylim(bottom=0)
    rate.ticklabel_format(axis="y", style="plain")
    rate.yaxis.set_major_locator(MaxNLocator(nbins=2))
    rate.set_xlabel("Step", fontsize=FONT_SIZE)
    rate.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    for axes in (loss, scores, rate):
        axes.tick_params(labelsize=FONT_SIZE - 1)
        axes.grid(color="#e5e5e5", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=FONT_SIZE + 2, parse_math=False)
    return figure


def _cut(name: str) -> str:
    """Return a long name without its middle: names often differ at their ends."""
    if len(name) <= _MAX_CHARACTERS:
        return name
    return name[: _MAX_CHARACTERS // 2] + "…" + name[1 - _MAX_CHARACTERS // 2 :]


def _short(count: float) -> str:
    """Return a count with three digits and a unit prefix."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.0f}"
