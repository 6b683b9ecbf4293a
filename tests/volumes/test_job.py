"""Volume jobs: equal to the whole, resumed where they were interrupted, and never finished with a hole."""

import fcntl
import shutil
from dataclasses import replace

import numpy as np
import pytest

import seisdream as sd
from errors import raises
from seisdream.inference.predict_cube import CubePredictor
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.predictor import Predictor
from seisdream.io.atomic import _make_partial
from seisdream.provenance import input_files
from seisdream.volumes.job import LOCK, MISSING, JobResult
from seisdream.volumes.run import open_job_result
from seisdream.volumes.settings import ExecutorSettings
from seisdream.volumes.verify import verify
from seisdream.volumes.worker import NetworkSource
from small_volumes import SHAPE, make_job

SERIAL = ExecutorSettings(executor="serial")


def files_in(folder):
    store = folder / "prediction.zarr"
    return {path.relative_to(store): path.read_bytes() for path in store.rglob("c/*/*/*")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A job that ran without interruption: its folder."""
    folder = tmp_path_factory.mktemp("whole")
    result = make_job(folder).run(folder / "out", SERIAL)
    result.require_complete()
    return folder / "out"


@pytest.mark.parametrize("direction", ["inline", "crossline"])
def test_a_volume_is_predicted_as_its_sections_are_alone(tmp_path, direction):
    settings = PredictionSettings(augmentations=1, device="cpu")
    job = make_job(tmp_path, settings=settings, direction=direction, block=(3, 5, 1))
    job.run(tmp_path / "out", SERIAL).require_complete()
    volume, predictor = open_job_result(tmp_path / "out"), Predictor(job.network, settings)
    axis = ("inline", "crossline").index(direction)
    assert np.isnan(volume.entropy[2]).all()
    assert (volume.classes[2] == 255).all()
    for position in (0, 4):
        alone = predictor(job.kernel.lines.read(position), job.scale.mapping)
        line = volume.isel({direction: position})
        np.testing.assert_array_equal(line.classes.values.T, alone.classes)
        np.testing.assert_allclose(line.entropy.values.T, alone.entropy, atol=1e-5)
        np.testing.assert_allclose(line.probability.values.T, alone.probabilities.max("class", skipna=False), atol=1e-5)
    assert job.plan.grid[axis] == -(-SHAPE[axis] // (3, 5)[axis])


@pytest.mark.parametrize("augmentations", [0, 3])
def test_blocks_of_a_cube_equal_the_whole_cube(tmp_path, augmentations):
    settings = PredictionSettings(augmentations=augmentations, device="cpu", tile=0)
    job = make_job(tmp_path, n_dims=3, settings=settings, block=(4, 6, 10), all_probabilities=True)
    assert len(job.plan.tasks) > 8
    job.run(tmp_path / "out", SERIAL).require_complete()
    cube = job.volume.read().transpose(2, 0, 1)
    predictor, volume = CubePredictor(job.network, settings), open_job_result(tmp_path / "out")
    spans = [(0, n) for n in cube.shape]
    labelled = job.kernel._cube(job.volume.read(), tuple((0, n) for n in SHAPE))
    alone = predictor.block(labelled, spans, spans, cube.shape, job.scale.mapping, job.scale.statistics)
    expected = alone.probabilities.sel({"class": "salt"}).transpose("inline", "crossline", "time")
    np.testing.assert_allclose(volume.probability_salt, expected, atol=1e-5)
    np.testing.assert_allclose(volume.entropy, alone.entropy.transpose("inline", "crossline", "time"), atol=1e-5)


def test_an_interrupted_job_is_continued_and_equals_one_that_ran_through(whole, tmp_path):
    job, done = make_job(whole.parent), []

    def interrupt(event, task, seconds):
        done.append(event)
        if done.count("done") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.run(tmp_path / "out", SERIAL, on_event=interrupt)
    assert len(verify(tmp_path / "out").missing) == 2
    left = []
    result = job.run(tmp_path / "out", SERIAL, on_begin=lambda plan, tasks: left.extend(tasks))
    assert (len(left), result.n_earlier, result.missing) == (2, 2, {})
    assert files_in(tmp_path / "out") == files_in(whole)
    again = job.run(tmp_path / "out", SERIAL)
    assert again.n_earlier == again.n_blocks == 4


def test_blocks_of_other_settings_are_never_mixed(whole, tmp_path):
    before = files_in(whole)
    other = make_job(whole.parent, settings=PredictionSettings(augmentations=0, device="cpu", percentile=90))
    with raises("incompatible", "out"):
        other.run(whole, SERIAL)
    with raises("incompatible", "out"):
        make_job(whole.parent, direction="crossline").run(whole, SERIAL)
    rescaled = make_job(whole.parent)
    rescaled.network.preprocessing = replace(rescaled.network.preprocessing, scale=0.5)
    with raises("incompatible", "out"):
        rescaled.run(whole, SERIAL)
    assert files_in(whole) == before


def test_a_block_whose_file_is_gone_is_computed_again(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "out")
    (tmp_path / "out" / "prediction.zarr" / "entropy" / "c" / "3" / "0" / "0").unlink()
    assert make_job(whole.parent).run(tmp_path / "out", SERIAL).n_earlier == 3
    assert files_in(tmp_path / "out") == files_in(whole)


def test_what_a_killed_job_was_writing_is_removed(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "out")
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / LOCK).touch()
    for folder, name in ((tmp_path / "out", "class.sgy"), (begun, "job.json")):
        _make_partial(folder / name)[1].close()
        assert make_job(whole.parent).run(folder, SERIAL).missing == {}
        assert not [child for child in folder.iterdir() if child.name.startswith(".")]


def test_marks_are_removed_before_blocks(whole, tmp_path, monkeypatch):
    shutil.copytree(whole, tmp_path / "out")
    (tmp_path / "out" / "prediction.zarr" / "zarr.json").unlink()
    removed = []

    def interrupt(folder):
        removed.append(folder.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_job(whole.parent).run(tmp_path / "out", SERIAL, force=True)
    assert removed == ["blocks"]


def test_a_volume_that_changes_during_the_job_is_reported(tmp_path):
    job = make_job(tmp_path)

    def touch(event, task, seconds):
        (tmp_path / "survey.zarr" / "zarr.json").touch()

    with raises("changed"):
        job.run(tmp_path / "out", SERIAL, on_event=touch)
    with raises("incompatible", "out"):
        make_job(tmp_path).run(tmp_path / "out", SERIAL)


def test_a_worker_of_an_earlier_job_writes_nothing(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "out")
    job = make_job(whole.parent)
    worker = job._work(tmp_path / "out")()
    make_job(whole.parent, number_format="float16").run(tmp_path / "out", SERIAL, force=True)
    before = files_in(tmp_path / "out")
    with raises("changed"):
        worker(job.plan.tasks[0])
    assert files_in(tmp_path / "out") == before


def test_no_other_job_begins_before_all_files_are_written(whole):
    def begin_another(result):
        with raises("exists", "out"):
            make_job(whole.parent).run(whole, SERIAL)

    make_job(whole.parent).run(whole, SERIAL, on_complete=begin_another)


def test_force_begins_again_and_never_removes_what_is_not_ours(tmp_path):
    job = make_job(tmp_path)
    job.run(tmp_path / "out", SERIAL)
    result = make_job(tmp_path, direction="crossline", block=(1, 12, 1)).run(tmp_path / "out", SERIAL, force=True)
    assert (result.n_earlier, result.n_blocks) == (0, 2)
    (tmp_path / "out" / "notes.doc").write_text("mine")
    with raises("not-ours", "out"):
        job.run(tmp_path / "out", SERIAL, force=True)


def test_a_second_job_on_the_same_output_is_refused(whole):
    with (whole / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with raises("exists", "out"):
            make_job(whole.parent).run(whole, SERIAL)


def test_verify_finds_damage_and_the_job_repairs_it(tmp_path):
    job = make_job(tmp_path)
    job.run(tmp_path / "out", SERIAL)
    good = files_in(tmp_path / "out")
    assert verify(tmp_path / "out").is_whole
    store = tmp_path / "out" / "prediction.zarr"
    damaged, gone = store / "entropy" / "c" / "1" / "0" / "0", store / "classes" / "c" / "3" / "0" / "0"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    gone.unlink()
    found = verify(tmp_path / "out", repair=True)
    assert {task.index[0]: what for task, what in found.damaged.items()} == {
        1: "entropy has changed", 3: "classes is gone",
    }  # fmt: skip
    assert job.run(tmp_path / "out", SERIAL).n_earlier == 2
    assert files_in(tmp_path / "out") == good


def test_verify_finds_damaged_coordinates_and_metadata(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "out")
    store = tmp_path / "out" / "prediction.zarr"
    (store / "inline" / "c" / "0").unlink()
    (store / "entropy" / "zarr.json").write_text("{")
    found = verify(tmp_path / "out")
    assert found.geometry == {"entropy/zarr.json": "has changed", "inline/c/0": "is gone"}
    assert (found.missing, found.damaged, found.is_whole) == ([], {}, False)


def test_a_block_that_cannot_be_computed_is_listed_and_computed_later(tmp_path, monkeypatch):
    job = make_job(tmp_path)
    compute = type(job.kernel).compute

    def fail(self, values, task):
        if task.index[0] == 1:
            raise RuntimeError("no memory")
        return compute(self, values, task)

    with monkeypatch.context() as patch:
        patch.setattr(type(job.kernel), "compute", fail)
        result = job.run(tmp_path / "out", SERIAL)
    assert {task.index[0]: reason for task, reason in result.missing.items()} == {1: "no memory"}
    assert (tmp_path / "out" / MISSING).read_text() == "block 1,0,0: no memory\n"
    with raises("incomplete"):
        result.require_complete()
    assert job.run(tmp_path / "out", SERIAL).n_earlier == 3
    assert not (tmp_path / "out" / MISSING).exists()


@pytest.mark.slow
@pytest.mark.parametrize(("executor", "workers"), [("processes", 4), ("dask", 2)])
def test_several_workers_write_what_one_does(whole, tmp_path, executor, workers):
    job = make_job(whole.parent)
    assert len(job.plan.tasks) == 4
    job.run(tmp_path / "out", ExecutorSettings(executor=executor, workers=workers, threads=1)).require_complete()
    one, several = open_job_result(whole), open_job_result(tmp_path / "out")
    np.testing.assert_array_equal(several.classes, one.classes)
    np.testing.assert_allclose(several.entropy, one.entropy, atol=1e-5)


def test_a_job_on_a_disk_that_fills_lists_what_is_missing_and_is_continued_when_there_is_room(whole, full_disk):
    job, out, other = make_job(whole.parent), full_disk / "out", full_disk / "other"

    def fill(event, task, seconds):
        if event == "done" and not other.exists():
            other.write_bytes(bytes(shutil.disk_usage(full_disk).free))

    result = job.run(out, SERIAL, on_event=fill)
    assert "the disk is full" in result.stopped
    assert [task.index[0] for task in result.missing] == [1, 2, 3]
    with raises("incomplete"):
        result.require_complete()
    assert len(verify(out).missing) == 3
    other.unlink()
    assert make_job(whole.parent).run(out, SERIAL).n_earlier == 1
    assert files_in(out) == files_in(whole)


def test_a_folder_may_be_called_like_the_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gabor").mkdir()
    network = sd.load_network("gabor")
    assert NetworkSource.of(network, tmp_path / "gabor").load().sha256 == network.sha256
    assert input_files("survey.zarr", network) == []


def test_why_a_run_stopped_is_stated_once(whole):
    tasks = make_job(whole.parent).plan.tasks
    with raises("incomplete") as caught:
        JobResult(whole, "", len(tasks), 0, dict.fromkeys(tasks, "No worker."), "No worker.").require_complete()
    assert str(caught.value).count("No worker.") == 1
    assert all(str(task) in str(caught.value) for task in tasks)
