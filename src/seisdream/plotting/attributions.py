"""Attributions as figures: the section with what is asked about, and what speaks for it and against."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import ndimage

from seisdream.plotting.figures import (
    COLORMAPS,
    FONT_SIZE,
    add_colour_bar,
    draw_panel,
    explain_absent,
    fit_canvas,
    fit_titled,
    has_square_pixels,
    set_title,
    size_panel,
)
from seisdream.seismic.sections import GreyMapping, blank_absent, is_colour, missing_samples

SMOOTHING_SAMPLES = 6.0
"""Sigma of the Gaussian through which the smoothed map is drawn."""
_TARGET = "#00a651"
_COLOURS = COLORMAPS["purple-orange"]


def draw_attribution(
    section: xr.DataArray,
    attribution: xr.DataArray,
    *,
    region: xr.DataArray | None = None,
    percentile: float = 99.0,
    title: str | None = None,
) -> Figure:
    """Draw a section, a map of attribution beside it, and the same map smoothed.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture.
    attribution : DataArray
        As `seisdream.attribute_section` returns it for this section.
    region : DataArray, optional
        ``(time, trace)``: what was asked about; outlined, or a ring around a single sample. What can be seen from there
        is framed by dashes.
    percentile : float, 50 to 100, default 99
        Of absolute amplitude at which the section's greys saturate.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        For `seisdream.plotting.figures.write_figure`, of what the target sees and its surroundings. Orange speaks for,
        purple against, white is nothing; the smoothed map is drawn over the section. Both scales end at the 99.5th
        percentile of the map's magnitudes.
    """
    mapping = GreyMapping.of(section, percentile)
    is_grid = str(attribution.attrs.get("method")) == "grad-cam"
    smoothed = attribution if is_grid else smooth(attribution)
    section, attribution, smoothed, region = _surroundings(blank_absent(section), attribution, smoothed, region)
    width, height = size_panel(section)
    width, height = (0.72 * width, 0.72 * height) if has_square_pixels(section) else (width, 0.72 * height)
    is_wide = width > 1.25 * height
    shape = (3, 1) if is_wide else (1, 3)
    side = "right" if is_wide else "bottom"
    figure = Figure(layout="constrained")
    panels = figure.subplots(*shape, sharex=True, sharey=True)
    image = draw_panel(panels[0], section, mapping, matplotlib.colormaps["gray"])
    if not is_colour(section):
        add_colour_bar(figure, panels[0], image, section, (width, height), side)
    set_title(panels[0], "Section, and what is asked about")
    units = "for (+), against (−)"
    for axes, map_, name in (
        (panels[1], attribution, "Attribution"),
        (
            panels[2],
            smoothed,
            "Attribution over the section"
            if is_grid
            else f"Smoothed (σ {SMOOTHING_SAMPLES:g} samples), over the section",
        ),
    ):
        clip = _clip_of(map_)
        scale = GreyMapping(-clip, clip)
        image = draw_panel(axes, map_.assign_attrs(units=units), scale, matplotlib.colormaps[_COLOURS])
        if axes is panels[2]:
            _draw_over(axes, section, map_, mapping, clip, image.get_extent())
        add_colour_bar(figure, axes, image, map_.assign_attrs(units=units), (width, height), side)
        set_title(axes, name)
    for axes in panels:
        _mark(axes, attribution, region)
        axes.label_outer()
    explain_absent(panels[0], section)
    fit_titled(figure, panels[0], (width, height), shape, title)
    return figure


def draw_sanity(maps: Mapping[str, xr.DataArray], captions: Mapping[str, str], *, title: str | None = None) -> Figure:
    """Draw the maps of a network and of the same one with weights made random.

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
        Panels in rows of three or fewer, smoothed as in `draw_attribution`, of what the target sees.
    """
    first = next(iter(maps.values()))
    window = _seen(first)
    cut = first.isel(dict(zip(first.dims, window, strict=True)))
    width, height = (0.45 * side for side in size_panel(cut))
    n_columns = min(3, len(maps))
    shape = (-(-len(maps) // n_columns), n_columns)
    figure = Figure(layout="constrained")
    panels = list(np.atleast_1d(figure.subplots(*shape, sharex=True, sharey=True)).flat)
    for axes, (name, map_) in zip(panels, maps.items(), strict=False):
        shown = map_ if str(map_.attrs.get("method")) == "grad-cam" else smooth(map_)
        shown = shown.isel(dict(zip(shown.dims, window, strict=True)))
        clip = _clip_of(shown)
        draw_panel(axes, shown, GreyMapping(-clip, clip), matplotlib.colormaps[_COLOURS])
        set_title(axes, textwrap.fill(captions.get(name, name), max(12, int(width * 12))))
        axes.label_outer()
    for axes in panels[len(maps) :]:
        axes.set_axis_off()
    heading = figure.suptitle(
        textwrap.fill(title or "", int(shape[1] * width * 10)), ha="left", fontsize=FONT_SIZE + 1, parse_math=False
    )
    fit_canvas(figure, panels[0], (width, height), shape)
    heading.set_x(panels[0].get_position().x0)
    return figure


def smooth(map_: xr.DataArray, sigma: float = SMOOTHING_SAMPLES) -> xr.DataArray:
    """Return a map under a Gaussian: what speaks for and against within a few samples, in balance."""
    absent = np.isnan(map_.values)
    values = ndimage.gaussian_filter(np.where(absent, 0.0, map_.values).astype(np.float64), sigma, mode="nearest")
    return map_.copy(data=np.where(absent, np.nan, values).astype(np.float32))


def _clip_of(map_: xr.DataArray) -> float:
    """Return where colours saturate: by what lies where the map says anything, else large quiet parts would decide."""
    magnitudes = np.abs(map_.values[np.isfinite(map_.values)])
    magnitudes = magnitudes[magnitudes > 0]
    return float(np.percentile(magnitudes, 99.5)) if magnitudes.size else 1.0


def _draw_over(
    axes: Axes, section: xr.DataArray, map_: xr.DataArray, mapping: GreyMapping, clip: float, extent: Sequence[float]
) -> None:
    """Draw a map's colours over the section, which shows through as far as the map is silent."""
    grey = np.nan_to_num(mapping.to_grey(section.values), nan=127.5).clip(0.0, 255.0) / 255.0
    grey = grey.mean(axis=-1) if is_colour(section) else grey
    strength = np.nan_to_num(map_.values / clip).clip(-1.0, 1.0)
    colours = matplotlib.colormaps[_COLOURS](0.5 + 0.5 * strength)[..., :3]
    # Faint greys, so that no reflector is taken for a colour.
    under = (0.72 + 0.28 * grey)[..., None]
    opacity = (np.abs(strength) ** 0.5)[..., None] * 0.85
    pixels = under * (1 - opacity) + colours * under * opacity
    alpha = ~missing_samples(section)[..., None]
    axes.imshow(np.concatenate([pixels, alpha], axis=-1), extent=tuple(extent), aspect="auto")  # pyright: ignore


def _surroundings(
    section: xr.DataArray, attribution: xr.DataArray, smoothed: xr.DataArray, region: xr.DataArray | None
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray, xr.DataArray | None]:
    """Cut all to what the target sees and a quarter of that around it; Grad-CAM's maps stay whole."""
    if str(attribution.attrs.get("method")) == "grad-cam":
        return section, attribution, smoothed, region
    cut, seen = {}, []
    for dim, part in zip(attribution.dims, _seen(attribution), strict=True):
        margin = (part.stop - part.start) // 4
        first = max(0, part.start - margin)
        cut[dim] = slice(first, part.stop + margin)
        seen.append((part.start - first, part.stop - first))
    attribution = attribution.isel(cut).assign_attrs(seen_rows=seen[0], seen_columns=seen[1])
    return section.isel(cut), attribution, smoothed.isel(cut), None if region is None else region.isel(cut)


def _seen(attribution: xr.DataArray) -> tuple[slice, slice]:
    rows, columns = attribution.attrs.get("seen_rows"), attribution.attrs.get("seen_columns")
    whole = ((0, attribution.shape[0]), (0, attribution.shape[1]))
    rows, columns = rows or whole[0], columns or whole[1]
    return slice(*rows), slice(*columns)


def _mark(axes: Axes, attribution: xr.DataArray, region: xr.DataArray | None) -> None:
    """Outline what is asked about, and frame what can be seen from there."""
    left, right, bottom, top = axes.images[0].get_extent()
    n_rows, n_columns = attribution.shape
    across, down = (right - left) / n_columns, (bottom - top) / n_rows
    rows, columns = _seen(attribution)
    if (rows.stop - rows.start, columns.stop - columns.start) != (n_rows, n_columns):
        frame = Rectangle(
            (left + columns.start * across, top + rows.start * down),
            (columns.stop - columns.start) * across,
            (rows.stop - rows.start) * down,
            fill=False,
            edgecolor=_TARGET,
            linestyle=(0, (5, 4)),
            linewidth=0.9,
        )
        axes.add_patch(frame)
    if region is None:
        return
    asked = region.values > 0
    if asked.sum() == 1:
        row, column = (int(place[0]) for place in np.nonzero(asked))
        place = left + (column + 0.5) * across, top + (row + 0.5) * down
        axes.plot(*place, marker="o", markersize=9, markerfacecolor="none", markeredgecolor="white", markeredgewidth=3)
        axes.plot(
            *place, marker="o", markersize=9, markerfacecolor="none", markeredgecolor=_TARGET, markeredgewidth=1.6
        )
        return
    # A rim of nothing closes the outline at the section's edge.
    padded = np.pad(asked.astype(float), 1)
    xs = left + (np.arange(n_columns + 2) - 0.5) * across
    ys = top + (np.arange(n_rows + 2) - 0.5) * down
    limits = axes.get_xlim(), axes.get_ylim()
    axes.contour(xs, ys, padded, levels=[0.5], colors=_TARGET, linewidths=1.4)
    axes.set(xlim=limits[0], ylim=limits[1])
