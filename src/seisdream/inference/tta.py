"""Test-time augmentation: copies of a section as other surveys might have recorded it, and their logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seisdream.inference.tiling import Halo, Size
from seisdream.inference.unit_grid import UnitGrid, interpolate_axis
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import MID_GREY

# More than the stride of any common network, so that pooling falls on other samples in each copy.
_MAX_SHIFT = 32

Span = tuple[int, int]
"""A half-open range of rows or columns."""


@dataclass(frozen=True)
class InputAugmentation:
    """A change of a section before the network sees it; a section is never turned upside down.

    Attributes
    ----------
    is_mirrored : bool
        Left and right are exchanged.
    gain : float
        Factor on amplitude (on the distance from mid-grey), before clipping.
    stretch : (float, float)
        Factors on the number of samples, vertically and horizontally.
    shift : (int, int)
        Samples by which the section is shifted down and right; the gap is filled by reflection.
    """

    is_mirrored: bool = False
    gain: float = 1.0
    stretch: tuple[float, float] = (1.0, 1.0)
    shift: tuple[int, int] = (0, 0)

    def to_dict(self) -> dict:
        """Return the augmentation, ready for JSON."""
        return asdict(self)

    def size(self, size: Size) -> Size:
        """Return the rows and columns of the augmented copy of a section."""
        shift = self._possible_shift(size)
        stretched = self._stretched(size)
        return stretched[0] + shift[0], stretched[1] + shift[1]

    def apply(self, image: torch.Tensor, window: Sequence[Span] | None = None) -> torch.Tensor:
        """Return the augmented copy of an image ``(1, channel, row, column)`` in grey levels, not clipped.

        Of the window of the copy that is given as half-open ranges of rows and columns, or of all of it. Values are
        linear between samples.
        """
        size = (image.shape[-2], image.shape[-1])
        window = window or [(0, n_samples) for n_samples in self.size(size)]
        sources = [self._sources(axis, *span, size) for axis, span in enumerate(window)]
        lowest = [int(one.min()) for one in sources]
        spans = [slice(low, math.ceil(one.max()) + 1) for low, one in zip(lowest, sources, strict=True)]
        image = image[(..., *spans)]
        for axis, one in enumerate(sources):
            image = interpolate_axis(image, axis + 2, one - lowest[axis])
        return image if self.gain == 1.0 else image.sub(MID_GREY).mul_(self.gain).add_(MID_GREY)

    def positions(self, axis: int, first: int, stop: int, size: Size) -> NDArray[np.float64]:
        """Return where rows (axis 0) or columns (axis 1) ``first`` to ``stop - 1`` of the section lie in the copy."""
        positions = np.arange(first, stop, dtype=np.float64)
        if axis == 1 and self.is_mirrored:
            positions = size[1] - 1 - positions
        stretched = self._stretched(size)[axis]
        if stretched != size[axis]:
            positions *= (stretched - 1) / (size[axis] - 1)
        return positions + self._possible_shift(size)[axis]

    def _sources(self, axis: int, first: int, stop: int, size: Size) -> NDArray[np.float64]:
        """Return where rows or columns of the copy lie in the section: the inverse of `positions`."""
        positions = np.abs(np.arange(first, stop, dtype=np.float64) - self._possible_shift(size)[axis])
        stretched = self._stretched(size)[axis]
        if stretched != size[axis]:
            positions *= (size[axis] - 1) / (stretched - 1)
        if axis == 1 and self.is_mirrored:
            positions = size[1] - 1 - positions
        return np.clip(positions, 0, size[axis] - 1)

    def _stretched(self, size: Size) -> Size:
        return max(2, round(size[0] * self.stretch[0])), max(2, round(size[1] * self.stretch[1]))

    def _possible_shift(self, size: Size) -> Size:
        # Reflection cannot fill more than there is.
        stretched = self._stretched(size)
        return min(self.shift[0], stretched[0] - 1), min(self.shift[1], stretched[1] - 1)


def sample_augmentations(n_augmentations: int, scale: tuple[float, float] = (1.0, 1.0)) -> list[InputAugmentation]:
    """Return augmentations, always the same ones.

    Every other is mirrored; gains are within 25 %, stretches within 10 % of `scale`.
    """
    augmentations = []
    for number in range(n_augmentations):
        rng = np.random.default_rng(number)
        gain, *stretch = np.exp(rng.uniform(-1.0, 1.0, 3) * np.log([1.25, 1.1, 1.1]))
        shift = rng.integers(0, _MAX_SHIFT, 2)
        augmentations.append(
            InputAugmentation(
                is_mirrored=number % 2 == 0,
                gain=float(gain),
                stretch=(float(scale[0] * stretch[0]), float(scale[1] * stretch[1])),
                shift=(int(shift[0]), int(shift[1])),
            )
        )
    return augmentations


@dataclass(frozen=True)
class AugmentedLogits:
    """Logits of an augmented copy of a section, at the samples of the section itself.

    Attributes
    ----------
    prepared : PreparedNetwork
        The network.
    layer : str
        The layer of logits.
    image : Tensor
        The section itself ``(1, channel, row, column)`` in grey levels, not clipped. Of its copy there is only ever the
        window that is computed.
    augmentation : InputAugmentation
        What is done to the section.
    halo : Halo or None
        Surroundings of a tile; None: the whole copy is computed.
    """

    prepared: PreparedNetwork
    layer: str
    image: torch.Tensor
    augmentation: InputAugmentation
    halo: Halo | None

    def at(self, rows: Span, columns: Span) -> torch.Tensor:
        """Return float32 logits ``(class, row, column)`` of a block of the section, given as half-open ranges."""
        size, network = (self.image.shape[-2], self.image.shape[-1]), self.prepared.network
        positions = [self.augmentation.positions(axis, *span, size) for axis, span in enumerate((rows, columns))]
        n_samples = self.augmentation.size(size)
        windows = [self._window(axis, along, n_samples[axis]) for axis, along in enumerate(positions)]
        part = [
            (math.floor(along.min()) - first, math.ceil(along.max()) + 1 - first)
            for along, (first, _) in zip(positions, windows, strict=True)
        ]
        with torch.no_grad():
            window = network.preprocessing.clip(self.augmentation.apply(self.image, windows))
            logits, part = self.prepared.record_part(window, self.layer, part)
            logits = logits[0].float()
            shape, sides = (logits.shape[1], logits.shape[2]), (part[0][1] - part[0][0], part[1][1] - part[1][0])
            grid = UnitGrid.of(network.layer(self.layer), shape, sides, is_per_sample=True)
            for axis in (0, 1):
                units = grid.positions(axis, positions[axis] - windows[axis][0] - part[axis][0])
                logits = interpolate_axis(logits, axis + 1, units)
        return logits

    def _window(self, axis: int, positions: NDArray, n_samples: int) -> Span:
        """Return the rows or columns of the copy that must be computed for some positions."""
        if self.halo is None:
            return 0, n_samples
        alignment, halo = self.halo.alignment[axis], self.halo.halo[axis]
        # The halo has room for one more unit, because logits are interpolated between units.
        first = math.floor(positions.min() / alignment) * alignment - halo
        stop = math.ceil((positions.max() + 1) / alignment) * alignment + halo
        # A network without padding has no units in a margin at the end; the window must still hold one.
        first = min(first, (n_samples - 2 * halo) // alignment * alignment)
        return max(0, first), min(n_samples, max(stop, 2 * halo))
