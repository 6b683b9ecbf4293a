"""What constraints keep, as projections and in whole dreams."""

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.ndimage import gaussian_filter

import small_networks
from errors import raises
from seisdream.dreaming.constraints import constrain_band, constrain_bounds, constrain_histogram
from seisdream.dreaming.dream import dream
from seisdream.dreaming.settings import DreamSettings
from seisdream.seismic.sections import make_section
from seisdream.seismic.spectrum import measure_wavenumbers


def section_and_start(seed=0):
    random = np.random.default_rng(seed)
    return (torch.from_numpy(random.normal(scale=scale, size=(1, 1, 40, 30))) for scale in (2.0, 1.0))


def test_projections_hold_and_are_idempotent():
    section, start = section_and_start()
    everywhere = torch.ones(40, 30, dtype=torch.bool)
    for constrain in (
        lambda values: constrain_bounds(values, start, everywhere),
        lambda values: constrain_histogram(values, start, everywhere),
        lambda values: constrain_band(values, start, (10.0, 20.0, 40.0, 60.0), 4.0, (0.2,)),
    ):
        once = constrain(section)
        assert not torch.equal(once, section)
        assert torch.allclose(constrain(once), once, atol=1e-12)
        assert torch.allclose(constrain(start), start, atol=1e-12)
    assert constrain_bounds(section, start, everywhere).max() == start.max()
    constrained = constrain_histogram(section, start, everywhere)
    assert torch.equal(constrained.flatten().sort().values, start.flatten().sort().values)


def test_the_histogram_keeps_the_order_of_amplitudes():
    section, start = section_and_start()
    constrained = constrain_histogram(section, start, torch.ones(40, 30, dtype=torch.bool))
    assert torch.equal(constrained.flatten().argsort(), section.flatten().argsort())


def test_each_section_of_a_batch_has_bounds_and_a_histogram_of_its_own():
    sections, start = (torch.cat([one, 10 * one]) for one in section_and_start())
    everywhere = torch.ones(40, 30, dtype=torch.bool)
    for constrain in (constrain_bounds, constrain_histogram):
        constrained = constrain(sections, start, everywhere)
        assert torch.allclose(constrained[1], 10 * constrained[0])


def dreamed(section, mask=None, **settings):
    settings = {"parameterization": "pixel", "octaves": 2, "steps": 3, "precision": "float32", **settings}
    return dream(section, small_networks.pooled_network(), "last", mask=mask, **settings).dream


@pytest.mark.parametrize("parameterization", ["pixel", "fourier"])
def test_constraints_hold_in_a_dream(parameterization):
    section = make_section(np.random.default_rng(0).normal(size=(80, 90)), dt_ms=4.0)
    bounded = dreamed(section, parameterization=parameterization, constraints=["bounds"], clip=False)
    slack = 0.0 if parameterization == "pixel" else 0.15
    assert float(bounded.max()) <= float(section.max()) * (1 + slack) + 1e-5
    same = dreamed(section, parameterization=parameterization, constraints=["histogram"], clip=False)
    difference = np.abs(np.sort(same.values.ravel()) - np.sort(section.values.ravel()))
    assert difference.mean() < (1e-5 if parameterization == "pixel" else 0.03)


def test_the_histogram_holds_where_change_is_allowed():
    section = make_section(np.random.default_rng(0).normal(size=(80, 90)), dt_ms=4.0)
    mask = np.zeros(section.shape, np.float32)
    mask[20:60, 20:60] = 1.0
    result = dreamed(section, xr.DataArray(mask), constraints=["histogram"])
    assert np.array_equal(result.values[mask == 0], section.values[mask == 0])
    inside = [np.sort(values.values[mask == 1]) for values in (result, section)]
    assert np.abs(inside[0] - inside[1]).max() < 1e-5


def test_the_band_holds():
    section = make_section(np.random.default_rng(0).normal(size=(80, 90)), dt_ms=4.0)
    change = (dreamed(section, constraints=["band"], band=(10, 20, 40, 60)) - section).values
    spectrum = np.abs(np.fft.rfft(change, axis=0))
    freq_hz = np.fft.rfftfreq(80, 0.004)
    outside = (freq_hz < 10) | (freq_hz > 60)
    assert spectrum[outside].max() < 1e-4 * spectrum.max()


def test_the_band_holds_wavenumbers_too():
    random = np.random.default_rng(0)
    section = make_section(gaussian_filter(random.normal(size=(80, 90)), (1, 4)), dt_ms=4.0)
    _, largest = measure_wavenumbers(section)
    assert largest < 0.25
    change = (dreamed(section, parameterization="pixel", constraints=["band"]) - section).values
    spectrum = np.abs(np.fft.rfft(change, axis=1))
    outside = np.fft.rfftfreq(90) > largest
    assert spectrum[:, outside].max() < 1e-4 * spectrum.max()


def test_the_band_of_a_cube_holds_each_lateral_axis():
    random = np.random.default_rng(0)
    section, start = (torch.from_numpy(random.normal(size=(1, 1, 16, 12, 10))) for _ in range(2))
    constrained = constrain_band(section, start, (0.0, 10.0, 40.0, 60.0), 4.0, (0.2, 0.4))
    spectrum = torch.fft.fftn(constrained - start, dim=(2, 3, 4)).abs()[0, 0].numpy()
    freq_hz, along, across = np.ix_(np.fft.fftfreq(16, 0.004), np.fft.fftfreq(12), np.fft.fftfreq(10))
    inside = (np.abs(freq_hz) <= 60) & (np.abs(along) <= 0.2) & (np.abs(across) <= 0.4)
    assert spectrum[~inside].max() < 1e-9
    wanted = torch.fft.fftn(section - start, dim=(2, 3, 4)).abs()[0, 0].numpy()
    np.testing.assert_allclose(spectrum[inside], wanted[inside], rtol=1e-6)


def test_an_unknown_constraint_is_refused():
    with raises("out-of-range", "constraints"):
        DreamSettings(constraints=["spectrum"])
