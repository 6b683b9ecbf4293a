"""Concepts that two networks share: one factorisation of the activations of both at the same positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seisdream.channels.cka import linear_cka
from seisdream.inference.recorder import ActivationRecorder
from seisdream.inference.section_source import SectionSource
from seisdream.models.prepared import PreparedNetwork
from seisdream.representations.factorise import Factorisation, factorise
from seisdream.seismic.sections import absent_samples

SMALLEST_SHARE = 0.2
"""Where a network holds less of a concept, half the amplitude of the other, the concept may be the other's alone."""
LARGEST_AGREEMENT = 0.7
"""A concept is one network's alone only where the strengths found from each alone correlate less than this."""


@dataclass(frozen=True)
class SharedConcepts:
    """Concepts of two networks' layers, the one that accounts for most of both first.

    Attributes
    ----------
    first, second : Factorisation
        The concepts in the space of each layer; those of one network alone are near zero in the other.
    first_share : array
        Share of each concept that the first network holds, 0 to 1: its part of the concept's squared length.
    agreement : array
        Correlation over positions that were not factorised between the strengths of a concept found from the first
        network alone and from the second alone; NaN where it is absent from one.
    """

    first: Factorisation
    second: Factorisation
    first_share: NDArray[np.float64]
    agreement: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.first_share)

    @property
    def owner(self) -> list[str]:
        """Which network has each concept: ``both``, ``first`` or ``second``."""
        is_alone = ~(self.agreement >= LARGEST_AGREEMENT) & (np.abs(self.first_share - 0.5) > 0.5 - SMALLEST_SHARE)
        return [
            "both" if not alone else "first" if share > 0.5 else "second"
            for alone, share in zip(is_alone, self.first_share, strict=True)
        ]


def share_concepts(first: NDArray, second: NDArray, n_concepts: int, *, seed: int = 0) -> SharedConcepts:
    """Return the concepts that account for two networks' activations together.

    The activations of each network are scaled to one mean squared length, so that both count alike, however many
    channels they have. A concept is a
    set of channels of both that are active together; where one network has no such channels, its part is zero.

    Parameters
    ----------
    first, second : array
        ``(position, channel)``, the same positions; every other one is left out and used for the agreement.
    n_concepts : int
        Of both together.
    seed : int, default 0
        Random seed of the starting point.
    """
    scaled = [values / max(float(np.sqrt((values**2).sum(1).mean())), 1e-12) for values in (first, second)]
    both = np.concatenate(scaled, axis=1)
    joint = factorise(both[::2], n_concepts, seed=seed, equal_channels=False)
    n_first = first.shape[1]
    halves = np.split(joint.parts, 2, axis=1) if joint.is_signed else [joint.parts]
    parts = [
        np.concatenate([half[:, where] for half in halves], axis=1) for where in (slice(n_first), slice(n_first, None))
    ]
    each = [Factorisation(part, joint.is_signed, joint.explained) for part in parts]
    energy = [(part**2).sum(1) for part in parts]
    share = energy[0] / (energy[0] + energy[1])
    strengths = [one.strengths(values[1::2]) for one, values in zip(each, scaled, strict=True)]
    agreement = np.array([_correlation(*pair) for pair in zip(strengths[0].T, strengths[1].T, strict=True)])
    return SharedConcepts(each[0], each[1], share.astype(np.float64), agreement)


def record_both(
    prepared: Sequence[PreparedNetwork],
    layers: Sequence[Sequence[str]],
    source: SectionSource,
    n_positions: int,
    *,
    seed: int = 0,
    on_line: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[NDArray[np.int64], list[dict[str, NDArray[np.float32]]]]:
    """Return the activations of layers of several networks at the same random positions of all lines.

    Parameters
    ----------
    prepared : sequence of PreparedNetwork
        The networks.
    layers : sequence of sequence of str
        Of each network, layers with positions.
    source : SectionSource
        The lines.
    n_positions : int
        In all lines together; none of them is absent.
    seed : int, default 0
        Random seed.
    on_line : callable, optional
        Called with the number of lines done, and of all.

    Returns
    -------
    positions : array
        ``(position, 3)``: number of the line, sample and trace, counted from 0.
    activations : list of dict of array
        For each network and layer ``(position, channel)``.
    """
    recorders = [ActivationRecorder(one, names) for one, names in zip(prepared, layers, strict=True)]
    found: list[dict[str, list[NDArray]]] = [{name: [] for name in names} for names in layers]
    positions: list[NDArray] = []
    edges = np.linspace(0, n_positions, len(source) + 1).astype(int)
    for number in range(len(source)):
        line = source.open(number)
        rows, columns = np.nonzero(~absent_samples(line))
        n = min(int(edges[number + 1] - edges[number]), len(rows))
        chosen = np.random.default_rng([seed, number]).choice(len(rows), n, replace=False)
        rows, columns = rows[chosen], columns[chosen]
        positions.append(np.stack([np.full(n, number), rows, columns], axis=1))
        for recorder, of_network in zip(recorders, found, strict=True):
            values: dict[str, NDArray] = {}
            for tile, recorded in recorder.record(line, source.mapping, source.around):
                inside = (rows >= tile.core_rows[0]) & (rows < tile.core_rows[1])
                inside &= (columns >= tile.core_columns[0]) & (columns < tile.core_columns[1])
                for name, units in recorded.items():
                    at = values.setdefault(name, np.zeros((n, len(units.values)), np.float32))
                    at[inside] = units.at(rows[inside], columns[inside]).numpy().T
            for name, at in values.items():
                of_network[name].append(at)
        on_line(number + 1, len(source))
    return np.concatenate(positions), [
        {name: np.concatenate(parts) for name, parts in of_network.items()} for of_network in found
    ]


def alignment(first: dict[str, NDArray], second: dict[str, NDArray]) -> NDArray[np.float64]:
    """Return linear CKA of each layer of one network with each of another, ``(layer, layer)``."""
    return np.array([[linear_cka(one, other) for other in second.values()] for one in first.values()])


def _correlation(first: NDArray, second: NDArray) -> float:
    if not (first.std() > 0 and second.std() > 0):
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
