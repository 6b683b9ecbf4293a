"""The built-in section: the same on every machine, with the documented geology."""

import hashlib
import json

import numpy as np
import pytest

from errors import raises
from seisdream.provenance import hash_samples
from seisdream.seismic.sections import check_section, is_picture
from seisdream.synthetic import make_built_in_section


@pytest.fixture(scope="module")
def section():
    return make_built_in_section()


def _rms(values):
    return float(np.sqrt(np.mean(np.square(values, dtype=float))))


def test_the_same_seed_gives_the_same_bytes(section):
    assert hash_samples(make_built_in_section()) == hash_samples(section)


def test_another_seed_gives_another_basin(section):
    other = make_built_in_section(seed=7)
    assert abs(np.corrcoef(other.values.ravel(), section.values.ravel())[0, 1]) < 0.3


def test_amplitudes_are_whole_numbers_that_fit_16_bits(section):
    assert np.isfinite(section.values).all()
    assert (section.values == np.round(section.values)).all()
    assert 1_000 < np.percentile(np.abs(section.values), 99) < 20_000
    assert np.abs(section.values).max() < 2**15


def test_the_section_has_credit_and_licence(section):
    check_section(section)
    assert section.dims == ("time", "trace")
    assert section.shape == (384, 640)
    assert section.dtype == np.float32
    assert section.time.values[[0, 1, -1]].tolist() == [0.0, 4.0, 1532.0]
    assert section.trace.values[[0, -1]].tolist() == [1, 640]
    assert section.attrs["units"] == "amplitude"
    assert section.attrs["source"] == "sample:built-in"
    assert section.attrs["licence"].startswith("Apache-2.0")
    assert not is_picture(section)
    json.dumps(section.attrs)


@pytest.mark.parametrize(("dt_ms", "expected_hz"), [(2.0, 30.0), (4.0, 30.0), (10.0, 25.0)])
def test_spectrum_peaks_near_the_wavelet(dt_ms, expected_hz):
    values = make_built_in_section(dt_ms=dt_ms, n_traces=320).values
    power = np.mean(np.abs(np.fft.rfft(values * np.hanning(len(values))[:, None], axis=0)) ** 2, axis=1)
    freq_hz = np.fft.rfftfreq(len(values), dt_ms / 1000.0)
    centroid_hz = np.sum(freq_hz * power) / np.sum(power)
    assert abs(freq_hz[np.argmax(power)] - expected_hz) < 10.0
    assert abs(centroid_hz - expected_hz) < 6.0


@pytest.mark.parametrize("seed", [2015, 1, 2])
def test_water_is_quiet_and_the_sea_bed_is_the_first_strong_event(seed):
    values = make_built_in_section(seed=seed).values
    assert _rms(values[:15]) < 0.2 * _rms(values)
    assert np.abs(values[15:40]).max(axis=0).min() > 5.0 * _rms(values[:15])


@pytest.mark.parametrize("seed", [2015, 1, 2])
def test_a_weak_diapir_stands_in_strong_layers(seed):
    values = make_built_in_section(seed=seed).values
    deep = values[300:]
    energy = np.sqrt(np.mean(np.square(deep.reshape(len(deep), 32, 20), dtype=float), axis=(0, 2)))
    in_salt = energy < 0.4 * np.median(energy)
    assert 2 <= in_salt.sum() <= 8
    # In one piece, in the right-hand half of the line, where it was put.
    columns = np.flatnonzero(in_salt)
    assert np.ptp(columns) == len(columns) - 1
    assert 0.55 < columns.mean() / 32 < 0.85


def test_beds_are_lateral_and_salt_is_not(section):
    def neighbours_alike(values):
        return np.corrcoef(values[:, :-8].ravel(), values[:, 8:].ravel())[0, 1]

    energy = np.square(section.values[300:], dtype=float).mean(axis=0)
    smooth = np.convolve(energy, np.ones(30), "same")
    centre = 100 + int(np.argmin(smooth[100:-100]))
    salt = section.values[300:, centre - 12 : centre + 12]
    beds = section.values[40:90, 400:]
    assert neighbours_alike(beds) > 0.7
    assert abs(neighbours_alike(salt)) < 0.5


@pytest.mark.parametrize(("n_samples", "n_traces"), [(16, 16), (100, 33), (401, 77), (64, 1200)])
def test_any_size_works(n_samples, n_traces):
    section = make_built_in_section(n_samples=n_samples, n_traces=n_traces)
    assert section.shape == (n_samples, n_traces)
    check_section(section)


@pytest.mark.parametrize("wrong", [{"n_samples": 15}, {"n_traces": 1}, {"dt_ms": 0.0}, {"dt_ms": float("nan")}])
def test_a_section_that_is_too_small_is_refused(wrong):
    with raises("too-small" if "dt_ms" not in wrong else "out-of-range"):
        make_built_in_section(**wrong)


def test_the_hash_is_the_same_on_every_machine(section):
    # Whole numbers, so the hash is a fact about the section and not about this machine's arithmetic.
    small = make_built_in_section(n_samples=64, n_traces=48, seed=0).values.astype("<i2")
    assert hashlib.sha256(small.tobytes()).hexdigest().startswith("a4abb7532ddd90ca")
