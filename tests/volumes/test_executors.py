"""Executors: real processes and real kills."""

import gc
import json
import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import seisdream
from errors import raises
from failing_work import Trouble, make_tasks
from seisdream.errors import SeisdreamError
from seisdream.models.preprocessing import Preprocessing
from seisdream.volumes import dask_pool
from seisdream.volumes.executors import MOST_ATTEMPTS, Outcome, ProcessPool, SerialPool, run_tasks
from seisdream.volumes.worker import NetworkSource
from small_volumes import write_volume

NETWORK = """
from torch import nn


def build():
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
"""


def run(pool, n_tasks=6):
    done = {}

    def collect(outcome):
        if outcome.error is None:
            done[outcome.task.index[0]] = outcome.value

    return run_tasks(pool, make_tasks(n_tasks), collect), done


def attempts(folder, number):
    return len(list(folder.glob(f"{number}-*")))


def test_a_killed_worker_is_replaced_and_its_task_done_by_another(tmp_path):
    result, done = run(ProcessPool(Trouble(str(tmp_path), kills=(1, 4), n_times=1), 2))
    assert done == {number: number for number in range(6)}
    assert (result.failed, result.stopped) == ({}, "")
    assert [attempts(tmp_path, number) for number in range(6)] == [1, 2, 1, 1, 2, 1]


@pytest.mark.parametrize("kind", ["serial", "processes"])
def test_a_task_that_fails_three_times_is_listed_and_all_others_are_done(tmp_path, kind):
    work = Trouble(str(tmp_path), fails=(2,))
    result, done = run(SerialPool(work) if kind == "serial" else ProcessPool(work, 1))
    assert sorted(done) == [0, 1, 3, 4, 5]
    assert {task.index[0]: "task 2 fails" in reason for task, reason in result.failed.items()} == {2: True}
    assert attempts(tmp_path, 2) == MOST_ATTEMPTS


def test_a_task_that_kills_every_worker_is_listed(tmp_path):
    result, done = run(ProcessPool(Trouble(str(tmp_path), kills=(0,)), 1), n_tasks=2)
    assert done == {1: 1}
    assert [(task.index[0], "SIGKILL" in reason) for task, reason in result.failed.items()] == [(0, True)]


def test_a_task_for_which_a_worker_has_no_memory_is_listed_and_all_others_are_done(tmp_path):
    result, done = run(ProcessPool(Trouble(str(tmp_path), exceeds_memory=(1,)), 1), n_tasks=3)
    assert sorted(done) == [0, 2]
    assert [(task.index[0], "out of memory" in reason) for task, reason in result.failed.items()] == [(1, True)]
    assert attempts(tmp_path, 1) == MOST_ATTEMPTS


def test_a_worker_that_cannot_start_stops_the_run(tmp_path):
    result, done = run(ProcessPool(Trouble(str(tmp_path), starts=False), 1))
    assert done == {}
    assert "no network" in result.stopped


def test_a_full_disk_stops_the_run_at_once():
    class FullDisk:
        n_free, n_submitted = 1, 0

        def submit(self, task):
            self.task, self.n_free, self.n_submitted = task, 0, self.n_submitted + 1

        def wait(self):
            return [Outcome(self.task, error=SeisdreamError("the disk is full", code="write-failed"))]

        def close(self):
            self.is_closed = True

    pool = FullDisk()
    result, _ = run(pool)
    assert (result.stopped, pool.n_submitted, pool.is_closed) == ("the disk is full", 1, True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mine.py:build", "{folder}/mine.py:build"),
        ("mine.safetensors", "{folder}/mine.safetensors"),
        ("mine.safetensors@random:0", "{folder}/mine.safetensors@random:0"),
        ("facies@shuffled", "facies@shuffled"),
        ("package.module:build", "package.module:build"),
    ],
)
def test_workers_in_another_folder_find_the_file_of_a_network(tmp_path, monkeypatch, name, expected):
    monkeypatch.chdir(tmp_path)
    for file in ("mine.py", "mine.safetensors"):
        (tmp_path / file).touch()
    (tmp_path / "facies").mkdir()
    network = SimpleNamespace(name=name, weights="weights.pt", options={}, sha256="0", is_loadable=True)
    source = NetworkSource.of(network, tmp_path)
    assert (source.name, source.weights) == (expected.format(folder=tmp_path), f"{tmp_path}/weights.pt")


@pytest.mark.slow
def test_workers_of_a_cluster_may_run_in_another_folder(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home, elsewhere):
        folder.mkdir()
    (home / "mine.py").write_text(NETWORK)
    (home / "classes.txt").write_text("a\nb\n")
    write_volume(home)
    monkeypatch.chdir(elsewhere)
    quiet = {"dashboard_address": None, "silence_logs": "CRITICAL"}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=True, **quiet) as cluster:
        monkeypatch.chdir(home)
        job = {"out": "out", "augmentations": 0, "device": "cpu", "scheduler": cluster.scheduler_address}
        network = seisdream.load_network("mine.py:build", preprocessing=Preprocessing("grey"), classes="classes.txt")
        predicted = seisdream.predict("survey.zarr", network, **job)
    assert (predicted.classes.values[0] < 2).all()


@pytest.mark.slow
def test_dask_does_all_tasks_and_lists_what_fails(tmp_path):
    pytest.importorskip("distributed")
    result, done = run(
        dask_pool.DaskPool(Trouble(str(tmp_path), fails=(2,), kills=(4,), n_times=3), None, 2), n_tasks=12
    )
    assert result.stopped == ""
    # Dask itself repeats a block up to three times when its worker dies; an error is repeated by the job alone.
    assert sorted(done) == [number for number in range(12) if number != 2]
    assert [task.index[0] for task in result.failed] == [2]


@pytest.fixture
def scheduler(tmp_path):
    """Return the address and the process of a scheduler that runs apart, as its worker does."""
    pytest.importorskip("distributed")
    known, program = tmp_path / "scheduler.json", Path(sys.executable).with_name("dask")
    same = ["--scheduler-file", known, "--no-dashboard"]
    options = {"env": os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, "stderr": subprocess.DEVNULL}
    alone, scratch = ["--host", "127.0.0.1", "--port", "0"], ["--local-directory", tmp_path]
    process = subprocess.Popen([program, "scheduler", *same, *alone], **options)
    worker = subprocess.Popen([program, "worker", *same, *scratch, "--nthreads", "1", "--no-nanny"], **options)
    while not known.exists():
        assert process.poll() is None
        time.sleep(0.1)
    yield json.loads(known.read_text())["address"], process
    for one in (process, worker):
        one.kill()
        one.wait()


@pytest.mark.slow
def test_a_scheduler_elsewhere_gets_all_tasks_done_and_ends_the_run_without_tracebacks_when_it_is_killed(
    scheduler, tmp_path, capfd
):
    address, process = scheduler
    result, done = run(dask_pool.DaskPool(Trouble(str(tmp_path)), address, 1))
    assert (sorted(done), result.failed, result.stopped) == ([*range(6)], {}, "")
    pool = dask_pool.DaskPool(Trouble(str(tmp_path)), address, 1)
    result = run_tasks(pool, make_tasks(1000), lambda outcome: process.kill())
    assert "The connection to the Dask scheduler" in result.stopped
    del pool
    gc.collect()
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_what_listens_and_is_no_scheduler_is_refused(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(dask_pool, "_CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server, raises("not-found", "scheduler"):
        dask_pool.DaskPool(None, f"tcp://127.0.0.1:{server.getsockname()[1]}", 1)


class SilentFuture:
    def add_done_callback(self, callback):
        """Never call it."""


class SilentClient:
    """A cluster whose tasks never end and that computes none of them."""

    status, n_workers = "running", 1

    def __init__(self, *_, **__):
        self.n_cancelled = 0

    def nthreads(self):
        return {f"worker {number}": 1 for number in range(self.n_workers)}

    def processing(self):
        return dict.fromkeys(self.nthreads(), ())

    def submit(self, *_, **__):
        return SilentFuture()

    def cancel(self, futures, **_):
        self.n_cancelled += len(futures)

    def close(self, **_):
        self.status = "closed"


@pytest.fixture
def silent(monkeypatch):
    monkeypatch.setattr(dask_pool, "require_extra", lambda *_: SimpleNamespace(Client=SilentClient))
    for name in ("_POLL_S", "_STALL_S", "_NO_WORKER_S", "_COUNT_S"):
        monkeypatch.setattr(dask_pool, name, 0.01)


def test_tasks_of_dask_that_never_end_are_tried_again_and_listed(silent):
    pool = dask_pool.DaskPool(None, "tcp://127.0.0.1:1", 1)
    result, done = run(pool, n_tasks=3)
    assert (done, result.stopped) == ({}, "")
    assert [task.index[0] for task in result.failed] == [0, 1, 2]
    assert set(result.failed.values()) == {"no worker computed the task"}
    assert pool._client.n_cancelled == 3 * MOST_ATTEMPTS


def test_dask_writes_no_tracebacks_while_a_job_uses_it(silent):
    logger = logging.getLogger("distributed.tests")
    logger.setLevel(logging.WARNING)
    pool = dask_pool.DaskPool(None, "tcp://127.0.0.1:1", 1)
    assert not logger.isEnabledFor(logging.CRITICAL)
    pool.close()
    assert logger.level == logging.WARNING


def test_a_cluster_without_workers_stops_the_run(silent, monkeypatch):
    monkeypatch.setattr(SilentClient, "n_workers", 0)
    result, done = run(dask_pool.DaskPool(None, "tcp://127.0.0.1:1", 1))
    assert (done, result.failed) == ({}, {})
    assert "has had no worker" in result.stopped
