"""Penalties: known values, gradients, and their effect on dreams."""

import numpy as np
import pytest
import torch

import small_networks
from errors import raises
from seisdream.dreaming.dream import dream
from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import Channel, Layer
from seisdream.dreaming.regularizers import (
    PENALTIES,
    Discontinuity,
    Distance,
    Energy,
    Histogram,
    Penalties,
    TotalVariation,
)
from seisdream.seismic.sections import make_section


def as_section(values):
    return torch.as_tensor(np.asarray(values), dtype=torch.float64)[None, None]


def stripes(dip, n=64, period=12.0):
    rows, columns = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    return np.cos(2 * np.pi * (rows - dip * columns) / period)


def test_known_values():
    ramp = as_section(np.outer(np.arange(10.0), np.ones(8)) * 0.1)
    flat = torch.zeros_like(ramp)
    assert float(TotalVariation().measure(ramp, flat)) == pytest.approx(0.1, abs=1e-3)
    assert float(TotalVariation().measure(flat + 3, flat)) == pytest.approx(0.0, abs=1e-12)
    assert float(Energy().measure(flat + 3, flat)) == 9.0
    assert float(Distance().measure(ramp + 0.5, ramp)) == pytest.approx(0.25)
    assert float(Histogram().measure(ramp.flip(-2), ramp)) == 0.0, "positions do not matter"
    assert float(Histogram().measure(ramp + 0.2, ramp)) == pytest.approx(0.04)


@pytest.mark.parametrize("dip", [0.0, 0.5, -1.0])
def test_reflections_of_any_dip_are_continuous_along_it(dip):
    beds = as_section(stripes(dip))
    noise = as_section(np.random.default_rng(0).normal(size=(64, 64)))
    assert float(Discontinuity().measure(beds, beds)) < 0.01
    assert 0.35 < float(Discontinuity().measure(noise, noise)) < 0.55
    broken = beds.clone()
    broken[..., 32:] = torch.roll(broken[..., 32:], 6, dims=-2)
    assert float(Discontinuity().measure(broken, beds)) > 2 * float(Discontinuity().measure(beds, beds))


@pytest.mark.parametrize("name", PENALTIES)
def test_gradients_are_those_of_the_penalty(name):
    random = np.random.default_rng(1)
    start = as_section(random.normal(size=(12, 11)))
    section = as_section(random.normal(size=(12, 11))).requires_grad_(True)
    if name == "discontinuity":
        # The dip is taken as it is, so only what is along it has a gradient; it must point to a lower value.
        value = PENALTIES[name]().measure(section, start)
        (gradient,) = torch.autograd.grad(value, section)
        lower = PENALTIES[name]().measure(section.detach() - 1e-4 * gradient / gradient.norm(), start)
        assert float(lower.detach()) < float(value.detach())
    else:
        assert torch.autograd.gradcheck(lambda values: PENALTIES[name]().measure(values, start), section)


def test_penalties_add_to_objectives_as_numbers_and_as_text():
    composed = Layer("last") - 0.5 * TotalVariation() - 2 * Distance()
    assert str(composed) == "last - 0.5*penalty:tv - 2.0*penalty:distance"
    assert parse(str(composed)).terms() == composed.terms()
    assert sum([Channel("last", 1), -Energy()]).terms()[1] == Energy(weight=-1.0)


def test_an_unknown_penalty_gets_near_matches():
    with raises("unknown-name", "layer") as error:
        parse("last - penalty:histogramm")
    assert "did you mean histogram?" in str(error.value)


def test_penalties_alone_are_no_objective():
    section = make_section(np.random.default_rng(0).normal(size=(60, 70)), dt_ms=4.0)
    with raises("no-gradient", "layer"):
        dream(section, small_networks.pooled_network(), "-penalty:tv")


def test_weights_add_up_in_score_and_gradient():
    random = np.random.default_rng(2)
    image, start = (as_section(random.uniform(0, 255, (9, 9))).float() for _ in range(2))
    score, gradient = Penalties([Energy(weight=-2.0), Layer("last")])(image, start)
    clip = image / 127.5 - 1
    assert score == pytest.approx(-2 * float(clip.square().mean()), rel=1e-6)
    assert torch.allclose(gradient, -4 * clip / 127.5 / clip.numel())


@pytest.mark.parametrize("parameterization", ["pixel", "phase", "bandlimited"])
@pytest.mark.parametrize("name", ["tv", "distance", "histogram"])
def test_a_heavy_penalty_is_lower_after_a_dream_with_it(parameterization, name):
    if (parameterization, name) == ("phase", "distance"):
        return  # The penalty has no gradient at the start, and too little later to show.
    section = make_section(np.random.default_rng(0).normal(size=(80, 90)), dt_ms=4.0)
    settings = {
        "parameterization": parameterization, "octaves": 1, "steps": 6, "jitter": 0, "precision": "float32"
    }  # fmt: skip
    measured = []
    for weight in (0, 1000):
        layer = "last" + (f" - {weight}*penalty:{name}" if weight else "")
        result = dream(section, small_networks.pooled_network(), layer, **settings).dream
        clip = float(np.percentile(np.abs(section.values), 99))
        now, before = (as_section(values.values / clip).clamp(-1, 1) for values in (result, section))
        measured.append(float(PENALTIES[name]().measure(now, before)))
    assert measured[1] < measured[0]
