"""The score's gradient on the picture, whole or in tiles that give the same answer.

Each tile is looked at with enough of its surroundings (the receptive field) that the layer's units over its
core are exactly those of the whole picture. The tiles' gradients are summed before a step is taken, so no seam
can form; only one tile's activations are in memory at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seisdream.errors import SeisdreamError
from seisdream.models.network import Network

Size = tuple[int, int]

# Below this many samples a picture is looked at whole unless tiles are asked for.
AUTO_TILE_THRESHOLD = 2_000_000
AUTO_TILE_SIZE = 1024


@dataclass(frozen=True)
class Tile:
    """A core that the tile answers for and the window of the picture that is looked at, as half-open ranges."""

    core_rows: tuple[int, int]
    core_columns: tuple[int, int]
    window_rows: tuple[int, int]
    window_columns: tuple[int, int]


@dataclass(frozen=True)
class Halo:
    """How far a set of layers sees: what tiles must respect.

    Attributes
    ----------
    alignment : (int, int)
        Cores and windows start at multiples of this, so that every stride on the way lands as on the whole.
    halo : (int, int)
        Samples of surroundings on each side, multiples of `alignment`.
    """

    alignment: Size
    halo: Size


def receptive_halo(network: Network, layers: Sequence[str]) -> Halo:
    """Return how far the layers see.

    Raises
    ------
    SeisdreamError
        If a layer's unit depends on the whole input (a classifier's logits, attention, group normalisation),
        so that no tile can give the same answer.
    """
    alignment, halo = [1, 1], [0, 0]
    names = list(network.layers)
    deepest = max(names.index(layer) for layer in layers)
    for name in names[: deepest + 1]:
        info = network.layers[name]
        if info.stride is not None:
            alignment = [math.lcm(a, max(1, math.ceil(s))) for a, s in zip(alignment, info.stride, strict=True)]
    for layer in layers:
        info = network.layer(layer)
        if info.receptive_field is None or info.stride is None or info.start is None:
            raise cannot_tile(network, f"a unit of '{layer}' sees the whole section")
        if any(stride < 1 or stride != round(stride) for stride in info.stride):
            raise cannot_tile(network, f"the units of '{layer}' do not lie a whole number of samples apart")
        for axis in (0, 1):
            reach = info.receptive_field[axis] / 2 + abs(info.start[axis]) + info.stride[axis]
            halo[axis] = max(halo[axis], math.ceil(reach / alignment[axis]) * alignment[axis])
    return Halo((alignment[0], alignment[1]), (halo[0], halo[1]))


def cannot_tile(network: Network, why: str) -> SeisdreamError:
    """Return the error of a network that can't be run in tiles."""
    return SeisdreamError(
        f"{network.name} cannot be dreamed in tiles here: {why}. Use --tile 0 (it needs memory for the whole section), "
        f"or another layer (seisdream layers {network.name})."
    )


def plan_tiles(size: Size, tile: int, reach: Halo) -> list[Tile]:
    """Cut a picture into tiles whose cores cover it once.

    Parameters
    ----------
    size : (int, int)
        Rows and columns of the picture.
    tile : int
        Side of a core in samples, rounded up to the alignment.
    reach : Reach
        From `receptive_halo`.
    """
    rows = list(_cut(size[0], tile, reach.alignment[0], reach.halo[0]))
    columns = list(_cut(size[1], tile, reach.alignment[1], reach.halo[1]))
    return [
        Tile(core_rows, core_columns, window_rows, window_columns)
        for core_rows, window_rows in rows
        for core_columns, window_columns in columns
    ]


def _cut(n_samples: int, tile: int, alignment: int, halo: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    core = max(1, math.ceil(tile / alignment)) * alignment
    for start in range(0, n_samples, core):
        stop = min(start + core, n_samples)
        yield (start, stop), (max(0, start - halo), min(n_samples, stop + halo))
