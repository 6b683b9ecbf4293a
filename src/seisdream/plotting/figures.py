"""Sections as figures: one section, before and after, or several side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from seisdream.errors import SeisdreamError
from seisdream.plotting.panels import (
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
    three_panels,
)
from seisdream.seismic.sections import GreyMapping, absent_samples, is_colour, is_picture, magnitude_percentile


def draw_section(
    section: xr.DataArray,
    *,
    colormap: str | None = None,
    percentile: float = 99.0,
    polarity: str = "normal",
    title: str | None = None,
) -> Figure:
    """Draw a section with its axes and, for amplitudes, a colour bar.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)``, ``(row, column)`` or ``(row, column, colour)``; absent samples (NaN or muted) are hatched.
    colormap : {"grey", "blue-red", "teal-brown", "purple-orange"}
        Colours of amplitudes; by default those of the display settings. Pictures keep their own.
    percentile : float, 50 to 100, default 99
        The percentile of absolute amplitude at which colours saturate, on both sides of zero.
    polarity : {"normal", "reversed"}
        Whether positive amplitudes are light (in grey) or dark; numbers on the colour bar do not change.
    title : str, optional
        A line above the section.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    SeisdreamError
        If there is no such colour map (``unknown-name``) or polarity (``out-of-range``).
    """
    colours = None if colormap is None and polarity == "normal" else find_colormap(colormap or "grey", polarity)
    absent = absent_samples(section)
    layout, figure = Layout(size_panel(section)), Figure(layout="constrained")
    axes = figure.add_subplot()
    image = draw_amplitudes(axes, section, GreyMapping.of(section, percentile), absent, colours)
    if not is_picture(section):
        add_colour_bar(figure, axes, image, section, layout)
    explain_absent(axes, absent)
    finish_figure(figure, axes, layout, title)
    return figure


def draw_comparison(
    before: xr.DataArray,
    after: xr.DataArray,
    *,
    colormap: str | None = None,
    percentile: float = 99.0,
    polarity: str = "normal",
    title: str | None = None,
) -> Figure:
    """Draw a section before and after, on one colour scale, and the difference on its own scale.

    Parameters
    ----------
    before, after : DataArray
        Of the same shape, as for `draw_section`. The colour scale is that of `before`.
    colormap, percentile, polarity
        As for `draw_section`; the difference is always drawn from blue over white to red. For pictures in colour, the
        difference is drawn around mid-grey, multiplied by the factor in its title.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels, stacked for wide sections, side by side for tall ones.

    Raises
    ------
    SeisdreamError
        If the shapes differ (``wrong-shape``), or there is no such colour map or polarity.
    """
    _check_shapes([before, after])
    absent = absent_samples(before)
    layout, figure = three_panels(before), Figure(layout="constrained")
    panels = figure.subplots(*layout.shape, sharex=True, sharey=True)
    scale = GreyMapping.of(before, percentile)
    colours = None if colormap is None and polarity == "normal" else find_colormap(colormap or "grey", polarity)
    difference, difference_scale, name = _difference(before, after, absent, percentile)
    drawn = (("Before", before, scale), ("After", after, scale), (name, difference, difference_scale))
    for axes, (panel_title, section, mapping) in zip(panels, drawn, strict=True):
        if section is difference:
            image = draw_panel(axes, section, mapping, find_colormap("blue-red", polarity), absent)
        else:
            image = draw_amplitudes(axes, section, mapping, absent, colours)
        add_colour_bar(figure, axes, image, section, layout)
        set_title(axes, panel_title, layout.size[0])
        axes.label_outer()
    explain_absent(panels[0], absent)
    finish_figure(figure, panels[0], layout, title)
    return figure


def draw_sections(
    sections: Mapping[str, xr.DataArray],
    *,
    colormap: str | None = None,
    percentile: float = 99.0,
    title: str | None = None,
) -> Figure:
    """Draw several sections of the same shape on the colour scale of the first.

    Parameters
    ----------
    sections : mapping of DataArray
        By their titles.
    colormap, percentile
        As for `draw_section`.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    SeisdreamError
        If the shapes differ (``wrong-shape``), or there is no such colour map (``unknown-name``).
    """
    _check_shapes(list(sections.values()))
    first = next(iter(sections.values()))
    absent = absent_samples(first)
    width, height = (0.6 * side for side in size_panel(first))
    n_columns = max(1, min(len(sections), round(np.sqrt(len(sections) * height / width * 1.5))))
    layout = Layout((width, height), (-(-len(sections) // n_columns), n_columns))
    colours, scale = None if colormap is None else find_colormap(colormap), GreyMapping.of(first, percentile)
    figure = Figure(layout="constrained")
    panels = figure.subplots(*layout.shape, sharex=True, sharey=True, squeeze=False).ravel()
    for place, (axes, (name, section)) in enumerate(zip(panels, sections.items(), strict=False)):
        draw_amplitudes(axes, section, scale, absent, colours)
        set_title(axes, name)
        label_outer(axes, is_lowest=place + n_columns >= len(sections))
    for axes in panels[len(sections) :]:
        axes.set_visible(False)
    finish_figure(figure, panels[0], layout, title)
    return figure


def _check_shapes(sections: list[xr.DataArray]) -> None:
    if different := [one.shape for one in sections if one.shape != sections[0].shape]:
        raise SeisdreamError(
            f"The sections have shapes {sections[0].shape} and {different[0]}; give sections of one shape.",
            code="wrong-shape",
        )


def _difference(
    before: xr.DataArray, after: xr.DataArray, absent: np.ndarray, percentile: float
) -> tuple[xr.DataArray, GreyMapping, str]:
    """Return what to draw for the difference: signed values with their scale, or colours around mid-grey."""
    attrs = {key: value for key, value in before.attrs.items() if key != "value_range"}
    attrs.setdefault("units", "grey level" if is_picture(before) else "amplitude")
    signed = xr.DataArray(after.values - before.values, coords=before.coords, dims=before.dims, attrs=attrs)
    clip = magnitude_percentile(signed.values, percentile, ~absent) or 1.0
    if not is_colour(before):
        return signed, GreyMapping(-clip, clip), "Difference (after − before), own scale"
    scale = GreyMapping.of(before)
    middle, half = (scale.low + scale.high) / 2, (scale.high - scale.low) / 2
    stretched = before.copy(data=middle + signed.values * (half / clip))
    return stretched, scale, f"Difference (after − before, × {half / clip:.2g}; grey: unchanged)"
