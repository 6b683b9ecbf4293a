"""The loop against known answers: linear networks, analytic gradients, and steps that fail."""

import math

import numpy as np
import pytest
import scipy.ndimage
from torch import nn

import small_networks
from errors import raises
from seisdream.dreaming.dream import Dream, dream
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.seismic.sections import GreyMapping, make_section

PLAIN = {"octaves": 1, "jitter": 0, "precision": "float32", "device": "cpu"}
PLAIN |= {"parameterization": "pixel", "step_size": 1.5}


def noise_section(rows=60, columns=80):
    return make_section(np.random.default_rng(0).normal(size=(rows, columns)), dt_ms=4.0, units="amplitude")


def test_the_best_input_of_a_linear_network_is_its_filter():
    kernel = np.outer(np.hanning(9), np.cos(np.linspace(-3, 3, 9))).astype(np.float32)
    section = make_section(np.random.default_rng(0).normal(scale=1e-3, size=(9, 9)) + np.eye(9) * 1e-3, dt_ms=4.0)
    network = small_networks.linear_network(kernel)
    change = (dream(section, network, "filter:0@neuron", steps=40, clip=False, **PLAIN).dream - section).values
    assert np.corrcoef(change.ravel(), kernel.ravel())[0, 1] > 0.99999


def test_the_first_step_on_a_quadratic_is_the_analytic_gradient():
    kernel = np.float32([[0, 1, 0], [1, -3, 1], [0, 1, 0]])
    section, network = noise_section(), small_networks.linear_network(kernel)
    change = (dream(section, network, "filter", steps=1, clip=False, **PLAIN).dream - section).values
    mapping = GreyMapping.of(section)
    image = mapping.to_grey(section.values).astype(np.float64) - 127.5
    filtered = scipy.ndimage.correlate(image, kernel, mode="constant")
    gradient = scipy.ndimage.convolve(filtered, kernel, mode="constant")
    expected = 1.5 / np.abs(gradient).mean() * gradient * mapping.units_per_grey
    assert np.abs(change - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_linear_dream_over_octaves_is_the_recipe_to_the_digit():
    # The mean of a linear filter has the same gradient everywhere: no chaos, so octaves and detail can be compared.
    kernel = np.float32([[0, 1, 0], [1, -2, 2], [0, 1, 0]])
    section = make_section(np.random.default_rng(0).uniform(100, 150, (90, 110)), value_range=(0, 255))
    settings = {**PLAIN, "octaves": 3, "steps": 2, "zoom": 0.0, "clip": False}
    dreamed = dream(section, small_networks.linear_network(kernel), "filter:0", **settings).dream
    octaves = [section.values.astype(np.float64)]
    for _ in range(2):
        octaves.append(scipy.ndimage.zoom(octaves[-1], 1 / 1.4, order=1, mode="nearest"))
    detail = np.zeros_like(octaves[-1])
    for base in octaves[::-1]:
        detail = scipy.ndimage.zoom(detail, np.array(base.shape) / np.array(detail.shape), order=1, mode="nearest")
        gradient = scipy.ndimage.convolve(np.ones(base.shape), kernel, mode="constant")
        detail = detail + 2 * 1.5 / np.abs(gradient).mean() * gradient
    assert np.abs((dreamed - section).values - detail).max() < 1e-3


def test_a_mask_of_a_half_halves_the_change():
    section, network = noise_section(), small_networks.linear_network(np.float32([[0, 1, 0], [1, -3, 1], [0, 1, 0]]))
    mask = np.ones(section.shape, np.float32)
    mask[:, :40] = 0.5
    settings = {**PLAIN, "steps": 1, "clip": False}
    masked = dream(section, network, "filter", mask=mask, **settings).dream
    whole = dream(section, network, "filter", **settings).dream
    ratio = ((masked - section) / (whole - section)).values
    assert np.median(ratio[:, :40]) == pytest.approx(0.5 * np.median(ratio[:, 40:]), rel=1e-3)


class Exploding(nn.Module):
    """Fine for some forward passes with a gradient, then NaN."""

    n_left = 10**9

    def __init__(self):
        super().__init__()
        self.filter = nn.Conv2d(1, 1, 3, padding=1)
        self.out = nn.Identity()

    def forward(self, values):
        # In the class, because what a forward pass leaves on a module is put back.
        Exploding.n_left -= values.requires_grad
        return self.out(self.filter(values) * (math.nan if self.n_left < 0 else 1.0))


@pytest.mark.parametrize("parameterization", ["pixel", "phase", "impedance"])
@pytest.mark.parametrize("n_good", [3, 13])
def test_a_step_that_is_not_finite_stops_and_keeps_the_last_good_state(parameterization, n_good, monkeypatch):
    network = Network("exploding", Exploding(), Preprocessing("grey"), default_layer="out")
    section = noise_section()
    settings = {**PLAIN, "levels": 2, "steps": 10, "parameterization": parameterization}
    run = Dream(section, network, "out", **settings)
    monkeypatch.setattr(Exploding, "n_left", n_good)
    states, last = run.states(), None
    with raises("not-finite"):
        for state in states:
            last = state.image
    result = run.result(stopped="not finite")
    assert len(result.scores) == n_good
    assert len(result.level_images) == run.n_levels_done == n_good // 10
    assert np.isfinite(result.dream.values).all()
    assert not np.array_equal(result.dream.values, section.values)
    before, after = (run.mapping.to_grey(one.values) for one in (section, result.dream))
    is_inside = (before > 0) & (before < 255)
    assert np.abs(after.clip(0, 255) - last[0, 0].numpy())[is_inside].max() < 0.05
    assert result.provenance["result"]["stopped"] == "not finite"


def test_the_last_state_of_a_level_comes_after_the_level_is_kept():
    section = noise_section(120, 140)
    run = Dream(section, small_networks.pooled_network(), octaves=1, steps=2, levels=2)
    seen = [(run.n_levels_done, float((run.dreamed(0) - section).std())) for _ in run.states()]
    assert [n_levels for n_levels, _ in seen] == [0, 1, 1, 2]
    assert seen[0][1] == 0 < seen[1][1] == seen[2][1] < seen[3][1]


def test_closing_the_states_keeps_the_last_whole_level():
    section, settings = noise_section(120, 140), {"octaves": 1, "steps": 4, "precision": "float32"}
    whole = dream(section, small_networks.pooled_network(), "last", **settings)
    stopped = Dream(section, small_networks.pooled_network(), "last", levels=3, **settings)
    states = stopped.states()
    for _ in range(6):
        next(states)
    states.close()
    assert stopped.n_levels_done == 1
    assert np.array_equal(stopped.result().dream, whole.dream)
