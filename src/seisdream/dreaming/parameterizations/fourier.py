"""`fourier`: the change is optimized in the Fourier basis, where neighbouring samples are decorrelated."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from seisdream.dreaming.parameterizations.base import Parameterization

# The square root of the covariance of the colours of photographs, from Lucid (Olah, Mordvintsev and Schubert
# 2017; lucid.optvis.param.color), measured on ImageNet. Rows are red, green and blue.
_COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
# Frequencies below this share of the strongest are not encoded.
_FLOOR = 1e-3


class Fourier(Parameterization):
    """The optimized parameters are white noise that becomes a change of the section through a spectrum.

    A gradient over samples is strongest at high frequencies, and so is the change it makes. In the Fourier basis, with
    each frequency scaled by its strength in such data, a step changes all frequencies equally (Olah, Mordvintsev and
    Schubert, Feature Visualization, Distill 2017). Colours of a picture are decorrelated in the same way.

    Parameters
    ----------
    start : Tensor
        ``(batch, 1 or 3, *space)``.
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

    def render(self, values: torch.Tensor) -> torch.Tensor:
        """Return the start plus the parameters, through the spectrum and the colours' covariance."""
        change = self._filtered(values, self._magnitude)
        if self._colours is not None:
            change = torch.einsum("ij,bjrc->birc", self._colours, change)
        return self.start + change

    def encode(self, values: torch.Tensor, sections: torch.Tensor) -> torch.Tensor:
        """Return the parameters of sections, except for frequencies that are missing in the spectrum."""
        change = sections - self.render(values)
        if self._colours is not None:
            change = torch.einsum("ij,bjrc->birc", torch.linalg.inv(self._colours), change)
        inverse = self._magnitude / (self._magnitude.square() + _FLOOR**2)
        return values + self._filtered(change, inverse)

    def _filtered(self, values: torch.Tensor, magnitude: torch.Tensor) -> torch.Tensor:
        return torch.fft.irfftn(torch.fft.rfftn(values, dim=self._axes) * magnitude, s=self._size, dim=self._axes)
