"""Labels exchanged between samples: a control that shows what a network learns without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seisdream.data.sample import Sample


class ShuffledLabels:
    """A dataset in which each image has the labels of another sample.

    Images stay as they are, and so do the labels as a whole. After Zhang and others, "Understanding deep learning
    requires rethinking generalization" (2017). What follows from the image itself (its position, its attributes) stays
    with the image.

    Parameters
    ----------
    data : Dataset
        Samples of one size; its length is the number of different samples.
    seed : int
        Chooses whose labels each sample gets.
    """

    def __init__(self, data: Any, seed: int = 0):
        self.data, self.seed = data, seed
        self.classes: tuple[str, ...] = data.classes
        self.colours: Sequence[str] = getattr(data, "colours", ())

    def __len__(self) -> int:
        return len(self.data)

    def label_source(self, number: int) -> int:
        """Return the number of the sample whose labels sample ``number`` gets."""
        n = len(self.data)
        if n < 2:
            return number
        # A dataset that starts over after its last sample has the same sample at every multiple of its length.
        return number + int(np.random.default_rng([self.seed, 6, number]).integers(1, n))

    def __getitem__(self, number: int) -> Sample:
        """Return sample ``number`` with labels of another."""
        own, other = self.data[number], self.data[self.label_source(number)]
        return replace(other, image=own.image, position=own.position)
