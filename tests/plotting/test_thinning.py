"""Large arrays are drawn as fewer pixels, which show the mean colours of their samples."""

import matplotlib
import numpy as np
import pytest

from seisdream.plotting import thinning
from seisdream.plotting.figures import draw_comparison, draw_section
from seisdream.plotting.panels import size_panel
from seisdream.plotting.thinning import average_colours, block_edges, nearest_samples, thinned_shape
from seisdream.seismic.sections import make_section


def test_pixels_are_the_mean_colours_of_their_samples(monkeypatch):
    monkeypatch.setattr(thinning, "_SAMPLES_AT_A_TIME", 100)
    colours = np.random.default_rng(0).integers(0, 256, (60, 40, 4)).astype(np.uint8)
    colours[..., 3] = 255
    pixels = average_colours(lambda rows: colours[rows], (60, 40), (20, 10))
    mean = colours.reshape(20, 3, 10, 4, 4).mean((1, 3))
    assert np.abs(pixels - mean).max() <= 0.501


def test_absent_samples_do_not_darken_what_is_next_to_them():
    colours = np.zeros((4, 4, 4), np.uint8)
    colours[:, 0] = 200, 100, 50, 255
    pixels = average_colours(lambda rows: colours[rows], (4, 4), (1, 2))
    np.testing.assert_array_equal(pixels[0], [[200, 100, 50, 128], [0, 0, 0, 0]])


@pytest.mark.parametrize(("n_samples", "n_blocks"), [(10, 10), (10, 3), (1000, 999)])
def test_blocks_cover_all_samples_once(n_samples, n_blocks):
    lengths = np.diff(block_edges(n_samples, n_blocks))
    assert lengths.sum() == n_samples
    assert set(lengths) <= {n_samples // n_blocks, n_samples // n_blocks + 1}
    middles = nearest_samples(n_samples, n_blocks)
    assert (np.diff(middles) > 0).all()
    assert middles[-1] < n_samples


def test_a_small_array_keeps_its_samples():
    assert thinned_shape((700, 500, 3), (5.0, 4.0)) == (700, 500)
    assert thinned_shape((7000, 500), (5.0, 4.0)) == (1200, 500)


def test_a_thinned_section_looks_like_the_whole(monkeypatch):
    rows, columns = np.mgrid[:300, :400]
    section = make_section(np.sin(rows / 20.0 + columns / 60.0), dt_ms=4.0)
    section[:, :100] = np.nan
    section[:120, 300:] = 0.0
    monkeypatch.setattr(thinning, "SAMPLES_PER_INCH", 12)
    shape = thinned_shape(section.shape, size_panel(section))
    panels = draw_comparison(section, section + 0.1 * section, polarity="reversed").axes[:3]
    thinned = [axes.images[0].get_array() for axes in panels]
    monkeypatch.undo()
    whole = draw_comparison(section, section + 0.1 * section, polarity="reversed").axes[:3]
    middles = np.ix_(*(nearest_samples(n, n_thinned) for n, n_thinned in zip(section.shape, shape, strict=True)))
    for axes, small, other in zip(whole, thinned, panels, strict=True):
        image = axes.images[0]
        assert small.shape == (*shape, 4)
        assert other.images[0].get_extent() == image.get_extent()
        assert other.images[0].get_clim() == image.get_clim()
        colours = image.to_rgba(image.get_array(), bytes=True)[middles].astype(int)
        is_inside = colours[..., 3] == small[..., 3]
        assert is_inside.mean() > 0.98
        difference = np.abs(colours - small)[is_inside]
        assert difference.max() < 30
        assert difference.mean() < 3
    assert panels[0].get_legend() is not None


def test_a_picture_in_colour_is_thinned(monkeypatch):
    monkeypatch.setattr(thinning, "SAMPLES_PER_INCH", 10)
    picture = make_section(np.full((200, 300, 3), (10, 120, 250), np.uint8))
    image = draw_section(picture).axes[0].images[0]
    assert image.get_array().shape[:2] == thinned_shape(picture.shape, size_panel(picture)) < (200, 300)
    assert (image.get_array() == (10, 120, 250, 255)).all()
    assert image.cmap == matplotlib.colormaps["gray"]
