"""One section as other surveys might have recorded it: what a sure prediction should not depend on."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch

from seisdream.inference.resize import resize
from seisdream.seismic.sections import MID_GREY

# Wider than the grid on which any common network pools, so that each view falls on it elsewhere.
_MOST_SHIFT = 32


@dataclass(frozen=True)
class InputAugmentation:
    """What is done to a section before a network looks at it; a section is never turned upside down.

    Attributes
    ----------
    is_mirrored : bool
        Left and right change places.
    gain : float
        Factor on amplitude (on the distance from mid-grey), before it is clipped.
    stretch : (float, float)
        Factors on the number of samples down and across.
    shift : (int, int)
        Samples by which the section is moved down and across on the network's grid, mirrored into what opens up.
    """

    is_mirrored: bool = False
    gain: float = 1.0
    stretch: tuple[float, float] = (1.0, 1.0)
    shift: tuple[int, int] = (0, 0)

    def to_dict(self) -> dict:
        """Return the variant, ready for JSON."""
        return asdict(self)

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the rows and columns of a section of a size once it is varied."""
        shift = self._fitting_shift(size)
        stretched = self._stretched(size)
        return stretched[0] + shift[0], stretched[1] + shift[1]

    def apply(self, picture: torch.Tensor) -> torch.Tensor:
        """Return the variant of a picture ``(1, channel, row, column)`` in grey levels, clipped or not."""
        size = (picture.shape[-2], picture.shape[-1])
        if self.is_mirrored:
            picture = picture.flip(-1)
        if self.gain != 1.0:
            picture = (picture - MID_GREY) * self.gain + MID_GREY
        picture = resize(picture, self._stretched(size))
        down, across = self._fitting_shift(size)
        return torch.nn.functional.pad(picture, (across, 0, down, 0), mode="reflect") if down or across else picture

    def positions(self, axis: int, first: int, stop: int, size: tuple[int, int]) -> np.ndarray:
        """Return where samples ``first`` to ``stop - 1`` of the section's rows (axis 0) or columns (1) lie in it."""
        places = np.arange(first, stop, dtype=np.float64)
        if axis == 1 and self.is_mirrored:
            places = size[1] - 1 - places
        stretched = self._stretched(size)[axis]
        if stretched != size[axis]:
            places *= (stretched - 1) / (size[axis] - 1)
        return places + self._fitting_shift(size)[axis]

    def _stretched(self, size: tuple[int, int]) -> tuple[int, int]:
        return max(2, round(size[0] * self.stretch[0])), max(2, round(size[1] * self.stretch[1]))

    def _fitting_shift(self, size: tuple[int, int]) -> tuple[int, int]:
        # No more can be mirrored than there is.
        stretched = self._stretched(size)
        return min(self.shift[0], stretched[0] - 1), min(self.shift[1], stretched[1] - 1)


def sample_augmentations(n_variants: int, scale: tuple[float, float] = (1.0, 1.0)) -> list[InputAugmentation]:
    """Return variants, always the same: every other mirrored, gains within 25 %, stretches within 10 % of `scale`."""
    variants = []
    for number in range(n_variants):
        rng = np.random.default_rng(number)
        gain, *stretch = np.exp(rng.uniform(-1.0, 1.0, 3) * np.log([1.25, 1.1, 1.1]))
        shift = rng.integers(0, _MOST_SHIFT, 2)
        variants.append(
            InputAugmentation(
                is_mirrored=number % 2 == 0,
                gain=float(gain),
                stretch=(float(scale[0] * stretch[0]), float(scale[1] * stretch[1])),
                shift=(int(shift[0]), int(shift[1])),
            )
        )
    return variants
