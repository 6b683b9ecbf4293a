"""Figures of rock: impedance before and after, in one scale that runs from soft to hard."""

from __future__ import annotations

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from seisdream.plotting.figures import (
    add_colour_bar,
    draw_panel,
    explain_absent,
    fit_canvas,
    set_title,
    size_panel,
)
from seisdream.seismic.sections import GreyMapping

# Even in lightness and readable to the colour-blind; a diverging map would invent a zero.
_COLOURS = "viridis"


def draw_rock(before: xr.DataArray, after: xr.DataArray, *, title: str = "") -> Figure:
    """Draw a property of rock before and after a dream, in one scale.

    Parameters
    ----------
    before, after : DataArray
        ``(time, trace)`` with ``units`` and ``long_name``; absent samples (NaN) are hatched. The scale goes from the
        1st to the 99th percentile of both.
    title : str, optional
        A line above both panels.

    Returns
    -------
    matplotlib.figure.Figure
        For `write_figure`.
    """
    values = np.concatenate([part.values[np.isfinite(part.values)] for part in (before, after)])
    low, high = (float(bound) for bound in np.percentile(values, (1.0, 99.0)))
    scale = GreyMapping(low, high if high > low else low + 1.0)
    width, height = (side * 0.8 for side in size_panel(after))
    figure = Figure(layout="constrained")
    panels = figure.subplots(2, 1, sharex=True, sharey=True)
    name = str(after.attrs.get("long_name", after.name or ""))
    for axes, (when, part) in zip(panels, (("at the start", before), ("dreamed", after)), strict=True):
        image = draw_panel(axes, part, scale, matplotlib.colormaps[_COLOURS])
        add_colour_bar(figure, axes, image, part, (width, height))
        set_title(axes, f"{name}, {when}")
        axes.label_outer()
    explain_absent(panels[0], before)
    figure.suptitle(title, ha="left", x=0.02, parse_math=False)
    fit_canvas(figure, panels[0], (width, height), (2, 1))
    return figure
