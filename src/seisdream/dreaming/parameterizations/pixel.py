"""`pixel`: the samples themselves are free."""

from __future__ import annotations

from typing import ClassVar

import torch

from seisdream.dreaming.parameterizations.base import Parameterization


class Pixel(Parameterization):
    """Every sample is free. Used where something is kept by projection; else `levels` dreams on octaves of samples."""

    name: ClassVar[str] = "pixel"

    def render(self, free: torch.Tensor) -> torch.Tensor:
        """Return the start plus what is free."""
        return self.start + free

    def approach(self, free: torch.Tensor, section: torch.Tensor) -> torch.Tensor:
        """Return the change to a section."""
        return section - self.start
