"""A volume job that is killed repeatedly: `python killed_job.py FOLDER N_KILLS`.

Importing torch takes longer than the job, so it is imported once here, and each attempt is a fork. Prints one line of
JSON: how often a kill came in time.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from seisdream.volumes.settings import ExecutorSettings
from small_volumes import make_job


def attempt(folder, out, after_s=None):
    """Run the job in a fork, killed after some seconds; return whether it was killed."""
    pid = os.fork()
    if not pid:
        try:
            result = make_job(folder, block=(1, 1, 1)).run(folder / out, ExecutorSettings(executor="serial"))
            result.require_complete()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def main():
    folder, n_kills = Path(sys.argv[1]), int(sys.argv[2])
    make_job(folder)
    began = time.monotonic()
    attempt(folder, "whole")
    took, moments = time.monotonic() - began, random.Random(0)
    killed = [attempt(folder, "killed", moments.uniform(0.0, took)) for _ in range(n_kills)]
    attempt(folder, "killed")
    print(json.dumps(sum(killed)))


if __name__ == "__main__":
    main()
