"""The experiment on geology: what is shown is what it says, and a tiny run says all and says it again."""

import csv
import json

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.dreaming.parameterizations.impedance import invert
from seisdream.errors import SeisdreamError
from seisdream.evaluation.confusion import Scores
from seisdream.evaluation.test_sets import HELD_OUT_SEED
from seisdream.research.experiments import geology
from seisdream.research.experiments.base import run_experiment
from seisdream.research.experiments.stimulus_views import (
    INVERTED,
    NOISE_FREE,
    PLACES,
    PLAIN,
    RECORDED,
    ROCK,
    SHARP,
    UNSMOOTHED,
    WAVELETS,
    order_of_shown,
    show,
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
def sharp():
    return make_earth(11, n_samples=192, n_traces=64, recipe=UNSMOOTHED)


@pytest.fixture(scope="module")
def shown(earth, sharp):
    return {(one.place, one.way): one.values for one in show(earth, sharp)}


def _correlation(first, second):
    return np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]


@pytest.mark.parametrize("peak_hz", [20.0, 30.0])
def test_an_inversion_without_noise_is_the_logarithm_of_impedance_within_the_band(earth, peak_hz):
    seismic = np.apply_along_axis(
        np.convolve, 0, earth["reflectivity"].values.astype(float), ricker(TIMES_MS, peak_hz), mode="same"
    )
    inverted, _ = invert(seismic, ricker(TIMES_MS, peak_hz), DT_MS)
    band = butter(3, [0.5 * peak_hz, 1.5 * peak_hz], "bandpass", fs=1000.0 / DT_MS, output="sos")
    found, true = (
        sosfiltfilt(band, values, axis=0)[20:-20] for values in (inverted, np.log(earth["impedance"].values))
    )
    assert _correlation(found, true) > 0.97
    # Not the scale alone is right within the band: damping takes a part of it, and no more.
    assert 0.7 < np.sum(found * true) / np.sum(true * true) < 1.1


def test_the_wavelet_of_any_phase_is_found_at_a_well(earth):
    wavelet = rotate_phase(np.pad(ricker(TIMES_MS, 30.0), 0), 90.0)
    reflectivity = earth["reflectivity"].values[:, 30].astype(float)
    found = tie_wavelet(np.convolve(reflectivity, wavelet, mode="same"), reflectivity)
    assert _correlation(found, wavelet) > 0.98
    assert np.ptp(found) == pytest.approx(np.ptp(wavelet), rel=0.1)


def test_what_is_shown_is_in_the_order_that_is_told(earth, shown):
    assert list(shown) == order_of_shown()
    assert list(dict.fromkeys(place for place, _ in shown)) == list(PLACES)
    for values in shown.values():
        assert values.shape == earth["facies"].shape
        assert np.isfinite(values).all()


def test_longer_periods_have_lower_frequencies_and_reflectivity_has_all(shown):
    def centroid_hz(values):
        power = np.mean(np.abs(np.fft.rfft(values, axis=0)) ** 2, axis=1)
        return np.sum(power * np.fft.rfftfreq(len(values), DT_MS / 1000.0)) / np.sum(power)

    centroids = [centroid_hz(shown[place, PLAIN]) for place in WAVELETS]
    assert centroids == sorted(centroids, reverse=True)


def test_the_rock_is_what_geology_was_trained_on_and_recordings_are_the_earth_s(earth, shown):
    earths = GeneratedEarths(HELD_OUT_SEED, quantity="impedance", size=64, augmentation=None)
    picture = earths[5].picture[0]
    rock = next(show(earths.earth(5), earths.earth(5))).values
    clip = np.percentile(np.abs(rock), 99)
    assert np.clip(rock / clip, -1, 1) == pytest.approx(picture, abs=2e-3)  # Kept as float16.
    assert np.array_equal(shown[RECORDED, PLAIN], earth["seismic"].values)
    assert np.array_equal(shown[NOISE_FREE, PLAIN], earth["noise_free"].values)


def test_the_sharp_recording_is_of_the_same_rock_with_less_alike_neighbours(earth, sharp, shown):
    for name in ("impedance", "lithology", "unit"):
        assert np.array_equal(earth[name], sharp[name])

    def likeness(values):
        return _correlation(values[:, 1:], values[:, :-1])

    assert likeness(shown[SHARP, PLAIN]) < likeness(shown[NOISE_FREE, PLAIN])


def test_an_inversion_is_more_like_the_rock_than_seismic_is(shown):
    rock = shown[ROCK, PLAIN]
    for place in ("reflectivity", *WAVELETS):
        assert _correlation(shown[place, INVERTED], rock) > _correlation(shown[place, PLAIN], rock)


def test_mean_iou_is_that_of_scores():
    rng = np.random.default_rng(0)
    confusion = rng.integers(0, 50, (4, 5, 5))
    confusion[1, 2], confusion[1, :, 2] = 0, 0
    expected = [Scores(tuple("abcde"), each).mean_iou for each in confusion]
    assert geology.mean_iou_of(confusion) == pytest.approx(expected)


def test_networks_that_cannot_be_compared_are_refused():
    with pytest.raises(SeisdreamError, match=r"geology itself.*--network"):
        geology.load_both("geology")
    with pytest.raises(SeisdreamError, match=r"gabor cannot be compared.*--network"):
        geology.load_both("gabor")


def _without_f3(line):
    raise SeisdreamError("Cannot fetch it. Get the file by hand.")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The experiment as small as it can be, twice."""
    path = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(geology, "QUICK", geology.Size(2, 1, side=80))
        patch.setattr(geology, "open_section", _without_f3)
        for name in ("one", "two"):
            run_experiment("geology", path / name, is_quick=True, seed=3)
    return path / "one", path / "two"


@pytest.fixture(scope="module")
def results(folders):
    return json.loads((folders[0] / "results.json").read_text("utf-8"))


def test_a_run_writes_results_figures_and_a_page(folders, results):
    figures = {f"{name}.png" for name in ("curve", "representations", "maps")}
    assert {path.name for path in folders[0].iterdir()} == {"results.json", "page.md", "scores.csv"} | figures
    assert [(row["place"], row["way"]) for row in results["shown"]] == order_of_shown()
    assert results["earths"] == [3000, 3001]
    for row in results["shown"]:
        for score in row["scores"].values():
            for measure in geology.MEASURES:
                assert 0.0 <= score[measure] <= 1.0
                assert score[f"{measure}_interval"][0] <= score[f"{measure}_interval"][1]
        assert set(row["alike"]) == set(geology.LAYERS)
    rock = results["shown"][0]
    assert rock["correlation"] == pytest.approx(1.0)
    assert all(
        row["cka"] == pytest.approx(1.0) for name in rock["like_rock"] for row in rock["like_rock"][name].values()
    )
    assert len(results["dreams"]["rows"]) == 3
    with (folders[0] / "scores.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2 * len(order_of_shown())


def test_a_run_again_says_the_same(folders, results):
    again = json.loads((folders[1] / "results.json").read_text("utf-8"))
    assert {**again, "seconds": 0} == {**results, "seconds": 0}


def test_the_page_is_made_of_the_results_alone_and_says_what_was_left_out(folders, results):
    page = (folders[0] / "page.md").read_text("utf-8")
    assert geology.page(results, "{}.png") == page
    for heading in ("What would change the answer", "What was not tested", "Data, credit and licence"):
        assert f"## {heading}" in page
    for name in ("curve", "representations", "maps"):
        assert f"({name}.png)" in page
    assert "F3 inline 362 was not at hand. Cannot fetch it." in page
    assert "(f3.png)" not in page
