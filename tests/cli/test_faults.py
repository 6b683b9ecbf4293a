"""Hours of work are not lost for a secondary reason: what can be written is, and what cannot is named."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import seisdream.plotting.films as films
from errors import raises
from segy_files import make_segy, numbered, wiggles
from seisdream.errors import IncompleteResultWarning
from seisdream.io.array_file import ArrayFile
from seisdream.io.atomic import writing_folder
from seisdream.io.segy.survey import read_survey
from seisdream.research.experiments.base import Experiment, run_experiment
from seisdream.results.dream_result import DreamResult
from seisdream.results.saving import save_or_keep
from seisdream.results.writer import writing_result
from small_datasets import Stripes
from trained_files import write_unet

QUICK = ("--network", "gabor", "--octaves", 1, "--steps", 1)


def test_a_broken_ffmpeg_costs_only_the_film(seisdream, array, tmp_path, monkeypatch):
    monkeypatch.setattr(films, "find_ffmpeg", lambda: str(array))
    code, out, err = seisdream("dream", array, *QUICK, "--out", tmp_path / "d", "--json")
    assert code == 3, err
    names = {path.name for path in (tmp_path / "d").iterdir()}
    assert {"dream.npy", "dream-figure.png", "dream.gif", "recipe.json"} <= names
    assert "dream.mp4" not in names
    (note,) = (note for note in json.loads(out)["notes"] if "dream.mp4" in note)
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


@pytest.mark.drawn
def test_on_a_disk_that_is_nearly_full_only_pictures_are_missing(seisdream, array, full_disk, monkeypatch):
    monkeypatch.setattr("seisdream.results.dream_result.check_disk_space", lambda *_: None)
    (full_disk / "other").write_bytes(bytes(980_000))
    code, _, err = seisdream("dream", array, *QUICK, "--out", full_disk / "d")
    assert code == 3, err
    assert "No dream-figure.png: the disk is full" in err
    assert {"dream.npy", "recipe.json", "scores.csv"} <= set(os.listdir(full_disk / "d"))


def test_a_file_name_that_is_not_utf_8_is_like_any_other(seisdream, array, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/l\xffne.npy"))
    array.rename(odd)
    assert seisdream("dream", odd, *QUICK, "--no-film", "--out", tmp_path / "d")[0] == 0
    assert (tmp_path / "d" / "dream-figure.png").exists()
    assert seisdream("replay", tmp_path / "d")[0] == 0


def test_a_table_holds_names_that_are_not_utf_8(tmp_path):
    with writing_result(tmp_path / "out", marker="controls.json", provenance={}, notes=[]) as files:
        files.write_csv("regions.csv", [{"network": "m\udcfcller"}], ["network"])
    assert (tmp_path / "out" / "regions.csv").read_text().splitlines() == ["network", "m?ller"]


def test_an_array_finds_a_full_disk_before_the_work(full_disk):
    with pytest.raises(OSError, match="No space"):
        ArrayFile(full_disk / "a.npy", np.dtype(np.float32), (10, 500, 500), 1)


@pytest.mark.drawn
def test_a_volume_without_room_is_refused_and_on_a_disk_that_fills_only_some_segy_and_the_figure_are_missing(
    seisdream, full_disk, monkeypatch, tmp_path
):
    network = write_unet(tmp_path / "small.safetensors")
    source = make_segy(tmp_path / "a.sgy", wiggles(400, 200), words=numbered(range(20), range(20)))
    words = ("predict", source, "--volume", "--network", network, "--augmentations", 0, "--executor", "serial",
             "--out", full_disk / "p")  # fmt: skip
    code, _, err = seisdream(*words)
    assert (code, "free" in err) == (2, True)
    monkeypatch.setattr("seisdream.volumes.job.check_disk_space", lambda *_: None)
    code, _, err = seisdream(*words)
    assert code == 3, err
    for name in ("probability.sgy", "entropy.sgy", "figure.png"):
        assert f"No {name}: the disk is full" in err
    assert [path.name for path in (full_disk / "p").glob("*.*g*")] == ["class.sgy"]
    assert read_survey(full_disk / "p" / "class.sgy").n_traces == 400
    (store,) = (full_disk / "p").glob("*.zarr")
    assert store.is_dir(), "the compressed prediction fits"


def test_an_evaluation_on_a_full_disk_is_kept_elsewhere(full_disk, tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))

    def save(folder, *, force):
        with writing_folder(folder, force=force) as partial:
            (partial / "scores.json").write_bytes(bytes(2_000_000))

    with raises("write-failed") as caught:
        save_or_keep(save, full_disk / "out")
    assert str(tmp_path / "tmp") in str(caught.value)
    assert (caught.value.path / "scores.json").exists()
    assert os.listdir(full_disk) == []


def test_a_figure_that_fails_costs_a_trained_network_nothing(seisdream, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ValueError("no fonts")

    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(10):
        sample = Stripes(size=(48, 40))[number]
        np.savez(folder / f"inline_{number}.npz", amplitude=sample.image[0], labels=sample.classes)
    (folder / "classes.txt").write_text("coarse\nfine\ndark\n")
    for name in ("draw_history", "evaluate"):
        monkeypatch.setattr(f"seisdream.training.run_files.{name}", fail)
    words = ("--steps", 1, "--widths", "4,6,6", "--batch-size", 2, "--size", 32, "--device", "cpu", "--workers", 0)
    code, out, err = seisdream("train", "--data", folder, *words, "--out", tmp_path / "run", "--json")
    assert code == 3, err
    assert "No curves.png: no fonts" in err
    assert "No scores of the baselines: no fonts" in err
    names = {Path(file).name for file in json.loads(out)["files"]}
    assert names == {"network.safetensors", "card.md", "history.csv", "confusion.png"}


def test_a_page_and_a_figure_that_fail_cost_an_experiment_nothing(tmp_path, monkeypatch):
    figure = SimpleNamespace(savefig=None)
    run = SimpleNamespace(results={"n": 1}, figures={"roc": figure}, tables={"rows": [{"a": -5, "b": "=1"}]})
    found = Experiment("Why?", lambda **_: run, lambda results, pattern: 1 / 0, None, None)
    monkeypatch.setattr("seisdream.research.experiments.base.find_experiment", lambda name: found)
    with pytest.warns(IncompleteResultWarning) as warned:
        _, files = run_experiment("sight", tmp_path / "run")
    assert {"No page.md", "No roc.png"} == {str(one.message).partition(":")[0] for one in warned}
    assert {file.name for file in files} == {"results.json", "rows.csv"}
    assert (tmp_path / "run" / "rows.csv").read_text().splitlines() == ["a,b", "-5,'=1"]
