"""The experiment on geology: views of an earth with known properties, and a minimal run that can be repeated."""

import csv
import json

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from errors import raises
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.dreaming.parameterizations.impedance import invert
from seisdream.errors import SeisdreamError
from seisdream.evaluation.scores import Scores
from seisdream.evaluation.test_sets import HELD_OUT_SEED
from seisdream.research.experiments import geology
from seisdream.research.experiments.base import run_experiment
from seisdream.research.experiments.bootstrap import mean_iou
from seisdream.research.experiments.geology_page import MEASURES, make_page
from seisdream.research.experiments.stimulus_views import (
    INVERTED,
    NOISE_FREE,
    RECORDED,
    ROCK,
    STAGES,
    UNPROCESSED,
    UNSMOOTHED,
    UNSMOOTHED_EARTH,
    WAVELETS,
    make_views,
    view_keys,
)
from seisdream.seismic.spectrum import tie_wavelet
from seisdream.synthetic import make_earth
from seisdream.synthetic.wavelets import ricker, rotate_phase

DT_MS = 4.0
TIMES_MS = np.arange(-25, 26) * DT_MS


@pytest.fixture(scope="module")
def earth():
    return make_earth(11, n_samples=192, n_traces=64)


@pytest.fixture(scope="module")
def unsmoothed():
    return make_earth(11, n_samples=192, n_traces=64, settings=UNSMOOTHED_EARTH)


@pytest.fixture(scope="module")
def views(earth, unsmoothed):
    return {(view.stage, view.processing): view.values for view in make_views(earth, unsmoothed)}


def _correlation(first, second):
    return np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]


@pytest.mark.parametrize("peak_hz", [20.0, 30.0])
def test_inversion_without_noise_gives_the_logarithm_of_impedance_within_the_band(earth, peak_hz):
    seismic = np.apply_along_axis(
        np.convolve, 0, earth["reflectivity"].values.astype(float), ricker(TIMES_MS, peak_hz), mode="same"
    )
    inverted, _ = invert(seismic, ricker(TIMES_MS, peak_hz), DT_MS)
    band = butter(3, [0.5 * peak_hz, 1.5 * peak_hz], "bandpass", fs=1000.0 / DT_MS, output="sos")
    found, true = (
        sosfiltfilt(band, values, axis=0)[20:-20] for values in (inverted, np.log(earth["impedance"].values))
    )
    assert _correlation(found, true) > 0.97
    # Damping reduces the amplitude within the band, but not by much.
    assert 0.7 < np.sum(found * true) / np.sum(true * true) < 1.1


def test_a_well_tie_recovers_a_wavelet_of_any_phase(earth):
    wavelet = rotate_phase(np.pad(ricker(TIMES_MS, 30.0), 0), 90.0)
    reflectivity = earth["reflectivity"].values[:, 30].astype(float)
    found = tie_wavelet(np.convolve(reflectivity, wavelet, mode="same"), reflectivity)
    assert _correlation(found, wavelet) > 0.98
    assert np.ptp(found) == pytest.approx(np.ptp(wavelet), rel=0.1)


def test_views_have_the_stated_order(earth, views):
    assert list(views) == view_keys()
    assert list(dict.fromkeys(stage for stage, _ in views)) == list(STAGES)
    for values in views.values():
        assert values.shape == earth["facies"].shape
        assert np.isfinite(values).all()


def test_longer_periods_have_lower_frequencies(views):
    def centroid_hz(values):
        power = np.mean(np.abs(np.fft.rfft(values, axis=0)) ** 2, axis=1)
        return np.sum(power * np.fft.rfftfreq(len(values), DT_MS / 1000.0)) / np.sum(power)

    centroids = [centroid_hz(views[stage, UNPROCESSED]) for stage in WAVELETS]
    assert centroids == sorted(centroids, reverse=True)


def test_the_rock_is_the_training_data_of_geology_and_recordings_are_the_earths(earth, views):
    earths = GeneratedEarths(HELD_OUT_SEED, quantity="impedance", size=64, augmentation=None)
    image = earths[5].image[0]
    rock = next(make_views(earths.earth(5), earths.earth(5))).values
    clip = np.percentile(np.abs(rock), 99)
    assert np.clip(rock / clip, -1, 1) == pytest.approx(image, abs=2e-3)  # Kept as float16.
    assert np.array_equal(views[RECORDED, UNPROCESSED], earth["seismic"].values)
    assert np.array_equal(views[NOISE_FREE, UNPROCESSED], earth["noise_free"].values)


def test_the_unsmoothed_recording_has_the_same_rock_and_less_similar_neighbours(earth, unsmoothed, views):
    for name in ("impedance", "lithology", "unit"):
        assert np.array_equal(earth[name], unsmoothed[name])

    def similarity(values):
        return _correlation(values[:, 1:], values[:, :-1])

    assert similarity(views[UNSMOOTHED, UNPROCESSED]) < similarity(views[NOISE_FREE, UNPROCESSED])


def test_inversion_correlates_better_with_the_rock_than_seismic_does(views):
    rock = views[ROCK, UNPROCESSED]
    for stage in ("reflectivity", *WAVELETS):
        assert _correlation(views[stage, INVERTED], rock) > _correlation(views[stage, UNPROCESSED], rock)


def test_mean_iou_equals_that_of_scores():
    rng = np.random.default_rng(0)
    confusion = rng.integers(0, 50, (4, 5, 5))
    confusion[1, 2], confusion[1, :, 2] = 0, 0
    expected = [Scores(tuple("abcde"), each).mean_iou for each in confusion]
    assert mean_iou(confusion) == pytest.approx(expected)


def test_networks_that_cannot_be_compared_are_refused():
    with raises("incompatible", option="network"):
        geology.load_networks("geology", "facies-robust")
    with raises("incompatible", option="robust_network"):
        geology.load_networks("facies", "facies")
    with raises("incompatible", option="robust_network"):
        geology.load_networks("facies", "gabor")


SMALLEST = geology.GeologySize(2, 1, side=80)


def _without_f3(line):
    raise SeisdreamError("Cannot fetch it. Get the file by hand.", code="download-failed")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two smallest possible runs of the experiment."""
    path = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(geology, "open_section", _without_f3)
        for name in ("one", "two"):
            run_experiment("geology", path / name, is_quick=True, size=SMALLEST, seed=3)
    return path / "one", path / "two"


@pytest.fixture(scope="module")
def results(folders):
    return json.loads((folders[0] / "results.json").read_text("utf-8"))


@pytest.mark.slow
def test_a_run_writes_results_figures_and_a_page(folders, results):
    figures = {f"{name}.png" for name in ("scores", "representations", "maps", "dreams")}
    assert {path.name for path in folders[0].iterdir()} == {"results.json", "page.md", "scores.csv"} | figures
    assert [(row["stage"], row["processing"]) for row in results["views"]] == view_keys()
    assert results["earths"] == [3000, 3001]
    for row in results["views"]:
        for score in row["scores"].values():
            for measure in MEASURES:
                assert 0.0 <= score[measure] <= 1.0
                assert score[f"{measure}_interval"][0] <= score[f"{measure}_interval"][1]
        assert {name: set(one) for name, one in row["cka_with_first"].items()} == {
            name: set(geology.LAYERS) for name in ("facies", "facies-robust")
        }
    rock = results["views"][0]
    assert rock["correlation"] == pytest.approx(1.0)
    assert all(
        row["cka"] == pytest.approx(1.0)
        for name in rock["cka_with_rock"]
        for row in rock["cka_with_rock"][name].values()
    )
    assert [len(row["correlations"]) for row in results["dreams"]["rows"]] == [3, 3, 3]
    with (folders[0] / "scores.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3 * len(view_keys())


@pytest.mark.slow
def test_a_repeated_run_gives_the_same_results(folders, results):
    again = json.loads((folders[1] / "results.json").read_text("utf-8"))
    assert {**again, "seconds": 0} == {**results, "seconds": 0}


@pytest.mark.slow
def test_the_page_is_made_from_the_results_alone_and_names_what_is_left_out(folders, results):
    page = (folders[0] / "page.md").read_text("utf-8")
    assert make_page(results, "{}.png") == page
    for heading in ("What would change the answer", "What was not tested", "Data, credit and licence"):
        assert f"## {heading}" in page
    for name in ("scores", "representations", "maps", "dreams"):
        assert f"({name}.png)" in page
    assert "F3 inline 362 is not available. Cannot fetch it." in page
    assert "(f3.png)" not in page


@pytest.mark.slow
def test_a_real_line_has_a_figure_of_its_own(quick_run):
    _, folder = quick_run("geology", SMALLEST)
    assert (folder / "f3.png").is_file()
    assert "(f3.png)" in (folder / "page.md").read_text("utf-8")
