"""Display settings: colours, polarity, gain, wiggles and proportions of what figures draw."""

import numpy as np
import pytest

from errors import raises
from seisdream.plotting.display import DisplaySettings, current_display, displaying
from seisdream.plotting.figures import draw_comparison, draw_section
from seisdream.plotting.panels import size_panel
from seisdream.seismic.sections import make_section


@pytest.fixture
def section():
    return make_section(np.random.default_rng(0).normal(size=(40, 60)).astype(np.float32), dt_ms=4.0)


def test_settings_hold_for_a_block_alone(section):
    with displaying(DisplaySettings(colormap="blue-red", polarity="reversed")):
        inside = draw_section(section).axes[0].images[0].get_cmap().name
    assert (inside, draw_section(section).axes[0].images[0].get_cmap().name) == ("RdBu_r_r", "gray")
    assert current_display() == DisplaySettings()


def test_a_gain_of_6_db_halves_the_clip_of_amplitudes_and_not_of_the_difference(section):
    plain = [axes.images[0].get_clim()[1] for axes in draw_comparison(section, 2 * section).axes[:3]]
    with displaying(DisplaySettings(gain=20 * np.log10(2))):
        louder = [axes.images[0].get_clim()[1] for axes in draw_comparison(section, 2 * section).axes[:3]]
    np.testing.assert_allclose(np.divide(plain, louder), [2, 2, 1], rtol=1e-6)


def test_wiggles_lie_at_their_traces_and_are_filled_on_the_positive_side():
    values = np.zeros((40, 4), np.float32)
    values[10, 1], values[20, 2] = 1.0, -1.0
    with displaying(DisplaySettings(wiggle=True)):
        axes = draw_section(make_section(values, dt_ms=4.0, muted="present")).axes[0]
    lines = [line.get_xdata() for line in axes.lines]
    assert [float(line[0]) for line in lines] == [1, 2, 3, 4]
    assert (lines[1].max(), lines[2].min()) == (3.0, 2.0)
    filled = [len(part.get_paths()[0].vertices) if part.get_paths() else 0 for part in axes.collections]
    assert [n > 0 for n in filled] == [False, True, False, False]


def test_the_aspect_is_that_of_a_panel(section):
    with displaying(DisplaySettings(aspect=3.0)):
        width, height = size_panel(section)
    assert width / height == pytest.approx(3.0)


def test_a_colour_map_that_does_not_exist_is_refused():
    with raises("out-of-range", "colormap"):
        DisplaySettings(colormap="jet")
