"""Sections as figures: time down, traces across, zero at mid-colour, and a colour bar."""

from __future__ import annotations

import os
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL.PngImagePlugin import PngInfo

from seisdream.errors import SeisdreamError, near_matches
from seisdream.seismic.sections import GreyMapping, absent_samples, blank_absent, is_colour, is_picture, missing_samples

# Grey, and maps with white in the middle and the name of their ends, from negative to positive. No rainbow: its
# bands draw edges that the data do not have.
COLORMAPS = {"grey": "gray", "blue-red": "RdBu_r", "teal-brown": "BrBG_r", "purple-orange": "PuOr_r"}
POLARITIES = ("normal", "reversed")

_AXIS_LABELS = {
    "time": "Time (ms)",
    "depth": "Depth (m)",
    "row": "Row",
    "column": "Column",
    "trace": "Trace",
    "inline": "Inline",
    "crossline": "Crossline",
}
# Sand, which is in none of the colour maps: nobody takes an absent trace for a quiet one.
ABSENT_COLOUR = (231, 223, 205)
_ABSENT = {"facecolor": "#e7dfcd", "edgecolor": "#c3b798", "hatch": "////", "linewidth": 0.0}
_PANEL_AREA = 36.0  # square inches
FONT_SIZE = 9.0
_TICK_STEPS = [1, 2, 2.5, 5, 10]


def draw_section(
    section: xr.DataArray,
    *,
    colormap: str = "grey",
    percentile: float = 99.0,
    polarity: str = "normal",
    title: str | None = None,
) -> Figure:
    """Draw a section with its axes and, for amplitudes, a colour bar.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)``, ``(row, column)`` or ``(row, column, colour)``; absent samples (NaN or muted) are hatched.
    colormap : str, default "grey"
        One of `COLORMAPS`; a picture keeps its own colours and greys.
    percentile : float, 50 to 100, default 99
        The percentile of absolute amplitude at which colours saturate, alike on both sides of zero.
    polarity : {"normal", "reversed"}
        Whether positive amplitudes are light (in grey) or dark; the numbers on the colour bar stay what they are.
    title : str, optional
        A line above the section.

    Returns
    -------
    matplotlib.figure.Figure
        For `write_figure`; no global state of matplotlib is touched.

    Raises
    ------
    SeisdreamError
        If there is no such colour map or polarity.
    """
    colours = _colormap(colormap, polarity)
    section = blank_absent(section)
    width, height = size_panel(section)
    figure = Figure(layout="constrained")
    axes = figure.add_subplot()
    image = draw_panel(axes, section, GreyMapping.of(section, percentile), colours)
    if not is_picture(section):
        add_colour_bar(figure, axes, image, section, (width, height))
    set_title(axes, textwrap.fill(title or "", int(width * 10)))
    explain_absent(axes, section)
    fit_canvas(figure, axes, (width, height))
    return figure


def draw_comparison(
    before: xr.DataArray,
    after: xr.DataArray,
    *,
    colormap: str = "grey",
    percentile: float = 99.0,
    polarity: str = "normal",
    title: str | None = None,
) -> Figure:
    """Draw a section before and after, in one colour scale, and their difference in its own.

    Parameters
    ----------
    before, after : DataArray
        Of one shape, as for `draw_section`. The scale is that of `before`.
    colormap, percentile, polarity
        As for `draw_section`; the difference is always drawn from blue over white to red. In colour, the difference
        is drawn around mid-grey, stretched by the factor in its title.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels, one above the other for wide sections, side by side over their colour bars for high ones.

    Raises
    ------
    SeisdreamError
        If there is no such colour map or polarity, or the two have different shapes.
    """
    if before.shape != after.shape:
        raise SeisdreamError(f"Only sections of one shape can be compared; got {before.shape} and {after.shape}.")
    colours = _colormap(colormap, polarity)
    absent = absent_samples(before)
    before, after = blank_absent(before, absent), blank_absent(after, absent)
    width, height = size_panel(before)
    is_wide = width > 1.25 * height
    # One page: panels below each other are lower, panels beside each other narrower; pixels stay square.
    if has_square_pixels(before):
        width, height = width * 0.72, height * 0.72
    else:
        width, height = (width, height * 0.72) if is_wide else (max(width * 0.72, 2.2), height)
    # Between panels side by side, a colour bar's label would read as the next panel's: there the bars lie below.
    bar_side = "right" if is_wide else "bottom"
    shape = (3, 1) if is_wide else (1, 3)
    figure = Figure(layout="constrained")
    panels = figure.subplots(*shape, sharex=True, sharey=True)
    scale = GreyMapping.of(before, percentile)
    difference, difference_scale, name = _difference(before, after, percentile)
    drawn = (
        ("Before", before, scale, colours),
        ("After", after, scale, colours),
        (name, difference, difference_scale, _colormap("blue-red", polarity)),
    )
    for axes, (panel_title, section, mapping, panel_colours) in zip(panels, drawn, strict=True):
        image = draw_panel(axes, section, mapping, panel_colours)
        if not is_colour(section):
            add_colour_bar(figure, axes, image, section, (width, height), bar_side)
        set_title(axes, textwrap.fill(panel_title, int(width * 12)))
        axes.label_outer()
    explain_absent(panels[0], before)
    fit_titled(figure, panels[0], (width, height), shape, title)
    return figure


def draw_sections(
    sections: Mapping[str, xr.DataArray], *, colormap: str = "grey", percentile: float = 99.0, title: str | None = None
) -> Figure:
    """Draw several sections of one shape beside and below each other, in the colour scale of the first.

    Parameters
    ----------
    sections : mapping of DataArray
        By what is written above each.
    colormap, percentile
        As for `draw_section`.
    title : str, optional
        A line above all panels.

    Raises
    ------
    SeisdreamError
        If they have different shapes, or there is no such colour map.
    """
    first = next(iter(sections.values()))
    if unlike := [section.shape for section in sections.values() if section.shape != first.shape]:
        raise SeisdreamError(f"Only sections of one shape are drawn together; got {first.shape} and {unlike[0]}.")
    colours, scale = _colormap(colormap, "normal"), GreyMapping.of(first, percentile)
    width, height = (0.6 * side for side in size_panel(first))
    n_columns = max(1, min(len(sections), round(np.sqrt(len(sections) * height / width * 1.5))))
    shape = (-(-len(sections) // n_columns), n_columns)
    figure = Figure(layout="constrained")
    panels = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (name, section) in zip(panels, sections.items(), strict=False):
        draw_panel(axes, blank_absent(section, absent_samples(first)), scale, colours)
        set_title(axes, name)
        axes.label_outer()
    for axes in panels[len(sections) :]:
        axes.set_visible(False)
    fit_titled(figure, panels[0], (width, height), shape, title)
    return figure


def write_figure(
    figure: Figure, path: str | os.PathLike[str], *, text: dict[str, str] | None = None, dpi: float = 150.0
) -> None:
    """Write a figure as PNG with texts inside.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        As `draw_section` gives it.
    path : path
        Written at once; `seisdream.io.atomic` gives one that appears whole.
    text : dict of str, optional
        Texts by key, each in its own international text chunk (iTXt).
    dpi : float, default 150
        Pixels per inch.
    """
    chunks = PngInfo()
    for key, words in (text or {}).items():
        chunks.add_itxt(key, words)
    with _boxes_for_missing_letters():
        figure.savefig(path, format="png", dpi=dpi, pil_kwargs={"pnginfo": chunks})


def to_pixels(grey_levels: np.ndarray) -> np.ndarray:
    """Return grey levels as pixels for films and pictures.

    Parameters
    ----------
    grey_levels : array
        ``(row, column)`` or ``(row, column, 3)`` in 0–255; what lies outside is clipped, NaN (absent) is drawn in
        `ABSENT_COLOUR`.

    Returns
    -------
    array, uint8
        RGB ``(row, column, 3)``.
    """
    grey_levels = np.asarray(grey_levels)
    levels = np.repeat(grey_levels[..., None], 3, axis=-1) if grey_levels.ndim == 2 else grey_levels
    absent = np.asarray(np.isnan(levels).any(axis=-1))
    pixels = np.clip(np.rint(np.where(absent[..., None], 0.0, levels)), 0.0, 255.0).astype(np.uint8)
    pixels[absent] = ABSENT_COLOUR
    return pixels


def _colormap(name: str, polarity: str) -> Colormap:
    if name not in COLORMAPS:
        near = near_matches(name, COLORMAPS) or list(COLORMAPS)
        raise SeisdreamError(f"There is no colour map '{name}'; choose one of {', '.join(near)}.")
    if polarity not in POLARITIES:
        raise SeisdreamError(f"Polarity is {' or '.join(POLARITIES)}, not '{polarity}'.")
    colours = matplotlib.colormaps[COLORMAPS[name]]
    return colours.reversed() if polarity == "reversed" else colours


def size_panel(section: xr.DataArray) -> tuple[float, float]:
    """Return width and height in inches: the proportions of the samples, within what fits a page."""
    n_rows, n_columns = section.shape[:2]
    ratio = float(np.clip(n_columns / n_rows, 0.55, 2.6))
    width, height = (_PANEL_AREA * ratio) ** 0.5, (_PANEL_AREA / ratio) ** 0.5
    if has_square_pixels(section):
        width, height = min(width, height * n_columns / n_rows), min(height, width * n_rows / n_columns)
        return max(width, 2.0), max(height, 1.0)  # below that, words would have no room
    return width, height


def has_square_pixels(section: xr.DataArray) -> bool:
    """Return whether a section's samples are to be drawn as squares."""
    # Samples of seismic are no squares: a trace may be 25 m wide and a sample 4 ms high. Pixels are.
    return is_picture(section) and section.dims[:2] == ("row", "column")


def fit_titled(
    figure: Figure, panel: Axes, panel_size: tuple[float, float], shape: tuple[int, int], title: str | None
) -> None:
    """Write a title that begins where the panels do, and size the canvas as `fit_canvas` does."""
    words = textwrap.fill(title or "", int(shape[1] * panel_size[0] * 9))
    heading = figure.suptitle(words, ha="left", fontsize=FONT_SIZE + 2, parse_math=False)
    fit_canvas(figure, panel, panel_size, shape)
    heading.set_x(panel.get_position().x0)


def fit_canvas(figure: Figure, panel: Axes, panel_size: tuple[float, float], shape: tuple[int, int] = (1, 1)) -> None:
    """Size the canvas so that the panels, all alike, get their size and all words around them have room.

    Square pixels come from this too: around axes of fixed aspect, matplotlib's layout may clip words.
    """
    layout = figure.get_layout_engine()
    assert layout is not None
    wanted, n_panels = np.array(panel_size), np.array(shape[::-1])
    canvas = n_panels * (wanted + 2.0)
    figure.set_size_inches(*canvas)
    with _boxes_for_missing_letters():
        for _ in range(2):  # ticks and the room between panels change a little with the canvas
            layout.execute(figure)
            canvas += n_panels * (wanted - np.asarray(panel.get_position().size) * canvas)
            figure.set_size_inches(*canvas)
        layout.execute(figure)


@contextmanager
def _boxes_for_missing_letters() -> Iterator[None]:
    """Let letters that the font lacks be drawn as boxes, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def draw_panel(axes: Axes, section: xr.DataArray, scale: GreyMapping, colours: Colormap) -> AxesImage:
    """Draw a section into axes, numbered and named; absent samples let the hatching behind them be seen."""
    left, right, across = _edges(section, 1)
    top, bottom, down = _edges(section, 0)
    axes.patch.set(**_ABSENT)
    extent = (left, right, bottom, top)
    if is_colour(section):
        grey = np.nan_to_num(scale.to_grey(section.values), nan=255.0)
        image = axes.imshow(to_pixels(grey), extent=extent, aspect="auto")
    else:
        image = axes.imshow(
            np.ma.masked_invalid(section.values),
            extent=extent,
            aspect="auto",
            cmap="gray" if is_picture(section) else colours,
            vmin=scale.low,
            vmax=scale.high,
        )
    for axis, dim, formatter in ((axes.xaxis, section.dims[1], across), (axes.yaxis, section.dims[0], down)):
        axis.set_label_text(_AXIS_LABELS.get(str(dim), str(dim)), fontsize=FONT_SIZE)
        axis.set_major_locator(MaxNLocator(nbins=9, steps=_TICK_STEPS, integer=dim not in ("time", "depth")))
        if formatter is not None:
            axis.set_major_formatter(formatter)
    axes.tick_params(labelsize=FONT_SIZE - 1)
    return image


def _edges(section: xr.DataArray, place: int) -> tuple[float, float, FuncFormatter | None]:
    """Return the outer edges of the first and last sample along an axis, and how its ticks are written."""
    numbers = np.asarray(section[section.dims[place]].values, np.float64)
    steps = np.diff(numbers)
    if steps.size == 0:
        return numbers[0] - 0.5, numbers[0] + 0.5, None
    if steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-3):
        return numbers[0] - steps[0] / 2, numbers[-1] + steps[0] / 2, None
    # Uneven numbers (a line with gaps, a merged survey): samples stay equally wide, ticks give their numbers.

    def number_at(position: float, _tick: int | None = None) -> str:
        index = round(position)
        return f"{numbers[index]:.12g}" if 0 <= index < numbers.size else ""

    return -0.5, numbers.size - 0.5, FuncFormatter(number_at)


def _difference(before: xr.DataArray, after: xr.DataArray, percentile: float) -> tuple[xr.DataArray, GreyMapping, str]:
    """Return what to draw for the difference: signed values with their scale, or colours around mid-grey."""
    attrs = {key: value for key, value in before.attrs.items() if key != "value_range"}
    attrs.setdefault("units", "grey level" if is_picture(before) else "amplitude")
    signed = xr.DataArray(after.values - before.values, coords=before.coords, dims=before.dims, attrs=attrs)
    magnitude = np.abs(signed.values[np.isfinite(signed.values)])
    clip = float(np.percentile(magnitude, percentile)) if magnitude.size else 0.0
    clip = clip or float(magnitude.max(initial=0.0)) or 1.0
    if not is_colour(before):
        return signed, GreyMapping(-clip, clip), "Difference (after − before), own scale"
    scale = GreyMapping.of(before)
    middle, half = (scale.low + scale.high) / 2, (scale.high - scale.low) / 2
    stretched = before.copy(data=middle + signed.values * (half / clip))
    return stretched, scale, f"Difference (after − before, × {half / clip:.2g}; grey: unchanged)"


def add_colour_bar(
    figure: Figure,
    axes: Axes,
    image: AxesImage,
    section: xr.DataArray,
    panel_size: tuple[float, float],
    side: Literal["right", "bottom"] = "right",
    *,
    extend: Literal["neither", "both", "min", "max"] | None = None,
) -> None:
    """Add a section's colour bar beside its panel, by default with pointed ends for amplitudes."""
    across, along = panel_size if side == "right" else panel_size[::-1]
    units = str(section.attrs.get("units", "grey level" if is_picture(section) else "amplitude"))
    bar = figure.colorbar(
        image,
        ax=axes,
        location=side,
        # Amplitudes go beyond the clip, which the pointed ends say.
        extend=extend or ("neither" if is_picture(section) else "both"),
        extendfrac=0.03,
        pad=0.1 / across,
        aspect=along / 0.16,
        fraction=0.22 / across,
    )
    bar.set_label(units[:1].upper() + units[1:], fontsize=FONT_SIZE)
    bar.ax.tick_params(labelsize=FONT_SIZE - 1)
    bar.locator = MaxNLocator(nbins=6 if side == "right" else 4, steps=_TICK_STEPS)
    bar.update_ticks()


def set_title(axes: Axes, title: str) -> None:
    """Write a title over a panel, as it is: file names are no mathematics."""
    axes.set_title(title, loc="left", fontsize=FONT_SIZE + 1, parse_math=False)


def explain_absent(axes: Axes, section: xr.DataArray) -> None:
    """Say over a panel what the hatching means, where a section that is drawn has NaN."""
    if missing_samples(section).any():
        axes.legend(
            handles=[Patch(label="no data", **_ABSENT)],
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            borderaxespad=0.2,
            borderpad=0.1,
            frameon=False,
            fontsize=FONT_SIZE - 1,
        )
