"""Many dreams at once are the dreams one by one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seisdream.dreaming.many import dream_many

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.io.noise import open_noise
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping, make_section
from small_networks import linear_network, pooled_network

BASE = DreamSettings(steps=3, precision="float32", device="cpu", allow_small=True, jitter=4)


def one_by_one(sections, network, layer, channels, recipe, seeds, survey):
    dreamed = []
    for section, channel, seed in zip(sections, channels, seeds, strict=True):
        own = replace(recipe, layer=f"{layer}:{channel}", seed=seed)
        dream = Dream(section, network, own, survey=survey)
        for _ in dream.states():
            pass
        dreamed.append(dream.section.values)
    return np.stack(dreamed)


def a_survey():
    rng = np.random.default_rng(5)
    return make_section(np.cumsum(rng.standard_normal((60, 50)), axis=1), dt_ms=4.0)


@settings(max_examples=12)
@given(
    parameterization=st.sampled_from(["pixel", "fourier", "phase", "bandlimited"]),
    octaves=st.integers(1, 2),
    edges=st.sampled_from(["wrap", "mirror"]),
    clip=st.booleans(),
    n_dreams=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_a_batch_is_each_dream_by_itself(parameterization, octaves, edges, clip, n_dreams, seed):
    network, layer = pooled_network(seed=seed), "last"
    # Of unlike strength, so that a step or an energy that is shared would show.
    sections = [open_noise("noise:40x33", seed=n) * 10.0**n for n in range(n_dreams)]
    rng = np.random.default_rng(seed)
    channels, seeds = rng.integers(0, 8, n_dreams).tolist(), rng.integers(0, 9, n_dreams).tolist()
    recipe = replace(BASE, parameterization=parameterization, octaves=octaves, edges=edges, clip=clip)
    survey = None if parameterization == "pixel" else a_survey()
    together = dream_many(sections, network, layer, channels, recipe, seeds=seeds, survey=survey)
    alone = one_by_one(sections, network, layer, channels, recipe, seeds, survey)
    changed = np.abs(alone - np.stack(sections)).mean((1, 2), keepdims=True)
    assert (changed > 0).all()
    assert (np.abs(together - alone) / changed).max() < 5e-3


def test_the_shipped_network_dreams_in_batches_as_alone():
    network = load_network("facies")
    sections = [open_noise("noise:48x48", seed=n) for n in (0, 0, 1)]
    recipe = replace(BASE, parameterization="phase", octaves=1)
    given = (network, "enc4", [3, 100, 3], recipe)
    together = dream_many(sections, *given, seeds=[0, 0, 1], survey=a_survey(), batch=2)
    np.testing.assert_allclose(together, one_by_one(sections, *given, [0, 0, 1], a_survey()), atol=2e-3)
    assert np.abs(together[0] - together[1]).max() > 0.1


def test_a_filter_raises_all_that_it_sees_by_the_mean_step():
    kernel = np.array([[0.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 0.0]], np.float32)
    sections = [open_noise("noise:32x32", seed=n) * (n + 1) for n in range(3)]
    recipe = replace(BASE, octaves=1, jitter=0, clip=False, step_size=2.0)
    many = dream_many(sections, linear_network(kernel), "filter", [0] * 3, recipe)
    inner = (many - np.stack(sections))[:, 1:-1, 1:-1]
    # Of a linear channel's mean the gradient is one number inside, whatever the section; edges are seen less.
    units = [GreyMapping.of(section).units_per_grey for section in sections]
    edge = 5 / 6
    mean = (30 * 30 + 4 * 30 * edge + 4 * 4 / 6) / 32**2
    np.testing.assert_allclose(inner / np.array(units)[:, None, None], 3 * 2.0 / mean, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"levels": 2}, "--levels"),
        ({"parameterization": "impedance"}, "--parameterization"),
        ({"keep": "bounds"}, "--keep"),
        ({"robust": "mild"}, "--robust"),
        ({"where": "time=0:60"}, "--where"),
        ({"parameterization": "fourier"}, "--survey"),
    ],
)
def test_what_cannot_go_together_is_refused_before_any_work(changes, word):
    sections = [open_noise("noise:32x32", seed=n) for n in range(2)]
    with pytest.raises(SeisdreamError, match=word):
        dream_many(sections, pooled_network(), "last", [0, 1], replace(BASE, **changes))


def test_each_dream_needs_its_channel_and_one_that_there_is():
    section = open_noise("noise:32x32")
    with pytest.raises(SeisdreamError, match="2 channels"):
        dream_many([section], pooled_network(), "last", [0, 1], BASE)
    with pytest.raises(SeisdreamError, match="no channel 8"):
        dream_many([section], pooled_network(), "last", [8], BASE)
    muted = section.copy()
    muted[:20] = 0.0
    with pytest.raises(SeisdreamError, match="without absent or muted samples"):
        dream_many([muted], pooled_network(), "last", [0], BASE)
    with pytest.raises(SeisdreamError, match="of one size"):
        dream_many([section, open_noise("noise:32x40")], pooled_network(), "last", [0, 1], BASE)
