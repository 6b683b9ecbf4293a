"""Figures of impedance before and after a dream, on one scale from soft to hard."""

from __future__ import annotations

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from seisdream.plotting.panels import (
    Layout,
    add_colour_bar,
    draw_panel,
    explain_absent,
    finish_figure,
    set_title,
    size_panel,
)
from seisdream.seismic.sections import GreyMapping, missing_samples

# Even in lightness and readable to the colour-blind; a diverging map would invent a zero.
_COLOURS = matplotlib.colormaps["viridis"]


def draw_rock(before: xr.DataArray, after: xr.DataArray, *, title: str = "") -> Figure:
    """Draw a rock property before and after a dream, on one colour scale.

    Parameters
    ----------
    before, after : DataArray
        ``(time, trace)`` with ``units`` and ``long_name``; absent samples (NaN) are hatched. The colour scale goes
        from the 1st to the 99th percentile of both.
    title : str, optional
        A line above both panels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    values = np.concatenate([part.values[np.isfinite(part.values)] for part in (before, after)])
    low, high = (float(bound) for bound in np.percentile(values, (1.0, 99.0)))
    scale = GreyMapping(low, high if high > low else low + 1.0)
    width, height = (0.8 * side for side in size_panel(after))
    layout, figure = Layout((width, height), (2, 1)), Figure(layout="constrained")
    panels = figure.subplots(*layout.shape, sharex=True, sharey=True)
    name = str(after.attrs.get("long_name", after.name or ""))
    for axes, when, part in zip(panels, ("before", "dreamed"), (before, after), strict=True):
        image = draw_panel(axes, part, scale, _COLOURS)
        add_colour_bar(figure, axes, image, part, layout)
        set_title(axes, f"{name}, {when}")
        axes.label_outer()
    explain_absent(panels[0], missing_samples(before))
    finish_figure(figure, panels[0], layout, title)
    return figure
