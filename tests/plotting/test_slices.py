"""Slices of cubes: which samples they hold, and what the panels say."""

import numpy as np
import xarray as xr

from seisdream.plotting.classes import draw_class_slices, shares_of
from seisdream.plotting.display import DisplaySettings, displaying
from seisdream.plotting.slices import cut_cube, draw_dreamed_slices
from seisdream.seismic.sections import GreyMapping

SCALE = GreyMapping(-60.0, 60.0)


def cube_of_numbers():
    values = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6) - 50.0
    coords = {"time": 4.0 * np.arange(4) + 100.0, "inline": np.arange(5) + 20, "crossline": np.arange(6) + 300}
    return xr.DataArray(values, coords, ("time", "inline", "crossline"))


def draw_predicted(names):
    """Draw the prediction of a cube that is of the first class but for one sample of the second."""
    cube = cube_of_numbers()
    shares = np.zeros((len(names), *cube.shape), np.float32)
    shares[0] = 1.0
    shares[:2, 2, 2, 3] = shares[1::-1, 2, 2, 3]
    maps = {"classes": shares.argmax(0).astype(np.uint8), "probability": shares[1], "entropy": 0.0 * shares[0]}
    prediction = xr.Dataset({name: (cube.dims, map_) for name, map_ in maps.items()}, {**cube.coords, "class": names})
    cuts = {name: cut_cube(prediction[name]) for name in maps}
    slices = [prediction[["class"]].assign({name: one[number] for name, one in cuts.items()}) for number in range(3)]
    return panels_of(draw_class_slices(cut_cube(cube), slices, shares_of(prediction), SCALE))


def panels_of(figure):
    return [axes for axes in figure.axes if axes.get_title(loc="left")]


def test_a_slice_passes_through_its_position_or_the_middle():
    cube = cube_of_numbers()
    for axes in (("time", "inline", "crossline"), ("inline", "crossline", "time")):
        inline, crossline, time = cut_cube(cube.transpose(*axes), (1, 2, 3))
        assert np.array_equal(inline, cube.values[:, 2])
        assert np.array_equal(crossline, cube.values[:, :, 3])
        assert np.array_equal(time, cube.values[1])
        assert [one.name for one in cut_cube(cube.transpose(*axes))] == ["inline 22", "crossline 303", "time 108 ms"]


def test_amplitudes_of_slices_are_drawn_as_the_display_settings_state():
    cube = cube_of_numbers()
    with displaying(DisplaySettings(colormap="teal-brown", polarity="reversed", gain=20.0, wiggle=True)):
        panels = panels_of(draw_dreamed_slices(cut_cube(cube), cut_cube(2.0 * cube), SCALE))
    images = [panel.images[0] for panel in panels]
    assert [image.get_cmap().name for image in images] == 6 * ["BrBG_r_r"] + 3 * ["RdBu_r"]
    np.testing.assert_allclose([image.get_clim() for image in images[:6]], 6 * [(-6.0, 6.0)])
    assert [len(panel.lines) for panel in panels] == [6, 5, 0, 6, 5, 0, 0, 0, 0]  # Time slices have no traces.


def test_a_dreamed_cube_is_drawn_as_three_slices_of_input_dream_and_difference():
    cube = cube_of_numbers()
    panels = panels_of(draw_dreamed_slices(cut_cube(cube), cut_cube(2.0 * cube), SCALE))
    assert len(panels) == 9
    drawn = [panel.images[0].get_array() for panel in panels]
    for before, after, difference in zip(drawn[:3], drawn[3:6], drawn[6:], strict=True):
        np.testing.assert_allclose(after, 2.0 * before)
        np.testing.assert_allclose(difference, before)
    assert [panel.get_title(loc="left") for panel in panels[:3]] == [
        "Before: inline 22", "Before: crossline 303", "Before: time 108 ms",
    ]  # fmt: skip
    labels = [(panel.get_xlabel(), panel.get_ylabel()) for panel in panels[:3]]
    assert labels == [("Crossline", "Time (ms)"), ("Inline", "Time (ms)"), ("Crossline", "Inline")]


def test_of_two_classes_the_probability_of_the_second_is_drawn():
    panels = draw_predicted(["background", "fault"])
    assert panels[-1].get_title(loc="left") == "Probability of fault: time 108 ms"
    for panel in panels[-3:]:
        assert float(panel.images[0].get_array().sum()) == 1.0, "the one sample that is a fault"
    assert all(len(panel.images) == 2 for panel in panels[3:6]), "classes over the cube"


def test_of_more_classes_the_entropy_is_drawn():
    panels = draw_predicted(["sand", "shale", "salt"])
    assert panels[-1].get_title(loc="left") == "Entropy: time 108 ms"
