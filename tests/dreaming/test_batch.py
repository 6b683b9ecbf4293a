"""A batch equals its dreams one by one, whatever is optimized and evaluated."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import raises
from seisdream.dreaming.batch import dream_batch
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.evaluator import LayerEvaluator
from seisdream.dreaming.objectives.feature_matching import Direction
from seisdream.dreaming.objectives.terms import Channel
from seisdream.dreaming.parameterizations.stacked import Stacked
from seisdream.dreaming.settings import DreamSettings
from seisdream.io.noise import open_noise
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping, make_section
from small_networks import linear_network, pooled_network

BASE = DreamSettings(steps=3, precision="float32", device="cpu", allow_undersized=True, jitter=4)


def dream_channels(sections, network, layer, channels, **given):
    return dream_batch(sections, network, [Channel(layer, channel) for channel in channels], **given)


def one_by_one(sections, network, layer, channels, settings, seeds, **given):
    dreamed = []
    for section, channel, seed in zip(sections, channels, seeds, strict=True):
        run = Dream(section, network, settings=replace(settings, layer=f"{layer}:{channel}", seed=seed), **given)
        dreamed.append(run.run().dreamed(0).values)
    return np.stack(dreamed)


def reference():
    rng = np.random.default_rng(5)
    return make_section(np.cumsum(rng.standard_normal((60, 50)), axis=1), dt_ms=4.0)


@settings(max_examples=12)
@given(
    parameterization=st.sampled_from(["pixel", "fourier", "phase", "bandlimited"]),
    octaves=st.integers(1, 2),
    boundary=st.sampled_from(["wrap", "mirror"]),
    clip=st.booleans(),
    n_dreams=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_dreams_of_channels_in_one_forward_pass_are_those_one_by_one(
    parameterization, octaves, boundary, clip, n_dreams, seed
):
    network, layer = pooled_network(seed=seed), "last"
    # Of very different amplitudes, so that a step or an energy that is shared would show.
    sections = [open_noise("noise:40x33", seed=n) * 10.0**n for n in range(n_dreams)]
    rng = np.random.default_rng(seed)
    channels, seeds = rng.integers(0, 8, n_dreams).tolist(), rng.integers(0, 9, n_dreams).tolist()
    own = replace(BASE, parameterization=parameterization, octaves=octaves, boundary=boundary, clip=clip)
    measured = None if parameterization == "pixel" else reference()
    together = dream_channels(sections, network, layer, channels, settings=own, seeds=seeds, reference_section=measured)
    alone = one_by_one(sections, network, layer, channels, own, seeds, reference_section=measured)
    changed = np.abs(alone - np.stack(sections)).mean((1, 2), keepdims=True)
    assert (changed > 0).all()
    assert (np.abs(together - alone) / changed).max() < 5e-3


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"levels": 2, "zoom": 0.1},
        {"levels": 2, "octaves": 2},
        {"constraints": ["bounds", "histogram"]},
        {"constraints": ["band"]},
        {"transforms": {"shear": 0.05, "gain": 0.2}},
        {"tile": 32},
        {"parameterization": "fourier"},
        {"parameterization": "phase"},
        {"parameterization": "phase", "window_ms": 96.0},
        {"parameterization": "bandlimited"},
        {"parameterization": "bandlimited", "mask": True},
        {"parameterization": "reflectivity"},
        {"parameterization": "impedance", "levels": 2},
        {"objective_mask": True},
    ],
    ids=str,
)
def test_sections_dreamed_together_are_those_dreamed_one_by_one(settings):
    rng = np.random.default_rng(1)
    sections = [
        make_section(np.cumsum(rng.standard_normal((48, 40)), axis=0 if number else 1) * 10.0**number, dt_ms=4.0)
        for number in range(2)
    ]
    box = np.zeros((48, 40), np.float32)
    box[8:40, 8:32] = 1.0
    settings = dict(settings)
    given = {name: xr.DataArray(box) for name in ("mask", "objective_mask") if settings.pop(name, False)}
    own = BASE.replace(**{"octaves": 1, "steps": 2, **settings})
    together = Dream(
        sections, pooled_network(), objectives=[Channel("pool", 1), Channel("pool", 3)], seeds=[3, 8], settings=own,
        **given,
    ).run()  # fmt: skip
    alone = one_by_one(sections, pooled_network(), "pool", [1, 3], own, [3, 8], **given)
    for number, section in enumerate(sections):
        changed = np.abs(alone[number] - section.values).mean()
        assert changed > 0
        assert np.abs(together.dreamed(number).values - alone[number]).max() < 1e-3 * changed


def test_parameterizations_that_measure_each_section_are_stacked():
    parts = [pixel_of(number) for number in range(2)]
    stacked, sizes = Stacked(parts), [(12, 10), (16, 14)]
    stacked.begin_level(sizes)
    for octave in range(2):
        stacked.begin_octave(octave)
        image = stacked.image()
        assert image.shape == (2, 1, *sizes[octave])
        gradient = torch.randn(image.shape, generator=torch.Generator().manual_seed(octave))
        expected = [part.propose(one, 1.5) for part, one in zip(parts, gradient.clone().split(1), strict=True)]
        values = stacked.propose(gradient, 1.5)
        assert torch.equal(values, torch.cat(expected))
        stacked.accept(values)
    assert torch.equal(stacked.sections(), torch.cat([part.sections() for part in parts]))
    assert torch.equal(stacked.full_image()(), torch.cat([part.full_image()() for part in parts]))


def pixel_of(number):
    from seisdream.dreaming.parameterizations.base import AmplitudeScale
    from seisdream.dreaming.parameterizations.pixel import Pixel

    pixel = Pixel(torch.randn(1, 1, 16, 14, generator=torch.Generator().manual_seed(number)))
    pixel.bind(AmplitudeScale([GreyMapping(-3.0, 3.0)], limits=(0.0, 255.0)))
    return pixel


def test_the_shipped_network_dreams_in_batches_as_alone(monkeypatch):
    monkeypatch.setattr("seisdream.dreaming.batch.BATCH", 2)
    network = load_network("facies")
    sections = [open_noise("noise:48x48", seed=n) for n in (0, 0, 1)]
    own = replace(BASE, parameterization="phase", octaves=1)
    given = {"reference_section": reference()}
    together = dream_channels(sections, network, "enc4", [3, 100, 3], settings=own, seeds=[0, 0, 1], **given)
    alone = one_by_one(sections, network, "enc4", [3, 100, 3], own, [0, 0, 1], **given)
    np.testing.assert_allclose(together, alone, atol=2e-3)
    assert np.abs(together[0] - together[1]).max() > 0.1


def test_a_filter_raises_the_samples_in_its_field_by_the_mean_step():
    kernel = np.array([[0.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 0.0]], np.float32)
    sections = [open_noise("noise:32x32", seed=n) * (n + 1) for n in range(3)]
    own = replace(BASE, parameterization="pixel", octaves=1, jitter=0, clip=False, step_size=2.0)
    dreamed = dream_channels(sections, linear_network(kernel), "filter", [0] * 3, settings=own)
    inner = (dreamed - np.stack(sections))[:, 1:-1, 1:-1]
    # The mean of a linear channel has one gradient everywhere inside; samples at an edge are in fewer fields.
    units = [GreyMapping.of(section).units_per_grey for section in sections]
    edge = 5 / 6
    mean = (30 * 30 + 4 * 30 * edge + 4 * 4 / 6) / 32**2
    np.testing.assert_allclose(inner / np.array(units)[:, None, None], 3 * 2.0 / mean, rtol=1e-4)


def test_plain_channels_of_one_layer_share_a_forward_pass(monkeypatch):
    used = []
    call = LayerEvaluator.__call__
    monkeypatch.setattr(LayerEvaluator, "__call__", lambda self, *given: used.append(1) or call(self, *given))
    section, own = open_noise("noise:32x32"), replace(BASE, octaves=1)
    dream_channels([section] * 2, pooled_network(), "last", [0, 1], settings=own)
    assert len(used) == own.steps
    dream_channels([section] * 2, pooled_network(), "last", [0, 1], settings=own.replace(transforms={"gain": 0.2}))
    assert len(used) == own.steps


def test_directions_in_one_forward_pass_are_those_one_by_one_within_a_region(monkeypatch):
    used = []
    call = LayerEvaluator.__call__
    monkeypatch.setattr(LayerEvaluator, "__call__", lambda self, *given: used.append(1) or call(self, *given))
    section, own, network = open_noise("noise:32x32"), replace(BASE, octaves=1), pooled_network()
    region = np.zeros((32, 32), np.float32)
    region[8:16, 12:24] = 1.0
    vectors = np.random.default_rng(1).uniform(size=(3, 8)).astype(np.float32)
    directions = [Direction("last", power=2.0, vector=one) for one in vectors]
    together = dream_batch([section] * 3, network, directions, settings=own, objective_mask=region)
    assert len(used) == own.steps
    runs = [Dream(section, network, one, settings=own, objective_mask=region).run() for one in directions]
    alone = np.stack([run.dreamed(0).values for run in runs])
    changed = np.abs(alone - section.values).mean((1, 2), keepdims=True)
    assert (changed > 0).all()
    assert (np.abs(together - alone) / changed).max() < 5e-3


def test_each_dream_needs_an_existing_channel_and_a_section_of_the_same_size():
    section = open_noise("noise:32x32")
    with raises("wrong-shape"):
        dream_channels([section], pooled_network(), "last", [0, 1], settings=BASE)
    with raises("unknown-name", "layer"):
        dream_channels([section], pooled_network(), "last", [8], settings=BASE)
    muted = section.copy()
    muted[:20] = 0.0
    with raises("wrong-shape"):
        dream_channels([section, muted], pooled_network(), "last", [0, 1], settings=BASE)
    with raises("wrong-shape"):
        dream_channels([section, open_noise("noise:32x40")], pooled_network(), "last", [0, 1], settings=BASE)
    with raises("wrong-shape"):
        Dream([section] * 2, pooled_network(), "last", settings=BASE, seeds=[0])
    with raises("missing-argument"):
        Dream([], pooled_network(), "last", settings=BASE)
