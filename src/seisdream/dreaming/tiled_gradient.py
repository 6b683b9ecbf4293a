"""The gradient of an objective over an image, whole or in tiles that give the same answer.

Each tile is evaluated with enough of its surroundings (the receptive field) that the layer's units over its core are
exactly those of the whole image. The tiles' gradients are summed before a step is taken, so no seam can form; only one
tile's activations are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from seisdream.dreaming.objectives.terms import Term, Window, layers_of
from seisdream.inference.tiling import Halo, Size, Tile, core_units, plan_tiles
from seisdream.models.cpu_fusion import release_memory
from seisdream.models.prepared import PreparedNetwork


class TiledGradient:
    """The score of terms and its gradient, for images of any size.

    Parameters
    ----------
    network : PreparedNetwork
        Frozen, on its device, in its precision.
    terms : sequence of Term
        The objective, bound to the network.
    tile : int
        Side of a tile's core in samples; 0 evaluates the whole image at once.
    halo : Halo, optional
        Needed where `tile` is not 0.
    """

    def __init__(self, network: PreparedNetwork, terms: Sequence[Term], tile: int = 0, halo: Halo | None = None):
        self.network = network
        self.terms = tuple(terms)
        self.layers = layers_of(terms)
        self.tile = tile
        self.halo = halo
        self._layer_sizes: dict[Size, dict[str, Size]] = {}

    def __call__(self, image: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Return the score and its gradient, shaped as the image ``(1, channel, *space)``."""
        if not self.tile:
            return self._whole(image)
        assert self.halo is not None
        tiles = plan_tiles((image.shape[-2], image.shape[-1]), self.tile, self.halo)
        return self._whole(image) if len(tiles) == 1 else self._tiled(image, tiles)

    def _whole(self, image: torch.Tensor) -> tuple[float, torch.Tensor]:
        leaf = image.detach().requires_grad_(True)
        score = torch.zeros((), device=image.device)
        activations = self.network.record(leaf, self.layers)
        for term in self.terms:
            part = activations[term.layer]
            size = tuple(part.shape[2:])
            score = score + term.weight / term.n_units(size) * term.total(part, Window(0, 0, size))
        return float(score.detach()), self._gradient_of(score, leaf)

    def _tiled(self, image: torch.Tensor, tiles: list[Tile]) -> tuple[float, torch.Tensor]:
        sizes = self._sizes_by_layer(image, tiles[-1])
        total_score, gradient = 0.0, torch.zeros_like(image)
        for tile in tiles:
            rows, columns = slice(*tile.window_rows), slice(*tile.window_columns)
            leaf = image[..., rows, columns].detach().requires_grad_(True)
            activations = self.network.record(leaf, self.layers)
            score = torch.zeros((), device=image.device)
            for term in self.terms:
                core, window = self._core(activations[term.layer], term.layer, tile, image, sizes)
                weight = term.weight / term.n_units(sizes[term.layer])
                score = score + weight * term.total(core, window)
            total_score += float(score.detach())
            gradient[..., rows, columns] += self._gradient_of(score, leaf)
        return total_score, gradient

    def _strides(self, layer: str) -> Size:
        stride = self.network.network.layer(layer).stride
        assert stride is not None
        return round(stride[0]), round(stride[1])

    def _sizes_by_layer(self, image: torch.Tensor, last: Tile) -> dict[str, Size]:
        """Measure each layer's whole size: where the last window starts, plus the layer's size there."""
        size = (image.shape[-2], image.shape[-1])
        if size not in self._layer_sizes:
            # Once an octave: arrays as large as the section, which were needed before it, are free by now.
            release_memory()
            with torch.no_grad():
                corner = image[..., slice(*last.window_rows), slice(*last.window_columns)]
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
        self, activations: torch.Tensor, layer: str, tile: Tile, image: torch.Tensor, sizes: dict[str, Size]
    ) -> tuple[torch.Tensor, Window]:
        """Cut a layer's units over the tile's core out of those over its window."""
        in_window, in_whole = core_units(tile, self._strides(layer), (image.shape[-2], image.shape[-1]))
        first_row, first_column = (units.start for units in in_whole)
        return activations[..., *in_window], Window(first_row, first_column, sizes[layer])

    def _gradient_of(self, score: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor:
        """Return the gradient, zeros where the score does not depend on the image."""
        if not score.requires_grad:
            return torch.zeros_like(leaf)
        with self.network.exactly():
            (gradient,) = torch.autograd.grad(score, leaf, allow_unused=True)
        return torch.zeros_like(leaf) if gradient is None else gradient
