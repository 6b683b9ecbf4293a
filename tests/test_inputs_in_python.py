"""What public functions accept as a section, and what they record of it."""

import numpy as np
import pytest

import seisdream as sd


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "line.npy"
    np.save(file, np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32))
    return file


def test_predict_and_activations_take_a_path(path):
    assert sd.predict(path, "facies", augmentations=0).sizes["row"] == 64
    assert sd.record_activations(path, "gabor", "stage1/filters").dtype == np.float32


def test_a_section_that_was_cut_does_not_claim_to_be_its_file(path):
    section = sd.open_section(path)
    assert sd.Dream(section, "gabor", octaves=1, steps=0).settings.input == str(path)
    assert sd.Dream(section[8:56], "gabor", octaves=1, steps=0).settings.input is None


def test_missing_samples_are_noted(path):
    section = sd.open_section(path).copy()
    section[3, 4] = np.nan
    (note,) = [one for one in sd.Dream(section, "gabor", octaves=1, steps=0).notes if "NaN" in one]
    assert note.startswith("1 sample is undefined (NaN)")
