"""Real lines without labels: what they look like is learned from the place that each of their samples has."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import xarray as xr

from seisdream.data.augment import GENTLE, Augmentation, augment
from seisdream.data.sample import UNKNOWN, Sample
from seisdream.data.segy_lines import grey_of
from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import check_section

N_DEPTHS, N_SURVEYS = 16, 3


class UnlabelledLines:
    """Items from real lines, by number: pictures whose classes are unknown and whose place is known.

    Parameters
    ----------
    surveys : sequence of sequences of DataArray
        Sections ``(time, trace)`` of up to `N_SURVEYS` surveys; lines of one survey share their depths.
    classes : tuple of str
        Of the data that they are mixed with.
    seed : int
        Chooses windows and augmentations.
    size, augmentation
        As for `GeneratedEarths`.
    """

    def __init__(
        self,
        surveys: Sequence[Sequence[xr.DataArray]],
        classes: tuple[str, ...],
        seed: int = 0,
        *,
        size: int = 224,
        augmentation: Augmentation = GENTLE,
    ):
        if not 1 <= len(surveys) <= N_SURVEYS:
            raise SeisdreamError(f"Real lines come from 1 to {N_SURVEYS} surveys; got {len(surveys)}.")
        self.classes, self.seed, self.size, self.augmentation = classes, seed, size, augmentation
        if not all(surveys):
            raise SeisdreamError("Each survey has at least one line.")
        for line in itertools.chain(*surveys):
            check_section(line)
        self._lines = [[grey_of(line) for line in survey] for survey in surveys]

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, number: int) -> Sample:
        """Return item ``number``; surveys are equally frequent, however many lines they have."""
        rng = np.random.default_rng([self.seed, 3, number])
        survey = int(rng.integers(len(self._lines)))
        line = self._lines[survey][rng.integers(len(self._lines[survey]))]
        depth = (np.arange(len(line)) * N_DEPTHS // len(line)).astype(np.uint8)[:, None]
        place = np.broadcast_to(depth + np.uint8(survey * N_DEPTHS), line.shape)
        rows, columns = (_window(rng, n, round(1.3 * self.size)) for n in line.shape)
        picture, maps = augment(
            rng, line[rows, columns], {"place": place[rows, columns]}, self.augmentation, (self.size, self.size)
        )
        return Sample(picture[None], np.full((self.size, self.size), UNKNOWN, np.uint8), place=maps["place"])


def _window(rng: np.random.Generator, n: int, size: int) -> slice:
    start = int(rng.integers(0, max(n - size, 0) + 1))
    return slice(start, start + size)
