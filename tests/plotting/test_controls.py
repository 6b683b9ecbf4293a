"""The figure of controls: panels, outlines, absent samples."""

import numpy as np
import pytest

from seisdream.plotting.controls import ControlsPanel, draw_controls
from seisdream.seismic.sections import make_section


@pytest.fixture
def section():
    values = np.random.default_rng(0).normal(size=(40, 60))
    values[:, :5] = np.nan
    return make_section(values, dt_ms=4.0)


def test_significant_blocks_are_outlined_along_their_edges(section):
    significant = np.zeros((40, 60), bool)
    significant[10:20, 20:40] = True
    figure = draw_controls(
        section, [ControlsPanel("Effect", section, significant)], is_significant=significant, title="line"
    )
    first, second = (axes for axes in figure.axes if axes.images and axes.get_title(loc="left"))
    assert [axes.get_title(loc="left") for axes in (first, second)] == ["Section; dotted: significant", "Effect"]
    left, right, bottom, top = first.images[0].get_extent()
    ends = np.concatenate([line.get_xydata() for line in first.lines])
    # Samples are 4 ms, with the first centred at 0; traces count from 1.
    assert len(first.lines) == 4
    assert (ends[:, 0].min(), ends[:, 0].max()) == (20.5, 40.5)
    assert (ends[:, 1].min(), ends[:, 1].max()) == (38.0, 78.0)
    (dots,) = first.collections
    assert dots.hatches == [".."]
    inside = dots.get_paths()[0]
    assert inside.contains_point((30.0, 60.0))
    assert not inside.contains_point((10.0, 60.0))
    assert (first.get_xlim(), first.get_ylim()) == ((left, right), (bottom, top))


def test_outlines_follow_the_edge_of_the_section_and_holes(section):
    significant = np.ones((40, 60), bool)
    significant[10:20, 10:20] = False
    figure = draw_controls(section, [], is_significant=significant)
    assert len(figure.axes[0].lines) == 8


def test_effects_share_a_scale_that_shows_small_and_large_ones(section):
    small, large = (section.copy(data=scale * np.nan_to_num(section.values)) for scale in (0.5, 50.0))
    figure = draw_controls(
        section, [ControlsPanel("a", small), ControlsPanel("b", large), ControlsPanel("c", small, largest=1.0)]
    )
    images = [axes.images[0] for axes in figure.axes if axes.get_title(loc="left") in ("a", "b", "c")]
    largest = float(np.abs(large.values).max())
    clips = [largest, largest, 1.0]  # Effects share one scale, so that they can be compared.
    assert [image.get_clim() for image in images] == [(-clip, clip) for clip in clips]
    assert images[1].norm(2.0) - images[1].norm(0.0) > 0.05
    assert images[2].norm(0.5) == 0.75
    labels = [[label.get_text() for label in image.colorbar.ax.get_yticklabels()] for image in images[:2]]
    assert labels[0] == labels[1]
    assert "−50" in labels[1]


def test_the_lowest_panel_of_each_column_has_its_axis_labelled(section):
    figure = draw_controls(section, [ControlsPanel("a", section), ControlsPanel("b", section)])
    labels = {axes.get_title(loc="left"): axes.get_xlabel() for axes in figure.axes}
    assert (labels["Section"], labels["a"], labels["b"]) == ("", "Trace", "Trace")
