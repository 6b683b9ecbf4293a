"""Sections outside the range of a network's training data are resampled for it."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy.signal import resample

import seisdream as sd
from seisdream.inference.harmonise import Harmonisation, harmonise
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.predictor import Predictor
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.seismic.sections import make_section
from seisdream.seismic.spectrum import mean_frequency, mean_wavenumber
from trained_files import CLASSES, make_unet


def network(**ranges):
    preprocessing = Preprocessing("grey", scale=1 / 127.5, mean=(1.0,))
    return Network("u", make_unet(), preprocessing, classes=CLASSES, class_layer="logits", **ranges)


def section(n_samples=128, n_traces=96, dt_ms=4.0, seed=0):
    """Return noise in every sample and trace."""
    return make_section(np.random.default_rng(seed).normal(size=(n_samples, n_traces)), dt_ms=dt_ms)


def finer(one, factor, axis):
    """Return a section with samples or traces closer together, without energy at frequencies that it did not have."""
    values = resample(one.values, factor * one.shape[axis], axis=axis)
    return make_section(values.astype(np.float32), dt_ms=4.0 / factor if axis == 0 else 4.0)


RANGES = {"frequencies": (0.2, 0.3), "wavenumbers": (0.2, 0.3)}


def test_mean_frequencies_of_white_noise_are_half_of_nyquist_and_halve_with_the_sampling_interval():
    noise = section()
    assert mean_frequency(noise.values) == pytest.approx(0.25, abs=0.01)
    assert mean_wavenumber(noise.values) == pytest.approx(0.25, abs=0.01)
    assert mean_frequency(finer(noise, 2, 0).values) == pytest.approx(0.125, abs=0.01)
    assert mean_wavenumber(finer(noise, 4, 1).values) == pytest.approx(0.0625, abs=0.01)


@pytest.mark.parametrize(
    ("factor", "axis", "scale"), [(2, 0, (0.5, 1.0)), (4, 0, (0.25, 1.0)), (2, 1, (1.0, 0.5)), (4, 1, (1.0, 0.25))]
)
def test_a_section_sampled_too_finely_is_resampled_to_the_range_of_training(factor, axis, scale):
    found = harmonise(finer(section(), factor, axis), network(**RANGES))
    assert found.scale == scale
    assert f"{'time' if axis == 0 else 'traces'} by {1 / factor:g}" in found.note
    assert "training 0.2 to 0.3" in found.note


def test_a_section_sampled_too_coarsely_in_time_gets_more_samples_and_traces_stay():
    found = harmonise(section(), network(frequencies=(0.1, 0.15), wavenumbers=(0.1, 0.15)))
    assert found.scale == (2.0, 1.0)


@pytest.mark.parametrize(
    "known",
    [
        RANGES,
        {},
        {"frequencies": (0.05, 0.15)},
        {"frequencies": (0.01, 0.02), "wavenumbers": (0.01, 0.02)},
        {"frequencies": (0.17, 0.2), "wavenumbers": (0.17, 0.2)},
    ],
    ids=["in range", "no range", "range of version 0.1", "out of reach", "between two factors"],
)
def test_other_sections_stay_as_they_are(known):
    assert harmonise(section(), network(**known)) == Harmonisation()


def test_images_time_slices_and_small_sections_stay_as_they_are():
    fine = finer(section(), 2, 0)
    assert harmonise(fine[:, :40], network(**RANGES)) == Harmonisation()
    assert harmonise(fine.rename(time="inline", trace="crossline"), network(**RANGES)) == Harmonisation()
    assert harmonise(fine * 0.0 + 1.0, network(**RANGES)) == Harmonisation()


def test_a_prediction_at_half_the_samples_is_that_of_every_other_sample():
    coarse = section()
    # The samples of the coarse section, and the means of neighbours between them.
    values = np.zeros((255, 96), np.float32)
    values[::2] = coarse
    values[1::2] = (values[:-1:2] + values[2::2]) / 2
    own = network(frequencies=(0.23, 0.4), wavenumbers=(0.1, 0.4))
    settings = {"augmentations": 0, "percentile": 100}
    expected = sd.predict(coarse, own, scale=(1.0, 1.0), **settings)
    predicted = sd.predict(make_section(values, dt_ms=2.0), own, **settings)
    assert predicted.attrs["scale"] == (0.5, 1.0)
    assert predicted.classes.shape == values.shape
    np.testing.assert_allclose(predicted.probabilities[:, ::2], expected.probabilities, atol=1e-5)


def test_what_was_done_is_in_attributes_notes_and_provenance():
    fine = finer(section(), 2, 0)
    prediction = sd.predict(fine, network(**RANGES), augmentations=0)
    record = json.loads(prediction.attrs["provenance"])
    assert "time by 0.5 (mean frequency 0.1" in prediction.attrs["harmonisation"]
    assert prediction.attrs["harmonisation"] in record["notes"]
    assert record["settings"]["scale"] == [0.5, 1.0]


def test_a_section_in_range_is_predicted_bit_for_bit_as_without_ranges():
    ours, plain = (sd.predict(section(), network(**known), augmentations=1) for known in (RANGES, {}))
    assert np.array_equal(ours.probabilities, plain.probabilities)
    assert ours.attrs["scale"] == (1.0, 1.0)
    assert "harmonisation" not in ours.attrs


@pytest.mark.parametrize(
    ("settings", "scale"), [({"as_is": True}, (1.0, 1.0)), ({"scale": (0.7, 1.0)}, (0.7, 1.0)),
                            ({"scale": (0.7, 1.0), "as_is": True}, (0.7, 1.0))]
)  # fmt: skip
def test_a_given_scale_is_kept_and_so_is_a_section_as_it_is(settings, scale):
    fine = finer(section(), 2, 0)
    prediction = sd.predict(fine, network(**RANGES), augmentations=0, **settings)
    assert prediction.attrs["scale"] == scale
    assert "harmonisation" not in prediction.attrs


def test_as_is_notes_the_scale_to_use():
    fine = finer(section(), 2, 0)
    predictor = Predictor(network(**RANGES), PredictionSettings(as_is=True)).harmonised_with(fine)
    (note,) = predictor.notes_on(fine)
    assert "`scale=0.5x1`" in note


def test_all_lines_of_a_volume_are_resampled_alike():
    lines = np.stack([finer(section(seed=number), 2, 0).values for number in range(3)])
    cube = xr.DataArray(
        np.moveaxis(lines, 1, 2), dims=("inline", "crossline", "time"), coords={"time": np.arange(lines.shape[1]) * 2.0}
    )
    prediction = sd.predict(cube, network(**RANGES), augmentations=0)
    assert prediction.attrs["scale"] == (0.5, 1.0)
    assert prediction.classes.shape == cube.shape
