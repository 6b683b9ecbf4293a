"""Receptive fields from the operations that computed a layer, as autograd recorded them in one small run.

So branches, skips and functional code are covered as well as modules. After an operation that mixes positions over the
whole image (a spatial mean, attention, group normalisation), or one without a rule, the receptive field is the whole
input.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from torch.autograd.graph import GradientEdge

from seisdream.models.output import kind_of
from seisdream.models.receptive_field_rules import POINTWISE, RULES, Atom, Footprint, Span, WholeInput, aligned

# Operations without a rule for gradients, such as those of quantised layers.
_WITHOUT_GRADIENT = ("WarnNotImplemented", "NotImplemented")


def find_footprint(edge: GradientEdge, image: torch.Tensor, known: dict | None = None) -> Footprint | WholeInput | None:
    """Return how the positions of a tensor relate to those of the image from which it was computed.

    Parameters
    ----------
    edge : GradientEdge
        Of the tensor, from `torch.autograd.graph.get_gradient_edge`.
    image : Tensor
        ``(batch, channel, *space)``, a leaf that requires a gradient.
    known : dict, optional
        Footprints found so far in the same run; it is updated.

    Returns
    -------
    Footprint, WholeInput or None
        `WholeInput` if units depend on the whole input; None if there is no gradient back to the image.
    """
    one = Fraction(1)
    here = Span(one, Fraction(0), Fraction(0))
    batch, n_channels, *space = image.shape
    axes = [(Atom(side, axis),) for axis, side in enumerate(space)]
    start = Footprint(((Atom(batch),), (Atom(n_channels),), *axes), (here,) * len(space))
    known = {} if known is None else known
    target = (edge.node, edge.output_nr)
    # A stack instead of recursion, because graphs can be deeper than Python's recursion limit.
    stack: list[tuple[Any, int]] = [target]
    while stack:
        node, number = stack[-1]
        if (node, number) in known:
            stack.pop()
            continue
        if node.name() == "torch::autograd::AccumulateGrad":
            known[node, number] = start if node.variable is image else None
            continue
        edges = [edge if edge[0] is not None else None for edge in node.next_functions]
        missing = [edge for edge in edges if edge is not None and edge not in known]
        if missing:
            stack += missing
            continue
        sources = [known[edge] if edge is not None else None for edge in edges]
        known[node, number] = _after(node, number, sources)
    return known[target]


def _after(node: Any, number: int, sources: Sequence[Footprint | WholeInput | None]):
    """Return the footprint after one operation from those of its operands (None: not from the image)."""
    if any(isinstance(source, WholeInput) for source in sources):
        return WholeInput()
    present = [source for source in sources if isinstance(source, Footprint)]
    if not present:
        return None
    if isinstance(node, torch.autograd.function.BackwardCFunction):
        return WholeInput()  # a function written in Python: its name is not a rule
    kind = kind_of(node)
    if kind in _WITHOUT_GRADIENT:
        return None
    try:
        shape = tuple(node._input_metadata[number].shape)
        if kind in POINTWISE:
            return aligned(present, shape)
        if kind in RULES:
            return RULES[kind](node, sources, shape)
        return WholeInput()
    except WholeInput as whole:
        return whole
    except Exception:
        return WholeInput()  # another version of torch, or an unusual call, stores other attributes
