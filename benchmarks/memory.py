"""Measure the peak memory of whole commands: opening the file, computing, drawing figures and writing.

    python benchmarks/memory.py [--rows 3000] [--columns 8000] [--commands dream predict attribute] [--format npy|segy]

Each command runs as a process of its own, as a user would run it, on one section of noise: a dream of one step, a
prediction without test-time augmentation and one with it, and an attribution of one point by integrated gradients.
Printed for each: seconds, the peak of resident memory in GB, bytes a sample, and by how many float32 copies of the
section the peak exceeds 1.5 GB (goal: at most 6). With the default size each takes one to two minutes on two cores;
``--rows 6000 --columns 20000`` is a section of 120 million samples.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

COMMANDS = {
    "dream": ["dream", "--preset", "2015", "--network", "facies", "--layer", "enc5", "--octaves", "1", "--steps", "1"],
    "predict": ["predict", "--network", "facies", "--augmentations", "0"],
    "predict-augmented": ["predict", "--network", "facies", "--augmentations", "1"],
    "attribute": ["attribute", "--network", "facies", "--class", "salt", "--at", "500,2000", "--steps", "4"],
}
BASE_GB = 1.5


def write_noise(folder, n_rows, n_columns, kind):
    """Write a section of noise trace by trace, so that this process stays small, and return its path and options."""
    random = np.random.default_rng(0)
    if kind == "npy":
        path = folder / "noise.npy"
        header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, n_columns)}
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for _ in range(n_rows):
                file.write(random.standard_normal(n_columns, dtype=np.float32).tobytes())
        return path, ["--dt-ms", "4"]
    path = folder / "noise.sgy"
    binary = np.zeros(200, ">i2")
    binary[[8, 10, 12, 150, 151]] = 4000, n_rows, 5, 0x100, 1
    header = np.zeros(60, ">i4")
    with path.open("wb") as file:
        file.write((" " * 3200).encode("cp037") + binary.tobytes())
        for trace in range(1, n_columns + 1):
            header[[0, 1, 5]] = trace
            words = header.view(">i2")
            words[[14, 57, 58]] = 1, n_rows, 4000
            file.write(header.tobytes() + random.standard_normal(n_rows, dtype=np.float32).astype(">f4").tobytes())
    return path, []


def run(arguments):
    """Run a command of seisdream; return seconds and the peak of its resident memory in bytes."""
    began = time.perf_counter()
    process = os.posix_spawn(sys.executable, [sys.executable, "-m", "seisdream", *arguments], os.environ)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"seisdream {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def processor():
    """Return cores, instruction set and version of PyTorch, from a process of its own, so that this one stays small."""
    code = "import os, torch; print(os.cpu_count(), torch.backends.cpu.get_cpu_capability(), torch.__version__)"
    n_cores, instructions, version = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    return f"{n_cores} cores, {instructions}, PyTorch {version}"


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--columns", type=int, default=8000)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--format", choices=("npy", "segy"), default="segy")
    options = parser.parse_args()
    n_samples = options.rows * options.columns
    print(f"{options.rows} × {options.columns} samples, {options.format}; {processor()}")
    print(f"{'command':<20}{'s':>8}{'peak GB':>10}{'bytes/sample':>14}{'copies':>8}")
    with tempfile.TemporaryDirectory() as folder:
        path, how = write_noise(Path(folder), options.rows, options.columns, options.format)
        for name in options.commands:
            output = [str(path), *how, "--out", str(Path(folder) / name), "--quiet"]
            seconds, peak = run([*COMMANDS[name], *output])
            copies = max(0.0, peak - BASE_GB * 1e9) / (4 * n_samples)
            print(f"{name:<20}{seconds:>8.0f}{peak / 1e9:>10.2f}{peak / n_samples:>14.0f}{copies:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
