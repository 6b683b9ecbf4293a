"""Readers of public benchmarks in the layouts in which they were published, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.data.folders import read_mask
from seisdream.data.lines import Line
from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.io.axes import line_in_name
from seisdream.io.containers import read_npy
from seisdream.io.images import open_image
from seisdream.seismic.sections import make_section

# Sampling interval of F3 and Penobscot, which their files do not state.
_DT_MS = 4.0

# F3, facies (Alaudah and others 2019)


@dataclass(frozen=True)
class _Block:
    """A part of a volume: the stem of its arrays ``(inline, crossline, depth)``, and their first line numbers."""

    stem: str
    inline: int
    crossline: int


F3_BLOCKS = {
    "train": _Block("train/train", 300, 300),
    "test1": _Block("test_once/test1", 100, 300),
    "test2": _Block("test_once/test2", 100, 1001),
}


def f3_facies_lines(home: Path, part: str) -> list[Line]:
    """Return the lines of a part of F3 facies (Alaudah and others 2019): all inlines, then all crosslines."""
    block = F3_BLOCKS[part]
    data = next(
        (folder for folder in (home, home / "data", home / "data" / "data") if (folder / "train").is_dir()), home
    )
    seismic, labels = (data / f"{block.stem}_{what}.npy" for what in ("seismic", "labels"))
    for path in (seismic, labels):
        if not path.is_file():
            raise SeisdreamError(
                f"There is no {path}; the benchmark is published as a folder 'data' with train/train_seismic.npy, "
                "train/train_labels.npy and test_once/test1_seismic.npy and so on.",
                code="not-found",
            )
    shapes = [read_npy(path).shape for path in (seismic, labels)]
    if shapes[0] != shapes[1] or len(shapes[0]) != 3:
        raise SeisdreamError(
            f"{seismic} is {shapes[0]} and {labels} {shapes[1]}; both are published as inline × crossline × depth.",
            code="wrong-shape",
        )
    n_inlines, n_crosslines, _ = shapes[0]
    firsts = (block.inline, block.crossline)
    ends = [(first, first + n - 1) for first, n in zip(firsts, (n_inlines, n_crosslines), strict=True)]
    lines = []
    for axis, name in enumerate(("inline", "crossline")):
        for index in range(shapes[0][axis]):
            number = firsts[axis] + index
            reader = partial(_open_f3_facies, str(seismic), str(labels), axis, index, firsts[1 - axis])
            lines.append(Line(f"{name} {number}", name, number, reader, ends[1 - axis]))
    return lines


def _open_f3_facies(seismic: str, labels: str, axis: int, index: int, first: int) -> tuple[xr.DataArray, NDArray]:
    # Memory-mapped, so that only this line is read.
    values, codes = (np.take(read_npy(path), index, axis).T for path in (seismic, labels))
    across = ("crossline", "inline")[axis]
    # 255 samples in depth, whose interval is not published: rows, not times.
    coords = {across: first + np.arange(values.shape[1])}
    return make_section(values.astype(np.float32), dims=("row", across), coords=coords), codes


# F3 and Penobscot, intervals (IBM Research)


_F3_FIRST = {"inline": 100, "crossline": 300}


def f3_interval_lines(home: Path, part: str) -> list[Line]:
    """Return the lines of F3 intervals (IBM): amplitudes as pictures, and masks, numbered by their file names."""
    masks = {path.name.removesuffix("_mask.png"): path for path in _find(home, "*_mask.png")}
    lines = []
    for path in _find(home, "*.tiff"):
        axis, number = line_in_name(path.stem)
        if number is None or path.stem not in masks:
            continue
        other = "crossline" if axis == "inline" else "inline"
        first = _F3_FIRST[other]
        reader = partial(_open_f3_intervals, str(path), str(masks[path.stem]), other, first)
        lines.append((axis, number, reader, first))
    if not lines:
        raise SeisdreamError(
            f"{home} holds no sections with masks; the set is published as inlines/inline_100.tiff, "
            "crosslines/crossline_300.tiff and masks/inline_100_mask.png and so on.",
            code="not-found",
        )
    lines.sort(key=lambda line: (line[0] != "inline", line[1]))
    # All lines of a direction have the same number of traces, so one of each is opened.
    widths = {axis: reader()[0].shape[1] for axis, _, reader, _ in {line[0]: line for line in lines}.values()}
    return [
        Line(f"{axis} {number}", axis, number, reader, (first, first + widths[axis] - 1))
        for axis, number, reader, first in lines
    ]


def _find(home: Path, pattern: str) -> Iterator[Path]:
    return (path for path in home.rglob(pattern) if not path.name.startswith("."))


def _open_f3_intervals(path: str, mask: str, across: str, first: int) -> tuple[xr.DataArray, NDArray]:
    picture = open_image(path)
    coords = {"time": np.arange(picture.shape[0]) * _DT_MS, across: first + np.arange(picture.shape[1])}
    attrs = {name: picture.attrs[name] for name in ("value_range", "source") if name in picture.attrs}
    return make_section(picture.values, dims=("time", across), coords=coords, **attrs), read_mask(mask)


def penobscot_lines(home: Path, part: str) -> list[Line]:
    """Return the lines of Penobscot (IBM), in the order of the file."""
    path = home / "dataset.h5"
    if not path.is_file():
        raise SeisdreamError(f"There is no {path}; the set is published as one file, dataset.h5.", code="not-found")
    try:
        with _open_hdf5(path) as file:
            shape, label_shape = file["features"].shape, file["label"].shape
            axes = [_word(value) for value in file["direction"][:]]
            numbers, firsts = (np.asarray(file[key][:]).astype(int) for key in ("line_number", "column"))
    except (OSError, KeyError) as error:
        raise SeisdreamError(
            f"{path} is not the published file ({error}), which holds features (line, time, trace, 1), label, "
            "direction, line_number and column.",
            code="unreadable",
        ) from error
    if shape[:3] != label_shape or not len(axes) == len(numbers) == len(firsts) == shape[0]:
        raise SeisdreamError(
            f"{path} holds features {shape} and labels {label_shape}; their shapes must agree.", code="wrong-shape"
        )
    return [
        Line(
            f"{axis} {number}",
            axis,
            int(number),
            partial(_open_penobscot, str(path), index, "crossline" if axis == "inline" else "inline", int(first)),
            (int(first), int(first) + shape[2] - 1),
        )
        for index, (axis, number, first) in enumerate(zip(axes, numbers, firsts, strict=True))
    ]


def _open_hdf5(path: str | Path) -> Any:
    return require_extra("h5py", "formats", "Reading Penobscot").File(path, "r")


def _word(value: bytes | str) -> str:
    word = value.decode() if isinstance(value, bytes) else str(value)
    return word.rpartition(".")[2].lower()


def _open_penobscot(path: str, index: int, across: str, first: int) -> tuple[xr.DataArray, NDArray]:
    with _open_hdf5(path) as file:
        values, labels = file["features"][index, ..., 0], file["label"][index]
    coords = {"time": np.arange(values.shape[0]) * _DT_MS, across: first + np.arange(values.shape[1])}
    return make_section(values, dims=("time", across), coords=coords), np.asarray(labels)
