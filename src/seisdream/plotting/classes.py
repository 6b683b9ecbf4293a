"""Maps of classes as figures: the section, its classes with a legend, entropy and uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch

from seisdream.plotting.panels import (
    FONT_SIZE,
    GREY,
    Layout,
    add_colour_bar,
    draw_amplitudes,
    draw_panel,
    explain_absent,
    finish_figure,
    has_square_pixels,
    set_title,
    size_panel,
)
from seisdream.plotting.slices import Row, draw_slices
from seisdream.plotting.thinning import nearest_samples, thinned_shape
from seisdream.seismic.sections import GreyMapping, absent_samples, is_colour, magnitude_percentile

MAX_IN_LEGEND = 25
"""A legend of more classes lists the largest."""
# How far the section's grey levels pull a class's colour to black or white.
_SHADE = 0.5
_BACKGROUND = "#c7c7c7"


def colours_of(prediction: xr.Dataset) -> list[str]:
    """Return a colour ``#rrggbb`` for each class: the network's own, else well distinguishable ones."""
    if "colour" in prediction.coords:
        return [str(colour) for colour in prediction["colour"].values]
    n_classes = prediction.sizes["class"]
    if n_classes <= 20:
        # The colour map has pairs of one hue, dark and light: all dark ones first.
        pairs = [to_hex(colour) for colour in matplotlib.colormaps["tab20"].colors]  # pyright: ignore
        colours = [*pairs[::2], *pairs[1::2]]
        if str(prediction["class"].values[0]) == "background":
            colours[0] = _BACKGROUND
        return colours[:n_classes]
    return [to_hex(colour) for colour in matplotlib.colormaps["turbo"](np.linspace(0.0, 1.0, n_classes))]


def kind_of(prediction: xr.Dataset) -> str:
    """Return what the classes of a prediction are: "class", or "concept" of a layer."""
    return str(prediction["class"].attrs.get("long_name", "class"))


def plural_kind_of(prediction: xr.Dataset) -> str:
    """Return the same of several: "classes" or "concepts"."""
    kind = kind_of(prediction)
    return kind + ("es" if kind.endswith("s") else "s")


def shares_of(prediction: xr.Dataset) -> np.ndarray:
    """Return each class's share of the present samples, 0 to 1."""
    n_classes = prediction.sizes["class"]
    counts = np.zeros(n_classes + 1, np.int64)
    for classes, entropy in zip(prediction["classes"].values, prediction["entropy"].values, strict=True):
        counts += np.bincount(np.minimum(classes[~np.isnan(entropy)], n_classes), minlength=n_classes + 1)
    return counts[:-1] / max(1, counts.sum())


def draw_classes(
    section: xr.DataArray,
    prediction: xr.Dataset,
    *,
    percentile: float = 99.0,
    title: str | None = None,
) -> Figure:
    """Draw a section, its predicted classes with a legend, their entropy and their uncertainty.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture.
    prediction : Dataset
        As `seisdream.predict` returns it for this section.
    percentile : float, 50 to 100, default 99
        The percentile of absolute amplitude at which the section's greys saturate.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        Panels of the section, the classes (shaded by the section), the entropy and, where there is any, the
        uncertainty on its own scale.
    """
    mapping, shares, absent = GreyMapping.of(section, percentile), shares_of(prediction), absent_samples(section)
    maps = [(prediction["entropy"], f"Entropy (0: certain, 1: all {plural_kind_of(prediction)} equally probable)", 1.0)]
    if "uncertainty" in prediction:
        uncertainty = prediction["uncertainty"]
        # Most of it is small: scaled to the largest value, nearly all would be white.
        largest = magnitude_percentile(uncertainty.values, 99.5) or 1.0
        maps.append((uncertainty, "Uncertainty (disagreement between augmentations), own scale", largest))
    layout = _layout(section, 2 + len(maps))
    figure = Figure(layout="constrained")
    panels = list(figure.subplots(*layout.shape, sharex=True, sharey=True).flat)
    draw_amplitudes(panels[0], section, mapping, absent)
    set_title(panels[0], "Section")
    draw_class_map(panels[1], section, prediction, mapping, absent)
    for axes, (values, name, largest) in zip(panels[2:], maps, strict=True):
        # White where the network is certain, dark where a check is worthwhile.
        image = draw_panel(axes, values, GreyMapping(0.0, largest), matplotlib.colormaps["Purples"])
        labelled = values.assign_attrs(units=str(values.name))
        add_colour_bar(figure, axes, image, labelled, layout, extend="max" if largest < 1.0 else "neither")
        set_title(axes, name, layout.size[0])
    for axes in panels:
        axes.label_outer()
    explain_absent(panels[0], absent)
    draw_class_legend(figure, prediction, shares, layout.shape[1] * layout.size[0])
    finish_figure(figure, panels[0], layout, title)
    return figure


def _layout(section: xr.DataArray, n_panels: int) -> Layout:
    width, height = size_panel(section)
    scale = 0.72 if has_square_pixels(section) else 0.8
    shape = (2, 2) if n_panels == 4 else (3, 1) if width > 1.25 * height else (1, 3)
    return Layout((scale * width, scale * height), shape, "bottom")


def draw_class_slices(
    slices: Sequence[xr.DataArray],
    predictions: Sequence[xr.Dataset],
    shares: np.ndarray,
    scale: GreyMapping,
    *,
    of: str = "cube",
    title: str | None = None,
) -> Figure:
    """Draw an inline, a crossline and a time slice, their classes, and how certain they are.

    Parameters
    ----------
    slices : sequence of DataArray
        Three slices, as `seisdream.plotting.slices.cut_cube` returns them.
    predictions : sequence of Dataset
        The prediction of each slice: ``classes``, ``entropy`` and, of two classes, ``probability`` of the second, with
        the coordinates ``class`` and, where the network has colours, ``colour``.
    shares : array
        Each class's share of the whole, 0 to 1.
    scale : GreyMapping
        The amplitudes of the first and the last grey.
    of : {"cube", "volume"}
        What the slices are of.
    title : str, optional
        A line above all panels.

    Returns
    -------
    matplotlib.figure.Figure
        Rows of amplitudes, of classes (shaded by them) and, of two classes, of the probability of the second; of more,
        of the entropy.
    """

    def draw_over(axes: Axes, image: AxesImage, number: int) -> None:
        _draw_classes_over(axes, image, slices[number], predictions[number], scale)

    names = [str(name) for name in predictions[0]["class"].values]
    last, title_of_last = ("probability", f"Probability of {names[1]}") if len(names) == 2 else ("entropy", "Entropy")
    present = [one.where(prediction["entropy"].notnull()) for one, prediction in zip(slices, predictions, strict=True)]
    certainty = [prediction[last].astype(np.float32).assign_attrs(units=last) for prediction in predictions]
    rows = [
        Row(of.capitalize(), present, scale),
        Row(plural_kind_of(predictions[0]).capitalize(), present, scale, GREY, draw_over=draw_over),
        Row(title_of_last, certainty, GreyMapping(0.0, 1.0), matplotlib.colormaps["Purples"], extend="neither"),
    ]
    figure = draw_slices(rows, title=title)
    draw_class_legend(figure, predictions[0], shares, float(figure.get_size_inches()[0]), of)
    return figure


def draw_class_map(
    axes: Axes, section: xr.DataArray, prediction: xr.Dataset, mapping: GreyMapping, absent: np.ndarray
) -> None:
    """Draw the classes in their colours, darker and lighter where the section is."""
    image = draw_panel(axes, section, mapping, GREY, absent)
    _draw_classes_over(axes, image, section, prediction, mapping)
    set_title(axes, plural_kind_of(prediction).capitalize())


def _draw_classes_over(
    axes: Axes, image: AxesImage, section: xr.DataArray, prediction: xr.Dataset, mapping: GreyMapping
) -> None:
    n_classes, colours = (
        prediction.sizes["class"],
        np.array([to_rgb(one) for one in colours_of(prediction)], np.float32),
    )
    # Samples that no panel has pixels for are left out, because there is no class between two classes.
    drawn = thinned_shape(section.shape, size_panel(section))
    kept = {dim: nearest_samples(section.sizes[dim], n) for dim, n in zip(section.dims, drawn, strict=False)}
    section, prediction = section.isel(kept), prediction[["classes", "entropy"]].isel(kept)
    grey = np.nan_to_num(mapping.to_grey(section.values), nan=127.5)
    grey = grey.mean(axis=-1) if is_colour(section) else grey
    shade = _SHADE * (grey.clip(0.0, 255.0) / 127.5 - 1.0)[..., None]
    classes = prediction["classes"].values
    # Without a colour where a network with several labels at once gives none.
    absent = np.isnan(prediction["entropy"].values) | (classes >= n_classes)
    map_ = colours[np.where(absent, 0, classes)]
    map_ = map_ + np.where(shade < 0, map_, 1.0 - map_) * shade
    pixels = np.concatenate([map_, ~absent[..., None]], axis=-1)
    axes.imshow(
        (pixels * 255.0).round().astype(np.uint8), extent=image.get_extent(), aspect="auto", interpolation="nearest"
    )


def draw_class_legend(
    figure: Figure,
    prediction: xr.Dataset,
    shares: np.ndarray,
    width: float,
    of: str = "section",
) -> None:
    """Draw a legend of the classes with their shares below all panels, as wide as these in inches."""
    names = [str(name) for name in prediction["class"].values]
    colours = colours_of(prediction)
    listed = sorted(np.argsort(-shares, kind="stable")[:MAX_IN_LEGEND].tolist())
    patches = [
        Patch(
            facecolor=colours[code],
            edgecolor="#606060",
            linewidth=0.4,
            label=f"{names[code]} ({100 * shares[code]:.0f} %)",
        )
        for code in listed
    ]
    longest = max(len(str(patch.get_label())) for patch in patches)
    n_columns = max(1, min(len(patches), int(width / (0.075 * longest + 0.5))))
    figure.legend(
        handles=patches,
        loc="outside lower center",
        ncols=n_columns,
        fontsize=FONT_SIZE,
        frameon=False,
        title=f"{kind_of(prediction).capitalize()} (share of the {of})",
        title_fontsize=FONT_SIZE,
    )
