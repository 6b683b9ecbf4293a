"""Controls as figures: the section, how far responses to it exceed chance, and how stable a dream is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from seisdream.plotting.panels import (
    MARK_COLOUR,
    Layout,
    add_colour_bar,
    draw_amplitudes,
    draw_panel,
    explain_absent,
    find_colormap,
    finish_figure,
    label_outer,
    set_title,
    size_panel,
)
from seisdream.seismic.sections import GreyMapping, absent_samples

_SCALE = 0.62
# Colours are linear in effects up to here and logarithmic beyond, so that differences are visible near chance and far
# from it.
_LINEAR_EFFECT = 2.0
_TICKS = (0, 1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class ControlsPanel:
    """One map of the figure.

    Attributes
    ----------
    title : str
        A line above it.
    map_ : DataArray
        ``(time, trace)`` with its units.
    is_significant : array of bool, optional
        ``(time, trace)``: samples to outline and dot.
    largest : float, optional
        Where a linear colour scale ends on both sides of zero; by default all panels share one scale, linear up to 2
        and logarithmic beyond, that ends at the largest value.
    """

    title: str
    map_: xr.DataArray
    is_significant: NDArray | None = None
    largest: float | None = None


def draw_controls(
    section: xr.DataArray,
    panels: Sequence[ControlsPanel],
    *,
    is_significant: NDArray | None = None,
    percentile: float = 99.0,
    title: str | None = None,
) -> Figure:
    """Draw a section and the maps of its controls.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture.
    panels : sequence of ControlsPanel
        Drawn from purple (below chance) over white to orange (above chance).
    is_significant : array of bool, optional
        ``(time, trace)``: samples to outline and dot in the section.
    percentile : float, 50 to 100, default 99
        The percentile of absolute amplitude at which the section's greys saturate.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels in a row.
    """
    width, height = (_SCALE * side for side in size_panel(section))
    layout, figure = Layout((width, height), (-(-(1 + len(panels)) // 2), 2)), Figure(layout="constrained")
    first, *others = figure.subplots(*layout.shape, sharex=True, sharey=True, squeeze=False).flat
    absent = absent_samples(section)
    image = draw_amplitudes(first, section, GreyMapping.of(section, percentile), absent)
    add_colour_bar(figure, first, image, section, layout)
    set_title(first, "Section" if is_significant is None else "Section; dotted: significant")
    _outline(first, is_significant)
    effects = [np.abs(panel.map_.values) for panel in panels if panel.largest is None]
    largest = max((float(np.nanmax(effect, initial=0.0)) for effect in effects), default=0.0) or 1.0
    for axes, panel in zip(others, panels, strict=False):
        clip = panel.largest or largest
        norm = AsinhNorm(_LINEAR_EFFECT, -clip, clip) if panel.largest is None else None
        scale = GreyMapping(-clip, clip)
        image = draw_panel(axes, panel.map_, scale, find_colormap("purple-orange"), norm=norm)
        add_colour_bar(figure, axes, image, panel.map_, layout, extend="neither")
        if panel.largest is None:
            _set_ticks(image, clip)
        set_title(axes, panel.title, width)
        _outline(axes, panel.is_significant)
    drawn = (first, *others[: len(panels)])
    for number, axes in enumerate(drawn):
        label_outer(axes, is_lowest=number + layout.shape[1] >= len(drawn))
    for axes in others[len(panels) :]:
        axes.set_axis_off()
    explain_absent(first, absent)
    finish_figure(figure, first, layout, title)
    return figure


def _set_ticks(image: AxesImage, clip: float) -> None:
    ticks = sorted({sign * tick for tick in _TICKS if tick <= clip for sign in (-1, 1)})
    assert image.colorbar is not None
    image.colorbar.set_ticks(ticks, labels=[str(tick).replace("-", "−") for tick in ticks])


def _outline(axes: Axes, is_significant: NDArray | None) -> None:
    """Outline samples along their edges, and fill them with dots to show which side of the line they are on."""
    if is_significant is None or not is_significant.any():
        return
    left, right, bottom, top = axes.images[0].get_extent()
    n_rows, n_columns = is_significant.shape
    xs, ys = np.linspace(left, right, n_columns + 1), np.linspace(top, bottom, n_rows + 1)
    # There is an edge between samples that differ, and around the section.
    padded = np.pad(is_significant, 1)
    across = padded[1:, 1:-1] != padded[:-1, 1:-1]
    down = padded[1:-1, 1:] != padded[1:-1, :-1]
    style = {"color": MARK_COLOUR, "linewidth": 1.1, "solid_capstyle": "projecting"}
    for row, start, end in _runs(across):
        axes.plot(xs[[start, end]], ys[[row, row]], **style)
    for column, start, end in _runs(down.T):
        axes.plot(xs[[column, column]], ys[[start, end]], **style)
    middles = (0.5 * (edges[1:] + edges[:-1]) for edges in (xs, ys))
    dots = axes.contourf(*middles, is_significant, levels=[0.5, 1.5], colors="none", hatches=[".."])
    dots.set(edgecolor=MARK_COLOUR, linewidth=0.0)
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _runs(edges: NDArray) -> list[tuple[int, int, int]]:
    """Return the runs of True along rows: row, first and end."""
    changes = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(int), axis=1)
    starts, ends = np.argwhere(changes > 0), np.argwhere(changes < 0)
    return [(row, start, end) for (row, start), (_, end) in zip(starts.tolist(), ends.tolist(), strict=True)]
