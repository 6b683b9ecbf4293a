"""What each parameterization guarantees, measured on whole dreams."""

import numpy as np
import pylops
import pytest
import torch
import xarray as xr
from torch import nn

import small_networks
from errors import raises
from seisdream.dreaming.dream import Dream, dream
from seisdream.dreaming.parameterizations.fourier import Fourier
from seisdream.dreaming.parameterizations.spectra import one_over_f
from seisdream.dreaming.schedule import zoom_in
from seisdream.inference.predict import predict
from seisdream.io.inputs import open_section
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import load_network
from seisdream.seismic.sections import make_section
from seisdream.seismic.spectrum import amplitude_spectrum
from seisdream.synthetic import make_earth
from seisdream.synthetic.rocks import reflectivity_of
from seisdream.synthetic.wavelets import ricker, ricker_spectrum, wavelet_matrix

QUICK = {"precision": "float32", "device": "cpu", "octaves": 2, "steps": 4, "layer": "last"}
PHYSICAL = ("fourier", "phase", "bandlimited", "reflectivity", "impedance")


@pytest.fixture(scope="module")
def section():
    return make_earth(3, n_samples=128, n_traces=96).seismic * np.float32(2500.0)


def dreamed(section, network=None, **settings):
    """Return the result of a quick dream."""
    return dream(section, network or small_networks.pooled_network(), **{**QUICK, **settings})


@pytest.mark.parametrize("name", PHYSICAL)
def test_a_dream_raises_its_score_in_the_sections_own_units(section, name):
    result = dreamed(section, parameterization=name, steps=8, jitter=0)
    # Both octaves end higher than they began; one octave's scores do not compare with another's.
    for octave in (1, 2):
        scores = [row["score"] for row in result.scores if row["octave"] == octave]
        assert scores[-1] > scores[0]
    result = result.dream
    assert result.dims == section.dims
    assert np.array_equal(result.time, section.time)
    assert 0.5 < float(result.std() / section.std()) < 2.0
    assert not np.array_equal(result.values, section.values)


@pytest.mark.parametrize("name", ["fourier", "phase", "bandlimited"])
def test_without_a_step_the_section_comes_back(section, name):
    result = dreamed(section, parameterization=name, steps=0).dream
    assert np.abs(result - section).max() < 1e-5 * np.abs(section).max()


@pytest.mark.parametrize("n_traces", [95, 96])
def test_phase_keeps_the_magnitude_spectrum(section, n_traces):
    section = section[:127, :n_traces]
    result = dreamed(section, parameterization="phase").dream
    before, after = (np.abs(np.fft.fft2(values.astype(np.float64))) for values in (section.values, result.values))
    assert np.linalg.norm(after - before) < 1e-5 * np.linalg.norm(before)
    assert np.abs(after - before).max() < 1e-5 * before.max()
    assert np.corrcoef(result.values.ravel(), section.values.ravel())[0, 1] < 0.999, "the dream changed the section"


def test_phase_in_windows_keeps_energy_where_it_was(section):
    faded = section * np.exp(-np.arange(128)[:, None] / 20.0).astype(np.float32)
    result = dreamed(faded, parameterization="phase", window_ms=128.0, steps=12).dream
    whole = dreamed(faded, parameterization="phase", steps=12).dream

    def deep(values):
        return float((values[64:] ** 2).sum() / (values**2).sum())

    assert abs(deep(result) - deep(faded)) < 0.2 * abs(deep(whole) - deep(faded))
    _, before = amplitude_spectrum(faded.values, 4.0)
    after = amplitude_spectrum(result.values, 4.0)[1]
    strong = before > 0.3 * before.max()
    assert np.abs(20 * np.log10(after[strong] / before[strong])).mean() < 1.0


def test_phase_with_the_spectrum_of_a_reference(section):
    noise = make_section(np.random.default_rng(0).normal(size=(100, 90)), dt_ms=4.0)
    result = dreamed(noise, parameterization="phase", reference_section=section).dream
    freq_hz, ours = amplitude_spectrum(result.values, 4.0)
    theirs = np.interp(freq_hz, *amplitude_spectrum(section.values, 4.0))
    smooth = [np.convolve(spectrum, np.ones(5) / 5, mode="same") for spectrum in (ours, theirs)]
    assert np.corrcoef(*smooth)[0, 1] > 0.95
    assert float(result.std()) == pytest.approx(float(noise.std()), rel=0.01)


def out_of_band_db(change, corners, dt_ms):
    freq_hz, spectrum = amplitude_spectrum(change, dt_ms)
    outside = (freq_hz < corners[0]) | (freq_hz > corners[3])
    return 10 * np.log10((spectrum[outside] ** 2).sum() / (spectrum**2).sum())


def test_bandlimited_changes_nothing_outside_its_band(section):
    result = dreamed(section, parameterization="bandlimited", band=(8, 14, 40, 55)).dream
    assert out_of_band_db((result - section).values, (8, 14, 40, 55), 4.0) < -40.0


def test_bandlimited_inside_a_mask_stays_in_the_band_and_leaves_the_rest(section):
    mask = np.zeros(section.shape, np.float32)
    mask[24:104, 20:70] = 1.0
    result = dreamed(section, parameterization="bandlimited", band=(4, 20, 40, 60), mask=xr.DataArray(mask)).dream
    assert np.array_equal(result.values[mask == 0], section.values[mask == 0])
    change = (result - section).values
    assert np.abs(change).max() > 0
    assert out_of_band_db(change, (4, 20, 40, 60), 4.0) < -30.0


def test_the_measured_band_is_kept_in_the_settings(section):
    settings = dreamed(section, parameterization="bandlimited", steps=0).settings
    assert list(settings.band) == sorted(settings.band)
    assert Dream(section, small_networks.pooled_network(), settings=settings).settings == settings


@pytest.mark.parametrize("name", ["pixel", *PHYSICAL])
def test_a_masked_dream_leaves_the_rest_identical(section, name):
    section = section.copy()
    section.values[:, 5:8] = np.nan
    mask = np.zeros(section.shape, np.float32)
    mask[32:96, 20:70] = 1.0
    result = dreamed(section, parameterization=name, mask=xr.DataArray(mask)).dream
    kept = (mask == 0) & np.isfinite(section.values)
    assert np.array_equal(result.values[kept], section.values[kept])
    assert np.array_equal(np.isnan(result.values), np.isnan(section.values))
    assert not np.array_equal(result.values[mask == 1], section.values[mask == 1])


def test_rock_within_a_mask_changes_only_there(section):
    mask = np.zeros(section.shape, np.float32)
    mask[20:108, 20:70] = 1.0
    dataset = dreamed(section, parameterization="impedance", mask=xr.DataArray(mask)).dataset
    same = dataset.impedance.values == dataset.impedance_before.values
    assert same[mask == 0].all()
    assert not same[mask == 1].all()


def independent_seismogram(impedance, wavelet):
    """Return what pylops makes of rock, in float64."""
    z = impedance.astype(np.float64)
    reflectivity = np.zeros_like(z)
    reflectivity[1:] = (z[1:] - z[:-1]) / (z[1:] + z[:-1])
    operator = pylops.signalprocessing.Convolve1D(z.shape, h=wavelet.astype(float), offset=len(wavelet) // 2, axis=0)
    return (operator @ reflectivity.ravel()).reshape(z.shape)


@pytest.mark.parametrize("prior", ["tv", "smooth", "none"])
def test_impedance_stays_within_bounds_and_its_seismogram_is_that_of_pylops(section, prior):
    # Bounds that the start touches already.
    result = dreamed(section, parameterization="impedance", bounds=(4, 7), prior=prior, steps=10)
    rock = result.dataset.impedance.values
    assert rock.min() >= 4.0
    assert rock.max() <= 7.0
    assert (rock == 4.0).any() or (rock == 7.0).any()
    expected = independent_seismogram(rock, result.wavelet)
    assert np.abs(result.dream.values - expected).max() < 1e-4 * np.abs(expected).max()
    ours = convolution_of_earth(result.wavelet, len(rock)) @ reflectivity_of(rock.astype(np.float64))
    assert np.abs(ours - expected).max() < 1e-6 * np.abs(expected).max()


def convolution_of_earth(wavelet, n_samples):
    """Return the convolution matrix of the synthetic earth for a symmetric wavelet."""
    n_fft, half = 2 * n_samples, len(wavelet) // 2
    centred = np.zeros(n_fft)
    centred[np.arange(-half, half + 1)] = wavelet
    matrix = wavelet_matrix(np.fft.rfft(centred).real, n_samples, 4.0).astype(np.float64)
    # The synthetic earth keeps float32.
    assert np.abs(matrix[:, n_samples // 2] - np.roll(centred, n_samples // 2)[:n_samples]).max() < 1e-6 * wavelet.max()
    at = np.arange(n_samples)
    return centred[(at[:, None] - at) % n_fft]


def test_velocity_and_density_are_gardners_and_make_the_impedance(section):
    rock = dreamed(section, parameterization="impedance").dataset
    np.testing.assert_allclose(rock.vp * rock.density * 1e-6, rock.impedance, rtol=1e-5)
    np.testing.assert_allclose(rock.density, 310.0 * rock.vp**0.25, rtol=1e-5)
    np.testing.assert_allclose(reflectivity_of(rock.impedance.values), rock.reflectivity, atol=1e-6)


def test_the_inversion_fits_clean_seismic_and_notes_how_well():
    # With a known wavelet and no noise, the inverted rock gives the section back and correlates with the true rock.
    earth = make_earth(5, n_samples=160, n_traces=48)
    n, peak_hz = 160, 25.0
    spectrum = ricker_spectrum(np.fft.rfftfreq(2 * n, 0.004), peak_hz)
    clean = wavelet_matrix(spectrum, n, 4.0) @ earth.reflectivity.values
    section = make_section(clean, dt_ms=4.0)
    result = dreamed(section, parameterization="impedance", wavelet=f"ricker:{peak_hz:g}", steps=0)
    assert result.repeatability["start"]["correlation"] > 0.98
    assert result.repeatability["result"] == result.repeatability["start"]
    assert any("correlates at" in note for note in result.notes)
    found, true = (np.log(rock.impedance.values) for rock in (result.dataset, earth))

    def in_band(values):
        bands = np.fft.rfft(values - values.mean(axis=0), axis=0)
        freq_hz = np.fft.rfftfreq(n, 0.004)[:, None]
        return np.fft.irfft(bands * ((freq_hz > 12) & (freq_hz < 45)), n=n, axis=0)[20:-20]

    assert np.corrcoef(in_band(found).ravel(), in_band(true).ravel())[0, 1] > 0.85


def test_rock_at_late_times_stays_within_bounds(section):
    # At 6 s the trend alone would exceed the bounds.
    deep = section.assign_coords(time=section.time + 6000.0)
    assert dreamed(deep, parameterization="impedance", steps=0).repeatability["start"]["correlation"] > 0.95


def test_the_blocky_prior_makes_the_change_blockier(section):
    def mean_curvature(prior):
        dataset = dreamed(section, parameterization="impedance", prior=prior, steps=10).dataset
        change = np.log(dataset.impedance.values / dataset.impedance_before.values)
        steps = np.abs(np.diff(change, axis=0))
        return float((steps < 1e-4).mean())

    assert mean_curvature("tv") > 3 * mean_curvature("none") + 0.05


class Matched(nn.Module):
    """The section correlated with a wavelet along time: the filter that is matched to it."""

    def __init__(self, wavelet):
        super().__init__()
        self.last = nn.Conv2d(1, 1, (len(wavelet), 1), padding=(len(wavelet) // 2, 0), bias=False)
        with torch.no_grad():
            self.last.weight.copy_(torch.from_numpy(wavelet)[None, None, :, None])

    def forward(self, values):
        return self.last(values)


@pytest.mark.parametrize("peak_hz", [20.0, 30.0])
def test_for_a_matched_filter_the_reflectivity_is_a_spike_at_its_time(peak_hz):
    wavelet = ricker(np.arange(-25, 26) * 4.0, peak_hz)
    network = Network("matched", Matched(wavelet), Preprocessing("grey", mean=(127.5,)), default_layer="last")
    # A start of almost zero; the unit lies in the middle, at sample 64 of trace 20.
    section = make_section(np.random.default_rng(0).normal(size=(128, 40)) * 1e-3, dt_ms=4.0)
    section.values[3, 3] = 1.0
    before, after = (
        dreamed(
            section, network, parameterization="reflectivity", wavelet=f"ricker:{peak_hz:g}", layer="last:0@neuron",
            octaves=1, jitter=0, steps=steps, step_size=0.01, clip=False, percentile=100.0,
        ).dataset["reflectivity"] for steps in (0, 6)
    )  # fmt: skip
    change = (after - before).values
    row, column = np.unravel_index(np.abs(change).argmax(), change.shape)
    assert (row, column) == (64, 20)
    assert change[row, column] > 0
    others = np.delete(np.abs(change), 64, axis=0)
    assert others.max() < 1e-3 * change[64, 20], "a spike: nothing at any other time"


def test_a_wavelet_from_a_file_keeps_its_amplitude(section, tmp_path):
    wavelet = 1e5 * ricker(np.arange(-20, 21) * 4.0, 30.0)
    np.savetxt(tmp_path / "wavelet.txt", wavelet)
    result = dreamed(section, parameterization="reflectivity", wavelet=str(tmp_path / "wavelet.txt"), steps=1)
    np.testing.assert_allclose(result.wavelet, wavelet.astype(np.float32))
    expected = np.apply_along_axis(
        np.convolve, 0, result.dataset.reflectivity.values.astype(float), wavelet, mode="same"
    )
    assert np.abs(result.dream.values - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_colour_picture_is_decorrelated():
    picture = make_section(np.random.default_rng(0).uniform(90, 160, (64, 72, 3)), value_range=(0, 255))
    result = dreamed(picture, small_networks.pooled_network(3), parameterization="fourier")
    assert result.settings.spectrum == "1/f"
    change = (result.dream - picture).values.reshape(-1, 3)
    assert result.dream.shape == (64, 72, 3)
    pixels = dreamed(picture, small_networks.pooled_network(3)).dream - picture

    def between_colours(values):
        return np.corrcoef(values.T)[0, 2]

    assert between_colours(change) > 0.5 + between_colours(pixels.values.reshape(-1, 3)), "colours change together"


def test_a_step_of_fourier_filters_a_white_gradient_by_its_spectrum_twice():
    start, magnitude = torch.zeros(1, 1, 64, 48, dtype=torch.float64), one_over_f((64, 48))
    fourier, spike = Fourier(start, magnitude), torch.zeros_like(start)
    spike[..., 20, 30] = 1.0
    leaf = fourier.values.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(fourier.render(leaf), leaf, spike)
    change = fourier.render(fourier.precondition(leaf, gradient)) - start
    spectrum = np.abs(np.fft.rfft2(change[0, 0].detach().numpy()))
    np.testing.assert_allclose(spectrum, (magnitude / magnitude.max()) ** 2, atol=1e-12)


@pytest.mark.parametrize("name", PHYSICAL)
def test_a_seed_repeats_a_dream_and_tiles_give_that_of_the_whole(section, name):
    one, again, tiled = (
        dreamed(section, parameterization=name, octaves=1, steps=2, tile=tile).dream for tile in (0, 0, 48)
    )
    assert np.array_equal(one.values, again.values)
    assert np.abs(tiled - one).max() < 2e-3 * np.abs(one - section).max()


@pytest.mark.parametrize(
    ("settings", "code", "option"),
    [
        ({"parameterization": "bandlimited", "band": (8, 6, 60, 80)}, "out-of-range", "band"),
        ({"parameterization": "bandlimited", "band": (8, 12, 60, 130)}, "out-of-range", "band"),
        ({"band": (8, 12, 60, 80)}, "incompatible", "band"),
        ({"parameterization": "phase", "bounds": (1, 2)}, "incompatible", "bounds"),
        ({"parameterization": "reflectivity", "wavelet": "morlet"}, "not-found", "wavelet"),
        ({"parameterization": "reflectivity", "wavelet": "ricker:200"}, "out-of-range", "wavelet"),
        ({"parameterization": "reflectivity", "wavelet": "ormsby:8-12-60"}, "invalid", "wavelet"),
        ({"parameterization": "reflectivity", "wavelet": "ormsby:8-12-60-200"}, "out-of-range", "wavelet"),
        ({"parameterization": "impedance", "constraints": ["histogram"]}, "incompatible", "constraints"),
        ({"parameterization": "phase", "window_ms": 9000.0}, "out-of-range", "window_ms"),
        ({"parameterization": "phase", "zoom": 0.1}, "incompatible", "zoom"),
        ({"parameterization": "bandlimited", "colour": True}, "incompatible", "parameterization"),
    ],
)
def test_incompatible_settings_are_refused_by_name(section, settings, code, option):
    with raises(code, option):
        dreamed(section, **settings)


def test_without_a_time_axis_there_is_no_band():
    array = np.random.default_rng(0).normal(size=(64, 64))
    with raises("no-geometry", "dt_ms"):
        dream(array, small_networks.pooled_network(), parameterization="bandlimited")
    phase = dream(array, small_networks.pooled_network(), parameterization="phase", steps=1)
    assert phase.dream.shape == (64, 64)


def test_noise_without_a_reference_takes_the_spectrum_of_the_built_in_section():
    noise = open_section("noise:96x112")
    start = dream(noise, small_networks.pooled_network(), octaves=1, steps=0).dream.values
    power = np.abs(np.fft.rfft(start, axis=0)) ** 2
    assert power[np.fft.rfftfreq(96, 0.004) > 90].sum() < 0.01 * power.sum()
    assert np.linalg.norm(start) == pytest.approx(np.linalg.norm(noise.values), rel=1e-4)


def test_noise_is_filtered_once_and_not_again_at_each_level():
    settings = {"octaves": 1, "steps": 0, "zoom": 0.1}
    noise, network = open_section("noise:64x72"), small_networks.pooled_network()
    first, second = (dream(noise, network, levels=levels, **settings).dream for levels in (1, 2))
    np.testing.assert_allclose(second, zoom_in(first.values, 0.1), atol=1e-5)


@pytest.mark.slow
def test_a_dream_on_impedance_makes_the_network_predict_salt_in_its_region():
    n, box = 160, (slice(50, 130), slice(40, 120))
    rng = np.random.default_rng(4)
    reflectivity = np.where(rng.random(n) < 0.25, rng.normal(0.0, 0.08, n), 0.0)
    trace = np.convolve(reflectivity, ricker(np.arange(-25, 26) * 4.0, 30.0), mode="same")
    section = make_section((trace[:, None] + 0.003 * rng.standard_normal((n, n))).astype(np.float32), dt_ms=4.0)
    region = section.copy(data=np.zeros(section.shape))
    region[box] = 1.0
    network = load_network("facies")
    settings = {"parameterization": "impedance", "octaves": 3, "steps": 40, "step_size": 1.5, "allow_undersized": True}
    result = dream(section, network, "class:salt", objective_mask=region, **settings)
    salt = [
        float(predict(one, network, augmentations=0)["probabilities"].sel({"class": "salt"})[box].mean())
        for one in (section, result.dream)
    ]
    assert salt[0] < 0.01
    assert salt[1] > 0.9
    assert result.dataset["impedance"].min() >= 1.5
    assert result.dataset["impedance"].max() <= 12.0
