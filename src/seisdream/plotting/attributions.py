"""Attributions as figures: the section with its target, and what contributes to the output and against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import ndimage

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
    three_panels,
)
from seisdream.plotting.thinning import average_colours, thinned_shape
from seisdream.seismic.sections import GreyMapping, absent_samples, is_colour, magnitude_percentile

SMOOTHING_SAMPLES = 6.0
"""Sigma of the Gaussian that the smoothed map is filtered with."""
_COLOURS = find_colormap("purple-orange")
_UNITS = "for (+), against (−)"
_SAMPLES_AT_A_TIME = 2**20


def draw_attribution(
    section: xr.DataArray,
    attribution: xr.DataArray,
    *,
    target_mask: xr.DataArray | None = None,
    percentile: float = 99.0,
    title: str | None = None,
) -> Figure:
    """Draw a section, its attribution, and the smoothed attribution over the section.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture.
    attribution : DataArray
        As `seisdream.attribute` returns it for this section.
    target_mask : DataArray, optional
        ``(time, trace)``: where the output was explained; outlined, or a ring around a single sample. Dashes frame the
        receptive field of the target.
    percentile : float, 50 to 100, default 99
        The percentile of absolute amplitude at which the section's greys saturate.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        The target's receptive field and its surroundings. Orange contributes to the output, purple against it, white
        is zero. Both colour scales end at the 99.5th percentile of the map's magnitude.
    """
    mapping = GreyMapping.of(section, percentile)
    is_grid = _is_grid(attribution)
    if is_grid:
        attribution = inside_receptive_field(attribution)
    smoothed = attribution if is_grid else smooth(attribution)
    absent = xr.DataArray(absent_samples(section), dims=section.dims[:2])
    section, absent, attribution, smoothed, target_mask = _surroundings(
        section, absent, attribution, smoothed, target_mask
    )
    absent = absent.values
    layout, figure = three_panels(section), Figure(layout="constrained")
    panels = figure.subplots(*layout.shape, sharex=True, sharey=True)
    image = draw_amplitudes(panels[0], section, mapping, absent)
    add_colour_bar(figure, panels[0], image, section, layout)
    set_title(panels[0], "Section and target")
    how = "Attribution" if is_grid else f"Smoothed (σ {SMOOTHING_SAMPLES:g} samples)"
    for axes, map_, name in (
        (panels[1], attribution, "Attribution"),
        (panels[2], smoothed, f"{how}, over the section"),
    ):
        clip, map_ = clip_of(map_), map_.assign_attrs(units=_UNITS)
        image = draw_panel(axes, map_, GreyMapping(-clip, clip), _COLOURS)
        if axes is panels[2]:
            _draw_over(axes, section, absent, map_, mapping, clip, image.get_extent())
        add_colour_bar(figure, axes, image, map_, layout)
        set_title(axes, name)
    for axes in panels:
        _mark(axes, attribution, target_mask)
        axes.label_outer()
    explain_absent(panels[0], absent)
    finish_figure(figure, panels[0], layout, title)
    return figure


def draw_randomization_test(
    maps: Mapping[str, xr.DataArray], captions: Mapping[str, str], *, title: str | None = None
) -> Figure:
    """Draw the attributions of a network and of the same network with randomised weights.

    Parameters
    ----------
    maps : dict of DataArray
        ``(time, trace)`` by name, the network's own first; each has its own colour scale.
    captions : dict of str
        A line for each map.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        The target's receptive field, smoothed as in `draw_attribution`, in rows of up to three panels.
    """
    first = next(iter(maps.values()))
    window = _receptive_field(first)
    width, height = (0.45 * side for side in size_panel(first[window]))
    n_columns = min(3, len(maps))
    layout = Layout((width, height), (-(-len(maps) // n_columns), n_columns))
    figure = Figure(layout="constrained")
    panels = list(np.atleast_1d(figure.subplots(*layout.shape, sharex=True, sharey=True)).flat)
    for number, (axes, (name, map_)) in enumerate(zip(panels, maps.items(), strict=False)):
        drawn = (map_ if _is_grid(map_) else smooth(map_))[window]
        clip = clip_of(drawn)
        draw_panel(axes, drawn, GreyMapping(-clip, clip), _COLOURS)
        set_title(axes, captions.get(name, name), width)
        label_outer(axes, is_lowest=number + n_columns >= len(maps))
    for axes in panels[len(maps) :]:
        axes.set_axis_off()
    finish_figure(figure, panels[0], layout, title)
    return figure


def smooth(map_: xr.DataArray, sigma: float = SMOOTHING_SAMPLES) -> xr.DataArray:
    """Return a map filtered with a Gaussian, so that contributions of both signs within a few samples cancel."""
    n_rows, n_columns = map_.shape
    smoothed = np.empty(map_.shape, np.float32)
    # Some rows at a time, with those that the filter reaches, because it needs float64.
    reach, n_at_a_time = int(4.0 * sigma + 0.5), max(1, _SAMPLES_AT_A_TIME // n_columns)
    for first in range(0, n_rows, n_at_a_time):
        stop, before = min(first + n_at_a_time, n_rows), max(0, first - reach)
        values = map_.values[before : stop + reach].astype(np.float64)
        absent = np.isnan(values)
        values[absent] = 0.0
        values = ndimage.gaussian_filter(values, sigma, mode="nearest")
        values[absent] = np.nan
        smoothed[first:stop] = values[first - before : stop - before]
    return map_.copy(data=smoothed)


def _is_grid(attribution: xr.DataArray) -> bool:
    """Return whether a map has the units of a coarse layer, so that it is smooth and is not cut."""
    return str(attribution.attrs.get("method")) == "grad-cam"


def clip_of(map_: xr.DataArray) -> float:
    """Return the magnitude at which colours saturate, measured where the map is not zero."""
    return magnitude_percentile(map_.values, 99.5, map_.values != 0) or 1.0


def _draw_over(
    axes: Axes,
    section: xr.DataArray,
    absent: np.ndarray,
    map_: xr.DataArray,
    mapping: GreyMapping,
    clip: float,
    extent: Sequence[float],
) -> None:
    """Draw a map's colours over the section, more transparent the smaller the map's magnitude."""

    def pixels_of(rows: slice) -> np.ndarray:
        grey = np.nan_to_num(mapping.to_grey(section.values[rows]), nan=127.5).clip(0.0, 255.0) / 255.0
        grey = grey.mean(axis=-1) if is_colour(section) else grey
        grey[absent[rows]] = 0.5
        strength = np.nan_to_num(map_.values[rows] / clip).clip(-1.0, 1.0)
        colours = _COLOURS(0.5 + 0.5 * strength)[..., :3]
        # Pale greys, so that reflectors are not confused with colours of the map.
        under = (0.72 + 0.28 * grey)[..., None]
        opacity = (np.abs(strength) ** 0.5)[..., None] * 0.85
        pixels = under * (1 - opacity) + colours * under * opacity
        return 255.0 * np.concatenate([pixels, ~absent[rows][..., None]], axis=-1)

    thinned = thinned_shape(map_.shape, size_panel(section))
    pixels = average_colours(pixels_of, map_.shape, thinned)
    axes.imshow(pixels, extent=tuple(extent), aspect="auto")  # pyright: ignore[reportArgumentType]


def _surroundings(
    section: xr.DataArray,
    absent: xr.DataArray,
    attribution: xr.DataArray,
    smoothed: xr.DataArray,
    target_mask: xr.DataArray | None,
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray, xr.DataArray, xr.DataArray | None]:
    """Cut all to the target's receptive field and a quarter of it on each side."""
    cut, inside = {}, []
    for dim, part in zip(attribution.dims, _receptive_field(attribution), strict=True):
        margin = (part.stop - part.start) // 4
        first = max(0, part.start - margin)
        cut[dim] = slice(first, part.stop + margin)
        inside.append((part.start - first, part.stop - first))
    attribution = attribution.isel(cut).assign_attrs(window_rows=inside[0], window_columns=inside[1])
    mask = None if target_mask is None else target_mask.isel(cut)
    return section.isel(cut), absent.isel(cut), attribution, smoothed.isel(cut), mask


def inside_receptive_field(attribution: xr.DataArray) -> xr.DataArray:
    """Return a map with zeros outside the target's receptive field, where the target cannot depend on a sample."""
    window = _receptive_field(attribution)
    inside = xr.zeros_like(attribution)
    inside[window] = attribution[window]
    return inside


def _receptive_field(attribution: xr.DataArray) -> tuple[slice, slice]:
    rows = attribution.attrs.get("window_rows") or (0, attribution.shape[0])
    columns = attribution.attrs.get("window_columns") or (0, attribution.shape[1])
    return slice(*rows), slice(*columns)


def _mark(axes: Axes, attribution: xr.DataArray, target_mask: xr.DataArray | None) -> None:
    """Outline the target, and frame its receptive field with dashes."""
    left, right, bottom, top = axes.images[0].get_extent()
    n_rows, n_columns = attribution.shape
    across, down = (right - left) / n_columns, (bottom - top) / n_rows
    rows, columns = _receptive_field(attribution)
    if (rows.stop - rows.start, columns.stop - columns.start) != (n_rows, n_columns):
        frame = Rectangle(
            (left + columns.start * across, top + rows.start * down),
            (columns.stop - columns.start) * across,
            (rows.stop - rows.start) * down,
            fill=False,
            edgecolor=MARK_COLOUR,
            linestyle=(0, (5, 4)),
            linewidth=0.9,
        )
        axes.add_patch(frame)
    if target_mask is None:
        return
    is_target = target_mask.values > 0
    if is_target.sum() == 1:
        row, column = (int(index[0]) for index in np.nonzero(is_target))
        position = left + (column + 0.5) * across, top + (row + 0.5) * down
        for colour, width in (("white", 3.0), (MARK_COLOUR, 1.6)):
            axes.plot(
                *position,
                marker="o",
                markersize=9,
                markerfacecolor="none",
                markeredgecolor=colour,
                markeredgewidth=width,
            )
        return
    # Zeros around the mask close the outline at the section's edge.
    padded = np.pad(is_target.astype(float), 1)
    xs = left + (np.arange(n_columns + 2) - 0.5) * across
    ys = top + (np.arange(n_rows + 2) - 0.5) * down
    limits = axes.get_xlim(), axes.get_ylim()
    axes.contour(xs, ys, padded, levels=[0.5], colors=MARK_COLOUR, linewidths=1.4)
    axes.set(xlim=limits[0], ylim=limits[1])
