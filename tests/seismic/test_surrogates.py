"""Surrogates keep the statistics of their kind and no others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import raises
from seisdream.io.samples import open_sample
from seisdream.seismic.sections import make_section
from seisdream.seismic.surrogates import SURROGATES, Surrogates


@pytest.fixture(scope="module")
def section():
    return open_sample("built-in")[60:316, 100:356]


def waves(*waves_, size=(64, 96)):
    """Return a periodic section of plane waves, each of (cycles down, cycles across, amplitude)."""
    rows, columns = np.mgrid[: size[0], : size[1]] / np.array(size)[:, None, None]
    return make_section(sum(a * np.cos(2 * np.pi * (m * rows + n * columns) + m) for m, n, a in waves_), dt_ms=4.0)


def test_random_phases_keep_the_spectrum():
    section = waves((5, 3, 1.0), (9, -4, 0.5), (2, 0, 0.3))
    made = Surrogates(section, "phase", window_samples=256)(7)
    before, after = (np.abs(np.fft.rfft2(values)) for values in (section.values, made.values))
    np.testing.assert_allclose(after, before, atol=0.02 * before.max())
    assert abs(np.corrcoef(section.values.ravel(), made.values.ravel())[0, 1]) < 0.95


def test_phase_surrogates_keep_dips_and_noise_surrogates_do_not():
    # All waves go down to the left, so all energy has wavenumbers of one sign.
    section = waves((6, 4, 1.0), (7, 5, 1.0), (8, 5, 1.0), (6, 5, 1.0))

    def share_of_one_dip(values):
        power = np.abs(np.fft.fft2(values)) ** 2
        return power[1:32, 1:48].sum() / power[1:32].sum()

    assert share_of_one_dip(Surrogates(section, "phase")(0).values) > 0.99
    shares = [share_of_one_dip(Surrogates(section, "noise")(seed).values) for seed in range(40)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("kind", SURROGATES)
def test_energy_stays_where_it_was_in_time(section, kind):
    strong = section * np.linspace(3.0, 0.3, section.shape[0])[:, None]
    made = np.mean([Surrogates(strong, kind)(seed).values ** 2 for seed in range(12)], axis=0)
    for rows in (slice(0, 64), slice(64, 128), slice(128, 192), slice(192, 256)):
        # Within a window energy is as even as its neighbours' means are.
        assert np.sqrt(made[rows].mean()) == pytest.approx(np.sqrt((strong.values[rows] ** 2).mean()), rel=0.25)


def test_frequencies_stay_where_they_were_in_time(section):
    rng = np.random.default_rng(0)
    white = rng.normal(size=(256, 200))
    low = np.fft.irfft(np.fft.rfft(white, axis=0) * (np.arange(129) < 20)[:, None], axis=0)
    high = np.fft.irfft(np.fft.rfft(white, axis=0) * (np.arange(129) > 60)[:, None], axis=0)
    mixed = np.concatenate([high[:128], low[128:]])
    made = Surrogates(make_section(mixed, dt_ms=4.0), "phase", window_samples=64)(0).values

    def roughness(values):
        return np.mean(np.diff(values, axis=0) ** 2) / np.mean(values**2)

    assert roughness(made[:100]) == pytest.approx(roughness(mixed[:100]), rel=0.1)
    assert roughness(made[156:]) == pytest.approx(roughness(mixed[156:]), rel=0.25)


def test_shuffled_traces_are_the_same_traces(section):
    made = Surrogates(section, "traces")(3)
    assert not np.array_equal(made, section)
    order = np.lexsort(section.values)
    np.testing.assert_array_equal(made.values[:, np.lexsort(made.values)], section.values[:, order])


@pytest.mark.parametrize("kind", SURROGATES)
def test_absent_and_silent_samples_are_unchanged(section, kind):
    holed = section.copy(deep=True)
    holed[:10] = 0.0  # the mute
    holed[:, 50] = np.nan  # a missing trace
    holed[:, 70:78] = 0.0  # dead traces
    made = Surrogates(holed, kind)(0)
    np.testing.assert_array_equal(np.isnan(made), np.isnan(holed))
    assert not np.nan_to_num(made[:10]).any()
    assert not made[:, 70:78].any()
    assert (made[20:, 100:] != 0).mean() > 0.99
    assert np.nanstd(made[10:]) == pytest.approx(np.nanstd(holed[10:]), rel=0.1)
    assert (made.attrs, list(made.coords)) == (holed.attrs, list(holed.coords))


def test_edges_that_differ_add_no_dip():
    # A plane that rises across the section has no period: as it is, it has a jump at the edge.
    slope = make_section(np.tile(np.linspace(-1.0, 1.0, 100), (80, 1)) + 1e-3 * np.eye(80, 100), dt_ms=4.0)
    made = Surrogates(slope, "phase")(1).values
    assert np.abs(np.diff(made, axis=1)).max() < 0.3 * (slope.values.max() - slope.values.min())


@pytest.mark.parametrize("kind", SURROGATES)
def test_a_seed_gives_one_surrogate(section, kind):
    make = Surrogates(section, kind)
    np.testing.assert_array_equal(make(5), make(5))
    np.testing.assert_array_equal(make(5), Surrogates(section, kind)(5))
    assert not np.array_equal(make(5), make(6))


@pytest.mark.parametrize("kind", SURROGATES)
def test_all_colours_have_the_same_phases(kind):
    grey = np.random.default_rng(0).uniform(60, 200, (40, 50))
    picture = make_section(np.repeat(grey[..., None], 3, axis=-1).astype(np.uint8))
    made = Surrogates(picture, kind)(0)
    assert made.shape == picture.shape
    assert made.values.min() >= 0
    assert made.values.max() <= 255
    np.testing.assert_allclose(made[..., 0], made[..., 2], atol=1e-3)


@given(st.integers(2, 90), st.integers(2, 60), st.sampled_from(SURROGATES), st.integers(2, 64))
def test_any_size_works(rows, columns, kind, window_samples):
    section = make_section(np.random.default_rng(rows).normal(size=(rows, columns)), dt_ms=4.0)
    made = Surrogates(section, kind, window_samples=window_samples)(0)
    assert made.shape == section.shape
    assert np.isfinite(made).all()


def test_impossible_surrogates_are_refused(section):
    with raises("unknown-name"):
        Surrogates(section, "phases")
    with raises("out-of-range"):
        Surrogates(section, "phase", window_samples=1)
    with raises("no-signal"):
        Surrogates(section * 0.0, "phase")
