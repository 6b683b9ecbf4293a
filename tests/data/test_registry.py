"""One front door: what a source is decides who opens it, and what it is not is said."""

import numpy as np
import pytest
from PIL import Image

from segy_files import make_segy, numbered, ramp
from seisdream.data import registry as sources
from seisdream.data.photos import Photos
from seisdream.data.registry import name_of, open_labelled
from seisdream.data.segy_lines import LabelledLines
from seisdream.errors import SeisdreamError


@pytest.fixture
def cube(tmp_path):
    words = numbered([100, 102], [11, 12, 13], 9, 21)
    make_segy(tmp_path / "cube_labels.sgy", np.ones((6, 5)), words=words)
    return make_segy(tmp_path / "cube.sgy", ramp(6, 5), words=words)


def test_each_source_finds_its_opener(tmp_path, cube, monkeypatch):
    assert len(open_labelled(str(cube), inline_byte=9, crossline_byte=21).lines) == 5
    np.savez(tmp_path / "inline_3.npz", amplitude=np.eye(5), labels=np.eye(5, dtype=int))
    data = open_labelled(str(tmp_path / "inline_3.npz"))
    assert isinstance(data, LabelledLines)
    assert data.classes == ("class 0", "class 1")
    # A folder takes what lies in it, of every kind.
    assert {line.survey for line in open_labelled(str(tmp_path)).lines} == {"", "cube"}
    for name in ("shale", "sand"):
        (tmp_path / "rocks" / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / "rocks" / name / "a.png")
    assert isinstance(open_labelled(str(tmp_path / "rocks")), Photos)
    asked = []
    monkeypatch.setattr(sources, "open_benchmark", lambda *args, **options: asked.append((args, options)))
    open_labelled("benchmark:f3-facies/test1", progress=False)
    open_labelled("benchmark:penobscot")
    assert asked == [(("f3-facies", "test1"), {"progress": False}), (("penobscot", None), {"progress": True})]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing", "There is no missing; name a folder, .* or one of benchmark:f3-facies, benchmark:f3-intervals"),
        ("benchmark:f4", "There is no benchmark 'f4'"),
        ("a.txt", r"a\.txt is no labelled file"),
        ("empty", "empty holds nothing labelled. It may hold .* photographs in one folder a class"),
        ("bare.sgy", r"put bare_labels\.sgy"),
    ],
)
def test_what_is_not_labelled_says_what_could_be(tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("")
    make_segy(tmp_path / "bare.sgy", ramp(6, 5))
    with pytest.raises(SeisdreamError, match=message):
        open_labelled(source)


def test_options_are_for_segy(tmp_path):
    with pytest.raises(SeisdreamError, match="inline_byte apply to SEG-Y"):
        open_labelled(str(tmp_path), inline_byte=9)


def test_how_headers_are_read_reaches_the_volumes_of_a_folder(tmp_path, monkeypatch):
    (tmp_path / "cube.sgy").write_bytes(b"")
    (tmp_path / "cube_labels.sgy").write_bytes(b"")

    def opened(path, **options):
        raise SeisdreamError(f"{path.name} {options}")

    monkeypatch.setattr("seisdream.data.folders.open_volume", opened)
    with pytest.raises(SeisdreamError, match=r"cube\.sgy \{'dt_ms': 4\.0\}"):
        open_labelled(str(tmp_path), dt_ms=4.0)


def test_data_are_called_by_their_folder_file_or_benchmark(tmp_path, monkeypatch):
    (tmp_path / "my.labels.v2").mkdir()
    monkeypatch.chdir(tmp_path / "my.labels.v2")
    assert name_of(".") == name_of(str(tmp_path / "my.labels.v2")) == "my.labels.v2"
    assert name_of("lines/f3.npz") == "f3"
    assert name_of("benchmark:f3-facies/train") == "f3-facies"
