"""What each parameterization promises, measured on whole dreams."""

import numpy as np
import pylops
import pytest
import torch
import xarray as xr
from torch import nn

import small_networks
from seisdream.dreaming.dream import Dream, dream_section
from seisdream.dreaming.parameterizations.fourier import Fourier
from seisdream.dreaming.parameterizations.spectra import one_over_f
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.predict import predict
from seisdream.models.network import Network, Preprocessing
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


def finished(section, network=None, **settings):
    given = {name: settings.pop(name) for name in ("mask", "survey") if name in settings}
    dream = Dream(section, network or small_networks.pooled_network(), DreamSettings(**{**QUICK, **settings}), **given)
    list(dream.states())
    return dream


@pytest.mark.parametrize("name", PHYSICAL)
def test_a_dream_pleases_the_network_in_the_sections_own_units(section, name):
    dream = finished(section, parameterization=name, steps=8, jitter=0)
    # Both octaves end higher than they began; one octave's scores do not compare with another's.
    for octave in (1, 2):
        scores = [row["score"] for row in dream.scores if row["octave"] == octave]
        assert scores[-1] > scores[0]
    result = dream.section
    assert result.dims == section.dims
    assert np.array_equal(result.time, section.time)
    assert 0.5 < float(result.std() / section.std()) < 2.0
    assert not np.array_equal(result.values, section.values)


@pytest.mark.parametrize("name", ["fourier", "phase", "bandlimited"])
def test_without_a_step_the_section_comes_back(section, name):
    result = finished(section, parameterization=name, steps=0).section
    assert np.abs(result - section).max() < 1e-5 * np.abs(section).max()


@pytest.mark.parametrize("n_traces", [95, 96])
def test_phase_keeps_the_magnitude_spectrum(section, n_traces):
    section = section[:127, :n_traces]
    result = finished(section, parameterization="phase").section
    before, after = (np.abs(np.fft.fft2(values.astype(np.float64))) for values in (section.values, result.values))
    assert np.linalg.norm(after - before) < 1e-5 * np.linalg.norm(before)
    assert np.abs(after - before).max() < 1e-5 * before.max()
    assert np.corrcoef(result.values.ravel(), section.values.ravel())[0, 1] < 0.999, "and yet it dreamed"


def test_phase_in_windows_keeps_energy_where_it_was(section):
    faded = section * np.exp(-np.arange(128)[:, None] / 20.0).astype(np.float32)
    result = finished(faded, parameterization="phase", window_ms=128.0, steps=12).section
    whole = finished(faded, parameterization="phase", steps=12).section

    def deep(values):
        return float((values[64:] ** 2).sum() / (values**2).sum())

    assert abs(deep(result) - deep(faded)) < 0.2 * abs(deep(whole) - deep(faded))
    _, before = amplitude_spectrum(faded.values, 4.0)
    after = amplitude_spectrum(result.values, 4.0)[1]
    strong = before > 0.3 * before.max()
    assert np.abs(20 * np.log10(after[strong] / before[strong])).mean() < 1.0


def test_phase_with_a_surveys_spectrum(section):
    noise = make_section(np.random.default_rng(0).normal(size=(100, 90)), dt_ms=4.0)
    result = finished(noise, parameterization="phase", survey=section).section
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
    result = finished(section, parameterization="bandlimited", band="8-14-40-55").section
    assert out_of_band_db((result - section).values, (8, 14, 40, 55), 4.0) < -40.0


def test_bandlimited_inside_a_mask_stays_in_the_band_and_leaves_the_rest(section):
    mask = np.zeros(section.shape, np.float32)
    mask[24:104, 20:70] = 1.0
    result = finished(section, parameterization="bandlimited", band="4-20-40-60", mask=xr.DataArray(mask)).section
    assert np.array_equal(result.values[mask == 0], section.values[mask == 0])
    change = (result - section).values
    assert np.abs(change).max() > 0
    assert out_of_band_db(change, (4, 20, 40, 60), 4.0) < -30.0


def test_the_measured_band_is_settled_in_the_recipe(section):
    recipe = finished(section, parameterization="bandlimited", steps=0).recipe
    corners = [float(word) for word in recipe.band.split("-")]
    assert corners == sorted(corners)
    assert Dream(section, small_networks.pooled_network(), recipe).recipe == recipe


@pytest.mark.parametrize("name", ["pixel", *PHYSICAL])
def test_a_masked_dream_leaves_the_rest_identical(section, name):
    section = section.copy()
    section.values[:, 5:8] = np.nan
    mask = np.zeros(section.shape, np.float32)
    mask[32:96, 20:70] = 1.0
    result = finished(section, parameterization=name, mask=xr.DataArray(mask)).section
    kept = (mask == 0) & np.isfinite(section.values)
    assert np.array_equal(result.values[kept], section.values[kept])
    assert np.array_equal(np.isnan(result.values), np.isnan(section.values))
    assert not np.array_equal(result.values[mask == 1], section.values[mask == 1])


def test_rock_within_a_mask_changes_only_there(section):
    mask = np.zeros(section.shape, np.float32)
    mask[20:108, 20:70] = 1.0
    dream = finished(section, parameterization="impedance", mask=xr.DataArray(mask))
    same = dream.byproducts.impedance.values == dream.byproducts_before.impedance.values
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
def test_impedance_stays_within_bounds_and_its_seismogram_is_anyones(section, prior):
    # Bounds that the start touches already.
    dream = finished(section, parameterization="impedance", bounds="4-7", prior=prior, steps=10)
    rock = dream.byproducts.impedance.values
    assert rock.min() >= 4.0
    assert rock.max() <= 7.0
    assert (rock == 4.0).any() or (rock == 7.0).any()
    expected = independent_seismogram(rock, dream.wavelet)
    assert np.abs(dream.section.values - expected).max() < 1e-4 * np.abs(expected).max()
    ours = wavelet_of_geology(dream.wavelet, len(rock)) @ reflectivity_of(rock.astype(np.float64))
    assert np.abs(ours - expected).max() < 1e-6 * np.abs(expected).max()


def wavelet_of_geology(wavelet, n_samples):
    """Return geology's convolution matrix for a symmetric wavelet."""
    n_fft, half = 2 * n_samples, len(wavelet) // 2
    centred = np.zeros(n_fft)
    centred[np.arange(-half, half + 1)] = wavelet
    matrix = wavelet_matrix(np.fft.rfft(centred).real, n_samples, 4.0).astype(np.float64)
    # Geology keeps float32.
    assert np.abs(matrix[:, n_samples // 2] - np.roll(centred, n_samples // 2)[:n_samples]).max() < 1e-6 * wavelet.max()
    at = np.arange(n_samples)
    return centred[(at[:, None] - at) % n_fft]


def test_velocity_and_density_are_gardners_and_make_the_impedance(section):
    rock = finished(section, parameterization="impedance").byproducts
    np.testing.assert_allclose(rock.vp * rock.density * 1e-6, rock.impedance, rtol=1e-5)
    np.testing.assert_allclose(rock.density, 310.0 * rock.vp**0.25, rtol=1e-5)
    np.testing.assert_allclose(reflectivity_of(rock.impedance.values), rock.reflectivity, atol=1e-6)


def test_the_inversion_honours_clean_seismic_and_says_how_well():
    # A wavelet that is known, no noise: the rock that is inverted gives the section back, and is the rock.
    earth = make_earth(5, n_samples=160, n_traces=48)
    n, peak_hz = 160, 25.0
    spectrum = ricker_spectrum(np.fft.rfftfreq(2 * n, 0.004), peak_hz)
    clean = wavelet_matrix(spectrum, n, 4.0) @ earth.reflectivity.values
    section = make_section(clean, dt_ms=4.0)
    dream = finished(section, parameterization="impedance", wavelet=f"ricker:{peak_hz:g}", steps=0)
    assert dream.likeness["start"]["correlation"] > 0.98
    assert dream.likeness["result"] == dream.likeness["start"]
    assert any("correlates at" in note for note in dream.notes)
    found, true = (np.log(rock.impedance.values) for rock in (dream.byproducts, earth))

    def in_band(values):
        bands = np.fft.rfft(values - values.mean(axis=0), axis=0)
        freq_hz = np.fft.rfftfreq(n, 0.004)[:, None]
        return np.fft.irfft(bands * ((freq_hz > 12) & (freq_hz < 45)), n=n, axis=0)[20:-20]

    assert np.corrcoef(in_band(found).ravel(), in_band(true).ravel())[0, 1] > 0.85


def test_a_long_record_does_not_run_out_of_bounds(section):
    # At 6 s the trend alone would be harder than any rock.
    deep = section.assign_coords(time=section.time + 6000.0)
    assert finished(deep, parameterization="impedance", steps=0).likeness["start"]["correlation"] > 0.95


def test_the_blocky_prior_makes_the_change_blockier(section):
    def mean_curvature(prior):
        dream = finished(section, parameterization="impedance", prior=prior, steps=10)
        change = np.log(dream.byproducts.impedance.values / dream.byproducts_before.impedance.values)
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
    # Almost nothing to start from; the unit asked for lies in the middle, at sample 64 of trace 20.
    section = make_section(np.random.default_rng(0).normal(size=(128, 40)) * 1e-3, dt_ms=4.0)
    section.values[3, 3] = 1.0
    dream = finished(
        section, network, parameterization="reflectivity", wavelet=f"ricker:{peak_hz:g}", layer="last:0@neuron",
        octaves=1, jitter=0, steps=6, step_size=0.01, clip=False, percentile=100.0,
    )  # fmt: skip
    change = (dream.byproducts.reflectivity - dream.byproducts_before.reflectivity).values
    row, column = np.unravel_index(np.abs(change).argmax(), change.shape)
    assert (row, column) == (64, 20)
    assert change[row, column] > 0
    others = np.delete(np.abs(change), 64, axis=0)
    assert others.max() < 1e-3 * change[64, 20], "a spike: nothing at any other time"


def test_a_files_wavelet_keeps_its_height(section, tmp_path):
    wavelet = 1e5 * ricker(np.arange(-20, 21) * 4.0, 30.0)
    np.savetxt(tmp_path / "wavelet.txt", wavelet)
    dream = finished(section, parameterization="reflectivity", wavelet=str(tmp_path / "wavelet.txt"), steps=1)
    np.testing.assert_allclose(dream.wavelet, wavelet.astype(np.float32))
    expected = np.apply_along_axis(
        np.convolve, 0, dream.byproducts.reflectivity.values.astype(float), wavelet, mode="same"
    )
    assert np.abs(dream.section.values - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_colour_picture_is_decorrelated():
    picture = make_section(np.random.default_rng(0).uniform(90, 160, (64, 72, 3)), value_range=(0, 255))
    dream = finished(picture, small_networks.pooled_network(3), parameterization="fourier")
    assert dream.recipe.spectrum == "1/f"
    change = (dream.section - picture).values.reshape(-1, 3)
    assert dream.section.shape == (64, 72, 3)
    pixels = finished(picture, small_networks.pooled_network(3)).section - picture

    def between_colours(values):
        return np.corrcoef(values.T)[0, 2]

    assert between_colours(change) > 0.5 + between_colours(pixels.values.reshape(-1, 3)), "colours go together"


def test_fourier_shows_a_white_gradient_through_its_spectrum_twice():
    start, magnitude = torch.zeros(1, 1, 64, 48, dtype=torch.float64), one_over_f((64, 48))
    fourier, spike = Fourier(start, magnitude), torch.zeros_like(start)
    spike[..., 20, 30] = 1.0
    leaf = fourier.free.clone().requires_grad_()
    (uphill,) = torch.autograd.grad(fourier.render(leaf), leaf, spike)
    change = fourier.render(fourier.uphill(leaf, uphill)) - start
    spectrum = np.abs(np.fft.rfft2(change[0, 0].detach().numpy()))
    np.testing.assert_allclose(spectrum, (magnitude / magnitude.max()) ** 2, atol=1e-12)


@pytest.mark.parametrize("name", PHYSICAL)
def test_a_seed_repeats_a_dream_and_tiles_give_that_of_the_whole(section, name):
    one, again, tiled = (
        finished(section, parameterization=name, octaves=1, steps=2, tile=tile).section for tile in (0, 0, 48)
    )
    assert np.array_equal(one.values, again.values)
    assert np.abs(tiled - one).max() < 2e-3 * np.abs(one - section).max()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parameterization": "bandlimited", "band": "8-6-60-80"}, r"8-6-60-80 Hz must rise .* 125 Hz \(Nyquist"),
        ({"parameterization": "bandlimited", "band": "8-12-60"}, r"--band is '8-12-60'; it must be four corners"),
        ({"band": "8-12-60-80"}, r"--band goes with --parameterization bandlimited; got pixel"),
        ({"parameterization": "phase", "bounds": "1-2"}, r"--bounds goes with --parameterization impedance; got phase"),
        ({"parameterization": "reflectivity", "wavelet": "morlet"}, r"--wavelet is 'morlet'; it must be ricker"),
        ({"parameterization": "reflectivity", "wavelet": "ricker:200"}, r"0 and 125 Hz \(Nyquist\)"),
        ({"parameterization": "impedance", "bounds": "9"}, r"--bounds is '9'; it must be the least and the greatest"),
        ({"parameterization": "impedance", "keep": "histogram"}, r"--keep histogram cannot be held"),
        ({"parameterization": "phase", "window_ms": 9000.0}, r"--window-ms is 9000"),
        ({"parameterization": "phase", "zoom": 0.1}, r"--zoom is 0.1, but a zoomed section has another spectrum"),
        ({"parameterization": "bandlimited", "colour": True}, r"Colours have no band"),
    ],
)
def test_what_does_not_go_together_is_refused_with_what_does(section, settings, message):
    with pytest.raises(SeisdreamError, match=message):
        finished(section, **settings)


def test_without_a_time_axis_there_is_no_band():
    array = np.random.default_rng(0).normal(size=(64, 64))
    with pytest.raises(SeisdreamError, match=r"goes down in row.*--dt-ms"):
        dream_section(array, small_networks.pooled_network(), parameterization="bandlimited")
    assert dream_section(array, small_networks.pooled_network(), parameterization="phase", steps=1).shape == (64, 64)


def test_an_unknown_parameterization_is_refused_with_those_that_are():
    with pytest.raises(SeisdreamError, match=r"--parameterization is wavelets; it must be pixel, fourier"):
        DreamSettings(parameterization="wavelets")


def test_a_flat_earth_becomes_one_in_which_the_network_sees_salt_where_asked():
    n, box = 160, (slice(50, 130), slice(40, 120))
    rng = np.random.default_rng(4)
    reflectivity = np.where(rng.random(n) < 0.25, rng.normal(0.0, 0.08, n), 0.0)
    trace = np.convolve(reflectivity, ricker(np.arange(-25, 26) * 4.0, 30.0), mode="same")
    section = make_section((trace[:, None] + 0.003 * rng.standard_normal((n, n))).astype(np.float32), dt_ms=4.0)
    where = section.copy(data=np.zeros(section.shape))
    where[box] = 1.0
    network = load_network("facies")
    recipe = DreamSettings(layer="class:salt", parameterization="impedance", octaves=3, steps=40, allow_small=True)
    dream = Dream(section, network, recipe, where=where)
    for _ in dream.states():
        pass
    salt = [
        float(predict(one, network, augmentations=0)["probabilities"].sel({"class": "salt"})[box].mean())
        for one in (section, dream.section)
    ]
    assert salt[0] < 0.01
    assert salt[1] > 0.9
    assert dream.byproducts["impedance"].min() >= 1.5
    assert dream.byproducts["impedance"].max() <= 12.0
