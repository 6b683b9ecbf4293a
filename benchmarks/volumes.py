"""Volume jobs: the engine's cost for a block, scaling with processes, the scheduler, and a simulation of 300 GB.

    python benchmarks/volumes.py [--quick] [--inlines 24] [--size 256] [--tasks 10000] [--out FILE.json]

Everything is measured in one run on one machine, so that ratios hold although absolute times depend on what else runs;
the load of the machine before and after is part of the result. `--quick` shows within minutes that all of it runs.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.models.registry import load_network
from seisdream.volumes.executors import ProcessPool, SerialPool, run_tasks
from seisdream.volumes.job import VolumeJob, make_pool
from seisdream.volumes.plan import Plan, Reach
from seisdream.volumes.settings import ExecutorSettings, VolumeSettings
from seisdream.volumes.volume import open_volume

GB = 1e9
DISK_BYTES_S = 2e9
"""Of the simulated storage, shared by all workers: reading and writing together."""


@dataclass(frozen=True)
class Nothing:
    """Work that takes a given time of waiting, to measure what the engine adds."""

    seconds: float = 0.0

    def __call__(self):
        """Return what a task is computed with."""
        return self.run

    def run(self, task):
        """Wait, and return the number of the task."""
        time.sleep(self.seconds)
        return task.index[0]


def tasks_of(n_tasks):
    return Plan((n_tasks, 1, 1), (1, 1, 1), (Reach(), Reach(), Reach()), "empty", {"classes": "uint8"}).tasks


def timed(pool, tasks):
    """Return seconds a task from the first answer to the last, so that starting the workers does not count."""
    ends = []
    result = run_tasks(pool, tasks, lambda outcome: ends.append(time.perf_counter()))
    assert not result.failed
    assert not result.stopped, result.stopped
    return (ends[-1] - ends[0]) / max(1, len(ends) - 1)


def engine(n_tasks):
    """Return milliseconds that each executor needs for an empty task."""
    from seisdream.volumes.dask_pool import DaskPool

    few = tasks_of(n_tasks)
    return {
        "serial": 1e3 * timed(SerialPool(Nothing()), few),
        "processes": 1e3 * timed(ProcessPool(Nothing(), 1), few),
        "dask": 1e3 * timed(DaskPool(Nothing(), None, 1), few),
    }


def write_survey(folder, n_inlines, size):
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.normal(size=(n_inlines, size, size)), axis=2).astype(np.float32)
    values -= values.mean(axis=2, keepdims=True)
    array = xr.DataArray(values, dims=("inline", "crossline", "time"), name="amplitude",
                         coords={"inline": np.arange(n_inlines), "crossline": np.arange(size),
                                 "time": 4.0 * np.arange(size)})  # fmt: skip
    path = Path(folder) / "survey.zarr"
    array.to_dataset().to_zarr(path, consolidated=False)
    return path


def measure_prediction(folder, path, network):
    """Return seconds a block of a plain loop and of each executor with one worker, and of two processes."""
    settings = PredictionSettings(augmentations=0, device="cpu")
    job = VolumeJob("predict", open_volume(path), load_network(network), settings, VolumeSettings(block=(1, 1, 1)))
    tasks = job.plan.tasks
    torch.set_num_threads(1)
    seconds = {"blocks": len(tasks)}

    def prepared(name):
        """Begin a job without running it, and return its work."""
        target = Path(folder) / name
        target.mkdir()
        job._begin(target, force=False)
        return job._work(target)

    run = prepared("loop")()
    run(tasks[0])
    began = time.perf_counter()
    for task in tasks[1:]:
        mark = run(task)
    seconds["plain loop"] = (time.perf_counter() - began) / (len(tasks) - 1)
    seconds["of a block"] = mark.seconds
    for name, executor in {
        "serial": ExecutorSettings(executor="serial"),
        "1 process": ExecutorSettings(workers=1, threads=1),
        "dask, 1 worker": ExecutorSettings(executor="dask", workers=1, threads=1),
        "2 processes": ExecutorSettings(workers=2, threads=1),
    }.items():
        work = prepared(name.replace(" ", "-"))
        seconds[name] = timed(make_pool(work, executor, len(tasks)), tasks)
    return seconds, job.plan


def simulate(block, samples, scheduler_s, n_workers, survey_bytes=300 * GB):
    """Return hours and the bottleneck of a survey on workers that share a disk and a scheduler.

    Parameters
    ----------
    block : dict
        Seconds that a worker reads, computes and writes a measured block.
    samples : int
        Of that block.
    scheduler_s : float
        Seconds of the scheduler for a task.
    n_workers : int
        Workers as fast as the measured one.
    survey_bytes : float
        Of amplitudes, 4 bytes each.
    """
    shard = 2**24
    n_tasks = survey_bytes / 4 / shard
    scale = shard / samples
    task_s = scale * sum(block.values())
    limits = {
        "compute": task_s * -(-n_tasks // n_workers),
        "disk": survey_bytes * (1 + 5 / 4) / DISK_BYTES_S,
        "scheduler": n_tasks * scheduler_s,
    }
    limit = max(limits, key=lambda name: limits[name])
    return {"workers": n_workers, "tasks": round(n_tasks), "hours": round(limits[limit] / 3600, 3), "limit": limit}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="6 inlines of 64 x 64 samples and 200 empty tasks")
    parser.add_argument("--inlines", type=int)
    parser.add_argument("--size", type=int)
    parser.add_argument("--network", default="facies")
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    sizes = {"inlines": 6, "size": 64, "tasks": 200} if given.quick else {"inlines": 24, "size": 256, "tasks": 10_000}
    for name, size in sizes.items():
        setattr(given, name, getattr(given, name) or size)
    sys.stdout.reconfigure(line_buffering=True)
    found = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(),
             "load before": os.getloadavg(), "capability": torch.backends.cpu.get_cpu_capability()}  # fmt: skip
    print(found)
    found["empty tasks, ms each"] = engine(given.tasks)
    print(f"{given.tasks} empty tasks, ms each:", found["empty tasks, ms each"])
    with tempfile.TemporaryDirectory() as folder:
        path = write_survey(folder, given.inlines, given.size)
        seconds, plan = measure_prediction(folder, path, given.network)
    loop = seconds["plain loop"]
    found["seconds a block"] = seconds
    found["overhead"] = {name: seconds[name] / loop - 1 for name in ("serial", "1 process", "dask, 1 worker")}
    found["2 processes against 1"] = seconds["1 process"] / seconds["2 processes"]
    found["300 GB"] = [
        simulate(seconds["of a block"], plan.largest_input, found["empty tasks, ms each"]["dask"] / 1e3, n)
        for n in (1, 8, 64, 512)
    ]
    found["load after"] = os.getloadavg()
    for name in ("seconds a block", "overhead", "2 processes against 1", "300 GB", "load after"):
        print(name, found[name])
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
