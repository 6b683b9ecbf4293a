"""Overlapping blocks in which a large cube is computed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import cached_property

from seisdream.errors import SeisdreamError
from seisdream.inference.tiling import Halo, receptive_halo
from seisdream.models.network import Network

AUTO_BLOCK_THRESHOLD = 2_500_000
"""Samples above which a cube is computed in blocks by default."""
AUTO_BLOCK_SIZE = 96
"""Side of a block's core in samples by default."""
LARGEST_HALO = 48
"""Samples of surroundings of a block where the receptive field is larger, or is the whole input."""

Span = tuple[int, int]


class CubeBlocks:
    """The blocks in which a network for cubes is computed up to a layer.

    Parameters
    ----------
    network : Network
        A network for cubes.
    layer : str
        One of its layers.
    tile : int, optional
        Side of a block's core in samples; 0: the whole cube at once. By default cubes of more than
        `AUTO_BLOCK_THRESHOLD` samples are computed in blocks.
    """

    def __init__(self, network: Network, layer: str, tile: int | None = None) -> None:
        self._network, self._layer, self._tile = network, layer, tile

    def side(self, size: tuple[int, ...]) -> int:
        """Return the side of a block's core in samples; 0: the whole cube at once."""
        side = self._tile
        if side is None:
            sides = self._network.sides_up_to((self._layer,)) if math.prod(size) > AUTO_BLOCK_THRESHOLD else None
            # A network of one fixed size runs in windows as it is.
            side = AUTO_BLOCK_SIZE if sides is not None and sides.fixed is None else 0
        return side if side and max(size) > side else 0

    @property
    def halo(self) -> Halo:
        """The surroundings of blocks."""
        return self._halo[0]

    @property
    def is_exact(self) -> bool:
        """Whether the surroundings of a block hold the whole receptive field."""
        return self._halo[1]

    @cached_property
    def _halo(self) -> tuple[Halo, bool]:
        try:
            halo = receptive_halo(self._network, (self._layer,))
        except SeisdreamError:
            sides = self._network.sides_up_to((self._layer,))
            multiple = sides.multiple if sides is not None else (1, 1, 1)
            halo = Halo(multiple, tuple(LARGEST_HALO + 1 for _ in multiple))
        if max(halo.halo) <= LARGEST_HALO:
            return halo, True
        both = zip(halo.halo, halo.alignment, strict=True)
        limited = (math.ceil(min(reach, LARGEST_HALO) / step) * step for reach, step in both)
        return Halo(halo.alignment, tuple(limited)), False

    def around(self, core: Sequence[Span], size: Sequence[int]) -> list[Span]:
        """Return the window that is computed for a block, which starts where strides fall as on the whole."""
        return [
            (max(0, own[0] // step * step - reach), min(n, own[1] + reach))
            for own, step, reach, n in zip(core, self.halo.alignment, self.halo.halo, size, strict=True)
        ]

    def of(self, size: tuple[int, ...]) -> Iterator[tuple[tuple[Span, ...], tuple[Span, ...]]]:
        """Yield the core of each block of a cube and the window that is computed for it, along each axis."""
        side = self.side(size)
        if not side:
            whole = tuple((0, n_samples) for n_samples in size)
            yield whole, whole
            return
        axes = []
        for n_samples, step, reach in zip(size, self.halo.alignment, self.halo.halo, strict=True):
            core = math.ceil(side / step) * step
            spans = [(first, min(first + core, n_samples)) for first in range(0, n_samples, core)]
            axes.append([(one, (max(0, one[0] - reach), min(n_samples, one[1] + reach))) for one in spans])
        for block in itertools.product(*axes):
            yield tuple(core for core, _ in block), tuple(window for _, window in block)
