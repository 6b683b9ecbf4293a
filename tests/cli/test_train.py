"""`seisdream train` from a folder of labels to files that predict and dream."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from seisdream.data import synthetic_stream as generated
from seisdream.evaluation.evaluate import METHODS
from seisdream.models.checkpoints import read_metadata
from seisdream.models.registry import load_network
from seisdream.models.zoo.googlenet import GoogLeNet
from seisdream.training import presets, runs
from seisdream.training.settings import TrainingSettings
from small_datasets import Stripes

TINY = (
    "--widths", "4,6,6", "--batch", 2, "--size", 32, "--precision", "float32", "--device", "cpu", "--workers", 0,
    "--no-baselines",
)  # fmt: skip
RESULTS = {"network.safetensors", "card.md", "history.csv", "curves.png", "confusion.png"}
KEPT = {"checkpoint.pt", "run.json"}


@pytest.fixture(autouse=True)
def one_thread():
    earlier = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(earlier)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "mine"
    folder.mkdir()
    items = Stripes(size=(48, 40))
    for number in range(10):
        item = items[number]
        np.savez(folder / f"inline_{100 + number}.npz", amplitude=item.picture[0], labels=item.classes)
    (folder / "classes.txt").write_text("coarse\nfine\ndark\n")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name, period in (("sandstone", 3), ("shale", 11)):
        (folder / name).mkdir()
        for number in range(12):
            rows = np.sin(np.arange(40) * 2 * np.pi / period + rng.uniform(0, 6))[:, None]
            picture = np.clip(128 + 90 * rows + rng.normal(0, 10, (40, 44)), 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(folder / name / f"{name}{number}.png")
    return folder


def names_in(folder):
    return {path.name for path in Path(folder).iterdir()}


def test_labels_become_a_network_with_its_papers(seisdream, folder, tmp_path):
    out = tmp_path / "run"
    code, told, err = seisdream("train", "--data", folder, *TINY, "--steps", 3, "--out", out)
    assert code == 0, err
    assert names_in(out) == RESULTS | KEPT
    assert all(str(out / name) in told for name in RESULTS)
    assert re.search(r"Mean IoU 0\.\d{3}, pixel accuracy 0\.\d{3}", told)
    story = read_metadata(out / "network.safetensors")
    assert story.classes == ("coarse", "fine", "dark")
    assert story.settings == {"n_classes": 3, "widths": [4, 6, 6], "n_dims": 2, "normalisation": "none"}
    assert story.default_layer == "enc3"
    assert story.data.startswith("mine")
    assert story.recipe["n_steps"] == 3
    assert 0.0 < story.frequencies[0] < story.frequencies[1] < 0.5
    assert set(story.metrics["held-out data"]["iou"]) == {"coarse", "fine", "dark"}
    card = (out / "card.md").read_text(encoding="utf-8")
    assert "`[4, 6, 6]`" in card
    assert "### held-out data" in card
    assert "cycles a sample" in card
    assert "confusion" not in card
    with (out / "history.csv").open() as file:
        *_, row = rows = list(csv.DictReader(file))
    assert [int(one["step"]) for one in rows] == [1, 2, 3], "a short run is looked at more often than every 250 steps"
    assert float(row["mean_iou"]) == pytest.approx(story.metrics["held-out data"]["mean_iou"], abs=1e-3)
    for name in ("curves.png", "confusion.png"):
        with Image.open(out / name) as picture:
            assert min(picture.size) > 300


def test_its_card_sets_it_beside_baselines_and_its_file_tells_the_split(seisdream, folder, tmp_path):
    out = tmp_path / "run"
    words = (*TINY[:-1], "--steps", 2, "--held-out", 0.3, "--guard", 1, "--out", out, "--quiet")
    code, _, err = seisdream("train", "--data", folder, *words)
    assert code == 0, err
    story = read_metadata(out / "network.safetensors")
    ((data, methods),) = story.metrics.items()
    assert tuple(methods) == METHODS
    assert methods["depth only"]["mean_iou"] > methods["majority class"]["mean_iou"]
    assert f"### {data}\n" in (out / "card.md").read_text(encoding="utf-8")
    assert story.split == {"held_out": 0.3, "guard": 1, "is_random": False, "is_last": False}
    # The same lines are held out again, and score the same.
    code, told, err = seisdream("evaluate", out / "network.safetensors", "--data", folder, "--no-baselines", "--json",
                                "--out", tmp_path / "again")  # fmt: skip
    assert code == 0, err
    told = json.loads(told)
    assert told["n_sections"] == 3
    assert told["scores"]["network"]["mean_iou"] == pytest.approx(methods["network"]["mean_iou"], abs=1e-3)


@pytest.fixture(scope="module")
def network(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "run"
    command = ["train", "--data", str(folder), *map(str, TINY), "--steps", "2", "--out", str(out), "--quiet"]
    from click.testing import CliRunner

    from seisdream.cli.main import cli

    with warnings.catch_warnings():
        result = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output == ""
    return out / "network.safetensors"


def test_several_processes_leave_one_run_with_its_card(folder, tmp_path):
    words = ("train", "--data", folder, *TINY[:-1], "--steps", 2, "--out", tmp_path / "run", "--quiet")
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2, "-m", "seisdream")
    done = subprocess.run(
        [sys.executable, *map(str, (*launch, *words))], capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert names_in(tmp_path / "run") == RESULTS | KEPT
    (methods,) = read_metadata(tmp_path / "run" / "network.safetensors").metrics.values()
    assert tuple(methods) == METHODS


def test_all_lines_can_be_learned_from_and_then_none_is_scored_as_held_out(seisdream, folder, tmp_path):
    out = tmp_path / "run"
    words = (*TINY[:-1], "--steps", 1, "--held-out", 0, "--out", out)
    code, told, err = seisdream("train", "--data", folder, *words)
    assert code == 0, err
    assert "on lines that it learned from:" in told
    story = read_metadata(out / "network.safetensors")
    assert (list(story.metrics), story.split["held_out"]) == (["lines that it learned from"], 0)
    ask = ("evaluate", out / "network.safetensors", "--data", folder, "--no-baselines", "--quiet")
    code, _, err = seisdream(*ask, "--out", tmp_path / "refused")
    assert code == 2
    assert "learned from all lines" in err
    assert "--held-out" in err
    code, _, err = seisdream(*ask, "--held-out", 0.3, "--out", tmp_path / "other")
    assert code == 0, err


def test_a_dead_line_is_left_out_of_the_scores_and_the_network_is_kept(seisdream, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "lines")
    dead = {"amplitude": np.zeros((48, 40)), "labels": np.zeros((48, 40), np.uint8)}
    for number in range(100, 110, 2):
        np.savez(tmp_path / "lines" / f"inline_{number}.npz", **dead)
    words = (*TINY[:-1], "--steps", 1, "--held-out", 0.5, "--out", tmp_path / "run", "--quiet")
    code, _, err = seisdream("train", "--data", tmp_path / "lines", *words)
    assert code == 0, err
    assert "is left out of the scores: Every sample of the section is zero" in err
    assert read_metadata(tmp_path / "run" / "network.safetensors").metrics


def test_as_many_classes_are_not_the_same_classes(seisdream, folder, network, tmp_path):
    shutil.copytree(folder, tmp_path / "lines")
    (tmp_path / "lines" / "classes.txt").write_text("upper\nmiddle\nlower\n")
    before = load_network(str(network)).module.logits.weight
    for source, is_kept in ((folder, True), (tmp_path / "lines", False)):
        words = (*TINY[2:], "--learning-rate", 1e-9, "--steps", 1, "--out", tmp_path / source.name, "--quiet")
        code, _, err = seisdream("train", "--data", source, "--start", network, *words)
        assert code == 0, err
        after = load_network(str(tmp_path / source.name / "network.safetensors")).module.logits.weight
        assert torch.allclose(before, after, atol=1e-3) == is_kept


def test_the_network_predicts_and_dreams(seisdream, network, tmp_path):
    line = tmp_path / "line.npy"
    np.save(line, Stripes(3, (64, 72))[0].picture[0])
    code, _, err = seisdream("predict", line, "--network", network, "--views", 0, "--quiet")
    assert code == 0, err
    assert set(np.unique(np.load(f"{line}.predict/classes.npy"))) <= {0, 1, 2}
    words = ("--steps", 1, "--octaves", 1, "--no-film", "--quiet", "--device", "cpu", "--precision", "float32")
    for number, layer in enumerate((None, "enc2.relu2", "class:fine")):
        chosen = ("--layer", layer) if layer else ()
        out = tmp_path / f"dream{number}"
        code, _, err = seisdream("dream", line, "--network", network, *chosen, *words, "--out", out)
        assert code == 0, err
    code, told, _ = seisdream("layers", network)
    assert "enc3" in told
    assert "logits" in told
    # It, with random weights, or not; and its twin of shuffled labels is yet to be trained.
    assert seisdream("layers", f"{network}@random:3")[0] == 0
    code, _, err = seisdream("layers", f"{network}@shuffled")
    assert code == 2
    assert "--shuffled" in err


def test_json_is_for_scripts(seisdream, folder, tmp_path):
    code, told, _ = seisdream("train", "--data", folder, *TINY, "--steps", 1, "--out", tmp_path / "run", "--json")
    summary = json.loads(told)
    assert code == 0
    assert {Path(path).name for path in summary["files"]} == RESULTS
    assert 0 <= summary["scores"]["pixel_accuracy"] <= 1


def test_a_killed_run_goes_on_when_it_is_given_again(seisdream, folder, tmp_path):
    words = ("train", "--data", folder, *TINY, "--steps", 40, "--validate-every", 2)
    assert seisdream(*words, "--out", tmp_path / "whole", "--quiet")[0] == 0
    checkpoint = tmp_path / "killed" / "checkpoint.pt"
    command = [sys.executable, "-m", "seisdream", *map(str, words), "--out", str(tmp_path / "killed"), "--quiet"]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert names_in(tmp_path / "killed") & RESULTS == set()
    # Given again with other options it is refused, by their names.
    other = ("--polarity-flip", 0.5, "--held-out", 0.3)
    code, _, err = seisdream(*words, *other, "--out", tmp_path / "killed")
    assert code == 2
    assert "another --held-out, another --polarity-flip;" in err
    code, _, err = seisdream(*words, "--learning-rate", 0.5, "--out", tmp_path / "killed")
    assert code == 2
    assert "another --learning-rate (0.002 there, 0.5 now);" in err
    # Given again as it was, it ends where it would have ended.
    before = torch.load(checkpoint, weights_only=True)["step"]
    assert 0 < before < 40
    assert seisdream(*words, "--out", tmp_path / "killed", "--quiet")[0] == 0
    assert (tmp_path / "killed/network.safetensors").read_bytes() == (
        tmp_path / "whole/network.safetensors"
    ).read_bytes()
    assert (tmp_path / "killed/history.csv").read_text() == (tmp_path / "whole/history.csv").read_text()
    # And once more, there is nothing to do.
    assert seisdream(*words, "--out", tmp_path / "killed", "--quiet")[0] == 0
    # Anew only when it is asked for.
    assert seisdream(*words[:-4], "--steps", 1, "--out", tmp_path / "killed", "--quiet")[0] == 2
    assert seisdream(*words[:-4], "--steps", 1, "--out", tmp_path / "killed", "--quiet", "--force")[0] == 0
    assert torch.load(checkpoint, weights_only=True)["step"] == 1


def test_files_that_are_not_of_a_run_are_spared(seisdream, folder, tmp_path):
    (tmp_path / "card.md").write_text("mine")
    code, _, err = seisdream("train", "--data", folder, *TINY, "--steps", 1, "--out", tmp_path)
    assert code == 2
    assert "card.md exists" in err
    assert (tmp_path / "card.md").read_text() == "mine"
    assert names_in(tmp_path) == {"card.md"}


@pytest.fixture
def few_earths(monkeypatch):
    """Make validation earths small; their number stays."""
    original = generated.GeneratedEarths

    def smaller(seed, n, **options):
        return original(seed, n, **(options | {"size": 48}))

    monkeypatch.setattr(presets, "GeneratedEarths", smaller)
    original_lines = presets.UnlabelledLines
    monkeypatch.setattr(presets, "UnlabelledLines", lambda *words: original_lines(*words, size=48))


PRESET_TINY = ("--widths", "4,4,4,4,4", *TINY[2:4], *TINY[6:], "--earths", 8, "--steps", 2, "--quiet")


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_preset_runs_offline(seisdream, few_earths, tmp_path, monkeypatch, shuffled):
    monkeypatch.chdir(tmp_path)
    words = ("train", "--preset", "facies", "--lines", "sample:built-in", *PRESET_TINY)
    code, _, err = seisdream(*words, *(["--shuffled"] if shuffled else []))
    assert code == 0, err
    out = tmp_path / ("facies-shuffled.train" if shuffled else "facies.train")
    assert names_in(out) == RESULTS | KEPT | {"earths"}
    story = read_metadata(out / "network.safetensors")
    assert len(story.classes) == 10
    assert story.data.startswith("8 generated earths (seismic), and without labels ")
    assert ("labels of other items" in story.title) == shuffled
    command = "seisdream train --preset facies" + (" --shuffled" if shuffled else "")
    assert f"    {command}\n" in (out / "card.md").read_text()
    assert load_network(str(out / "network.safetensors")).class_index("salt") == 9


def test_intervals_are_learned_from_labelled_lines_alone(seisdream, folder, network, tmp_path):
    words = ("train", "--preset", "f3-intervals", "--start", network, *TINY[2:4], *TINY[6:], "--steps", 1, "--quiet")
    code, _, err = seisdream(*words, "--out", tmp_path / "run")
    assert code == 2
    assert "say where they are (--data)" in err
    code, _, err = seisdream(*words, "--data", folder, "--earths", 5, "--out", tmp_path / "run")
    assert code == 2
    assert "leave out --lines and --earths" in err
    code, _, err = seisdream(*words, "--data", folder, "--out", tmp_path / "run")
    assert code == 0, err
    story = read_metadata(tmp_path / "run" / "network.safetensors")
    assert story.title == presets.PRESETS["f3-intervals"].title
    assert story.survey == "F3"
    run = presets.preset_run("f3-intervals", tmp_path, data=str(folder))
    assert run.data[0].picture.shape == (1, 48, 288)  # From top to bottom.
    assert run.name == run.preset == "f3-intervals"


def test_what_is_shuffled_are_labels_and_not_pictures(few_earths, tmp_path):
    plain, shuffled = (
        presets.preset_run("geology", tmp_path, n_earths=8, is_shuffled=is_shuffled) for is_shuffled in (False, True)
    )
    for number in range(6):
        assert np.array_equal(plain.data[number].picture, shuffled.data[number].picture)
        assert not np.array_equal(plain.data[number].classes, shuffled.data[number].classes)
        # It is looked at on labels that belong.
        assert np.array_equal(plain.validation[number].classes, shuffled.validation[number].classes)
    assert shuffled.name == "geology-shuffled"


def test_the_presets_are_whole():
    assert set(presets.PRESETS) == {"facies", "geology", "f3-intervals"}
    for preset in presets.PRESETS.values():
        assert preset.title
        assert preset.recipe.n_steps >= 500


def test_photos_make_a_classifier(seisdream, photos, tmp_path):
    words = (*TINY, "--steps", 2, "--validate-every", 1, "--out", tmp_path / "run", "--quiet")
    code, _, err = seisdream("train", "--data", photos, *words)
    assert code == 0, err
    story = read_metadata(tmp_path / "run" / "network.safetensors")
    assert story.architecture == "classifier"
    assert story.classes == ("sandstone", "shale")
    np.save(tmp_path / "line.npy", np.random.default_rng(0).normal(size=(64, 64)))
    words = ("--steps", 1, "--octaves", 1, "--no-film", "--quiet", "--device", "cpu")
    code, _, err = seisdream(
        "dream", tmp_path / "line.npy", "--network", tmp_path / "run" / "network.safetensors", *words
    )
    assert code == 0, err


def test_photos_start_from_googlenet_and_its_layers_dream(seisdream, photos, folder, tmp_path):
    weights = tmp_path / "googlenet.safetensors"
    before = GoogLeNet().state_dict()
    save_file(before, weights)
    start = (*TINY[2:], "--start", "googlenet", "--weights", weights, "--steps", 1, "--quiet")
    code, _, err = seisdream("train", "--data", photos, *start, "--learning-rate", 1e-9, "--out", tmp_path / "run")
    assert code == 0, err
    network = tmp_path / "run" / "network.safetensors"
    assert (read_metadata(network).architecture, read_metadata(network).default_layer) == (
        "googlenet",
        "inception_4c/output",
    )
    assert read_metadata(network).recipe["learning_rate"] == 1e-9
    after = load_network(str(network)).module.state_dict()
    assert after["logits.weight"].shape == (2, 1024)
    kept = [name for name in after if not name.startswith("logits.")]
    for name in kept:
        torch.testing.assert_close(after[name], before[name], rtol=2e-3, atol=1e-5)
    np.save(tmp_path / "line.npy", np.random.default_rng(0).normal(size=(64, 64)))
    words = ("--network", network, "--steps", 1, "--octaves", 1, "--no-film", "--quiet", "--device", "cpu")
    code, _, err = seisdream("dream", tmp_path / "line.npy", *words)
    assert code == 0, err
    # What tells whole photographs has no map of facies, and only GoogLeNet's weights are a file of their own.
    code, _, err = seisdream("train", "--data", folder, *start, "--out", tmp_path / "lines")
    assert (code, "--start facies" in err) == (2, True)
    code, _, err = seisdream("train", "--data", photos, "--weights", weights)
    assert (code, "--weights belongs to --start googlenet" in err) == (2, True)


def test_photos_are_held_out_by_name_with_a_note_or_by_block(seisdream, photos, tmp_path):
    words = ("train", "--data", photos, *TINY, "--steps", 1, "--held-out", 0.25)
    code, _, err = seisdream(*words, "--out", tmp_path / "names")
    assert code == 0, err
    assert "Each photograph is held out, or not, by its name alone" in err
    assert "--split blocks" in err
    code, _, err = seisdream(*words, "--split", "blocks", "--out", tmp_path / "blocks")
    assert (code, "held out" in err) == (0, False)
    assert read_metadata(tmp_path / "blocks" / "network.safetensors").data.endswith(
        "the last of each class are held out"
    )
    # Another way to hold out is another run.
    code, _, err = seisdream(*words, "--split", "blocks", "--out", tmp_path / "names")
    assert (code, "holds a run with another --split" in err) == (2, True)
    for option in (("--guard", 3), ("--polarity-flip", 0.5)):
        code, _, err = seisdream(*words, *option, "--out", tmp_path / "x")
        assert (code, "no line numbers and no polarity" in err) == (2, True)
    run = runs.labelled_run(str(photos), TrainingSettings(), held_out=0.25, is_random=False)
    held_out = [photo.path.stem for photo in run.validation.data.photos]
    assert held_out == [f"{name}{number}" for name in ("sandstone", "shale") for number in (9, 10, 11)]


def test_options_and_data_are_refused_before_the_folder(seisdream, folder, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "network.safetensors").write_text("mine")
    for words in (("--preset", "faces"), ("--preset", "facies", "--lines", "nowhere.sgy"), ("--data", "nowhere"),
                  ("--data", folder, "--guard", 500), ("--data", folder, "--held-out", 2)):  # fmt: skip
        code, _, err = seisdream("train", *words, "--out", out, "--quiet")
        assert (code, "--force" in err) == (2, False), err
        assert [path.name for path in out.iterdir()] == ["network.safetensors"]
    code, _, err = seisdream("train", "--data", folder, *TINY, "--out", out, "--quiet")
    assert (code, "--force" in err) == (2, True)


@pytest.mark.parametrize("name", ["run.json", "checkpoint.pt", "card.md"])
def test_force_keeps_files_that_no_run_wrote(seisdream, folder, tmp_path, name):
    out = tmp_path / "run"
    out.mkdir()
    (out / name).write_text('{"km": 42}')
    code, _, err = seisdream("train", "--data", folder, *TINY, "--out", out, "--quiet", "--force")
    assert (code, name in err) == (2, True), err
    if name != "card.md":
        assert seisdream("train", "--data", folder, *TINY, "--out", out, "--quiet")[0] == 2
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text() == '{"km": 42}'


def test_a_run_starts_from_another_network(seisdream, folder, photos, network, tmp_path):
    start = (*TINY[2:], "--start", network, "--learning-rate", 1e-9, "--steps", 1, "--quiet")
    for data, out in ((folder, "lines"), (photos, "photos")):
        code, _, err = seisdream("train", "--data", data, *start, "--out", tmp_path / out)
        assert code == 0, err
        before = load_network(str(network)).module.state_dict()
        after = load_network(str(tmp_path / out / "network.safetensors")).module.state_dict()
        kept = [name for name in after if name.startswith("enc")]
        assert kept
        assert all(torch.allclose(after[name], before[name], atol=1e-3) for name in kept)
    code, _, err = seisdream("train", "--data", folder, *start, "--start", "gabor", "--out", tmp_path / "x")
    assert code == 2
    assert "gabor is no network that seisdream trained" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--preset NAME, or --data SOURCE"),
        (["--preset", "faces"], "no preset 'faces'; choose one of facies, geology, f3-intervals"),
        (["--preset", "facies", "--data", "x"], "leave out --data"),
        (["--preset", "facies", "--held-out", "0.1"], "leave out --held-out"),
        (["--preset", "geology", "--lines", "sample:built-in"], "leave out --lines"),
        (["--preset", "facies", "--size", "64"], "has its own --size; leave it out"),
        (["--preset", "facies", "--split", "random"], "has its own --split"),
        (["--data", "DATA", "--earths", "8"], "--earths belongs to presets"),
        (["--data", "DATA", "--lines", "sample:built-in"], "--lines belongs to presets"),
        (["--data", "nowhere"], "There is no nowhere"),
        (["--data", "DATA", "--steps", "0"], "--steps"),
        (["--data", "DATA", "--batch", "-1"], "--batch"),
        (["--data", "DATA", "--widths", "8"], "two whole numbers or more"),
        (["--data", "DATA", "--widths", "8,x"], "--widths"),
        (["--data", "DATA", "--widths", "8,8", "--start", "facies"], "leave out --widths"),
        (["--data", "DATA", "--learning-rate", "-1"], "learning rate is greater than 0"),
        (["--data", "DATA", "--held-out", "1.5"], "between 0 and 1; got 1.5"),
        (["--data", "DATA", "--guard", "500"], "make the guard band narrower"),
        (["--data", "DATA", "--start", "nothing.safetensors"], "no file nothing.safetensors"),
        (["--data", "DATA", "--device", "abacus"], "'abacus' is not available"),
        (["--data", "DATA", "--size", "2"], "--size"),
        (["--data", "DATA", "--polarity-flip", "2"], "--polarity-flip"),
        (["--data", "DATA", "--seed", "-1"], "--seed"),
    ],
)
def test_wrong_options_say_what_to_mend(seisdream, folder, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, told, err = seisdream("train", *(str(folder) if word == "DATA" else word for word in words), "--quiet")
    assert code == 2
    assert told == ""
    assert message in " ".join(err.split())


def test_help_does_not_wait_for_torch():
    script = (
        "import sys; from seisdream.cli.main import cli; cli(['train', '--help'], standalone_mode=False); "
        "sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--shuffled" in done.stdout
