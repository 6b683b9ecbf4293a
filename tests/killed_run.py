"""A run that is killed repeatedly, in a process of its own: `python killed_run.py FOLDER`.

Importing torch takes longer than the run, so it is imported once here, and each attempt is a fork. Prints one line of
JSON: the exit codes of all attempts.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from seisdream.io import atomic as atomic
from seisdream.training import loop
from seisdream.training.loop import Training
from seisdream.training.settings import TrainingSettings
from small_datasets import Stripes

SETTINGS = {
    "widths": (4, 6, 6), "steps": 24, "batch_size": 2, "device": "cpu", "validate_every": 2, "precision": "float32",
    "workers": 0, "tasks": {"dip": 0.2},
}  # fmt: skip


def train(folder, **changes):
    data = Stripes(unknown=0.3)
    training = Training(TrainingSettings(**(SETTINGS | changes)), data, Stripes(1), 2, folder)
    for _ in training.states():
        pass


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(moment, nth):
    """Make this process die at the nth checkpoint from now: while writing it, or before or after renaming."""
    save, rename, count = torch.save, os.replace, [0]

    def dying_save(values, file):
        count[0] += 1
        save(values, file)
        if count[0] == nth and moment == "half written":
            file.truncate(file.tell() // 2)
            die()

    def dying_rename(source, target):
        if count[0] == nth and moment == "before renaming":
            die()
        rename(source, target)
        if count[0] == nth and moment == "after renaming":
            die()

    loop.torch.save = dying_save
    atomic.os.replace = dying_rename


def attempt(folder, plan, **changes):
    pid = os.fork()
    if not pid:
        try:
            if isinstance(plan, tuple):
                die_at(*plan)
            train(folder, **changes)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    if isinstance(plan, float):
        time.sleep(plan)
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def main():
    folder = Path(sys.argv[1])
    # The first optimiser step imports much of torch: done once here, not in each attempt.
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    torch.optim.AdamW([parameter]).step()
    began = time.monotonic()
    ends = [attempt(folder / "whole", None)]
    took = time.monotonic() - began
    moments = random.Random(0)
    plans = [
        ("half written", 1), ("half written", 2), ("before renaming", 2), ("after renaming", 1), ("half written", 1),
        *(moments.uniform(0.0, 0.5 * took) for _ in range(8)),
    ]  # fmt: skip
    ends += [attempt(folder / "killed", plan) for plan in plans]
    # The number of worker processes may change when a run is resumed.
    ends.append(attempt(folder / "killed", None, workers=1))
    print(json.dumps(ends))


if __name__ == "__main__":
    main()
