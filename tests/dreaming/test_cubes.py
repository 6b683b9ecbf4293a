"""Dreams on cubes: what each parameterization promises holds in three dimensions, and lines alike dream as one line."""

import numpy as np
import pytest
import torch
from seisdream.dreaming.cubes import dream_cube, run_recipe
from torch import nn

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.parameterizations.wavelets import choose_wavelet
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network, Preprocessing
from seisdream.models.zoo.unet import UNet
from seisdream.seismic.cubes import make_cube, planes_of, traces_of
from seisdream.seismic.sections import GreyMapping, make_section
from seisdream.seismic.spectrum import amplitude_spectrum
from seisdream.synthetic import make_earth

QUICK = {"octaves": 2, "steps": 3, "jitter": 0, "precision": "float32", "device": "cpu"}
PARAMETERIZATIONS = ("pixel", "fourier", "phase", "bandlimited", "reflectivity", "impedance")


@pytest.fixture(scope="module")
def cube():
    return make_cube(make_earth(3, n_samples=64, n_inlines=32, n_traces=40).seismic * np.float32(2500.0))


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = UNet(4, (6, 8, 8), n_dims=3, normalisation="none").eval()
    return Network("cubes", module, Preprocessing("grey", scale=1 / 127.5, mean=(1.0,)),
                   classes=("a", "b", "salt", "c"), class_layer="logits", default_layer="enc3")  # fmt: skip


class Filter(nn.Module):
    """One filter, for sections or the same one for each inline of a cube."""

    def __init__(self, n_dims):
        super().__init__()
        self.n_dims = n_dims
        kernel = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
        self.filter = nn.Conv2d(1, 1, (7, 5), padding=(3, 2), bias=False)
        if n_dims == 3:
            self.filter = nn.Conv3d(1, 1, (7, 1, 5), padding=(3, 0, 2), bias=False)
        with torch.no_grad():
            self.filter.weight.copy_(kernel.reshape(self.filter.weight.shape))

    def forward(self, values):
        return self.filter(values)


def filtering(n_dims):
    return Network("filter", Filter(n_dims), Preprocessing("grey", mean=(127.5,)), default_layer="filter")


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_a_dream_pleases_the_network_in_the_cubes_own_units(cube, network, name):
    scores = []
    dreamed = dream_cube(cube, network, "class:salt", parameterization=name, **{**QUICK, "octaves": 1, "steps": 6},
                         on_step=lambda done, of, score: scores.append((done, of, score)))  # fmt: skip
    assert [one[:2] for one in scores] == [(done, 6) for done in range(1, 7)]
    assert scores[-1][2] > scores[0][2]
    assert dreamed.dream.dims == ("time", "inline", "crossline")
    assert dreamed.dream.shape == cube.shape
    assert np.array_equal(dreamed.time, cube.time)
    assert 0.5 < float(dreamed.dream.std() / cube.std()) < 2.0
    assert not np.array_equal(dreamed.dream, cube)
    again = dream_cube(cube, network, "class:salt", parameterization=name, **{**QUICK, "octaves": 1, "steps": 6})
    np.testing.assert_array_equal(again.dream, dreamed.dream)


@pytest.mark.parametrize("name", ["pixel", "phase", "reflectivity", "impedance"])
def test_where_all_lines_are_alike_each_dreams_as_a_section_does(name):
    section = make_earth(5, n_samples=64, n_traces=48).seismic * np.float32(100.0)
    alike = make_cube(np.repeat(section.values[:, None], 6, axis=1), dt_ms=4.0)
    # The largest amplitude is that of all lines and of one; a percentile would lie a little elsewhere between samples.
    settings = {**QUICK, "octaves": 1, "parameterization": name, "percentile": 100, "clip": False}
    dreamed = dream_cube(alike, filtering(3), "filter", **settings).dream.values
    dream = Dream(make_section(section.values, dt_ms=4.0, muted="present"), filtering(2),
                  DreamSettings(layer="filter", allow_small=True, **settings))  # fmt: skip
    for _ in dream.states():
        pass
    change = dream.section.values - section.values
    for line in range(6):
        np.testing.assert_allclose(dreamed[:, line] - section.values, change, atol=2e-3 * np.abs(change).max())


def test_phase_keeps_the_magnitude_spectrum(cube, network):
    dreamed = dream_cube(cube, network, parameterization="phase", **QUICK).dream
    before, after = (np.abs(np.fft.rfftn(one.values.astype(float))) for one in (cube, dreamed))
    assert np.linalg.norm(after - before) < 1e-5 * np.linalg.norm(before)


def test_bandlimited_changes_nothing_outside_the_band(cube, network):
    dreamed = dream_cube(cube, network, parameterization="bandlimited", band="8-12-60-80", **QUICK).dream
    freq_hz, change = amplitude_spectrum((dreamed - cube).values.reshape(len(cube), -1), 4.0)
    outside = (freq_hz < 8) | (freq_hz > 80)
    assert change.max() > 0.0
    assert change[outside].max() < 1e-2 * change.max()


def test_rock_stays_within_bounds_and_the_cube_is_its_seismogram(cube, network):
    dreamed = dream_cube(cube, network, parameterization="impedance", bounds="2-9", wavelet="ricker:30", **QUICK)
    assert dreamed.impedance.min() >= 2.0 * (1 - 1e-6)
    assert dreamed.impedance.max() <= 9.0 * (1 + 1e-6)
    logarithm = np.log(dreamed.impedance.values.astype(np.float64))
    reflectivity = np.tanh(0.5 * np.diff(logarithm, axis=0, prepend=logarithm[:1]))
    np.testing.assert_allclose(dreamed.reflectivity, reflectivity, atol=1e-5)
    wavelet, _ = choose_wavelet("ricker:30", traces_of(cube))
    seismogram = np.apply_along_axis(np.convolve, 0, reflectivity, wavelet, mode="same")
    height = (seismogram * dreamed.dream.values).sum() / (seismogram**2).sum()
    np.testing.assert_allclose(height * seismogram, dreamed.dream, atol=1e-4 * float(np.abs(dreamed.dream).max()))
    assert {"vp", "density"} <= set(dreamed)


@pytest.mark.parametrize("name", ["pixel", "phase", "impedance"])
def test_outside_the_mask_the_cube_stays_what_it_was(cube, network, name):
    mask = np.zeros(cube.shape, np.float32)
    mask[10:50, 8:24, 10:30] = 1.0
    dreamed = dream_cube(cube, network, mask=mask, parameterization=name, **QUICK).dream
    np.testing.assert_array_equal(dreamed.values[mask == 0], cube.values[mask == 0])
    assert np.abs((dreamed - cube).values[mask == 1]).max() > 0


def test_a_survey_lends_its_spectrum_to_noise(cube, network):
    noise = make_cube(np.random.default_rng(0).normal(size=(64, 32, 40)), dt_ms=4.0)
    dreamed = dream_cube(noise, network, parameterization="phase", survey=cube, **QUICK).dream
    spectra = [amplitude_spectrum(one.values.reshape(64, -1), 4.0)[1] for one in (noise, dreamed, cube)]
    before, after = (np.corrcoef(one, spectra[2])[0, 1] for one in spectra[:2])
    assert after > 0.9 > before


def test_cubes_are_labelled_and_turned():
    values = np.random.default_rng(0).normal(size=(8, 4, 6)).astype(np.float32)
    cube = make_cube(values, dt_ms=2.0, source="made")
    assert (cube.dims, cube.time.values[1], cube.attrs["source"]) == (("time", "inline", "crossline"), 2.0, "made")
    np.testing.assert_array_equal(make_cube(cube.transpose("inline", "crossline", "time")), cube)
    assert traces_of(cube).shape == (8, 24)
    assert [plane.shape for plane in planes_of(cube)] == [(8, 4), (8, 6)]
    section = make_section(values[:, 0], dt_ms=2.0)
    assert traces_of(section) is section
    assert planes_of(section)[0] is section


@pytest.mark.parametrize(
    ("values", "dt_ms", "message"),
    [
        (np.ones((4, 4)), 4.0, "got shape"),
        (np.random.default_rng(0).normal(size=(4, 4, 4)), None, "dt_ms None"),
        (np.full((4, 4, 4), np.nan), 4.0, "64 that are not"),
        (np.ones((4, 4, 4)), 4.0, "a constant holds no pattern"),
    ],
)
def test_what_is_no_cube_is_refused(values, dt_ms, message):
    with pytest.raises(SeisdreamError, match=message):
        make_cube(values, dt_ms=dt_ms)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer": "enc3", "levels": 2}, "levels: for sections alone"),
        ({"layer": "enc3", "guide": "x.png", "tile": 32}, "guide, tile: for sections alone"),
        ({"layer": "enc3:1@neuron"}, "'enc3:1@neuron' is for sections alone"),
        ({"layer": "style:enc2"}, "'style:enc2' is for sections alone"),
        ({"layer": "enc9"}, "Layer 'enc9' is not in cubes"),
        ({"layer": "enc3", "octaves": 9}, r"64 × 32 × 40, so the smallest of 9 octaves"),
        ({"layer": "enc3", "band": "8-12-60-80"}, "--band goes with"),
    ],
)
def test_what_is_for_sections_is_refused(cube, network, settings, message):
    with pytest.raises(SeisdreamError, match=message):
        dream_cube(cube, network, **{**settings, "steps": 1})


def test_a_network_for_sections_is_refused(cube):
    with pytest.raises(SeisdreamError, match="looks at sections; dream on the lines"):
        dream_cube(cube, filtering(2))
    with pytest.raises(SeisdreamError, match="for each sample of the cube"):
        dream_cube(cube, filtering(3), mask=np.ones((2, 2, 2)))


def test_a_mapping_from_outside_says_how_loud_the_cube_is(cube, network):
    recipe = DreamSettings(layer="class:salt", **QUICK)
    loud, own = (
        run_recipe(recipe, cube, network, mapping=mapping)["dream"]
        for mapping in (GreyMapping.of(traces_of(cube) * 3.0), None)
    )
    change = [float(np.abs(one - cube).mean()) for one in (loud, own)]
    assert change[0] == pytest.approx(3 * change[1], rel=0.2)
