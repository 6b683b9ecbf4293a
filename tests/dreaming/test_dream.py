import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage
import torch
from seisdream.dreaming.transform_spec import read_robustness
from torch import nn

import small_networks
from seisdream.dreaming.dream import Dream, NonFiniteStepError, dream_section, zoomed
from seisdream.dreaming.objectives.terms import Channel, Layer
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network, Preprocessing
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping, hash_section, make_section

PLAIN = {"octaves": 1, "jitter": 0, "precision": "float32", "device": "cpu"}


def noise_section(rows=60, columns=80, seed=0, **attrs):
    return make_section(
        np.random.default_rng(seed).normal(size=(rows, columns)), dt_ms=4.0, **{"units": "amplitude", **attrs}
    )


def test_the_best_input_of_a_linear_network_is_its_filter():
    kernel = np.outer(np.hanning(9), np.cos(np.linspace(-3, 3, 9))).astype(np.float32)
    section = make_section(np.random.default_rng(0).normal(scale=1e-3, size=(9, 9)) + np.eye(9) * 1e-3, dt_ms=4.0)
    network = small_networks.linear_network(kernel)
    recipe = DreamSettings(**PLAIN, layer="filter:0@neuron", steps=40, clip=False)
    dream = Dream(section, network, recipe)
    list(dream.states())
    change = (dream.section - section).values
    assert np.corrcoef(change.ravel(), kernel.ravel())[0, 1] > 0.99999


def test_the_first_step_on_a_quadratic_is_the_analytic_gradient():
    kernel = np.float32([[0, 1, 0], [1, -3, 1], [0, 1, 0]])
    section = noise_section()
    dream = Dream(
        section, small_networks.linear_network(kernel), DreamSettings(**PLAIN, layer="filter", steps=1, clip=False)
    )
    list(dream.states())
    mapping = GreyMapping.of(section)
    view = mapping.to_grey(section.values).astype(np.float64) - 127.5
    filtered = scipy.ndimage.correlate(view, kernel, mode="constant")
    gradient = scipy.ndimage.convolve(filtered, kernel, mode="constant")
    expected = 1.5 / np.abs(gradient).mean() * gradient * mapping.units_per_grey
    assert np.abs((dream.section - section).values - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("octaves", [1, 4])
def test_without_a_step_the_section_comes_back_to_the_bit(octaves):
    section = noise_section(120, 140)
    recipe = DreamSettings(octaves=octaves, steps=0, levels=3, layer="last")
    dream = Dream(section, small_networks.pooled_network(), recipe)
    assert list(dream.states()) == []
    assert np.array_equal(dream.section.values, section.values)
    assert len(dream.level_views) == 3


def test_states_say_where_the_dream_is():
    dream = Dream(
        noise_section(120, 140),
        small_networks.pooled_network(),
        DreamSettings(octaves=2, steps=3, levels=2, layer="last"),
    )
    states = list(dream.states())
    assert [(s.level, s.octave, s.step) for s in states] == [
        (level, octave, step) for level in (1, 2) for octave in (1, 2) for step in (1, 2, 3)
    ]
    assert dream.n_states == 12
    assert len(states) == 12
    assert states[0].picture.shape == (1, 1, 86, 100)
    assert states[3].picture.shape == (1, 1, 120, 140)
    assert all(state.milliseconds > 0 for state in states)
    assert [row["score"] for row in dream.scores] == [state.score for state in states]


def test_the_dream_raises_its_score():
    dream = Dream(
        noise_section(120, 140),
        small_networks.pooled_network(),
        DreamSettings(layer="last", octaves=1, precision="float32"),
    )
    scores = [state.score for state in dream.states()]
    assert scores[-1] > 1.3 * scores[0]


def test_a_seed_repeats_a_run_and_another_does_not():
    def run(seed):
        return hash_section(
            dream_section(
                noise_section(120, 140),
                small_networks.pooled_network(),
                seed=seed,
                octaves=2,
                precision="float32",
            )
        )

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_the_result_keeps_coordinates_units_and_overshoot():
    section = noise_section(120, 140, units="amplitude")
    section.values[5, 7] = 40.0
    result = dream_section(section, small_networks.pooled_network(), octaves=1, steps=1, jitter=0)
    assert result.dims == ("time", "trace")
    assert np.array_equal(result.time, section.time)
    assert result.attrs["units"] == "amplitude"
    assert abs(float(result[5, 7]) - 40.0) < 10, "what is beyond the clip amplitude is not cut off"


def test_the_mask_and_absent_traces_stay_to_the_bit():
    section = noise_section(120, 140)
    section.values[:, 20:25] = np.nan
    mask = np.zeros((120, 140), np.float32)
    mask[40:80, 10:90] = 1
    import xarray as xr

    result = dream_section(
        section,
        small_networks.pooled_network(),
        octaves=3,
        steps=4,
        mask=xr.DataArray(mask, dims=section.dims),
    )
    assert np.array_equal(np.isnan(result.values), np.isnan(section.values))
    kept = (mask == 0) & ~np.isnan(section.values)
    assert np.array_equal(result.values[kept], section.values[kept])
    free = (mask == 1) & ~np.isnan(section.values)
    assert (result.values[free] != section.values[free]).mean() > 0.9


@pytest.mark.parametrize(
    "settings",
    [{}, {"levels": 2, "zoom": 0.05}, {"parameterization": "bandlimited"}, {"parameterization": "impedance"}],
    ids=str,
)
def test_muted_samples_stay_exactly_zero(settings):
    section = noise_section(120, 140)
    section.values[:30, :50] = section.values[:, 100:104] = 0.0
    section.values[:, 20:25] = np.nan
    muted = section.values == 0.0
    dream = Dream(section, small_networks.pooled_network(), DreamSettings(octaves=2, steps=2, **settings))
    for _ in dream.states():
        pass
    result = dream.section.values
    assert sum("% of the section is muted" in note for note in dream.notes) == 1
    if "zoom" in settings:
        muted = zoomed(muted.astype(np.float32), 0.05) == 1.0
    else:
        assert np.array_equal(np.isnan(result), np.isnan(section.values))
        assert (result != section.values)[~muted & ~np.isnan(section.values)].mean() > 0.9
    assert muted.mean() > 0.05
    assert (result[muted & ~np.isnan(result)] == 0.0).all()
    for name, rock in dream.byproducts.items():
        assert np.isnan(rock.values[muted]).all(), name


def test_zeros_that_are_amplitudes_are_dreamed_on():
    section = noise_section(120, 140, muted="present")
    section.values[:30] = 0.0
    result = dream_section(section, small_networks.pooled_network(), octaves=1, steps=2)
    assert (result.values[:30] != 0.0).mean() > 0.9


def test_a_mask_of_another_size_is_refused():
    import xarray as xr

    with pytest.raises(SeisdreamError, match=r"mask is \(3, 4\), the section \(120, 140\)"):
        Dream(noise_section(120, 140), small_networks.pooled_network(), mask=xr.DataArray(np.ones((3, 4))))


def test_zoom_enlarges_the_middle_as_the_original_does():
    values = np.random.default_rng(0).normal(size=(40, 60)).astype(np.float32)
    ours = zoomed(values, 0.05)
    theirs = scipy.ndimage.affine_transform(values, [0.95, 0.95], [40 * 0.05 / 2, 60 * 0.05 / 2], order=1)
    assert np.allclose(ours, theirs, atol=1e-6)
    assert np.array_equal(zoomed(values, 0.0), values)


def test_zoom_is_for_pictures_by_default_and_not_for_data_with_geometry():
    picture = make_section(np.random.default_rng(0).uniform(0, 255, (120, 140)), value_range=(0, 255))
    network = small_networks.pooled_network()
    assert Dream(picture, network).recipe.zoom == 0.05
    assert Dream(picture, network).recipe.edges == "wrap"
    assert Dream(noise_section(120, 140), network).recipe.zoom == 0.0
    assert Dream(noise_section(120, 140), network).recipe.edges == "mirror"


def test_a_colour_picture_is_dreamed_in_colour():
    picture = make_section(np.random.default_rng(0).uniform(0, 255, (60, 70, 3)), value_range=(0, 255))
    result = dream_section(picture, small_networks.pooled_network(3), octaves=1, steps=2)
    assert result.shape == (60, 70, 3)
    assert result.dims == ("row", "column", "colour")
    change = (result - picture).values
    assert np.abs(change[..., 0] - change[..., 2]).max() > 1, "the channels go their own ways"
    assert result.min() >= 0
    assert result.max() <= 255


def test_colour_on_amplitudes_gives_a_colour_picture_with_the_axes():
    result = dream_section(noise_section(60, 70), small_networks.pooled_network(3), octaves=1, steps=1, colour=True)
    assert result.dims == ("time", "trace", "colour")
    assert result.attrs["value_range"] == (0.0, 255.0)
    assert float(result.min()) >= 0


def test_small_sections_get_fewer_octaves_and_say_so():
    small = Dream(noise_section(20, 12), small_networks.pooled_network(), DreamSettings(octave_scale=2.0))
    assert small.recipe.layer != "last"
    assert small.recipe.octaves < 4
    assert any("dreaming at" in note for note in small.notes)
    assert any("octaves" in note for note in small.notes)


def test_a_section_smaller_than_the_receptive_field_is_refused_with_what_fits():
    with pytest.raises(SeisdreamError, match=r"section is 20 × 20, smaller than what one unit of 'last'.*--layer"):
        Dream(noise_section(20, 20), small_networks.pooled_network(), DreamSettings(layer="last"))
    allowed = DreamSettings(layer="last", allow_small=True, steps=1)
    assert len(list(Dream(noise_section(20, 20), small_networks.pooled_network(), allowed).states())) == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((50, 50)), "zero"),
        (np.full((50, 50), 3.0), "constant"),
        (np.ones((50, 1)), "single trace"),
        (np.ones((1, 50)), "single time"),
        (np.full((50, 50), np.nan), "absent"),
        (np.where(np.eye(50) > 0, np.inf, 1.0), "infinite"),
    ],
)
def test_nothing_to_dream_on_is_said(values, message):
    with pytest.raises(SeisdreamError, match=message):
        Dream(make_section(values, dt_ms=4.0), small_networks.pooled_network())


class Exploding(nn.Module):
    """Fine for three looks, then NaN."""

    def __init__(self):
        super().__init__()
        self.filter = nn.Conv2d(1, 1, 3, padding=1)
        self.out = nn.Identity()
        self.n_looks = 0

    def forward(self, values):
        self.n_looks += 1
        return self.out(self.filter(values) * (math.nan if self.n_looks > 3 and values.requires_grad else 1.0))


def test_a_step_that_is_not_finite_stops_and_keeps_the_last_good_state():
    network = Network("exploding", Exploding(), Preprocessing("grey"), default_layer="out")
    network.layers  # noqa: B018  (looks of its own, before the count matters)
    network.module.n_looks = 0
    section = noise_section()
    dream = Dream(section, network, DreamSettings(**PLAIN, layer="out"))
    with pytest.raises(NonFiniteStepError, match=r"Step 4 of octave 1 in level 1"):
        list(dream.states())
    assert len(dream.scores) == 3
    assert np.isfinite(dream.section.values).all()
    assert not np.array_equal(dream.section.values, section.values)


def fingerprint(module):
    import hashlib

    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    hooks = sum(len(part._forward_hooks) + len(part._backward_hooks) for part in module.modules())
    flags = tuple(parameter.requires_grad for parameter in module.parameters())
    modes = tuple(part.training for part in module.modules())
    return digest.hexdigest(), hooks, flags, modes


@pytest.mark.parametrize("n_steps_taken", [1, 5, 100])
def test_the_users_network_is_left_as_it_was_also_when_interrupted(n_steps_taken):
    network = small_networks.pooled_network()
    network.module.train()
    network.module.first.weight.requires_grad_(False)
    network.module.last.register_forward_hook(lambda *_: None)
    before = fingerprint(network.module)
    states = Dream(noise_section(120, 140), network, DreamSettings(octaves=2, steps=5)).states()
    for _, _ in zip(range(n_steps_taken), states, strict=False):
        pass
    states.close()
    assert fingerprint(network.module) == before


def test_a_stop_keeps_the_last_whole_level():
    section = noise_section(120, 140)
    recipe = DreamSettings(octaves=1, steps=4, levels=3, precision="float32", layer="last")
    whole = Dream(section, small_networks.pooled_network(), DreamSettings(**{**recipe.to_dict(), "levels": 1}))
    list(whole.states())
    stopped = Dream(section, small_networks.pooled_network(), recipe)
    states = stopped.states()
    for _ in range(6):
        next(states)
    states.close()
    assert len(stopped.level_views) == 1
    assert np.array_equal(stopped.section.values, whole.section.values)


def test_a_guide_changes_what_is_dreamed():
    network, section = small_networks.pooled_network(), noise_section(120, 140)
    settings = {"octaves": 1, "steps": 3, "jitter": 0, "precision": "float32"}
    guide = make_section(np.sin(np.arange(90)[:, None] / 2) + np.zeros((90, 100)), dt_ms=4.0)
    bind_guide = dream_section(section, network, guide=guide, **settings)
    plain = dream_section(section, network, **settings)
    assert np.corrcoef((bind_guide - section).values.ravel(), (plain - section).values.ravel())[0, 1] < 0.9
    with pytest.raises(SeisdreamError, match="whole layers"):
        dream_section(section, network, "last:2", guide=guide, **settings)


def test_an_objective_composed_in_python_is_the_one_in_words():
    settings = {"octaves": 1, "steps": 2, "jitter": 0, "precision": "float32"}
    network, section = small_networks.pooled_network(), noise_section(120, 140)
    in_words = dream_section(section, network, "0.7*last - 0.3*branches:5", **settings)
    composed = dream_section(section, network, objective=0.7 * Layer("last") - 0.3 * Channel("branches", 5), **settings)
    assert np.array_equal(in_words.values, composed.values)


def test_arrays_and_tensors_are_sections_too():
    values = np.random.default_rng(0).normal(size=(120, 140)).astype(np.float32)
    settings = {"octaves": 1, "steps": 1, "jitter": 0}
    from_array = dream_section(values, small_networks.pooled_network(), **settings)
    from_tensor = dream_section(torch.from_numpy(values), small_networks.pooled_network(), **settings)
    assert from_array.dims == ("row", "column")
    assert np.array_equal(from_array.values, from_tensor.values)


def test_tiles_give_the_dream_of_the_whole():
    settings = {"octaves": 2, "steps": 2, "precision": "float32", "layer": "last"}
    section, network = noise_section(150, 170), small_networks.pooled_network()
    whole = dream_section(section, network, tile=0, **settings)
    tiled = dream_section(section, network, tile=48, **settings)
    assert np.abs(whole - tiled).max() < 1e-3 * np.abs(whole - section).max()


def test_a_large_section_is_tiled_by_itself_only_where_tiles_equal_the_whole(monkeypatch):
    monkeypatch.setattr("seisdream.dreaming.resolve.COMFORTABLE_SAMPLES", 10_000)
    monkeypatch.setattr("seisdream.dreaming.resolve.COMFORTABLE_TILE", 64)
    section = noise_section(121, 142)
    assert Dream(section, small_networks.pooled_network(), DreamSettings(layer="last")).recipe.tile == 64
    resizing = Network("resizing", small_networks.ResizingUNet(), Preprocessing("grey"), default_layer="up")
    dream = Dream(section, resizing)
    assert dream.recipe.tile == 0
    assert any("Dreaming on the whole section at once" in note for note in dream.notes)


def test_a_mask_of_a_half_halves_the_change():
    import xarray as xr

    section, kernel = noise_section(), np.float32([[0, 1, 0], [1, -3, 1], [0, 1, 0]])
    settings = {**PLAIN, "steps": 1, "clip": False, "layer": "filter"}
    mask = np.ones(section.shape, np.float32)
    mask[:, :40] = 0.5
    masked = dream_section(section, small_networks.linear_network(kernel), mask=xr.DataArray(mask), **settings)
    whole = dream_section(section, small_networks.linear_network(kernel), **settings)
    ratio = ((masked - section) / (whole - section)).values
    assert np.median(ratio[:, :40]) == pytest.approx(0.5 * np.median(ratio[:, 40:]), rel=1e-3)


def test_the_last_state_of_a_level_comes_after_the_level_is_kept():
    section = noise_section(120, 140)
    dream = Dream(section, small_networks.pooled_network(), DreamSettings(octaves=1, steps=2, levels=2))
    seen = [(len(dream.level_views), float((dream.section - section).std())) for _ in dream.states()]
    assert [n for n, _ in seen] == [0, 1, 1, 2]
    assert seen[0][1] == 0 < seen[1][1] == seen[2][1] < seen[3][1]


def test_a_dream_runs_once():
    dream = Dream(noise_section(120, 140), small_networks.pooled_network(), DreamSettings(octaves=1, steps=1))
    list(dream.states())
    with pytest.raises(SeisdreamError, match="has run already"):
        list(dream.states())


def test_a_zoomed_section_says_where_its_samples_were():
    section = noise_section(120, 140)
    result = dream_section(section, small_networks.pooled_network(), octaves=1, steps=1, levels=3, zoom=0.1)
    first, last = float(result.time[0]), float(result.time[-1])
    keep = 0.9**2
    assert last - first == pytest.approx(keep * 4.0 * 119)
    assert first == pytest.approx(4.0 * (120 * 0.1 / 2 + 0.9 * 120 * 0.1 / 2))
    assert result.trace[0] > 10


def test_an_objective_and_a_layer_are_one_too_many():
    with pytest.raises(SeisdreamError, match="give one of them"):
        dream_section(noise_section(120, 140), small_networks.pooled_network(), "last", objective=Layer("pool"))


def test_a_linear_dream_over_octaves_is_the_recipe_to_the_digit():
    # The mean of a linear filter has the same gradient everywhere: no chaos, so octaves and detail can be compared.
    kernel = np.float32([[0, 1, 0], [1, -2, 2], [0, 1, 0]])
    section = make_section(np.random.default_rng(0).uniform(100, 150, (90, 110)), value_range=(0, 255))
    recipe = DreamSettings(**{**PLAIN, "octaves": 3}, steps=2, zoom=0.0, layer="filter:0", clip=False)
    dream = Dream(section, small_networks.linear_network(kernel), recipe)
    list(dream.states())
    octaves = [section.values.astype(np.float64)]
    for _ in range(2):
        octaves.append(scipy.ndimage.zoom(octaves[-1], 1 / 1.4, order=1, mode="nearest"))
    detail = np.zeros_like(octaves[-1])
    for base in octaves[::-1]:
        detail = scipy.ndimage.zoom(detail, np.array(base.shape) / np.array(detail.shape), order=1, mode="nearest")
        gradient = scipy.ndimage.convolve(np.ones(base.shape), kernel, mode="constant")
        detail = detail + 2 * 1.5 / np.abs(gradient).mean() * gradient
    assert np.abs((dream.section - section).values - detail).max() < 1e-3


def test_the_objective_counts_in_its_region_alone():
    network, section = small_networks.linear_network(np.float32([[0, 1, 0], [1, 2, 1], [0, 1, 0]])), noise_section()
    where = section.copy(data=np.zeros(section.shape))
    where[20:30, 40:60] = 1.0
    settings = {"octaves": 1, "steps": 3, "precision": "float32", "jitter": 8, "clip": False}
    change = (dream_section(section, network, "filter:0", where=where, **settings) - section).values
    assert np.abs(change[19:31, 39:61]).min(where=where[19:31, 39:61].values > 0, initial=np.inf) > 0
    change[19:31, 39:61] = 0.0
    assert not change.any(), "nothing else than what the region's units see has a gradient"
    zoomed_in = dream_section(section, network, "filter:0", where=where, levels=2, zoom=0.1, **settings)
    assert np.isfinite(zoomed_in).all()
    mask = section.copy(data=np.zeros(section.shape))
    mask[:28, :40] = 1.0
    assert np.abs(dream_section(section, network, "filter:0", where=where, mask=mask, **settings) - section).any()
    mask[:, 30:] = 0.0
    with pytest.raises(SeisdreamError, match=r"lies 11 samples or more from.*at most 3 there.*--mask, --where"):
        dream_section(section, network, "filter:0", where=where, mask=mask, **settings)


@pytest.mark.parametrize(
    ("layer", "given", "error"),
    [
        ("last:2@neuron", "where", r"no score of its own at each position.*--where"),
        ("style:last", "where", r"no score of its own at each position"),
        ("last:2@130,4", None, r"'last:2@130,4' lies outside the section of 120 × 140; samples are counted 0 to 119"),
        ("inversion:last", "guide", r"guide is 90 × 100 and the section 120 × 140"),
        ("facis::enc1 - last", None, r"facis.*facies"),
        ("branches - gabor::stage9/rectified", None, r"'stage9/rectified' is not in gabor"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(layer, given, error):
    sections = {"where": noise_section(120, 140).clip(0, 1), "guide": noise_section(90, 100)}
    settings = {given: sections[given]} if given else {}
    with pytest.raises(SeisdreamError, match=error):
        dream_section(noise_section(120, 140), small_networks.pooled_network(), layer, **settings)


def test_a_dream_asks_two_networks_and_starts_from_zero():
    section, network, other = noise_section(120, 140), small_networks.pooled_network(), small_networks.pooled_network()
    objective = Channel("last", 2, network="other") - Channel("last", 2)
    recipe = DreamSettings(octaves=1, steps=4, jitter=0, precision="float32")
    with torch.no_grad():
        other.module.last.weight.copy_(other.module.last.weight.flip(0))
    dream = Dream(section, network, recipe, objective=objective, networks={"other": other})
    list(dream.states())
    assert dream.scores[0]["score"] == pytest.approx(0.0, abs=1e-5)
    assert dream.scores[-1]["score"] > 0.01
    assert dream.why_no_replay is not None


def test_caricature_goes_on_from_the_zoomed_input():
    section = noise_section(120, 140)
    recipe = DreamSettings(octaves=2, steps=2, levels=2, zoom=0.1, layer="caricature:last - 0.1*inversion:branches")
    dream = Dream(section, small_networks.pooled_network(), recipe)
    scores = [state.score for state in dream.states()]
    assert scores[0] == pytest.approx(1.0, abs=1e-3)
    assert len(dream.level_views) == 2


@pytest.mark.parametrize("parameterization", ["pixel", "phase"])
def test_robust_dreams_repeat_with_their_seed_and_differ_from_plain_ones(parameterization):
    section, network = noise_section(120, 140), small_networks.pooled_network()
    settings = {"octaves": 1, "steps": 2, "precision": "float32", "parameterization": parameterization}
    robust = {"robust": "shear=0.05,stretch=0.1,gain=0.2,band=3"}
    once, again, plain, other = (
        dream_section(section, network, "last", **settings, **more).values
        for more in (robust, robust, {}, {**robust, "seed": 1})
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, plain)
    assert not np.array_equal(once, other)


def test_mild_may_be_added_to_and_changed():
    mild = read_robustness("mild")
    assert read_robustness(" mild , band=3") == replace(mild, band=3.0)
    assert read_robustness("mild,gain=0") == replace(mild, gain=0.0)
    with pytest.raises(SeisdreamError, match="Cannot read 'milder'"):
        read_robustness("milder")


@pytest.mark.parametrize(
    ("robust", "error"),
    [
        ("shere=0.1", "did you mean shear"),
        ("shear", "Cannot read 'shear' in --robust"),
        ("gain=99", "gain in --robust is 99; it must be 0 to 10"),
        ("gain=1e", "no number"),
    ],
)
def test_changes_that_do_not_exist_are_refused(robust, error):
    with pytest.raises(SeisdreamError, match=error):
        DreamSettings(robust=robust)


def test_what_penalties_measure_from_is_zoomed_with_the_section():
    section = noise_section(120, 140)
    recipe = DreamSettings(
        layer="stage1/rectified - 0.1*penalty:distance", levels=2, zoom=0.2, step_size=0.0, octaves=1, steps=1
    )
    dream = Dream(section, load_network("gabor"), recipe)
    _, second = (row["score"] for row in _scores_of(dream))
    alone = Dream(section, load_network("gabor"), replace(recipe, layer="stage1/rectified"))
    assert second == pytest.approx(list(_scores_of(alone))[1]["score"], rel=1e-3)


def _scores_of(dream):
    for _ in dream.states():
        pass
    return dream.scores
