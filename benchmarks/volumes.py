"""Volume jobs: the engine's cost for a block, scaling with processes, the scheduler, and a simulation of 300 GB.

    python benchmarks/volumes.py [--quick] [--blocks 24] [--lines 8] [--size 256] [--tasks 10000] [--markdown]

Everything is measured in one run on one machine, so that ratios hold although absolute times depend on what else runs;
the load of the machine before and after is part of the result. `--quick` shows within minutes that all of it runs.
`--markdown` prints the tables of docs/how-to/volumes.md.

The overhead of an executor is stated as the time of an empty task, and as the time of a block against the same block in
a plain loop, for blocks of one line and of `--lines`; those of a plan have about 16 million samples by default. The
convolutions of a block are timed alone, with the inputs that they have in it, in turn with the block. The simulation of
300 GB has workers as fast as the measured one, which share a disk and a scheduler.
"""

import argparse
import heapq
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch.utils._python_dispatch import TorchDispatchMode

from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.models.registry import load_network
from seisdream.volumes.executors import ProcessPool, SerialPool, run_tasks
from seisdream.volumes.job import VolumeJob, make_pool
from seisdream.volumes.plan import Plan, Reach
from seisdream.volumes.settings import ExecutorSettings, VolumeSettings
from seisdream.volumes.volume import open_volume

GB = 1e9
SHARD = 2**24
"""Samples of a task in the simulation."""


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


def timed(pool, tasks, n_workers=1):
    """Return seconds a task from the first answers to the last, so that starting the workers does not count."""
    ends = []
    result = run_tasks(pool, tasks, lambda outcome: ends.append(time.perf_counter()))
    assert not result.failed
    assert not result.stopped, result.stopped
    return (ends[-1] - ends[n_workers - 1]) / max(1, len(ends) - n_workers)


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


def measure_prediction(folder, path, network, n_lines):
    """Return seconds a block of lines of a plain loop and of each executor with one worker, and of two processes."""
    settings = PredictionSettings(augmentations=0, device="cpu")
    how = VolumeSettings(block=(n_lines, 1, 1))
    job = VolumeJob("predict", open_volume(path), load_network(network), settings, how)
    tasks = job.plan.tasks
    torch.set_num_threads(1)
    seconds = {"blocks": len(tasks)}

    def prepared(name):
        """Begin a job without running it, and return its work."""
        target = Path(folder) / f"{n_lines}-lines-{name}"
        target.mkdir()
        job._begin(target, force=False)
        return job._work(target)

    run = prepared("loop")()
    seconds["convolutions"] = convolutions(run, tasks[0])
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
        seconds[name] = timed(make_pool(work, executor, len(tasks)), tasks, executor.workers or 1)
    return seconds, job.plan


class Convolutions(TorchDispatchMode):
    """Records the convolutions that PyTorch computes, also fused ones, with what they are called with."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Call an operation, and keep it if it is a convolution."""
        if "conv" in func.name():
            self.calls.append((func, args, kwargs or {}))
        return func(*args, **(kwargs or {}))


def convolutions(run, task, n_turns=3):
    """Return what share of the time of a block its convolutions take alone, median of some turns."""
    recorded, shares = Convolutions(), []
    with recorded:
        run(task)
    with torch.inference_mode():
        for _ in range(n_turns):
            whole = run(task).seconds["compute"]
            began = time.perf_counter()
            for function, given, named in recorded.calls:
                function(*given, **named)
            shares.append((time.perf_counter() - began) / whole)
    return statistics.median(shares)


def simulate(block, samples, scheduler_s, n_workers, disk_bytes_s, survey_bytes=300 * GB):
    """Return hours and how busy each part is, for a survey on workers that share a disk and a scheduler.

    Every task passes through the scheduler, reads, computes and writes; scheduler and disk serve one task at a time.

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
    disk_bytes_s : float
        Of the disk, for reading and writing together.
    survey_bytes : float
        Of amplitudes, 4 bytes each; classes, probability and entropy have 5 bytes a sample.
    """
    n_tasks = round(survey_bytes / 4 / SHARD)
    own_s = sum(block.values()) * SHARD / samples
    read_s, write_s = 4 * SHARD / disk_bytes_s, 5 * SHARD / disk_bytes_s
    scheduler_free = disk_free = 0.0
    # (time, step, worker); a step begins when what it needs is free.
    events = [(0.0, "task", worker) for worker in range(min(n_workers, n_tasks))]
    n_left, end = n_tasks, 0.0
    while events:
        now, step, worker = heapq.heappop(events)
        if step == "task":
            if not n_left:
                continue
            n_left -= 1
            scheduler_free = max(now, scheduler_free) + scheduler_s
            heapq.heappush(events, (scheduler_free, "read", worker))
        elif step == "read":
            disk_free = max(now, disk_free) + read_s
            heapq.heappush(events, (disk_free + own_s, "write", worker))
        else:
            disk_free = end = max(now, disk_free) + write_s
            heapq.heappush(events, (end, "task", worker))
    busy = {
        "workers": n_tasks * own_s / n_workers / end,
        "disk": n_tasks * (read_s + write_s) / end,
        "scheduler": n_tasks * scheduler_s / end,
    }
    limit = max(busy, key=busy.get)
    return {"workers": n_workers, "tasks": n_tasks, "hours": end / 3600, "busy": busy, "limit": limit}


def count_lines(n):
    """Return a number of lines in words."""
    return f"{n} line{'s' * (n > 1)}"


def markdown(found):
    """Return the tables of the documentation."""
    seconds = found["seconds a block"]
    rows = [("measured", "here", "goal")]
    for name, one in found["empty tasks, ms each"].items():
        share = one / 1e3 / seconds["plain loop"]
        rows.append(
            (
                f"an empty task, {name}",
                f"{one:.2f} ms, {share:.2%} of a block of {count_lines(found['lines'])}",
                "< 3 %",
            )
        )
    for which, overhead in found["overhead"].items():
        for name, one in overhead.items():
            rows.append((f"a block of {which} against a plain loop, {name}", f"{one:+.1%}", "< 3 %"))
    rows.append(("2 processes against 1", f"{found['2 processes against 1']:.2f} times", "1.8 times"))
    rows.append(("convolutions of a block alone, of its time", f"{seconds['convolutions']:.0%}", "60 %"))
    rows = [tuple(word.replace("%", " %").replace("  %", " %") for word in row) for row in rows]
    tables = [rows, [("workers", "hours", "workers busy", "disk busy", "scheduler busy", "limit")]]
    for one in found["300 GB"]:
        busy = (f"{one['busy'][name]:.0%}".replace("%", " %") for name in ("workers", "disk", "scheduler"))
        tables[1].append((str(one["workers"]), f"{one['hours']:.1f}", *busy, one["limit"]))
    return "\n\n".join(
        "\n".join("| " + " | ".join(row) + " |" for row in (table[0], ("---",) * len(table[0]), *table[1:]))
        for table in tables
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="6 blocks of lines of 64 x 64 samples and 200 empty tasks")
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--lines", type=int, default=8, help="of a block [8]")
    parser.add_argument("--size", type=int)
    parser.add_argument("--network", default="facies")
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--disk", type=float, default=2.0, help="GB/s of the simulated disk [2]")
    parser.add_argument("--markdown", action="store_true", help="print the tables of the documentation")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    sizes = {"blocks": 6, "size": 64, "tasks": 200} if given.quick else {"blocks": 24, "size": 256, "tasks": 10_000}
    for name, size in sizes.items():
        setattr(given, name, getattr(given, name) or size)
    sys.stdout.reconfigure(line_buffering=True)
    found = {"cores": os.cpu_count(), "instructions": torch.backends.cpu.get_cpu_capability(),
             "load before": os.getloadavg()}  # fmt: skip
    print(found)
    found["empty tasks, ms each"] = engine(given.tasks)
    print(f"{given.tasks} empty tasks, ms each:", found["empty tasks, ms each"])
    found["lines"], found["overhead"] = given.lines, {}
    for n_lines in (1, given.lines):
        with tempfile.TemporaryDirectory() as folder:
            path = write_survey(folder, given.blocks * n_lines, given.size)
            seconds, plan = measure_prediction(folder, path, given.network, n_lines)
        loop = seconds["plain loop"]
        found["overhead"][f"{count_lines(n_lines)}, {loop:.2f} s"] = {
            name: seconds[name] / loop - 1 for name in ("serial", "1 process", "dask, 1 worker")
        }
        print(f"blocks of {n_lines} × {given.size} × {given.size}, seconds each:", seconds)
    found["seconds a block"] = seconds
    found["2 processes against 1"] = seconds["1 process"] / seconds["2 processes"]
    found["300 GB"] = [
        simulate(
            seconds["of a block"], plan.largest_input, found["empty tasks, ms each"]["dask"] / 1e3, n, given.disk * GB
        )
        for n in (1, 8, 64, 512)
    ]
    found["load after"] = os.getloadavg()
    print("load after", found["load after"])
    print(markdown(found) if given.markdown else json.dumps(found, indent=1))
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
