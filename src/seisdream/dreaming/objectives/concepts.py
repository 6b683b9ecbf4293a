"""From concepts in an objective to their directions, which a file holds."""

from __future__ import annotations

from pathlib import Path

from seisdream.dreaming.objectives.feature_matching import Concept, Direction
from seisdream.dreaming.objectives.terms import Objective, Sum, Term
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.results.concept_result import DIRECTIONS, ConceptResult, load_concepts


def name_directions(objective: Objective, folder: str, network: Network) -> Objective:
    """Return an objective with the directions of its concepts, as files in a folder.

    Parameters
    ----------
    objective : Objective
        Some terms of which may be `Concept`.
    folder : str
        Of `seisdream concepts`.
    network : Network
        The dream's own, which the concepts are of.

    Raises
    ------
    SeisdreamError
        If a concept does not exist or is of another layer (``unknown-name``), the concepts are of another network
        (``incompatible``), or the folder holds none (``not-ours``).
    """
    if not any(isinstance(term, Concept) for term in objective.terms()):
        return objective
    result = load_concepts(folder, network)
    terms = [_direction(term, result, folder) if isinstance(term, Concept) else term for term in objective.terms()]
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def _direction(term: Concept, result: ConceptResult, folder: str) -> Term:
    if term.network:
        raise SeisdreamError(
            f"'{term}' belongs to another network than the dream's own; concepts are of the dream's own network.",
            code="not-supported",
            option="layer",
        )
    if term.layer != result.layer:
        raise SeisdreamError(
            f"The concepts in {folder} are of layer '{result.layer}', not of '{term.layer}'; write "
            f"concept:{result.layer}/{term.concept}.",
            code="unknown-name",
            option="layer",
        )
    file = f"{Path(folder) / DIRECTIONS}#{result.number_of(term.concept)}"
    return Direction(term.layer, file, term.power, weight=term.weight, network=term.network)
