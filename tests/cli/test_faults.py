"""Hours of work are not lost for a secondary reason: what can be written is, and what cannot is named."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import seisdream.plotting.films as films
from seisdream.io.array_file import ArrayFile
from seisdream.results.dream_result import DreamResult

QUICK = ("--network", "gabor", "--octaves", 1, "--steps", 1)


def test_a_broken_ffmpeg_costs_only_the_film(seisdream, array, tmp_path, monkeypatch):
    monkeypatch.setattr(films, "find_ffmpeg", lambda: str(array))
    code, out, err = seisdream("dream", array, *QUICK, "--out", tmp_path / "d", "--json")
    assert code == 3, err
    names = {path.name for path in (tmp_path / "d").iterdir()}
    assert {"dream.npy", "figure.png", "film.gif", "recipe.json"} <= names
    assert "film.mp4" not in names
    (note,) = (note for note in json.loads(out)["notes"] if "film.mp4" in note)
    assert err.count(note) == 1
    assert note in json.loads((tmp_path / "d" / "recipe.json").read_text())["notes"]


def test_a_folder_that_is_taken_during_the_run_costs_nothing(seisdream, array, tmp_path, monkeypatch):
    save = DreamResult.save

    def save_late(self, folder, **options):
        if folder == str(tmp_path / "d"):
            (tmp_path / "d").mkdir()
            (tmp_path / "d" / "theirs").touch()
        return save(self, folder, **options)

    monkeypatch.setattr(DreamResult, "save", save_late)
    code, _, err = seisdream("dream", array, *QUICK, "--no-film", "--out", tmp_path / "d")
    assert code == 2
    (kept,) = tmp_path.glob("d.finished-*")
    assert str(kept) in err
    assert (kept / "dream.npy").exists()
    assert os.listdir(tmp_path / "d") == ["theirs"]


def test_a_full_disk_costs_nothing(seisdream, array, full_disk, monkeypatch, tmp_path):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr("seisdream.results.dream_result.check_disk_space", lambda *_: None)
    (full_disk / "other").write_bytes(bytes(1_040_000))
    code, _, err = seisdream("dream", array, *QUICK, "--no-film", "--out", full_disk / "d")
    assert (code, "the disk is full" in err) == (2, True)
    (kept,) = (tmp_path / "tmp").iterdir()
    assert str(kept) in err
    assert (kept / "dream.npy").exists()
    assert os.listdir(full_disk) == ["other"]


def test_on_a_disk_that_is_nearly_full_only_pictures_are_missing(seisdream, array, full_disk, monkeypatch):
    monkeypatch.setattr("seisdream.results.dream_result.check_disk_space", lambda *_: None)
    (full_disk / "other").write_bytes(bytes(980_000))
    code, _, err = seisdream("dream", array, *QUICK, "--out", full_disk / "d")
    assert code == 3, err
    assert "No figure.png: the disk is full" in err
    assert {"dream.npy", "recipe.json", "scores.csv"} <= set(os.listdir(full_disk / "d"))


def test_a_file_name_that_is_not_utf_8_is_like_any_other(seisdream, array, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/l\xffne.npy"))
    array.rename(odd)
    assert seisdream("dream", odd, *QUICK, "--no-film", "--out", tmp_path / "d")[0] == 0
    assert (tmp_path / "d" / "figure.png").exists()
    assert seisdream("replay", tmp_path / "d")[0] == 0


def test_an_array_finds_a_full_disk_before_the_work(full_disk):
    with pytest.raises(OSError, match="No space"):
        ArrayFile(full_disk / "a.npy", np.dtype(np.float32), (10, 500, 500), 1)
