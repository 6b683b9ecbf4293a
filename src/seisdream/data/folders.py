"""Folders of labelled sections: arrays, pictures with masks, and SEG-Y, recognised by the names of their files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from PIL import Image

from seisdream.data.classes import number_of_classes, numbered_names, read_folder_classes
from seisdream.data.lines import LabelledLines, Line
from seisdream.data.segy_labels import (
    HORIZONS_ENDING,
    LABELS_ENDING,
    SCRIBBLES_ENDING,
    open_labelled_segy,
    refuse_options,
)
from seisdream.errors import SeisdreamError
from seisdream.io.arrays import open_array
from seisdream.io.axes import line_in_name, name_axes, number_axes
from seisdream.io.containers import opened
from seisdream.io.images import IMAGE_ENDINGS, open_image
from seisdream.io.segy import SEGY_ENDINGS
from seisdream.seismic.sections import check_finite, make_section

AnyPath = str | os.PathLike[str]

SECTION_KEYS = ("amplitude", "seismic", "image", "section", "data", "volume")
LABEL_KEYS = ("labels", "label", "interval", "intervals", "facies", "mask", "masks", "classes")
SECTION_FOLDERS = ("images", "image", "sections", "seismic")
MASK_FOLDERS = ("masks", "mask", "labels", "label")
MASK_ENDINGS = ("_mask", "_labels", "_label")

LAYOUTS = (
    "NAME.npz with a section (amplitude) and its labels (labels), or stacked lines with their inline or "
    "crossline numbers",
    "NAME.png with NAME_mask.png, or two folders images and masks",
    f"NAME.sgy with NAME{LABELS_ENDING}.sgy, a folder NAME{HORIZONS_ENDING}, or NAME{SCRIBBLES_ENDING}.json",
)
"""What a folder of labelled lines may hold, for messages."""

_MASK_FORMATS = ("PNG", "TIFF", "BMP")
# Without class names, the labels of this many lines are searched for the largest code.
_N_SEARCHED = 256


def open_labelled_folder(path: AnyPath, **options: Any) -> LabelledLines:
    """Open a folder of labelled sections, or one ``.npz`` file.

    Parameters
    ----------
    path : path
        A folder with one or more of `LAYOUTS`, and the classes named in ``classes.txt`` or ``classes.json``; without
        names they are "class 0" and so on. The line number is read from the name of a file (``inline_300.png``) or,
        for stacked lines, from the array of their numbers. ``credit.txt`` names who made the data, and the licence.
    **options
        For SEG-Y files: as for `segy_labels.open_labelled_segy`.

    Returns
    -------
    LabelledLines
        In the order of the file names.

    Raises
    ------
    SeisdreamError
        If nothing is labelled, or a section and its mask differ in shape.
    """
    path = Path(path)
    if not path.exists():
        raise SeisdreamError(f"There is no folder {path}.", code="not-found")
    lines = list(_lines_in(path))
    volumes = [] if path.is_file() else [open_labelled_segy(file, **options) for file in _labelled_segy(path)]
    if not volumes:
        refuse_options(options, str(path))
    if not lines and not volumes:
        raise SeisdreamError(f"{path} holds no labelled lines. It may hold {'; '.join(LAYOUTS)}.", code="no-labels")
    names = read_folder_classes(path if path.is_dir() else path.parent)
    if names is None:
        spread = lines[:: max(1, len(lines) // _N_SEARCHED)]
        names = numbered_names(number_of_classes(line.open()[1] for line in spread)) if lines else ()
        for volume in volumes:
            # A code must stand for the same class in all files.
            shorter, longer = sorted((names, volume.classes), key=len)
            if longer[: len(shorter)] != shorter:
                raise SeisdreamError(
                    f"The labels in {path} have different classes: {', '.join(names)}, and "
                    f"{', '.join(volume.classes)}; name them all in classes.txt.",
                    code="no-labels",
                )
            names = longer
        names = names or numbered_names(1)
    for volume in volumes:
        lines.extend(volume.lines)
    name = path.stem if path.is_file() else path.resolve().name
    return LabelledLines(name, names, tuple(lines), credit=_read_credit(path if path.is_dir() else path.parent))


def _read_credit(folder: Path) -> str:
    path = folder / "credit.txt"
    return " ".join(path.read_text("utf-8", "replace").split()) if path.is_file() else ""


def is_labelled_folder(path: AnyPath) -> bool:
    """Return whether a folder holds labelled lines."""
    path = Path(path)
    return bool(_files(path, (".npz",)) or _labelled_segy(path) or _pairs(path))


def _lines_in(path: Path) -> list[Line]:
    if path.is_file():
        return _lines_of_arrays(path)
    lines = [line for file in _files(path, (".npz",)) for line in _lines_of_arrays(file)]
    pairs = _pairs(path)
    for picture, mask in pairs:
        axis, number = line_in_name(picture.stem)
        lines.append(Line(picture.stem, axis, number, partial(_open_pair, str(picture), str(mask))))
    if pairs and (unlabelled := _without_mask(path, [picture for picture, _ in pairs])):
        warnings.warn(
            f"{len(unlabelled)} pictures in {path} have no mask and are left out, {unlabelled[0].name} first.",
            UserWarning,
            stacklevel=3,
        )
    return lines


def _files(folder: Path, endings: Sequence[str]) -> list[Path]:
    # Files whose names begin with a dot are hidden or written by the operating system (._inline_300.png).
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in endings and not file.name.startswith("."))


# Pictures


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Return the pictures of a folder with their masks."""
    pictures, masks = _picture_folders(folder)
    by_name = {}
    for mask in _files(masks, IMAGE_ENDINGS) if masks else []:
        stem = next((mask.stem.removesuffix(end) for end in MASK_ENDINGS if mask.stem.endswith(end)), mask.stem)
        if masks != pictures or stem != mask.stem:
            by_name[stem] = mask
    return [(file, by_name[file.stem]) for file in _files(pictures, IMAGE_ENDINGS) if file.stem in by_name]


def _without_mask(folder: Path, paired: list[Path]) -> list[Path]:
    pictures, _ = _picture_folders(folder)
    return [
        file for file in _files(pictures, IMAGE_ENDINGS) if file not in paired and not file.stem.endswith(MASK_ENDINGS)
    ]


def _picture_folders(folder: Path) -> tuple[Path, Path | None]:
    pictures = next((folder / name for name in SECTION_FOLDERS if (folder / name).is_dir()), None)
    masks = next((folder / name for name in MASK_FOLDERS if (folder / name).is_dir()), None)
    return (pictures, masks) if pictures and masks else (folder, folder)


def _open_pair(picture: str, mask: str) -> tuple[xr.DataArray, NDArray]:
    return open_image(picture), read_mask(mask)


def read_mask(path: AnyPath) -> NDArray:
    """Read a mask: the grey levels of a picture, or the indices of a palette, as they are stored.

    Returns
    -------
    array
        Whole numbers ``(row, column)``.

    Raises
    ------
    SeisdreamError
        If the file is not a picture, or in colour.
    """
    try:
        with Image.open(path, formats=_MASK_FORMATS) as image:
            values = np.asarray(image.convert("L") if image.mode == "LA" else image)
            mode = image.mode
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SeisdreamError(
            f"The mask {path} cannot be read as a picture ({error}); save it as 8-bit PNG.", code="unreadable"
        ) from error
    if values.ndim == 3 and (values[..., :3] == values[..., :1]).all():
        values = values[..., 0]
    if values.ndim != 2:
        raise SeisdreamError(
            f"The mask {path} is in colour ({mode}); a mask holds class codes, so save it as 8-bit grey or with a "
            "palette in the order of the classes.",
            code="no-labels",
        )
    return values.astype(np.uint8) if values.dtype == bool else values


# Arrays


def _lines_of_arrays(path: Path) -> list[Line]:
    """Return the line of an ``.npz``, or the lines stacked in it."""
    with opened(path) as contents:
        section_key, label_key = (
            _find_key(contents.arrays, keys, content, path)
            for keys, content in ((SECTION_KEYS, "section"), (LABEL_KEYS, "labels"))
        )
        shape, label_shape = contents.arrays[section_key].shape, contents.arrays[label_key].shape
        coords, dtype = contents.coords, contents.arrays[section_key].dtype
    if shape != label_shape:
        raise SeisdreamError(
            f"{path}: {section_key} is {' × '.join(map(str, shape))} and {label_key} "
            f"{' × '.join(map(str, label_shape))}; give one label for each sample.",
            code="wrong-shape",
        )
    keys = (str(path), section_key, label_key)
    if len(shape) == 2:
        axis, number = line_in_name(path.stem)
        dims = name_axes(shape, None, coords)
        along = number_axes(shape, dims, coords, None)
        across = next((dim for dim in dims if dim in ("inline", "crossline", "trace", "column")), dims[-1])
        return [Line(path.stem, axis, number, partial(_open_single, *keys), _ends(along[across]))]
    axis = next((name for name in ("inline", "crossline") if coords.get(name, np.zeros(0)).size == shape[0]), None)
    if len(shape) != 3 or axis is None:
        raise SeisdreamError(
            f"{path}: {section_key} is {' × '.join(map(str, shape))}, {dtype}. One line is time × trace; lines are "
            "stacked line × time × trace, with another array 'inline' or 'crossline' of their numbers.",
            code="wrong-shape",
        )
    numbers = coords[axis].astype(int)
    other = "crossline" if axis == "inline" else "inline"
    along = coords.get(other)
    across = _ends(along) if along is not None and along.size == shape[2] else None
    return [
        Line(f"{axis} {number}", axis, int(number), partial(_open_stacked, *keys, axis, index), across)
        for index, number in enumerate(numbers)
    ]


def _find_key(arrays, keys: Sequence[str], content: str, path: Path) -> str:
    by_name: dict[str, str] = {name.lower(): name for name in arrays}
    found = next((by_name[key] for key in keys if key in by_name), None)
    if found is None:
        raise SeisdreamError(
            f"{path} holds {', '.join(arrays) or 'no array of two axes'}; name the array of the {content} "
            f"{' or '.join(keys[:3])}.",
            code="not-found",
        )
    return found


def _ends(numbers: NDArray) -> tuple[int, int]:
    return int(numbers.min()), int(numbers.max())


def _open_single(path: str, section_key: str, label_key: str) -> tuple[xr.DataArray, NDArray]:
    # Both are opened in the same way, so that arrays stored as trace × time are both transposed.
    section, labels = (open_array(path, key=key) for key in (section_key, label_key))
    return section, labels.values


def _open_stacked(path: str, section_key: str, label_key: str, axis: str, index: int) -> tuple[xr.DataArray, NDArray]:
    values, labels, coords = _unpack(path, section_key, label_key, Path(path).stat().st_mtime_ns)
    shape = values.shape[1:]
    numbers = {name: along for name, along in coords.items() if name != axis}
    other = "crossline" if axis == "inline" else "inline"
    across = other if numbers.get(other, np.zeros(0)).size == shape[1] else "trace"
    down = "time" if numbers.get("time", np.zeros(0)).size == shape[0] else "row"
    dims = [down, "column" if (down, across) == ("row", "trace") else across]
    along = number_axes(shape, dims, numbers, None)
    section = make_section(check_finite(values[index], path, "error"), dims=dims, coords=dict(along), source=path)
    return section, labels[index]


@lru_cache(maxsize=2)
def _unpack(
    path: str, section_key: str, label_key: str, changed_ns: int
) -> tuple[NDArray, NDArray, dict[str, NDArray]]:
    # An array in an .npz is decompressed as a whole, so once for all its lines.
    with opened(path) as contents:
        return contents.arrays[section_key][:], contents.arrays[label_key][:], contents.coords


# SEG-Y


def _labelled_segy(folder: Path) -> list[Path]:
    """Return the SEG-Y files of a folder that have labels."""
    files = _files(folder, SEGY_ENDINGS)
    stems = {entry.stem if entry.is_file() else entry.name for entry in folder.iterdir()}

    def has_labels(file: Path) -> bool:
        return any(file.stem + ending in stems for ending in (LABELS_ENDING, HORIZONS_ENDING, SCRIBBLES_ENDING))

    return [file for file in files if has_labels(file) and not file.stem.endswith(LABELS_ENDING)]
