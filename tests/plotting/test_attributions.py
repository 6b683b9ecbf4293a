"""Figures of attributions: the target, its receptive field, scales, absent samples."""

import numpy as np
import pytest

from seisdream.io.images import open_image
from seisdream.plotting.attributions import draw_attribution, draw_randomization_test, smooth
from seisdream.plotting.panels import write_figure
from seisdream.seismic.sections import make_section


def section_of(n_rows=120, n_columns=160):
    values = np.random.default_rng(0).normal(size=(n_rows, n_columns))
    return make_section(values, dt_ms=4.0)


def map_of(section, method="integrated-gradients", **attrs):
    values = np.zeros(section.shape, np.float32)
    values[60:64, 80:84] = 1.0
    seen = {"window_rows": (40, 88), "window_columns": (60, 110)}
    return section.copy(data=values).assign_attrs({"method": method, "percentile": 99.0, **seen, **attrs})


def mask_of(section, rows, columns):
    values = np.zeros(section.shape, np.float32)
    values[rows, columns] = 1.0
    return section.copy(data=values)


@pytest.mark.parametrize("target", [(60, 80), (slice(50, 70), slice(70, 90)), (slice(None), slice(None)), None])
@pytest.mark.drawn
def test_the_target_is_marked_on_every_panel(target, tmp_path):
    section = section_of()
    mask = None if target is None else mask_of(section, *target)
    figure = draw_attribution(section, map_of(section), target_mask=mask, title="why")
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="left") for axes in panels][:2] == ["Section and target", "Attribution"]
    for axes in panels:
        frames = [patch for patch in axes.patches if patch.get_linestyle() != "-" and patch.get_width()]
        assert len(frames) == 1
        if target == (60, 80):
            assert axes.lines[0].get_xydata().tolist() == [[81.0, 240.0]]
    write_figure(figure, tmp_path / "f.png")
    assert min(open_image(tmp_path / "f.png").shape[:2]) > 500


def test_only_the_receptive_field_and_its_surroundings_are_drawn():
    section = section_of()
    (axes, *_) = draw_attribution(section, map_of(section)).axes
    # 48 rows by 50 columns, and a quarter of each around them; traces count from 1.
    assert axes.get_xlim() == (60 - 12 + 0.5, 110 + 12 + 0.5)
    assert axes.get_ylim() == (4 * (88 + 12 - 0.5), 4 * (40 - 12 - 0.5))
    grid = map_of(section, "grad-cam") * 0 + 1
    axes = draw_attribution(section, grid.assign_attrs(map_of(section, "grad-cam").attrs)).axes
    assert axes[0].get_xlim() == (60 - 12 + 0.5, 110 + 12 + 0.5)
    # Beyond what the target can depend on, a map on a coarse grid is drawn as zero.
    drawn = np.asarray(axes[1].images[0].get_array())
    np.testing.assert_array_equal(drawn[12:-12, 12:-12], 1)
    assert drawn.sum() == 48 * 50


def test_scales_are_symmetric_and_smoothing_keeps_the_sum():
    section = section_of()
    figure = draw_attribution(section, map_of(section))
    low, high = figure.axes[1].images[0].get_clim()
    assert (low, high) == (-1, 1)
    smoothed = smooth(map_of(section))
    assert float(smoothed.sum()) == pytest.approx(16, rel=1e-4)
    assert float(smoothed.max()) < 0.1


def test_absent_samples_and_colours_are_drawn(tmp_path):
    section = section_of()
    section[:, 70:75] = np.nan
    map_ = map_of(section).where(section.notnull())
    map_.attrs = map_of(section).attrs
    assert np.isnan(smooth(map_)).sum() == np.isnan(section).sum()
    write_figure(draw_attribution(section, map_), tmp_path / "f.png")
    picture = make_section(np.random.default_rng(0).uniform(0, 255, (120, 160, 3)), value_range=(0, 255))
    map_ = map_of(picture.isel(colour=0, drop=True))
    write_figure(draw_attribution(picture, map_), tmp_path / "g.png")


@pytest.mark.drawn
def test_a_map_of_zeros_is_drawn(tmp_path):
    section = section_of()
    write_figure(draw_attribution(section, map_of(section) * 0), tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 1000


def test_the_randomization_test_shows_each_map_with_its_caption(tmp_path):
    section = section_of()
    maps = {name: map_of(section) for name in ("trained", "down to logits", "all, seed 1", "all, seed 2")}
    figure = draw_randomization_test(maps, {"trained": "as trained"}, title="It depends.")
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.images]
    assert [title.replace("\n", " ") for title in titles] == ["as trained", *list(maps)[1:]]
    write_figure(figure, tmp_path / "s.png")
