"""Figures of the experiment on facies contain all data that they are given."""

import numpy as np

from seisdream.research.plotting.facies import draw_gains, draw_sheet
from seisdream.seismic.sections import make_section


def test_a_sheet_has_a_row_for_each_network_in_the_grey_scale_of_the_section():
    section = make_section(np.random.default_rng(0).standard_normal((20, 30)).astype(np.float32))
    figure = draw_sheet("a line", section, {"one": {"enc1": section, "enc2": 2.0 * section}, "two": {"enc1": section}})
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["a line; one", "enc1", "enc2", "two", "enc1", ""]
    images = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    np.testing.assert_allclose(images[1], images[0])
    assert np.std(images[2]) > 1.5 * np.std(images[0])


def _row(value):
    return {"gain": value, "gain_interval": [value - 0.1, value + 0.1]}


def test_curves_pass_through_the_gains_of_each_classifier():
    by_steps = {"1": {"classifier": _row(0.1)}, "3": {"classifier": _row(0.3)}}
    by_dreamer = {"net": {"classifier": _row(0.2)}, "net, preset 2015": {"classifier": _row(0.4)}}
    steps, _, networks = draw_gains(by_steps, by_steps, by_dreamer).axes
    assert list(steps.lines[0].get_ydata()) == [0.1, 0.3]
    assert list(networks.lines[0].get_ydata()) == [0.2, 0.4]
    assert [text.get_text() for text in networks.get_xticklabels()] == ["net", "net,\npreset 2015"]
