"""Random transforms of a section before each forward pass, and how the gradient comes back through them.

Jitter is a shift. A random seismic transform in addition makes a dream robust: photographs are rotated, scaled and
jittered for this (Olah, Mordvintsev and Schubert 2017); a section is sheared, stretched in time, scaled in amplitude
and filtered. Every step draws them anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from seisdream.dreaming.objectives.terms import Position
from seisdream.seismic.sections import MID_GREY

# Limits the tilt of a spectrum over many octaves.
_LARGEST_TILT_DB = 12.0


class Jitter:
    """A shift.

    Parameters
    ----------
    offsets : tuple of int
        Samples by which the content moves along each axis.
    boundary : {"wrap", "mirror"}
        What enters at an edge. ``wrap`` brings in what leaves at the other edge, as the original recipe does.
        ``mirror`` reflects at the edge, so that the sea bed is never next to the basement; there a shift is at most
        one sample less than the image has.

    Examples
    --------
    >>> image = torch.arange(4.0).reshape(1, 1, 1, 4)
    >>> Jitter((0, 1), "mirror").apply(image).flatten().tolist()
    [1.0, 0.0, 1.0, 2.0]
    """

    def __init__(self, offsets: tuple[int, ...], boundary: str):
        self.offsets = offsets
        self.boundary = boundary
        self._axes = tuple(range(-len(offsets), 0))

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        """Return the shifted image ``(1, channel, *space)``."""
        if self.boundary == "wrap":
            return image.roll(self.offsets, self._axes)
        for axis, offset in zip(self._axes, self.offsets, strict=True):
            image = _mirror(image, axis, _limited(offset, image.shape[axis]))
        return image

    def adjoint(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return the gradient of the image from the gradient of the shifted image (the exact adjoint)."""
        if self.boundary == "wrap":
            return gradient.roll(tuple(-offset for offset in self.offsets), self._axes)
        for axis, offset in zip(self._axes, self.offsets, strict=True):
            gradient = _mirror_adjoint(gradient, axis, _limited(offset, gradient.shape[axis]))
        return gradient

    def map_point(self, position: Position, size: tuple[int, ...]) -> Position:
        """Return where a position moves to, in an image of this size; beyond an edge it stays at the edge."""
        moved = [share + offset / n for share, offset, n in zip(position, self.offsets, size, strict=True)]
        if self.boundary == "wrap":
            return moved[0] % 1.0, moved[1] % 1.0
        return min(max(moved[0], 0.0), 1.0), min(max(moved[1], 0.0), 1.0)


@dataclass(frozen=True)
class RandomSeismicTransform:
    """One variation of a section, differentiable.

    Attributes
    ----------
    shear : float, default 0
        Samples down for each trace across, about the middle: a dip added to everything.
    stretch : float, default 1
        Factor on time, about the middle.
    gain : float, default 1
        Factor on amplitude.
    tilt_db : float, default 0
        Gain in decibels an octave above the mean frequency along time, and loss below it; 12 in total at most.
    """

    shear: float = 0.0
    stretch: float = 1.0
    gain: float = 1.0
    tilt_db: float = 0.0

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        """Return the varied image ``(1, channel, row, column)`` in grey levels."""
        moved = self.move(image, "bicubic") - MID_GREY
        return MID_GREY + self.gain * _tilt_spectrum(moved, self.tilt_db)

    def move(self, image: torch.Tensor, interpolation: str = "bilinear") -> torch.Tensor:
        """Return an image sheared and stretched only; what enters is reflected at the edge."""
        if self.shear == 0.0 and self.stretch == 1.0:
            return image
        rows, columns = image.shape[-2:]
        down = torch.linspace(-1.0, 1.0, rows, device=image.device, dtype=image.dtype)[:, None]
        across = torch.linspace(-1.0, 1.0, columns, device=image.device, dtype=image.dtype)[None]
        lean = self.shear * (columns - 1) / max(1, rows - 1)
        grid = torch.stack([across.expand(rows, columns), down / self.stretch - lean * across], dim=-1)[None]
        return F.grid_sample(image, grid, mode=interpolation, padding_mode="reflection", align_corners=True)

    def map_point(self, position: Position, size: tuple[int, ...]) -> Position:
        """Return where a position of an image of this size moves to."""
        down, across = (2.0 * share - 1.0 for share in position)
        lean = self.shear * (size[1] - 1) / max(1, size[0] - 1)
        moved = self.stretch * (down + lean * across)
        return min(max((moved + 1.0) / 2.0, 0.0), 1.0), position[1]


@dataclass(frozen=True)
class Transform:
    """What happens to an image before one forward pass.

    Attributes
    ----------
    jitter : Jitter
        The shift, which comes last.
    variation : RandomSeismicTransform, optional
        What comes before it.
    """

    jitter: Jitter
    variation: RandomSeismicTransform | None = None

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        """Return the transformed image ``(1, channel, *space)``, differentiably."""
        return self.jitter.apply(image if self.variation is None else self.variation.apply(image))

    def apply_to_region(self, region: torch.Tensor) -> torch.Tensor:
        """Return where a region ``(1, 1, *space)`` is in the transformed image."""
        return self.jitter.apply(region if self.variation is None else self.variation.move(region))

    def map_point(self, position: Position, size: tuple[int, ...]) -> Position:
        """Return where a position of an image of this size is in the transformed image."""
        return self.jitter.map_point(
            position if self.variation is None else self.variation.map_point(position, size), size
        )


def sample_transform(
    random: np.random.Generator, n_axes: int, jitter: int, boundary: str, amounts: Mapping[str, float] | None = None
) -> Transform:
    """Draw the transform of one forward pass.

    Parameters
    ----------
    random : Generator
        Of this dream.
    n_axes : int
        2 for sections, 3 for cubes.
    jitter : int
        Largest shift in samples.
    boundary : {"wrap", "mirror"}
        As for `Jitter`.
    amounts : mapping, optional
        Largest shear, stretch, gain and band, as `DreamSettings.transforms`; factors and their inverses are equally
        likely.
    """
    shift = Jitter(tuple(random.integers(-jitter, jitter + 1, n_axes).tolist()), boundary)
    if not amounts or not any(amounts.values()):
        return Transform(shift)
    shear, stretch, gain, band = random.uniform(-1.0, 1.0, 4).tolist()
    variation = RandomSeismicTransform(
        amounts.get("shear", 0.0) * shear,
        float(np.exp(np.log1p(amounts.get("stretch", 0.0)) * stretch)),
        float(np.exp(np.log1p(amounts.get("gain", 0.0)) * gain)),
        amounts.get("band", 0.0) * band,
    )
    return Transform(shift, variation)


def _limited(offset: int, n_samples: int) -> int:
    return max(1 - n_samples, min(n_samples - 1, offset))


def _mirror(image: torch.Tensor, axis: int, offset: int) -> torch.Tensor:
    """Move the content along an axis; what enters is the image reflected at its edge sample."""
    n_samples = image.shape[axis]
    if offset > 0:
        entering = image.narrow(axis, 1, offset).flip(axis)
        return torch.cat([entering, image.narrow(axis, 0, n_samples - offset)], dim=axis)
    if offset < 0:
        entering = image.narrow(axis, n_samples - 1 + offset, -offset).flip(axis)
        return torch.cat([image.narrow(axis, -offset, n_samples + offset), entering], dim=axis)
    return image


def _mirror_adjoint(gradient: torch.Tensor, axis: int, offset: int) -> torch.Tensor:
    """Add each sample's gradients where the sample came from."""
    n_samples = gradient.shape[axis]
    back = torch.zeros_like(gradient)
    if offset > 0:
        back.narrow(axis, 0, n_samples - offset).add_(gradient.narrow(axis, offset, n_samples - offset))
        back.narrow(axis, 1, offset).add_(gradient.narrow(axis, 0, offset).flip(axis))
    elif offset < 0:
        back.narrow(axis, -offset, n_samples + offset).add_(gradient.narrow(axis, 0, n_samples + offset))
        back.narrow(axis, n_samples - 1 + offset, -offset).add_(
            gradient.narrow(axis, n_samples + offset, -offset).flip(axis)
        )
    else:
        return gradient
    return back


def _tilt_spectrum(values: torch.Tensor, tilt_db: float) -> torch.Tensor:
    """Return values ``(1, channel, row, column)`` whose spectrum along rows is tilted by decibels an octave."""
    n_rows = values.shape[-2]
    if tilt_db == 0.0 or n_rows < 4:
        return values
    # Mirrored, so that the end of the record does not wrap around to its beginning.
    spectrum = torch.fft.rfft(torch.cat([values, values.flip(-2)], dim=-2), dim=-2)
    freq = torch.arange(spectrum.shape[-2], device=values.device, dtype=values.dtype)
    energy = spectrum.abs().square().sum(dim=(0, 1, 3))
    centre = ((freq * energy).sum() / energy.sum().clamp_min(1e-30)).clamp_min(1.0)
    decibels = (tilt_db * torch.log2(freq.clamp_min(0.5) / centre)).clamp(-_LARGEST_TILT_DB, _LARGEST_TILT_DB)
    return torch.fft.irfft(spectrum * (10.0 ** (decibels / 20.0))[:, None], n=2 * n_rows, dim=-2)[..., :n_rows, :]
