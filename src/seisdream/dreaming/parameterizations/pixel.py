"""`pixel`: the samples themselves are optimized."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import torch

from seisdream.dreaming.optimizer import gradient_ascent_step
from seisdream.dreaming.parameterizations.base import AmplitudeScale, Constraint, Parameterization
from seisdream.dreaming.schedule import image_at_octave
from seisdream.inference.resize import Size, resize


class Pixel(Parameterization):
    """Every sample of every octave is optimized, as in the original.

    An octave starts from the input at its own size, plus the change of the octave before it, enlarged. `values` are
    the grey levels of the octave.
    """

    name: ClassVar[str] = "pixel"

    def bind(
        self,
        scale: AmplitudeScale,
        weight: torch.Tensor | None = None,
        constraints: Sequence[Constraint] = (),
    ) -> None:
        """Set how sections become images, and where they may change."""
        super().bind(scale, weight, constraints)
        self._octave_weight = self._weight
        self._begin()

    def _begin(self) -> None:
        # What the network sees of the start, and the same at the size of the octave.
        self._full = self.values = self._base = self._scale.to_exact_image(self.start)

    def render(self, values: torch.Tensor) -> torch.Tensor:
        """Return the start plus the change of the octave."""
        change = resize(values - self._base, self._sizes[-1])
        if self._weight is not None:
            # Steps are weighted already, but the change of a smaller octave spreads beyond the mask's edge.
            change *= self._weight > 0
        change *= self._scale.units_per_grey(change)
        return change.add_(self.start)

    def begin_level(self, sizes: Sequence[Size]) -> None:
        """Begin a level of octaves of these sizes, smallest first, from the sections as they are."""
        if self.values is not self._base:
            self.start = self.sections()
            self._begin()
        super().begin_level(sizes)

    def begin_octave(self, number: int) -> None:
        """Begin an octave, counted from 0, and carry up the change of the one before it."""
        super().begin_octave(number)
        change = self.values - self._base
        self._base = image_at_octave(self._full, self._sizes, number)
        self.values = self._base + resize(change, self._octave_size)
        self._octave_weight = None if self._weight is None else resize(self._weight, self._octave_size)

    def image(self) -> torch.Tensor:
        """Return the octave."""
        return self.values

    def propose(self, gradient: torch.Tensor, step_size: float) -> torch.Tensor:
        """Return the octave one step along its gradient, whose memory it takes."""
        return gradient_ascent_step(self.values, gradient, step_size, mask=self._octave_weight, clip=self._scale.clip)

    def sections(self) -> torch.Tensor:
        """Return the sections as they are now, in their own units."""
        return self.render(self.values)

    def full_image(self) -> Callable[[], torch.Tensor]:
        """Return what makes the network's input of this step at the section's size, when it is wanted."""
        return partial(self._with_change, self._full, self.values, self._base)

    @staticmethod
    def _with_change(full: torch.Tensor, values: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
        return full + resize(values - base, tuple(full.shape[2:]))


class FullSizePixel(Parameterization):
    """Every sample of the section at its full size is optimized, so that constraints can hold there."""

    name: ClassVar[str] = "pixel"

    def render(self, values: torch.Tensor) -> torch.Tensor:
        """Return the start plus the change."""
        return self.start + values

    def encode(self, values: torch.Tensor, sections: torch.Tensor) -> torch.Tensor:
        """Return the change to other sections."""
        return sections - self.start
