"""Real lines without labels: a network learns their textures by predicting the position of each sample."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import xarray as xr

from seisdream.data.augment import DEFAULT_AUGMENTATION, Augmentation, augment
from seisdream.data.sample import UNKNOWN, Sample, grey_image
from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import check_section

N_DEPTHS, N_SURVEYS = 16, 3
"""Number of depth intervals into which a line is divided, and the largest number of surveys that are distinguished."""


class UnlabelledLines:
    """Random patches of real lines by number; their classes are unknown and their position is known.

    Parameters
    ----------
    surveys : sequence of sequences of DataArray
        Sections ``(time, trace)`` of 1 to 3 surveys; lines of one survey share their depths.
    classes : tuple of str
        Classes of the labelled data that they are mixed with.
    seed : int
        Chooses windows and augmentations.
    size : int, default 224
        Samples along time and traces.
    augmentation : Augmentation
        Random changes to each patch.

    Raises
    ------
    SeisdreamError
        If there are too many surveys or none, or one without lines.
    """

    def __init__(
        self,
        surveys: Sequence[Sequence[xr.DataArray]],
        classes: tuple[str, ...],
        seed: int = 0,
        *,
        size: int = 224,
        augmentation: Augmentation = DEFAULT_AUGMENTATION,
    ):
        if not 1 <= len(surveys) <= N_SURVEYS:
            raise SeisdreamError(
                f"The unlabelled lines come from {len(surveys)} surveys; give lines of 1 to {N_SURVEYS} surveys.",
                code="out-of-range",
                option="unlabelled",
            )
        self.classes, self.seed, self.size, self.augmentation = classes, seed, size, augmentation
        if not all(surveys):
            raise SeisdreamError(
                "A survey has no line; give at least one unlabelled line for each.", code="invalid", option="unlabelled"
            )
        for line in itertools.chain(*surveys):
            check_section(line)
        self._lines = [[grey_image(line) for line in survey] for survey in surveys]

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, number: int) -> Sample:
        """Return patch ``number``; surveys are equally frequent, however many lines they have."""
        rng = np.random.default_rng([self.seed, 3, number])
        survey = int(rng.integers(len(self._lines)))
        line = self._lines[survey][rng.integers(len(self._lines[survey]))]
        depth = (np.arange(len(line)) * N_DEPTHS // len(line)).astype(np.uint8)[:, None]
        position = np.broadcast_to(depth + np.uint8(survey * N_DEPTHS), line.shape)
        rows, columns = (_draw_window(rng, n, round(1.3 * self.size)) for n in line.shape)
        image, maps = augment(
            rng, line[rows, columns], {"position": position[rows, columns]}, self.augmentation, (self.size, self.size)
        )
        unknown = np.full((self.size, self.size), UNKNOWN, np.uint8)
        return Sample(image[None], unknown, position=maps["position"])


def _draw_window(rng: np.random.Generator, n: int, size: int) -> slice:
    start = int(rng.integers(0, max(n - size, 0) + 1))
    return slice(start, start + size)
