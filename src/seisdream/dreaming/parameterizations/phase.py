"""`phase`: the magnitude spectrum is fixed, the phase is optimized."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from seisdream.dreaming.parameterizations.base import Parameterization

# The phase of bins below this share of the strongest is undefined.
_TINY = 1e-12


class Phase(Parameterization):
    """The magnitude spectrum over frequency and wavenumber is fixed; only the phase is optimized.

    After MACO (Fel and others, "Unlocking feature visualization for deep networks with magnitude constrained
    optimization", NeurIPS 2023), with one section's own magnitude instead of the mean over a set of photographs. The
    parameters are a real section of which only the phase counts, so the spectrum's symmetry holds by construction; at
    the start they are the given section with its spectrum whitened.

    Parameters
    ----------
    start : Tensor
        ``(batch, channel, *space)``.
    magnitude : array, optional
        The magnitude to keep, at ``fftfreq`` of the rows and ``rfftfreq`` of the columns (of a cube, of its last axis);
        by default the start's own.
    """

    name: ClassVar[str] = "phase"

    def __init__(self, start: torch.Tensor, magnitude: np.ndarray | None = None):
        super().__init__(start)
        self._size, self._axes = tuple(start.shape[2:]), tuple(range(2, start.ndim))
        own = self._spectrum(start).abs()
        self._magnitude = own
        if magnitude is not None:
            self._magnitude = _of_energy(torch.from_numpy(magnitude).to(start), own, self._size)
        self.values = self.project(start)

    def render(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sections of the fixed magnitude that have the phase of the parameters."""
        return self._section(self._magnitude * _unit(self._spectrum(values)))

    def encode(self, values: torch.Tensor, sections: torch.Tensor) -> torch.Tensor:
        """Return the phase of the sections."""
        return self.project(sections)

    def project(self, values: torch.Tensor) -> torch.Tensor:
        """Whiten, so that a step turns every phase equally."""
        return self._section(_unit(self._spectrum(values)))

    def _spectrum(self, sections: torch.Tensor) -> torch.Tensor:
        return torch.fft.rfftn(sections, dim=self._axes)

    def _section(self, spectrum: torch.Tensor) -> torch.Tensor:
        return torch.fft.irfftn(spectrum, s=self._size, dim=self._axes)


class WindowedPhase(Phase):
    """`Phase` in windows of time that overlap by half, so that energy stays at the times where it was.

    Over the whole section, phase may move the energy of shallow layers down. Here every window (the root of a Hann
    window, so that the windows add up to the section) keeps its own magnitude spectrum. Where windows overlap their
    sum counts, so the spectrum of the result is kept closely, not exactly.

    Parameters
    ----------
    start : Tensor
        ``(1, channel, time, trace)``.
    n_window : int
        Length of a window in samples, even, 8 or more.
    """

    def __init__(self, start: torch.Tensor, n_window: int):
        Parameterization.__init__(self, start)
        self._n, self._hop = n_window, n_window // 2
        n_rows = start.shape[-2]
        n_windows = -(-n_rows // self._hop) + 1
        self._padding = (self._hop, n_windows * self._hop - n_rows)
        self._window = torch.hann_window(n_window, periodic=True).sqrt().to(start)[:, None]
        self._magnitude = torch.fft.rfft2(self._pieces(start)).abs()
        self.values = self.project(self._pieces(start))

    def render(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum of the windows, each of its fixed magnitude and the phase of its parameters."""
        size = (self._n, self.start.shape[-1])
        pieces = self._window * torch.fft.irfft2(self._magnitude * _unit(torch.fft.rfft2(values)), s=size)
        # Every second window, end to end, fills the section; the others lie half a window below.
        even, odd = (torch.cat(tuple(pieces[:, :, first::2].unbind(2)), dim=-2) for first in (0, 1))
        n_rows = self.start.shape[-2] + sum(self._padding)
        odd = torch.nn.functional.pad(odd, (0, 0, self._hop, 0))
        total = sum(torch.nn.functional.pad(half, (0, 0, 0, n_rows - half.shape[-2])) for half in (even, odd))
        assert isinstance(total, torch.Tensor)
        return total[..., self._padding[0] : self._padding[0] + self.start.shape[-2], :]

    def encode(self, values: torch.Tensor, sections: torch.Tensor) -> torch.Tensor:
        """Return the phase of the windows of the sections."""
        return self.project(self._pieces(sections))

    def project(self, values: torch.Tensor) -> torch.Tensor:
        """Whiten each window ``(1, channel, window, row, column)``."""
        return torch.fft.irfft2(_unit(torch.fft.rfft2(values)), s=(self._n, self.start.shape[-1]))

    def _pieces(self, sections: torch.Tensor) -> torch.Tensor:
        padded = torch.nn.functional.pad(sections, (0, 0, *self._padding))
        # (1, channel, window, column, row) from unfold; rows before columns again.
        return padded.unfold(-2, self._n, self._hop).transpose(-1, -2) * self._window


def _unit(spectrum: torch.Tensor) -> torch.Tensor:
    """Return spectra with magnitude 1 everywhere; bins that are negligible in their own spectrum get phase 0."""
    magnitude = spectrum.abs()
    is_tiny = magnitude <= _TINY * magnitude.amax(tuple(range(1, magnitude.ndim)), keepdim=True)
    safe = torch.where(is_tiny, torch.ones_like(magnitude), magnitude)
    return torch.where(is_tiny, torch.ones_like(spectrum), spectrum / safe)


def _of_energy(magnitude: torch.Tensor, own: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """Scale a magnitude to the energy of others, and take over their mean (the zero frequency)."""
    # A column of half a spectrum counts twice, except for the first and, of an even number, the last.
    counts = torch.full_like(own[(0,) * (own.ndim - 1)], 2.0)
    counts[0] = 1.0
    if size[-1] % 2 == 0:
        counts[-1] = 1.0
    magnitude, zero = magnitude.expand_as(own).clone(), (..., *(0,) * len(size))
    mean = own[zero].clone()
    magnitude[zero] = 0.0
    energy, present = ((values.square() * counts).flatten(1).sum(1) for values in (own, magnitude))
    energy = energy - mean.square().sum(1)
    magnitude *= (energy / present.clamp_min(_TINY)).sqrt().reshape(-1, *(1,) * (own.ndim - 1))
    magnitude[zero] = mean
    return magnitude
