"""What an input is decides who opens it and which options it takes; how it was opened goes along."""

import json
import subprocess
import sys

import numpy as np
import pytest

from errors import raises
from segy_files import make_segy, numbered, ramp
from seisdream.io.inputs import find_segy, open_section
from seisdream.io.samples import SAMPLES


@pytest.fixture
def cube(tmp_path):
    return make_segy(tmp_path / "cube.sgy", ramp(12, 6), words=numbered([100, 102, 104, 106], [11, 12, 13], 9, 21))


def test_a_section_says_how_it_was_opened(cube):
    section = open_section(cube, inline=np.int64(104), inline_byte=9, crossline_byte=21, nan=None)
    opened = json.loads(section.attrs["opened"])
    assert opened == {"input": str(cube), "options": {"inline": 104, "inline_byte": 9, "crossline_byte": 21}}
    opened = json.loads(json.dumps(opened))
    assert open_section(opened["input"], **opened["options"]).identical(section)


def test_files_and_samples_are_named_as_the_user_named_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.eye(4))
    assert open_section("a.npy", dt_ms=2.0).attrs["opened"] == '{"input": "a.npy", "options": {"dt_ms": 2.0}}'
    assert open_section("sample:built-in").attrs["opened"] == '{"input": "sample:built-in", "options": {}}'


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.png", {"time_ms": 8.0}, r"--time does not apply to a\.png, a picture; options for it: --nan\.$"),
        (
            "a.npy",
            {"inline_byte": 9},
            r"--inline-byte .* an array; .* --crossline, --time, --nan, --muted, --dt-ms, --key\.$",
        ),
        ("a.sgy", {"key": "x"}, r"--key does not apply .*--inline-byte, --crossline-byte, --endian, --encoding\.$"),
        (
            "sample:built-in",
            {"inline": 1},
            r"--inline does not apply to sample:built-in, .*; options for it: --muted\.$",
        ),
        ("sample:f3", {"dt_ms": 2.0}, r"--dt-ms does not apply to sample:f3, .*; options for it: --muted\.$"),
    ],
)
def test_options_that_do_not_apply_are_told_as_flags(name, options, message):
    with raises("incompatible"):
        open_section(name, **options)


def test_only_samples_in_segy_are_fetched_for_their_headers(tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr("seisdream.io.inputs.fetch_sample", lambda name: fetched.append(name) or tmp_path / "x.sgy")
    assert find_segy("sample:f3") is find_segy("sample:built-in") is find_segy("sample:other") is None
    assert fetched == []
    assert find_segy("sample:npra") == str(tmp_path / "x.sgy")
    assert fetched == ["npra"]
    assert {"f3", "npra"} == set(SAMPLES)


def test_opening_files_starts_without_what_only_few_of_them_need():
    code = "import sys, seisdream.io.inputs; print(*{'scipy.signal', 'zarr', 'seisdream.synthetic'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
