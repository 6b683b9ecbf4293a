"""Public benchmarks: fetched once, checked, credited, and opened as they were published."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seisdream.data.benchmark_readers import F3_BLOCKS, f3_facies_lines, f3_interval_lines, penobscot_lines
from seisdream.data.lines import LabelledLines, Line
from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.archives import unpack
from seisdream.io.fetch import Progress, cache_folder, fetch

AnyPath = str | os.PathLike[str]

RECORD_URLS = ("https://zenodo.org/records", "https://zenodo.org/record")
"""Addresses of records; a file is at URL/RECORD/files/NAME."""


@dataclass(frozen=True)
class Benchmark:
    """A public dataset of labelled seismic.

    Attributes
    ----------
    name : str
        As in ``benchmark:NAME``.
    title : str
        Short description.
    record : int
        Number of its record at Zenodo.
    files : mapping
        MD5 of each file, by name, as Zenodo lists them.
    classes : tuple of str
        In the order of their codes.
    credit, licence : str
        Who made it, and on what terms it may be used.
    parts : tuple of str
        The published split; the first part is for training.
    read_lines : callable
        Returns the lines of a part, given the folder of the unpacked files and the part.
    published : mapping
        Published scores by method: ``pixel_accuracy``, ``mean_class_accuracy``, ``frequency_weighted_iou``.
    n_bytes : int
        Size of the download.
    survey : str
        Name of the survey.
    is_ordered : bool
        Whether the classes are intervals between horizons, from top to bottom.
    """

    name: str
    title: str
    record: int
    files: Mapping[str, str]
    classes: tuple[str, ...]
    credit: str
    licence: str
    parts: tuple[str, ...]
    read_lines: Callable[[Path, str], list[Line]] = field(repr=False)
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    n_bytes: int = 0
    survey: str = ""
    is_ordered: bool = False


def open_benchmark(
    name: str, part: str | None = None, *, folder: AnyPath | None = None, progress: Progress = True
) -> LabelledLines:
    """Open a part of a public benchmark, fetching it the first time.

    Parameters
    ----------
    name : str
        One of `BENCHMARKS`.
    part : str, optional
        One of the benchmark's parts; by default the first, which is for training.
    folder : path, optional
        Folder of the unpacked files, as published; by default they are fetched into the user's cache.
    progress : bool or callable, default True
        As for `seisdream.io.fetch.fetch`.

    Returns
    -------
    LabelledLines
        With credit and licence.

    Raises
    ------
    SeisdreamError
        If there is no such benchmark or part, it cannot be fetched, or the folder does not contain it.
    """
    benchmark = find_benchmark(name)
    part = part or benchmark.parts[0]
    if part not in benchmark.parts:
        raise SeisdreamError(
            f"{name} has no part '{part}'; choose one of {', '.join(benchmark.parts)}.",
            code="unknown-name",
            option="part",
        )
    home = fetch_benchmark(name, progress=progress) if folder is None else Path(folder)
    lines = benchmark.read_lines(home, part)
    title = name if len(benchmark.parts) == 1 else f"{name} {part}"
    return LabelledLines(
        title,
        benchmark.classes,
        tuple(lines),
        credit=benchmark.credit,
        licence=benchmark.licence,
        survey=benchmark.survey,
        is_ordered=benchmark.is_ordered,
    )


def find_benchmark(name: str) -> Benchmark:
    """Return a benchmark by its name; raise with near matches where there is none."""
    if name not in BENCHMARKS:
        near = near_matches(name, BENCHMARKS) or list(BENCHMARKS)
        raise SeisdreamError(f"There is no benchmark '{name}'; choose {' or '.join(near)}.", code="unknown-name")
    return BENCHMARKS[name]


def fetch_benchmark(name: str, *, progress: Progress = True) -> Path:
    """Return the folder of a benchmark's unpacked files in the user's cache; missing files are fetched and unpacked.

    Parameters
    ----------
    name : str
        One of `BENCHMARKS`.
    progress : bool or callable, default True
        As for `seisdream.io.fetch.fetch`.

    Raises
    ------
    SeisdreamError
        If a file cannot be fetched; the message says where to get it by hand and where to put it.
    """
    benchmark = find_benchmark(name)
    home = cache_folder() / "benchmarks" / name
    for file_name, md5 in benchmark.files.items():
        is_archive = not file_name.endswith(".h5")
        unpacked = home / file_name.split(".")[0]
        if is_archive and unpacked.is_dir():
            continue
        if not is_archive and (home / file_name).is_file():
            # Not hashed again, which takes a while for two gigabytes: it was checked when it was fetched.
            continue
        urls = [f"{address}/{benchmark.record}/files/{file_name}" for address in RECORD_URLS]
        path = fetch(urls, file_name, md5=md5, folder=home, progress=progress)
        if is_archive:
            unpack(path, unpacked)
    return home


def _interval_names(n: int) -> tuple[str, ...]:
    """Return names for intervals that are known only by their order, the shallowest first."""
    ends = {1: ", top", n: ", base"}
    return tuple(f"interval {number} of {n}{ends.get(number, '')}" for number in range(1, n + 1))


# Scores over both test sets, as the paper prints them.
def _published(pixel_accuracy: float, mean_class_accuracy: float, frequency_weighted_iou: float) -> dict[str, float]:
    return {
        "pixel_accuracy": pixel_accuracy,
        "mean_class_accuracy": mean_class_accuracy,
        "frequency_weighted_iou": frequency_weighted_iou,
    }


BENCHMARKS: Mapping[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            name="f3-facies",
            title="six stratigraphic groups of F3, Dutch North Sea, with the published test sets",
            record=3755060,
            files={"data.zip": "bc5932279831a95c0b244fd765376d85"},
            classes=(
                "Upper North Sea",
                "Middle North Sea",
                "Lower North Sea",
                "Rijnland/Chalk",
                "Scruff",
                "Zechstein",
            ),
            survey="F3",
            credit="Alaudah, Michałowicz, Alfarraj and AlRegib, A machine-learning benchmark for facies classification,"
            " Interpretation 7 (2019), doi:10.1190/INT-2018-0249.1 and 10.5281/zenodo.3755060; F3: TNO and dGB Earth "
            "Sciences",
            licence="labels MIT; F3 CC BY-SA",
            parts=tuple(F3_BLOCKS),
            read_lines=f3_facies_lines,
            published={
                "section, augmented, with skips": _published(0.905, 0.817, 0.832),
                "section, augmented": _published(0.901, 0.804, 0.844),
                "patch, augmented, with skips": _published(0.862, 0.705, 0.757),
            },
            n_bytes=1_051_449_986,
        ),
        Benchmark(
            name="f3-intervals",
            title="ten intervals between nine horizons of F3, Dutch North Sea",
            record=1471548,
            files={
                "inlines.zip": "fb5b0d16ca27f7c8c3e19930a28eedbe",
                "crosslines.zip": "32e4e6228c44995cce218a8f8936bedb",
                "masks.tar.gz": "42e42e9955ec2d957901339f49db720f",
            },
            # The dataset names no horizons; codes count from the shallowest interval down.
            classes=_interval_names(10),
            survey="F3",
            is_ordered=True,
            credit="Baroni, Silva, Ferreira, Chevitarese, Szwarcman and Vital Brazil, Netherlands F3 Interpretation "
            "Dataset (IBM Research 2018), doi:10.5281/zenodo.1471548 and arXiv:1904.00770; F3: TNO and dGB Earth "
            "Sciences",
            licence="labels CC BY 4.0; F3 CC BY-SA",
            parts=("all",),
            read_lines=f3_interval_lines,
            n_bytes=637_187_326 + 639_101_595 + 4_800_574,
        ),
        Benchmark(
            name="penobscot",
            title="eight intervals between seven horizons of Penobscot, offshore Nova Scotia",
            record=3924682,
            files={"dataset.h5": "e53af020d42f49dba7a1a5988eccc829"},
            classes=tuple(f"interval {code}" for code in range(8)),
            survey="Penobscot",
            is_ordered=True,
            credit="Baroni, Silva, Ferreira, Chevitarese, Szwarcman and Vital Brazil, Penobscot Interpretation Dataset "
            "(IBM Research 2020), doi:10.5281/zenodo.3924682 and arXiv:1903.12060; Penobscot: Nova Scotia "
            "Department of Energy, distributed by dGB Earth Sciences",
            licence="labels CC BY 4.0; Penobscot CC BY-SA",
            parts=("all",),
            read_lines=penobscot_lines,
            n_bytes=2_268_562_702,
        ),
    )
}
"""The benchmarks by name."""
