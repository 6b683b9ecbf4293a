"""What is read off a volume's prediction when it is complete: the shares of its classes, and horizons.

One pass over the inlines, of which some are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from seisdream.inference.class_maps import ABSENT_CLASS
from seisdream.inference.horizons import extract_horizons
from seisdream.results.prediction_writer import write_picks
from seisdream.results.writer import file_names, optional_file
from seisdream.volumes.volume import Volume

_BYTES_AT_A_TIME = 2**28


def summarize_prediction(
    volume: Volume, dataset: xr.Dataset, folder: Path, failures: list[str], *, is_ordered: bool
) -> dict[str, float]:
    """Return each class's share of the samples that are present, and write horizons where classes are ordered.

    Parameters
    ----------
    volume : Volume
        The input.
    dataset : Dataset
        ``classes`` ``(inline, crossline, time)``, with the names of the classes as the coordinate ``class``.
    folder : Path
        Of the job.
    failures : list of str
        Horizons that cannot be written are added to it.
    is_ordered : bool
        Whether the classes keep a stratigraphic order down each trace.
    """
    names = [str(name) for name in dataset["class"].values]
    counts = np.zeros(len(names) + 1, np.int64)
    tops = np.full((len(names) - 1 if is_ordered else 0, *volume.shape[:2]), np.nan, np.float32)
    for position, classes in _lines_of(dataset["classes"], volume.inlines):
        found = np.minimum(classes[classes != ABSENT_CLASS], len(names))
        counts += np.bincount(found.astype(np.int64), minlength=len(counts))
        if is_ordered:
            tops[:, position] = extract_horizons(classes.T, len(names), volume.coords[volume.dims[2]])
    _write_horizons(volume, tops, names, folder, failures)
    total = max(1, int(counts.sum()))
    return {name: round(int(count) / total, 6) for name, count in zip(names, counts[:-1], strict=True)}


def _lines_of(classes: xr.DataArray, inlines: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the position and ``(crossline, time)`` of each inline, as many at a time as share chunks and fit."""
    n_lines = max(1, min(classes.encoding["chunks"][0], _BYTES_AT_A_TIME * len(inlines) // classes.nbytes))
    for first in range(0, len(inlines), n_lines):
        lines = classes.isel(inline=slice(first, first + n_lines)).transpose("inline", "crossline", ...).values
        yield from enumerate(lines, start=first)


def _write_horizons(volume: Volume, tops: np.ndarray, names: list[str], folder: Path, failures: list[str]) -> None:
    """Write a text file of picks for each horizon."""
    numbers = {dim: volume.coords[dim] for dim in ("inline", "crossline")}
    slugs, places = file_names(names), volume.read_places()
    for number, of_one in enumerate(tops, start=1):
        file = f"horizon-{number:02}-{slugs[number]}.txt"
        lines = [
            xr.DataArray(
                line,
                {
                    **{"crossline": numbers["crossline"], "inline": inline},
                    **{name: ("crossline", values[position]) for name, values in places.items()},
                },
                ["crossline"],
            )
            for position, (inline, line) in enumerate(zip(numbers["inline"], of_one, strict=True))
        ]
        with optional_file(folder, file, failures.append):
            write_picks(folder / file, lines, names[number], volume.dims[2])
