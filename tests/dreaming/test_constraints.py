import numpy as np
import pytest
import torch
import xarray as xr

import small_networks
from seisdream.dreaming.constraints import keep_band, keep_bounds, keep_histogram
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import make_section


def planes(seed=0):
    random = np.random.default_rng(seed)
    return (torch.from_numpy(random.normal(scale=scale, size=(1, 1, 40, 30))) for scale in (2.0, 1.0))


def test_projections_hold_and_change_nothing_twice():
    section, start = planes()
    free = torch.ones(40, 30, dtype=torch.bool)
    for keep in (
        lambda values: keep_bounds(values, start, free),
        lambda values: keep_histogram(values, start, free),
        lambda values: keep_band(values, start, (10.0, 20.0, 40.0, 60.0), 4.0),
    ):
        once = keep(section)
        assert not torch.equal(once, section)
        assert torch.allclose(keep(once), once, atol=1e-12)
        assert torch.allclose(keep(start), start, atol=1e-12)
    assert keep_bounds(section, start, free).max() == start.max()
    assert torch.equal(keep_histogram(section, start, free).flatten().sort().values, start.flatten().sort().values)


def test_the_histogram_keeps_the_order_of_amplitudes():
    section, start = planes()
    kept = keep_histogram(section, start, torch.ones(40, 30, dtype=torch.bool))
    assert torch.equal(kept.flatten().argsort(), section.flatten().argsort())


def finished(section, mask=None, **settings):
    recipe = DreamSettings(**{"layer": "last", "octaves": 2, "steps": 3, "precision": "float32", **settings})
    dream = Dream(section, small_networks.pooled_network(), recipe, mask=mask)
    list(dream.states())
    return dream.section


@pytest.mark.parametrize("parameterization", ["pixel", "fourier"])
def test_a_dream_keeps_what_it_is_told_to(parameterization):
    section = make_section(np.random.default_rng(0).normal(size=(80, 90)), dt_ms=4.0)
    bounded = finished(section, parameterization=parameterization, keep="bounds", clip=False)
    slack = 0.0 if parameterization == "pixel" else 0.15
    assert float(bounded.max()) <= float(section.max()) * (1 + slack) + 1e-5
    same = finished(section, parameterization=parameterization, keep="histogram", clip=False)
    apart = np.abs(np.sort(same.values.ravel()) - np.sort(section.values.ravel()))
    assert apart.mean() < (1e-5 if parameterization == "pixel" else 0.03)


def test_the_histogram_is_held_where_change_is_allowed():
    section = make_section(np.random.default_rng(0).normal(size=(80, 90)), dt_ms=4.0)
    mask = np.zeros(section.shape, np.float32)
    mask[20:60, 20:60] = 1.0
    result = finished(section, xr.DataArray(mask), keep="histogram")
    assert np.array_equal(result.values[mask == 0], section.values[mask == 0])
    inside = [np.sort(values.values[mask == 1]) for values in (result, section)]
    assert np.abs(inside[0] - inside[1]).max() < 1e-5


def test_the_band_is_held():
    section = make_section(np.random.default_rng(0).normal(size=(80, 90)), dt_ms=4.0)
    change = (finished(section, keep="band", band="10-20-40-60") - section).values
    spectrum = np.abs(np.fft.rfft(change, axis=0))
    freq_hz = np.fft.rfftfreq(80, 0.004)
    outside = (freq_hz < 10) | (freq_hz > 60)
    assert spectrum[outside].max() < 1e-4 * spectrum.max()


def test_an_unknown_constraint_is_named():
    with pytest.raises(SeisdreamError, match=r"--keep is spectrum; it must be some of band, bounds, histogram"):
        DreamSettings(keep="spectrum")
