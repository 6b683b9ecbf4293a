"""`impedance`: acoustic impedance is optimized, and the section is its seismogram."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from seisdream.dreaming.parameterizations.base import (
    AuxiliaryOutput,
    Parameterization,
    along_time,
    shrink_mask,
    smooth_across,
    to_array,
)
from seisdream.dreaming.parameterizations.reflectivity import FRESNEL_TRACES
from seisdream.dreaming.parameterizations.wavelets import (
    check_coefficients,
    convolution_matrix,
    convolve,
    solve_damped,
    wavelet_amplitude,
)
from seisdream.synthetic.rocks import gardner_density, velocity_trend

DEFAULT_BOUNDS = (1.5, 12.0)
"""10⁶ kg m⁻² s⁻¹: from water to tight carbonate and salt."""

# Strength of a prior after each step, in units of the logarithm of impedance.
_TV, _SMOOTH, _TV_ITERATIONS = 0.001, 0.3, 12
# The bounds leave room around the trend for this quantile of the inverted contrasts.
_ROOM = 0.99
# Seismic does not constrain periods longer than this.
_LONGEST_MS = 400.0


class Impedance(Parameterization):
    """Acoustic impedance is optimized within bounds; reflectivity and section follow from it.

    The dream starts from a band-limited inversion of the given section (`invert`) plus a compaction trend. The
    reflection coefficient at a sample's top is ``(Z2 - Z1) / (Z2 + Z1)``; velocity and density are those that
    Gardner's relation ties to impedance. A step follows the gradient integrated in time (a Sobolev gradient;
    Neuberger 1997), so that rock changes by layers rather than by edges. A prior then regularizes the change since the
    start: total variation (Rudin, Osher and Fatemi, Physica D 60, 1992), solved in its dual
    (Chambolle, Journal of Mathematical Imaging and Vision 20, 2004), keeps boundaries sharp and layers blocky.

    Parameters
    ----------
    start : Tensor
        ``(1, 1, *space)``.
    wavelet, is_scaled
        As for `Reflectivity`.
    times_ms : array
        Two-way times of the samples; compaction begins at 0.
    bounds : (float, float)
        Smallest and largest impedance in 10⁶ kg m⁻² s⁻¹.
    prior : {"tv", "smooth", "none"}
        Blocky layers, smooth rock, or nothing beyond the bounds.
    mask : array, optional
        ``(time, trace)``, 0 to 1: where rock may change; it is shrunk by half a wavelet.
    """

    name: ClassVar[str] = "impedance"

    def __init__(
        self,
        start: torch.Tensor,
        wavelet: np.ndarray,
        is_scaled: bool,
        times_ms: np.ndarray,
        *,
        bounds: tuple[float, float] = DEFAULT_BOUNDS,
        prior: str = "tv",
        mask: np.ndarray | None = None,
    ):
        super().__init__(start)
        values = start[0, 0].flatten(1).double().cpu().numpy()
        n_samples = len(values)
        dt_ms = float(times_ms[1] - times_ms[0])
        vp = velocity_trend(np.asarray(times_ms, np.float64))
        trend = np.log(vp * gardner_density(vp) * 1e-6)
        departure, steady = invert(values, wavelet, dt_ms)
        step = _steps(n_samples)
        coefficients = 0.5 * step @ departure
        factor = 1.0 if is_scaled else wavelet_amplitude(coefficients)
        check_coefficients(coefficients / factor)
        wavelet, departure = wavelet * factor, departure / factor
        self._wavelet = torch.from_numpy(wavelet).to(start)
        low, high = np.log(bounds)
        self._bounds, self._prior = (float(low), float(high)), prior
        self._integrating = torch.from_numpy(np.linalg.inv(steady)).to(start)
        self._smoothing = torch.from_numpy(np.linalg.inv(np.eye(n_samples) + _SMOOTH * step.T @ step)).to(start)
        # Compaction ends: the trend stops where the section's contrasts would no longer fit between the bounds.
        room = min(float(np.quantile(np.abs(departure), _ROOM)), 0.5 * float(high - low))
        rock = trend.clip(low + room, high - room)[:, None] + departure
        self._rock_mask = None
        self.values = torch.from_numpy(rock.clip(low, high)).to(start).reshape(start.shape)
        self._first = self.values
        if mask is not None:
            self._rock_mask = torch.from_numpy(shrink_mask(mask, len(wavelet) // 2)).to(start)

    @property
    def wavelet(self) -> np.ndarray:
        """The wavelet in the section's units, float32."""
        return self._wavelet.cpu().numpy()

    def render(self, values: torch.Tensor) -> torch.Tensor:
        """Return the seismogram of the logarithm of impedance."""
        # (Z2 - Z1) / (Z2 + Z1) is the hyperbolic tangent of half the step of its logarithm.
        steps = torch.diff(values, dim=2, prepend=values[:, :, :1])
        return convolve(torch.tanh(0.5 * steps), self._wavelet)

    def precondition(self, values: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Return the gradient integrated in time and smoothed across traces, to the resolution of the seismic."""
        direction = along_time(self._integrating, smooth_across(gradient, FRESNEL_TRACES))
        return direction if self._rock_mask is None else direction * self._rock_mask

    def project(self, values: torch.Tensor) -> torch.Tensor:
        """Apply the prior to the change since the start, within the bounds; outside the mask nothing changes."""
        change = values - self._first
        if self._prior == "smooth":
            change = along_time(self._smoothing, change)
        elif self._prior == "tv":
            change = _denoise_total_variation(change, _TV, _TV_ITERATIONS)
        if self._rock_mask is not None:
            change = change * self._rock_mask.sign()
        return (self._first + change).clamp(*self._bounds)

    def auxiliary_outputs(self, values: torch.Tensor) -> dict[str, AuxiliaryOutput]:
        """Return impedance, the velocity and density that go with it, and the reflectivity."""
        impedance = values.double().exp()
        # Where Z = 310 vp^1.25 (Gardner), in SI units.
        vp = (impedance * 1e6 / 310.0) ** 0.8
        steps = torch.diff(values.double(), dim=2, prepend=values[:, :, :1].double())
        low, high = (float(np.exp(bound)) for bound in self._bounds)
        return {
            "impedance": AuxiliaryOutput(to_array(impedance).clip(low, high), "10⁶ kg m⁻² s⁻¹", "Acoustic impedance"),
            "vp": AuxiliaryOutput(to_array(vp), "m/s", "P velocity (Gardner)"),
            "density": AuxiliaryOutput(to_array(impedance * 1e6 / vp), "kg/m³", "Density (Gardner)"),
            "reflectivity": AuxiliaryOutput(to_array(torch.tanh(0.5 * steps)), "", "Reflection coefficient"),
        }


def invert(values: np.ndarray, wavelet: np.ndarray, dt_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """Invert seismic for the logarithm of impedance within its band, by damped least squares, all traces at once.

    The seismogram is half the step of the logarithm, convolved with the wavelet. The misfit is minimized together with
    the steps and, more weakly, with periods beyond 400 ms, which seismic does not constrain.

    Parameters
    ----------
    values : array
        ``(time, trace)`` amplitudes.
    wavelet : array
        An odd number of samples with zero time in the middle, in the units of the amplitudes for a reflection
        coefficient of 1; in other units the result is out by the same factor.
    dt_ms : float
        Sampling interval in ms.

    Returns
    -------
    departure : array
        ``(time, trace)``: the natural logarithm of impedance, minus an unknown background.
    penalty : array
        ``(time, time)``: the quadratic form of the regularization.

    Examples
    --------
    >>> departure, _ = invert(np.zeros((40, 3)), np.array([-0.3, 1.0, -0.3]), 4.0)
    >>> departure.shape
    (40, 3)
    """
    n_samples = len(values)
    step = _steps(n_samples)
    reflecting = 0.5 * convolution_matrix(wavelet, n_samples) @ step
    # Long periods, which seismic does not constrain, stay at the trend.
    steady = step.T @ step + np.eye(n_samples) * (2.0 * np.pi * dt_ms / _LONGEST_MS) ** 2
    return solve_damped(reflecting, values, penalty=steady), steady


def _steps(n_samples: int) -> np.ndarray:
    """Return the matrix ``(time, time)`` of differences in time; the first row is zero."""
    step = np.diff(np.eye(n_samples), axis=0, prepend=np.zeros((1, n_samples)))
    step[0] = 0.0
    return step


def _denoise_total_variation(values: torch.Tensor, weight: float, n_iterations: int) -> torch.Tensor:
    """Return values ``(1, 1, time, lateral...)`` with less total variation in time: the proximal map."""
    dual = torch.zeros_like(values[:, :, 1:])
    for _ in range(n_iterations):
        dual = (dual + 0.25 * torch.diff(_minus_divergence(values, dual), dim=2)).clamp(-weight, weight)
    return _minus_divergence(values, dual)


def _minus_divergence(values: torch.Tensor, dual: torch.Tensor) -> torch.Tensor:
    """Return values minus the transposed difference of the dual."""
    lateral = (0, 0) * (values.ndim - 3)
    above = torch.nn.functional.pad(dual, (*lateral, 1, 0))
    below = torch.nn.functional.pad(dual, (*lateral, 0, 1))
    return values - (above - below)
