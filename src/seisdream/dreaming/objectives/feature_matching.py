"""Terms that compare what a layer says with something else: a guide, a direction, the input itself, its style.

Some need a first look before they can be scored: at the picture that they compare with, or, where a statistic of all
positions counts and the section is looked at in tiles, at the section itself. What it says they are told by `note`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch

from seisdream.dreaming.objectives.terms import Term, Window, quoted, wide
from seisdream.errors import SeisdreamError
from seisdream.io.concept_vectors import open_concept_vector
from seisdream.models.network import Network

# Where vectors point apart, their dot product keeps this share, so that there is a way back (Carter and others 2019).
_LEAST_COSINE = 0.1
_TINY = 1e-20


@dataclass(frozen=True, eq=False)
class Guide(Term):
    """Likeness to a guide: at each position the dot product with the guide's best matching feature vector.

    From the original notebook's guided dreams (Mordvintsev, Olah and Tyka 2015).

    Attributes
    ----------
    features : Tensor
        The guide's activations at the layer, ``(position, channel)``, float32.
    """

    features: torch.Tensor

    def scores(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the largest dot product at each position."""
        vectors = wide(activations)[0].flatten(1).T
        if vectors.shape[1] != self.features.shape[1]:
            raise SeisdreamError(
                f"The guide has {self.features.shape[1]} channels at '{self.layer}', the dream {vectors.shape[1]}; "
                "make both with the same network."
            )
        features = self.features.to(vectors)
        # In chunks, and without a graph: all pairs of positions at once would be the square of the section.
        chunk = max(1, 2**24 // len(features))
        with torch.no_grad():
            best = torch.cat([(part @ features.T).argmax(dim=1) for part in vectors.split(chunk)])
        return (vectors * features[best]).sum(1).view(1, *activations.shape[-2:])

    def target(self) -> str:
        """Return the layer; the guide itself is named by ``--guide``."""
        return self.layer


@dataclass(frozen=True)
class Direction(Term):
    """How far a layer's vectors go along a direction of its space, such as a linear probe's weights.

    At each position the dot product, where asked times a power of the cosine between the two: then vectors count that
    point where the direction points, rather than long ones that point elsewhere too (Carter, Armstrong, Schubert,
    Johnson and Olah 2019). Directions as concepts are those of Kim and others (2018).

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
                f"{network.name} has {n_channels} channels, so it must be ({n_channels},)."
            )
        if not torch.isfinite(vector).all() or not vector.any():
            raise SeisdreamError(
                f"The direction {self.file or 'given'} points nowhere: it holds zeros alone, NaN or infinity."
            )
        return replace(self, vector=vector)

    def scores(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the dot product at each position, times the power of the cosine."""
        vectors = wide(activations)
        return _cosine_weighted(
            vectors, torch.as_tensor(self.vector).to(vectors).view(1, -1, *(1,) * (vectors.ndim - 2)), self.power
        )

    def target(self) -> str:
        """Return ``direction:layer@file`` and, but for 0, ``^power``."""
        return f"direction:{self.layer}@{quoted(self.file)}{_power(self.power, 0.0)}"


@dataclass(frozen=True)
class StatefulTerm(Term):
    """A term that is told by a first look what it needs to know of the whole."""

    # Relative to the picture that is compared with, so that scores of different networks can be compared.
    is_relative: ClassVar[bool] = True
    memory: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def note(self, activations: torch.Tensor, window: Window) -> None:
        """Take in a part of the first look."""
        raise NotImplementedError


@dataclass(frozen=True)
class CaptureTerm(Term):
    """The first look itself: hands each part of a layer to a term, and scores nothing."""

    of: StatefulTerm = field(kw_only=True)

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return 0, without a gradient."""
        self.of.note(wide(activations.detach()), window)
        return wide(activations.detach().new_zeros(()))


@dataclass(frozen=True)
class PairedActivationTerm(StatefulTerm):
    """A term that compares each position with the same position of another picture under the same look."""

    def note(self, activations: torch.Tensor, window: Window) -> None:
        """Keep what the layer says of the other picture."""
        self.memory[window] = activations
        n_positions = window.whole_size[0] * window.whole_size[1]
        self.memory["energy"] = self.memory.get("energy", 0.0) + activations.square().sum() / n_positions

    def recall(self, activations: torch.Tensor, window: Window) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the layer said there, and the mean over all positions of its squared length."""
        energy = self.memory["energy"]
        if not energy > 0:
            raise SeisdreamError(
                f"Layer '{self.layer}' is silent all over the section that '{self.target()}' starts from; choose "
                "another layer."
            )
        return self.memory[window].to(activations), energy


@dataclass(frozen=True)
class Caricature(PairedActivationTerm):
    """More of what is there: the dot product with the input's own activations, times a power of the cosine.

    After the caricatures of Olah and others (2018) and Carter and others (2019). The score is 1 where the section is
    the input itself, because lengths are those of the input's vectors.

    Attributes
    ----------
    power : float, default 1
        Of the cosine: the higher, the less may come in that was not there.
    """

    power: float = 1.0

    def scores(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the dot product times the power of the cosine at each position."""
        vectors = wide(activations)
        before, energy = self.recall(vectors, window)
        return _cosine_weighted(vectors, before, self.power) / energy

    def target(self) -> str:
        """Return ``caricature:layer`` and, but for 1, ``^power``."""
        return f"caricature:{self.layer}{_power(self.power, 1.0)}"


@dataclass(frozen=True)
class Inversion(PairedActivationTerm):
    """What a layer keeps of a section: likeness of all its activations, vector by vector (Mahendran and Vedaldi 2015).

    The score is minus the squared distance over the squared length of what is matched: 0 where the layer cannot tell
    the two apart, -1 for a section of which it says nothing.
    """

    def scores(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return minus the relative squared distance at each position."""
        vectors = wide(activations)
        wanted, energy = self.recall(vectors, window)
        return -(vectors - wanted).square().sum(1) / energy

    def target(self) -> str:
        """Return ``inversion:layer``."""
        return f"inversion:{self.layer}"


@dataclass(frozen=True)
class GramTerm(StatefulTerm):
    """A score of the Gram matrix: of how strongly each two channels fire together, wherever that is.

    Gram matrices are means over all positions. Where a section is looked at in tiles, a first look adds them up, and
    each tile then answers for its share.
    """

    def n_units(self, size: tuple[int, ...]) -> int:
        """Return 1, because the score is of all positions together."""
        return 1

    def of_grams(self, grams: torch.Tensor) -> torch.Tensor:
        """Return the score of Gram matrices ``(picture, channel, channel)``."""
        raise NotImplementedError

    def note(self, activations: torch.Tensor, window: Window) -> None:
        """Add up the Gram matrices."""
        self.memory["grams"] = self.memory.get("grams", 0.0) + _gram(activations, window)

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the score, or the window's share of it with the gradient of the whole."""
        part = _gram(wide(activations), window)
        if activations.shape[-2:] == window.whole_size:
            return self.of_grams(part)
        whole = self.memory["grams"]
        share = activations.shape[-2] * activations.shape[-1] / (window.whole_size[0] * window.whole_size[1])
        # The value of the whole, which follows this part alone.
        return self.of_grams(whole + part - part.detach()) - (1.0 - share) * self.of_grams(whole)


@dataclass(frozen=True)
class Style(GramTerm):
    """Likeness of texture, wherever it is: minus the squared distance of Gram matrices (Gatys, Ecker and Bethge 2015).

    Relative to the wanted matrix: 0 where the style is the guide's, -1 for a section of which the layer says nothing.
    """

    def keep_goal(self) -> None:
        """Take the matrix that was added up for what is wanted."""
        self.memory["goal"] = self.memory.pop("grams")

    def of_grams(self, grams: torch.Tensor) -> torch.Tensor:
        """Return minus the squared distance over the squared length."""
        goal = self.memory["goal"].to(grams)
        return -(grams - goal).square().sum() / goal.square().sum().clamp_min(_TINY)

    def target(self) -> str:
        """Return ``style:layer``."""
        return f"style:{self.layer}"


@dataclass
class DreamBatch:
    """Dreams that run side by side, and what a term that compares them last saw of each.

    Attributes
    ----------
    n_dreams : int
        How many there are.
    turn : int
        The number of the one whose step it is, from 0.
    grams : dict of dict of Tensor
        By term and number, Gram matrices of unit length.
    """

    n_dreams: int = 1
    turn: int = 0
    grams: dict[str, dict[int, torch.Tensor]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Diversity(GramTerm):
    """How much a dream differs from those beside it: minus the mean cosine between its Gram matrix and theirs.

    Of Olah, Mordvintsev and Schubert (2017). -1 where all have the same texture; 0 for the first step of the first,
    which has nothing to differ from yet.

    Attributes
    ----------
    company : Company
        The dreams (`seisdream.dreaming.batch`); one alone has none.
    """

    company: DreamBatch = field(default_factory=DreamBatch, compare=False, repr=False, kw_only=True)

    def bind(self, network: Network) -> Term:
        """Check the layer, and that there are other dreams."""
        if self.company.n_dreams < 2:
            raise SeisdreamError(
                f"'{self.target()}' makes dreams unlike one another, and this one is alone; dream several side by side "
                "(--variants 4, or seisdream.dreaming.batch.dream_variants)."
            )
        return super().bind(network)

    def of_grams(self, grams: torch.Tensor) -> torch.Tensor:
        """Return minus the mean cosine with the other dreams."""
        seen, turn = self.company.grams.setdefault(str(replace(self, weight=1.0)), {}), self.company.turn
        mine = _unit(grams)
        seen[turn] = mine.detach()
        others = [gram for other, gram in seen.items() if other != turn]
        return -torch.stack([(mine * other.to(mine)).sum() for other in others]).mean() if others else 0.0 * mine.sum()

    def target(self) -> str:
        """Return ``diversity:layer``."""
        return f"diversity:{self.layer}"


@dataclass(frozen=True)
class MaskedTerm(Term):
    """Another term, of positions inside a region alone, each by its share in it."""

    of: Term = field(kw_only=True)
    memory: dict[Any, torch.Tensor] = field(default_factory=dict, init=False, compare=False, repr=False)

    def see(self, region: torch.Tensor) -> None:
        """Take in where the region is in the present look, ``(1, 1, row, column)``."""
        self.memory.clear()
        self.memory["region"] = region

    def _shares(self, size: tuple[int, ...]) -> torch.Tensor:
        if size not in self.memory:
            self.memory[size] = torch.nn.functional.adaptive_avg_pool2d(self.memory["region"], (size[0], size[1]))[0]
        return self.memory[size]

    def n_units(self, size: tuple[int, ...]) -> float:
        """Return how many positions are inside."""
        return float(self._shares(size).sum().clamp_min(_TINY))

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the sum of the scores of positions, each times its share."""
        scores = self.of.scores(activations, window)
        rows = slice(window.first_row, window.first_row + scores.shape[-2])
        columns = slice(window.first_column, window.first_column + scores.shape[-1])
        return (scores * self._shares(window.whole_size)[:, rows, columns].to(scores)).sum()

    def target(self) -> str:
        """Return the other term."""
        return self.of.target()


@dataclass(frozen=True)
class ActivationStatistics(Term):
    """How much another term's scores differ from position to position, taken from a look and scored as nothing."""

    of: Term = field(kw_only=True)
    memory: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Add up, and return 0."""
        scores = self.of.scores(activations, window).detach().double()
        for name, sum_ in (("n", scores.numel()), ("first", scores.sum()), ("second", scores.square().sum())):
            self.memory[name] = self.memory.get(name, 0.0) + float(sum_)
        return wide(activations.detach().new_zeros(()))

    def mean_and_deviation(self) -> tuple[float, float]:
        """Return the mean and the standard deviation over positions; of a single position its magnitude instead."""
        n_positions = self.memory["n"]
        mean = self.memory["first"] / n_positions
        if n_positions == 1:
            return mean, abs(mean)
        # What rounding leaves of a difference of squares is none.
        variance = self.memory["second"] / n_positions - mean**2
        return mean, variance**0.5 if variance > 1e-12 * mean**2 else 0.0


def _gram(activations: torch.Tensor, window: Window) -> torch.Tensor:
    """Return the window's part of the mean over positions of all products of two channels, by picture."""
    vectors = activations.flatten(2)
    return vectors @ vectors.mT / (window.whole_size[0] * window.whole_size[1])


def _unit(grams: torch.Tensor) -> torch.Tensor:
    return grams / grams.norm().clamp_min(_TINY)


def _cosine_weighted(vectors: torch.Tensor, others: torch.Tensor, power: float) -> torch.Tensor:
    """Return ``(picture, row, column)`` dot products over channels, times the power of the cosine."""
    product = (vectors * others).sum(1)
    if not power:
        return product
    lengths = (vectors.square().sum(1) * others.square().sum(1)).clamp_min(_TINY).sqrt()
    return product * (product / lengths).clamp_min(_LEAST_COSINE) ** power


def _power(power: float, usual: float) -> str:
    return "" if power == usual else f"^{power!r}"
