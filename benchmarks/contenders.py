"""Contenders of a benchmark: each in its own process, as a user would run it, timed in turns.

So a drift in the speed of the machine affects all of them equally, and no contender profits from what another has
warmed up or left in memory. The benchmark starts one worker for each name (`in_turns`); in the worker, `answer` takes
the turns.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("SEISDREAM_SHARED", ROOT.parent / "shared"))


def peak_gib():
    """Return this process's largest resident memory so far, in GiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform != "darwin" else peak / 2**30


def transcription():
    """Return the module of the plain transcription, which lives with the tests."""
    sys.path.insert(0, str(ROOT / "tests"))
    import original_recipe

    return original_recipe


def to_image_tensor(section):
    """Return a section in grey levels as the RGB picture ``(row, column, 3)`` that a network for colours receives."""
    from seisdream.inference.tensors import as_rgb
    from seisdream.seismic.sections import GreyMapping

    return as_rgb(GreyMapping.of(section).to_grey(section.values).clip(0, 255))


def answer(prepare):
    """In a worker: prepare a turn, then take one for each line of input, and print its seconds and the peak memory.

    Parameters
    ----------
    prepare : callable
        Returns the turn, a function that may return a dict with further results.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What a contender prints by itself is no answer.
    try:
        turn = prepare()
        for _ in sys.stdin:
            began = time.perf_counter()
            result = turn() or {}
            seconds = time.perf_counter() - began
            print(json.dumps({"seconds": seconds, "peak_gib": peak_gib(), **result}), file=answers, flush=True)
    except (Exception, SystemExit) as error:
        lines = str(error).strip().splitlines() or [""]
        print(json.dumps({"error": f"{type(error).__name__}: {lines[0]}"}), file=answers, flush=True)


def in_turns(commands, rounds, stderr=None):
    """Run workers in turns, once more than `rounds`, because the first round warms up.

    Parameters
    ----------
    commands : dict
        The command that starts the worker, by the contender's name.
    rounds : int
        Turns of each that count.
    stderr : file, optional
        Where workers write what is not their answer.

    Returns
    -------
    results : dict
        Each contender's answers, one a round; of those that failed, none.
    errors : dict
        In one line, what stopped those that failed.
    """
    workers = {
        name: subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True)
        for name, command in commands.items()
    }
    results, errors = {name: [] for name in workers}, {}
    for one_round in range(rounds + 1):
        for name, worker in workers.items():
            if name in errors:
                continue
            result = _run(worker)
            if "error" in result:
                errors[name] = result["error"]
                del results[name]
            elif one_round:
                results[name].append(result)
    for worker in workers.values():
        worker.communicate()
    return results, errors


def _run(worker):
    try:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    except BrokenPipeError:
        pass  # It ended while it prepared; its last line gives the reason.
    line = worker.stdout.readline()
    return json.loads(line) if line else {"error": f"ended with exit status {worker.wait()}"}
