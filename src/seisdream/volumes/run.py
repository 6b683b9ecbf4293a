"""Run the job of any command to its end: its blocks, SEG-Y of its variables, the page and the picture."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.segy import SegyVolume, segy_ending
from seisdream.io.texts import read_record
from seisdream.models.network import Network
from seisdream.models.registry import as_network
from seisdream.plotting.panels import write_figure
from seisdream.results.result_page import PAGE, write_result_page
from seisdream.results.writer import TEXT_KEY, optional_file, warn_incomplete
from seisdream.settings import Settings
from seisdream.volumes.export import export
from seisdream.volumes.job import STORES, JobResult, VolumeJob
from seisdream.volumes.settings import ExecutorSettings, split_settings
from seisdream.volumes.slices import orthogonal_slices
from seisdream.volumes.store import MARKER, open_dataset_of_job, store_of_job
from seisdream.volumes.volume import open_volume

FileObserver = Callable[[str, int, int], None]


def run_on_volume(
    command: str,
    data: Any,
    network: Network | str,
    kind: type[Settings],
    settings: Any,
    overrides: Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    force: bool,
    segy: bool,
) -> xr.Dataset:
    """Run a command on a whole volume, and return the result, unread.

    Parameters
    ----------
    command : {"predict", "dream", "controls", "attribute"}
        What is computed.
    data : path, URL, array or Volume
        As for `seisdream.open_volume`.
    network : Network or str
        The network or its name.
    kind : type of Settings
        Settings of the command.
    settings : Settings, optional
        Of the command; by default those of ``kind()``.
    overrides : mapping
        Values of settings of the command, of the volume job and of the executor, by name.
    out : path
        The folder.
    force, segy
        As for `run_job`.

    Raises
    ------
    SeisdreamError
        As for `VolumeJob` and `run_job`; if there is no setting of a name (``unknown-argument``).
    """
    settings, how, executor = split_settings(command, kind, settings, overrides)
    job = VolumeJob(command, open_volume(data), as_network(network), settings, how)
    run_job(job, out, executor, force=force, segy=segy)
    return open_job_result(out)


def run_job(
    job: VolumeJob,
    folder: str | os.PathLike[str],
    executor: ExecutorSettings | None = None,
    *,
    force: bool = False,
    segy: bool = True,
    on_file: FileObserver = lambda name, done, total: None,
    **observers: Callable[..., None],
) -> JobResult:
    """Run a job, and write SEG-Y, the page and the picture when it is complete.

    Parameters
    ----------
    job : VolumeJob
        The job.
    folder, executor, force
        As for `VolumeJob.run`.
    segy : bool, default True
        For SEG-Y input, write SEG-Y of every variable too.
    on_file : callable, optional
        Called with the name of the SEG-Y that is written, how many of its samples are, and of how many.
    **observers
        ``on_event`` and ``on_begin`` of `VolumeJob.run`.

    Raises
    ------
    SeisdreamError
        If blocks are missing at the end (``incomplete``).

    Warns
    -----
    IncompleteResultWarning
        Of files that could not be written, and of samples that exceed the integers of the SEG-Y.
    """
    like = job.volume if segy and isinstance(job.volume, SegyVolume) else None
    n_segy = 4 * len(job.plan.dtypes) * math.prod(job.plan.shape) if like else 0

    def complete(result: JobResult) -> None:
        result.summary = _write_files(job, result.folder, like, on_file)

    result = job.run(folder, executor, force=force, more_bytes=n_segy, on_complete=complete, **observers)
    result.require_complete()
    return result


def open_job_result(folder: str | os.PathLike[str]) -> xr.Dataset:
    """Open the result of a volume job; what is used of it is read then.

    Parameters
    ----------
    folder : path
        Of the job.

    Returns
    -------
    Dataset
        Variables ``(inline, crossline, time)``; of a prediction, the names of the classes are the coordinate ``class``.

    Raises
    ------
    SeisdreamError
        If there is none (``not-found``).
    """
    marker = Path(folder) / MARKER
    if not marker.is_file():
        raise SeisdreamError(f"There is no {marker}; give the folder of a volume job.", code="not-found")
    dataset = open_dataset_of_job(folder, STORES[read_record(marker, {"command": str})["command"]])
    coords = {
        name: ("class", list(dataset.attrs[stored]), {"long_name": dataset.attrs["class_kind"]})
        for name, stored in (("class", "classes"), ("colour", "colours"))
        if stored in dataset.attrs
    }
    return dataset.assign_coords(coords)


def _write_files(job: VolumeJob, folder: Path, like: SegyVolume | None, on_file: FileObserver) -> dict[str, Any]:
    """Write SEG-Y, the page and the picture of a job that is complete, and return numbers that describe it."""
    failures: list[str] = []
    dataset, kernel = open_job_result(folder), job.kernel
    if like:
        _write_segy(job, folder, like, failures, on_file)
    summary = kernel.summarize(dataset, folder, failures)
    with optional_file(folder, kernel.figure, failures.append):
        record, slices = json.loads(dataset.attrs["provenance"]), orthogonal_slices(job.volume, dataset)
        with optional_file(folder, PAGE, failures.append):
            write_result_page(
                folder, kernel.page(slices[0], f"{job.title}, {slices[0].section.name}"), record, is_repeatable=False
            )
        figure = kernel.draw(slices, summary, job.title)
        write_figure(figure, folder / kernel.figure, text={TEXT_KEY: json.dumps(record, ensure_ascii=False)})
    warn_incomplete(failures)
    return summary


def _write_segy(job: VolumeJob, folder: Path, like: SegyVolume, failures: list[str], on_file: FileObserver) -> None:
    """Write SEG-Y of every variable."""
    store, ending = store_of_job(folder, STORES[job.command]), segy_ending(like.open(like.middle))
    for variable, one in job.kernel.variables.items():
        name = f"{one.file or variable.replace('_', '-')}{ending}"
        with optional_file(folder, name, failures.append):
            report = export(
                store,
                folder / name,
                like=like,
                variable=variable,
                absent=one.absent,
                force=True,
                progress=partial(on_file, name),
            )
            if report.n_clipped:
                failures.append(
                    f"{report.n_clipped} of {report.n_changed} changed samples exceed the integers of the SEG-Y and "
                    f"were clipped in {name}; {store} is not clipped. Use a smaller `step_size`."
                )
