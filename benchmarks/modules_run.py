"""Count the modules in which a plain dream and a prediction run code.

    python benchmarks/modules_run.py [--against PATH_TO_SRC] [--list]

A dream of a SEG-Y line and a prediction of an inline of a SEG-Y volume, both with facies, run through the command
line, each in its own process, and write their results. The files are in the folder ``SEISDREAM_SHARED``. A module
counts if one of its functions, methods, lambdas or comprehensions runs outside the import of a module; a module that
is only imported does not count. `--against` measures another checkout too, given by its folder ``src``. Version 0.1
has 45 and 38.
"""

import argparse
import inspect
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

SRC = Path(__file__).parents[1] / "src"
SHARED = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
DATA = SHARED / "data"
RUNS = {
    "dream": [
        "dream",
        str(DATA / "31_81_PR.sgy"),
        "--octaves",
        "2",
        "--steps",
        "1",
        "--layer",
        "enc3",
        "--device",
        "cpu",
    ],
    "prediction": ["predict", str(DATA / "F3_very_small.sgy"), "--inline", "205"],
}
GOALS = {"dream": 28, "prediction": 25}


class Tracer:
    """Modules of seisdream whose functions run, seen by the interpreter's profiling hook."""

    def __init__(self):
        self.modules = set()
        self._imports = threading.local()

    def __call__(self, frame, event, _):
        """Note a call, unless a module is being imported."""
        code = frame.f_code
        if event not in ("call", "return"):
            return
        if code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__":
            depth = getattr(self._imports, "depth", 0)
            self._imports.depth = max(0, depth + (1 if event == "call" else -1))
            return
        # The body of a class is no function: its code is not optimized.
        if event == "call" and code.co_flags & inspect.CO_OPTIMIZED and not getattr(self._imports, "depth", 0):
            name = frame.f_globals.get("__name__", "")
            if name.split(".")[0] == "seisdream":
                self.modules.add(name)


def trace(arguments):
    """Run the command line in this process and return the modules that ran."""
    tracer = Tracer()
    sys.argv = ["seisdream", *arguments]
    threading.setprofile(tracer)
    sys.setprofile(tracer)
    try:
        runpy.run_module("seisdream", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return sorted(tracer.modules)


def modules_of(src):
    """Return for each run the modules of a checkout that run code."""
    found = {}
    for name, arguments in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            answer = Path(folder) / "modules.json"
            command = [
                sys.executable,
                __file__,
                "--trace",
                str(answer),
                *arguments,
                "--out",
                f"{folder}/out",
                "--quiet",
            ]
            subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(Path(src).resolve())})
            found[name] = json.loads(answer.read_text())
    return found


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, metavar="PATH_TO_SRC")
    parser.add_argument("--list", action="store_true", help="print the names of the modules too")
    options = parser.parse_args()
    checkouts = {"here": modules_of(SRC)}
    if options.against:
        checkouts[str(options.against)] = modules_of(options.against)
    for run, goal in GOALS.items():
        numbers = ", ".join(f"{name}: {len(found[run])}" for name, found in checkouts.items())
        print(f"{run:<12} {numbers} (goal: at most {goal})")
    if options.list:
        for name, found in checkouts.items():
            for run, modules in found.items():
                print(f"\n{run}, {name}:\n  " + "\n  ".join(modules))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--trace"]:
        Path(sys.argv[2]).write_text(json.dumps(trace(sys.argv[3:])))
    else:
        main()
