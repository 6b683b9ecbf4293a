import numpy as np
import pytest

from errors import raises
from seisdream.seismic.attributes import dip_and_coherence
from seisdream.seismic.sections import make_section
from seisdream.seismic.spectrum import (
    band_taper,
    estimate_wavelet,
    mean_frequency,
    measure_band,
    measure_wavenumbers,
    read_band,
    sampling_ms,
)
from seisdream.synthetic.wavelets import ormsby, ricker


def recorded(wavelet, n=600, n_traces=80, dt_ms=4.0):
    white = np.random.default_rng(0).normal(size=(n, n_traces))
    return make_section(np.apply_along_axis(np.convolve, 0, white, wavelet, mode="same"), dt_ms=dt_ms)


def test_the_measured_band_is_that_of_the_wavelet():
    corners = measure_band(recorded(ormsby(np.arange(-60, 61) * 4.0, (8, 14, 50, 65))))
    # A trapezoid's sides reach −24 dB and −10 dB at 0.063 and 0.316 of their height.
    assert corners[0] == pytest.approx(8.4, abs=2.5)
    assert corners[1] == pytest.approx(9.9, abs=1.5)
    assert corners[2] == pytest.approx(60.3, abs=1.5)
    assert corners[3] == pytest.approx(64.1, abs=2.5)


def test_the_mean_frequency_is_in_cycles_a_sample():
    wave = np.sin(2 * np.pi * np.arange(400) / 8)[:, None] * np.ones(5)
    assert mean_frequency(wave) == pytest.approx(1 / 8, rel=1e-6)
    assert mean_frequency(np.zeros((40, 3))) == 0.0
    # A dead trace does not count.
    wave[:, 2] = 0.0
    assert mean_frequency(wave) == pytest.approx(1 / 8, rel=1e-6)


def test_white_noise_has_the_whole_band():
    corners = measure_band(make_section(np.random.default_rng(0).normal(size=(256, 100)), dt_ms=4.0))
    assert corners[0] == 0
    assert corners[3] == 125


@pytest.mark.parametrize("peak_hz", [20.0, 35.0])
def test_the_estimated_wavelet_is_the_true_one(peak_hz):
    wavelet = ricker(np.arange(-25, 26) * 4.0, peak_hz)
    found = estimate_wavelet(recorded(wavelet))
    half = len(found) // 2
    assert found[half] == 1.0
    assert np.array_equal(found, found[::-1]) or np.allclose(found, found[::-1], atol=1e-9)
    assert np.corrcoef(found, ricker(np.arange(-half, half + 1) * 4.0, peak_hz))[0, 1] > 0.97


def test_a_taper_is_one_between_the_inner_corners_and_zero_outside():
    taper = band_taper(np.array([0, 8, 10, 12, 40, 60, 70, 80, 100]), (8, 12, 60, 80))
    np.testing.assert_allclose(taper, [0, 0, 0.5, 1, 1, 1, 0.5, 0, 0], atol=1e-12)


def test_smooth_sections_have_few_wavenumbers():
    lateral = np.cos(2 * np.pi * 0.05 * np.arange(200))
    values = np.random.default_rng(0).normal(size=(100, 1)) * lateral
    full, empty = measure_wavenumbers(make_section(values, dt_ms=4.0))
    assert 0.04 < full < empty < 0.15


def test_bands_are_parsed_or_refused():
    assert read_band("8-12-60-80", 4.0) == (8, 12, 60, 80)
    for text in ("8-12-60", "a-b-c-d", "1..2-3-4-5"):
        with raises("invalid", "band"):
            read_band(text, 4.0)
    for text in ("8-12-60-200", "12-8-60-80"):
        with raises("out-of-range", "band"):
            read_band(text, 4.0)


def test_uneven_times_have_no_sampling_interval():
    section = make_section(np.eye(4), dt_ms=4.0).assign_coords(time=[0.0, 4.0, 9.0, 12.0])
    with raises("no-geometry"):
        sampling_ms(section)


@pytest.mark.parametrize("true_dip", [-1.0, 0.0, 0.4])
def test_dip_and_coherence_of_beds(true_dip):
    rows, columns = np.meshgrid(np.arange(80), np.arange(80), indexing="ij")
    beds = np.cos(2 * np.pi * (rows - true_dip * columns) / 16.0)
    dip, coherence = dip_and_coherence(beds)
    assert np.median(dip) == pytest.approx(true_dip, abs=0.03)
    assert np.median(coherence) > 0.98
    assert np.median(dip_and_coherence(np.random.default_rng(0).normal(size=(80, 80)))[1]) < 0.3


@pytest.mark.parametrize("n_traces", [3, 11, 28, 32, 48])
def test_flat_layers_across_few_traces_have_a_taper_too(n_traces):
    rng = np.random.default_rng(0)
    flat = np.repeat(rng.normal(size=(200, 1)), n_traces, axis=1) + 0.02 * rng.normal(size=(200, n_traces))
    full, empty = measure_wavenumbers(make_section(flat, dt_ms=4.0))
    assert 0.0 <= full < empty
