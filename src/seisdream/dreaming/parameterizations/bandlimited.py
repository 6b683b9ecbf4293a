"""`bandlimited`: the change stays within the survey's band."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch

from seisdream.dreaming.parameterizations.base import Parameterization, filter_across, shrink_mask
from seisdream.seismic.spectrum import Band, band_taper


class Bandlimited(Parameterization):
    """The change passes a zero-phase filter with cosine ramps, along time and, more gently, across the traces.

    The filter comes last, so the change has no energy outside its outer corners. The parameters fade out towards the
    top and the bottom, because the filter wraps around from one end to the other.

    Parameters
    ----------
    start : Tensor
        ``(batch, channel, *space)``.
    corners_hz : (float, float, float, float)
        Of the trapezoid.
    dt_ms : float
        Sampling interval in ms.
    wavenumbers : sequence of (float, float), optional
        For each lateral axis, cycles a trace up to which the change passes whole, and beyond which it does not; by
        default all pass. A migrated section holds few lateral wavenumbers, a network's gradient all.
    mask : array, optional
        ``(time, trace)``, 0 to 1: where change is allowed. It fades inwards over the length of the filter, because a
        change that is cut off sharply holds every frequency.
    """

    name: ClassVar[str] = "bandlimited"

    def __init__(
        self,
        start: torch.Tensor,
        corners_hz: Band,
        dt_ms: float,
        *,
        wavenumbers: Sequence[tuple[float, float]] = (),
        mask: np.ndarray | None = None,
    ):
        super().__init__(start)
        n_rows, n_lateral_axes = start.shape[2], start.ndim - 3
        freq_hz = np.fft.rfftfreq(n_rows, dt_ms / 1000.0)
        self._taper = torch.from_numpy(band_taper(freq_hz, corners_hz)).to(start)
        self._taper = self._taper.reshape(-1, *(1,) * n_lateral_axes)
        self._across = []
        for full, empty in wavenumbers:
            n_lateral = math.ceil(1.0 / (full + empty))
            at = np.arange(-2 * n_lateral, 2 * n_lateral + 1)
            across = np.sinc(at * (full + empty)) * np.hanning(len(at) + 2)[1:-1]
            self._across.append(torch.from_numpy(across / across.sum()).to(start))
        # A ramp of so many Hz rings for about the inverse of it.
        ramp_hz = min(corners_hz[1] - corners_hz[0], corners_hz[3] - corners_hz[2])
        n_ringing = max(2, min(round(1000.0 / ramp_hz / dt_ms), n_rows // 6))
        ends = np.ones((n_rows + 2, *(1,) * n_lateral_axes))
        ends[[0, -1]] = 0.0
        weight = shrink_mask(ends, n_ringing)[1:-1]
        if mask is not None:
            weight = weight * shrink_mask(mask, n_ringing)
        self._taper_in_time = torch.from_numpy(weight).to(start)

    def render(self, values: torch.Tensor) -> torch.Tensor:
        """Return the start plus the parameters within the band."""
        return self.start + self._filtered(values * self._taper_in_time)

    def encode(self, values: torch.Tensor, sections: torch.Tensor) -> torch.Tensor:
        """Return the parameters plus the change to the sections; `render` removes what is outside the band."""
        return values + sections - self.render(values)

    def _filtered(self, values: torch.Tensor) -> torch.Tensor:
        for axis, window in enumerate(self._across, start=3):
            values = filter_across(values, axis, window)
        return torch.fft.irfft(torch.fft.rfft(values, dim=2) * self._taper, n=values.shape[2], dim=2)
