"""Maps of classes show classes, names, entropy and uncertainty on the axes of the section."""

from colorsys import rgb_to_hsv
from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb

from seisdream.plotting import classes as drawing
from seisdream.plotting import thinning
from seisdream.plotting.classes import colours_of, draw_classes, shares_of
from seisdream.plotting.panels import size_panel, write_figure
from seisdream.seismic.sections import make_section

NAMES = ("beds", "chaos", "salt")
COLOURS = ("#d9a441", "#9fc78b", "#e38fb1")


def make_pair(n_rows=40, n_columns=90, *, augmentations=True, colours=COLOURS, names=NAMES):
    """Return a section of zero amplitude at its edge, and a map of thirds."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n_rows, n_columns)).astype(np.float32)
    values[:, 0] = 0.0
    coords = {"time": 100 + 4.0 * np.arange(n_rows), "crossline": 900 - np.arange(n_columns)}
    section = make_section(values, dims=("time", "crossline"), coords=coords)
    classes = np.broadcast_to(np.arange(n_rows)[:, None] * 3 // n_rows, values.shape).astype(np.uint8)
    dims = ("time", "crossline")
    maps = {"classes": (dims, classes), "entropy": (dims, rng.uniform(0, 1, values.shape).astype(np.float32))}
    if augmentations:
        maps["uncertainty"] = (dims, rng.uniform(0, 0.2, values.shape).astype(np.float32))
    labels = {"class": list(names)} | ({"colour": ("class", list(colours))} if colours else {})
    return section, xr.Dataset(maps, {**coords, **labels})


def panels_of(figure):
    return [axes for axes in figure.axes if axes.get_title("left")]


def legend_of(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()], [patch.get_facecolor() for patch in legend.get_patches()]


def test_classes_have_their_colours_where_the_section_is_zero():
    section, prediction = make_pair()
    figure = draw_classes(section, prediction, title="a $title")
    _, map_, *_ = panels_of(figure)
    pixels = np.asarray(map_.images[-1].get_array())
    for row, colour in ((0, COLOURS[0]), (20, COLOURS[1]), (39, COLOURS[2])):
        np.testing.assert_allclose(pixels[row, 0, :3] / 255, to_rgb(colour), atol=0.003)
    # Elsewhere reflections show through: darker where negative, lighter where positive.
    low, high = np.argmin(section.values[20]), np.argmax(section.values[20])
    assert pixels[20, low, :3].sum() < pixels[20, 0, :3].sum() < pixels[20, high, :3].sum()
    assert map_.images[-1].get_interpolation() == "nearest"


def test_the_legend_names_every_class_with_its_colour_and_share():
    texts, faces = legend_of(draw_classes(*make_pair(n_rows=42)))
    assert texts == ["beds (33 %)", "chaos (33 %)", "salt (33 %)"]
    for face, colour in zip(faces, COLOURS, strict=True):
        assert face[:3] == pytest.approx(to_rgb(colour))


def test_axes_are_those_of_the_section():
    figure = draw_classes(*make_pair())
    panels = panels_of(figure)
    assert [axes.get_title("left").split(" ")[0] for axes in panels] == ["Section", "Classes", "Entropy", "Uncertainty"]
    for axes in panels:
        assert axes.get_ylim() == (258, 98)
        assert axes.get_xlim() == (900.5, 810.5)
    assert panels[0].get_ylabel() == "Time (ms)"
    assert panels[2].get_xlabel() == "Crossline"
    entropy, uncertainty = (axes.images[0].get_clim() for axes in panels[2:])
    assert entropy == (0, 1)
    assert uncertainty == pytest.approx((0, 0.2), abs=0.005)


def test_there_are_three_panels_without_uncertainty():
    for n_columns in (20, 200):
        assert len(panels_of(draw_classes(*make_pair(n_columns=n_columns, augmentations=False)))) == 3


def test_absent_samples_are_hatched_and_do_not_count():
    section, prediction = make_pair()
    section[:, 30:60] = np.nan
    for name in ("entropy", "uncertainty"):
        prediction[name] = prediction[name].where(section.notnull())
    prediction["classes"] = prediction["classes"].where(section.notnull(), 255).astype(np.uint8)
    figure = draw_classes(section, prediction)
    pixels = np.asarray(panels_of(figure)[1].images[-1].get_array())
    assert (pixels[:, 30:60, 3] == 0).all()
    assert (pixels[:, :30, 3] == 255).all()
    assert figure.axes[0].get_legend().get_texts()[0].get_text() == "no data"
    assert shares_of(prediction).sum() == pytest.approx(1.0)


def test_classes_without_colours_get_distinct_ones():
    for n_classes in (2, 20, 60):
        prediction = make_pair(colours=None, names=[f"c{number}" for number in range(n_classes)])[1]
        colours = colours_of(prediction)
        assert len(set(colours)) == n_classes
        assert all(len(colour) == 7 and colour.startswith("#") for colour in colours)
    section, prediction = make_pair(colours=None, names=[f"c{number}" for number in range(60)])
    texts, _ = legend_of(draw_classes(section, prediction))
    assert texts[:3] == ["c0 (35 %)", "c1 (32 %)", "c2 (32 %)"]
    assert len(texts) == drawing.MAX_IN_LEGEND


def test_more_samples_than_pixels_are_thinned(monkeypatch):
    monkeypatch.setattr(thinning, "SAMPLES_PER_INCH", 4)
    section, prediction = make_pair(n_columns=180)
    panels = panels_of(draw_classes(section, prediction))
    shape = thinning.thinned_shape(section.shape, size_panel(section))
    assert shape < section.shape
    # Both images of the map, and the entropy.
    for image in (*panels[1].images, *panels[2].images):
        assert image.get_array().shape == (*shape, 4)
        assert list(image.get_extent()) == [900.5, 720.5, 258, 98]


@pytest.mark.drawn
def test_pictures_and_small_sections_are_drawn_and_written(tmp_path):
    section, prediction = make_pair(3, 4)
    picture = make_section(np.random.default_rng(0).uniform(0, 255, (30, 40, 3)), value_range=(0, 255))
    maps = {
        name: (("row", "column"), np.zeros((30, 40), kind)) for name, kind in (("classes", "u1"), ("entropy", "f4"))
    }
    for number, pair in enumerate([(section, prediction), (picture, xr.Dataset(maps, {"class": list(NAMES)}))]):
        write_figure(draw_classes(*pair, title="one"), tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").stat().st_size > 5000


def test_classes_without_colours_have_distinct_hues_and_background_is_grey():
    colours = colours_of(make_pair(colours=None)[1])
    hues = [rgb_to_hsv(*to_rgb(colour))[0] for colour in colours]
    assert min(abs(one - other) for one, other in combinations(hues, 2)) > 0.05
    red, green, blue = to_rgb(colours_of(make_pair(colours=None, names=("background", "fault", "salt"))[1])[0])
    assert red == green == blue
