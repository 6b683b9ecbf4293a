"""Normalisation by statistics: every use of a network equals the module's own output on normalised amplitudes."""

import json

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import ndimage
from torch import nn

import seisdream as sd
from errors import raises
from segy_files import make_segy, numbered
from seisdream.models.normalisation import Normalisation, Statistics
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import open_network

NAMES = ("zscore", "zscore-clip:1.5", "minmax", "minmax:0,1", "zscore-clip:1.5+minmax", "zscore+minmax:0,2")
CLASSES = ("salt", "shale", "sand")
EXACT = {"precision": "float32", "device": "cpu"}
PIXELS = {"parameterization": "pixel", "step_size": 1.5, **EXACT}


@pytest.fixture(scope="module")
def section():
    """Heavy-tailed amplitudes with a mean, of which a percentile would clip the largest."""
    rng = np.random.default_rng(0)
    values = ndimage.gaussian_filter(rng.standard_t(3, size=(48, 64)), (1, 3))
    return sd.make_section(5000.0 * values / values.std() + 700.0, dt_ms=4.0)


def convolutions(n_inputs=1, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(n_inputs, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, len(CLASSES), 3, padding=1)
        ).eval()


def load(module, **preprocessing):
    return sd.load_network(module, preprocessing=Preprocessing(**preprocessing), classes=CLASSES)


def normalised(values, name):
    """Normalise amplitudes independently of the code under test."""
    values = values.astype(np.float64)
    first, _, second = name.partition("+")
    if first.startswith("zscore"):
        values = (values - values.mean()) / values.std()
        if ":" in first:
            clip = float(first.partition(":")[2])
            values = np.clip(values, -clip, clip)
    limits = second or (first if first.startswith("minmax") else "")
    if limits:
        low, high = map(float, limits.partition(":")[2].split(",")) if ":" in limits else (-1.0, 1.0)
        values = low + (high - low) * (values - values.min()) / (values.max() - values.min())
    return values.astype(np.float32)


def outputs(module, values):
    """Return the module's own output for normalised values ``(channel, time, trace)``."""
    with torch.no_grad():
        return module(torch.from_numpy(np.atleast_3d(values.T).T.copy())[None])[0].numpy()


@pytest.mark.parametrize("name", NAMES)
def test_activations_and_probabilities_are_those_of_the_module_on_normalised_amplitudes(section, name):
    module = convolutions()
    network = load(module, normalise=name)
    expected = outputs(module, normalised(section.values, name)[None])
    recorded = sd.record_activations(section, network, "2", **EXACT)
    assert np.abs(recorded.values - expected).max() < 2e-6
    shares = torch.from_numpy(expected).softmax(0).numpy()
    for tile in (0, 16):
        predicted = sd.predict(section, network, augmentations=0, tile=tile, **EXACT)
        assert np.abs(predicted.probabilities.values - shares).max() < 1e-6


def test_augmented_copies_are_normalised_as_the_section_is(section):
    network = load(convolutions(), normalise="zscore")
    whole, tiled = (sd.predict(section, network, augmentations=2, tile=tile, **EXACT) for tile in (0, 16))
    assert np.abs(whole.probabilities.values - tiled.probabilities.values).max() < 1e-6
    louder = sd.predict(section * 3.0, network, augmentations=2, **EXACT)
    assert np.abs(whole.probabilities.values - louder.probabilities.values).max() < 1e-5


@pytest.mark.parametrize("name", ["zscore", "minmax:0,1"])
def test_the_score_and_the_step_of_a_dream_are_those_of_the_module(section, name):
    module = convolutions()
    network = load(module, normalise=name)
    run = sd.dream(
        section, network, "class:sand", octaves=1, steps=1, jitter=0, clip=False, **PIXELS | {"step_size": 1.0}
    )
    values = torch.from_numpy(normalised(section.values, name))[None, None].requires_grad_()
    score = module(values)[0, 2].mean()
    (gradient,) = torch.autograd.grad(score, values)
    assert run.scores[0]["score"] == pytest.approx(score.item(), abs=1e-6)
    # The statistics are constants, so the direction is that of the gradient over the normalised amplitudes.
    step = (run.dataset["dream"] - run.dataset["before"]).values
    expected = (gradient[0, 0] / gradient.abs().mean()).numpy()
    assert np.abs(step / np.abs(step).mean() - expected).max() < 1e-3


@pytest.mark.parametrize("parameterization", ["pixel", "fourier", "phase"])
def test_a_dream_in_tiles_equals_the_whole(section, parameterization):
    network = load(convolutions(), normalise="zscore-clip:2")
    settings = {"octaves": 2, "steps": 2, "jitter": 3, "parameterization": parameterization, **EXACT}
    whole, tiled = (sd.dream(section, network, "class:salt", tile=tile, **settings) for tile in (0, 16))
    assert np.abs(whole.dream.values - tiled.dream.values).max() < 1e-4 * np.abs(section.values).max()


def test_a_dream_keeps_the_largest_amplitude_of_its_section(section):
    network = load(convolutions(), normalise="zscore")
    settings = {**PIXELS, "octaves": 1, "steps": 4, "step_size": 30.0, "jitter": 0}
    kept = sd.dream(section, network, "class:salt", **settings)
    free = sd.dream(section, network, "class:salt", clip=False, **settings)
    largest = np.abs(section.values).max()
    assert np.abs(kept.dream.values).max() <= largest * (1 + 1e-5)
    assert np.abs(free.dream.values).max() > largest
    # Amplitudes beyond the percentile are not clipped before a step.
    assert kept.scores[0]["score"] == free.scores[0]["score"]


def test_variants_of_a_dream_are_normalised_alike(section):
    network = load(convolutions(), normalise="zscore")
    settings = {"octaves": 1, "steps": 2, "jitter": 2, **PIXELS}
    batch = sd.dream(section, network, "class:salt", variants=2, **settings)
    alone = sd.dream(section, network, "class:salt", **settings)
    assert np.abs(batch.variants[0].dream.values - alone.dream.values).max() < 1e-6 * np.abs(section.values).max()


def test_a_guide_is_normalised_by_its_own_statistics(section):
    network = load(convolutions(), normalise="zscore")
    settings = {"octaves": 1, "steps": 1, "jitter": 0, **PIXELS}
    quiet, loud = (
        sd.dream(section, network, "caricature:2", guide=section * gain, **settings).scores[0]["score"]
        for gain in (1.0, 50.0)
    )
    assert quiet == pytest.approx(loud, rel=1e-4)


@pytest.mark.parametrize("method", ["integrated-gradients", "occlusion", "grad-cam"])
def test_an_attribution_keeps_the_statistics_of_the_section(section, method):
    module = convolutions()
    network = load(module, normalise="zscore")
    at = (float(section["trace"][30]), float(section["time"][20]))
    settings = {"method": method, "at": at, "device": "cpu"}
    if method == "integrated-gradients":
        settings["steps"] = 64
    elif method == "occlusion":
        settings |= {"patch": (8, 8), "stride": (8, 8)}
    map_ = sd.attribute(section, network, "class:salt", **settings)
    expected = outputs(module, normalised(section.values, "zscore")[None])
    attrs = map_.attrs if isinstance(map_, xr.DataArray) else map_.dataset["attribution"].attrs
    assert attrs["score"] == pytest.approx(float(expected[0, 20, 30]), abs=2e-6)
    if method == "integrated-gradients":
        zero = np.full_like(section.values, (0.0 - section.values.mean()) / section.values.std())
        baseline = outputs(module, zero[None])[0, 20, 30]
        assert attrs["attributed"] == pytest.approx(float(expected[0, 20, 30] - baseline), abs=1e-3)


def test_relevance_is_of_the_normalised_input(section):
    pytest.importorskip("captum", reason="captum is not installed")
    module = convolutions(3)
    network = load(module, normalise="zscore", constants=(0.5, 1.0))
    map_ = sd.attribute(section, network, "class:salt", method="lrp", gamma=0.0, device="cpu")
    values = normalised(section.values, "zscore")
    stack = np.stack([values, np.full_like(values, 0.5), np.ones_like(values)])
    leaf = torch.from_numpy(stack)[None].double().requires_grad_()
    (gradient,) = torch.autograd.grad(module.double()(leaf)[0, 0].mean(), leaf)
    module.float()
    expected = (gradient * leaf)[0, 0].detach().numpy()
    array = map_ if isinstance(map_, xr.DataArray) else map_.dataset["attribution"]
    assert np.abs(array.values - expected).max() < 1e-4 * np.abs(expected).max()


def test_absent_samples_do_not_count(section):
    module = convolutions()
    values = section.values.copy()
    values[:15] = 0.0
    values[30, 5] = np.nan
    muted = sd.make_section(values, dt_ms=4.0)
    present = values[np.isfinite(values) & (np.arange(48)[:, None] >= 15)].astype(np.float64)
    expected = (np.nan_to_num(values).astype(np.float64) - present.mean()) / present.std()
    recorded = sd.record_activations(muted, load(module, normalise="zscore"), "2", **EXACT)
    assert np.abs(recorded.values - outputs(module, expected.astype(np.float32)[None])).max() < 2e-6


def test_each_window_can_have_statistics_of_its_own(section):
    module = convolutions()
    network = load(module, normalise="zscore", statistics="window")
    prepared = PreparedNetwork(network)
    image = torch.from_numpy(section.values)[None, None]
    assert prepared.with_statistics(image) is prepared
    part = image[..., 8:32, 16:48]
    expected = outputs(module, normalised(part[0].numpy(), "zscore"))
    assert np.abs(prepared.record(part, ("2",))["2"][0].numpy() - expected).max() < 2e-6
    with raises("not-supported", "tile"):
        sd.predict(section, network, augmentations=0, tile=16, **EXACT)
    assert sd.predict(section, network, augmentations=0, **EXACT).attrs["tile"] == 0


def test_constants_are_channels_of_one_value(section):
    module = convolutions(3)
    network = load(module, normalise="minmax", constants=(0.25, -2.0), scale=2.0, mean=0.5)
    values = normalised(section.values, "minmax") * 2.0 - 0.5
    stack = np.stack([values, np.full_like(values, 0.25), np.full_like(values, -2.0)])
    recorded = sd.record_activations(section, network, "2", **EXACT)
    assert np.abs(recorded.values - outputs(module, stack)).max() < 2e-6


def test_cubes_are_normalised_as_a_whole():
    rng = np.random.default_rng(1)
    cube = xr.DataArray(
        rng.normal(50.0, 400.0, (12, 10, 11)).astype(np.float32),
        dims=("time", "inline", "crossline"),
        coords={"time": np.arange(12) * 4.0, "inline": np.arange(10), "crossline": np.arange(11)},
    )

    class Cube(nn.Module):
        n_dims = 3

        def __init__(self):
            super().__init__()
            self.filter = nn.Conv3d(1, 2, 3, padding=1)

        def forward(self, values):
            return self.filter(values)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = Cube()
    network = sd.load_network(module, preprocessing=Preprocessing(normalise="zscore"))
    run = sd.dream(cube, network, "filter:1", octaves=1, steps=1, jitter=0, **PIXELS)
    with torch.no_grad():
        expected = module(torch.from_numpy(normalised(cube.values, "zscore"))[None, None])[0, 1].mean()
    assert run.scores[0]["score"] == pytest.approx(float(expected), abs=1e-6)


# Volumes: their statistics, and neighbouring lines.


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    """A SEG-Y volume of five inlines, and its samples ``(inline, crossline, time)``."""
    inlines, crosslines = np.arange(100, 110, 2), np.arange(20, 44)
    samples = np.random.default_rng(2).normal(10.0, 50.0, (len(inlines), len(crosslines), 20)).astype(">f4")
    samples *= np.arange(1, 6, dtype=np.float32)[:, None, None]
    path = make_segy(
        tmp_path_factory.mktemp("volume") / "volume.sgy",
        samples.reshape(-1, 20),
        sample_format=5,
        words=numbered(inlines, crosslines),
    )
    return path, samples.astype(np.float32)


def lines_around(samples, position, n_lines):
    last = len(samples) - 1
    around = range(position - n_lines // 2, position + n_lines // 2 + 1)
    return np.stack([samples[min(max(one, 0), last)].T for one in around])


@pytest.mark.parametrize("position", [0, 2, 4])
def test_an_inline_of_a_volume_gets_its_true_neighbours(volume, position):
    path, samples = volume
    module = convolutions(5)
    network = load(module, normalise="zscore", statistics="volume", lines=5)
    section = sd.open_section(path, inline=100 + 2 * position)
    scaled = (samples.astype(np.float64) - samples.mean(dtype=np.float64)) / samples.std(dtype=np.float64)
    expected = outputs(module, lines_around(scaled.astype(np.float32), position, 5))
    recorded = sd.record_activations(section, network, "2", **EXACT)
    assert np.abs(recorded.values - expected).max() < 5e-6
    shares = torch.from_numpy(expected).softmax(0).numpy()
    predicted = sd.predict(section, network, augmentations=0, **EXACT)
    assert np.abs(predicted.probabilities.values - shares).max() < 2e-6
    assert not [note for note in json.loads(predicted.provenance)["notes"] if "stands alone" in note]


def test_a_crossline_has_crosslines_as_neighbours(volume):
    path, samples = volume
    module = convolutions(3)
    network = load(module, normalise="zscore", lines=3, statistics="volume")
    scaled = (samples.astype(np.float64) - samples.mean(dtype=np.float64)) / samples.std(dtype=np.float64)
    expected = outputs(module, lines_around(scaled.transpose(1, 0, 2).astype(np.float32), 7, 3))
    recorded = sd.record_activations(sd.open_section(path, crossline=27), network, "2", **EXACT)
    assert np.abs(recorded.values - expected).max() < 5e-6


@pytest.mark.parametrize("kind", ["file", "array"])
def test_a_volume_is_predicted_with_its_neighbours_and_statistics(volume, kind):
    path, samples = volume
    module = convolutions(3)
    network = load(module, normalise="zscore", statistics="volume", lines=3)
    data = sd.open_volume(path)
    if kind == "array":
        data = xr.DataArray(
            samples,
            dims=("inline", "crossline", "time"),
            coords={"inline": np.arange(100, 110, 2), "crossline": np.arange(20, 44), "time": np.arange(20) * 4.0},
        )
    predicted = sd.predict(data, network, augmentations=0, **EXACT)
    scaled = (samples.astype(np.float64) - samples.mean(dtype=np.float64)) / samples.std(dtype=np.float64)
    for position in range(len(samples)):
        logits = outputs(module, lines_around(scaled.astype(np.float32), position, 3))
        shares = torch.from_numpy(logits).softmax(0).numpy()
        found = predicted.probabilities.isel(inline=position).transpose("class", "time", "crossline").values
        assert np.abs(found - shares).max() < 2e-6
    assert not [note for note in json.loads(predicted.provenance)["notes"] if "stands alone" in note]


def test_a_dream_changes_a_line_and_not_its_neighbours(volume):
    path, samples = volume
    module = convolutions(3)
    network = load(module, normalise="zscore", lines=3)
    section = sd.open_section(path, inline=104)
    settings = {"octaves": 1, "steps": 1, "jitter": 0, "clip": False, **PIXELS}
    run = sd.dream(section, network, "class:salt", **settings)
    lines = lines_around(samples, 2, 3)
    values = torch.from_numpy(normalised(lines, "zscore"))[None].requires_grad_()
    score = module(values)[0, 0].mean()
    (gradient,) = torch.autograd.grad(score, values)
    assert run.scores[0]["score"] == pytest.approx(score.item(), abs=1e-6)
    step, expected = (run.dataset["dream"] - run.dataset["before"]).values, gradient[0, 1].numpy()
    assert np.abs(step / np.abs(step).mean() - expected / np.abs(expected).mean()).max() < 1e-3
    tiled = sd.dream(section, network, "class:salt", tile=8, **settings)
    assert np.abs(tiled.dream.values - run.dream.values).max() < 1e-3


def test_a_lone_section_is_repeated_with_a_note(section):
    module = convolutions(3)
    network = load(module, normalise="zscore", lines=3, statistics="volume")
    expected = outputs(module, np.repeat(normalised(section.values, "zscore")[None], 3, 0))
    assert np.abs(sd.record_activations(section, network, "2", **EXACT).values - expected).max() < 2e-6
    notes = sd.dream(section, network, "class:salt", octaves=1, steps=1, **EXACT).notes
    assert sum("stands alone" in note for note in notes) == 2
    notes = json.loads(sd.predict(section, network, augmentations=0, **EXACT).provenance)["notes"]
    assert sum("stands alone" in note for note in notes) == 2


def test_an_array_file_has_neighbours_too(tmp_path):
    cube = np.random.default_rng(3).normal(size=(7, 20, 24)).astype(np.float32)
    np.save(tmp_path / "cube.npy", cube)
    module = convolutions(3)
    network = load(module, normalise="zscore", lines=3)
    section = sd.open_section(tmp_path / "cube.npy", inline=3)
    lines = np.stack([cube[number].T for number in (2, 3, 4)])
    expected = outputs(module, normalised(lines, "zscore"))
    assert np.abs(sd.record_activations(section, network, "2", **EXACT).values - expected).max() < 5e-6


def test_colours_and_neighbouring_lines_exclude_each_other(section):
    network = load(convolutions(3), lines=3)
    with raises("incompatible", "colour"):
        sd.dream(section, network, "class:salt", colour=True, octaves=1, steps=1)
    with raises("incompatible", "input_lines"):
        Preprocessing("rgb", lines=3)


# The parts.


@pytest.mark.parametrize(
    "name", ["", "zscore+", "+minmax", "minmax:1", "zscore:3", "zscore-clip", "minmax+zscore", "z-score", None, 3]
)
def test_unknown_normalisations_are_refused(name):
    with raises("unknown-name", "normalise"):
        Preprocessing(normalise=name)


@pytest.mark.parametrize("name", ["zscore-clip:0", "zscore-clip:-1", "minmax:1,0", "minmax:1,1", "minmax:0,1e999"])
def test_normalisations_out_of_range_are_refused(name):
    with raises("out-of-range", "normalise"):
        Preprocessing(normalise=name)


def test_statistics_lines_and_constants_are_checked():
    with raises("unknown-name", "statistics"):
        Preprocessing(normalise="zscore", statistics="survey")
    for lines in (0, 2, -1, 2.0, True):
        with raises("out-of-range", "input_lines"):
            Preprocessing(lines=lines)
    with raises("out-of-range", "input_constants"):
        Preprocessing(constants=(float("nan"),))
    with raises("wrong-shape", "input_mean"):
        Preprocessing(lines=3, mean=(0.0, 1.0))


def test_a_constant_window_has_finite_values():
    flat = torch.full((1, 1, 4, 4), 7.0)
    for name, value in (("zscore", 0.0), ("minmax", 0.0), ("minmax:0,1", 0.5), ("zscore-clip:3+minmax:0,1", 0.5)):
        normalisation = Normalisation.parse(name)
        assert torch.allclose(normalisation(flat, Statistics.of(flat)), torch.tensor(value))


def test_statistics_of_grey_levels_are_those_of_amplitudes():
    values = np.random.default_rng(0).normal(5.0, 2.0, (1, 1, 9, 9))
    amplitudes, grey = (Statistics.of(torch.from_numpy(one)) for one in (values, (values + 4.0) / 0.1))
    for one, other in zip(amplitudes.mapped(-4.0, 0.1), grey, strict=True):
        assert torch.allclose(one, other)


def test_options_of_a_recipe_load_the_same_network():
    preprocessing = Preprocessing(normalise="zscore-clip:3+minmax", statistics="volume", lines=3, constants=(0.0, 1.0))
    network = sd.load_network(convolutions(5), preprocessing=preprocessing)
    options = json.loads(json.dumps(network.options))
    assert Preprocessing(**options) == preprocessing
    assert set(Preprocessing("grey").to_dict()) == {"order", "scale", "mean", "std"}


def test_normalise_alone_means_one_grey_channel(tmp_path, monkeypatch):
    (tmp_path / "nets_for_normalise.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Sequential(nn.Conv2d(1, 2, 3))\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    network = open_network("nets_for_normalise:make", None, {"normalise": "zscore"})
    assert network.preprocessing == Preprocessing("grey", normalise="zscore")
    with raises("missing-argument", "input_order"):
        open_network("nets_for_normalise:make", None, {"statistics": "volume"})
    with raises("missing-argument", "preprocessing") as error:
        open_network("nets_for_normalise:make")
    assert "zscore" in str(error.value)
