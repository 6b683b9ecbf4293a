"""A source string decides how a dataset is opened."""

import numpy as np
import pytest
from PIL import Image

from errors import raises
from segy_files import make_segy, numbered, ramp
from seisdream.data import registry as sources
from seisdream.data.lines import LabelledLines
from seisdream.data.photos import Photos
from seisdream.data.registry import dataset_name, open_dataset
from seisdream.errors import SeisdreamError


@pytest.fixture
def cube(tmp_path):
    words = numbered([100, 102], [11, 12, 13], 9, 21)
    make_segy(tmp_path / "cube_labels.sgy", np.ones((6, 5)), words=words)
    return make_segy(tmp_path / "cube.sgy", ramp(6, 5), words=words)


def test_each_source_finds_its_opener(tmp_path, cube, monkeypatch):
    assert len(open_dataset(str(cube), inline_byte=9, crossline_byte=21).lines) == 5
    np.savez(tmp_path / "inline_3.npz", amplitude=np.eye(5), labels=np.eye(5, dtype=int))
    data = open_dataset(str(tmp_path / "inline_3.npz"))
    assert isinstance(data, LabelledLines)
    assert data.classes == ("class 0", "class 1")
    # A folder takes what lies in it, of every kind.
    assert {line.survey for line in open_dataset(str(tmp_path)).lines} == {"", "cube"}
    for name in ("shale", "sand"):
        (tmp_path / "rocks" / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / "rocks" / name / "a.png")
    assert isinstance(open_dataset(str(tmp_path / "rocks")), Photos)
    opened_benchmarks = []
    monkeypatch.setattr(sources, "open_benchmark", lambda *args, **options: opened_benchmarks.append((args, options)))
    open_dataset("benchmark:f3-facies/test1", progress=False)
    open_dataset("benchmark:penobscot")
    assert opened_benchmarks == [
        (("f3-facies", "test1"), {"progress": False}),
        (("penobscot", None), {"progress": True}),
    ]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("missing", "not-found"),
        ("benchmark:f4", "unknown-name"),
        ("a.txt", "no-labels"),
        ("empty", "no-labels"),
        ("bare.sgy", "no-labels"),
    ],
)
def test_sources_without_labels_are_refused(tmp_path, monkeypatch, source, code):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("")
    make_segy(tmp_path / "bare.sgy", ramp(6, 5))
    with raises(code):
        open_dataset(source)


def test_options_apply_to_segy_only(tmp_path):
    with raises("incompatible"):
        open_dataset(str(tmp_path), inline_byte=9)


def test_segy_options_apply_to_the_volumes_of_a_folder(tmp_path, monkeypatch):
    (tmp_path / "cube.sgy").write_bytes(b"")
    (tmp_path / "cube_labels.sgy").write_bytes(b"")

    opened = []

    def open_file(path, **options):
        opened.append((path.name, options))
        raise SeisdreamError("stopped", code="invalid")

    monkeypatch.setattr("seisdream.data.folders.open_labelled_segy", open_file)
    with raises("invalid"):
        open_dataset(str(tmp_path), dt_ms=4.0)
    assert opened == [("cube.sgy", {"dt_ms": 4.0})]


def test_datasets_are_named_after_their_folder_file_or_benchmark(tmp_path, monkeypatch):
    (tmp_path / "my.labels.v2").mkdir()
    monkeypatch.chdir(tmp_path / "my.labels.v2")
    assert dataset_name(".") == dataset_name(str(tmp_path / "my.labels.v2")) == "my.labels.v2"
    assert dataset_name("lines/f3.npz") == "f3"
    assert dataset_name("benchmark:f3-facies/train") == "f3-facies"
