"""What part of a picture one unit of a network can depend on, read from the operations that computed it.

The operations are those that autograd recorded during one small run, so nothing is guessed from a module's class:
branches, skips and functional code count as much as modules do. An operation that mixes positions over the whole
picture (a spatial mean, attention, group normalisation), or one that is not known here, makes the answer "the
whole input".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from torch.autograd.graph import GradientEdge

from seisdream.models.receptive_field_rules import POINTWISE, RULES, Atom, Footprint, Span, WholeInput, aligned


def footprint_of(edge: GradientEdge, picture: torch.Tensor, seen: dict | None = None) -> Footprint | None:
    """Return how a tensor lies over the picture that it was computed from.

    Parameters
    ----------
    edge : GradientEdge
        Of the tensor, from `torch.autograd.graph.get_gradient_edge`.
    picture : Tensor
        ``(batch, channel, row, column)``, a leaf that requires a gradient.
    seen : dict, optional
        Keeps what is found, for more questions about the same run.

    Returns
    -------
    Footprint or None
        None where units depend on the whole input, or not on the picture at all.
    """
    one = Fraction(1)
    here = Span(one, Fraction(0), Fraction(0))
    batch, n_channels, rows, columns = picture.shape
    start = Footprint(((Atom(batch),), (Atom(n_channels),), (Atom(rows, 0),), (Atom(columns, 1),)), (here, here))
    seen = {} if seen is None else seen
    asked = (edge.node, edge.output_nr)
    # Graphs can be deeper than Python's recursion, so the walk keeps its own stack.
    stack: list[tuple[Any, int]] = [asked]
    while stack:
        node, number = stack[-1]
        if (node, number) in seen:
            stack.pop()
            continue
        if node.name() == "torch::autograd::AccumulateGrad":
            seen[node, number] = start if node.variable is picture else None
            continue
        edges = [edge if edge[0] is not None else None for edge in node.next_functions]
        missing = [edge for edge in edges if edge is not None and edge not in seen]
        if missing:
            stack += missing
            continue
        sources = [seen[edge] if edge is not None else None for edge in edges]
        seen[node, number] = _after(node, number, sources)
    found = seen[asked]
    return found if isinstance(found, Footprint) else None


def _after(node: Any, number: int, sources: Sequence[Footprint | WholeInput | None]):
    """Return the footprint after one operation, from those of its operands (None: not from the picture)."""
    if any(isinstance(source, WholeInput) for source in sources):
        return WholeInput()
    present = [source for source in sources if isinstance(source, Footprint)]
    if not present:
        return None
    kind = re.sub(r"Backward\d*$", "", node.name().removeprefix("torch::autograd::"))
    shape = tuple(node._input_metadata[number].shape)
    if isinstance(node, torch.autograd.function.BackwardCFunction):
        return WholeInput()  # written in Python: its name says nothing of what it does
    try:
        if kind in POINTWISE:
            return aligned(present, shape)
        if kind in RULES:
            return RULES[kind](node, sources, shape)
        return WholeInput()
    except WholeInput as whole:
        return whole
    except AttributeError:
        return WholeInput()  # another version of torch keeps other things
