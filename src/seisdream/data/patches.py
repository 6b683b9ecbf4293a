"""Training samples from labelled lines: random patches, and whole lines for validation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seisdream.data.augment import DEFAULT_AUGMENTATION, Augmentation, augment
from seisdream.data.lines import LabelledLines, Line
from seisdream.data.lru_cache import BytesLRUCache
from seisdream.data.sample import UNKNOWN, Sample, grey_image

# Rotation, shear and stretch need room around a patch, in units of its size. With a lot of room, patches also come from
# near the edges of a line; with little, they hit the few samples that are labelled.
_ROOM, _TIGHT_ROOM = 3.0, 1.6
# In sparsely labelled lines, a patch without a label is drawn again at most this often.
_N_TRIES = 8


class LinePatches:
    """Random patches of lines by number, without end; each number always gives the same patch.

    Parameters
    ----------
    data : LabelledLines
    seed : int
        Chooses lines, windows and augmentations.
    size : int or (int, int), default 224
        Samples along time and traces. Shorter lines are mirrored at their edges. Augmented patches may extend beyond
        the top and base of a line; the image is mirrored there as well, and the class is unknown.
    augmentation : Augmentation, optional
        None cuts windows as they are.
    overhang : float, 0 to 0.5, default 0.5
        How far an augmented patch may extend beyond the line, as a share of its height.
    cache_mb : float, default 300
        Memory for opened lines, in each worker process.
    """

    def __init__(
        self,
        data: LabelledLines,
        seed: int = 0,
        *,
        size: int | tuple[int, int] = 224,
        augmentation: Augmentation | None = DEFAULT_AUGMENTATION,
        overhang: float = 0.5,
        cache_mb: float = 300.0,
    ):
        self.data, self.seed, self.augmentation, self.overhang = data, seed, augmentation, overhang
        self.classes, self.colours = data.classes, data.colours
        self.size = (size, size) if isinstance(size, int) else size
        self._cache = BytesLRUCache(cache_mb)

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, number: int) -> Sample:
        """Return patch ``number``: image ``(1, time, trace)`` from -1 to 1, and classes ``(time, trace)``."""
        rng = np.random.default_rng([self.seed, 3, number])
        which = self._draw_line(rng)
        # Without the overhang, samples near the top and base of a line would rarely be drawn.
        margin = round(self.overhang * self.size[0]) if self.augmentation else 0
        grey, labels = self._cache.get(which, lambda: _open_padded(self.data.lines[which], margin))
        # The overhang has no labels in any line, so it does not make a line sparse.
        is_sparse = _is_sparse(labels[margin : len(labels) - margin])
        image, classes = self._cut(rng, grey, labels, is_sparse, margin)
        for _ in range(_N_TRIES):
            if (classes != UNKNOWN).any():
                break
            image, classes = self._cut(rng, grey, labels, is_sparse, margin)
        return Sample(image[None], classes)

    def _draw_line(self, rng: np.random.Generator) -> int:
        """Return the index of a line; inlines and crosslines are equally frequent, however many there are of each."""
        axes = list(dict.fromkeys(line.axis for line in self.data.lines))
        if len(axes) == 1:
            return int(rng.integers(len(self.data.lines)))
        axis = axes[rng.integers(len(axes))]
        return int(rng.choice([index for index, line in enumerate(self.data.lines) if line.axis == axis]))

    def _cut(
        self, rng: np.random.Generator, grey: NDArray, labels: NDArray, is_sparse: bool, margin: int
    ) -> tuple[NDArray, NDArray]:
        if self.augmentation is None:
            window = _draw_window(rng, labels, self.size, is_sparse)
            image = np.ascontiguousarray(np.clip(_mirror_to_size(grey[window], self.size), -1.0, 1.0))
            return image, np.ascontiguousarray(_mirror_to_size(labels[window], self.size))
        # All times at once: with one draw for the window and another for the patch in it, the top and base of a line
        # would be rare.
        room = (len(labels), int(_ROOM * self.size[1]))
        if is_sparse:
            room = (int(_TIGHT_ROOM * self.size[0]), int(_TIGHT_ROOM * self.size[1]))
        window = _draw_window(rng, labels, room, is_sparse)
        top = max(margin - window[0].start, 0)
        image, maps = augment(rng, grey[window], {"classes": labels[window]}, self.augmentation, self.size, top)
        return image, maps["classes"]


class WholeLines:
    """Whole lines by number, not augmented: for validation.

    Parameters
    ----------
    data : LabelledLines
    cache_mb : float, default 300
        Memory for opened lines.
    """

    def __init__(self, data: LabelledLines, *, cache_mb: float = 300.0):
        self.data, self.classes, self.colours = data, data.classes, data.colours
        self._cache = BytesLRUCache(cache_mb)

    def __len__(self) -> int:
        return len(self.data.lines)

    def __getitem__(self, number: int) -> Sample:
        """Return line ``number``; after the last line comes the first again."""
        which = number % len(self)
        grey, labels = self._cache.get(which, lambda: _open_padded(self.data.lines[which]))
        return Sample(np.clip(grey, -1.0, 1.0)[None], labels)


def _open_padded(line: Line, margin: int = 0) -> tuple[NDArray, NDArray]:
    """Return a line as a grey image and its labels, padded at top and base: mirrored, and of unknown class."""
    section, labels = line.open()
    padding = ((margin, margin), (0, 0))
    return np.pad(grey_image(section), padding, mode="symmetric"), np.pad(labels, padding, constant_values=UNKNOWN)


def _draw_window(
    rng: np.random.Generator, labels: NDArray, size: tuple[int, int], is_sparse: bool
) -> tuple[slice, slice]:
    """Draw a window of at most a size; in a sparsely labelled line, one around a labelled sample."""
    target = None
    if is_sparse:
        known = np.flatnonzero(labels != UNKNOWN)
        target = np.unravel_index(known[rng.integers(known.size)], labels.shape)
    slices = []
    for axis, (n, n_wanted) in enumerate(zip(labels.shape, size, strict=True)):
        first, last = 0, max(n - n_wanted, 0)
        if target is not None:
            first, last = max(0, min(int(target[axis]) - n_wanted + 1, last)), min(int(target[axis]), last)
        start = int(rng.integers(first, last + 1))
        slices.append(slice(start, start + n_wanted))
    return slices[0], slices[1]


def _is_sparse(labels: NDArray) -> bool:
    return 0 < int(np.count_nonzero(labels != UNKNOWN)) < labels.size // 2


def _mirror_to_size(values: NDArray, size: tuple[int, int]) -> NDArray:
    """Mirror an array at its lower and right edge until it has a size."""
    missing = [(0, wanted - n) for wanted, n in zip(size, values.shape, strict=True)]
    return np.pad(values, missing, mode="symmetric")
