"""What all figures share: axis labels, clip, colour maps and bars, hatching of absent samples, canvas size, writing.

Time goes down, traces go across, zero is the middle of the colour map, and no colour map is a rainbow: its bands would
draw edges that the data do not have.
"""

from __future__ import annotations

import os
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogFormatter, MaxNLocator
from PIL.PngImagePlugin import PngInfo

from seisdream.errors import SeisdreamError, near_matches
from seisdream.escaping import for_terminal
from seisdream.plotting.display import COLORMAPS, POLARITIES, current_display
from seisdream.plotting.thinning import average_colours, thinned_shape
from seisdream.seismic.sections import GreyMapping, is_colour, is_picture

GREY = matplotlib.colormaps["gray"]
ABSENT_COLOUR = (231, 223, 205)
"""Sand, which is in none of the colour maps, so that nobody takes an absent trace for a quiet one."""
MARK_COLOUR = "#00a651"
"""Outlines of masks and of significant blocks."""
FONT_SIZE = 9.0

_AXIS_LABELS = {
    "time": "Time (ms)",
    "depth": "Depth (m)",
    "row": "Row",
    "column": "Column",
    "trace": "Trace",
    "inline": "Inline",
    "crossline": "Crossline",
}
_ABSENT = {"facecolor": "#e7dfcd", "edgecolor": "#c3b798", "hatch": "////", "linewidth": 0.0}
_PANEL_AREA = 36.0  # square inches
_WIGGLES_PER_INCH = 10
_TICK_STEPS = [1, 2, 2.5, 5, 10]
# Of PNG: level 6, the usual one, takes three times as long for a file that is 1 to 2 % smaller.
_COMPRESSION = 3


@dataclass(frozen=True)
class Layout:
    """How the panels of a figure are arranged.

    Attributes
    ----------
    size : (float, float)
        Width and height of a panel in inches.
    shape : (int, int)
        Rows and columns of panels.
    bar_side : {"right", "bottom"}
        Where colour bars are. Between panels side by side, a label would read as the next panel's, so there the bars
        are below.
    """

    size: tuple[float, float]
    shape: tuple[int, int] = (1, 1)
    bar_side: Literal["right", "bottom"] = "right"


def three_panels(section: xr.DataArray) -> Layout:
    """Return the layout of three panels of one page: stacked for wide sections, side by side for tall ones."""
    width, height = size_panel(section)
    is_wide = width > 1.25 * height
    if has_square_pixels(section):
        width, height = 0.72 * width, 0.72 * height
    else:
        width, height = (width, 0.72 * height) if is_wide else (max(0.72 * width, 2.2), height)
    return Layout((width, height), (3, 1), "right") if is_wide else Layout((width, height), (1, 3), "bottom")


def size_panel(section: xr.DataArray) -> tuple[float, float]:
    """Return width and height in inches: the proportions of the samples, within what fits a page."""
    n_rows, n_columns = section.shape[:2]
    ratio = current_display().aspect or float(np.clip(n_columns / n_rows, 0.55, 2.6))
    width, height = (_PANEL_AREA * ratio) ** 0.5, (_PANEL_AREA / ratio) ** 0.5
    if has_square_pixels(section):
        width, height = min(width, height * n_columns / n_rows), min(height, width * n_rows / n_columns)
        return max(width, 2.0), max(height, 1.0)  # Smaller panels have no room for labels.
    return width, height


def has_square_pixels(section: xr.DataArray) -> bool:
    """Return whether samples are drawn as squares: those of pictures are; a trace and a sample have no common unit."""
    return is_picture(section) and section.dims[:2] == ("row", "column")


def find_colormap(name: str, polarity: str = "normal") -> Colormap:
    """Return one of `COLORMAPS`, reversed for reversed polarity."""
    if name not in COLORMAPS:
        near = near_matches(name, COLORMAPS) or list(COLORMAPS)
        raise SeisdreamError(
            f"There is no colour map '{name}'; choose one of {', '.join(near)}.", code="unknown-name", option="colormap"
        )
    if polarity not in POLARITIES:
        raise SeisdreamError(
            f"`polarity` is '{polarity}'; it must be {' or '.join(POLARITIES)}.", code="out-of-range", option="polarity"
        )
    colours = matplotlib.colormaps[COLORMAPS[name]]
    return colours.reversed() if polarity == "reversed" else colours


def draw_panel(
    axes: Axes,
    section: xr.DataArray,
    scale: GreyMapping,
    colours: Colormap,
    absent: np.ndarray | None = None,
    *,
    norm: Normalize | None = None,
) -> AxesImage:
    """Draw a section with labelled axes; absent samples show the hatched background.

    Parameters
    ----------
    axes : Axes
        The panel.
    section : DataArray
        ``(time, trace)`` or a picture. More samples than a panel can show are averaged to fewer pixels.
    scale : GreyMapping
        The values of the first and the last colour.
    colours : Colormap
        Colours of amplitudes; pictures keep their own.
    absent : array, optional
        Booleans ``(time, trace)`` of samples that are absent, in addition to those that are NaN.
    norm : Normalize, optional
        From values to colours; by default linear over `scale`.
    """
    left, right, across = _edges(section, 1)
    top, bottom, down = _edges(section, 0)
    axes.patch.set(**_ABSENT)
    colours = GREY if is_picture(section) else colours
    norm = norm or Normalize(scale.low, scale.high)

    def pixels_of(rows: slice) -> np.ndarray:
        values = section.values[rows]
        hidden = None if absent is None else absent[rows]
        if is_colour(section):
            return _colour_pixels(scale.to_grey(values), hidden)
        return colours(norm(_masked(values, hidden)), bytes=True)

    shape, thinned = section.shape[:2], thinned_shape(section.shape, size_panel(section))
    if thinned != shape:
        drawn = average_colours(pixels_of, shape, thinned)
    elif is_colour(section):
        drawn = pixels_of(slice(None))
    else:
        drawn = _masked(section.values, absent)
    image = axes.imshow(drawn, extent=(left, right, bottom, top), aspect="auto", cmap=colours, norm=norm)
    for axis, dim, formatter in ((axes.xaxis, section.dims[1], across), (axes.yaxis, section.dims[0], down)):
        axis.set_label_text(_label(section, str(dim)), fontsize=FONT_SIZE)
        axis.set_major_locator(MaxNLocator(nbins=9, steps=_TICK_STEPS, integer=dim not in ("time", "depth")))
        if formatter is not None:
            axis.set_major_formatter(formatter)
    axes.tick_params(labelsize=FONT_SIZE - 1)
    return image


def draw_amplitudes(
    axes: Axes,
    section: xr.DataArray,
    scale: GreyMapping,
    absent: np.ndarray | None = None,
    colours: Colormap | None = None,
) -> AxesImage:
    """Draw a section as `draw_panel`, with the current display's colours, polarity, gain and, of traces, wiggles."""
    display = current_display()
    if is_picture(section):
        return draw_panel(axes, section, scale, GREY, absent)
    scale = GreyMapping(scale.low / display.factor, scale.high / display.factor)
    image = draw_panel(axes, section, scale, colours or find_colormap(display.colormap, display.polarity), absent)
    if display.wiggle and section.dims[0] in ("time", "depth"):
        _draw_wiggles(axes, section, scale, absent, sign=-1.0 if display.polarity == "reversed" else 1.0)
    return image


def _draw_wiggles(
    axes: Axes, section: xr.DataArray, scale: GreyMapping, absent: np.ndarray | None, sign: float
) -> None:
    """Draw evenly spaced traces as lines, filled on their positive side; as many as can be told apart."""
    n_rows, n_columns = section.shape
    left, right, bottom, top = axes.images[-1].get_extent()
    width = (right - left) / n_columns
    every = -(-n_columns // int(_WIGGLES_PER_INCH * size_panel(section)[0]))
    down = top + (np.arange(n_rows) + 0.5) * (bottom - top) / n_rows
    for column in range(every // 2, n_columns, every):
        trace = np.array(section.values[:, column], np.float64)
        if absent is not None:
            trace[absent[:, column]] = np.nan
        middle = left + (column + 0.5) * width
        across = middle + sign * np.clip(trace / scale.high, -1.0, 1.0) * every * width
        axes.plot(across, down, color="black", linewidth=0.4)
        axes.fill_betweenx(down, middle, across, where=across > middle, color="black", linewidth=0, interpolate=True)
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _label(section: xr.DataArray, dim: str) -> str:
    """Return the label of an axis, with the units of its coordinate if that states them."""
    attrs = section[dim].attrs if dim in section.coords else {}
    if dim in ("time", "depth") and attrs.get("units"):
        return f"{attrs.get('long_name', dim.capitalize())} ({attrs['units']})"
    return _AXIS_LABELS.get(dim, dim)


def _edges(section: xr.DataArray, axis: int) -> tuple[float, float, FuncFormatter | None]:
    """Return the outer edges of the first and last sample along an axis, and a formatter for uneven numbers."""
    numbers = np.asarray(section[section.dims[axis]].values, np.float64)
    steps = np.diff(numbers)
    if steps.size == 0:
        return numbers[0] - 0.5, numbers[0] + 0.5, None
    if steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-3):
        return numbers[0] - steps[0] / 2, numbers[-1] + steps[0] / 2, None

    # A line with gaps or a merged survey: samples stay equally wide, and ticks show their numbers.
    def number_at(position: float, _tick: int | None = None) -> str:
        index = round(position)
        return f"{numbers[index]:.12g}" if 0 <= index < numbers.size else ""

    return -0.5, numbers.size - 0.5, FuncFormatter(number_at)


def _masked(values: np.ndarray, absent: np.ndarray | None) -> np.ma.MaskedArray:
    masked = np.ma.masked_invalid(values, copy=False)
    return masked if absent is None else np.ma.masked_where(absent, masked, copy=False)


def _colour_pixels(levels: np.ndarray, absent: np.ndarray | None = None) -> np.ndarray:
    """Return levels ``(row, column, 3)`` in 0 to 255 as opaque pixels, clipped; absent ones in `ABSENT_COLOUR`."""
    missing = np.any(np.isnan(levels), axis=-1)
    missing = missing if absent is None else missing | absent
    pixels = np.full((*missing.shape, 4), 255, np.uint8)
    pixels[..., :3] = np.clip(np.rint(np.where(missing[..., None], 0.0, levels)), 0.0, 255.0)
    pixels[missing, :3] = ABSENT_COLOUR
    return pixels


def add_colour_bar(
    figure: Figure,
    axes: Axes,
    image: AxesImage,
    section: xr.DataArray,
    layout: Layout,
    *,
    extend: Literal["neither", "both", "min", "max"] | None = None,
) -> None:
    """Add a panel's colour bar; pointed ends show that amplitudes exceed the clip. Pictures in colour have none."""
    if is_colour(section):
        return
    across, along = layout.size if layout.bar_side == "right" else layout.size[::-1]
    units = str(section.attrs.get("units", "grey level" if is_picture(section) else "amplitude"))
    bar = figure.colorbar(
        image,
        ax=axes,
        location=layout.bar_side,
        extend=extend or ("neither" if is_picture(section) else "both"),
        extendfrac=0.03,
        pad=0.1 / across,
        aspect=along / 0.16,
        fraction=0.22 / across,
    )
    bar.set_label(units[:1].upper() + units[1:], fontsize=FONT_SIZE)
    bar.ax.tick_params(labelsize=FONT_SIZE - 1)
    bar.locator = MaxNLocator(nbins=6 if layout.bar_side == "right" else 4, steps=_TICK_STEPS)
    bar.update_ticks()


def set_title(axes: Axes, title: str, width: float | None = None) -> None:
    """Write a title over a panel, wrapped to a width in inches; dollar signs are not mathematics."""
    title = title if width is None else textwrap.fill(title, max(12, int(width * 12)))
    axes.set_title(title, loc="left", fontsize=FONT_SIZE + 1, parse_math=False)


def explain_absent(axes: Axes, absent: np.ndarray) -> None:
    """Add a legend for the hatching, where samples are absent."""
    if absent.any():
        axes.legend(
            handles=[Patch(label="no data", **_ABSENT)],
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            borderaxespad=0.2,
            borderpad=0.1,
            frameon=False,
            fontsize=FONT_SIZE - 1,
        )


def label_outer(axes: Axes, *, is_lowest: bool) -> None:
    """Leave labels to the outer panels of a figure; the lowest of a column has them even above an empty place."""
    across = axes.get_xlabel()
    axes.label_outer()
    if is_lowest:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(across)


def finish_figure(figure: Figure, panel: Axes, layout: Layout, title: str | None) -> None:
    """Write a title above all panels, aligned with them, and size the canvas so that nothing is cut off.

    Square pixels come from the canvas too: around axes of fixed aspect, matplotlib's layout may cut labels off.
    """
    heading = figure.suptitle(title or "", ha="left", fontsize=FONT_SIZE + 2, parse_math=False)
    without_mathematics(figure)
    if title:
        with without_glyph_warnings():
            per_inch = len(title) * figure.dpi / heading.get_window_extent().width
        heading.set_text(textwrap.fill(title, int(0.95 * per_inch * layout.shape[1] * layout.size[0])))
    engine = figure.get_layout_engine()
    assert engine is not None
    wanted, n_panels = np.array(layout.size), np.array(layout.shape[::-1])
    canvas, margin = n_panels * (wanted + 2.0), 0.0
    figure.set_size_inches(*canvas)
    with without_glyph_warnings():
        for _ in range(2):  # Ticks and the space between panels change a little with the canvas.
            engine.execute(figure)
            margin = panel.get_position().x0 * canvas[0]
            canvas += n_panels * (wanted - np.asarray(panel.get_position().size) * canvas)
            figure.set_size_inches(*canvas)
    # Margins keep their size. Drawing lays the panels out again, which takes most of the time of a figure.
    heading.set_x(margin / canvas[0])


def write_figure(
    figure: Figure, path: str | os.PathLike[str], *, text: dict[str, str] | None = None, dpi: float = 150.0
) -> None:
    """Write a figure as PNG with texts inside.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure; no global state of matplotlib is changed.
    path : path
        The file to write.
    text : dict of str, optional
        Texts by key, each in its own international text chunk (iTXt).
    dpi : float, default 150
        Pixels per inch.
    """
    chunks = PngInfo()
    for key, words in (text or {}).items():
        chunks.add_itxt(key, words)
    without_mathematics(figure)
    with without_glyph_warnings():
        figure.savefig(path, format="png", dpi=dpi, pil_kwargs={"pnginfo": chunks, "compress_level": _COMPRESSION})


def without_mathematics(figure: Figure) -> None:
    """Draw dollar signs as they are: words may come from files, and few of them are formulas of TeX.

    Only the ticks of logarithmic axes, which matplotlib writes itself, are formulas. Control characters become codes.
    """
    axes = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)]
    logarithmic = [axis for axis in axes if isinstance(axis.get_major_formatter(), LogFormatter)]
    own = {id(text) for axis in logarithmic for text in axis.findobj(Text)}
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if id(text) not in own:
            text.set_parse_math(False)
            text.set_text(for_terminal(text.get_text()))


@contextmanager
def without_glyph_warnings() -> Iterator[None]:
    """Draw characters that the font lacks as boxes, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield
