"""The dream against the 2015 recipe, with the real GoogLeNet on real seismic."""

import numpy as np
import pytest
import scipy.ndimage
import torch
from safetensors.torch import load_file
from seisdream.dreaming.octaves import octave_sizes

import original_recipe
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.objectives.terms import Layer
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.tiled_gradient import Gradient
from seisdream.inference.resize import resize
from seisdream.inference.tensors import as_rgb, to_image_tensor
from seisdream.io.inputs import open_section
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping

LAYER = "inception_4c/output"
FAITHFUL = {"layer": LAYER, "jitter": 0, "precision": "float32", "device": "cpu", "colour": True}


@pytest.fixture(scope="module")
def weights(shared):
    return load_file(shared / "weights" / "bvlc_googlenet.safetensors")


@pytest.fixture(scope="module")
def network(shared):
    return load_network("googlenet", weights=shared / "weights" / "bvlc_googlenet.safetensors")


@pytest.fixture(scope="module")
def section(shared):
    # The recipe knows no mutes: it dreams into the zeros at the top too.
    return open_section(shared / "data" / "f3_inline362.npz", key="amplitude", muted="present")


@pytest.fixture(scope="module")
def rgb(section):
    return as_rgb(GreyMapping.of(section).to_grey(section.values).clip(0, 255))


def as_caffe(rgb):
    return np.float32(rgb).transpose(2, 0, 1)[::-1].copy() - original_recipe.MEAN_BGR


def relative(one, other):
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def correlation(one, other):
    return np.corrcoef(np.ravel(one), np.ravel(other))[0, 1]


def test_the_scores_gradient_is_that_of_the_recipe(network, weights, rgb):
    # Below the mute, where max-pools have something to choose by.
    picture = to_image_tensor(rgb)[..., 14:270, :384]
    caffe = as_caffe(rgb)[:, 14:270, :384]
    # In float64 nothing but the formulas can differ (and the mean's last bit in float32 above).
    exact = {name: tensor.double() for name, tensor in weights.items()}
    score, expected = original_recipe.score_and_gradient(exact, caffe.astype(np.float64))
    ours = Gradient(network.prepared("cpu", "float64"), (Layer(LAYER),))(picture.double())
    n_units = 512 * 16 * 24
    assert ours[0] * n_units / 2 == pytest.approx(score, rel=1e-6)
    assert relative(ours[1][0].numpy()[::-1] * n_units / 2, expected) < 1e-6
    # In float32 both err by their rounding, which flips choices of max-pools: as far from float64 as the recipe is.
    rough = original_recipe.score_and_gradient(weights, caffe)[1]
    ours = Gradient(network.prepared("cpu", "float32"), (Layer(LAYER),))(picture)
    assert np.linalg.norm(ours[1]) * n_units / 2 == pytest.approx(np.linalg.norm(rough), rel=1e-4)
    assert relative(ours[1][0].numpy()[::-1] * n_units / 2, expected) < 2 * relative(rough, expected) + 1e-4


def test_the_first_step_is_that_of_the_recipe(network, weights, section, rgb):
    expected, _, _ = original_recipe.dream(weights, rgb, n_octaves=1, n_steps=1, jitter=0)
    dream = Dream(section, network, DreamSettings(**FAITHFUL, octaves=1, steps=1))
    list(dream.states())
    assert correlation(dream.section.values - rgb, expected - rgb) >= 0.9999


def test_the_first_step_in_amplitude_is_the_recipe_on_one_grey_channel(network, weights, section, rgb):
    # The grey picture feeds all three channels, so its gradient is the sum of theirs.
    gradient = original_recipe.score_and_gradient(weights, as_caffe(rgb))[1].sum(axis=0)
    grey = rgb[..., 0]
    expected = (grey + 1.5 / np.abs(gradient).mean() * gradient).clip(0, 255) - grey
    dream = Dream(section, network, DreamSettings(**{**FAITHFUL, "colour": False}, octaves=1, steps=1))
    list(dream.states())
    change = (dream.section - section).values / dream.mapping.units_per_grey
    assert correlation(change, expected) >= 0.9999
    assert np.abs(change).mean() == pytest.approx(np.abs(expected).mean(), rel=1e-3)


def test_octaves_and_their_detail_are_those_of_the_recipe(network, weights, section, rgb):
    expected, sizes, details = original_recipe.dream(weights, rgb, n_octaves=3, n_steps=1, jitter=0)
    dream = Dream(section, network, DreamSettings(**FAITHFUL, octaves=3, steps=1))
    states = list(dream.states())
    assert [tuple(state.picture.shape[-2:]) for state in states] == sizes == octave_sizes(rgb.shape[:2], 3, (1.4, 1.4))
    ours = [(state.picture - state.base)[0].numpy()[::-1] for state in states]
    # Octaves resized by SciPy and by PyTorch differ a little, which a first step makes 1 % of what it changes.
    bases = [state.base[0].numpy()[::-1] for state in states]
    smaller = scipy.ndimage.zoom(as_caffe(rgb), (1, 1 / 1.4, 1 / 1.4), order=1) + original_recipe.MEAN_BGR
    assert np.abs(bases[1] - smaller)[:, :-1, :-1].max() < 0.05, "but for SciPy's edge, which rounding blackens"
    assert correlation(ours[0], details[0]) > 0.98
    carried = resize(torch.from_numpy(details[0].copy())[None], sizes[1])[0].numpy()
    zoom = np.array(carried.shape) / np.array(details[0].shape)
    assert np.abs(carried - scipy.ndimage.zoom(details[0], zoom, order=1)).max() < 1e-4 * np.abs(carried).max()
    # What the octaves' difference, chaos and the muted top (where all choices of a max-pool tie) leave alike.
    assert correlation((dream.section.values - rgb)[80:], (expected - rgb)[80:]) > 0.9


def test_a_whole_dream_agrees_in_its_statistics(network, weights, section, rgb):
    # Pixels cannot be compared: the recipe is chaotic (benchmarks/divergence.py measures how fast).
    expected, _, _ = original_recipe.dream(weights, rgb, n_octaves=4, n_steps=10, jitter=0)
    dream = Dream(section, network, DreamSettings(**FAITHFUL, octaves=4, steps=10))
    list(dream.states())
    ours = dream.section.values
    score, wanted = (original_recipe.mean_square(weights, as_caffe(picture)) for picture in (ours, expected))
    assert score == pytest.approx(wanted, rel=0.05)
    assert np.std(ours - rgb) == pytest.approx(np.std(expected - rgb), rel=0.03)


def test_bfloat16_points_the_same_way(network, rgb):
    picture = to_image_tensor(rgb)[..., :256, :384]
    exact = Gradient(network.prepared("cpu", "float32"), (Layer(LAYER),))(picture)
    rough = Gradient(network.prepared("cpu", "bfloat16"), (Layer(LAYER),))(picture)
    assert torch.nn.functional.cosine_similarity(exact[1].flatten(), rough[1].flatten(), dim=0) > 0.97
    assert rough[0] == pytest.approx(exact[0], rel=0.03)
