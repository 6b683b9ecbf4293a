"""Figures of the experiment on facies contain all data that they are given."""

import numpy as np

from seisdream.research.plotting.facies import draw_gains, draw_sheet
from seisdream.seismic.sections import make_section


def test_a_sheet_has_a_row_for_each_network_in_the_grey_scale_of_the_section():
    section = make_section(np.random.default_rng(0).standard_normal((20, 30)).astype(np.float32))
    figure = draw_sheet("a line", section, {"one": {"enc1": section, "enc2": 2.0 * section}, "two": {"enc1": section}})
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["a line; one", "enc1", "enc2", "two: before", "enc1", ""]
    images = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    np.testing.assert_allclose(images[1], images[0])
    assert np.std(images[2]) > 1.5 * np.std(images[0])


def _row(value):
    return {"gain": value, "gain_interval": [value - 0.1, value + 0.1],
            "agreement": value, "agreement_interval": [value, value]}  # fmt: skip


def test_curves_pass_through_the_gains_of_each_classifier():
    by_steps = {"1": {"classifier": _row(0.1)}, "3": {"classifier": _row(0.3)}}
    figure = draw_gains(
        by_steps, by_steps, {"net": {"a": _row(0.0), "b": _row(0.5)}, "other": {"a": _row(1.0), "b": _row(0.2)}}
    )
    steps, _, layers = figure.axes
    assert list(steps.lines[0].get_ydata()) == [0.1, 0.3]
    assert [text.get_text() for text in layers.get_legend().get_texts()] == ["net", "other"]
