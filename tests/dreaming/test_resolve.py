"""Defaults that depend on the input and the network, and what is refused before a dream begins."""

import numpy as np
import pytest
import xarray as xr

import small_networks
from errors import raises
from seisdream.dreaming.dream import Dream, dream
from seisdream.dreaming.objectives.terms import Layer
from seisdream.inference import tiling
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.results.presets import PRESETS
from seisdream.seismic.sections import make_section


def noise_section(rows=120, columns=140):
    return make_section(np.random.default_rng(0).normal(size=(rows, columns)), dt_ms=4.0, units="amplitude")


def network():
    return small_networks.pooled_network()


def test_zoom_and_wrapping_are_defaults_of_pictures_and_not_of_data_with_geometry():
    picture = make_section(np.random.default_rng(0).uniform(0, 255, (120, 140)), value_range=(0, 255))
    of_picture, of_section = (Dream(one, network()).settings for one in (picture, noise_section()))
    assert (of_picture.zoom, of_picture.boundary) == (0.05, "wrap")
    assert (of_section.zoom, of_section.boundary) == (0.0, "mirror")


def settings_for(section, own=None, **settings):
    return Dream(section, own or network(), "last", **settings).settings


def test_amplitudes_keep_the_surveys_spectrum_and_pictures_and_colours_get_the_original_recipe():
    section, picture = noise_section(), make_section(np.random.default_rng(0).uniform(0, 255, (120, 140)))
    picture.attrs["value_range"] = (0, 255)
    of_photographs = Network("photographs", small_networks.pooled_network(3).module, Preprocessing("rgb"))
    original = (PRESETS["2015"], "2015")
    for one, own, settings, (expected, preset) in [
        (section, None, {}, (PRESETS["seismic"], "seismic")),
        (picture, None, {}, original),
        (section, None, {"colour": True}, original),
        (section, of_photographs, {}, original),
        (section, None, {"preset": "2015"}, original),
        (picture, None, {"preset": "seismic"}, (PRESETS["seismic"], "seismic")),
    ]:
        resolved = settings_for(one, own, **settings)
        assert resolved.preset == preset
        assert {name: getattr(resolved, name) for name in expected} == expected


def test_a_setting_that_is_given_takes_precedence_over_the_preset():
    settings = settings_for(noise_section(), preset="2015", parameterization="phase", steps=3, boundary="mirror")
    assert (settings.parameterization, settings.steps, settings.step_size) == ("phase", 3, 1.5)
    assert (settings.boundary, settings.zoom) == ("mirror", 0.0)


def test_the_preset_2015_wraps_and_enlarges_amplitudes_only_where_it_is_given():
    assert (settings_for(noise_section(), preset="2015").boundary, settings_for(noise_section()).boundary) == (
        "wrap",
        "mirror",
    )
    assert settings_for(noise_section(), preset="2015").zoom == 0.05


def test_the_settings_of_a_preset_resolve_to_themselves():
    for preset in (None, "2015"):
        resolved = settings_for(noise_section(), preset=preset)
        again = Dream(noise_section(), network(), settings=resolved).settings
        assert again == resolved


def test_small_sections_get_fewer_octaves_and_a_shallower_layer_with_a_note():
    small = Dream(noise_section(20, 12), network(), octave_scale=2.0)
    assert small.settings.layer != "last"
    assert small.settings.octaves < 4
    assert any("dreaming at" in note for note in small.notes)
    assert any("octaves" in note for note in small.notes)


def test_a_section_smaller_than_the_receptive_field_is_refused_unless_allowed():
    with raises("too-small", "layer") as error:
        Dream(noise_section(20, 20), network(), "last")
    assert "use a shallower layer" in str(error.value)
    allowed = Dream(noise_section(20, 20), network(), "last", allow_undersized=True, steps=1)
    assert len(list(allowed.states())) == 3


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.zeros((50, 50)), "no-signal"),
        (np.full((50, 50), 3.0), "no-signal"),
        (np.ones((50, 1)), "too-small"),
        (np.ones((1, 50)), "too-small"),
        (np.full((50, 50), np.nan), "no-signal"),
        (np.where(np.eye(50) > 0, np.inf, 1.0), "not-finite"),
    ],
)
def test_unusable_sections_are_refused(values, code):
    with raises(code):
        Dream(make_section(values, dt_ms=4.0), network())


def test_a_mask_of_another_size_is_refused():
    with raises("wrong-shape", "mask"):
        Dream(noise_section(), network(), mask=xr.DataArray(np.ones((3, 4))))


def test_an_unusable_guide_is_refused_before_the_dream():
    with raises("no-signal"):
        Dream(noise_section(), network(), guide=make_section(np.zeros((50, 50)), dt_ms=4.0))


def test_an_objective_is_given_once():
    with raises("incompatible", "layer"):
        Dream(noise_section(), network(), Layer("pool"), layer="last")
    with raises("incompatible", "layer"):
        Dream(noise_section(), network(), "pool", layer="last")
    with raises("incompatible", "layer"):
        Dream(noise_section(), network(), "pool", objectives=[Layer("last")])


@pytest.mark.parametrize(
    ("layer", "given", "code", "option"),
    [
        ("last:2@neuron", "objective_mask", "incompatible", "objective_mask"),
        ("style:last", "objective_mask", "incompatible", "objective_mask"),
        ("last:2@130,4", None, "out-of-range", "layer"),
        ("inversion:last", "guide", "wrong-shape", "guide"),
        ("last:2", "guide", "incompatible", "guide"),
        ("facis::enc1 - last", None, "unknown-name", None),
        ("branches - gabor::stage9/rectified", None, "unknown-name", None),
    ],
)
def test_objectives_that_do_not_fit_are_refused_before_the_dream(layer, given, code, option):
    sections = {"objective_mask": noise_section().clip(0, 1), "guide": noise_section(90, 100)}
    with raises(code, option):
        Dream(noise_section(), network(), layer, **({given: sections[given]} if given else {}))


def test_a_mask_out_of_reach_of_the_objectives_region_is_refused():
    linear, section = (
        small_networks.linear_network(np.float32([[0, 1, 0], [1, 2, 1], [0, 1, 0]])),
        noise_section(60, 80),
    )
    region, mask = np.zeros((2, *section.shape), np.float32)
    region[20:30, 40:60] = 1.0
    mask[:28, :40] = 1.0
    given = {"octaves": 1, "steps": 3, "precision": "float32", "jitter": 8, "objective_mask": region, "mask": mask}
    assert np.abs(dream(section, linear, "filter:0", **given).dream - section).any()
    mask[:, 30:] = 0.0
    with raises("no-gradient", "objective_mask"):
        Dream(section, linear, "filter:0", **given)


def test_a_large_section_is_dreamed_in_tiles_only_where_tiles_equal_the_whole(monkeypatch):
    monkeypatch.setattr(tiling, "AUTO_TILE_THRESHOLD", 10_000)
    monkeypatch.setattr(tiling, "AUTO_TILE_SIZE", 64)
    monkeypatch.setattr("seisdream.dreaming.resolve.AUTO_TILE_SIZE", 64)
    assert Dream(noise_section(121, 142), network(), "last").settings.tile == 64
    resizing = Network("resizing", small_networks.ResizingUNet(), Preprocessing("grey"), default_layer="up")
    run = Dream(noise_section(121, 142), resizing)
    assert run.settings.tile == 0
    assert any("whole section is computed at once" in note for note in run.notes)


def test_resolved_settings_resolve_to_themselves():
    run = Dream(noise_section(), network(), parameterization="bandlimited")
    again = Dream(noise_section(), network(), settings=run.settings)
    assert again.settings == run.settings
    assert None not in (run.settings.octaves, run.settings.band, run.settings.zoom, run.settings.tile)
