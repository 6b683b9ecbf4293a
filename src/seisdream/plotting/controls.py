"""Controls as a figure: the section, how far reactions to it exceed chance, and how stable a dream is."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm
from matplotlib.figure import Figure

from seisdream.plotting.figures import (
    COLORMAPS,
    add_colour_bar,
    draw_panel,
    explain_absent,
    fit_titled,
    set_title,
    size_panel,
)
from seisdream.seismic.sections import GreyMapping, is_colour

_CALLED = "#00a651"
_SCALE = 0.62
# Effects up to here differ in colour as they do in size, larger ones as their logarithms do: those near chance are told
# apart, and those far beyond it too.
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
    called : array of bool, optional
        ``(time, trace)``: regions to outline and dot.
    most : float, optional
        Where colours end on both sides of zero, evenly; by default at the largest value, and evenly up to 2 only.
    """

    title: str
    map_: xr.DataArray
    called: np.ndarray | None = None
    most: float | None = None


def draw_controls(
    section: xr.DataArray,
    panels: Sequence[ControlsPanel],
    *,
    called: np.ndarray | None = None,
    percentile: float = 99.0,
    title: str | None = None,
) -> Figure:
    """Draw a section and what controls found in it.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture.
    panels : sequence of ControlsPanel
        Drawn from purple (less) over white (as chance) to orange (more).
    called : array of bool, optional
        ``(time, trace)``: regions to outline and dot in the section.
    percentile : float, 50 to 100, default 99
        Of absolute amplitude at which the section's greys saturate.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        For `seisdream.plotting.figures.write_figure`, two panels in a row.
    """
    width, height = (_SCALE * side for side in size_panel(section))
    shape = (-(-(1 + len(panels)) // 2), 2)
    figure = Figure(layout="constrained")
    axes = list(figure.subplots(*shape, sharex=True, sharey=True, squeeze=False).flat)
    image = draw_panel(axes[0], section, GreyMapping.of(section, percentile), matplotlib.colormaps["gray"])
    if not is_colour(section):
        add_colour_bar(figure, axes[0], image, section, (width, height))
    set_title(axes[0], "Section; dotted: called" if called is not None else "Section")
    _mark(axes[0], called)
    # Effects are in one unit, so one scale says which network reacts more.
    largest = max((float(np.nanmax(np.abs(panel.map_.values), initial=0.0)) for panel in panels if not panel.most),
                  default=0.0) or 1.0  # fmt: skip
    for place, panel in zip(axes[1:], panels, strict=False):
        most = panel.most or largest
        colours = matplotlib.colormaps[COLORMAPS["purple-orange"]]
        image = draw_panel(place, panel.map_, GreyMapping(-most, most), colours)
        if panel.most is None:
            image.set_norm(AsinhNorm(_LINEAR_EFFECT, -most, most))
        add_colour_bar(figure, place, image, panel.map_, (width, height), extend="neither")
        if panel.most is None and image.colorbar is not None:
            ticks = sorted({sign * tick for tick in _TICKS if tick <= most for sign in (-1, 1)})
            image.colorbar.set_ticks(ticks, labels=[str(tick).replace("-", "−") for tick in ticks])
        set_title(place, textwrap.fill(panel.title, max(20, int(width * 12))))
        _mark(place, panel.called)
    for place in axes[: 1 + len(panels)]:
        place.label_outer()
    for place in axes[1 + len(panels) :]:
        place.set_axis_off()
    explain_absent(axes[0], section)
    fit_titled(figure, axes[0], (width, height), shape, title)
    return figure


def _mark(axes: Axes, called: np.ndarray | None) -> None:
    """Draw a line around regions, along their edges, and dots in them, so that it is seen which side is meant."""
    if called is None or not called.any():
        return
    left, right, bottom, top = axes.images[0].get_extent()
    n_rows, n_columns = called.shape
    xs, ys = np.linspace(left, right, n_columns + 1), np.linspace(top, bottom, n_rows + 1)
    # Between samples that differ there is an edge, and at the rim of what is called.
    padded = np.pad(called, 1)
    across = padded[1:, 1:-1] != padded[:-1, 1:-1]
    down = padded[1:-1, 1:] != padded[1:-1, :-1]
    for row, column in np.argwhere(np.diff(np.pad(across, ((0, 0), (1, 1))).astype(int), axis=1) > 0):
        end = column + int(np.argmin(np.append(across[row, column:], False)))
        axes.plot(xs[[column, end]], ys[[row, row]], color=_CALLED, linewidth=1.1, solid_capstyle="projecting")
    for row, column in np.argwhere(np.diff(np.pad(down, ((1, 1), (0, 0))).astype(int), axis=0) > 0):
        end = row + int(np.argmin(np.append(down[row:, column], False)))
        axes.plot(xs[[column, column]], ys[[row, end]], color=_CALLED, linewidth=1.1, solid_capstyle="projecting")
    across, down = (0.5 * (edges[1:] + edges[:-1]) for edges in (xs, ys))
    dots = axes.contourf(across, down, called, levels=[0.5, 1.5], colors="none", hatches=[".."])
    dots.set(edgecolor=_CALLED, linewidth=0.0)
    axes.set(xlim=(left, right), ylim=(bottom, top))
