"""The score of a whole objective and its gradient at one look: of every network that is asked, and of the penalties."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from seisdream.dreaming.objectives.feature_matching import (
    ActivationStatistics,
    CaptureTerm,
    GramTerm,
    Guide,
    MaskedTerm,
    PairedActivationTerm,
    StatefulTerm,
    Style,
)
from seisdream.dreaming.objectives.terms import Layer, Neuron, Objective, Term, layers_of
from seisdream.dreaming.octaves import Size
from seisdream.dreaming.regularizers import Penalties
from seisdream.dreaming.tiled_gradient import Gradient
from seisdream.dreaming.transforms import Transform
from seisdream.dreaming.zoom import zoomed
from seisdream.errors import SeisdreamError
from seisdream.inference.resize import resize
from seisdream.inference.tensors import as_array, to_image_tensor
from seisdream.inference.tiling import Halo
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import load_network


@dataclass(frozen=True)
class BoundObjective:
    """One of the networks that an objective asks.

    Attributes
    ----------
    name : str
        As terms name it; empty for the dream's own.
    network : Network
        The network.
    terms : tuple of Term
        What it is asked, bound to it.
    """

    name: str
    network: Network
    terms: tuple[Term, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that the terms need."""
        return layers_of(self.terms)


def group_by_network(
    terms: Sequence[Term], network: Network, others: Mapping[str, Network]
) -> tuple[BoundObjective, ...]:
    """Return what each network is asked, penalties left out; terms are bound already."""
    of_layers = [term for term in terms if term.layer]
    return tuple(
        BoundObjective(
            name,
            others[name] if name else network,
            tuple(term for term in of_layers if term.network == name),
        )
        for name in dict.fromkeys(term.network for term in of_layers)
    )


def open_networks(
    objective: Objective,
    network: Network,
    given: Mapping[str, Network] | None = None,
    trusted: Collection[str] | None = None,
) -> dict[str, Network]:
    """Return the networks that terms name: those given, the dream's own, or loaded by their names.

    Names in `trusted` may be Python code; None trusts all, because the user wrote the objective.

    Raises
    ------
    SeisdreamError
        If there is no network of that name, or it is Python code that is not trusted.
    """
    names = dict.fromkeys(term.network for term in objective.terms() if term.network)
    known = {network.name: network, **(given or {})}
    return {
        name: known.get(name) or load_network(name, trust_code=trusted is None or name in trusted) for name in names
    }


class ObjectiveEvaluator:
    """The score and its gradient, at looks at a picture of any octave.

    Parameters
    ----------
    asked : sequence of Asked
        The networks and their terms.
    reaches : sequence of Reach or None
        For each of them, as `seisdream.inference.tiling.Gradient` takes it.
    tile : int
        Side of a tile in samples, 0: none.
    penalties : Penalties
        Terms of the section itself.
    first : Tensor
        The section as the dream starts, ``(1, channel, row, column)`` in grey levels.
    device, precision : str
        Resolved.
    guide : Tensor, optional
        The guide's picture; caricature, inversion and style compare with it, by default with `first`.
    region : Tensor, optional
        ``(1, 1, row, column)``: where the objective counts, 0 to 1.
    """

    def __init__(
        self,
        asked: Sequence[BoundObjective],
        reaches: Sequence[Halo | None],
        tile: int,
        penalties: Penalties,
        first: torch.Tensor,
        *,
        device: str = "cpu",
        precision: str = "float32",
        guide: torch.Tensor | None = None,
        region: torch.Tensor | None = None,
    ):
        self._penalties, self._first, self._region = penalties, first, region
        self._size = (first.shape[-2], first.shape[-1])
        is_same_size = guide is not None and guide.shape[-2:] == first.shape[-2:]
        self._facing = guide if guide is not None and is_same_size else first
        self._style = first if guide is None else guide
        # Networks answer in units of their own: with several, each answer is measured in its spread over the section.
        is_compared = any(one.name for one in asked)
        self._questions = [
            _NetworkTerms(
                one, one.network.prepared(device, precision), tile, reach, guide, is_inside=region is not None
            )
            for one, reach in zip(asked, reaches, strict=True)
        ]
        if is_compared:
            for question in self._questions:
                question.standardize(first, self._facing)

    def zoom_in(self, zoom: float) -> None:
        """Follow the section where its middle is enlarged."""
        self._first, self._facing = _zoomed(self._first, zoom), _zoomed(self._facing, zoom)
        if self._region is not None:
            self._region = _zoomed(self._region, zoom)

    def __call__(self, picture: torch.Tensor, glance: Transform) -> tuple[float, torch.Tensor]:
        """Return the score of a picture at a look, and its gradient there, shaped as the picture."""
        size = (picture.shape[-2], picture.shape[-1])
        if glance.change is None:
            seen = glance.look(picture)
            score, uphill = self._ask(seen, glance, size)
            uphill = glance.shift.adjoint(uphill)
        else:
            leaf = picture.detach().requires_grad_(True)
            seen = glance.look(leaf)
            score, over_seen = self._ask(seen.detach(), glance, size)
            (uphill,) = torch.autograd.grad(seen, leaf, over_seen)
        if not self._penalties.terms:
            return score, uphill
        penalty, against = self._penalties(picture, resize(self._first.to(picture), size))
        return score + penalty, uphill + against

    def _ask(self, seen: torch.Tensor, glance: Transform, size: Size) -> tuple[float, torch.Tensor]:
        total, uphill = 0.0, None
        for question in self._questions:
            for neuron in question.neurons:
                assert neuron.at is not None
                down, across = ((at + 0.5) / n_samples for at, n_samples in zip(neuron.at, self._size, strict=True))
                neuron.memory["place"] = glance.find((down, across), size)
            if question.facing:
                question.face(glance.look(resize(self._facing.to(seen), size)))
            if question.styles and question.style_size != size:
                scale = [of_look / whole for of_look, whole in zip(size, self._size, strict=True)]
                style = self._style.to(seen)
                like = (max(1, round(style.shape[-2] * scale[0])), max(1, round(style.shape[-1] * scale[1])))
                question.set_style(resize(style, like), size)
            if self._region is not None:
                region = glance.look_at_region(resize(self._region.to(seen), size))
                for term in question.inside:
                    term.see(region)
            score, gradient = question(seen)
            total, uphill = total + score, gradient if uphill is None else uphill + gradient
        return total, torch.zeros_like(seen) if uphill is None else uphill


class _NetworkTerms:
    """What one network is asked, with what its terms have to be told before."""

    def __init__(
        self,
        asked: BoundObjective,
        network: PreparedNetwork,
        tile: int,
        reach: Halo | None,
        guide: torch.Tensor | None,
        *,
        is_inside: bool,
    ):
        self._network, self._tile, self._reach = network, tile, reach
        # Copies, so that two dreams of one objective do not share what its terms were told.
        self._terms = tuple(replace(term) for term in asked.terms)
        if guide is not None:
            self._terms = bind_guide(self._terms, network, guide)
        self._offset, self._is_inside = 0.0, is_inside
        self.style_size: Size | None = None
        self._prepare()

    def _prepare(self) -> None:
        self.neurons = [term for term in self._terms if isinstance(term, Neuron) and term.at is not None]
        self.facing = [term for term in self._terms if isinstance(term, PairedActivationTerm)]
        self.styles = [term for term in self._terms if isinstance(term, Style)]
        self._of_grams = [term for term in self._terms if isinstance(term, GramTerm)]
        self.inside = [MaskedTerm(term.layer, of=term, weight=term.weight) for term in self._terms if self._is_inside]
        self._gradient = self._gradient_of(self.inside or self._terms)
        self._at_faced, self._at_style, self._at_now = (
            self._gradient_of([CaptureTerm(term.layer, of=term) for term in terms])
            for terms in (self.facing, self.styles, self._of_grams)
        )

    def _gradient_of(self, terms: Sequence[Term]) -> Gradient:
        return Gradient(self._network, tuple(terms), self._tile, self._reach)

    def __call__(self, seen: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Return the score of what is seen, and its gradient there."""
        if self._of_grams and self._tile:
            for term in self._of_grams:
                term.memory.pop("grams", None)
            _look_first(self._at_now, seen)
        score, uphill = self._gradient(seen)
        return score - self._offset, uphill

    def face(self, seen: torch.Tensor) -> None:
        """Tell terms that compare position by position what they compare with."""
        for term in self.facing:
            term.memory.clear()
        _look_first(self._at_faced, seen)

    def set_style(self, picture: torch.Tensor, size: Size) -> None:
        """Tell terms of style what they want in octaves of a size."""
        self.style_size = size
        for term in self.styles:
            term.memory.clear()
        _look_first(self._at_style, picture)
        for term in self.styles:
            term.keep_goal()

    def standardize(self, first: torch.Tensor, faced: torch.Tensor) -> None:
        """Measure each term in standard deviations over the positions of a picture, from its mean there."""
        if self.facing:
            self.face(faced)
        spreads = {
            place: ActivationStatistics(term.layer, of=term)
            for place, term in enumerate(self._terms)
            if not isinstance(term, StatefulTerm)
        }
        _look_first(self._gradient_of(list(spreads.values())), first)
        terms = list(self._terms)
        for place, spread in spreads.items():
            mean, deviation = spread.mean_and_deviation()
            if not deviation > 0:
                raise SeisdreamError(
                    f"'{spread.of}' is {mean:g} all over the section, so there is no spread to compare networks by; "
                    "ask another layer, or one network alone."
                )
            self._offset += spread.of.weight * mean / deviation
            terms[place] = replace(spread.of, weight=spread.of.weight / deviation)
        self._terms = tuple(terms)
        self._prepare()


def bind_guide(terms: Sequence[Term], network: PreparedNetwork, guide: torch.Tensor) -> tuple[Term, ...]:
    """Return terms whose whole layers are to become like those of a guide, a picture."""
    layers = tuple(dict.fromkeys(term.layer for term in terms if isinstance(term, Layer)))
    if not layers:
        return tuple(terms)
    with torch.no_grad():
        recorded = network.record(guide, layers)
    return tuple(
        Guide(term.layer, recorded[term.layer].float()[0].flatten(1).T, weight=term.weight, network=term.network)
        if isinstance(term, Layer)
        else term
        for term in terms
    )


def _look_first(gradient: Gradient, picture: torch.Tensor) -> None:
    """Look without a gradient, for the sake of what terms note."""
    if gradient.terms:
        with torch.no_grad():
            gradient(picture.detach())


def _zoomed(picture: torch.Tensor, zoom: float) -> torch.Tensor:
    return to_image_tensor(zoomed(as_array(picture), zoom), clip=False, device=str(picture.device))
