"""What is written of a volume's dream besides its store: SEG-Y and the picture."""

from __future__ import annotations

import json
from pathlib import Path

import xarray as xr

from seisdream.io.segy import SegyVolume, segy_ending
from seisdream.plotting.panels import write_figure
from seisdream.plotting.volumes import draw_dream_slices
from seisdream.results.dream_result import TITLE
from seisdream.results.writer import TEXT_KEY, optional_file, warn_incomplete
from seisdream.volumes.export import export
from seisdream.volumes.job import VolumeJob
from seisdream.volumes.slices import orthogonal_slices

FIGURE = "dream-slices.png"


def write_files(job: VolumeJob, dataset: xr.Dataset, folder: Path, *, segy: bool) -> None:
    """Write SEG-Y like the source and the picture of a dream that is complete.

    Parameters
    ----------
    job : VolumeJob
        The job.
    dataset : Dataset
        As `open_dream` returns it.
    folder : Path
        Of the job.
    segy : bool
        Whether to write SEG-Y, where the source is SEG-Y.

    Warns
    -----
    IncompleteResultWarning
        Of what could not be written, and of samples that exceed the integers of the SEG-Y.
    """
    failures: list[str] = []
    if segy and isinstance(job.volume, SegyVolume):
        name = f"dream{segy_ending(job.volume.open(job.volume.middle))}"
        with optional_file(folder, name, failures.append):
            store = folder / "dream.zarr"
            report = export(store, folder / name, like=job.volume, variable="dream", force=True)
            if report.n_clipped:
                failures.append(
                    f"{report.n_clipped} of {report.n_changed} changed samples exceed the integers of the SEG-Y and "
                    f"were clipped in {name}; {store.name} is not clipped. Use a smaller `step_size`."
                )
    with optional_file(folder, FIGURE, failures.append):
        slices = [(one.name, one.section, one.result["dream"]) for one in orthogonal_slices(job.volume, dataset)]
        figure = draw_dream_slices(slices, job.scale.mapping, title=f"{TITLE}. {job.title}")
        record = json.loads(dataset.attrs["provenance"])
        write_figure(figure, folder / FIGURE, text={TEXT_KEY: json.dumps(record, ensure_ascii=False)})
    warn_incomplete(failures)
