"""What is written of a volume's prediction besides its store: SEG-Y, horizons and the picture.

One pass over the inlines, of which some are in memory at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from seisdream.inference.class_maps import ABSENT_CLASS, NO_CLASS
from seisdream.inference.horizons import extract_horizons
from seisdream.io.segy import SegyVolume, segy_ending, writing_segy_numbers
from seisdream.io.segy.text_lines import PREDICTION_MARK
from seisdream.plotting.panels import write_figure
from seisdream.plotting.volumes import draw_prediction_slices
from seisdream.provenance import short_name, version_of
from seisdream.results.prediction_result import ABSENT_NUMBER, write_picks
from seisdream.results.writer import TEXT_KEY, file_names, optional_file, warn_incomplete
from seisdream.volumes.job import VolumeJob
from seisdream.volumes.slices import orthogonal_slices

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE = "figure.png"
_BYTES_AT_A_TIME = 2**28


def write_files(job: VolumeJob, dataset: xr.Dataset, folder: Path, *, segy: bool) -> dict[str, float]:
    """Write SEG-Y like the source, horizons and the picture of a prediction that is complete.

    Parameters
    ----------
    job : VolumeJob
        The job.
    dataset : Dataset
        As `open_prediction` returns it.
    folder : Path
        Of the job.
    segy : bool
        Whether to write SEG-Y, where the source is SEG-Y.

    Returns
    -------
    dict of str to float
        Each class's share of the samples that are present.

    Warns
    -----
    IncompleteResultWarning
        Of what could not be written.
    """
    failures: list[str] = []
    names = [str(name) for name in dataset["class"].values]
    counts = np.zeros(len(names) + 1, np.int64)
    volume, picks = job.volume, _Picks(job, dataset)

    def pass_over(put: Callable[[xr.DataArray, xr.Dataset], None] | None) -> None:
        counts[:] = 0
        for position, inline, line in _lines_of(dataset, volume.inlines):
            classes = line["classes"].values
            found = np.minimum(classes[classes != ABSENT_CLASS], len(names))
            counts[:] += np.bincount(found.astype(np.int64), minlength=len(counts))
            picks.add(position, classes)
            if put is not None and volume.has_traces(inline):
                put(volume.open(inline), line.transpose(volume.dims[2], "crossline", ...))

    is_read = False
    if segy and isinstance(volume, SegyVolume):
        with optional_file(folder, "SEG-Y", failures.append), ExitStack() as stack:
            pass_over(_open_segy(job, volume, dataset, folder, stack))
            is_read = True
    if not is_read:
        pass_over(None)
    picks.write(folder, names, failures)
    with optional_file(folder, FIGURE, failures.append):
        record = json.loads(dataset.attrs["provenance"])
        figure = draw_prediction(job, dataset)
        write_figure(figure, folder / FIGURE, text={TEXT_KEY: json.dumps(record, ensure_ascii=False)})
    warn_incomplete(failures)
    total = max(1, int(counts.sum()))
    return {name: round(int(count) / total, 6) for name, count in zip(names, counts[:-1], strict=True)}


def _lines_of(dataset: xr.Dataset, inlines: Sequence[int]) -> Iterator[tuple[int, int, xr.Dataset]]:
    """Yield position, number and samples of each inline, read as many at a time as share chunks and fit in memory."""
    n_bytes = dataset.nbytes // len(inlines)
    n_lines = max(1, min(dataset["classes"].encoding["chunks"][0], _BYTES_AT_A_TIME // n_bytes))
    for first in range(0, len(inlines), n_lines):
        lines = dataset.isel(inline=slice(first, first + n_lines)).load()
        for number, inline in enumerate(inlines[first : first + n_lines]):
            yield first + number, inline, lines.isel(inline=number)


def _open_segy(
    job: VolumeJob, volume: SegyVolume, dataset: xr.Dataset, folder: Path, stack: ExitStack
) -> Callable[[xr.DataArray, xr.Dataset], None]:
    """Open a SEG-Y file for each variable, and return the function that writes an inline to each."""
    like, names = volume.open(volume.middle), [str(name) for name in dataset["class"].values]
    by = f"{PREDICTION_MARK} {version_of('seisdream')} {short_name(job.network.name)}"
    files = {}
    for variable in map(str, dataset.data_vars):
        if dataset[variable].ndim != 3:
            continue
        absent = ABSENT_CLASS if variable == "classes" else ABSENT_NUMBER
        what = f"class 0 to {len(names) - 1}, {NO_CLASS} none" if variable == "classes" else f"{variable} 0 to 1"
        name = "class" if variable == "classes" else variable.replace("_", "-")
        line = f"{by}: {what}, {absent:g} absent"
        path = folder / f"{name}{segy_ending(like)}"
        files[variable] = stack.enter_context(writing_segy_numbers(like, path, line=line, absent=absent, force=True))

    def put(section: xr.DataArray, line: xr.Dataset) -> None:
        for variable, file in files.items():
            file.put(section.copy(data=line[variable].values.astype(np.float32)))

    return put


class _Picks:
    """The horizons of a prediction whose classes keep a stratigraphic order."""

    def __init__(self, job: VolumeJob, dataset: xr.Dataset) -> None:
        self._is_ordered = job.kernel.is_ordered
        self._volume, self._n_classes = job.volume, dataset.sizes["class"]
        n_horizons = self._n_classes - 1 if self._is_ordered else 0
        self._tops = np.full((n_horizons, *self._volume.shape[:2]), np.nan, np.float32)

    def add(self, position: int, classes: np.ndarray) -> None:
        """Pick the horizons of an inline's classes ``(crossline, time)``."""
        if self._is_ordered:
            times = self._volume.coords[self._volume.dims[2]]
            self._tops[:, position] = extract_horizons(classes.T, self._n_classes, times)

    def write(self, folder: Path, names: list[str], failures: list[str]) -> None:
        """Write a text file of picks for each horizon."""
        numbers = {dim: self._volume.coords[dim] for dim in ("inline", "crossline")}
        slugs = file_names(names)
        for number, tops in enumerate(self._tops, start=1):
            file = f"horizon-{number:02}-{slugs[number]}.txt"
            lines = [
                xr.DataArray(line, {"crossline": numbers["crossline"], "inline": inline}, ["crossline"])
                for inline, line in zip(numbers["inline"], tops, strict=True)
            ]
            with optional_file(folder, file, failures.append):
                write_picks(folder / file, lines, names[number], self._volume.dims[2])


def draw_prediction(job: VolumeJob, dataset: xr.Dataset) -> Figure:
    """Draw the middle inline, crossline and time slice of a volume, the classes on them and their entropy."""
    slices = [
        (one.name, one.section, one.result.drop_vars(set(one.result.data_vars) - {"classes", "entropy"}))
        for one in orthogonal_slices(job.volume, dataset)
    ]
    return draw_prediction_slices(slices, job.scale.mapping, title=job.title)
