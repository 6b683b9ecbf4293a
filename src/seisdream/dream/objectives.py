"""What to ask of a network: objectives that add and scale like numbers, and their little language.

The split into objectives, parameterizations, transforms and a render loop follows Lucid (Olah, Mordvintsev and
Schubert 2017, Feature Visualization, Distill).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch

from seisdream.errors import SeisdreamError, nearest
from seisdream.nets.network import Network


@dataclass(frozen=True)
class Window:
    """The part of a layer's whole output that a tensor holds: first row and column, and the whole size."""

    first_row: int
    first_column: int
    whole_size: tuple[int, int]


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
        text = " + ".join(str(part) for part in self.parts)
        return text.replace("+ -", "- ")


@dataclass(frozen=True)
class Term(Objective):
    """One score of one layer: a mean over the layer's positions (or the value of one unit)."""

    layer: str
    weight: float = field(default=1.0, kw_only=True)

    def terms(self) -> tuple[Term, ...]:
        """Return this term alone."""
        return (self,)

    def bind(self, network: Network) -> Term:
        """Check the layer (and channel, class) against a network; raise `SeisdreamError` with near matches."""
        network.layer(self.layer)
        return self

    def n_units(self, size: tuple[int, int]) -> int:
        """Return over how many positions of a layer of this size the score is a mean."""
        return size[0] * size[1]

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the sum of the score over the positions of ``(1, channel, row, column)`` activations."""
        raise NotImplementedError

    def target(self) -> str:
        """Return the term in the little language, without its weight."""
        return self.layer

    def __str__(self) -> str:
        return self.target() if self.weight == 1.0 else f"{self.weight!r}*{self.target()}"


@dataclass(frozen=True)
class Layer(Term):
    """The L2 norm of a whole layer: DeepDream (Mordvintsev, Olah and Tyka 2015).

    The score is the mean squared activation; its gradient at the layer is, but for a factor, the activation
    itself, as in the original.
    """

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the sum over positions of the mean over channels of the squared activations."""
        return activations.float().square().sum() / activations.shape[1]


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
                f"are numbered 0 to {n_channels - 1} (seisdream layers {network.name})."
            )
        return self

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the sum over positions of the channel."""
        return activations[:, self.channel].float().sum()

    def target(self) -> str:
        """Return ``layer:channel``."""
        return f"{self.layer}:{self.channel}"


@dataclass(frozen=True)
class Neuron(Channel):
    """One channel at the centre of the layer: a single unit."""

    def n_units(self, size: tuple[int, int]) -> int:
        """Return 1."""
        return 1

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the centre unit's value, 0 where the window does not hold it."""
        row = window.whole_size[0] // 2 - window.first_row
        column = window.whole_size[1] // 2 - window.first_column
        if not (0 <= row < activations.shape[-2] and 0 <= column < activations.shape[-1]):
            return activations.new_zeros((), dtype=torch.float32)
        return activations[:, self.channel, row, column].float().sum()

    def target(self) -> str:
        """Return ``layer:channel@neuron``."""
        return f"{super().target()}@neuron"


@dataclass(frozen=True)
class Class(Term):
    """The logit of a class, before the softmax; its mean over positions for a network that labels every sample."""

    layer: str = field(default="", init=False)
    name: str

    def bind(self, network: Network) -> Term:
        """Look up the class in the network's class names and return the channel of its logits."""
        if network.class_layer is None:
            raise SeisdreamError(
                f"{network.name} has no classes to ask for; ask for a layer instead (seisdream layers {network.name})."
            )
        channel = network.class_index(self.name)
        return Channel(network.class_layer, channel, weight=self.weight).bind(network)

    def target(self) -> str:
        """Return ``class:name``, quoted where the name could be taken for a sum."""
        return f'class:"{self.name}"' if re.search(r"[+*]|\s-\s", self.name) else f"class:{self.name}"


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

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the sum over positions of the largest dot product."""
        vectors = activations.float()[0].flatten(1).T
        if vectors.shape[1] != self.features.shape[1]:
            raise SeisdreamError(
                f"The guide has {self.features.shape[1]} channels at '{self.layer}', the dream {vectors.shape[1]}; "
                "make both with the same network."
            )
        features = self.features.to(vectors.device)
        # In chunks, and without a graph: all pairs of positions at once would be the square of the section.
        chunk = max(1, 2**24 // len(features))
        with torch.no_grad():
            best = torch.cat([(part @ features.T).argmax(dim=1) for part in vectors.split(chunk)])
        return (vectors * features[best]).sum()

    def target(self) -> str:
        """Return the layer; the guide itself is named by ``--guide``."""
        return self.layer


_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_WEIGHTED = re.compile(rf"^(?P<sign>[-+]?)\s*(?:(?P<weight>{_NUMBER})\s*\*\s*)?(?P<target>.+)$", re.DOTALL)


def parse_objective(text: str) -> Objective:
    """Read an objective from the little language.

    Parameters
    ----------
    text : str
        ``layer`` (L2 norm), ``layer:12`` (mean of a channel), ``layer:12@neuron`` (its centre unit),
        ``class:salt``, ``penalty:tv`` (of the section itself), and sums and differences of them with weights:
        ``0.7*enc2 - 0.3*enc4:5``. A minus sign between terms stands between spaces, because names may hold hyphens; a
        class name that holds a sign is quoted, ``class:"slope + fan"``.

    Raises
    ------
    SeisdreamError
        If the text is not of this form.

    Examples
    --------
    >>> str(parse_objective("0.7*enc2 - 0.3*enc4:5"))
    '0.7*enc2 - 0.3*enc4:5'
    """
    # Signs between quotes belong to a name.
    words = [""]
    for quoted, sign, other in re.findall(r'("[^"]*")|(\s*\+\s*|\s+-\s+)|(.)', text.strip(), re.DOTALL):
        if sign:
            words += [sign.strip(), ""]
        else:
            words[-1] += quoted or other
    objective = _parse_term(words[0], text)
    for sign, word in zip(words[1::2], words[2::2], strict=True):
        term = _parse_term(word, text)
        objective = objective + term if sign == "+" else objective - term
    return objective


def _parse_term(word: str, whole: str) -> Objective:
    match = _WEIGHTED.match(word.strip())
    if not match or "*" in re.sub(r'"[^"]*"', "", match["target"]):
        raise SeisdreamError(
            f"Cannot read '{word}' in the objective '{whole}'; write LAYER, LAYER:CHANNEL, LAYER:CHANNEL@neuron, "
            "class:NAME or penalty:NAME, with weights and sums such as '0.7*enc2 - 0.3*enc4:5'."
        )
    if match["weight"] and float(match["weight"]) == 0:
        raise SeisdreamError(
            f"'{word}' in the objective '{whole}' has no weight, so nothing to increase; leave it out."
        )
    weight = float(match["weight"] or 1.0) * (-1.0 if match["sign"] == "-" else 1.0)
    return _parse_target(match["target"].strip(), whole) * weight


def _parse_target(target: str, whole: str) -> Term:
    if target.startswith("class:"):
        name = target.removeprefix("class:").strip().strip('"')
        if not name:
            raise SeisdreamError(f"'class:' in the objective '{whole}' names no class; write class:NAME.")
        return Class(name)
    if target.startswith("penalty:"):
        return _parse_penalty(target.removeprefix("penalty:").strip(), whole)
    name, at, unit = target.partition("@")
    layer, colon, channel = name.rpartition(":")
    if not colon:
        layer = name
    if (at and unit != "neuron") or (at and not colon) or (colon and not channel.isdecimal()) or not layer:
        raise SeisdreamError(
            f"Cannot read '{target}' in the objective '{whole}'; a channel is a number (LAYER:12) and a unit is "
            "LAYER:12@neuron."
        )
    if at:
        return Neuron(layer, int(channel))
    return Channel(layer, int(channel)) if colon else Layer(layer)


def _parse_penalty(name: str, whole: str) -> Term:
    # Here, because penalties are terms too and build on this module.
    from seisdream.dream.regularisers import PENALTIES

    if name not in PENALTIES:
        near = nearest(name, PENALTIES) or list(PENALTIES)
        raise SeisdreamError(
            f"There is no penalty '{name}' (in the objective '{whole}'); did you mean {', '.join(near)}?"
        )
    return PENALTIES[name]()


def bind_objective(objective: Objective, network: Network) -> tuple[Term, ...]:
    """Check an objective against a network and return its terms, classes resolved to channels."""
    return tuple(term.bind(network) for term in objective.terms())


def layers_of(terms: Sequence[Term]) -> tuple[str, ...]:
    """Return the names of the layers that the terms need, each once; penalties need none."""
    return tuple(dict.fromkeys(term.layer for term in terms if term.layer))
