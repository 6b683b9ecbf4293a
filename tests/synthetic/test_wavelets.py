"""Spectra of wavelets, and convolution by a matrix."""

import numpy as np
import pylops
import pytest

from seisdream.synthetic.wavelets import (
    ormsby,
    ormsby_spectrum,
    ricker,
    ricker_spectrum,
    rotate_phase,
    wavelet_matrix,
)

TIMES_MS = np.arange(-256, 257) * 2.0


def _spectrum(wavelet, dt_ms=2.0):
    return np.fft.rfftfreq(4096, dt_ms / 1000.0), np.abs(np.fft.rfft(wavelet, 4096))


@pytest.mark.parametrize("peak_hz", [12.0, 30.0, 55.0])
def test_the_ricker_spectrum_peaks_at_its_peak_frequency(peak_hz):
    freq_hz, amplitude = _spectrum(ricker(TIMES_MS, peak_hz))
    assert freq_hz[np.argmax(amplitude)] == pytest.approx(peak_hz, abs=0.2)
    np.testing.assert_allclose(amplitude / amplitude.max(), ricker_spectrum(freq_hz, peak_hz), atol=2e-3)


def test_ormsby_is_flat_between_its_inner_corners_and_empty_outside():
    corners = (8.0, 16.0, 50.0, 70.0)
    wavelet = ormsby(TIMES_MS, corners)
    assert wavelet.max() == wavelet[256] == pytest.approx(1.0)
    freq_hz, amplitude = _spectrum(wavelet)
    amplitude /= np.median(amplitude[(freq_hz > 20) & (freq_hz < 45)])
    np.testing.assert_allclose(amplitude, ormsby_spectrum(freq_hz, corners), atol=0.05)


def test_phase_rotation_keeps_the_spectrum_and_180_degrees_is_the_other_polarity():
    wavelet = ricker(TIMES_MS, 25.0)
    np.testing.assert_allclose(rotate_phase(wavelet, 180.0), -wavelet, atol=1e-12)
    turned = rotate_phase(wavelet, 90.0)
    np.testing.assert_allclose(turned, -turned[::-1], atol=1e-3)
    np.testing.assert_allclose(_spectrum(turned)[1], _spectrum(wavelet)[1], atol=1e-2)


def test_the_convolution_matrix_equals_numpy_and_pylops():
    n, dt_ms, peak_hz = 200, 4.0, 30.0
    reflectivity = np.random.default_rng(1).normal(0.0, 0.1, n)
    freq_hz = np.fft.rfftfreq(2 * n, dt_ms / 1000.0)
    # A spectrum of amplitude |W| dt makes the wavelet in time; its own, sampled, is what others are given.
    ours = wavelet_matrix(ricker_spectrum(freq_hz, peak_hz), n, dt_ms)
    wavelet = ours[:, n // 2][n // 2 - 90 : n // 2 + 91].astype(float)
    analytic = ricker(np.arange(-90, 91) * dt_ms, peak_hz)
    np.testing.assert_allclose(wavelet / wavelet[90], analytic, atol=1e-6)
    seen = ours @ reflectivity
    assert np.abs(seen - np.convolve(reflectivity, wavelet, mode="same")).max() < 1e-6
    operator = pylops.signalprocessing.Convolve1D(n, h=wavelet, offset=90)
    assert np.abs(seen - operator @ reflectivity).max() < 1e-6


def test_attenuation_follows_futterman():
    n, dt_ms, q = 256, 4.0, 80.0
    matrix = wavelet_matrix(np.ones(n + 1), n, dt_ms, q=q).astype(float)
    freq_hz = np.fft.rfftfreq(2 * n, dt_ms / 1000.0)
    amplitude = np.abs(np.fft.rfft(matrix[:, 100], 2 * n))
    expected = np.exp(-np.pi * freq_hz * 100 * dt_ms / 1000.0 / q)
    band = (freq_hz > 5) & (freq_hz < 100)
    np.testing.assert_allclose(amplitude[band], expected[band], rtol=0.03, atol=2e-3)
