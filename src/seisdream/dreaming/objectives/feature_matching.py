"""Terms that compare a layer's activations with others: of a guide, of the input, of a direction.

Some need a forward pass before they can be scored: of the image that they compare with or, where a statistic of all
positions counts and the section is processed in tiles, of the section itself. `capture` takes in its activations.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from seisdream.dreaming.objectives.terms import Term, Window, quoted, to_float
from seisdream.errors import SeisdreamError
from seisdream.io.concept_vectors import open_concept_vector
from seisdream.models.network import Network

# Where vectors point in different directions, their dot product keeps this share, so that the gradient does not vanish
# (Carter and others 2019).
_SMALLEST_COSINE = 0.1
TINY = 1e-20
"""Keeps quotients of lengths finite."""


@dataclass(frozen=True, eq=False)
class Guide(Term):
    """Similarity to a guide: at each position the dot product with the guide's best matching feature vector.

    From the original notebook's guided dreams (Mordvintsev, Olah and Tyka 2015).

    Attributes
    ----------
    features : Tensor
        The guide's activations at the layer, ``(position, channel)``, float32.
    """

    features: torch.Tensor

    def scores(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the largest dot product at each position."""
        vectors = to_float(activations)[0].flatten(1).T
        if vectors.shape[1] != self.features.shape[1]:
            raise SeisdreamError(
                f"The guide has {self.features.shape[1]} channels at '{self.layer}', the dream {vectors.shape[1]}; "
                "make both with the same network.",
                code="wrong-shape",
                option="guide",
            )
        features = self.features.to(vectors)
        # In chunks, and without a graph: all pairs of positions at once would be the square of the section.
        chunk = max(1, 2**24 // len(features))
        with torch.no_grad():
            best = torch.cat([(part @ features.T).argmax(dim=1) for part in vectors.split(chunk)])
        return (vectors * features[best]).sum(1).view(1, *activations.shape[2:])

    def target(self) -> str:
        """Return the layer; the guide itself is named by the setting `guide`."""
        return self.layer


@dataclass(frozen=True)
class Direction(Term):
    """The projection of a layer's feature vectors on a direction of its space, such as a linear probe's weights.

    The score of a position is the dot product times, optionally, a power of the cosine of the angle, which favours
    vectors that point in the direction over long ones that point elsewhere too (Carter, Armstrong, Schubert, Johnson
    and Olah 2019). Directions as concepts are those of Kim and others (2018).

    Attributes
    ----------
    file : str
        ``.npy``, or ``.npz`` with the array's name after ``#``: as
        `seisdream.io.concept_vectors.open_concept_vector` opens it.
    power : float, default 0
        Of the cosine; 0 is the dot product alone.
    vector : array or tensor, optional
        The direction itself, ``(channel,)``, instead of a file.
    """

    file: str = ""
    power: float = 0.0
    vector: Any = field(default=None, compare=False, repr=False, kw_only=True)

    def bind(self, network: Network) -> Term:
        """Open the file, and check the direction against the layer."""
        n_channels = network.layer(self.layer).n_channels
        vector = torch.as_tensor(open_concept_vector(self.file) if self.vector is None else self.vector).detach()
        if vector.shape != (n_channels,):
            raise SeisdreamError(
                f"The direction {self.file or 'given'} has the shape {tuple(vector.shape)}; layer '{self.layer}' of "
                f"{network.name} has {n_channels} channels, so it must be ({n_channels},).",
                code="wrong-shape",
                option="layer",
            )
        if not torch.isfinite(vector).all() or not vector.any():
            raise SeisdreamError(
                f"The direction {self.file or 'given'} has zero or non-finite norm; use another one.",
                code="not-finite",
                option="layer",
            )
        return replace(self, vector=vector)

    def scores(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the dot product at each position, times the power of the cosine."""
        vectors = to_float(activations)
        direction = torch.as_tensor(self.vector).to(vectors).view(1, -1, *(1,) * (vectors.ndim - 2))
        return _cosine_weighted(vectors, direction, self.power)

    def target(self) -> str:
        """Return ``direction:layer@file`` and, unless it is 0, ``^power``."""
        return f"direction:{self.layer}@{quoted(self.file)}{_power(self.power, 0.0)}"


@dataclass(frozen=True)
class Concept(Term):
    """The direction of a concept that `seisdream.concepts` found, scored as `Direction`.

    It stands for ``direction:layer@FOLDER/directions.npz#NUMBER``, where the folder is the setting `concepts`.

    Attributes
    ----------
    concept : str
        Its number or its name.
    power : float, default 0
        Of the cosine; 0 is the dot product alone.
    """

    concept: str
    power: float = 0.0

    def bind(self, network: Network) -> Term:
        """Raise `SeisdreamError`, because no folder is known."""
        raise SeisdreamError(
            f"'{self.target()}' needs the concepts that it is one of; give the folder of `seisdream concepts` as "
            "`concepts`.",
            code="missing-argument",
            option="concepts",
        )

    def target(self) -> str:
        """Return ``concept:layer/concept`` and, unless it is 0, ``^power``."""
        return f"concept:{self.layer}/{quoted(self.concept)}{_power(self.power, 0.0)}"


@dataclass(frozen=True)
class StatefulTerm(Term):
    """A term that needs activations from another forward pass before it can be scored."""

    memory: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def capture(self, activations: torch.Tensor, window: Window) -> None:
        """Take in a part of the activations of that forward pass."""
        raise NotImplementedError


@dataclass(frozen=True)
class CaptureTerm(Term):
    """Hands each part of a layer to a stateful term, and scores nothing."""

    of: StatefulTerm = field(kw_only=True)

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return 0, without a gradient."""
        self.of.capture(to_float(activations.detach()), window)
        return to_float(activations.detach().new_zeros(()))


@dataclass(frozen=True)
class PairedActivationTerm(StatefulTerm):
    """A term that compares each position with the same position of another image after the same transform."""

    def capture(self, activations: torch.Tensor, window: Window) -> None:
        """Keep the activations of the other image."""
        self.memory[window] = activations
        energy = activations.square().sum() / window.n_positions
        self.memory["energy"] = self.memory.get("energy", 0.0) + energy

    def paired_activations(self, activations: torch.Tensor, window: Window) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the other image's activations there, and the mean over all positions of their squared length."""
        energy = self.memory["energy"]
        if not energy > 0:
            raise SeisdreamError(
                f"Layer '{self.layer}' is inactive all over the section that '{self.target()}' compares with; choose "
                "another layer.",
                code="no-signal",
                option="layer",
            )
        return self.memory[window].to(activations), energy


@dataclass(frozen=True)
class Caricature(PairedActivationTerm):
    """More of what is there: the dot product with the input's own activations, times a power of the cosine.

    After the caricatures of Olah and others (2018) and Carter and others (2019). The score is 1 where the section is
    the input itself, because lengths are relative to the input's vectors.

    Attributes
    ----------
    power : float, default 1
        Of the cosine: the higher, the less can appear that was not there.
    """

    power: float = 1.0

    def scores(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the dot product times the power of the cosine at each position."""
        vectors = to_float(activations)
        before, energy = self.paired_activations(vectors, window)
        return _cosine_weighted(vectors, before, self.power) / energy

    def target(self) -> str:
        """Return ``caricature:layer`` and, unless it is 1, ``^power``."""
        return f"caricature:{self.layer}{_power(self.power, 1.0)}"


@dataclass(frozen=True)
class Inversion(PairedActivationTerm):
    """What a layer keeps of a section: similarity of all its activations (Mahendran and Vedaldi 2015).

    The score is minus the squared distance divided by the squared length of the target: 0 where the layer cannot
    distinguish the two, -1 for a section without activations.
    """

    def scores(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return minus the relative squared distance at each position."""
        vectors = to_float(activations)
        target, energy = self.paired_activations(vectors, window)
        return -(vectors - target).square().sum(1) / energy

    def target(self) -> str:
        """Return ``inversion:layer``."""
        return f"inversion:{self.layer}"


@dataclass(frozen=True)
class MaskedTerm(Term):
    """Another term, restricted to positions inside a region, each weighted by its share in it."""

    of: Term = field(kw_only=True)
    memory: dict[Any, torch.Tensor] = field(default_factory=dict, init=False, compare=False, repr=False)

    def set_mask(self, region: torch.Tensor) -> None:
        """Set where the region is in the present input of the network, ``(1, 1, *space)``."""
        self.memory.clear()
        self.memory["region"] = region

    def _shares(self, size: tuple[int, ...]) -> torch.Tensor:
        if size not in self.memory:
            pool = nn.AdaptiveAvgPool2d if len(size) == 2 else nn.AdaptiveAvgPool3d
            self.memory[size] = pool(size)(self.memory["region"])[0]
        return self.memory[size]

    def n_units(self, size: tuple[int, ...]) -> float:
        """Return how many positions are inside."""
        return float(self._shares(tuple(size)).sum().clamp_min(TINY))

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the sum of the scores of positions, each times its share."""
        scores = self.of.scores(activations, window)
        shares = self._shares(tuple(window.whole_size))
        if scores.ndim == 3:  # A cube is never tiled.
            rows = slice(window.first_row, window.first_row + scores.shape[-2])
            columns = slice(window.first_column, window.first_column + scores.shape[-1])
            shares = shares[:, rows, columns]
        return (scores * shares.to(scores)).sum()

    def target(self) -> str:
        """Return the other term."""
        return self.of.target()


@dataclass(frozen=True)
class ActivationStatistics(Term):
    """Mean and standard deviation of another term's scores over positions, measured in a pass and scored as 0."""

    of: Term = field(kw_only=True)
    memory: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Add up, and return 0."""
        scores = self.of.scores(activations, window).detach().double()
        for name, sum_ in (("n", scores.numel()), ("first", scores.sum()), ("second", scores.square().sum())):
            self.memory[name] = self.memory.get(name, 0.0) + float(sum_)
        return to_float(activations.detach().new_zeros(()))

    def mean_and_deviation(self) -> tuple[float, float]:
        """Return the mean and the standard deviation over positions; for a single position its magnitude instead."""
        n_positions = self.memory["n"]
        mean = self.memory["first"] / n_positions
        if n_positions == 1:
            return mean, abs(mean)
        # A difference of squares within rounding is zero.
        variance = self.memory["second"] / n_positions - mean**2
        return mean, variance**0.5 if variance > 1e-12 * mean**2 else 0.0


def _cosine_weighted(vectors: torch.Tensor, others: torch.Tensor, power: float) -> torch.Tensor:
    """Return ``(1, *space)`` dot products over channels, times the power of the cosine."""
    product = (vectors * others).sum(1)
    if not power:
        return product
    lengths = (vectors.square().sum(1) * others.square().sum(1)).clamp_min(TINY).sqrt()
    return product * (product / lengths).clamp_min(_SMALLEST_COSINE) ** power


def _power(power: float, usual: float) -> str:
    return "" if power == usual else f"^{power!r}"
