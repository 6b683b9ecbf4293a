"""An inline, a crossline and a time slice of a cube or a volume, as a figure."""

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
    Layout,
    add_colour_bar,
    draw_amplitudes,
    draw_panel,
    find_colormap,
    finish_figure,
    set_title,
    size_panel,
)
from seisdream.seismic.cubes import DIMS
from seisdream.seismic.sections import GreyMapping, magnitude_percentile

Position = tuple[int, int, int]
"""Sample, inline and crossline of a cube, counted from 0."""

_ACROSS = ("inline", "crossline", "time")


@dataclass(frozen=True)
class Row:
    """One row of panels: what is drawn of three slices.

    Attributes
    ----------
    title : str
        What is drawn.
    slices : sequence of DataArray
        Values ``(row, column)`` of an inline, a crossline and a time slice.
    scale : GreyMapping
        The values of the first and the last colour.
    colours : Colormap, optional
        Colours of the values; by default they are amplitudes, drawn as the display settings state.
    extend : {"neither", "both"}
        Whether the colour bar has pointed ends.
    draw_over : callable, optional
        Called with the panel, the image and the number of the slice, to draw over the image.
    """

    title: str
    slices: Sequence[xr.DataArray]
    scale: GreyMapping
    colours: Colormap | None = None
    extend: Literal["neither", "both"] = "both"
    draw_over: Callable[[Axes, AxesImage, int], None] | None = None


def cut_cube(cube: xr.DataArray, position: Position | None = None) -> list[xr.DataArray]:
    """Return an inline ``(time, crossline)``, a crossline ``(time, inline)`` and a time slice of a cube.

    Parameters
    ----------
    cube : DataArray
        With the dimensions ``time``, ``inline`` and ``crossline``, in any order.
    position : (int, int, int), optional
        The sample, the inline and the crossline that slices pass through; by default those in the middle.

    Returns
    -------
    list of DataArray
        Named by their number, such as "inline 362" and "time 924 ms".
    """
    at = dict(zip(DIMS, position or [cube.sizes[dim] // 2 for dim in DIMS], strict=True))
    slices = []
    for across in _ACROSS:
        kept = [dim for dim in DIMS if dim != across]
        one = cube.isel({across: at[across]}, drop=True).transpose(*kept)
        slices.append(one.rename(name_slice(across, cube[across].values[at[across]])))
    return slices


def name_slice(dim: str, number: float) -> str:
    """Return the name of a slice, such as "inline 362" or "time 924 ms"."""
    return f"{dim} {number:.6g}{' ms' if dim == 'time' else ''}"


def draw_dreamed_slices(
    before: Sequence[xr.DataArray],
    after: Sequence[xr.DataArray],
    scale: GreyMapping,
    *,
    percentile: float = 99.0,
    title: str | None = None,
) -> Figure:
    """Draw an inline, a crossline and a time slice before and after a dream, and their difference.

    Parameters
    ----------
    before, after : sequence of DataArray
        Three slices, as `cut_cube` returns them; NaN where absent.
    scale : GreyMapping
        The amplitudes of the first and the last grey.
    percentile : float, 50 to 100, default 99
        The percentile of the magnitude at which colours of the difference saturate.
    title : str, optional
        A line above all panels.
    """
    differences = [one.copy(data=other.values - one.values) for one, other in zip(before, after, strict=True)]
    clip = max(magnitude_percentile(one.values, percentile) for one in differences) or 1.0
    rows = [
        Row("Before", before, scale),
        Row("After", after, scale),
        Row("Difference (own scale)", differences, GreyMapping(-clip, clip), find_colormap("blue-red")),
    ]
    return draw_slices(rows, title=title)


def draw_slices(rows: Sequence[Row], *, title: str | None = None) -> Figure:
    """Draw three slices of each of several rows.

    Parameters
    ----------
    rows : sequence of Row
        Slices of one cube or volume; those of the first row have the names.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        Time goes down in inlines and crosslines; in time slices inlines go down and crosslines across.
    """
    named = rows[0].slices
    width, height = (0.5 * side for side in size_panel(named[0]))
    layout = Layout((max(width, 2.4), max(height, 2.4)), (len(rows), len(named)))
    figure = Figure(layout="constrained")
    panels = figure.subplots(*layout.shape, squeeze=False)
    for line, row in zip(panels, rows, strict=True):
        images = [
            draw_panel(axes, values, row.scale, row.colours)
            if row.colours
            else draw_amplitudes(axes, values, row.scale)
            for axes, values in zip(line, row.slices, strict=True)
        ]
        for number, (axes, image) in enumerate(zip(line, images, strict=True)):
            if row.draw_over:
                row.draw_over(axes, image, number)
            set_title(axes, f"{row.title}: {named[number].name}", layout.size[0])
        add_colour_bar(figure, line[-1], images[-1], row.slices[-1], layout, extend=row.extend)
    finish_figure(figure, panels[0, 0], layout, title)
    return figure
