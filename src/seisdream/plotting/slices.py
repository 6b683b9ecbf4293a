"""Cubes as figures: an inline, a crossline and a time slice through the middle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from seisdream.plotting.panels import (
    GREY,
    Layout,
    add_colour_bar,
    draw_panel,
    find_colormap,
    finish_figure,
    set_title,
    size_panel,
)
from seisdream.seismic.cubes import DIMS, traces_of
from seisdream.seismic.sections import GreyMapping, magnitude_percentile

Position = tuple[int, int, int]
"""Sample, inline and crossline of a cube, counted from 0."""

_ACROSS = ("inline", "crossline", "time")


@dataclass(frozen=True)
class Row:
    """One row of panels: what is drawn of a cube along three slices.

    Attributes
    ----------
    title : str
        What is drawn.
    cube : DataArray
        Values ``(time, inline, crossline)``.
    scale : GreyMapping
        The values of the first and the last colour.
    colours : Colormap
        Colours of the values.
    extend : {"neither", "both"}
        Whether the colour bar has pointed ends.
    draw_over : callable, optional
        Called with the panel, the image and the name of the axis that is cut, to draw over the image.
    """

    title: str
    cube: xr.DataArray
    scale: GreyMapping
    colours: Colormap
    extend: Literal["neither", "both"] = "both"
    draw_over: Callable[[Axes, AxesImage, str], None] | None = None


def middle_of(cube: xr.DataArray) -> Position:
    """Return the sample, the inline and the crossline in the middle of a cube."""
    n_samples, n_inlines, n_crosslines = (cube.sizes[dim] for dim in DIMS)
    return n_samples // 2, n_inlines // 2, n_crosslines // 2


def cut(cube: xr.DataArray, across: str, position: Position) -> xr.DataArray:
    """Return a slice of a cube: ``(time, crossline)``, ``(time, inline)`` or ``(inline, crossline)``.

    Parameters
    ----------
    cube : DataArray
        With the dimensions ``time``, ``inline`` and ``crossline``, in any order.
    across : {"inline", "crossline", "time"}
        The axis of which one sample remains.
    position : (int, int, int)
        The sample, the inline and the crossline that slices pass through.
    """
    kept = [dim for dim in DIMS if dim != across]
    return cube.isel({across: position[DIMS.index(across)]}, drop=True).transpose(..., *kept)


def draw_dreamed_slices(
    before: xr.DataArray, after: xr.DataArray, *, percentile: float = 99.0, title: str | None = None
) -> Figure:
    """Draw an inline, a crossline and a time slice of a cube before and after a dream, and their difference.

    Parameters
    ----------
    before, after : DataArray
        Cubes with the dimensions ``time``, ``inline`` and ``crossline``. The grey scale is that of `before`.
    percentile : float, 50 to 100, default 99
        The percentile of absolute amplitude at which colours saturate.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        Three rows of three slices through the middle.
    """
    before, after = before.transpose(*DIMS), after.transpose(*DIMS)
    scale = GreyMapping.of(traces_of(before), percentile)
    difference = before.copy(data=after.values - before.values)
    clip = magnitude_percentile(difference.values, percentile) or 1.0
    rows = [
        Row("Before", before, scale, GREY),
        Row("After", after, scale, GREY),
        Row("Difference (own scale)", difference, GreyMapping(-clip, clip), find_colormap("blue-red")),
    ]
    return draw_slices(rows, title=title)


def draw_slices(rows: Sequence[Row], *, position: Position | None = None, title: str | None = None) -> Figure:
    """Draw an inline, a crossline and a time slice of each of several rows.

    Parameters
    ----------
    rows : sequence of Row
        Cubes of one shape.
    position : (int, int, int), optional
        The sample, the inline and the crossline that slices pass through; by default the middle of the cube.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        Time goes down in inlines and crosslines; in time slices inlines go down and crosslines across.
    """
    position = position or middle_of(rows[0].cube)
    width, height = (0.5 * side for side in size_panel(cut(rows[0].cube, "inline", position)))
    layout = Layout((max(width, 2.4), max(height, 2.4)), (len(rows), 3))
    figure = Figure(layout="constrained")
    panels = figure.subplots(*layout.shape, squeeze=False)
    for line, row in zip(panels, rows, strict=True):
        images = [_draw_slice(*one, row, position, layout.size[0]) for one in zip(line, _ACROSS, strict=True)]
        add_colour_bar(figure, line[-1], images[-1], row.cube, layout, extend=row.extend)
    finish_figure(figure, panels[0, 0], layout, title)
    return figure


def _draw_slice(axes: Axes, across: str, row: Row, position: Position, width: float) -> AxesImage:
    image = draw_panel(axes, cut(row.cube, across, position), row.scale, row.colours)
    if row.draw_over:
        row.draw_over(axes, image, across)
    number = row.cube[across].values[position[DIMS.index(across)]]
    unit = " ms" if across == "time" else ""
    set_title(axes, f"{row.title}: {across} {number:.6g}{unit}", width)
    return image
