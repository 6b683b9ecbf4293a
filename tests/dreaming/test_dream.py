"""Dreams on sections: states, results, and what is left unchanged."""

import hashlib
import json

import numpy as np
import pytest
import torch
import xarray as xr

import small_networks
from errors import raises
from seisdream.dreaming.dream import Dream, dream
from seisdream.dreaming.objectives.terms import Channel, Layer
from seisdream.dreaming.schedule import zoom_in
from seisdream.dreaming.settings import DreamSettings
from seisdream.provenance import hash_samples
from seisdream.seismic.sections import make_section

QUICK = {"octaves": 1, "steps": 3, "jitter": 0, "precision": "float32"}


def noise_section(rows=120, columns=140, seed=0, **attrs):
    values = np.random.default_rng(seed).normal(size=(rows, columns))
    return make_section(values, dt_ms=4.0, **{"units": "amplitude", **attrs})


def network(n_channels=1):
    return small_networks.pooled_network(n_channels)


# States.


def test_states_name_their_level_octave_and_step():
    run = Dream(noise_section(), network(), "last", octaves=2, steps=3, levels=2)
    states = list(run.states())
    expected = [(level, octave, step) for level in (1, 2) for octave in (1, 2) for step in (1, 2, 3)]
    assert [(one.level, one.octave, one.step) for one in states] == expected
    assert [one.ends_level for one in states] == [(one.octave, one.step) == (2, 3) for one in states]
    assert run.n_states == len(states) == 12
    assert all(one.milliseconds > 0 for one in states)
    assert [row["score"] for row in run.result().scores] == [one.score for one in states]


@pytest.mark.parametrize("settings", [{}, {"constraints": ["bounds"]}, {"parameterization": "phase"},
                                      {"parameterization": "impedance", "variants": 2}], ids=str)  # fmt: skip
def test_the_image_of_a_state_is_the_networks_input_at_the_sections_size(settings):
    run = Dream(noise_section(), network(), "last", octaves=2, steps=2, jitter=2, **settings)
    images = [state.image for state in run.states()]
    assert all(tuple(image.shape) == (run.n_dreams, 1, 120, 140) for image in images)
    before = run.mapping.to_grey(noise_section().values)
    # Amplitudes beyond the clip keep their overshoot in the result, which the image does not show.
    is_inside = (before > 0) & (before < 255)
    for number in range(run.n_dreams):
        shown = run.mapping.to_grey(run.dreamed(number).values).clip(0, 255)
        assert np.abs(images[-1][number, 0].numpy() - shown)[is_inside].max() < 0.1
        assert np.abs(run.image(number=number) - shown).max() < 0.1
    assert not torch.equal(images[0], images[1])


def test_a_state_keeps_its_image_while_the_dream_goes_on():
    states = Dream(noise_section(), network(), "last", **QUICK).states()
    first = next(states)
    before = first.image.clone()
    list(states)
    assert torch.equal(first.image, before)


def test_the_dream_raises_its_score():
    scores = [state.score for state in Dream(noise_section(), network(), "last", **{**QUICK, "steps": 10}).states()]
    assert scores[-1] > 1.3 * scores[0]


def test_a_dream_runs_once():
    run = Dream(noise_section(), network(), octaves=1, steps=1).run()
    with raises("invalid"):
        list(run.states())


def test_without_a_step_the_section_comes_back_to_the_bit():
    for octaves in (1, 4):
        run = Dream(noise_section(), network(), "last", octaves=octaves, steps=0, levels=3)
        assert list(run.states()) == []
        result = run.result()
        assert np.array_equal(result.dream.values, noise_section().values)
        assert len(result.level_images) == 3


def test_a_seed_repeats_a_run_and_another_does_not():
    one, again, other = (
        hash_samples(dream(noise_section(), network(), seed=seed, octaves=2, precision="float32").dream)
        for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


# Input and result.


def test_the_result_keeps_coordinates_units_and_overshoot():
    section = noise_section()
    section.values[5, 7] = 40.0
    result = dream(section, network(), octaves=1, steps=1, jitter=0).dream
    assert result.dims == ("time", "trace")
    assert np.array_equal(result.time, section.time)
    assert result.attrs["units"] == "amplitude"
    assert abs(float(result[5, 7]) - 40.0) < 10, "amplitudes beyond the clip are not cut off"


def test_the_result_of_a_section_is_complete():
    section = noise_section()
    result = dream(section, network(), "last", levels=2, **QUICK)
    assert set(result.dataset) == {"dream", "before"}
    assert np.array_equal(result.dataset["before"], section)
    assert len(result.scores) == 6
    assert set(result.scores[0]) == {"level", "octave", "step", "score", "milliseconds"}
    assert [image.dtype for image in result.level_images] == [np.uint8] * 2
    assert (result.wavelet, result.repeatability, result.stopped, result.variants) == (None, {}, None, ())
    record = result.provenance
    assert record["kind"] == "dream"
    assert DreamSettings.from_dict(record["settings"]) == result.settings
    assert record["result"]["samples_sha256"] == hash_samples(result.dream)
    assert json.loads(json.dumps(record)) == record


def test_the_result_of_a_dream_on_impedance_holds_the_rock():
    dataset = dream(noise_section(), network(), "last", parameterization="impedance", **QUICK).dataset
    assert set(dataset) == {"dream", "before", "reflectivity", "impedance", "vp", "density", "impedance_before"}
    assert all(one.dims == ("time", "trace") for one in dataset.values())
    assert "10⁶" in dataset["impedance"].attrs["units"]
    assert not np.array_equal(dataset["impedance"], dataset["impedance_before"])


def test_a_picture_in_colour_is_dreamed_in_colour():
    picture = make_section(np.random.default_rng(0).uniform(0, 255, (60, 70, 3)), value_range=(0, 255))
    result = dream(picture, network(3), octaves=1, steps=2).dream
    assert result.shape == (60, 70, 3)
    assert result.dims == ("row", "column", "colour")
    change = (result - picture).values
    assert np.abs(change[..., 0] - change[..., 2]).max() > 1, "the colours change differently"
    assert result.min() >= 0
    assert result.max() <= 255


def test_a_dream_in_colour_on_amplitudes_is_a_picture_with_the_sections_axes():
    result = dream(noise_section(60, 70), network(3), octaves=1, steps=1, colour=True).dream
    assert result.dims == ("time", "trace", "colour")
    assert result.attrs["value_range"] == (0.0, 255.0)
    assert float(result.min()) >= 0


def test_a_zoomed_section_has_the_coordinates_of_its_samples():
    result = dream(noise_section(), network(), octaves=1, steps=1, levels=3, zoom=0.1)
    first, last = float(result.dream.time[0]), float(result.dream.time[-1])
    assert last - first == pytest.approx(0.9**2 * 4.0 * 119)
    assert first == pytest.approx(4.0 * (120 * 0.1 / 2 + 0.9 * 120 * 0.1 / 2))
    assert result.dream.trace[0] > 10
    before = zoom_in(zoom_in(noise_section().values, 0.1), 0.1)
    assert np.array_equal(result.dataset["before"], before), "the input is enlarged alike"


def test_arrays_tensors_paths_and_network_names_are_accepted(tmp_path):
    values = np.random.default_rng(0).normal(size=(60, 70)).astype(np.float32)
    np.save(tmp_path / "line.npy", values)
    picture = make_section(values)
    dreams = [
        dream(data, "gabor", octaves=1, steps=1).dream
        for data in (values, torch.from_numpy(values), picture, tmp_path / "line.npy", str(tmp_path / "line.npy"))
    ]
    assert dreams[0].dims == ("row", "column")
    assert all(np.array_equal(dreams[0], one) for one in dreams[1:])


def test_an_unknown_keyword_gets_near_matches():
    for call in (dream, Dream):
        with raises("unknown-argument") as error:
            call(noise_section(), network(), octave=2)
        assert "octaves" in str(error.value)


def test_settings_and_overrides_go_together():
    run = Dream(noise_section(), network(), settings=DreamSettings(steps=7, seed=3), seed=4)
    assert (run.settings.steps, run.settings.seed) == (7, 4)


@pytest.mark.parametrize("missing", ["input", "network"])
def test_settings_that_are_run_name_input_and_network(missing):
    settings = {"input": "sample:built-in", "network": "gabor", missing: None}
    with raises("missing-argument", missing):
        Dream.from_settings(DreamSettings(**settings))


# What must not change.


def test_samples_outside_the_mask_and_absent_traces_stay_to_the_bit():
    section = noise_section()
    section.values[:, 20:25] = np.nan
    mask = np.zeros((120, 140), np.float32)
    mask[40:80, 10:90] = 1
    result = dream(section, network(), octaves=3, steps=4, mask=xr.DataArray(mask, dims=section.dims)).dream
    present = ~np.isnan(section.values)
    assert np.array_equal(np.isnan(result.values), ~present)
    assert np.array_equal(result.values[(mask == 0) & present], section.values[(mask == 0) & present])
    inside = (mask == 1) & present
    assert (result.values[inside] != section.values[inside]).mean() > 0.9


@pytest.mark.parametrize(
    "settings",
    [{}, {"levels": 2, "zoom": 0.05}, {"parameterization": "bandlimited"}, {"parameterization": "impedance"}],
    ids=str,
)
def test_muted_samples_stay_exactly_zero(settings):
    section = noise_section()
    section.values[:30, :50] = section.values[:, 100:104] = 0.0
    section.values[:, 20:25] = np.nan
    muted = section.values == 0.0
    result = dream(section, network(), octaves=2, steps=2, **settings)
    dreamed = result.dream.values
    assert sum("% of the section is muted" in note for note in result.notes) == 1
    if "zoom" in settings:
        muted = zoom_in(muted.astype(np.float32), 0.05) == 1.0
    else:
        assert np.array_equal(np.isnan(dreamed), np.isnan(section.values))
        assert (dreamed != section.values)[~muted & ~np.isnan(section.values)].mean() > 0.9
    assert muted.mean() > 0.05
    assert (dreamed[muted & ~np.isnan(dreamed)] == 0.0).all()
    for name in set(result.dataset) - {"dream", "before"}:
        assert np.isnan(result.dataset[name].values[muted]).all(), name


def test_zeros_that_are_amplitudes_are_dreamed_on():
    section = noise_section(muted="present")
    section.values[:30] = 0.0
    assert (dream(section, network(), octaves=1, steps=2).dream.values[:30] != 0.0).mean() > 0.9


def fingerprint(module):
    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    hooks = sum(len(part._forward_hooks) + len(part._backward_hooks) for part in module.modules())
    flags = tuple(parameter.requires_grad for parameter in module.parameters())
    modes = tuple(part.training for part in module.modules())
    return digest.hexdigest(), hooks, flags, modes


@pytest.mark.parametrize("n_steps_taken", [1, 5, 100])
def test_the_users_network_is_left_as_it_was_also_when_interrupted(n_steps_taken):
    own = network()
    own.module.train()
    own.module.first.weight.requires_grad_(False)
    own.module.last.register_forward_hook(lambda *_: None)
    before = fingerprint(own.module)
    states = Dream(noise_section(), own, octaves=2, steps=5).states()
    for _, _ in zip(range(n_steps_taken), states, strict=False):
        pass
    states.close()
    assert fingerprint(own.module) == before


# Objectives, guides and transforms.


def test_a_guide_changes_the_dream():
    section = noise_section()
    guide = make_section(np.sin(np.arange(90)[:, None] / 2) + np.zeros((90, 100)), dt_ms=4.0)
    guided, plain = (dream(section, network(), guide=one, **QUICK).dream - section for one in (guide, None))
    assert np.corrcoef(guided.values.ravel(), plain.values.ravel())[0, 1] < 0.9


def test_an_objective_composed_in_python_is_that_of_its_text():
    parsed, composed = (
        dream(noise_section(), network(), objective, **QUICK).dream
        for objective in ("0.7*last - 0.3*branches:5", 0.7 * Layer("last") - 0.3 * Channel("branches", 5))
    )
    assert np.array_equal(parsed, composed)


def test_tiles_give_the_dream_of_the_whole():
    section = noise_section(150, 170)
    whole, tiled = (
        dream(section, network(), "last", tile=tile, octaves=2, steps=2, precision="float32").dream for tile in (0, 48)
    )
    assert np.abs(whole - tiled).max() < 1e-3 * np.abs(whole - section).max()


def test_the_objective_counts_in_its_region_alone():
    linear = small_networks.linear_network(np.float32([[0, 1, 0], [1, 2, 1], [0, 1, 0]]))
    section = noise_section(60, 80)
    region = section.copy(data=np.zeros(section.shape))
    region[20:30, 40:60] = 1.0
    given = {**QUICK, "parameterization": "pixel", "jitter": 8, "clip": False, "objective_mask": region}
    change = (dream(section, linear, "filter:0", **given).dream - section).values
    assert np.abs(change[19:31, 39:61]).min(where=region[19:31, 39:61].values > 0, initial=np.inf) > 0
    change[19:31, 39:61] = 0.0
    assert not change.any(), "only samples in the fields of the region's units have a gradient"
    assert np.isfinite(dream(section, linear, "filter:0", levels=2, zoom=0.1, **given).dream).all()


def test_two_networks_are_compared_from_a_score_of_zero():
    own, other = network(), network()
    objective = Channel("last", 2, network="other") - Channel("last", 2)
    with torch.no_grad():
        other.module.last.weight.copy_(other.module.last.weight.flip(0))
    run = Dream(noise_section(), own, objective, networks={"other": other}, **{**QUICK, "steps": 4})
    scores = [state.score for state in run.states()]
    assert scores[0] == pytest.approx(0.0, abs=1e-5)
    assert scores[-1] > 0.01
    assert "further network" in run.replay_obstacle


def test_a_caricature_continues_from_the_zoomed_input():
    run = Dream(noise_section(), network(), "caricature:last - 0.1*inversion:branches", octaves=2, steps=2, levels=2,
                zoom=0.1)  # fmt: skip
    scores = [state.score for state in run.states()]
    assert scores[0] == pytest.approx(1.0, abs=1e-3)
    assert run.n_levels_done == 2


def test_penalties_compare_with_the_zoomed_input():
    settings = {"levels": 2, "zoom": 0.2, "step_size": 0.0, "octaves": 1, "steps": 1}
    second, alone = (
        dream(noise_section(), "gabor", layer, **settings).scores[1]["score"]
        for layer in ("stage1/rectified - 0.1*penalty:distance", "stage1/rectified")
    )
    assert second == pytest.approx(alone, rel=1e-3)


@pytest.mark.parametrize("parameterization", ["pixel", "phase"])
def test_random_transforms_repeat_with_their_seed_and_change_the_dream(parameterization):
    transforms = {"shear": 0.05, "stretch": 0.1, "gain": 0.2, "band": 3}
    settings = {"octaves": 1, "steps": 2, "precision": "float32", "parameterization": parameterization}
    once, again, plain, other = (
        dream(noise_section(), network(), "last", **settings, **more).dream.values
        for more in ({"transforms": transforms}, {"transforms": transforms}, {}, {"transforms": transforms, "seed": 1})
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, plain)
    assert not np.array_equal(once, other)
