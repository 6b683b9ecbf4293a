"""Orthogonal slices of a volume and of what was predicted on it: an inline, a crossline and a time slice with axes."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seisdream.plotting.classes import draw_class_legend, draw_class_map, shares_of
from seisdream.plotting.panels import GREY, Layout, add_colour_bar, draw_panel, finish_figure, set_title
from seisdream.seismic.sections import GreyMapping

_PANEL_INCHES = (3.1, 2.6)


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


def _leave_out_inner_labels(panels: np.ndarray) -> None:
    """Name the axes once where the panels of a column share them."""
    for column in panels.T:
        upper: Sequence[Axes] = column[:-1]
        for axes in upper:
            axes.set_xlabel("")
