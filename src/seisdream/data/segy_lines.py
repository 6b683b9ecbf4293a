"""Labelled lines of seismic, opened when they are needed, and items cut from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.data.augment import GENTLE, Augmentation, augment
from seisdream.data.classes import MOST_CLASSES, as_codes, check_class_names, distinct_colours
from seisdream.data.lru_cache import BytesLRUCache
from seisdream.data.sample import UNKNOWN, Sample
from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import GreyMapping, absent_samples, fill_absent, is_colour, is_picture

Opening = Callable[[], tuple[xr.DataArray, NDArray]]

# Rec. 601: how bright the eye takes red, green and blue to be.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Warps turn, shear and stretch: they need some room around an item. With much more of it, items come from near the
# edges of a line as well; with little, they hit the few samples that are labelled.
_ROOM, _TIGHT_ROOM = 3.0, 1.6
# Where few samples are labelled, a window that holds none of them is drawn again this often.
_N_TRIES = 8


@dataclass(frozen=True)
class Line:
    """One section with a label for each sample, not yet opened.

    Attributes
    ----------
    name : str
        Such as "inline 300".
    axis : {"inline", "crossline", ""}
        What the line is one of; empty for a line or picture by itself.
    number : int or None
        Its number there.
    opening : callable
        Returns the section ``(time, trace)`` and its labels, of the same shape; a plain function or a
        `functools.partial` of one, so that other processes can call it.
    traces : (int, int), optional
        First and last number along the section's traces, where that is known before it is opened.
    survey : str
        Lines of one survey lie beside one another; those of two have nothing to do with each other.
    kept : (int, int), optional
        Only traces with numbers from the first to the last of these are opened, both included.
    n_classes : int
        Codes from here on are errors.
    """

    name: str
    axis: str
    number: int | None
    opening: Opening = field(repr=False)
    traces: tuple[int, int] | None = None
    survey: str = ""
    kept: tuple[int, int] | None = None
    n_classes: int = MOST_CLASSES

    def open(self) -> tuple[xr.DataArray, NDArray]:
        """Open the line.

        Returns
        -------
        section : DataArray
            float32 ``(time, trace)``, or a picture; NaN where samples are absent.
        labels : array
            uint8 ``(time, trace)``, `UNKNOWN` where a class is not known or the sample is absent.

        Raises
        ------
        SeisdreamError
            If section and labels do not fit, or a label is the code of no class.
        """
        section, labels = self.opening()
        if section.shape[:2] != labels.shape:
            raise SeisdreamError(
                f"{self.name} has {section.shape[0]} × {section.shape[1]} samples and "
                f"{' × '.join(map(str, labels.shape))} labels (down × across); there is one label for each sample."
            )
        if self.kept is not None:
            along = section[section.dims[1]].values
            inside = (along >= self.kept[0]) & (along <= self.kept[1])
            section, labels = section[:, inside], labels[:, inside]
            if not inside.any():
                raise SeisdreamError(
                    f"{self.name} has no trace from {self.kept[0]} to {self.kept[1]}: its {section.dims[1]} goes from "
                    f"{along.min():g} to {along.max():g}."
                )
        labels = np.where(absent_samples(section), np.uint8(UNKNOWN), as_codes(labels, self.name))
        known = labels[labels != UNKNOWN]
        if known.size and known.max() >= self.n_classes:
            raise SeisdreamError(
                f"{self.name} has label {known.max()}, and the classes are {self.n_classes}, 0 to {self.n_classes - 1};"
                f" name all classes in classes.txt, one a line, or mark samples of no class with {UNKNOWN}."
            )
        return section, labels

    def keep(self, first: int, last: int) -> Line:
        """Return the part of this line whose traces have numbers from `first` to `last`."""
        name = f"{self.name}, traces {first} to {last}"
        return replace(self, name=name, kept=(first, last), traces=(first, last))


@dataclass(frozen=True)
class LabelledLines:
    """Lines with labels, and what the labels mean.

    Attributes
    ----------
    name : str
        Of the data.
    classes : tuple of str
        In the order of their codes.
    lines : tuple of Line
    colours : tuple of str
        ``#rrggbb`` for each class; distinct ones by default.
    credit, licence : str
        Who made the data, and on what terms they may be used; empty where that is not known.
    survey : str
        What the survey of the lines is called; the data's name by default, empty where there are several surveys.
    is_ordered : bool
        Whether the classes lie one below another in the order of their codes, as intervals between horizons do.
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
            raise SeisdreamError(f"{self.name} holds no labelled line.")
        lines = tuple(replace(line, n_classes=len(self.classes)) for line in self.lines)
        object.__setattr__(self, "lines", lines)
        if self.survey is None:
            is_one = len({line.survey for line in lines}) == 1
            object.__setattr__(self, "survey", self.name if is_one else "")
        object.__setattr__(self, "colours", tuple(self.colours) or distinct_colours(self.classes))

    def with_lines(self, lines: tuple[Line, ...], part: str = "") -> LabelledLines:
        """Return the same data with other lines."""
        return replace(self, name=f"{self.name} ({part})" if part else self.name, lines=lines)


def grey_of(section: xr.DataArray) -> NDArray:
    """Return a section as networks see it: float32 ``(time, trace)``, -1 black, 0 no amplitude, 1 white, not clipped.

    Amplitudes are scaled by their 99th percentile and pictures by their range, as `GreyMapping` does for dreams;
    colours become the grey that is as bright; absent samples are 0.
    """
    values, absent = fill_absent(section)
    if not is_picture(section) and not values.any():
        return values
    grey = (GreyMapping.of(section).to_grey(values) / np.float32(127.5) - np.float32(1.0)).astype(np.float32)
    if is_colour(section):
        grey = grey @ _LUMA
    grey[absent] = 0.0
    return grey


class LinePatches:
    """Items by number, each a window of a line: without end, the same each time, whoever asks and in whatever order.

    Parameters
    ----------
    data : LabelledLines
    seed : int
        Chooses lines, windows and augmentations.
    size : int or (int, int), default 224
        Samples of an item down and across. Where a line is shorter, it is mirrored beyond its edges. Augmented items
        may hang over its top and bottom: mirrored as well there, and of no known class.
    augmentation : Augmentation, optional
        What may be done to each item; None cuts windows as they are.
    overhang : float, 0 to 0.5, default 0.5
        How far, in its own height, an augmented item may hang over.
    cache_mb : float, default 300
        Memory for lines that were opened, in each process that prepares items.
    """

    def __init__(
        self,
        data: LabelledLines,
        seed: int = 0,
        *,
        size: int | tuple[int, int] = 224,
        augmentation: Augmentation | None = GENTLE,
        overhang: float = 0.5,
        cache_mb: float = 300.0,
    ):
        self.data, self.seed, self.augmentation, self.overhang = data, seed, augmentation, overhang
        self.classes, self.colours = data.classes, data.colours
        self.size = (size, size) if isinstance(size, int) else size
        self._memory = BytesLRUCache(cache_mb)

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, number: int) -> Sample:
        """Return item ``number``: picture ``(1, time, trace)`` from -1 to 1, and classes ``(time, trace)``."""
        rng = np.random.default_rng([self.seed, 3, number])
        which = self._draw_line(rng)
        # Items hang over the top and the bottom, or their few samples would hardly ever be shown.
        margin = round(self.overhang * self.size[0]) if self.augmentation else 0
        grey, labels = self._memory.get(which, lambda: _opened(self.data.lines[which], margin))
        # What hangs over is not known of any line; a line is sparse where little of its own is.
        is_sparse = _is_sparse(labels[margin : len(labels) - margin])
        picture, classes = self._cut(rng, grey, labels, is_sparse)
        for _ in range(_N_TRIES):
            if (classes != UNKNOWN).any():
                break
            picture, classes = self._cut(rng, grey, labels, is_sparse)
        return Sample(picture[None], classes)

    def _draw_line(self, rng: np.random.Generator) -> int:
        """Return the number of a line, inlines and crosslines equally often: few of the one cross many of the other."""
        axes = list(dict.fromkeys(line.axis for line in self.data.lines))
        if len(axes) == 1:
            return int(rng.integers(len(self.data.lines)))
        axis = axes[rng.integers(len(axes))]
        return int(rng.choice([number for number, line in enumerate(self.data.lines) if line.axis == axis]))

    def _cut(
        self, rng: np.random.Generator, grey: NDArray, labels: NDArray, is_sparse: bool
    ) -> tuple[NDArray, NDArray]:
        if self.augmentation is None:
            window = _window(rng, labels, self.size, is_sparse)
            picture = np.ascontiguousarray(np.clip(_mirrored(grey[window], self.size), -1.0, 1.0))
            return picture, np.ascontiguousarray(_mirrored(labels[window], self.size))
        # All times at once: two draws, of a window and of an item in it, would seldom come to the top or the bottom.
        around = (len(labels), int(_ROOM * self.size[1]))
        if is_sparse:
            around = (int(_TIGHT_ROOM * self.size[0]), int(_TIGHT_ROOM * self.size[1]))
        window = _window(rng, labels, around, is_sparse)
        maps = {"classes": labels[window]}
        picture, maps = augment(rng, grey[window], maps, self.augmentation, self.size)
        return picture, maps["classes"]


class WholeLines:
    """Items by number, each a whole line as it is: for validation.

    Parameters
    ----------
    data : LabelledLines
    cache_mb : float, default 300
        Memory for lines that were opened.
    """

    def __init__(self, data: LabelledLines, *, cache_mb: float = 300.0):
        self.data, self.classes, self.colours = data, data.classes, data.colours
        self._memory = BytesLRUCache(cache_mb)

    def __len__(self) -> int:
        return len(self.data.lines)

    def __getitem__(self, number: int) -> Sample:
        """Return line ``number``, counted on from the first when there are no more, as an item."""
        which = number % len(self)
        grey, labels = self._memory.get(which, lambda: _opened(self.data.lines[which]))
        return Sample(np.clip(grey, -1.0, 1.0)[None], labels)


def _opened(line: Line, margin: int = 0) -> tuple[NDArray, NDArray]:
    section, labels = line.open()
    beyond = ((margin, margin), (0, 0))
    return np.pad(grey_of(section), beyond, mode="symmetric"), np.pad(labels, beyond, constant_values=UNKNOWN)


def _window(rng: np.random.Generator, labels: NDArray, size: tuple[int, int], is_sparse: bool) -> tuple[slice, slice]:
    """Choose a window of at most a size; where most labels are unknown, one with a sample whose label is known."""
    aim = None
    if is_sparse:
        known = np.flatnonzero(labels != UNKNOWN)
        aim = np.unravel_index(known[rng.integers(known.size)], labels.shape)
    slices = []
    for axis, (n, n_wanted) in enumerate(zip(labels.shape, size, strict=True)):
        first, last = 0, max(n - n_wanted, 0)
        if aim is not None:
            first, last = max(0, min(int(aim[axis]) - n_wanted + 1, last)), min(int(aim[axis]), last)
        start = int(rng.integers(first, last + 1))
        slices.append(slice(start, start + n_wanted))
    return slices[0], slices[1]


def _is_sparse(labels: NDArray) -> bool:
    return 0 < int(np.count_nonzero(labels != UNKNOWN)) < labels.size // 2


def _mirrored(values: NDArray, size: tuple[int, int]) -> NDArray:
    """Mirror an array at its lower and right edge until it has a size."""
    missing = [(0, wanted - n) for wanted, n in zip(size, values.shape, strict=True)]
    return np.pad(values, missing, mode="symmetric")
