"""Saved results are read back; folders of others are refused."""

import json

import numpy as np
import pytest

from errors import raises
from seisdream.results.dream_result import DreamResult
from seisdream.results.load import load_result


def test_a_dream_is_read_back(section, make_dream, tmp_path):
    dream = make_dream(section)
    dream.save(tmp_path / "out")
    loaded = load_result(tmp_path / "out")
    assert isinstance(loaded, DreamResult)
    assert loaded.notes == ["a note"]
    assert loaded.scores == dream.scores
    assert loaded.summary() == dream.summary()
    assert {key: value for key, value in loaded.provenance.items() if key != "notes"} == {
        key: value for key, value in dream.provenance.items() if key != "notes"
    }
    known = dream.dataset["dream"]
    np.testing.assert_array_equal(loaded.dataset["dream"].values, known.values)
    assert loaded.dataset["dream"].dims == known.dims
    assert loaded.dataset["dream"].attrs["units"] == "amplitude"
    for dim in known.dims:
        np.testing.assert_array_equal(loaded.dataset[dim].values, known[dim].values)
    assert len(loaded.plot().axes) == 2


def test_uneven_and_named_coordinates_are_read_back(section, make_dream, tmp_path):
    numbers = np.r_[np.arange(30), np.arange(40, 70)]
    uneven = section.rename(trace="crossline").assign_coords(crossline=numbers)
    make_dream(uneven).save(tmp_path / "out")
    np.testing.assert_array_equal(load_result(tmp_path / "out").dataset["crossline"].values, numbers)


@pytest.mark.parametrize("content", [None, "{}", '{"written": {"by": "another", "files": []}}', "not JSON"])
def test_folders_of_others_are_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "recipe.json").write_text(content)
    with raises("not-ours", "folder"):
        load_result(tmp_path)


def test_a_missing_folder_and_a_damaged_one_are_refused(section, make_dream, tmp_path):
    with raises("not-found", "folder"):
        load_result(tmp_path / "nothing")
    make_dream(section).save(tmp_path / "out")
    (tmp_path / "out" / "dream.npy").unlink()
    with raises("corrupt"):
        load_result(tmp_path / "out")


def test_a_file_name_that_leaves_the_folder_is_refused(section, make_dream, tmp_path):
    make_dream(section).save(tmp_path / "out")
    np.save(tmp_path / "other.npy", section.values)
    path = tmp_path / "out" / "recipe.json"
    record = json.loads(path.read_text("utf-8"))
    record["arrays"]["dream"]["file"] = "../other.npy"
    path.write_text(json.dumps(record))
    with raises("corrupt"):
        load_result(tmp_path / "out")
