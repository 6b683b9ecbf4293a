"""Dreams on cubes: what parameterizations guarantee holds in three dimensions, and no option is ignored."""

import shutil

import numpy as np
import pytest
import torch
from torch import nn

from errors import raises
from seisdream.dreaming.dream import Dream, dream
from seisdream.dreaming.frames import FilmRecorder
from seisdream.dreaming.parameterizations.spectra import smooth_magnitude
from seisdream.dreaming.parameterizations.wavelets import choose_wavelet
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.zoo.unet import UNet
from seisdream.results.dream_result import check_room
from seisdream.seismic.cubes import make_cube, traces_of
from seisdream.seismic.sections import GreyMapping, make_section
from seisdream.seismic.spectrum import amplitude_spectrum
from seisdream.synthetic import make_earth
from small_cubes import open_cube_dream

QUICK = {"octaves": 2, "steps": 3, "jitter": 0, "precision": "float32", "device": "cpu"}
PARAMETERIZATIONS = ("pixel", "fourier", "phase", "bandlimited", "reflectivity", "impedance")


@pytest.fixture(scope="module")
def cube():
    return make_cube(make_earth(3, n_samples=64, n_inlines=16, n_traces=40).seismic * np.float32(2500.0))


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


def filter_network(n_dims):
    return Network("filter", Filter(n_dims), Preprocessing("grey", mean=(127.5,)), default_layer="filter")


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_a_dream_raises_its_score_in_the_cubes_own_units(cube, network, name):
    settings = {**QUICK, "octaves": 1, "steps": 6, "parameterization": name}
    run = Dream(cube, network, "class:salt", **settings)
    scores = [state.score for state in run.states()]
    assert len(scores) == run.n_states == 6
    assert scores[-1] > scores[0]
    dreamed = run.result().dream
    assert dreamed.dims == ("time", "inline", "crossline")
    assert dreamed.shape == cube.shape
    assert np.array_equal(dreamed.time, cube.time)
    assert 0.5 < float(dreamed.std() / cube.std()) < 2.0
    assert not np.array_equal(dreamed, cube)
    if name in ("pixel", "impedance"):
        np.testing.assert_array_equal(dream(cube, network, "class:salt", **settings).dream, dreamed)


@pytest.mark.parametrize("name", ["pixel", "phase", "reflectivity", "impedance"])
def test_where_all_inlines_are_alike_each_dreams_as_a_section_does(name):
    section = make_earth(5, n_samples=64, n_traces=48).seismic * np.float32(100.0)
    alike = make_cube(np.repeat(section.values[:, None], 6, axis=1), dt_ms=4.0)
    # The largest amplitude is that of all inlines and of one; a percentile would differ a little between samples.
    settings = {**QUICK, "octaves": 1, "parameterization": name, "percentile": 100, "clip": False}
    dreamed = dream(alike, filter_network(3), "filter", **settings).dream.values
    single = make_section(section.values, dt_ms=4.0, muted="present")
    change = dream(single, filter_network(2), "filter", allow_undersized=True, **settings).dream.values - section.values
    for inline in range(6):
        np.testing.assert_allclose(dreamed[:, inline] - section.values, change, atol=2e-3 * np.abs(change).max())


def test_phase_keeps_the_magnitude_spectrum(cube, network):
    dreamed = dream(cube, network, parameterization="phase", **QUICK).dream
    before, after = (np.abs(np.fft.rfftn(one.values.astype(float))) for one in (cube, dreamed))
    assert np.linalg.norm(after - before) < 1e-5 * np.linalg.norm(before)


@pytest.mark.parametrize("settings", [{"parameterization": "bandlimited"}, {"constraints": ["band"]}], ids=str)
def test_nothing_changes_outside_the_band(cube, network, settings):
    dreamed = dream(cube, network, band=(8, 12, 60, 80), **settings, **QUICK).dream
    freq_hz, change = amplitude_spectrum((dreamed - cube).values.reshape(len(cube), -1), 4.0)
    outside = (freq_hz < 8) | (freq_hz > 80)
    assert change.max() > 0.0
    assert change[outside].max() < 1e-2 * change.max()


@pytest.mark.parametrize("name", ["pixel", "fourier"])
def test_bounds_and_histogram_hold_on_cubes(cube, network, name):
    settings = {**QUICK, "parameterization": name, "clip": False, "step_size": 20.0}
    free = dream(cube, network, **settings).dream
    bounded = dream(cube, network, constraints=["bounds"], **settings).dream
    slack = 0.0 if name == "pixel" else 0.15
    assert float(free.max()) > float(cube.max()) * (1 + slack)
    assert float(bounded.max()) <= float(cube.max()) * (1 + slack) + 1e-5 * float(cube.max())
    if name == "pixel":
        ranked = dream(cube, network, constraints=["histogram"], **settings).dream
        difference = np.abs(np.sort(ranked.values.ravel()) - np.sort(cube.values.ravel()))
        assert difference.max() < 1e-5 * float(cube.max())


def test_rock_stays_within_bounds_and_the_cube_is_its_seismogram(cube, network):
    settings = {"parameterization": "impedance", "bounds": (2, 9), "wavelet": "ricker:30", **QUICK}
    dataset = dream(cube, network, **settings).dataset
    assert dataset.impedance.min() >= 2.0 * (1 - 1e-6)
    assert dataset.impedance.max() <= 9.0 * (1 + 1e-6)
    logarithm = np.log(dataset.impedance.values.astype(np.float64))
    reflectivity = np.tanh(0.5 * np.diff(logarithm, axis=0, prepend=logarithm[:1]))
    np.testing.assert_allclose(dataset.reflectivity, reflectivity, atol=1e-5)
    wavelet, _ = choose_wavelet("ricker:30", traces_of(cube))
    seismogram = np.apply_along_axis(np.convolve, 0, reflectivity, wavelet, mode="same")
    height = (seismogram * dataset.dream.values).sum() / (seismogram**2).sum()
    np.testing.assert_allclose(height * seismogram, dataset.dream, atol=1e-4 * float(np.abs(dataset.dream).max()))
    assert {"vp", "density", "impedance_before"} <= set(dataset)


def box(cube, value=1.0):
    mask = np.zeros(cube.shape, np.float32)
    mask[10:50, 4:12, 10:30] = value
    return mask


@pytest.mark.parametrize("name", ["pixel", "phase", "impedance"])
def test_outside_the_mask_the_cube_is_unchanged(cube, network, name):
    mask = box(cube)
    dreamed = dream(cube, network, mask=mask, parameterization=name, **QUICK).dream
    np.testing.assert_array_equal(dreamed.values[mask == 0], cube.values[mask == 0])
    assert np.abs((dreamed - cube).values[mask == 1]).max() > 0


def test_the_objective_counts_in_its_region_alone(cube):
    region = box(cube)
    settings = {**QUICK, "parameterization": "pixel", "octaves": 1, "clip": False}
    change = dream(cube, filter_network(3), "filter:0", objective_mask=region, **settings)
    change = (change.dream - cube).values
    assert np.abs(change[10:50, 4:12, 10:30]).min() > 0
    change[7:53, 4:12, 8:32] = 0.0
    assert not change.any(), "only samples in the fields of the region's units have a gradient"


def test_masks_must_have_the_cubes_shape_and_range(cube, network):
    for name in ("mask", "objective_mask"):
        with raises("wrong-shape", name):
            Dream(cube, network, **{name: np.ones((2, 2, 2))})
        with raises("out-of-range", name):
            Dream(cube, network, **{name: box(cube, 2.0)})


def test_a_reference_lends_its_spectrum_to_noise(cube, network):
    noise = make_cube(np.random.default_rng(0).normal(size=(64, 16, 40)), dt_ms=4.0)
    dreamed = dream(noise, network, parameterization="phase", reference_section=cube, **QUICK).dream
    magnitude = smooth_magnitude(cube.values, cube.shape)
    spectra = [np.abs(np.fft.rfftn(one.values)) for one in (noise, dreamed)]
    before, after = (np.corrcoef(one.ravel(), magnitude.ravel())[0, 1] for one in spectra)
    assert before < 0.5
    assert after > 0.999


def test_levels_follow_each_other_without_zoom(cube, network):
    settings = {**QUICK, "octaves": 1}
    run = Dream(cube, network, levels=2, **settings)
    states = list(run.states())
    assert [(state.level, state.step) for state in states] == [(level, step) for level in (1, 2) for step in (1, 2, 3)]
    result = run.result()
    assert result.settings.zoom == 0.0
    assert [image.shape for image in result.level_images] == [(64, 40)] * 2
    one = dream(cube, network, levels=1, **settings)
    np.testing.assert_array_equal(one.level_images[0], result.level_images[0])
    assert not np.array_equal(one.dream, result.dream)


def test_a_film_shows_the_middle_inline(cube, network):
    run = Dream(cube, network, **QUICK)
    recorder = FilmRecorder(run)
    for state in run.states():
        recorder.record(state)
    (frames,) = recorder.frames
    assert [frame.shape for frame in frames] == [(64, 40, 3)] * 7
    assert not np.array_equal(frames[0], frames[-1])
    middle = run.mapping.to_grey(cube.values[:, 8]).clip(0, 255)
    np.testing.assert_array_equal(frames[0][..., 0], np.rint(middle).astype(np.uint8))


def test_a_smaller_jitter_is_noted(cube, network):
    run = Dream(cube, network, **{**QUICK, "jitter": 32})
    assert run.settings.jitter == 4
    assert any("jitter 4, not 32" in note for note in run.notes)
    assert not any("jitter" in note for note in Dream(cube, network, **{**QUICK, "jitter": 4}).notes)


@pytest.mark.parametrize(
    ("settings", "code", "option"),
    [
        ({"layer": "enc3:1@neuron"}, "not-supported", "layer"),
        ({"layer": "enc3 - penalty:tv"}, "not-supported", "layer"),
        ({"layer": "enc9"}, "unknown-name", None),
        ({"octaves": 9}, "too-small", "octaves"),
        ({"band": (8, 12, 60, 80)}, "incompatible", "band"),
    ],
)
def test_objectives_and_settings_that_do_not_fit_are_refused(cube, network, settings, code, option):
    with raises(code, option):
        Dream(cube, network, **{**settings, "steps": 1})


@pytest.mark.parametrize("layer", ["style:enc2", "caricature:enc2", "probability:salt", "enc2 - 0.1*penalty:distance"])
def test_other_objectives_work_on_cubes(cube, network, layer):
    settings = {**QUICK, "octaves": 1, "steps": 2, "jitter": 2}
    assert not np.array_equal(dream(cube, network, layer, **settings).dream, cube)


def test_bfloat16_is_refused_where_processors_cannot_pool_cubes(cube, network):
    with raises("not-supported", "precision"):
        Dream(cube, network, **{**QUICK, "precision": "bfloat16"})
    assert Dream(cube, network, **{**QUICK, "precision": "auto"}).settings.precision == "float32"


def test_a_guide_is_refused(cube, network):
    with raises("not-supported", "guide"):
        Dream(cube, network, "enc3", guide=cube)


def test_networks_for_sections_and_for_cubes_are_not_exchanged(cube, network):
    with raises("incompatible", "network"):
        Dream(cube, filter_network(2))
    with raises("incompatible", "network"):
        Dream(make_section(cube.values[:, 0], dt_ms=4.0), network)


def test_a_grey_mapping_sets_the_size_of_a_step(cube, network):
    louder, own = (dream_with(cube, network, mapping) for mapping in (GreyMapping.of(traces_of(cube) * 3.0), None))
    change = [float(np.abs(one - cube).mean()) for one in (louder, own)]
    assert change[0] == pytest.approx(3 * change[1], rel=0.2)


def dream_with(cube, network, mapping):
    return Dream(cube, network, "class:salt", mapping=mapping, **QUICK).run().dreamed(0)


@pytest.mark.usefixtures("without_figures")
def test_a_volume_is_written_with_scores_film_and_segy(tmp_path):
    run = open_cube_dream(tmp_path, steps=2)
    recorder = FilmRecorder(run)
    for state in run.states():
        recorder.record(state)
    result = run.result(frames=recorder.frames)
    files = {path.name for path in result.save(tmp_path / "out")}
    assert {"scores.csv", "dream.gif", "dream.sgy", "dream.npy", "recipe.json"} <= files
    assert len((tmp_path / "out" / "scores.csv").read_text().splitlines()) == 1 + run.n_states


def test_a_full_disk_and_a_wrong_scope_are_refused_before_the_dream(tmp_path, monkeypatch):
    run = open_cube_dream(tmp_path)
    given = {"source": run.original, "settings": run.settings, "volume": run.volume}
    check_room(tmp_path / "out", **given)
    with raises("not-supported", "segy"):
        check_room(tmp_path / "out", segy="section", **given)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    with raises("too-large"):
        check_room(tmp_path / "out", **given)


def test_absent_traces_of_a_volume_stay_as_they_are(tmp_path):
    run = open_cube_dream(tmp_path, n_dead=5, jitter=2).run()
    dreamed, before = run.result().dream.values, run.original.values
    assert not before[:, 0, :5].any()
    np.testing.assert_array_equal(dreamed[:, 0, :5], before[:, 0, :5])
    assert (dreamed[:, 1:] != before[:, 1:]).mean() > 0.9
