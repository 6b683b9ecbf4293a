"""The gradient of an objective over an image, whole or in tiles that give the same answer.

Each tile is evaluated with enough of its surroundings (the receptive field) that the layer's units over its core are
exactly those of the whole image. The tiles' gradients are summed before a step is taken, so no seam can form; only one
tile's activations are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from seisdream.dreaming.objectives.terms import Layer, Term, Window, layers_of
from seisdream.inference.tiling import Halo, Size, Tile, cannot_tile, plan_tiles
from seisdream.models.network import Network, PreparedNetwork


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
        first, cut = [], []
        spans = zip(
            (tile.core_rows, tile.core_columns),
            (tile.window_rows, tile.window_columns),
            self._strides(layer),
            image.shape[-2:],
            strict=True,
        )
        for core, window, stride, n_samples in spans:
            first.append(core[0] // stride)
            start = (core[0] - window[0]) // stride
            # The last core includes units that a rounded-up pool puts over the image's edge.
            stop = None if core[1] == n_samples else (core[1] - window[0]) // stride
            cut.append(slice(start, stop))
        return activations[..., cut[0], cut[1]], Window(first[0], first[1], sizes[layer])

    def _gradient_of(self, score: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor:
        """Return the gradient, zeros where the score does not depend on the image."""
        if not score.requires_grad:
            return torch.zeros_like(leaf)
        with self.network.exactly():
            (gradient,) = torch.autograd.grad(score, leaf, allow_unused=True)
        return torch.zeros_like(leaf) if gradient is None else gradient


def check_tiles(network: Network, layers: Sequence[str], sizes: Sequence[tuple[int, ...]], halo: Halo) -> None:
    """Raise `SeisdreamError` where tiles do not give the gradient of the whole.

    Operations between a network's layers (padding to a multiple, resizing to the size of a skip connection, position
    embeddings) cannot be read off its layers, so tiles are tried: on noise, in small images that leave the same
    remainder of the alignment as the sections of the dream.
    """
    prepared = network.prepared("cpu", "float32")
    terms = tuple(Layer(layer) for layer in layers)
    core = (max(halo.alignment[0], halo.halo[0]), max(halo.alignment[1], halo.halo[1]))
    for rest in {(size[0] % halo.alignment[0], size[1] % halo.alignment[1]) for size in sizes}:
        generator = torch.Generator().manual_seed(0)
        # Three cores a side: of two, each window with its halo may be the whole image, which proves nothing.
        image = 255 * torch.rand(1, 1, 3 * core[0] + rest[0], 3 * core[1] + rest[1], generator=generator)
        whole = TiledGradient(prepared, terms)(image)[1]
        tiled = TiledGradient(prepared, terms, max(core), halo)(image)[1]
        error = float((tiled - whole).norm() / whole.norm().clamp_min(1e-30))
        if not error < 1e-4:
            raise cannot_tile(network, f"tiles give another gradient than the whole (by {error:.0%})")
