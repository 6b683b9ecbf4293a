"""An inline, a crossline and a time slice of a volume, and of what was predicted or dreamed on it, with axes."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seisdream.plotting.classes import draw_class_legend, draw_class_map, shares_of
from seisdream.plotting.panels import GREY, Layout, add_colour_bar, draw_panel, find_colormap, finish_figure, set_title
from seisdream.seismic.sections import GreyMapping, magnitude_percentile

_PANEL_INCHES = (3.1, 2.6)
_PERCENTILE = 99.0


def draw_prediction_slices(
    slices: Sequence[tuple[str, xr.DataArray, xr.Dataset]], mapping: GreyMapping, *, title: str = ""
) -> Figure:
    """Draw slices of a volume, the classes on them and their entropy.

    Parameters
    ----------
    slices : sequence of (str, DataArray, Dataset)
        The name of each slice, its amplitudes ``(row, column)``, NaN where absent, and its prediction with ``classes``,
        ``entropy`` and the coordinate ``class``.
    mapping : GreyMapping
        Of the volume.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        A column for each slice; rows of amplitude, classes and entropy.
    """
    layout = Layout(_PANEL_INCHES, (3, len(slices)), "right")
    figure = Figure(layout="constrained")
    panels = figure.subplots(*layout.shape, squeeze=False)
    counts = []
    for column, (name, section, prediction) in enumerate(slices):
        absent = np.isnan(section.values)
        draw_panel(panels[0, column], section, mapping, GREY, absent)
        set_title(panels[0, column], name)
        draw_class_map(panels[1, column], section, prediction, mapping, absent)
        entropy = prediction["entropy"].astype(np.float32)
        image = draw_panel(panels[2, column], entropy, GreyMapping(0.0, 1.0), matplotlib.colormaps["Purples"])
        set_title(panels[2, column], "Entropy")
        if column == len(slices) - 1:
            labelled = entropy.assign_attrs(units="entropy")
            add_colour_bar(figure, panels[2, column], image, labelled, layout, extend="neither")
        counts.append(shares_of(prediction))
    draw_class_legend(figure, slices[0][2], np.mean(counts, axis=0), layout.shape[1] * layout.size[0], "slices")
    _leave_out_inner_labels(panels)
    finish_figure(figure, panels[0, 0], layout, title)
    return figure


def draw_dream_slices(
    slices: Sequence[tuple[str, xr.DataArray, xr.DataArray]], mapping: GreyMapping, *, title: str = ""
) -> Figure:
    """Draw slices of a volume before and after a dream, and their difference.

    Parameters
    ----------
    slices : sequence of (str, DataArray, DataArray)
        The name of each slice, and its amplitudes ``(row, column)`` before and after, NaN where absent.
    mapping : GreyMapping
        Of the volume.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        A column for each slice; rows of before, after, and their difference on a scale of its own.
    """
    layout = Layout(_PANEL_INCHES, (3, len(slices)), "right")
    figure = Figure(layout="constrained")
    panels = figure.subplots(*layout.shape, squeeze=False)
    differences = [before.copy(data=after.values - before.values) for _, before, after in slices]
    largest = max(magnitude_percentile(one.values, _PERCENTILE) for one in differences) or 1.0
    own, colours = GreyMapping(-largest, largest), find_colormap("blue-red")
    for column, ((name, before, after), difference) in enumerate(zip(slices, differences, strict=True)):
        draw_panel(panels[0, column], before, mapping, GREY)
        last = draw_panel(panels[1, column], before.copy(data=after.values), mapping, GREY)
        change = draw_panel(panels[2, column], difference, own, colours)
        for row, what in enumerate((name, "After", "Difference (own scale)")):
            set_title(panels[row, column], what)
        if column == len(slices) - 1:
            add_colour_bar(figure, panels[1, column], last, before, layout, extend="both")
            add_colour_bar(figure, panels[2, column], change, difference, layout, extend="both")
    _leave_out_inner_labels(panels)
    finish_figure(figure, panels[0, 0], layout, title)
    return figure


def _leave_out_inner_labels(panels: np.ndarray) -> None:
    """Name the axes once where the panels of a column share them."""
    for column in panels.T:
        upper: Sequence[Axes] = column[:-1]
        for axes in upper:
            axes.set_xlabel("")
