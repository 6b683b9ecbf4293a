"""Measure ingest and export of a generated survey, against a plain copy of the file and segyio's plain loop.

    python benchmarks/volume_io.py [--gigabytes 1] [--rounds 3] [--ibm] [--folder /tmp/volume-io] [--markdown]

All tasks run in turn, `--rounds` times, each in a process of its own, whose peak memory is printed; rates are medians.
Files are written and waited for (fsync), and the cache of the operating system is dropped before each task where
possible. `--markdown` prints the table of docs/how-to/volumes.md. The folder is removed at the end.
"""

from __future__ import annotations

import argparse
import filecmp
import multiprocessing
import os
import platform
import resource
import shutil
import statistics
import struct
import time
from pathlib import Path

import numpy as np

TEXT = "".join(f"C{number:2d} A GENERATED SURVEY".ljust(80) for number in range(1, 41)).encode("cp037")


def make_survey(path: Path, shape: tuple[int, int, int], sample_format: int) -> None:
    """Write a survey of smoothed noise, inline by inline."""
    from scipy import ndimage

    from seisdream.io.segy.survey import read_survey

    n_inlines, n_crosslines, n_samples = shape
    head = bytearray(400)
    for byte, number in ((16, 4000), (20, n_samples), (24, 5)):
        struct.pack_into(">H", head, byte, number)
    rng = np.random.default_rng(0)
    tile = ndimage.gaussian_filter(rng.normal(size=(16, n_crosslines, n_samples)).astype(np.float32), (2, 2, 1.5))
    trace = np.dtype([("header", "u1", 240), ("samples", ">f4", n_samples)])
    with path.open("wb") as file:
        file.write(TEXT + bytes(head))
        for inline in range(n_inlines):
            line = np.zeros(n_crosslines, trace)
            words = {0: inline * n_crosslines + np.arange(n_crosslines), 180: inline * 25, 184: np.arange(n_crosslines),
                     188: 100 + inline, 192: 300 + np.arange(n_crosslines)}  # fmt: skip
            for byte, numbers in words.items():
                column = np.broadcast_to(numbers, n_crosslines).astype(">i4")
                line["header"][:, byte : byte + 4] = np.ascontiguousarray(column).view(np.uint8).reshape(-1, 4)
            line["header"][:, 114:116] = np.frombuffer(struct.pack(">H", n_samples), np.uint8)
            line["samples"] = 1000 * tile[inline % 16] * (1 + inline / n_inlines)
            file.write(line.tobytes())
    if sample_format != 5:
        from dataclasses import replace

        from seisdream.io.segy.samples import encode_samples

        layout = read_survey(path).layout
        to = replace(layout, sample_format=sample_format)
        whole = np.memmap(path, trace, "r+", 3600)
        for start in range(0, len(whole), n_crosslines):
            part = whole["samples"][start : start + n_crosslines]
            words, _ = encode_samples(part.astype(np.float32), to)
            part.view(">u4")[:] = words
        whole.flush()
        with path.open("r+b") as file:
            file.seek(3224)
            file.write(struct.pack(">H", sample_format))


def copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as written:
        while part := read.read(2**24):
            written.write(part)
        written.flush()
        os.fsync(written.fileno())


def loop(source: Path, target: Path) -> None:
    """Read every trace with segyio, and write it into a copy, as scripts do."""
    import segyio

    shutil.copyfile(source, target)
    with segyio.open(source) as read, segyio.open(target, "r+") as written:
        for number, trace in enumerate(read.trace):
            written.trace[number] = trace
    with target.open("rb") as file:
        os.fsync(file.fileno())


def ingest(source: Path, target: Path) -> None:
    from seisdream.volumes.ingest import ingest as run

    run(source, target)


def export(source: Path, target: Path, like: Path | None = None) -> None:
    from seisdream.volumes.export import export as run

    run(source, target, like=like)


def _measured(task, arguments, queue) -> None:
    cpu, start = time.process_time(), time.perf_counter()
    task(*arguments)
    used = time.perf_counter() - start, time.process_time() - cpu
    queue.put((*used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def measure(task, *arguments) -> tuple[float, float, float]:
    """Return the seconds, the seconds of processors and the peak memory in MB of a task in its own process."""
    for one in arguments:
        if isinstance(one, Path) and one.is_file():
            with one.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_measured, args=(task, arguments, queue))
    process.start()
    found = queue.get()
    process.join()
    return found


def instruction_set() -> str:
    """Return the widest vector instructions of the processor that the tables of this project name."""
    flags = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "")
    names = {"avx512f": "AVX-512", "avx2": "AVX2"}
    return next((name for flag, name in names.items() if flag in flags.split()), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("volume-io"))
    parser.add_argument("--ibm", action="store_true", help="4-byte IBM floats instead of IEEE floats")
    parser.add_argument("--markdown", action="store_true", help="print the table of the documentation")
    given = parser.parse_args()
    folder: Path = given.folder
    folder.mkdir(parents=True)
    try:
        n_crosslines, n_samples = 400, 1000
        n_inlines = max(16, round(given.gigabytes * 1e9 / (n_crosslines * (240 + 4 * n_samples))))
        source, store, written = folder / "survey.sgy", folder / "survey.zarr", folder / "written.sgy"
        # In a process of its own too: a child's peak memory is never below that of its parent.
        measure(make_survey, source, (n_inlines, n_crosslines, n_samples), 1 if given.ibm else 5)
        size = source.stat().st_size / 1e6
        tasks = {
            "plain copy": (copy, (source, written)),
            "segyio, trace by trace": (loop, (source, written)),
            "ingest": (ingest, (source, store)),
            "export --like survey.sgy": (export, (store, written, source)),
            "export from the store alone": (export, (store, written)),
        }
        found = {name: [] for name in tasks}
        for _ in range(given.rounds):
            shutil.rmtree(store, ignore_errors=True)
            for name, (task, arguments) in tasks.items():
                written.unlink(missing_ok=True)
                found[name].append(measure(task, *arguments))
                assert task in (ingest, copy) or size > 4000 or filecmp.cmp(written, source, shallow=False), name
        stored = sum(one.stat().st_size for one in store.rglob("*") if one.is_file()) / 1e6
        rows, plain = [], found["plain copy"]
        for name, runs in found.items():
            share = statistics.median(first[0] / one[0] for first, one in zip(plain, runs, strict=True))
            seconds, cpu = (statistics.median(one[number] for one in runs) for number in (0, 1))
            rate, per_cpu, peak = size / seconds, size / cpu, max(one[2] for one in runs)
            rows.append((name, f"{rate:.0f}", f"{share:.0%}".replace("%", " %"), f"{per_cpu:.0f}", f"{peak:.0f} MB"))
        kind = "IBM" if given.ibm else "IEEE"
        machine = f"{os.cpu_count()} cores ({instruction_set()}), load {os.getloadavg()[0]:.1f}"
        about = (
            f"{size:.0f} MB of {kind} floats, {machine}, medians of {given.rounds} rounds; store {stored / size:.0%}"
        )
        head = ("", "MB/s", "of the copy", "MB per second of processor time", "peak memory")
        print(about + "\n")
        if given.markdown:
            print("\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * 5, *rows)))
        else:
            print("\n".join(" ".join(word.ljust(28) for word in row) for row in (head, *rows)))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
