"""How the picture is changed before each look, jitter above all, and how the gradient comes back."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from seisdream.dreaming.objectives.terms import Place
from seisdream.dreaming.seismic_transforms import RandomSeismicTransform


@dataclass(frozen=True)
class Transform:
    """One look at the picture: as another recording could have shown it, where that was asked for, and shifted.

    Attributes
    ----------
    shift : Shift
        The jitter.
    change : Change, optional
        What is changed before.
    """

    shift: Jitter
    change: RandomSeismicTransform | None = None

    def look(self, picture: torch.Tensor) -> torch.Tensor:
        """Return what is seen of the picture ``(1, channel, row, column)``, differentiably."""
        return self.shift.look(picture if self.change is None else self.change(picture))

    def look_at_region(self, region: torch.Tensor) -> torch.Tensor:
        """Return where a region ``(1, 1, row, column)`` is in what is seen."""
        return self.shift.look(region if self.change is None else self.change.move(region))

    def find(self, place: Place, size: tuple[int, ...]) -> Place:
        """Return where a place is in what is seen of a picture of this size."""
        return self.shift.find(place if self.change is None else self.change.find(place, size), size)


class Jitter:
    """A look at the picture from a shifted place.

    Parameters
    ----------
    offsets : tuple of int
        Samples by which the content moves down and across, or along each axis of a cube.
    edges : {"wrap", "mirror"}
        What enters at the edge. ``wrap`` brings what leaves at one edge back in at the other, as the original
        recipe does. ``mirror`` reflects at the edge instead, so that the sea bed never meets the basement; there a
        shift ends at one sample less than the picture has.
    """

    def __init__(self, offsets: tuple[int, ...], edges: str):
        self.offsets = offsets
        self.edges = edges
        self._axes = tuple(range(-len(offsets), 0))

    def look(self, picture: torch.Tensor) -> torch.Tensor:
        """Return the shifted picture ``(1, channel, row, column)``."""
        if self.edges == "wrap":
            return picture.roll(self.offsets, self._axes)
        for axis, offset in zip(self._axes, self.offsets, strict=True):
            picture = _mirror(picture, axis, _within(offset, picture.shape[axis]))
        return picture

    def find(self, place: Place, size: tuple[int, ...]) -> Place:
        """Return where a place went, as shares of a picture of this size; beyond an edge it stays at the edge."""
        moved = [share + offset / n_samples for share, offset, n_samples in zip(place, self.offsets, size, strict=True)]
        if self.edges == "wrap":
            return moved[0] % 1.0, moved[1] % 1.0
        return min(max(moved[0], 0.0), 1.0), min(max(moved[1], 0.0), 1.0)

    def adjoint(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return the gradient of the picture from the gradient of its shifted look (the exact adjoint)."""
        if self.edges == "wrap":
            return gradient.roll(tuple(-offset for offset in self.offsets), self._axes)
        for axis, offset in zip(self._axes, self.offsets, strict=True):
            gradient = _mirror_back(gradient, axis, _within(offset, gradient.shape[axis]))
        return gradient


def _within(offset: int, n_samples: int) -> int:
    return max(1 - n_samples, min(n_samples - 1, offset))


def _mirror(picture: torch.Tensor, axis: int, offset: int) -> torch.Tensor:
    """Move the content along an axis; what enters is the picture reflected at its edge sample."""
    n_samples = picture.shape[axis]
    if offset > 0:
        entering = picture.narrow(axis, 1, offset).flip(axis)
        return torch.cat([entering, picture.narrow(axis, 0, n_samples - offset)], dim=axis)
    if offset < 0:
        entering = picture.narrow(axis, n_samples - 1 + offset, -offset).flip(axis)
        return torch.cat([picture.narrow(axis, -offset, n_samples + offset), entering], dim=axis)
    return picture


def _mirror_back(gradient: torch.Tensor, axis: int, offset: int) -> torch.Tensor:
    """Add each sample's gradients up where the sample came from."""
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
