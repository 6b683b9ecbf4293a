"""Datasets: samples by number, and several of them mixed into one stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from seisdream.data.sample import Sample
from seisdream.errors import SeisdreamError


class Dataset(Protocol):
    """Samples by number, each the same whenever and in whichever process it is read.

    A training run reads consecutive numbers without end, so a resumed run continues with the same samples.
    """

    classes: tuple[str, ...]

    def __getitem__(self, number: int, /) -> Sample: ...


class MixtureDataset:
    """Samples drawn from several datasets, each with its share; the classes are those of the first.

    Parameters
    ----------
    datasets : sequence of Dataset
        What is mixed.
    shares : sequence of float
        How often each is drawn; scaled to a sum of 1.
    seed : int
        Chooses the dataset of each sample.
    """

    def __init__(self, datasets: Sequence[Dataset], shares: Sequence[float], seed: int = 0):
        if len(datasets) != len(shares) or min(shares, default=0.0) < 0.0 or not sum(shares) > 0.0:
            raise SeisdreamError(
                f"`shares` is {list(shares)}; give each of the {len(datasets)} datasets a share of 0 or more, and at "
                "least one of them more than 0.",
                code="out-of-range",
                option="shares",
            )
        self.datasets, self.seed = tuple(datasets), seed
        self.shares = np.asarray(shares, float) / np.sum(shares)
        self.classes = datasets[0].classes

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, number: int) -> Sample:
        """Return sample ``number``."""
        which = np.random.default_rng([self.seed, 2, number]).choice(len(self.datasets), p=self.shares)
        return self.datasets[which][number]
