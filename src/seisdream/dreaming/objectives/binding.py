"""From the terms of an objective to the networks that they belong to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from seisdream.dreaming.objectives.feature_matching import Direction
from seisdream.dreaming.objectives.terms import Channel, Objective, Term, layers_of
from seisdream.models.network import Network
from seisdream.models.registry import load_network


@dataclass(frozen=True)
class BoundObjective:
    """The terms of an objective that belong to one network.

    Attributes
    ----------
    name : str
        Name of the network in the terms; empty for the dream's own.
    network : Network
        The network.
    terms : tuple of Term
        Bound to it.
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
    """Return bound terms by network, without penalties."""
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
    given: Mapping[str, Network] | None,
    *,
    trusted: Collection[str] | None = None,
) -> dict[str, Network]:
    """Return the networks that terms name: those given, the dream's own, or loaded by their names.

    Parameters
    ----------
    objective : Objective
        Whose terms name networks.
    network : Network
        The dream's own.
    given : mapping of Network, optional
        Further networks by the names that terms use.
    trusted : collection of str, optional
        Networks that may be Python code where the names come from a file; by default all.

    Raises
    ------
    SeisdreamError
        If there is no network of that name.
    """
    given = given or {}
    names = dict.fromkeys(term.network for term in objective.terms() if term.network)
    return {
        name: given[name]
        if name in given
        else network
        if name == network.name
        else load_network(name, trust_code=trusted is None or name in trusted)
        for name in names
    }


def terms_of_one_layer(objectives: Sequence[Sequence[BoundObjective]]) -> list[Term] | None:
    """Return the terms of dreams that each have one, a channel or a direction of the same layer; else None."""
    terms = [one.terms[0] for dream in objectives for one in dream if len(one.terms) == 1 and not one.name]
    is_plain = len(terms) == len(objectives) and all(
        len(dream) == 1 and type(term) in (Channel, Direction) and term.weight == 1.0
        for dream, term in zip(objectives, terms, strict=True)
    )
    return terms if is_plain and len({term.layer for term in terms}) == 1 else None
