"""Classes of labelled data: their names, colours and codes."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seisdream.data.sample import UNKNOWN
from seisdream.errors import SeisdreamError
from seisdream.io.texts import parse_json, read_text
from seisdream.synthetic import FACIES

CLASS_FILES = ("classes.txt", "classes.json")
"""Names of the file that lists the classes of a folder."""

MAX_CLASSES = UNKNOWN
_GOLDEN = 0.6180339887


def distinct_colours(classes: Sequence[str]) -> tuple[str, ...]:
    """Return a colour ``#rrggbb`` for each class: that of a facies of the same name, otherwise distinct hues."""
    known = {facies.name: facies.colour for facies in FACIES}
    return tuple(known.get(name) or _colour(code) for code, name in enumerate(classes))


def _colour(code: int) -> str:
    # Steps of the golden ratio keep any number of hues apart; lightness alternates for readers who confuse hues.
    rgb = colorsys.hls_to_rgb((0.58 + code * _GOLDEN) % 1.0, (0.45, 0.68, 0.56)[code % 3], 0.55)
    return "#" + "".join(f"{round(255 * value):02x}" for value in rgb)


def read_folder_classes(folder: str | Path) -> tuple[str, ...] | None:
    """Return the classes listed in a folder's ``classes.txt`` or ``classes.json``, in the order of their codes.

    Parameters
    ----------
    folder : path
        ``classes.txt`` holds one name a line; ``classes.json`` a list of names, or names by code.

    Returns
    -------
    tuple of str or None
        None without such a file.

    Raises
    ------
    SeisdreamError
        If the file cannot be read, or names are missing or repeated.
    """
    path = next((Path(folder) / name for name in CLASS_FILES if (Path(folder) / name).is_file()), None)
    if path is None:
        return None
    try:
        text = read_text(path)
        names = parse_json(text) if path.suffix == ".json" else [line for line in text.splitlines() if line.strip()]
        if isinstance(names, dict):
            by_code = {int(code): name for code, name in names.items()}
            if sorted(by_code) != list(range(len(by_code))):
                raise ValueError(f"the codes are {sorted(by_code)}, not 0 to {len(by_code) - 1}")
            names = [by_code[code] for code in range(len(by_code))]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("it is not a list of names")
    except (OSError, ValueError) as error:
        raise SeisdreamError(
            f"{path} does not name classes ({error}); write one name a line into classes.txt, or a list of names "
            'such as ["water", "shale"] into classes.json.',
            code="no-labels",
        ) from error
    return check_class_names((name.strip() for name in names), path)


def check_class_names(names: Iterable[str], source: Any) -> tuple[str, ...]:
    """Return class names as a tuple; raise where there are none, too many, empty or repeated ones."""
    names = tuple(names)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or not all(names) or not 1 <= len(names) <= MAX_CLASSES:
        raise SeisdreamError(
            f"{source} names {len(names)} classes{f', {repeated[0]} twice' if repeated else ''}; give 1 to "
            f"{MAX_CLASSES} different names.",
            code="no-labels",
        )
    return names


def as_codes(values: NDArray, source: str) -> NDArray:
    """Return labels as uint8 class codes; NaN and negative numbers become `UNKNOWN`.

    Parameters
    ----------
    values : array
        Whole numbers of any type.
    source : str
        Name of the line or file, for the message.

    Raises
    ------
    SeisdreamError
        If a label is not a whole number from 0 to 255.
    """
    values = np.asarray(values)
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind not in "fiub":
        raise SeisdreamError(
            f"The labels of {source} are {values.dtype}; they must be whole numbers from 0, with {UNKNOWN} for "
            "unknown.",
            code="wrong-type",
        )
    with np.errstate(invalid="ignore"):
        known = values >= 0
    codes = np.where(known, values, UNKNOWN)
    if codes.size and (codes.max() > UNKNOWN or (codes != np.floor(codes)).any()):
        wrong = codes[(codes > UNKNOWN) | (codes != np.floor(codes))].flat[0]
        raise SeisdreamError(
            f"The labels of {source} hold {wrong:g}; a label is the code of a class, a whole number from 0, or "
            f"{UNKNOWN} where the class is not known. Are these amplitudes instead of labels?",
            code="no-labels",
        )
    return codes.astype(np.uint8)


def number_of_classes(labels: Iterable[NDArray]) -> int:
    """Return how many classes some labels need: their largest code plus one."""
    return 1 + max((int(known.max()) for codes in labels if (known := codes[codes != UNKNOWN]).size), default=-1)


def numbered_names(n: int) -> tuple[str, ...]:
    """Return default class names: "class 0", "class 1" and so on."""
    return tuple(f"class {code}" for code in range(n))
