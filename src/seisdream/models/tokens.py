"""The tokens of transformers: class token, registers, and patches that form a grid of rows and columns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from seisdream.errors import SeisdreamError

Size = tuple[int, int]

# Patches may be merged by these factors since the last layer whose grid is known.
_MERGED = (1, 2, 4, 8)
# More tokens than these before the patches are not class token and registers.
_MOST_PREFIX_TOKENS = 16
# The first words of the names of parameters that hold one token.
_CLASS_TOKENS = ("cls", "class_token", "class_emb")
_DISTILLATION_TOKENS = ("dist_token", "distillation")


class TokenPart(NamedTuple):
    """Some tokens of a sequence: their first, the one after their last (None: to the end), and if they form a grid."""

    first: int = 0
    stop: int | None = None
    is_grid: bool = False


@dataclass(frozen=True)
class Grid:
    """Rows and columns of the units of a layer.

    Attributes
    ----------
    shapes : tuple of (int, int)
        Rows and columns, for each size of the input that was tried.
    stride, start : (float, float)
        As in `LayerInfo`.
    """

    shapes: tuple[Size, ...]
    stride: tuple[float, float]
    start: tuple[float, float]

    def merged(self, factor: int) -> Grid:
        """Return the grid after neighbouring units were merged along both axes."""
        shapes = tuple((math.ceil(rows / factor), math.ceil(columns / factor)) for rows, columns in self.shapes)
        stride = self.stride[0] * factor, self.stride[1] * factor
        start = tuple(first + (factor - 1) * step / 2 for first, step in zip(self.start, self.stride, strict=True))
        return Grid(shapes, stride, (start[0], start[1]))


def find_patches(counts: Sequence[int], grids: Sequence[Grid]) -> tuple[Grid, int] | None:
    """Return the grid of the patches in a sequence, and how many tokens come before them.

    Parameters
    ----------
    counts : sequence of int
        Tokens of the sequence, for each size of the input that was tried.
    grids : sequence of Grid
        Of the layers before it.

    Returns
    -------
    (Grid, int) or None
        None if the number of tokens does not follow from any of the grids.
    """
    found = []
    for grid, factor in itertools.product(reversed(grids), _MERGED):
        merged = grid.merged(factor)
        before = {count - math.prod(shape) for count, shape in zip(counts, merged.shapes, strict=True)}
        if len(before) == 1 and 0 <= min(before) <= _MOST_PREFIX_TOKENS:
            found.append((min(before), merged))
    if not found:
        return None
    n_before, grid = min(found, key=lambda one: one[0])
    return grid, n_before


def prefix_parts(module: nn.Module, n_tokens: int) -> dict[str, TokenPart]:
    """Return the tokens before the patches by name: class token, distillation token, and registers.

    What they are follows from the names of the network's parameters. A single token is that of the class.
    """
    names = [name.rpartition(".")[2] for name, _ in module.named_parameters()]
    parts = {}
    n_named = 0
    for part, beginnings in (("class", _CLASS_TOKENS), ("distillation", _DISTILLATION_TOKENS)):
        is_class = part == "class" and n_tokens == 1
        if n_named < n_tokens and (is_class or any(name.startswith(beginnings) for name in names)):
            parts[part] = TokenPart(n_named, n_named + 1)
            n_named += 1
    if n_named < n_tokens:
        parts["registers"] = TokenPart(n_named, n_tokens)
    return parts


def take_tokens(sequence: torch.Tensor, part: TokenPart, stride: tuple[float, float] | None, size: Size):
    """Return some tokens of a sequence ``(batch, token, channel)``; a grid as ``(batch, row, column, channel)``.

    Raises
    ------
    SeisdreamError
        If the tokens of a grid do not fill rows and columns of patches on an input of this size (``network-failed``).
    """
    tokens = sequence[:, part.first : part.stop]
    if not part.is_grid or stride is None:
        return tokens
    exact = [side / step for side, step in zip(size, stride, strict=True)]
    for down, across in (
        (math.floor, math.floor),
        (math.ceil, math.ceil),
        (math.floor, math.ceil),
        (math.ceil, math.floor),
    ):
        shape = down(exact[0]), across(exact[1])
        if math.prod(shape) == tokens.shape[1]:
            return tokens.unflatten(1, shape)
    raise SeisdreamError(
        f"The layer has {tokens.shape[1]} tokens, which do not fill a grid of patches {stride[0]:g} × {stride[1]:g} "
        f"samples apart on {size[0]} × {size[1]} samples; use another `layer`.",
        code="network-failed",
        option="layer",
    )


def replace_tokens(sequence: torch.Tensor, part: TokenPart, tokens: torch.Tensor) -> torch.Tensor:
    """Return a sequence ``(batch, token, channel)`` with other values of some tokens."""
    after = [] if part.stop is None else [sequence[:, part.stop :]]
    return torch.cat([sequence[:, : part.first], tokens, *after], dim=1)
