"""Styles and drawing steps that the figures of the experiments share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

FONT_SIZE = 9.0
STYLES = (("#b5532a", "o"), ("#1f5a94", "s"), ("#4f9d69", "^"), ("#d9a441", "D"))
"""Colour and marker of each series."""

GREY = "#777777"


def draw_with_intervals(
    axes: Axes, x: ArrayLike, rows: Sequence[Mapping[str, Any]], measure: str, **style: Any
) -> None:
    """Draw a measure against x with its interval as error bars.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    x : array
        One entry for each row.
    rows : sequence of dict
        Rows with ``measure`` and ``measure_interval``; an infinite end of an interval is not drawn.
    measure : str
        Key of the measure.
    **style
        Options of `Axes.errorbar`, such as ``color``, ``marker`` and ``label``.
    """
    values = np.array([row[measure] for row in rows], float)
    ends = np.array([row[f"{measure}_interval"] for row in rows], float)
    ends = np.where(np.isfinite(ends), ends, values[:, None])
    # A percentile interval need not contain the estimate.
    errors = np.maximum(np.stack([values - ends[:, 0], ends[:, 1] - values]), 0.0)
    axes.errorbar(np.asarray(x, float), values, yerr=errors, **({"capsize": 2, "linewidth": 1.2} | style))


def label_categories(axes: Axes, labels: Sequence[str], *, rotation: float = 0.0) -> None:
    """Label the x axis with one category at each whole number."""
    alignment = {"rotation": rotation, "ha": "right"} if rotation else {}
    axes.set_xticks(range(len(labels)), labels, fontsize=FONT_SIZE - 1, **alignment)


def finish_axes(axes: Axes, *, grid: str = "both") -> None:
    """Set tick sizes, a light grid and no frame at the top and right."""
    axes.tick_params(labelsize=FONT_SIZE - 1)
    axes.grid(axis=grid, color="#e9e9e9", linewidth=0.6)  # pyright: ignore[reportArgumentType]
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
