"""The training loop: it learns, ignores unknown labels, and resumes to the bit."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch.nn import functional as F

import killed_run
import shared_run
from errors import raises
from seisdream.data.sample import UNKNOWN, Sample, collate
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.models.zoo.unet import ARCHITECTURES, UNet
from seisdream.training import loop
from seisdream.training.auxiliary_heads import TASKS
from seisdream.training.loop import CHECKPOINT_FILE, Training, class_weights
from seisdream.training.settings import ARCHITECTURE_NAMES, TASK_NAMES, TrainingSettings
from small_datasets import Stripes

TESTS = Path(__file__).parents[1]
TINY = TrainingSettings(
    widths=(4, 6, 6), steps=4, batch_size=2, validate_every=2, precision="float32", device="cpu", workers=0
)


@pytest.fixture(autouse=True)
def one_thread():
    earlier = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(earlier)


def training_of(folder, settings=TINY, data=None, **options):
    return Training(settings, data or Stripes(), Stripes(1), 3, folder, **options)


def run_all(training):
    return list(training.states())


def state_of(training):
    return {
        "model": training.model.state_dict(),
        "average": training.average.state_dict(),
        "optimiser": training.optimiser.state_dict()["state"],
        "history": training.history,
    }


def assert_equal(one, other):
    """Assert that nested values are equal to the bit."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_equal(value, other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_equal(*pair)
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


def test_training_reaches_high_accuracy_on_an_easy_task(tmp_path):
    settings = replace(TINY, widths=(8, 12, 16), steps=90, batch_size=4, learning_rate=1e-2, ema_decay=0.9)
    training = training_of(tmp_path, replace(settings, validate_every=90))
    states = run_all(training)
    assert states[-1].scores.pixel_accuracy > 0.9
    assert np.mean([state.loss for state in states[-5:]]) < 0.5 * states[0].loss


def test_a_classifier_is_trained(tmp_path):
    class Kinds:
        classes = ("fine", "coarse")

        def __getitem__(self, number):
            rng = np.random.default_rng(number)
            kind = number % 2
            rows = np.arange(32)[:, None] * (2.2, 0.6)[kind] + rng.uniform(0, 6)
            image = np.sin(rows) + rng.normal(0, 0.1, (32, 32))
            return Sample(image[None].astype(np.float32), np.array(kind, np.uint8))

    settings = replace(TINY, architecture="classifier", steps=40, batch_size=4, learning_rate=1e-2, ema_decay=0.8)
    settings = replace(settings, validate_every=40)
    training = Training(settings, Kinds(), Kinds(), 8, tmp_path)
    assert run_all(training)[-1].scores.pixel_accuracy == 1.0


def test_states_and_history_agree(tmp_path):
    training = training_of(tmp_path, replace(TINY, steps=5))
    states = run_all(training)
    assert [state.step for state in states] == [1, 2, 3, 4, 5]
    assert [state.scores is not None for state in states] == [False, True, False, True, True]
    assert [row["step"] for row in training.history] == [2, 4, 5]
    assert set(training.history[0]) == {"step", "loss", "learning_rate", "mean_iou", "pixel_accuracy"}
    for row, losses in zip(training.history, (states[:2], states[2:4], states[4:]), strict=True):
        assert row["loss"] == pytest.approx(np.mean([state.loss for state in losses]))
    assert states[-1].scores.confusion.sum() == 3 * 32 * 24
    assert training.history[-1]["pixel_accuracy"] == pytest.approx(states[-1].scores.pixel_accuracy)
    assert states[-1].seconds >= states[-1].data_seconds > 0
    assert os.listdir(tmp_path) == [CHECKPOINT_FILE]


def test_the_learning_rate_warms_up_and_falls_as_a_cosine(tmp_path):
    training = training_of(tmp_path, replace(TINY, steps=100, warmup=0.1))
    factors = []
    for step in (0, 4, 9, 10, 55, 99):
        training.step = step
        factors.append(training._learning_rate_factor())
    assert factors == pytest.approx([0.1, 0.5, 1.0, 1.0, 0.5, 0.0], abs=1e-3)


def test_the_averaging_window_grows_during_the_first_steps():
    average = loop._averaging(0.9)
    first, last = torch.tensor([0.0]), torch.tensor([1.0])
    assert float(average(first, last, torch.tensor(1))) == pytest.approx(1 - 2 / 11)
    assert float(average(first, last, torch.tensor(1000))) == pytest.approx(0.1)
    assert int(average(torch.tensor(3), torch.tensor(7), torch.tensor(5))) == 7  # Counters are copied.


def test_rare_classes_have_larger_weights():
    class Uneven:
        classes = ("frequent", "rare", "absent")

        def __getitem__(self, number):
            labels = np.zeros((10, 10), np.uint8)
            labels[0] = 1
            labels[5:] = UNKNOWN
            return Sample(np.zeros((1, 10, 10), np.float32), labels)

    frequency = np.array([0.8, 0.2, 1e-3])
    for power in (0.5, 1.0):
        weights = class_weights(Uneven(), power).numpy()
        assert weights[1] / weights[0] == pytest.approx(4**power)
        assert weights[2] / weights[0] == pytest.approx(800**power)
        assert (weights * frequency).sum() == pytest.approx(1.0, rel=1e-5)
    assert class_weights(Uneven(), 0.0).tolist() == [1, 1, 1]


def test_unknown_labels_do_not_enter_the_loss(tmp_path):
    training = training_of(tmp_path, data=Stripes(unknown=0.5))
    batch = collate([training.data[number] for number in (0, 1)])
    training.model.eval()
    loss = training.loss(training.model, batch)
    with torch.no_grad():
        logits = training.model(batch["image"])["classes"]
    labels = batch["classes"].long()
    known = labels != UNKNOWN
    assert 0 < int(known.sum()) < known.numel()
    expected = F.cross_entropy(logits.movedim(1, -1)[known], labels[known], training.class_weights)
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-5)
    # Without any known label, loss and gradients are zero.
    batch["classes"][:] = UNKNOWN
    loss = training.loss(training.model, batch)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert all(not part.grad.any() for part in training.model.parameters() if part.grad is not None)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_all_auxiliary_tasks_are_trained_on_generated_earths(tmp_path, precision):
    tasks = {"fault": 0.1, "dip": 0.2, "impedance": 0.1, "attributes": 0.3, "position": 0.1}
    settings = replace(TINY, tasks=tasks, widths=(4, 4, 4, 4, 4), steps=2, precision=precision)
    data = GeneratedEarths(1, 4, size=40)
    training = Training(settings, data, data, 1, tmp_path)
    states = run_all(training)
    assert np.isfinite([state.loss for state in states]).all()
    assert all(parameter.isfinite().all() for parameter in training.model.parameters())


def test_a_network_for_cubes_is_trained_on_generated_cubes(tmp_path):
    # The coarsest of six stages has a single inline left.
    settings = replace(TINY, widths=(3, 4, 4, 4, 4, 4), n_dims=3, steps=3, validate_every=3, class_balance=0)
    cubes = GeneratedEarths(1, 2, size=(32, 16, 32))
    held_out = GeneratedEarths(2, 1, size=(32, 16, 32), augmentation=None)
    training = Training(settings, cubes, held_out, 1, tmp_path)
    states = run_all(training)
    assert np.isfinite([state.loss for state in states]).all()
    assert states[-1].scores.confusion.sum() == 32 * 16 * 32
    with torch.no_grad():
        assert training.network(torch.zeros(1, 1, 20, 9, 17)).shape == (1, 10, 20, 9, 17)


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_checkpoint(tmp_path):
    training = training_of(tmp_path, replace(TINY, steps=8), Stripes(nan_from=6))
    with raises("not-finite"):
        run_all(training)
    checkpoint = torch.load(tmp_path / CHECKPOINT_FILE, weights_only=True)
    assert checkpoint["step"] == 2
    assert all(value.isfinite().all() for value in checkpoint["model"].values())


def test_an_abandoned_run_is_resumed_to_the_bit(tmp_path):
    settings = replace(TINY, steps=6, tasks={"dip": 0.1})
    whole = training_of(tmp_path / "whole", settings, Stripes(unknown=0.3))
    run_all(whole)
    for state in training_of(tmp_path / "abandoned", settings, Stripes(unknown=0.3)).states():
        if state.step == 3:
            break
    resumed = training_of(tmp_path / "abandoned", settings, Stripes(unknown=0.3))
    assert resumed.step == 2
    assert [state.step for state in resumed.states()] == [3, 4, 5, 6]
    assert_equal(state_of(resumed), state_of(whole))
    # Started again, it has no steps left.
    done = training_of(tmp_path / "abandoned", settings, Stripes(unknown=0.3))
    assert run_all(done) == []
    assert_equal(state_of(done), state_of(whole))


def test_a_run_with_other_settings_or_classes_is_not_resumed(tmp_path):
    run_all(training_of(tmp_path))
    with raises("changed"):
        training_of(tmp_path, replace(TINY, batch_size=4, learning_rate=1e-4))
    with raises("changed"):
        training_of(tmp_path, replace(TINY, widths=(4, 6)))

    class More(Stripes):
        classes = ("coarse", "fine", "dark", "absent")

    with raises("changed"):
        training_of(tmp_path, data=More())
    assert training_of(tmp_path, replace(TINY, workers=2)).step == 4  # The number of workers does not matter.


def test_a_checkpoint_is_written_completely_or_not_at_all(tmp_path, monkeypatch):
    training = training_of(tmp_path)
    states = training.states()
    next(states), next(states)
    before = (tmp_path / CHECKPOINT_FILE).read_bytes()

    def full_disk(values, file):
        file.write(before[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop.torch, "save", full_disk)
    next(states)
    with raises("write-failed"):
        next(states)
    assert os.listdir(tmp_path) == [CHECKPOINT_FILE]
    assert (tmp_path / CHECKPOINT_FILE).read_bytes() == before


def run_python(*words):
    paths = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_moment_is_resumed_to_the_bit(tmp_path):
    ends = json.loads(run_python(TESTS / "killed_run.py", tmp_path).splitlines()[-1])
    assert ends[0] == ends[-1] == 0
    assert ends[1:6] == [9] * 5  # While a checkpoint is written.
    assert 9 in ends[6:-1]  # And at random moments.
    assert set(ends) == {0, 9}
    whole, killed = (torch.load(tmp_path / name / CHECKPOINT_FILE, weights_only=True) for name in ("whole", "killed"))
    assert whole["step"] == 24
    assert_equal(killed, whole)
    assert os.listdir(tmp_path / "killed") == [CHECKPOINT_FILE]  # Partial files are removed.
    files = []
    for name in ("whole", "killed"):
        settings = TrainingSettings(**killed_run.SETTINGS)
        network = Training(settings, Stripes(), Stripes(1), 2, tmp_path / name).network
        files.append(tmp_path / f"{name}.safetensors")
        write_trained(network, ModelMetadata("unet", {}, Stripes.classes, Stripes.colours), files[-1])
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.slow
def test_two_processes_train_the_same_network_as_one(tmp_path):
    run_python(
        "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2, TESTS / "shared_run.py", tmp_path / "x"
    )
    alone = shared_run.train(tmp_path / "alone")
    first, other = (torch.load(tmp_path / f"x.{which}", weights_only=True) for which in ("first", "other"))
    assert (alone["n_ranks"], first["n_ranks"]) == (1, 2)
    for name, value in alone["weights"].items():
        assert (first["weights"][name] - value).abs().max() < 1e-4, name
    for both in (first, other):
        assert both["losses"] == pytest.approx(alone["losses"], abs=1e-4)
        assert int(both["confusion"].sum()) == int(alone["confusion"].sum())
        assert (both["confusion"] - alone["confusion"]).abs().max() <= 2  # Samples with nearly equal logits.
        assert both["calibration_error"] == pytest.approx(alone["calibration_error"], abs=1e-3)
    assert_equal(first["weights"], other["weights"])
    for one, two in zip(first["history"], alone["history"], strict=True):
        assert one == pytest.approx(two, abs=2e-3)
    assert torch.load(tmp_path / "x.run" / CHECKPOINT_FILE, weights_only=True)["step"] == 6


def test_a_batch_that_cannot_be_shared_evenly_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "get_world_size", lambda: 3)
    with raises("incompatible"):
        training_of(tmp_path)


def test_initial_weights_are_used_where_shapes_match(tmp_path):
    torch.manual_seed(4)
    other = UNet(7, [4, 6, 6])
    training = training_of(tmp_path, start=other.state_dict())
    own = training.model.network.state_dict()
    for name, value in other.state_dict().items():
        assert name.startswith("logits") or torch.equal(own[name], value)
    assert own["logits.weight"].shape[0] == 3
    # All other weights depend on the seed alone.
    torch.manual_seed(99)
    again = training_of(tmp_path / "again"), training_of(tmp_path / "more")
    assert_equal(dict(again[0].model.state_dict()), dict(again[1].model.state_dict()))
    other_seed = training_of(tmp_path / "seed", replace(TINY, seed=1)).model.state_dict()
    assert not torch.equal(other_seed["network.logits.weight"], again[0].model.state_dict()["network.logits.weight"])


def test_worker_processes_prepare_the_same_samples(tmp_path):
    alone = training_of(tmp_path / "0")
    run_all(alone)
    helped = training_of(tmp_path / "1", replace(TINY, workers=2))
    run_all(helped)
    assert_equal(state_of(helped), state_of(alone))


@pytest.mark.parametrize(
    "wrong",
    [
        {"architecture": "resnet"},
        {"tasks": {"salt": 1.0}},
        {"steps": 0},
        {"batch_size": 0},
        {"validate_every": 0},
        {"learning_rate": 0.0},
        {"ema_decay": 1.0},
        {"label_smoothing": -0.1},
        {"flip_consistency": -1.0},
        {"widths": (8,)},
        {"held_out": 1.5},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    (name,) = wrong
    with raises("out-of-range", option=name):
        replace(TINY, **wrong)


def test_names_in_the_settings_are_those_of_the_networks_and_tasks():
    assert set(ARCHITECTURE_NAMES) == set(ARCHITECTURES)
    assert set(TASK_NAMES) == set(TASKS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 and no more",
        [1, 2],
        {"settings": {}},
        {"settings": [], "step": 1, "history": [], "model": {}, "average": {}, "optimiser": {}},
        "weights of others",
    ],
)
def test_a_checkpoint_that_is_empty_cut_or_foreign_is_refused_by_name(tmp_path, content):
    path = tmp_path / CHECKPOINT_FILE
    if content == "weights of others":
        values = training_of(tmp_path)._run_values()
        parts = {"model": {"a": torch.ones(2)}, "average": {}, "optimiser": {}}
        content = {"settings": values, "step": 1, "history": [], **parts}
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with raises("corrupt", "out"):
        training_of(tmp_path)
