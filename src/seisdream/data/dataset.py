"""Several kinds of data in one stream."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seisdream.data.sample import Sample
from seisdream.errors import SeisdreamError


class MixtureDataset:
    """Items drawn from several sources, each with its share; the classes are those of the first.

    Parameters
    ----------
    sources : sequence
        Items by number.
    shares : sequence of float
        How often each is drawn; they are scaled to a sum of 1.
    seed : int
        Chooses which item comes from where.
    """

    def __init__(self, sources: Sequence, shares: Sequence[float], seed: int = 0):
        if len(sources) != len(shares) or min(shares, default=0.0) < 0.0 or not sum(shares) > 0.0:
            raise SeisdreamError(f"Each of {len(sources)} sources has a share from 0 up; got {list(shares)}.")
        self.sources, self.seed = tuple(sources), seed
        self.shares = np.asarray(shares, float) / np.sum(shares)
        self.classes = sources[0].classes

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, number: int) -> Sample:
        """Return item ``number``."""
        which = np.random.default_rng([self.seed, 2, number]).choice(len(self.sources), p=self.shares)
        return self.sources[which][number]
