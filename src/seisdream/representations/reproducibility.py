"""How well concepts reproduce: between halves of the data, and in another random sample of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seisdream.representations.factorise import MAX_CONCEPTS, Factorisation, factorise, match_concepts
from seisdream.representations.survey import Units

CANDIDATES = (4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50)
"""Numbers of concepts that are compared."""
_MAX_UNITS = 4000  # of each half, where numbers of concepts are compared


@dataclass(frozen=True)
class Reproducibility:
    """How well concepts reproduce, as cosines of directions: 1 where they are the same.

    Attributes
    ----------
    halves : array
        ``(concept,)``: the smaller of the cosines with the partners in the concepts of either half.
    seeds : array
        ``(concept,)``: the cosine with the partner in the concepts of another random sample.
    agreement : float
        Mean cosine between partners in the concepts of one half and of the other.
    """

    halves: NDArray[np.floating]
    seeds: NDArray[np.floating]
    agreement: float


def reproducibility(units: Units, whole: Factorisation, seed: int) -> Reproducibility:
    """Return how well the concepts of some units reproduce.

    Parameters
    ----------
    units : Units
        What the concepts were found in.
    whole : Factorisation
        The concepts.
    seed : int
        Random seed of the other sample, which is drawn from the same units with replacement.
    """
    halves = [factorise(half, whole.n_concepts, seed=seed).directions for half in _halves(units, whole.n_concepts)]
    cosines = [match_concepts(whole.directions, half)[1] for half in halves]
    again = np.random.default_rng([seed, 1]).integers(0, len(units), len(units))
    resampled = factorise(units.activations[again], whole.n_concepts, seed=seed + 1)
    return Reproducibility(
        np.minimum(*cosines),
        match_concepts(whole.directions, resampled.directions)[1],
        float(match_concepts(*halves)[1].mean()),
    )


def best_number(units: Units, seed: int) -> tuple[int, dict[int, float]]:
    """Return the number of concepts that reproduces best between halves, and the agreement of each number.

    Parameters
    ----------
    units : Units
        A sample of a layer's units.
    seed : int
        Random seed.
    """
    random, agreement = np.random.default_rng(seed), {}
    n_channels = min(units.activations.shape[1], MAX_CONCEPTS)
    numbers = [one for one in CANDIDATES if one < n_channels] or [n_channels]
    halves = [half[random.permutation(len(half))[:_MAX_UNITS]] for half in _halves(units, numbers[0])]
    for number in numbers:
        if number <= min(map(len, halves)):
            found = [factorise(half, number, seed=seed).directions for half in halves]
            agreement[number] = round(float(match_concepts(*found)[1].mean()), 3)
    return max(agreement, key=lambda number: (agreement[number], number)), agreement


def _halves(units: Units, n_concepts: int) -> list[NDArray[np.float32]]:
    is_second = units.is_in_second_half()
    halves = [units.activations[~is_second], units.activations[is_second]]
    # Too little data for halves that are far apart, or one of them is inactive: every other unit.
    if min(map(len, halves)) < n_concepts or not all(half.any() for half in halves):
        halves = [units.activations[::2], units.activations[1::2]]
    return halves
