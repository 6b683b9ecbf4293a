"""The training loop: it learns, it counts what is known, and it ends where it would have ended, whatever happens."""

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
from seisdream.data.sample import UNKNOWN, Sample, collate
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.errors import SeisdreamError
from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.models.zoo.unet import UNet
from seisdream.training import loop
from seisdream.training.loop import CHECKPOINT_FILE, Training, TrainingSettings, balance_of
from small_items import Stripes

TESTS = Path(__file__).parents[1]
TINY = TrainingSettings(
    settings={"widths": [4, 6, 6]}, n_steps=4, batch=2, validate_every=2, precision="float32", n_workers=0
)


@pytest.fixture(autouse=True)
def one_thread():
    earlier = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(earlier)


def training_of(folder, recipe=TINY, data=None, **options):
    return Training(recipe, data or Stripes(), Stripes(1), 3, folder, device="cpu", **options)


def walked(training):
    return list(training.states())


def state_of(training):
    return {
        "model": training.model.state_dict(),
        "average": training.average.state_dict(),
        "optimiser": training.optimiser.state_dict()["state"],
        "history": training.history,
    }


def assert_equal(one, other):
    """Assert that two nests of values are equal to the last bit."""
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


def test_it_learns_what_can_be_learned(tmp_path):
    recipe = replace(TINY, settings={"widths": [8, 12, 16]}, n_steps=90, batch=4, learning_rate=1e-2, average=0.9)
    training = training_of(tmp_path, replace(recipe, validate_every=90))
    states = walked(training)
    assert states[-1].scores.pixel_accuracy > 0.9
    assert np.mean([state.loss for state in states[-5:]]) < 0.5 * states[0].loss


def test_a_classifier_learns_too(tmp_path):
    class Kinds:
        classes = ("fine", "coarse")

        def __getitem__(self, number):
            rng = np.random.default_rng(number)
            kind = number % 2
            rows = np.arange(32)[:, None] * (2.2, 0.6)[kind] + rng.uniform(0, 6)
            picture = np.sin(rows) + rng.normal(0, 0.1, (32, 32))
            return Sample(picture[None].astype(np.float32), np.array(kind, np.uint8))

    recipe = replace(TINY, architecture="classifier", n_steps=40, batch=4, learning_rate=1e-2, average=0.8)
    recipe = replace(recipe, validate_every=40)
    training = Training(recipe, Kinds(), Kinds(), 8, tmp_path, device="cpu")
    assert walked(training)[-1].scores.pixel_accuracy == 1.0


def test_states_say_where_the_run_stands(tmp_path):
    training = training_of(tmp_path, replace(TINY, n_steps=5))
    states = walked(training)
    assert [state.step for state in states] == [1, 2, 3, 4, 5]
    assert [state.scores is not None for state in states] == [False, True, False, True, True]
    assert [row["step"] for row in training.history] == [2, 4, 5]
    assert set(training.history[0]) == {"step", "loss", "learning_rate", "mean_iou", "pixel_accuracy"}
    for row, losses in zip(training.history, (states[:2], states[2:4], states[4:]), strict=True):
        assert row["loss"] == pytest.approx(np.mean([state.loss for state in losses]))
    assert states[-1].scores.confusion.sum() == 3 * 32 * 24
    assert training.history[-1]["pixel_accuracy"] == pytest.approx(states[-1].scores.pixel_accuracy)
    assert states[-1].seconds >= states[-1].waited > 0
    assert os.listdir(tmp_path) == [CHECKPOINT_FILE]


def test_the_learning_rate_rises_and_falls_as_a_cosine(tmp_path):
    training = training_of(tmp_path, replace(TINY, n_steps=100, warm_up=0.1))
    paces = []
    for step in (0, 4, 9, 10, 55, 99):
        training.step = step
        paces.append(training._pace())
    assert paces == pytest.approx([0.1, 0.5, 1.0, 1.0, 0.5, 0.0], abs=1e-3)


def test_the_average_forgets_its_beginnings():
    average = loop._averager(0.9)
    first, last = torch.tensor([0.0]), torch.tensor([1.0])
    assert float(average(first, last, torch.tensor(1))) == pytest.approx(1 - 2 / 11)
    assert float(average(first, last, torch.tensor(1000))) == pytest.approx(0.1)
    assert int(average(torch.tensor(3), torch.tensor(7), torch.tensor(5))) == 7  # Counters are taken over.


def test_rare_classes_count_more():
    class Uneven:
        classes = ("often", "seldom", "never")

        def __getitem__(self, number):
            labels = np.zeros((10, 10), np.uint8)
            labels[0] = 1
            labels[5:] = UNKNOWN
            return Sample(np.zeros((1, 10, 10), np.float32), labels)

    frequency = np.array([0.8, 0.2, 1e-3])
    for power in (0.5, 1.0):
        weights = balance_of(Uneven(), power).numpy()
        assert weights[1] / weights[0] == pytest.approx(4**power)
        assert weights[2] / weights[0] == pytest.approx(800**power)
        assert (weights * frequency).sum() == pytest.approx(1.0, rel=1e-5)
    assert balance_of(Uneven(), 0.0).tolist() == [1, 1, 1]


def test_what_is_not_known_does_not_count(tmp_path):
    training = training_of(tmp_path, data=Stripes(unknown=0.5))
    batch = collate([training.data[number] for number in (0, 1)])
    training.model.eval()
    loss = training.loss_of(training.model, batch)
    with torch.no_grad():
        logits = training.model(batch["picture"])["classes"]
    labels = batch["classes"].long()
    known = labels != UNKNOWN
    assert 0 < int(known.sum()) < known.numel()
    expected = F.cross_entropy(logits.movedim(1, -1)[known], labels[known], training.weights)
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-5)
    # Nothing known at all is nothing learned, and no trouble.
    batch["classes"][:] = UNKNOWN
    loss = training.loss_of(training.model, batch)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert all(not part.grad.any() for part in training.model.parameters() if part.grad is not None)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_all_tasks_are_learned_at_once_from_generated_earths(tmp_path, precision):
    tasks = {"fault": 0.1, "dip": 0.2, "impedance": 0.1, "attributes": 0.3, "place": 0.1}
    recipe = replace(TINY, tasks=tasks, settings={"widths": [4, 4, 4, 4, 4]}, n_steps=2, precision=precision)
    data = GeneratedEarths(1, 4, size=40)
    training = Training(recipe, data, data, 1, tmp_path, device="cpu")
    states = walked(training)
    assert np.isfinite([state.loss for state in states]).all()
    assert all(parameter.isfinite().all() for parameter in training.model.parameters())


def test_volumes_are_learned_from_generated_cubes(tmp_path):
    # Six stages leave one inline of sixteen, half-way down.
    recipe = replace(TINY, settings={"widths": [3, 4, 4, 4, 4, 4], "n_dims": 3}, n_steps=3, validate_every=3, balance=0)
    cubes = GeneratedEarths(1, 2, size=(32, 16, 32))
    held_out = GeneratedEarths(2, 1, size=(32, 16, 32), augmentation=None)
    training = Training(recipe, cubes, held_out, 1, tmp_path, device="cpu")
    states = walked(training)
    assert np.isfinite([state.loss for state in states]).all()
    assert states[-1].scores.confusion.sum() == 32 * 16 * 32
    with torch.no_grad():
        assert training.network(torch.zeros(1, 1, 20, 9, 17)).shape == (1, 10, 20, 9, 17)


def test_a_loss_that_is_no_number_ends_the_run_and_spares_the_checkpoint(tmp_path):
    training = training_of(tmp_path, replace(TINY, n_steps=8), Stripes(poison=6))
    with pytest.raises(SeisdreamError, match=r"The loss is nan at step 4.*learning rate \(now 0.002\)"):
        walked(training)
    kept = torch.load(tmp_path / CHECKPOINT_FILE, weights_only=True)
    assert kept["step"] == 2
    assert all(value.isfinite().all() for value in kept["model"].values())


def test_a_run_that_was_left_ends_where_it_would_have_ended(tmp_path):
    recipe = replace(TINY, n_steps=6, tasks={"dip": 0.1})
    whole = training_of(tmp_path / "whole", recipe, Stripes(unknown=0.3))
    walked(whole)
    for state in training_of(tmp_path / "left", recipe, Stripes(unknown=0.3)).states():
        if state.step == 3:
            break
    resumed = training_of(tmp_path / "left", recipe, Stripes(unknown=0.3))
    assert resumed.step == 2
    assert [state.step for state in resumed.states()] == [3, 4, 5, 6]
    assert_equal(state_of(resumed), state_of(whole))
    # Once more, and there is nothing left to do.
    done = training_of(tmp_path / "left", recipe, Stripes(unknown=0.3))
    assert walked(done) == []
    assert_equal(state_of(done), state_of(whole))


def test_another_recipe_is_not_resumed(tmp_path):
    walked(training_of(tmp_path))
    with pytest.raises(
        SeisdreamError, match=r"another --batch \(2 there, 4 now\), another --learning-rate.*--out.*--force"
    ):
        training_of(tmp_path, replace(TINY, batch=4, learning_rate=1e-4))
    with pytest.raises(SeisdreamError, match="another settings"):
        training_of(tmp_path, replace(TINY, settings={"widths": [4, 6]}))

    class More(Stripes):
        classes = ("coarse", "fine", "dark", "absent")

    with pytest.raises(SeisdreamError, match="another number of classes"):
        training_of(tmp_path, data=More())
    assert training_of(tmp_path, replace(TINY, n_workers=2)).step == 4  # Which changes nothing.


def test_a_checkpoint_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    training = training_of(tmp_path)
    states = training.states()
    next(states), next(states)
    before = (tmp_path / CHECKPOINT_FILE).read_bytes()

    def full_disk(values, path):
        Path(path).write_bytes(before[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop.torch, "save", full_disk)
    next(states)
    with pytest.raises(SeisdreamError, match="disk is full"):
        next(states)
    assert os.listdir(tmp_path) == [CHECKPOINT_FILE]
    assert (tmp_path / CHECKPOINT_FILE).read_bytes() == before


def run_python(*words, timeout=120):
    environment = os.environ | {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_a_run_that_is_killed_at_any_moment_ends_where_it_would_have_ended(tmp_path):
    ends = json.loads(run_python(TESTS / "killed_run.py", tmp_path).splitlines()[-1])
    assert ends[0] == ends[-1] == 0
    assert ends[1:6] == [9] * 5  # At a checkpoint, one way or another.
    assert 9 in ends[6:-1]  # And at moments that nobody chose.
    assert set(ends) == {0, 9}
    whole, killed = (torch.load(tmp_path / name / CHECKPOINT_FILE, weights_only=True) for name in ("whole", "killed"))
    assert whole["step"] == 24
    for kept in (whole, killed):
        del kept["recipe"]["n_workers"]
    assert_equal(killed, whole)
    assert os.listdir(tmp_path / "killed") == [CHECKPOINT_FILE]  # What was half written is swept up.
    files = []
    for name in ("whole", "killed"):
        recipe = TrainingSettings(**killed_run.RECIPE)
        network = Training(recipe, Stripes(), Stripes(1), 2, tmp_path / name, device="cpu").network
        files.append(tmp_path / f"{name}.safetensors")
        write_trained(network, ModelMetadata("unet", {}, Stripes.classes, Stripes.colours), files[-1])
    assert files[0].read_bytes() == files[1].read_bytes()


def test_two_processes_end_where_one_ends(tmp_path):
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
        assert (both["confusion"] - alone["confusion"]).abs().max() <= 2  # Samples on the edge.
        assert both["calibration_error"] == pytest.approx(alone["calibration_error"], abs=1e-3)
    assert_equal(first["weights"], other["weights"])
    for one, two in zip(first["history"], alone["history"], strict=True):
        assert one == pytest.approx(two, abs=2e-3)
    assert torch.load(tmp_path / "x.run" / CHECKPOINT_FILE, weights_only=True)["step"] == 6


def test_a_batch_that_processes_cannot_share_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "get_world_size", lambda: 3)
    with pytest.raises(SeisdreamError, match=r"A batch of 2 cannot be shared evenly by 3 processes \(--batch\)"):
        training_of(tmp_path)


def test_weights_to_start_from_are_taken_where_they_fit(tmp_path):
    torch.manual_seed(4)
    other = UNet(7, [4, 6, 6])
    training = training_of(tmp_path, start=other.state_dict())
    own = training.model.network.state_dict()
    for name, value in other.state_dict().items():
        assert name.startswith("logits") or torch.equal(own[name], value)
    assert own["logits.weight"].shape[0] == 3
    # And the first weights are those of the seed, whatever numbers were drawn before.
    torch.manual_seed(99)
    again = training_of(tmp_path / "again"), training_of(tmp_path / "more")
    assert_equal(dict(again[0].model.state_dict()), dict(again[1].model.state_dict()))
    other_seed = training_of(tmp_path / "seed", replace(TINY, seed=1)).model.state_dict()
    assert not torch.equal(other_seed["network.logits.weight"], again[0].model.state_dict()["network.logits.weight"])


def test_workers_prepare_the_same_items(tmp_path):
    alone = training_of(tmp_path / "0")
    walked(alone)
    helped = training_of(tmp_path / "1", replace(TINY, n_workers=2))
    walked(helped)
    assert_equal(state_of(helped), state_of(alone))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"architecture": "resnet"}, "unet, classifier"),
        ({"tasks": {"salt": 1.0}}, "no task salt; choose among fault"),
        ({"n_steps": 0}, "1 or more"),
        ({"batch": 0}, "1 or more"),
        ({"validate_every": 0}, "1 or more"),
        ({"learning_rate": 0.0}, "learning rate is greater than 0"),
        ({"average": 1.0}, "average"),
        ({"smoothing": -0.1}, "smoothing"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(wrong, words):
    with pytest.raises(SeisdreamError, match=words):
        replace(TINY, **wrong)
