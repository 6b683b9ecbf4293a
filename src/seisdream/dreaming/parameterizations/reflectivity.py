"""`reflectivity`: reflection coefficients are optimized, and the section is their seismogram."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from seisdream.dreaming.parameterizations.base import (
    AuxiliaryOutput,
    Parameterization,
    shrink_mask,
    smooth_across,
    to_array,
)
from seisdream.dreaming.parameterizations.wavelets import (
    LARGEST_COEFFICIENT,
    check_coefficients,
    convolution_matrix,
    convolve,
    dominant_period,
    solve_damped,
    wavelet_amplitude,
)

FRESNEL_TRACES = 2.0
"""Standard deviation in traces of the lateral smoothing of a step; a migrated image has no finer detail."""


class Reflectivity(Parameterization):
    """Reflection coefficients are optimized; the section is their convolution with a wavelet.

    The dream starts from the damped least-squares deconvolution of the given section. A step does not follow the whole
    gradient, which is as wide as a wavelet, but its strongest sample within a period to either side. That is steepest
    ascent in the L1 norm, as in matching pursuit (Mallat and Zhang, IEEE Transactions on Signal Processing 41, 1993),
    and the reason why sparse-spike deconvolution finds spikes (Taylor, Banks and McCoy, "Deconvolution with the l1
    norm", Geophysics 44, 1979).

    Parameters
    ----------
    start : Tensor
        ``(1, 1, *space)``.
    wavelet : array
        An odd number of samples, zero time in the middle.
    is_scaled : bool
        Whether the wavelet is in the section's units; otherwise it is scaled so that the RMS of the coefficients at
        the start is 0.04.
    mask : array, optional
        ``(time, trace)``, 0 to 1: where coefficients may change; it is shrunk by half a wavelet.
    """

    name: ClassVar[str] = "reflectivity"

    def __init__(self, start: torch.Tensor, wavelet: np.ndarray, is_scaled: bool, mask: np.ndarray | None = None):
        super().__init__(start)
        values = start[0, 0].flatten(1).double().cpu().numpy()
        coefficients = solve_damped(convolution_matrix(wavelet, len(values)), values)
        factor = 1.0 if is_scaled else wavelet_amplitude(coefficients)
        wavelet, coefficients = wavelet * factor, check_coefficients(coefficients / factor)
        self._wavelet = torch.from_numpy(wavelet).to(start)
        self._period = dominant_period(wavelet)
        self.values = self.project(torch.from_numpy(coefficients).to(start).reshape(start.shape))
        self._rock_mask = None if mask is None else torch.from_numpy(shrink_mask(mask, len(wavelet) // 2)).to(start)

    @property
    def wavelet(self) -> np.ndarray:
        """The wavelet in the section's units, float32."""
        return self._wavelet.cpu().numpy()

    def render(self, values: torch.Tensor) -> torch.Tensor:
        """Return the seismogram."""
        return convolve(values, self._wavelet)

    def precondition(self, values: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Return the gradient at its strongest samples in time, zero elsewhere."""
        if self._rock_mask is not None:
            gradient = gradient * self._rock_mask
        gradient = smooth_across(gradient, FRESNEL_TRACES)
        magnitude = gradient.abs()
        reach = self._period
        traces = magnitude.flatten(3)
        strongest = torch.nn.functional.max_pool2d(traces, (2 * reach + 1, 1), 1, (reach, 0)).reshape(magnitude.shape)
        return smooth_across(
            torch.where(magnitude == strongest, gradient, torch.zeros_like(gradient)), 0.5 * FRESNEL_TRACES
        )

    def project(self, values: torch.Tensor) -> torch.Tensor:
        """Clip the coefficients to what occurs in nature."""
        return values.clamp(-LARGEST_COEFFICIENT, LARGEST_COEFFICIENT)

    def auxiliary_outputs(self, values: torch.Tensor) -> dict[str, AuxiliaryOutput]:
        """Return the reflectivity."""
        return {"reflectivity": AuxiliaryOutput(to_array(values), "", "Reflection coefficient")}
