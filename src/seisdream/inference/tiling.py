"""Tiles of a section that give the same activations as the whole section.

A tile is computed together with a halo as wide as the receptive field, so that the units over its core are those of
the whole section. Only one tile's activations are in memory at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork

Size = tuple[int, int]

AUTO_TILE_THRESHOLD = 2_000_000
"""Samples above which a section is computed in tiles by default."""
AUTO_TILE_SIZE = 1024
"""Side of a tile in samples by default."""
# Largest difference between activations of tiles and of the whole, as a share of their standard deviation.
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Tile:
    """A core, and the window of the section that is computed for it, as half-open ranges of rows and columns."""

    core_rows: tuple[int, int]
    core_columns: tuple[int, int]
    window_rows: tuple[int, int]
    window_columns: tuple[int, int]


@dataclass(frozen=True)
class Halo:
    """The surroundings that tiles need for some layers.

    Attributes
    ----------
    alignment : tuple of int
        Along each axis, cores and windows start at multiples of this many samples, so that strides fall as on the
        whole.
    halo : tuple of int
        Samples of surroundings on each side, multiples of `alignment`.
    """

    alignment: tuple[int, ...]
    halo: tuple[int, ...]


class Tiling(NamedTuple):
    """How a section is computed.

    Attributes
    ----------
    tile : int
        Side of a tile's core in samples; 0: the whole section at once.
    halo : Halo or None
        What tiles need; None without tiles.
    note : str or None
        Why a large section is not computed in tiles.
    """

    tile: int
    halo: Halo | None
    note: str | None


def resolve_tile(
    network: Network,
    layers: Sequence[str],
    size: Size,
    tile: int | None = None,
    *,
    sizes: Sequence[Size] = (),
    device: str = "cpu",
) -> Tiling:
    """Decide whether a section is computed in tiles, and check that tiles give the same as the whole.

    Parameters
    ----------
    network : Network
        The network.
    layers : sequence of str
        The layers that are needed.
    size : (int, int)
        Rows and columns of the section.
    tile : int, optional
        Side of a tile in samples; 0: none. By default `AUTO_TILE_SIZE` above `AUTO_TILE_THRESHOLD` samples, if tiles
        give the same as the whole.
    sizes : sequence of (int, int), optional
        All sizes that will be computed in tiles (octaves, stretched copies); by default the section's own.
    device : str, default "cpu"
        Where to check.

    Raises
    ------
    SeisdreamError
        If `tile` is given and tiles would differ from the whole (``not-supported``).
    """
    side = tile
    if side is None:
        side = AUTO_TILE_SIZE if size[0] * size[1] > AUTO_TILE_THRESHOLD else 0
    if not side or max(size) <= side:
        return Tiling(0, None, None)
    try:
        halo = receptive_halo(network, layers)
        check_tiles(network, layers, sizes or (size,), halo, device)
    except SeisdreamError as error:
        if tile is not None:
            raise
        return Tiling(0, None, f"{error} The whole section is computed at once.")
    return Tiling(side, halo, None)


def receptive_halo(network: Network, layers: Sequence[str]) -> Halo:
    """Return the surroundings that tiles need for some layers.

    Raises
    ------
    SeisdreamError
        If a unit depends on the whole input (a classifier's logits, attention, group normalisation), so that no tile
        can give the same (``not-supported``).
    """
    preprocessing = network.preprocessing
    if not preprocessing.is_fixed and not preprocessing.is_bound_once:
        raise cannot_tile(network, "its input is normalised by the statistics of each window (`statistics=window`)")
    n_axes = network.n_spatial_dims
    alignment, halo = [1] * n_axes, [0] * n_axes
    sides = network.sides_up_to(layers)
    if sides is not None and sides.fixed is not None:
        raise cannot_tile(network, "it takes one size only, and is computed in windows of that size")
    if sides is not None:
        alignment = list(sides.multiple)
    names = list(network.layers)
    deepest = max(names.index(layer) for layer in layers)
    for name in names[: deepest + 1]:
        info = network.layers[name]
        if info.stride is not None:
            alignment = [math.lcm(a, max(1, math.ceil(s))) for a, s in zip(alignment, info.stride, strict=True)]
    for layer in layers:
        info = network.layer(layer)
        if info.receptive_field is None or info.stride is None or info.start is None:
            raise cannot_tile(network, f"a unit of '{layer}' depends on the whole section")
        if any(stride < 1 or stride != round(stride) for stride in info.stride):
            raise cannot_tile(network, f"units of '{layer}' are not a whole number of samples apart")
        for axis in range(n_axes):
            reach = info.receptive_field[axis] / 2 + abs(info.start[axis]) + info.stride[axis]
            halo[axis] = max(halo[axis], math.ceil(reach / alignment[axis]) * alignment[axis])
    return Halo(tuple(alignment), tuple(halo))


def check_tiles(
    network: Network, layers: Sequence[str], sizes: Sequence[Size], halo: Halo, device: str = "cpu"
) -> None:
    """Raise `SeisdreamError` if tiles do not give the activations of the whole.

    What a network does between its layers (padding to a multiple, resizing to the size of a skip, counting positions)
    cannot be read from its layers. So it is tried on noise, on small sections that leave the same remainder from the
    alignment as the sizes that will be computed.
    """
    prepared = PreparedNetwork(network, device, "float32")
    core = max(*halo.alignment, *halo.halo)
    for rest in {(size[0] % halo.alignment[0], size[1] % halo.alignment[1]) for size in sizes}:
        # Three cores a side: with two, each window with its halo could be the whole, which would prove nothing.
        size = (3 * core + rest[0], 3 * core + rest[1])
        noise = 255 * torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0))
        bound = prepared.with_statistics(noise)
        with torch.no_grad():
            whole = {layer: values[0].float() for layer, values in bound.record(noise, layers).items()}
            for tile in plan_tiles(size, core, halo):
                window = noise[..., slice(*tile.window_rows), slice(*tile.window_columns)]
                for layer, values in bound.record(window, layers).items():
                    error = _difference(values[0].float(), whole[layer], tile, _strides(network, layer), size)
                    # Compared with how much a channel varies: a large constant must not hide a difference.
                    if not error < _TOLERANCE * float(whole[layer].std(dim=(1, 2)).max().clamp_min(1e-30)):
                        raise cannot_tile(network, f"tiles give other activations of '{layer}' than the whole section")


def _difference(values: torch.Tensor, whole: torch.Tensor, tile: Tile, strides: Size, size: Size) -> float:
    in_window, in_whole = core_units(tile, strides, size)
    tiled, expected = values[:, *in_window], whole[:, *in_whole]
    if tiled.shape != expected.shape:
        return math.inf
    return float((tiled - expected).abs().max()) if tiled.numel() else 0.0


def core_units(tile: Tile, strides: Size, size: Size) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return which rows and columns of units lie over a tile's core: in its window, and in the whole section.

    Parameters
    ----------
    tile : Tile
        From `plan_tiles`.
    strides : (int, int)
        Samples between units, vertically and horizontally.
    size : (int, int)
        Rows and columns of the whole section. The last core also has the units that a pooling layer which rounds up
        puts beyond the edge.
    """
    in_window, in_whole = [], []
    spans = ((tile.core_rows, tile.window_rows), (tile.core_columns, tile.window_columns))
    for (core, window), stride, n_samples in zip(spans, strides, size, strict=True):
        is_last = core[1] == n_samples
        in_window.append(slice((core[0] - window[0]) // stride, None if is_last else (core[1] - window[0]) // stride))
        in_whole.append(slice(core[0] // stride, None if is_last else core[1] // stride))
    return (in_window[0], in_window[1]), (in_whole[0], in_whole[1])


def _strides(network: Network, layer: str) -> Size:
    stride = network.layer(layer).stride
    assert stride is not None
    return round(stride[0]), round(stride[1])


def cannot_tile(network: Network, reason: str) -> SeisdreamError:
    """Return the error of a network that cannot be run in tiles."""
    return SeisdreamError(
        f"{network.name} cannot be computed in tiles: {reason}. Use `tile=0` (it needs memory for the whole section) "
        f"or another layer (seisdream layers {network.name}).",
        code="not-supported",
        option="tile",
    )


def plan_tiles(size: Size, tile: int, halo: Halo) -> list[Tile]:
    """Divide a section into tiles whose cores cover it once.

    Parameters
    ----------
    size : (int, int)
        Rows and columns of the section.
    tile : int
        Side of a core in samples, rounded up to the alignment.
    halo : Halo
        From `receptive_halo`.
    """
    rows = list(_divide(size[0], tile, halo.alignment[0], halo.halo[0]))
    columns = list(_divide(size[1], tile, halo.alignment[1], halo.halo[1]))
    return [
        Tile(core_rows, core_columns, window_rows, window_columns)
        for core_rows, window_rows in rows
        for core_columns, window_columns in columns
    ]


def _divide(n_samples: int, tile: int, alignment: int, halo: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    core = max(1, math.ceil(tile / alignment)) * alignment
    for start in range(0, n_samples, core):
        stop = min(start + core, n_samples)
        yield (start, stop), (max(0, start - halo), min(n_samples, stop + halo))
