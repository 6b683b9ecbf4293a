"""A whole training run from Python: labelled data or a preset become a network with its model card."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from PIL import Image
from safetensors.torch import save_file

from errors import raises
from seisdream.data import synthetic_stream
from seisdream.data.registry import open_dataset
from seisdream.evaluation.evaluate import METHODS, evaluate
from seisdream.models.checkpoints import read_metadata
from seisdream.models.registry import load_network
from seisdream.models.zoo.googlenet import GoogLeNet
from seisdream.training import presets
from seisdream.training.plan import plan_labelled
from seisdream.training.run_files import RESULT_FILES
from seisdream.training.settings import TrainingSettings
from seisdream.training.train import TrainingRun, train
from small_datasets import Stripes

TINY = {
    "widths": (4, 6, 6), "batch_size": 2, "size": 32, "precision": "float32", "device": "cpu", "workers": 0,
    "baselines": False, "steps": 2,
}  # fmt: skip
WITHOUT_WIDTHS = {name: value for name, value in TINY.items() if name != "widths"}
PRESET_TINY = {name: value for name, value in TINY.items() if name not in ("widths", "size")}
RUN_FILES = {"checkpoint.pt", "run.json"}


@pytest.fixture(autouse=True)
def one_thread():
    earlier = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(earlier)


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "mine"
    folder.mkdir()
    data = Stripes(size=(48, 40))
    for number in range(10):
        sample = data[number]
        np.savez(folder / f"inline_{100 + number}.npz", amplitude=sample.image[0], labels=sample.classes)
    (folder / "classes.txt").write_text("coarse\nfine\ndark\n")
    return str(folder)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name, period in (("sandstone", 3), ("shale", 11)):
        (folder / name).mkdir()
        for number in range(12):
            rows = np.sin(np.arange(40) * 2 * np.pi / period + rng.uniform(0, 6))[:, None]
            image = np.clip(128 + 90 * rows + rng.normal(0, 10, (40, 44)), 0, 255).astype(np.uint8)
            Image.fromarray(image).save(folder / name / f"{name}{number}.png")
    return str(folder)


@pytest.fixture(scope="module")
def network_file(lines, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(lines, folder=folder, **TINY)
    return str(folder / "network.safetensors")


def launch_two_processes(words):
    """Run a module or a script under torchrun."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *launch, *map(str, words)], capture_output=True, text=True, check=False, timeout=600,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def names_in(folder):
    return {path.name for path in Path(folder).iterdir()}


@pytest.mark.drawn
def test_labels_become_a_network_with_a_card_and_figures(lines, tmp_path):
    folder, steps = tmp_path / "run", []
    network = train(lines, folder=folder, progress=lambda step, n: steps.append((step, n)), **TINY | {"steps": 3})
    assert names_in(folder) == {*RESULT_FILES} | RUN_FILES
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert network.classes == ("coarse", "fine", "dark")
    metadata = read_metadata(folder / "network.safetensors")
    assert metadata.settings == {"n_classes": 3, "widths": [4, 6, 6], "n_dims": 2, "normalisation": "none"}
    assert metadata.default_layer == "enc3"
    assert metadata.data.startswith("mine")
    assert metadata.recipe["steps"] == 3
    assert 0.0 < metadata.frequencies[0] < metadata.frequencies[1] < 0.6
    assert 0.0 < metadata.wavenumbers[0] < metadata.wavenumbers[1] < 0.6
    assert set(metadata.metrics["held-out data"]["iou"]) == {"coarse", "fine", "dark"}
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "`[4, 6, 6]`" in card
    assert "### held-out data" in card
    assert "cycles per sample" in card
    assert "cycles per trace" in card
    with (folder / "history.csv").open() as file:
        *_, last = rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 2, 3], "short runs are validated more often than every 250 steps"
    assert float(last["mean_iou"]) == pytest.approx(metadata.metrics["held-out data"]["mean_iou"], abs=1e-3)
    for name in ("curves.png", "confusion.png"):
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 300


def test_the_card_compares_with_baselines_and_an_evaluation_finds_the_same_split(lines, tmp_path):
    network = train(lines, folder=tmp_path / "run", **TINY | {"baselines": True, "held_out": 0.3, "guard": 1})
    metadata = read_metadata(tmp_path / "run" / "network.safetensors")
    ((data, methods),) = metadata.metrics.items()
    assert tuple(methods) == METHODS
    assert methods["depth only"]["mean_iou"] > methods["majority class"]["mean_iou"]
    assert f"### {data}\n" in (tmp_path / "run" / "card.md").read_text(encoding="utf-8")
    assert metadata.split == {"held_out": 0.3, "guard": 1, "is_random": False, "is_last": False}
    evaluation = evaluate(network, lines, baselines=False)
    assert evaluation.n_sections == 3
    assert evaluation.main_scores.mean_iou == pytest.approx(methods["network"]["mean_iou"], abs=1e-3)


@pytest.mark.slow
def test_several_processes_leave_one_run_with_its_card(lines, tmp_path):
    words = ["train", "--data", lines, "--widths", "4,6,6", "--batch-size", "2", "--size", "32", "--precision",
             "float32", "--device", "cpu", "--workers", "0", "--steps", "2", "--out", str(tmp_path / "run"),
             "--quiet"]  # fmt: skip
    launch_two_processes(["-m", "seisdream", *words])
    assert names_in(tmp_path / "run") == {*RESULT_FILES} | RUN_FILES
    (methods,) = read_metadata(tmp_path / "run" / "network.safetensors").metrics.values()
    assert tuple(methods) == METHODS


@pytest.mark.slow
def test_several_processes_train_on_a_zarr_volume_and_hold_out_a_block_of_its_lines(tmp_path):
    dims = ("inline", "crossline", "time")
    coords = dict(zip(dims, (100 + np.arange(20), 7 + np.arange(40), 4.0 * np.arange(48)), strict=True))
    samples = [Stripes(size=(48, 40))[number] for number in range(20)]
    amplitude, labels = (
        np.stack([values.T for values in both])
        for both in zip(*((one.image[0], one.classes) for one in samples), strict=True)
    )
    survey = xr.Dataset({"amplitude": (dims, amplitude), "labels": (dims, labels)}, coords)
    survey.to_zarr(tmp_path / "survey.zarr", consolidated=False)
    (tmp_path / "classes.txt").write_text("coarse\nfine\ndark\n")
    data, options = str(tmp_path / "survey.zarr"), TINY | {"normalisation": "none"}
    script = tmp_path / "script.py"
    script.write_text(
        f"from seisdream.training.train import train\ntrain({data!r}, folder={str(tmp_path / 'run')!r}, **{options})\n"
    )
    launch_two_processes([script])
    alone = train(data, folder=tmp_path / "alone", **options)
    shared = load_network(str(tmp_path / "run" / "network.safetensors"))
    # The file holds half-precision numbers.
    for name, value in alone.module.state_dict().items():
        assert (shared.module.state_dict()[name] - value).abs().max() < 1e-3, name
    splits = [read_metadata(tmp_path / name / "network.safetensors").split for name in ("run", "alone")]
    assert splits[0] == splits[1]
    assert not splits[0]["is_random"]


def test_all_lines_can_be_used_for_training_and_then_none_is_scored_as_held_out(lines, tmp_path):
    network = train(lines, folder=tmp_path / "run", **TINY | {"baselines": True, "held_out": 0, "steps": 1})
    metadata = read_metadata(network.name)
    assert (list(metadata.metrics), metadata.split["held_out"]) == (["training lines"], 0)
    with raises("no-labels", option="held_out"):
        evaluate(network, lines, baselines=False)
    assert evaluate(network, lines, baselines=False, held_out=0.3).n_sections == 3


def test_a_dead_line_is_left_out_of_the_scores(lines, tmp_path):
    shutil.copytree(lines, tmp_path / "lines")
    dead = {"amplitude": np.zeros((48, 40)), "labels": np.zeros((48, 40), np.uint8)}
    for number in range(100, 110, 2):
        np.savez(tmp_path / "lines" / f"inline_{number}.npz", **dead)
    with pytest.warns(UserWarning, match="is left out of the scores"):
        train(
            str(tmp_path / "lines"), folder=tmp_path / "run", **TINY | {"baselines": True, "held_out": 0.5, "steps": 1}
        )
    assert read_metadata(tmp_path / "run" / "network.safetensors").metrics


def test_a_dataset_may_be_opened_before(lines, tmp_path):
    train(open_dataset(lines), folder=tmp_path / "opened", **TINY)
    train(lines, folder=tmp_path / "named", **TINY)
    opened, named = (load_network(str(tmp_path / name / "network.safetensors")) for name in ("opened", "named"))
    assert torch.equal(opened.module.logits.weight, named.module.logits.weight)


@pytest.mark.parametrize("source", ["lines", "photos"])
def test_a_run_starts_from_another_network(source, network_file, tmp_path, request):
    data = request.getfixturevalue(source)
    tuned = train(data, folder=tmp_path, **WITHOUT_WIDTHS | {"start": network_file, "learning_rate": 1e-9, "steps": 1})
    before, after = load_network(network_file).module.state_dict(), tuned.module.state_dict()
    shared = [name for name in after if name.startswith("enc")]
    assert shared
    assert all(torch.allclose(after[name], before[name], atol=1e-3) for name in shared)


def test_as_many_classes_are_not_the_same_classes(lines, network_file, tmp_path):
    shutil.copytree(lines, tmp_path / "lines")
    (tmp_path / "lines" / "classes.txt").write_text("upper\nmiddle\nlower\n")
    before = load_network(network_file).module.logits.weight
    for source, is_same in ((lines, True), (str(tmp_path / "lines"), False)):
        settings = WITHOUT_WIDTHS | {"start": network_file, "learning_rate": 1e-9, "steps": 1}
        after = train(source, folder=tmp_path / f"run{is_same}", **settings).module.logits.weight
        assert torch.allclose(before, after, atol=1e-3) == is_same


def test_an_abandoned_run_is_resumed_to_the_bit(lines, tmp_path):
    settings, folder = TINY | {"steps": 6, "validate_every": 2}, tmp_path / "abandoned"
    train(lines, folder=tmp_path / "whole", **settings)
    for state in TrainingRun(lines, folder=folder, **settings).states():
        if state.step == 3:
            break
    assert names_in(folder) == RUN_FILES
    assert torch.load(folder / "checkpoint.pt", weights_only=True)["step"] == 2
    # With other settings it is refused, and both values are named.
    for changes in ({"polarity_flip": 0.5, "held_out": 0.3}, {"learning_rate": 0.5}):
        with raises("changed") as error:
            train(lines, folder=folder, **settings | changes)
        assert all(f"`{name}`" in str(error.value) for name in changes)
    # With the same settings, it ends as it would have ended.
    train(lines, folder=folder, **settings)
    for name in ("network.safetensors", "history.csv"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    # Once more, nothing is left to do.
    train(lines, folder=folder, **settings)
    # It begins again only by force.
    with raises("changed"):
        train(lines, folder=folder, **settings | {"steps": 1})
    train(lines, folder=folder, force=True, **settings | {"steps": 1})
    assert torch.load(folder / "checkpoint.pt", weights_only=True)["step"] == 1


def test_workers_device_and_baselines_may_change_when_a_run_is_resumed(lines, tmp_path):
    train(lines, folder=tmp_path, **TINY)
    train(lines, folder=tmp_path, **TINY | {"workers": 1, "baselines": True})
    ((_, methods),) = read_metadata(tmp_path / "network.safetensors").metrics.items()
    assert tuple(methods) == METHODS


@pytest.fixture
def small_earths(monkeypatch):
    """Make generated earths and patches of real lines small; their number stays."""
    earths, unlabelled = synthetic_stream.GeneratedEarths, presets.UnlabelledLines
    monkeypatch.setattr(presets, "GeneratedEarths", lambda seed, n, **kw: earths(seed, n, **(kw | {"size": 48})))
    monkeypatch.setattr(presets, "UnlabelledLines", lambda *args: unlabelled(*args, size=48))
    monkeypatch.setattr(presets, "N_VALIDATION_EARTHS", 4)


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_preset_runs_offline(small_earths, tmp_path, monkeypatch, shuffled):
    monkeypatch.chdir(tmp_path)
    network = train(
        preset="facies", unlabelled=("sample:built-in",), earths=8, widths=(4, 4, 4, 4, 4), shuffled=shuffled,
        **PRESET_TINY,
    )  # fmt: skip
    folder = tmp_path / ("facies-shuffled.train" if shuffled else "facies.train")
    assert names_in(folder) == {*RESULT_FILES, "earths"} | RUN_FILES
    metadata = read_metadata(folder / "network.safetensors")
    assert len(metadata.classes) == 10
    assert metadata.data.startswith("8 generated earths (seismic), and without labels ")
    assert ("labels of other samples" in metadata.title) == shuffled
    command = "seisdream train --preset facies" + (" --shuffled" if shuffled else "")
    assert f"    {command}\n" in (folder / "card.md").read_text()
    assert network.class_index("salt") == 9


def test_intervals_are_trained_on_labelled_lines_alone(lines, network_file, tmp_path):
    settings = PRESET_TINY | {"preset": "f3-intervals", "start": network_file, "steps": 1}
    with raises("missing-argument", option="data"):
        train(folder=tmp_path, **settings)
    with raises("incompatible", option="earths"):
        train(lines, folder=tmp_path, earths=5, **settings)
    run = TrainingRun(lines, folder=tmp_path, **settings)
    assert run.plan.data[0].image.shape == (1, 48, 288)  # The full height of the lines.
    assert (run.plan.name, run.plan.preset) == ("f3-intervals", "f3-intervals")
    list(run.states())
    metadata = read_metadata(run.network.name)
    assert metadata.title == presets.PRESETS["f3-intervals"].title
    assert (metadata.survey, metadata.is_ordered) == ("F3", True)


def test_shuffled_samples_keep_their_images_and_validation_keeps_its_labels(small_earths, tmp_path):
    settings = presets.PRESETS["geology"].settings.replace(earths=8)
    plain, shuffled = (
        presets.plan_preset(settings.replace(shuffled=is_shuffled), tmp_path) for is_shuffled in (False, True)
    )
    for number in range(6):
        assert np.array_equal(plain.data[number].image, shuffled.data[number].image)
        assert not np.array_equal(plain.data[number].classes, shuffled.data[number].classes)
        assert np.array_equal(plain.validation[number].classes, shuffled.validation[number].classes)
    assert shuffled.name == "geology-shuffled"


def test_faults_are_trained_on_cubes(tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "_CUBE_EARTH", (40, 32, 32))
    monkeypatch.setattr(presets, "N_VALIDATION_CUBES", 1)
    run = TrainingRun(folder=tmp_path, earths=2, widths=(2, 4), **PRESET_TINY | {"preset": "faults", "steps": 1})
    assert run.plan.data[0].image.shape == (1, 48, 48, 48)
    list(run.states())
    run.write_results()
    metadata = read_metadata(tmp_path / "network.safetensors")
    assert metadata.classes == ("background", "fault")
    assert metadata.settings["n_dims"] == 3
    assert run.network.n_spatial_dims == 3
    card = (tmp_path / "card.md").read_text()
    assert "seisdream predict VOLUME.sgy" in card
    assert all(failure in card for failure in presets.PRESETS["faults"].failures)


def test_presets_are_complete():
    assert set(presets.PRESETS) == {"facies", "facies-robust", "geology", "f3-intervals", "faults"}
    for name, preset in presets.PRESETS.items():
        assert preset.title
        assert preset.settings.preset == name
        assert preset.settings.steps >= 500


def test_photographs_train_a_classifier(photos, tmp_path):
    network = train(photos, folder=tmp_path, validate_every=1, **TINY)
    metadata = read_metadata(network.name)
    assert metadata.architecture == "classifier"
    assert metadata.classes == ("sandstone", "shale")
    assert metadata.frequencies is metadata.wavenumbers is None


@pytest.mark.slow
def test_photographs_may_start_from_googlenet(photos, lines, tmp_path):
    weights = str(tmp_path / "googlenet.safetensors")
    before = GoogLeNet().state_dict()
    save_file(before, weights)
    start = {"start": "googlenet", "weights": weights, **WITHOUT_WIDTHS, "steps": 1}
    network = train(photos, folder=tmp_path / "run", **start | {"learning_rate": 1e-9})
    metadata = read_metadata(network.name)
    assert (metadata.architecture, metadata.default_layer) == ("googlenet", "inception_4c/output")
    assert metadata.recipe["learning_rate"] == 1e-9
    after = network.module.state_dict()
    assert after["logits.weight"].shape == (2, 1024)
    for name in after:
        if not name.startswith("logits."):
            torch.testing.assert_close(after[name], before[name], rtol=2e-3, atol=1e-5)
    with raises("incompatible", option="start"):
        train(lines, folder=tmp_path / "lines", **start)
    with raises("incompatible", option="weights"):
        train(photos, folder=tmp_path / "photos", weights=weights, **TINY)


def test_training_from_googlenet_is_gentle_by_default(photos, tmp_path):
    weights = str(tmp_path / "googlenet.safetensors")
    save_file(GoogLeNet().state_dict(), weights)
    run = TrainingRun(photos, folder=tmp_path / "run", start="googlenet", weights=weights, device="cpu")
    assert (run.settings.steps, run.settings.learning_rate) == (200, 1e-4)


def test_photographs_are_held_out_by_name_with_a_note_or_by_block(photos, tmp_path):
    by_name = plan_labelled(photos, TrainingSettings(held_out=0.25))
    assert by_name.settings.split == "random"
    assert "`split=blocks`" in by_name.notes[0]
    by_block = plan_labelled(photos, TrainingSettings(held_out=0.25, split="blocks"))
    assert by_block.notes == ()
    held_out = [photo.path.stem for photo in by_block.validation.data.photos]
    assert held_out == [f"{name}{number}" for name in ("sandstone", "shale") for number in (9, 10, 11)]
    # Another split is another run.
    train(photos, folder=tmp_path, held_out=0.25, **TINY)
    with raises("changed"):
        train(photos, folder=tmp_path, held_out=0.25, split="blocks", **TINY)
    for option in ({"guard": 3}, {"polarity_flip": 0.5}):
        with raises("incompatible", option=next(iter(option))):
            plan_labelled(photos, TrainingSettings(**option))


def test_invalid_settings_and_data_are_refused_before_the_folder_is_touched(lines, tmp_path):
    (tmp_path / "network.safetensors").write_text("mine")
    for data, settings, code in (
        (None, {"preset": "faces"}, "unknown-name"),
        (None, {"preset": "facies", "unlabelled": ("nowhere.sgy",)}, "not-found"),
        ("nowhere", {}, "not-found"),
        (lines, {"guard": 500}, "too-small"),
        (lines, {"held_out": 2}, "out-of-range"),
    ):
        with raises(code):
            train(data, folder=tmp_path, **settings)
        assert names_in(tmp_path) == {"network.safetensors"}
    with raises("exists"):
        train(lines, folder=tmp_path, **TINY)


@pytest.mark.parametrize("name", ["run.json", "checkpoint.pt", "card.md"])
def test_force_keeps_files_that_no_run_wrote(lines, tmp_path, name):
    (tmp_path / name).write_text('{"km": 42}')
    with raises("not-ours"):
        train(lines, folder=tmp_path, force=True, **TINY)
    with raises("exists" if name == "card.md" else "not-ours"):
        train(lines, folder=tmp_path, **TINY)
    assert names_in(tmp_path) == {name}
    assert (tmp_path / name).read_text() == '{"km": 42}'


@pytest.mark.parametrize(
    ("has_data", "settings", "code", "option"),
    [
        (False, {}, "missing-argument", "data"),
        (False, {"preset": "faces"}, "unknown-name", "preset"),
        (True, {"preset": "facies"}, "incompatible", "data"),
        (False, {"preset": "facies", "held_out": 0.1}, "incompatible", "held_out"),
        (False, {"preset": "facies", "input_options": {"dt_ms": 4.0}}, "incompatible", "input_options"),
        (False, {"preset": "geology", "unlabelled": ("sample:built-in",)}, "incompatible", "unlabelled"),
        (False, {"preset": "facies", "size": 64}, "incompatible", "size"),
        (False, {"preset": "facies", "split": "random"}, "incompatible", "split"),
        (True, {"earths": 8}, "incompatible", "earths"),
        (True, {"unlabelled": ("sample:built-in",)}, "incompatible", "unlabelled"),
        (True, {"widths": (8, 8), "start": "facies"}, "incompatible", "widths"),
        (True, {"n_dims": 3}, "incompatible", "start"),
        (True, {"start": "gabor"}, "not-supported", "start"),
        (True, {"batch": 4}, "unknown-argument", "batch"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(lines, tmp_path, has_data, settings, code, option):
    with raises(code, option=option):
        TrainingRun(lines if has_data else None, folder=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_a_card_names_the_folder_of_its_network(lines, tmp_path):
    train(lines, folder=tmp_path / "mine.train", **TINY)
    assert re.search(r"--network mine\.train/network\.safetensors", (tmp_path / "mine.train" / "card.md").read_text())
