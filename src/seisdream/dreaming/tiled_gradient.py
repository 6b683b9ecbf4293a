"""The score's gradient, whole or in tiles that give the same answer.

The tiles' gradients are summed before a step is taken, so no seam can form; only one tile's activations are in memory
at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from seisdream.dreaming.objectives.terms import Layer, Term, Window, layers_of
from seisdream.inference.tiling import Halo, Size, Tile, cannot_tile, plan_tiles
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork


def check_tiles(network: Network, layers: Sequence[str], sizes: Sequence[tuple[int, ...]], reach: Halo) -> None:
    """Raise `SeisdreamError` where tiles do not give the gradient of the whole.

    What a network does between its layers (padding to a multiple, resizing to a skip's size, counting positions)
    is not seen from outside, so it is tried: on noise, in small pictures that leave the same rest over from the
    alignment as the sections to be dreamed.
    """
    prepared = network.prepared("cpu", "float32")
    terms = tuple(Layer(layer) for layer in layers)
    core = (max(reach.alignment[0], reach.halo[0]), max(reach.alignment[1], reach.halo[1]))
    for rest in {(size[0] % reach.alignment[0], size[1] % reach.alignment[1]) for size in sizes}:
        generator = torch.Generator().manual_seed(0)
        # Three cores a side: of two, each window with its halo may be the whole picture, which proves nothing.
        picture = 255 * torch.rand(1, 1, 3 * core[0] + rest[0], 3 * core[1] + rest[1], generator=generator)
        whole = Gradient(prepared, terms)(picture)[1]
        tiled = Gradient(prepared, terms, max(core), reach)(picture)[1]
        error = float((tiled - whole).norm() / whole.norm().clamp_min(1e-30))
        if not error < 1e-4:
            raise cannot_tile(network, f"tiles give another gradient than the whole (by {error:.0%})")


class Gradient:
    """The score and its gradient for pictures of one size.

    Parameters
    ----------
    network : PreparedNetwork
        Frozen, on its device, in its precision.
    terms : sequence of Term
        The objective, bound to the network.
    tile : int
        Side of a tile's core in samples; 0 looks at the whole picture at once.
    reach : Reach, optional
        Needed where `tile` is not 0.
    """

    def __init__(self, network: PreparedNetwork, terms: Sequence[Term], tile: int = 0, reach: Halo | None = None):
        self.network = network
        self.terms = tuple(terms)
        self.layers = layers_of(terms)
        self.tile = tile
        self.reach = reach
        self._layer_sizes: dict[Size, dict[str, Size]] = {}

    def __call__(self, picture: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Return the score and its gradient, shaped as the picture ``(1, channel, row, column)``."""
        if not self.tile:
            return self._whole(picture)
        assert self.reach is not None
        size = (picture.shape[-2], picture.shape[-1])
        tiles = plan_tiles(size, self.tile, self.reach)
        if len(tiles) == 1:
            return self._whole(picture)
        return self._tiled(picture, tiles)

    def _whole(self, picture: torch.Tensor) -> tuple[float, torch.Tensor]:
        leaf = picture.detach().requires_grad_(True)
        score = torch.zeros((), device=picture.device)
        activations = self.network.record(leaf, self.layers)
        for term in self.terms:
            part = activations[term.layer]
            size = tuple(part.shape[2:])
            score = score + term.weight / term.n_units(size) * term.total(part, Window(0, 0, size))
        return float(score.detach()), self._gradient_of(score, leaf)

    def _tiled(self, picture: torch.Tensor, tiles: list[Tile]) -> tuple[float, torch.Tensor]:
        sizes = self._sizes_by_layer(picture, tiles[-1])
        total_score, gradient = 0.0, torch.zeros_like(picture)
        for tile in tiles:
            rows, columns = slice(*tile.window_rows), slice(*tile.window_columns)
            leaf = picture[..., rows, columns].detach().requires_grad_(True)
            activations = self.network.record(leaf, self.layers)
            score = torch.zeros((), device=picture.device)
            for term in self.terms:
                core, window = self._core(activations[term.layer], term.layer, tile, picture, sizes)
                weight = term.weight / term.n_units(sizes[term.layer])
                score = score + weight * term.total(core, window)
            total_score += float(score.detach())
            gradient[..., rows, columns] += self._gradient_of(score, leaf)
        return total_score, gradient

    def _strides(self, layer: str) -> Size:
        stride = self.network.network.layer(layer).stride
        assert stride is not None
        return round(stride[0]), round(stride[1])

    def _sizes_by_layer(self, picture: torch.Tensor, last: Tile) -> dict[str, Size]:
        """Measure each layer's whole size: where the last window starts, plus what the network gives for it."""
        size = (picture.shape[-2], picture.shape[-1])
        if size not in self._layer_sizes:
            with torch.no_grad():
                corner = picture[..., slice(*last.window_rows), slice(*last.window_columns)]
                recorded = self.network.record(corner, self.layers)
            self._layer_sizes[size] = {
                layer: (
                    last.window_rows[0] // self._strides(layer)[0] + activations.shape[-2],
                    last.window_columns[0] // self._strides(layer)[1] + activations.shape[-1],
                )
                for layer, activations in recorded.items()
            }
        return self._layer_sizes[size]

    def _core(
        self, activations: torch.Tensor, layer: str, tile: Tile, picture: torch.Tensor, sizes: dict[str, Size]
    ) -> tuple[torch.Tensor, Window]:
        """Cut a layer's units over the tile's core out of those over its window."""
        first, cut = [], []
        spans = zip(
            (tile.core_rows, tile.core_columns),
            (tile.window_rows, tile.window_columns),
            self._strides(layer),
            picture.shape[-2:],
            strict=True,
        )
        for core, window, stride, n_samples in spans:
            first.append(core[0] // stride)
            start = (core[0] - window[0]) // stride
            # The last core also holds units that a rounded-up pool puts over the picture's edge.
            stop = None if core[1] == n_samples else (core[1] - window[0]) // stride
            cut.append(slice(start, stop))
        return activations[..., cut[0], cut[1]], Window(first[0], first[1], sizes[layer])

    def _gradient_of(self, score: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor:
        """Return the gradient, zeros where the score does not depend on the picture."""
        if not score.requires_grad:
            return torch.zeros_like(leaf)
        with self.network.exactly():
            (gradient,) = torch.autograd.grad(score, leaf, allow_unused=True)
        return torch.zeros_like(leaf) if gradient is None else gradient
