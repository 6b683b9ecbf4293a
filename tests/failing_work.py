"""Work that fails, for the tests of executors; without PyTorch, which takes each worker process seconds to import."""

import os
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

from seisdream.volumes.plan import Plan, Reach


def make_tasks(n_tasks):
    """Return tasks that read nothing."""
    return Plan((n_tasks, 1, 1), (1, 1, 1), (Reach(), Reach(), Reach()), "tests", {"classes": "uint8"}).tasks


@dataclass(frozen=True)
class Trouble:
    """A worker that returns the number of its task, but for those that go wrong; attempts are counted in a folder."""

    folder: str
    fails: tuple[int, ...] = ()
    kills: tuple[int, ...] = ()
    exceeds_memory: tuple[int, ...] = ()
    n_times: int = 100
    starts: bool = True

    def __call__(self):
        if not self.starts:
            raise RuntimeError("no network")
        return self.run

    def run(self, task):
        number = task.index[0]
        attempts = sorted(Path(self.folder).glob(f"{number}-*"))
        (Path(self.folder) / f"{number}-{len(attempts)}").touch()
        if len(attempts) < self.n_times:
            if number in self.kills:
                os.kill(os.getpid(), signal.SIGKILL)
            if number in self.fails:
                raise ValueError(f"task {number} fails")
            if number in self.exceeds_memory:
                _exceed_memory()
        return number


def _exceed_memory():
    """Ask for more than this process may have."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**33, before[1]))
    try:
        bytearray(2**34)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
