"""A generated survey end to end: SEG-Y, ingest, plan, predict, verify, and the classes as SEG-Y, with the peak memory.

    python benchmarks/large_survey.py --gigabytes 20 [--minutes 30] [--folder /tmp/large-survey]
    python benchmarks/large_survey.py --traces 20000000 [--folder /tmp/large-survey]

The survey is generated inline by inline, and removed after its ingestion if it is predicted, as its store holds all of
it. With `--minutes`, `predict` is interrupted then as by Ctrl-C, and what is finished is verified, not exported; with
0 the store is exported instead. `--traces` makes a survey of as many traces of 8 samples, of which one in a thousand is
missing, so that the position of every trace is kept in memory; it is ingested and exported. The peak is that of the
largest process of each command. The folder is removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from volume_io import instruction_set, make_survey

from seisdream.volumes.plan import Plan


def run(*words: object, minutes: float | None = None) -> tuple[float, float]:
    """Run a command of seisdream, and return its seconds and the peak memory in MB of its largest process."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "seisdream", *map(str, words)], stdout=subprocess.DEVNULL)
    status = None
    while status is None:
        pid, code, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            status = code
        elif minutes is not None and time.perf_counter() - began > 60 * minutes:
            process.send_signal(signal.SIGINT)
            minutes = None
        else:
            time.sleep(0.1)
    seconds, peak = time.perf_counter() - began, usage.ru_maxrss / 1024
    code = os.waitstatus_to_exitcode(status)
    print(f"{words[0]:<10} {seconds:8.1f} s   largest process {peak:6.0f} MB   exit code {code}", flush=True)
    return seconds, peak


def remove_traces(path: Path, n_samples: int, share: int = 1000) -> None:
    """Remove one trace of as many from a survey, in place, a block at a time."""
    trace_bytes, block = 240 + 4 * n_samples, 100 * share
    with path.open("r+b") as file:
        read = written = 3600
        while True:
            file.seek(read)
            content = file.read(block * trace_bytes)
            if not content:
                break
            traces = np.frombuffer(content, np.uint8).reshape(-1, trace_bytes)
            kept = traces[np.arange(len(traces)) % share != share // 2].tobytes()
            file.seek(written)
            file.write(kept)
            read, written = read + len(content), written + len(kept)
        file.truncate(written)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--traces", type=int, help="traces of 8 samples, instead of a survey of some gigabytes")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--network", default="facies")
    parser.add_argument("--folder", type=Path, default=Path("large-survey"))
    given = parser.parse_args()
    # Of a survey of less than 2 GB all sides are shorter, so that it has several blocks too.
    shrunk = min(1.0, given.gigabytes / 2) ** (1 / 3)
    n_crosslines, n_samples = (1000, 8) if given.traces else (round(800 * shrunk), round(1500 * shrunk))
    n_bytes = given.traces * (240 + 4 * n_samples) if given.traces else given.gigabytes * 1e9
    n_inlines = max(16, round(n_bytes / (n_crosslines * (240 + 4 * n_samples))))
    folder: Path = given.folder
    folder.mkdir(parents=True)
    survey, store, out = folder / "survey.sgy", folder / "survey.zarr", folder / "out"
    try:
        needed, free = 3 * n_bytes, shutil.disk_usage(folder).free
        if needed > free:
            sys.exit(f"{needed / 1e9:.1f} GB are needed in {folder}, and {free / 1e9:.1f} GB are free.")
        make_survey(survey, (n_inlines, n_crosslines, n_samples), 5)
        if given.traces:
            remove_traces(survey, n_samples)
        size = survey.stat().st_size / 1e9
        machine = f"{os.cpu_count()} cores ({instruction_set()}), load {os.getloadavg()[0]:.1f}"
        print(f"{size:.2f} GB: {n_inlines} inlines × {n_crosslines} crosslines × {n_samples} samples; {machine}")
        seconds = [run("ingest", survey, store)]
        if given.traces or given.minutes == 0:
            seconds.append(run("export", store, folder / "written.sgy"))
            same = subprocess.run(["cmp", survey, folder / "written.sgy"], check=False).returncode == 0
            print(f"export is the survey, byte for byte: {same}")
        else:
            survey.unlink()
            options = ("--network", given.network, "--augmentations", 0)
            seconds.append(run("plan", store, *options, "--probe"))
            seconds.append(run("predict", store, "--volume", *options, "--out", out, minutes=given.minutes))
            n_done = len(list((out / "blocks").glob("*.json")))
            n_blocks = len(Plan.from_dict(json.loads((out / "job.json").read_text())["plan"]).tasks)
            print(f"{n_done} of {n_blocks} blocks, {1e3 * size * n_done / n_blocks / seconds[-1][0]:.1f} MB/s")
            seconds.append(run("verify", out))
            if n_done == n_blocks:
                classes = ("--like", store, "--variable", "classes", folder / "classes.sgy")
                seconds.append(run("export", out / "prediction.zarr", *classes))
        print(f"largest process of all: {max(peak for _, peak in seconds):.0f} MB; goal: below 2000 MB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
