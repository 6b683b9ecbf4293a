"""Figures of sections: scale, direction, axes, absent samples, and texts inside."""

import matplotlib
import numpy as np
import pytest
from PIL import Image

from errors import raises
from seisdream.plotting.figures import draw_comparison, draw_section, draw_sections
from seisdream.plotting.panels import ABSENT_COLOUR, COLORMAPS, write_figure
from seisdream.seismic.sections import make_section

pytestmark = pytest.mark.drawn

VALUES = np.random.default_rng(0).normal(0, 100, (60, 40)).astype(np.float32)
SECTION = make_section(
    VALUES,
    dims=("time", "crossline"),
    coords={"time": 200 + np.arange(60) * 4.0, "crossline": 900 - 2 * np.arange(40)},
    units="amplitude",
)
COLOURS = make_section(np.random.default_rng(0).uniform(0, 255, (30, 40, 3)), value_range=(0, 255))


def shown(axes):
    (image,) = axes.images
    return image


def panels_of(figure):
    return [axes for axes in figure.axes if axes.images]


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_axes_are_those_of_the_section_with_time_down():
    axes = draw_section(SECTION).axes[0]
    assert axes.get_ylabel() == "Time (ms)"
    assert axes.get_xlabel() == "Crossline"
    assert axes.get_ylim() == (438, 198)  # half a sample beyond the last and the first
    assert axes.get_xlim() == (901, 821)  # in the order of the traces
    assert axes.get_aspect() == "auto"


def test_colours_are_symmetric_about_zero():
    image = shown(draw_section(SECTION, percentile=90).axes[0])
    clip = np.percentile(np.abs(VALUES), 90)
    assert image.get_clim() == pytest.approx((-clip, clip))
    for name in COLORMAPS:
        colours = shown(draw_section(SECTION, colormap=name).axes[0]).cmap
        grey_in_the_middle = np.ptp(colours(0.5)[:3])
        assert grey_in_the_middle < 0.02


def test_polarity_reverses_colours_not_numbers():
    normal, reverse = (shown(draw_section(SECTION, polarity=word).axes[0]) for word in ("normal", "reversed"))
    assert normal.cmap(1.0) == reverse.cmap(0.0) == (1.0, 1.0, 1.0, 1.0)
    assert normal.get_clim() == reverse.get_clim()


def test_every_amplitude_figure_has_a_colour_bar():
    figure = draw_section(SECTION)
    assert figure.axes[1].get_ylabel() == "Amplitude"
    assert len(draw_comparison(SECTION, SECTION).axes) == 6
    assert len(draw_section(COLOURS).axes) == 1
    assert len(draw_comparison(COLOURS, COLOURS).axes) == 3


@pytest.mark.parametrize("word", ["rainbow", "jet", "gray"])
def test_other_colour_maps_are_refused(word):
    with raises("unknown-name", "colormap"):
        draw_section(SECTION, colormap=word)
    with raises("out-of-range", "polarity"):
        draw_section(SECTION, polarity="up")


def test_before_and_after_share_a_scale_and_the_difference_has_its_own():
    after = SECTION.copy(data=VALUES * 3)
    before, changed, difference = panels_of(draw_comparison(SECTION, after, title="a $title"))
    assert shown(before).get_clim() == shown(changed).get_clim()
    low, high = shown(difference).get_clim()
    assert high == -low == pytest.approx(np.percentile(np.abs(2 * VALUES), 99))
    np.testing.assert_allclose(shown(difference).get_array(), 2 * VALUES, rtol=1e-5)
    with raises("wrong-shape"):
        draw_comparison(SECTION, SECTION[:-1])
    with raises("wrong-shape"):
        draw_sections({"a": SECTION, "b": SECTION[:-1]})


def test_no_difference_is_mid_colour():
    figure = draw_comparison(SECTION, SECTION)
    difference = shown(panels_of(figure)[2])
    assert difference.get_clim() == (-1, 1)
    assert not np.any(difference.get_array())
    unchanged = np.asarray(shown(draw_comparison(COLOURS, COLOURS).axes[2]).get_array())
    assert np.unique(unchanged[..., :3]).tolist() == [128]


def test_wide_sections_are_stacked_and_tall_ones_side_by_side():
    wide = make_section(np.eye(20, 60), dt_ms=4)
    first, second, _ = panels_of(draw_comparison(wide, wide))
    assert first.get_position().x0 == second.get_position().x0
    high = make_section(np.eye(60, 20), dt_ms=4)
    assert draw_comparison(high, high).axes[1].get_position().y0 == pytest.approx(
        draw_comparison(high, high).axes[0].get_position().y0
    )


def test_colour_bars_are_below_panels_side_by_side():
    high = make_section(np.eye(60, 20), dt_ms=4)
    before, _, difference, *bars = draw_comparison(high, high).axes
    assert difference.get_title("left").replace("\n", " ") == "Difference (after − before), own scale"
    assert len(bars) == 3
    assert all(bar.get_xlabel() == "Amplitude" and not bar.get_ylabel() for bar in bars)
    assert all(bar.get_position().y1 < before.get_position().y0 for bar in bars)


def test_the_title_is_above_all_panels():
    figure = draw_comparison(SECTION, SECTION, title="line 7: vgg16, conv3_1")
    (heading,) = (text for text in figure.texts if text.get_text())
    assert heading.get_text() == "line 7: vgg16, conv3_1"
    assert heading.get_window_extent().y0 > max(axes.get_tightbbox().y1 for axes in figure.axes) - 1


LONG = "A LONG $NAME " * 20


@pytest.mark.parametrize(
    ("shape", "title"),
    [
        ((463, 951), None),
        ((200, 120, 3), None),
        ((463, 951), LONG),
        ((1501, 534), LONG),
        ((50, 5), LONG),
        ((120, 200), LONG),
        ((120, 200, 3), LONG),
        ((400, 150, 3), LONG),
        ((900, 20, 3), LONG),
        ((20, 900), LONG),
    ],
)
def test_nothing_is_cut_off_and_pixels_are_square(shape, title):
    values = np.random.default_rng(0).normal(0, 12345, shape)
    is_picture = len(shape) == 3 or shape == (20, 900)
    section = make_section(values, value_range=(0, 255)) if is_picture else make_section(values, dt_ms=4)
    for figure in (draw_section(section, title=title), draw_comparison(section, section, title=title)):
        figure.draw_without_rendering()
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) > 0
        if is_picture and 0.3 < shape[0] / shape[1] < 3:
            panel = figure.axes[0].get_window_extent()
            assert panel.width / panel.height == pytest.approx(shape[1] / shape[0], rel=0.01)


@pytest.mark.parametrize(
    "values",
    [VALUES, VALUES[:50, :5], VALUES[:2], VALUES[:, :1], VALUES[:1, :1] + 1000],
    ids=["section", "narrow", "flat", "one trace", "one sample"],
)
def test_any_shape_is_drawn_without_a_warning(tmp_path, values):
    section = make_section(values, dt_ms=4)
    write_figure(draw_section(section, title="t" * 300), tmp_path / "a.png", dpi=50)
    write_figure(draw_comparison(section, section, title="地震"), tmp_path / "b.png", dpi=50)
    assert min(pixels_of(tmp_path / "a.png").shape[:2]) > 100


def test_unevenly_numbered_traces_are_equally_wide():
    crosslines = np.array([1, 2, 3, 50, 51])
    section = make_section(VALUES[:, :5], dims=("time", "crossline"), coords={"crossline": crosslines})
    axes = draw_section(section).axes[0]
    assert axes.get_xlim() == (-0.5, 4.5)
    assert [axes.xaxis.get_major_formatter()(place) for place in (0, 3, 9)] == ["1", "50", ""]


def test_absent_samples_are_hatched(tmp_path):
    values = np.zeros((40, 40), np.float32)
    values[:, :20] = np.nan
    values[0, 30] = 1
    figure = draw_section(make_section(values, dt_ms=4))
    assert figure.axes[0].get_legend().get_texts()[0].get_text() == "no data"
    write_figure(figure, tmp_path / "a.png", dpi=60)
    pixels = pixels_of(tmp_path / "a.png").reshape(-1, 3)
    assert (pixels == ABSENT_COLOUR).all(axis=1).mean() > 0.1


def test_texts_are_stored_inside(tmp_path):
    write_figure(
        draw_section(SECTION), tmp_path / "a.png", text={"seisdream": '{"credit": "Überlieferung 地震"}'}, dpi=60
    )
    with Image.open(tmp_path / "a.png") as image:
        assert image.text["seisdream"] == '{"credit": "Überlieferung 地震"}'


def test_no_global_state_changes(tmp_path):
    before = dict(matplotlib.rcParams)
    write_figure(draw_comparison(SECTION, SECTION), tmp_path / "a.png", dpi=40)
    assert dict(matplotlib.rcParams) == before


def test_colours_are_rounded_and_clipped_and_absent_ones_are_sand():
    values = np.full((2, 3, 3), 127.6)
    values[0, 0], values[0, 1], values[1, 2] = -3.0, 300.0, np.nan
    pixels = np.asarray(shown(draw_section(make_section(values, value_range=(0, 255))).axes[0]).get_array())
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels[..., 0], [[0, 255, 128], [128, 128, ABSENT_COLOUR[0]]])
    np.testing.assert_array_equal(pixels[1, 2, :3], ABSENT_COLOUR)
