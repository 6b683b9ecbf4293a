"""Plane waves recover the dip, frequency and phase that filters were built with."""

import numpy as np
import pytest
import torch

from seisdream.channels.tuning import PlaneWaves, measure_tuning
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import load_network
from seisdream.models.zoo.gabor import DIPS_DEG, PHASES_DEG, WAVELENGTHS, make_wavelet
from small_networks import linear_network

SMALL = PlaneWaves.default(48)


def tuned(network, layer, waves=SMALL):
    return measure_tuning(PreparedNetwork(network), [layer], waves)[layer]


def away_from(dips_deg, wanted_deg):
    return np.abs((np.asarray(dips_deg) - wanted_deg + 90.0) % 180.0 - 90.0)


@pytest.fixture(scope="module")
def gabor():
    network = load_network("gabor")
    layers = ("stage1/rectified", "stage1/pooled")
    return measure_tuning(PreparedNetwork(network), layers, SMALL)


def test_a_gabor_texture_is_tuned_to_the_dip_and_wavelength_that_it_was_built_with(gabor):
    measured = gabor["stage1/pooled"]
    built = np.array([(dip, length) for dip in DIPS_DEG for length in WAVELENGTHS])
    # 5 % of the dips there are, and of the wavelength.
    assert away_from(measured.dip_deg, built[:, 0]).max() < 0.05 * 90
    assert np.abs(1 / measured.frequency / built[:, 1] - 1).max() < 0.05
    assert (measured.dip_selectivity > 0.4).all()
    # Its pool is over all phases, so the phase does not matter.
    assert measured.modulation.max() < 0.05
    assert np.abs(measured.polarity).max() < 0.05


def test_a_gabor_wavelet_is_tuned_to_its_own_spectrum_and_phase(gabor):
    measured = gabor["stage1/rectified"]
    built = [(d, w, p) for d in DIPS_DEG for w in WAVELENGTHS for p in PHASES_DEG]
    for channel, (dip, wavelength, phase) in enumerate(built):
        # Five samples do not hold a whole wave; its spectrum gives the wave of its largest response.
        spectrum = np.abs(np.fft.fftshift(np.fft.fft2(make_wavelet(dip, wavelength, phase), (512, 512))))
        row, column = np.array(np.unravel_index(spectrum.argmax(), spectrum.shape)) / 512 - 0.5
        assert away_from(measured.dip_deg[channel], -np.degrees(np.arctan2(column, row))) < 0.05 * 90
        assert measured.frequency[channel] == pytest.approx(np.hypot(row, column), rel=0.05)
        assert away_from(measured.dip_deg[channel], dip) < 0.05 * 90
    upright = np.array([abs(dip) == 90 for dip, _, _ in built])
    phases = np.array([phase for _, _, phase in built])
    wrong = np.abs((measured.phase_deg - phases + 180) % 360 - 180)
    # Of an upright wave left and right, and so both flanks, are a matter of the sign of its dip.
    assert wrong[~upright | (phases % 180 == 0)].max() < 5
    # A rectified filter has half of each wave: F1 is pi / 2 times F0.
    np.testing.assert_allclose(measured.modulation, np.pi / 2, rtol=0.06)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_polarity_of_a_matched_filter_is_measured(sign):
    ricker = sign * (lambda t: (1 - 2 * t**2) * np.exp(-(t**2)))(np.arange(-8, 9) / 3.0)
    kernel = np.repeat((ricker - ricker.mean())[:, None], 5, 1).astype(np.float32)
    measured = tuned(linear_network(kernel), "filter")
    assert away_from(measured.dip_deg[0], 0) < 0.05 * 90
    assert measured.polarity[0] == pytest.approx(sign, abs=0.02)
    spectrum = np.abs(np.fft.rfft(ricker, 4096))
    assert measured.frequency[0] == pytest.approx(spectrum.argmax() / 4096, rel=0.05)


def test_units_off_the_middle_of_the_image_have_the_same_phase():
    # With a stride of 4 no unit lies in the middle of 48 samples.
    kernel = torch.from_numpy(make_wavelet(0.0, 5.0, 90.0, 15).astype(np.float32))[None, None]
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 15, stride=4, padding=5, bias=False))
    module[0].weight.data = kernel
    measured = tuned(Network("strided", module, Preprocessing("grey", mean=(127.5,))), "0")
    assert measured.phase_deg[0] == pytest.approx(90, abs=4)
    assert measured.frequency[0] == pytest.approx(1 / 5, rel=0.05)


def test_a_constant_channel_has_no_tuning():
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1))
    module[0].weight.data[0] = 0.0
    measured = tuned(Network("half dead", module, Preprocessing("grey", 1 / 255, (0.5,))), "0", PlaneWaves.default(32))
    assert np.isnan([measured.dip_deg[0], measured.frequency[0], measured.polarity[0]]).all()
    assert np.isfinite([measured.dip_deg[1], measured.frequency[1], measured.polarity[1]]).all()
