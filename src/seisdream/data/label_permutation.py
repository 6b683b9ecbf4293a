"""Labels that do not belong to what they are shown with: the control that says what labels did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seisdream.data.sample import Sample


class Shuffled:
    """Items of some data, each with what is known of another one: pictures stay, and so do the labels as a whole.

    After Zhang and others, "Understanding deep learning requires rethinking generalization" (2017). Whatever a network
    learns from it, it did not learn from labels; what has no label but comes from the picture itself (its place, its
    attributes) stays with the picture.

    Parameters
    ----------
    data : Items
        Items by number, of one size.
    seed : int
        Chooses whose labels each item has.
    """

    def __init__(self, data: Any, seed: int = 0):
        self.data, self.seed = data, seed
        self.classes: tuple[str, ...] = data.classes
        self.colours: Sequence[str] = getattr(data, "colours", ())

    def __len__(self) -> int:
        return len(self.data)

    def other(self, number: int) -> int:
        """Return the number of the item whose labels item ``number`` has."""
        n = len(self.data)
        if n < 2:
            return number
        # Data that begin again after their last item have that same item at each multiple of their length.
        return number + int(np.random.default_rng([self.seed, 6, number]).integers(1, n))

    def __getitem__(self, number: int) -> Sample:
        """Return item ``number``."""
        item, other = self.data[number], self.data[self.other(number)]
        return replace(other, picture=item.picture, place=item.place)
