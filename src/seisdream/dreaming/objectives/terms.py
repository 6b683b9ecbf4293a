"""Objectives that add and scale like numbers: layers, channels, single units and classes.

The split into objectives, parameterizations, transforms and a render loop follows Lucid (Olah, Mordvintsev and
Schubert 2017, Feature Visualization, Distill).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch

from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.models.output import Activation, class_log_probabilities

Position = tuple[float, float]
"""Down and across, as shares of an image: 0 is its first edge and 1 its last."""


@dataclass(frozen=True)
class Window:
    """The part of a layer's whole output that a tensor holds: first row and column, and the whole size."""

    first_row: int
    first_column: int
    whole_size: tuple[int, ...]

    @property
    def n_positions(self) -> int:
        """Positions of the whole layer."""
        return math.prod(self.whole_size)


class Objective:
    """Something to increase. Objectives combine with ``+``, ``-`` and multiplication by a number."""

    def terms(self) -> tuple[Term, ...]:
        """Return the weighted terms whose scores add up to this objective."""
        raise NotImplementedError

    def __add__(self, other: Objective) -> Objective:
        return Sum(self.terms() + other.terms())

    def __sub__(self, other: Objective) -> Objective:
        return self + (-other)

    def __radd__(self, other: object) -> Objective:
        # `sum(objectives)` starts from 0.
        return self if other == 0 else NotImplemented

    def __mul__(self, factor: float) -> Objective:
        return Sum(tuple(replace(term, weight=term.weight * float(factor)) for term in self.terms()))

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return self * -1.0


@dataclass(frozen=True)
class Sum(Objective):
    """A weighted sum of terms."""

    parts: tuple[Term, ...]

    def terms(self) -> tuple[Term, ...]:
        """Return the parts."""
        return self.parts

    def __str__(self) -> str:
        first, *others = map(str, self.parts)
        return first + "".join(f" - {one[1:]}" if one.startswith("-") else f" + {one}" for one in others)


@dataclass(frozen=True)
class Term(Objective):
    """One score of one layer: a mean over the layer's positions, or the value of one unit.

    A term of your own defines the score of each position (`scores`) or their sum (`total`).

    Attributes
    ----------
    layer : str
        Its name.
    weight : float, default 1
        Factor on the score.
    network : str, default ""
        Name of the network that the layer belongs to, where that is not the dream's own.
    """

    layer: str
    weight: float = field(default=1.0, kw_only=True)
    network: str = field(default="", kw_only=True)
    supports_cubes: ClassVar[bool] = True

    def terms(self) -> tuple[Term, ...]:
        """Return this term alone."""
        return (self,)

    def bind(self, network: Network) -> Term:
        """Check the layer (and channel, class) against a network; raise `SeisdreamError` with near matches."""
        network.layer(self.layer)
        return self

    @property
    def has_scores(self) -> bool:
        """Whether each position has a score of its own."""
        return type(self).scores is not Term.scores

    def n_units(self, size: tuple[int, ...]) -> float:
        """Return over how many positions of a layer of this size the score is a mean."""
        return math.prod(size)

    def scores(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the score of each position, ``(1, *space)``, for ``(1, channel, *space)`` activations."""
        raise NotImplementedError

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the sum of the score over the positions of ``(1, channel, *space)`` activations."""
        return self.scores(activations, window).sum()

    def target(self) -> str:
        """Return the term in objective syntax, without its weight and network."""
        return self.layer

    def __str__(self) -> str:
        target = f"{quoted(self.network)}::{self.target()}" if self.network else self.target()
        return target if self.weight == 1.0 else f"{self.weight!r}*{target}"


@dataclass(frozen=True)
class Layer(Term):
    """The L2 norm of a whole layer: DeepDream (Mordvintsev, Olah and Tyka 2015).

    The score is the mean squared activation; its gradient at the layer is, up to a factor, the activation itself, as in
    the original.
    """

    def scores(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the mean over channels of the squared activations."""
        return to_float(activations).square().sum(1) / activations.shape[1]


@dataclass(frozen=True)
class Channel(Term):
    """The mean of one channel of a layer (Olah, Mordvintsev and Schubert 2017)."""

    channel: int

    def bind(self, network: Network) -> Term:
        """Check that the layer has this channel."""
        n_channels = network.layer(self.layer).n_channels
        if not 0 <= self.channel < n_channels:
            raise SeisdreamError(
                f"Layer '{self.layer}' of {network.name} has no channel {self.channel}; its {n_channels} channels "
                f"are numbered 0 to {n_channels - 1} (seisdream layers {network.name}).",
                code="unknown-name",
                option="layer",
            )
        return self

    def scores(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the channel."""
        return to_float(activations[:, self.channel])

    def target(self) -> str:
        """Return ``layer:channel``."""
        return f"{self.layer}:{self.channel}"


@dataclass(frozen=True)
class Neuron(Channel):
    """One channel of a single unit: the one over a given sample, or at the centre of the network's input.

    After Erhan, Bengio, Courville and Vincent (2009).

    Attributes
    ----------
    channel : int
        Its number.
    at : (int, int), optional
        Sample and trace of the section, counted from 0, that the unit lies over in every octave and after every shift;
        by default the unit at the centre.
    """

    at: tuple[int, int] | None = None
    # Where `at` is in the present input of the network, by "position".
    memory: dict[str, Position] = field(default_factory=dict, init=False, compare=False, repr=False)
    supports_cubes: ClassVar[bool] = False

    def n_units(self, size: tuple[int, ...]) -> int:
        """Return 1."""
        return 1

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the unit's value, 0 where the window does not hold it."""
        rows, columns = window.whole_size
        down, across = self.memory.get("position", (0.5, 0.5))
        row = min(int(down * rows), rows - 1) - window.first_row
        column = min(int(across * columns), columns - 1) - window.first_column
        if not (0 <= row < activations.shape[-2] and 0 <= column < activations.shape[-1]):
            return to_float(activations.new_zeros(()))
        return to_float(activations[:, self.channel, row, column]).sum()

    def target(self) -> str:
        """Return ``layer:channel@neuron`` or ``layer:channel@row,column``."""
        return f"{super().target()}@" + ("neuron" if self.at is None else f"{self.at[0]},{self.at[1]}")


@dataclass(frozen=True)
class ClassLogit(Term):
    """The logit of a class, before the softmax or sigmoid.

    Its mean over positions for a network that labels every sample. After Simonyan, Vedaldi and Zisserman (2014).
    """

    layer: str = field(default="", init=False)
    name: str

    def bind(self, network: Network) -> Term:
        """Look up the class in the network's class names and return the channel of its logits."""
        return Channel(*self._channel(network), weight=self.weight, network=self.network).bind(network)

    def _channel(self, network: Network) -> tuple[str, int]:
        if network.class_layer is None:
            raise SeisdreamError(
                f"{network.name} has no classes; use a layer instead (seisdream layers {network.name}).",
                code="no-labels",
                option="layer",
            )
        return network.class_layer, network.class_index(self.name)

    def target(self) -> str:
        """Return ``class:name``, quoted where the name could be read as a sum."""
        return f"class:{quoted(self.name)}"


@dataclass(frozen=True)
class Probability(ClassLogit):
    """The probability of a class, scored by its natural logarithm, 0 at most; its mean over positions.

    Where the network is certain of another class, the probability has almost no gradient, but its logarithm has. In
    contrast to the logit, it also increases when the logits of other classes decrease, and it stops increasing where
    the network is certain.
    """

    def bind(self, network: Network) -> Term:
        """Look up the class in the network's class names and return the logarithm of its probability."""
        channel = self._channel(network)
        term = _LogProbability(*channel, weight=self.weight, network=self.network, activation=network.class_activation)
        return term.bind(network)

    def target(self) -> str:
        """Return ``probability:name``, quoted where the name could be read as a sum."""
        return f"probability:{quoted(self.name)}"


@dataclass(frozen=True)
class _LogProbability(Channel):
    activation: Activation = "softmax"

    def scores(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        return class_log_probabilities(to_float(activations), self.activation)[:, self.channel]


def to_float(activations: torch.Tensor) -> torch.Tensor:
    """Return activations in a precision in which a whole section can be summed: float32, or float64 as they are."""
    return activations if activations.dtype == torch.float64 else activations.float()


def quoted(name: str) -> str:
    """Return a name in quotation marks where it could be read as a sum, a network or a power."""
    return f'"{name}"' if re.search(r"[+*^]|::|\s-\s|^[-:\s]|[\s]$", name) else name


def bind_objective(
    objective: Objective, network: Network, others: Mapping[str, Network] | None = None
) -> tuple[Term, ...]:
    """Check an objective against its networks and return its terms, classes resolved to channels.

    Parameters
    ----------
    objective : Objective
        What to increase.
    network : Network
        Of the terms that name none.
    others : mapping of Network, optional
        The networks that terms name, by these names.

    Raises
    ------
    SeisdreamError
        If a term names a network that is not there (``not-supported``), or a layer, channel or class that does not
        exist (``unknown-name``).
    """
    others = others or {}
    terms = objective.terms()
    for term in terms:
        if term.network and term.network not in others:
            raise SeisdreamError(
                f"'{term}' belongs to another network than {network.name}; here only one can be used.",
                code="not-supported",
                option="layer",
            )
    return tuple(term.bind(others[term.network] if term.network else network) for term in terms)


def layers_of(terms: Sequence[Term]) -> tuple[str, ...]:
    """Return the names of the layers that the terms need, each once; penalties need none."""
    return tuple(dict.fromkeys(term.layer for term in terms if term.layer))
