"""Each kind of input has its options, and a section records how it was opened."""

import json
import subprocess
import sys

import numpy as np
import pytest

from errors import raises
from segy_files import make_segy, numbered, ramp
from seisdream.io.inputs import find_segy, open_section, open_segy_volume
from seisdream.io.samples import SAMPLES


@pytest.fixture
def cube(tmp_path):
    return make_segy(tmp_path / "cube.sgy", ramp(12, 6), words=numbered([100, 102, 104, 106], [11, 12, 13], 9, 21))


def test_a_section_records_how_it_was_opened(cube):
    section = open_section(cube, inline=np.int64(104), inline_byte=9, crossline_byte=21, nan=None)
    opened = json.loads(section.attrs["opened"])
    assert opened.pop("shape") == list(section.shape)
    assert opened == {"input": str(cube), "options": {"inline": 104, "inline_byte": 9, "crossline_byte": 21}}
    opened = json.loads(json.dumps(opened))
    assert open_section(opened["input"], **opened["options"]).identical(section)


def test_the_recorded_name_is_the_one_that_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.eye(4))
    for name, options in (("a.npy", {"dt_ms": 2.0}), ("sample:built-in", {})):
        opened = json.loads(open_section(name, **options).attrs["opened"])
        assert (opened["input"], opened["options"]) == (name, options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {"time_ms": 8.0}),
        ("a.npy", {"inline_byte": 9}),
        ("a.sgy", {"key": "x"}),
        ("sample:built-in", {"inline": 1}),
        ("sample:f3", {"dt_ms": 2.0}),
        ("noise:8x8", {"inline": 1}),
    ],
)
def test_options_that_do_not_apply_are_refused_by_name(name, options):
    with raises("incompatible", next(iter(options))):
        open_section(name, **options)


@pytest.mark.parametrize("opener", [open_section, open_segy_volume])
def test_unknown_arguments_are_refused_with_near_matches(opener, cube):
    with raises("unknown-argument", "endain") as error:
        opener(cube, endain="big")
    assert "endian" in str(error.value)


def test_a_volume_opens_by_path(cube):
    volume = open_segy_volume(cube, inline_byte=9, crossline_byte=21)
    assert (volume.shape, volume.inlines) == ((4, 3, 6), (100, 102, 104, 106))
    inline = open_section(cube, inline=102, inline_byte=9, crossline_byte=21)
    np.testing.assert_array_equal(volume.open(102), inline)


def test_only_segy_volumes_are_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 5, 6)))
    with raises("not-supported"):
        open_segy_volume(tmp_path / "a.npy")


@pytest.mark.parametrize("opener", [open_section, open_segy_volume])
def test_muted_is_absent_or_present(opener, cube):
    with raises("unknown-name", "muted"):
        opener(cube, inline_byte=9, crossline_byte=21, muted="quiet")


def test_only_samples_in_segy_are_fetched_for_their_headers(tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr("seisdream.io.inputs.fetch_sample", lambda name: fetched.append(name) or tmp_path / "x.sgy")
    assert find_segy("sample:f3") is find_segy("sample:built-in") is find_segy("sample:other") is None
    assert fetched == []
    assert find_segy("sample:npra") == str(tmp_path / "x.sgy")
    assert fetched == ["npra"]
    assert {"f3", "npra"} == set(SAMPLES)


def test_opening_files_imports_no_slow_modules():
    code = "import sys, seisdream.io.inputs; print(*{'scipy.signal', 'zarr', 'seisdream.synthetic'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


@pytest.mark.parametrize("name", ["inline", "crossline", "time_ms", "dt_ms"])
def test_text_instead_of_a_number_is_refused(name):
    with raises("wrong-type", name):
        open_section("sample:built-in", **{name: "4"})


@pytest.mark.parametrize(
    ("option", "value"),
    [("inline", 10**30), ("inline", [1, 2]), ("time_ms", "x"), ("dt_ms", 10**30), ("dt_ms", (2, 4)), ("seed", True),
     ("shape", [2.5, 48]), ("shape", ["x"]), ("shape", 5), ("axes", 5), ("axes", [1, "x"]), ("key", 3), ("nan", [])],
)  # fmt: skip
def test_options_of_another_type_are_refused_as_a_file_may_state_them(tmp_path, option, value):
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 5), np.float32))
    with raises("wrong-type", option):
        open_section(tmp_path / "a.npy", **{option: value})
