"""`pixel`: the samples themselves are optimized."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import torch

from seisdream.dreaming.parameterizations.base import AmplitudeScale, Constraint, Parameterization
from seisdream.dreaming.schedule import image_at_octave
from seisdream.inference.tensors import Size, resize


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
        # The network's input at the start, at full size and at the size of the octave.
        self._full = self._base = self.values = self.initial_values = self._scale.to_exact_image(self.start)

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
        if self.values is self._base:  # Nothing has changed yet.
            self._base = self.values = image_at_octave(self._full, self._sizes, number)
        else:
            change = self.values - self._base
            self._base = image_at_octave(self._full, self._sizes, number)
            self.values = self._base + resize(change, self._octave_size)
        self._octave_weight = None if self._weight is None else resize(self._weight, self._octave_size)

    def image(self) -> torch.Tensor:
        """Return the octave."""
        return self.values

    def propose(self, gradient: torch.Tensor, step_size: float) -> torch.Tensor:
        """Return the octave one step along its gradient, whose memory it takes."""
        return gradient_ascent_step(
            self.values,
            gradient,
            step_size,
            mask=self._octave_weight,
            limits=self._scale.limits,
            step_scale=self.step_scale,
        )

    def sections(self) -> torch.Tensor:
        """Return the sections as they are now, in their own units."""
        return self.render(self.values)

    def full_image(self) -> Callable[[], torch.Tensor]:
        """Return a function that makes the network's input of this step at the section's size."""
        return partial(self._with_change, self._full, self.values, self._base)

    @staticmethod
    def _with_change(full: torch.Tensor, values: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
        return resize(values - base, tuple(full.shape[2:])).add_(full)

    def end(self) -> None:
        """Free the octave: of pixels, the sections are all there is."""
        self._full = self._base = self.values = self.initial_values = torch.empty(0)


class FullSizePixel(Parameterization):
    """Every sample of the section at its full size is optimized, so that constraints can hold there."""

    name: ClassVar[str] = "pixel"

    def render(self, values: torch.Tensor) -> torch.Tensor:
        """Return the start plus the change."""
        return self.start + values

    def encode(self, values: torch.Tensor, sections: torch.Tensor) -> torch.Tensor:
        """Return the change to other sections."""
        return sections - self.start


def gradient_ascent_step(
    image: torch.Tensor,
    gradient: torch.Tensor,
    step_size: float,
    *,
    mask: torch.Tensor | None = None,
    limits: tuple[float, float] | None = (0.0, 255.0),
    step_scale: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """Return images one step along their gradients.

    The gradient is divided by its mean magnitude (over the mask, where there is one), so that `step_size` is the mean
    change of a step (Mordvintsev, Olah and Tyka 2015). Each image of a batch takes a step of its own.

    Parameters
    ----------
    image, gradient : Tensor
        ``(batch, channel, *space)`` in grey levels, and the gradient of the score, whose memory becomes the result's.
    step_size : float
        Mean change of a step in grey levels (of 255).
    mask : Tensor, optional
        ``(1, 1, *space)``, 0 where nothing may change to 1 where everything may.
    limits : (float, float) or None, default (0, 255)
        Keep grey levels within these.
    step_scale : callable, optional
        From the mean magnitude to what the gradient is divided by instead.
    """
    if mask is not None:
        gradient *= mask
    n_samples = gradient[0].numel() if mask is None else (mask.sum() * gradient.shape[1]).clamp_min(1.0)
    magnitude = torch.linalg.vector_norm(gradient, 1, dim=tuple(range(1, gradient.ndim)), keepdim=True) / n_samples
    magnitude = magnitude if step_scale is None else step_scale(magnitude)
    # A gradient of zero (a channel that is active nowhere) moves nothing; NaN must come through and be detected.
    gradient *= torch.where(magnitude == 0, 0.0, step_size / magnitude)
    stepped = gradient.add_(image)
    return stepped.clamp_(*limits) if limits else stepped
