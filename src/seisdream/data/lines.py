"""Labelled lines of seismic, opened when they are needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.data.classes import MAX_CLASSES, as_codes, check_class_names, distinct_colours
from seisdream.data.sample import UNKNOWN
from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import absent_samples

Reader = Callable[[], tuple[xr.DataArray, NDArray]]


@dataclass(frozen=True)
class Line:
    """One section with a label for each sample, not yet opened.

    Attributes
    ----------
    name : str
        Such as "inline 300".
    axis : {"inline", "crossline", ""}
        Direction of the line; empty for a 2-D line or a picture.
    number : int or None
        Inline or crossline number.
    reader : callable
        Returns the section ``(time, trace)`` and its labels, of the same shape. A plain function or a
        `functools.partial` of one, so that worker processes can call it.
    traces : (int, int), optional
        First and last trace number, where they are known before the line is opened.
    survey : str
        Name of the survey; only lines of one survey are neighbours.
    trace_range : (int, int), optional
        Open only the traces from the first to the last of these numbers, both included.
    n_classes : int
        Number of classes; codes from here on are errors.
    """

    name: str
    axis: str
    number: int | None
    reader: Reader = field(repr=False)
    traces: tuple[int, int] | None = None
    survey: str = ""
    trace_range: tuple[int, int] | None = None
    n_classes: int = MAX_CLASSES

    def open(self) -> tuple[xr.DataArray, NDArray]:
        """Open the line.

        Returns
        -------
        section : DataArray
            float32 ``(time, trace)``, or a picture; NaN where samples are absent.
        labels : array
            uint8 ``(time, trace)``, `UNKNOWN` where the class is not known or the sample is absent.

        Raises
        ------
        SeisdreamError
            If section and labels differ in shape, a label is not the code of a class, or no trace is in the range.
        """
        section, labels = self.reader()
        if section.shape[:2] != labels.shape:
            raise SeisdreamError(
                f"Line {self.name} has {section.shape[0]} × {section.shape[1]} samples and "
                f"{' × '.join(map(str, labels.shape))} labels (time × trace); give one label for each sample.",
                code="wrong-shape",
            )
        if self.trace_range is not None:
            first, last = self.trace_range
            numbers = section[section.dims[1]].values
            inside = (numbers >= first) & (numbers <= last)
            section, labels = section[:, inside], labels[:, inside]
            if not inside.any():
                raise SeisdreamError(
                    f"{self.name} has no trace from {first} to {last}: its {section.dims[1]} numbers go from "
                    f"{numbers.min():g} to {numbers.max():g}.",
                    code="not-found",
                )
        labels = np.where(absent_samples(section), np.uint8(UNKNOWN), as_codes(labels, self.name))
        known = labels[labels != UNKNOWN]
        if known.size and known.max() >= self.n_classes:
            raise SeisdreamError(
                f"{self.name} has label {known.max()}, but there are {self.n_classes} classes, 0 to "
                f"{self.n_classes - 1}; name all classes in classes.txt, one a line, or label samples without a class "
                f"with {UNKNOWN}.",
                code="no-labels",
            )
        return section, labels

    def crop(self, first: int, last: int) -> Line:
        """Return the part of this line whose trace numbers go from `first` to `last`."""
        name = f"{self.name}, traces {first} to {last}"
        return replace(self, name=name, trace_range=(first, last), traces=(first, last))


@dataclass(frozen=True)
class LabelledLines:
    """Lines with labels, and the classes of those labels.

    Attributes
    ----------
    name : str
        Name of the dataset.
    classes : tuple of str
        In the order of their codes.
    lines : tuple of Line
    colours : tuple of str
        ``#rrggbb`` for each class; distinct ones by default.
    credit, licence : str
        Who made the data, and on what terms they may be used; empty where not known.
    survey : str
        Name of the survey; by default the dataset's name, empty where the lines come from several surveys.
    is_ordered : bool
        Whether the classes follow one another downwards in the order of their codes, as intervals between horizons.
    """

    name: str
    classes: tuple[str, ...]
    lines: tuple[Line, ...]
    colours: tuple[str, ...] = ()
    credit: str = ""
    licence: str = ""
    survey: str | None = None
    is_ordered: bool = False

    def __post_init__(self) -> None:
        check_class_names(self.classes, self.name)
        if not self.lines:
            raise SeisdreamError(f"{self.name} holds no labelled line.", code="no-labels")
        lines = tuple(replace(line, n_classes=len(self.classes)) for line in self.lines)
        object.__setattr__(self, "lines", lines)
        if self.survey is None:
            is_one = len({line.survey for line in lines}) == 1
            object.__setattr__(self, "survey", self.name if is_one else "")
        object.__setattr__(self, "colours", tuple(self.colours) or distinct_colours(self.classes))

    def with_lines(self, lines: tuple[Line, ...], part: str = "") -> LabelledLines:
        """Return the same dataset with other lines; `part` is added to its name."""
        return replace(self, name=f"{self.name} ({part})" if part else self.name, lines=lines)
