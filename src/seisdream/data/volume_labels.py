"""Zarr volumes with labels: a volume of class codes in the same store, or in another one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.data.classes import as_codes, number_of_classes, numbered_names, read_folder_classes
from seisdream.data.folders import LABEL_KEYS
from seisdream.data.lines import LabelledLines, Line
from seisdream.data.segy_labels import LABELS_ENDING
from seisdream.errors import SeisdreamError
from seisdream.io.stores import is_url, open_store
from seisdream.io.zarr_store import is_zarr_folder
from seisdream.io.zarr_volumes import StoredVolume, open_zarr_dataset, open_zarr_volume, volumes_of
from seisdream.seismic.sections import make_section

_AXES = ("inline", "crossline")
# Without class names, the labels of this many lines are searched for the largest code.
_N_SEARCHED = 16


def is_labelled_volume(source: str) -> bool:
    """Return whether a source is a Zarr store: a folder, whatever its name, or a URL."""
    return is_url(source) or (os.path.isdir(source) and is_zarr_folder(source))


def open_labelled_volume(
    source: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    classes: Sequence[str] | None = None,
) -> LabelledLines:
    """Open a Zarr volume, MDIO too, with a volume of class codes.

    Parameters
    ----------
    source : path or URL
        The store, ``NAME.zarr``.
    labels : path or URL, optional
        The store with class codes. Default: `source` itself, where it has a variable of that kind; otherwise
        ``NAME_labels.zarr`` or ``labels.zarr`` in the same place. Lines, traces and times are matched by their numbers;
        samples that it does not hold are unknown.
    classes : sequence of str, optional
        Names of the classes. Default: those in ``classes.txt`` or ``classes.json`` in the folder of the store, or those
        that a prediction names.

    Returns
    -------
    LabelledLines
        Every inline and crossline that both volumes have.

    Raises
    ------
    SeisdreamError
        If there are no labels (``no-labels``), or they are ambiguous.
    """
    name = os.fspath(source).rstrip("/")
    label_source, variable = _find_labels(name, None if labels is None else os.fspath(labels))
    volume, codes = _open(name, None, _stamp(name)), _open(label_source, variable, _stamp(label_source))
    args = (name, label_source, variable)
    lines = tuple(_lines_of(volume, codes, Path(name).stem, args))
    if not lines:
        raise SeisdreamError(
            f"No line of {name} has a label: the labels in {label_source} have the numbers of other lines.",
            code="no-labels",
        )
    names = tuple(classes or ()) or (None if is_url(name) else read_folder_classes(Path(name).parent))
    names = names or tuple(open_zarr_dataset(label_source).attrs.get("classes", ()))
    if not names:
        spread = lines[:: max(1, len(lines) // _N_SEARCHED)]
        names = numbered_names(number_of_classes(line.open()[1] for line in spread) or 1)
    return LabelledLines(Path(name).stem, names, lines)


def _find_labels(source: str, given: str | None) -> tuple[str, str]:
    """Return the store and the variable of the labels of a store."""
    if given is None and (variable := _label_variable(source)):
        return source, variable
    stem = source.removesuffix(Path(source).suffix)
    places = [f"{stem}{LABELS_ENDING}.zarr", f"{source.rpartition('/')[0] or '.'}/labels.zarr"]
    for place in [given] if given is not None else places:
        if given is None and not open_store(place).metadata():
            continue
        found = volumes_of(open_zarr_dataset(place))
        variable = _label_variable(place) or (found[0] if len(found) == 1 else None)
        if variable is None:
            raise SeisdreamError(
                f"{place} has the volumes {', '.join(found) or '(none)'}; name that of the class codes labels.",
                code="no-labels",
            )
        return place, variable
    raise SeisdreamError(
        f"{source} has no labels: put the class codes into its variable labels, or into {places[0]}.", code="no-labels"
    )


def _label_variable(source: str) -> str | None:
    found = volumes_of(open_zarr_dataset(source))
    return next((name for name in LABEL_KEYS if name in found), None)


def _stamp(source: str) -> int:
    """Return when the metadata of a store were written; 0 at a URL."""
    files = [] if is_url(source) else [file for file in Path(source).glob("*") if file.is_file()]
    return max((file.stat().st_mtime_ns for file in files), default=0)


@cache
def _open(source: str, variable: str | None, changed_ns: int) -> StoredVolume:
    # Cached, because lines are opened many times. A fill value may be the code of a class.
    if variable is None:
        return open_zarr_volume(source)
    return StoredVolume(open_zarr_dataset(source, is_masked=False), variable, source, "")


def _lines_of(volume: StoredVolume, codes: StoredVolume, survey: str, args: tuple[str, ...]) -> Iterator[Line]:
    """Yield the lines that have traces and a number in both volumes."""
    for axis, other in (_AXES, _AXES[::-1]):
        live = volume.trace_mask.any(axis=_AXES.index(other))
        across = volume.coords[other]
        ends = int(across.min()), int(across.max())
        for number in volume.coords[axis][live & np.isin(volume.coords[axis], codes.coords[axis])].tolist():
            yield Line(f"{axis} {number}", axis, number, partial(_open_line, *args, axis, number), ends, survey)


def _open_line(source: str, label_source: str, variable: str, axis: str, number: int) -> tuple[xr.DataArray, NDArray]:
    volume, codes = _open(source, None, _stamp(source)), _open(label_source, variable, _stamp(label_source))
    section, labels = _read_line(volume, axis, number), _read_line(codes, axis, number)
    down, across = (str(dim) for dim in section.dims)
    matched = labels.rename({labels.dims[0]: down}).reindex({across: section[across]})
    # To a quarter of a sample, as for SEG-Y.
    matched = matched.reindex({down: section[down]}, method="nearest", tolerance=volume.sampling / 4)
    return section, as_codes(matched.values, f"{label_source}, {axis} {number}")


def _read_line(volume: StoredVolume, axis: str, number: int) -> xr.DataArray:
    """Read one line: float32 ``(time, trace)``, NaN where a trace is absent."""
    along = _AXES.index(axis)
    box: list[Any] = [slice(None)] * 3
    position = int(np.flatnonzero(volume.coords[axis] == number)[0])
    box[along] = slice(position, position + 1)
    values = volume.read(*box).take(0, along).T
    dims = (volume.dims[2], _AXES[1 - along])
    return make_section(values, dims=dims, coords={dim: volume.coords[dim] for dim in dims}, muted=volume.muted)
