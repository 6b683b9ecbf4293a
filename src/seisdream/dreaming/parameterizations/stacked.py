"""Several dreams side by side whose parameterizations differ, or cannot be computed as one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch

from seisdream.dreaming.parameterizations.base import Parameterization
from seisdream.inference.tensors import Size


class Stacked(Parameterization):
    """Parameterizations of one section each, bound already, as one batch.

    Parameters
    ----------
    parts : sequence of Parameterization
        All of one class and one size.
    """

    name: ClassVar[str] = "stacked"

    def __init__(self, parts: Sequence[Parameterization]):
        super().__init__(torch.cat([part.start for part in parts]))
        self._parts = tuple(parts)
        self.values = self.initial_values = torch.cat([part.values for part in parts])

    @property
    def parts(self) -> Sequence[Parameterization]:
        """The parameterization of each section."""
        return self._parts

    def render(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sections that follow from parameters."""
        return torch.cat([part.render(one) for part, one in zip(self.parts, values.split(1), strict=True)])

    def begin_level(self, sizes: Sequence[Size]) -> None:
        """Begin a level in each part."""
        for part in self.parts:
            part.begin_level(sizes)

    def begin_octave(self, number: int) -> None:
        """Begin an octave in each part."""
        for part in self.parts:
            part.begin_octave(number)

    def image(self) -> torch.Tensor:
        """Return the parts' images as a batch."""
        return torch.cat([part.image() for part in self.parts])

    def propose(self, gradient: torch.Tensor, step_size: float) -> torch.Tensor:
        """Return the parameters one step along a gradient."""
        gradients = gradient.split(1)
        return torch.cat([part.propose(one, step_size) for part, one in zip(self.parts, gradients, strict=True)])

    def accept(self, values: torch.Tensor) -> None:
        """Take over what `propose` returned."""
        super().accept(values)
        for part, one in zip(self.parts, values.split(1), strict=True):
            part.accept(one)

    def sections(self) -> torch.Tensor:
        """Return the sections as they are now, in their own units."""
        return torch.cat([part.sections() for part in self.parts])

    def end(self) -> None:
        """Free what only further steps need."""
        for part in self.parts:
            part.end()

    def full_image(self) -> Callable[[], torch.Tensor]:
        """Return a function that makes the network's input of this step at the section's size."""
        made = [part.full_image() for part in self.parts]
        return lambda: torch.cat([make() for make in made])
