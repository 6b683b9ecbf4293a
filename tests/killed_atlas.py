"""An atlas that is killed several times, in a process of its own: `killed_atlas.py NETWORK DATA FOLDER SETTINGS`.

Importing torch takes longer than the atlas, so it is imported once here, and each attempt is a fork. Prints one line of
JSON: how each attempt ended, and how many dreams it began.
"""

import json
import os
import signal
import sys

from seisdream.atlas import build, measurements
from seisdream.atlas.settings import AtlasSettings
from seisdream.models.registry import load_network

# Within the lines; within the waves; within the first layer's dreams; when the second layer's have just begun; never.
MOMENTS = [("lines", 3), ("plane waves", 64), ("dreams", 1), ("dreams", 9), None]


def make(words, moment, begun):
    """Make the atlas; at the moment, a step and how far it has come, die."""

    def see(step, done, total):
        if moment and step == moment[0] and done >= moment[1]:
            os.kill(os.getpid(), signal.SIGKILL)

    dream_batch = build.dream_batch

    def counted(sections, *others, **more):
        os.write(begun, f"{len(sections)} ".encode())
        return dream_batch(sections, *others, **more)

    build.dream_batch, measurements.SAVE_EVERY_S = counted, 0.0
    network, source, folder, settings = words
    settings = AtlasSettings(**json.loads(settings))
    build.build_atlas(load_network(network), source, folder, settings=settings, progress=see)


def attempt(words, moment):
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            make(words, moment, write)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    os.close(write)
    n_begun = sum(map(int, os.read(read, 100_000).split()))
    return (-os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)), n_begun


if __name__ == "__main__":
    print(json.dumps([attempt(sys.argv[1:], moment) for moment in MOMENTS]))
