"""`fourier`: neighbouring samples are decorrelated, and colours too."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from seisdream.dreaming.parameterizations.base import Parameterization

# How the colours of photographs go together: the root of their covariance, from Lucid (Olah, Mordvintsev and Schubert
# 2017; lucid.optvis.param.color), measured on ImageNet. Rows are red, green and blue.
_COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
# Frequencies below this share of the strongest are not brought back to a wanted section.
_FLOOR = 1e-3


class Fourier(Parameterization):
    """The change is white noise's: what is free is decorrelated, and the section gets it through a spectrum.

    A step uphill in samples goes where the gradient is, and that is high frequencies. Free in the Fourier basis, each
    frequency scaled by how strong it is in such data, the same step goes into all of them alike (Olah, Mordvintsev and
    Schubert, Feature Visualization, Distill 2017). Colours of a picture are decorrelated in the same way.

    Parameters
    ----------
    start : Tensor
        ``(1, 1 or 3, row, column)``, or a cube.
    magnitude : array
        The spectrum at ``fftfreq`` of the rows and ``rfftfreq`` of the columns (of a cube, of its last axis), not
        negative.
    """

    name: ClassVar[str] = "fourier"

    def __init__(self, start: torch.Tensor, magnitude: np.ndarray):
        super().__init__(start)
        self._size, self._axes = tuple(start.shape[2:]), tuple(range(2, start.ndim))
        self._magnitude = torch.from_numpy(magnitude / magnitude.max()).to(start)
        self._colours = None
        if start.shape[1] == 3:
            colours = np.array(_COLOURS)
            colours /= np.linalg.norm(colours, axis=0).max()
            self._colours = torch.from_numpy(colours).to(start)

    def render(self, free: torch.Tensor) -> torch.Tensor:
        """Return the start plus what is free, through the spectrum and the colours' covariance."""
        change = self._filtered(free, self._magnitude)
        if self._colours is not None:
            change = torch.einsum("ij,bjrc->birc", self._colours, change)
        return self.start + change

    def approach(self, free: torch.Tensor, section: torch.Tensor) -> torch.Tensor:
        """Return what is free for a section, but for frequencies that the spectrum has not."""
        change = section - self.render(free)
        if self._colours is not None:
            change = torch.einsum("ij,bjrc->birc", torch.linalg.inv(self._colours), change)
        inverse = self._magnitude / (self._magnitude.square() + _FLOOR**2)
        return free + self._filtered(change, inverse)

    def _filtered(self, values: torch.Tensor, magnitude: torch.Tensor) -> torch.Tensor:
        return torch.fft.irfftn(torch.fft.rfftn(values, dim=self._axes) * magnitude, s=self._size, dim=self._axes)
