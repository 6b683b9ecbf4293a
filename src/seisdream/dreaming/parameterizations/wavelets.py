"""The wavelet of a dream: estimated from the section, analytic, or from a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import scipy.linalg
import torch
import torch.nn.functional as F
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.containers import read_npy
from seisdream.seismic.spectrum import estimate_wavelet, read_band, sampling_ms
from seisdream.synthetic.wavelets import ormsby, ricker

# An analytic or estimated wavelet is scaled so that the section's reflection coefficients have this RMS, which is that
# of well logs in sediments (Walden and Hosken, Geophysical Prospecting 34, 1986).
REFLECTIVITY_RMS = 0.04
LARGEST_COEFFICIENT = 0.5
"""No reflection coefficient is larger; the strongest in nature, sea bed and salt, are about 0.4."""
# Damping of the least squares that start a dream, as a share of the wavelet's largest power.
_DAMPING = 0.02
_HALF_LENGTH_MS = 100.0


def choose_wavelet(words: str | None, section: xr.DataArray) -> tuple[np.ndarray, bool]:
    """Return a wavelet, and whether its amplitude still has to be scaled.

    Parameters
    ----------
    words : str, optional
        ``ricker:30`` (peak in Hz), ``ormsby:8-12-60-80`` (corners in Hz), or a file (``.npy``, or text with a number a
        line) of an odd number of samples at the section's interval, zero time in the middle, in the section's units
        for a reflection coefficient of 1. By default the section's statistical wavelet (`estimate_wavelet`).
    section : DataArray
        ``(time, trace)``: where the wavelet is estimated, and its sampling interval.

    Raises
    ------
    SeisdreamError
        If there is no such wavelet (``not-found``, ``out-of-range``), its samples are unusable (``unreadable``,
        ``wrong-shape``, ``no-signal``), or the section has no regular time axis (``no-geometry``).
    """
    dt_ms = sampling_ms(section)
    if words is None:
        return estimate_wavelet(section), True
    half = max(2, min(round(_HALF_LENGTH_MS / dt_ms), len(section) // 2))
    times_ms = np.arange(-half, half + 1) * dt_ms
    kind, colon, numbers = words.partition(":")
    if kind == "ricker" and re.fullmatch(r"\d+(\.\d*)?|\.\d+", numbers):
        peak_hz = float(numbers)
        if not 0 < peak_hz < 500.0 / dt_ms:
            raise SeisdreamError(
                f"`wavelet` is '{words}'; its peak must lie between 0 and {500.0 / dt_ms:g} Hz (Nyquist).",
                code="out-of-range",
                option="wavelet",
            )
        return ricker(times_ms, peak_hz), True
    if kind == "ormsby" and colon:
        corners = read_band(numbers, dt_ms, option="wavelet")
        return ormsby(times_ms, corners) * np.hanning(2 * half + 3)[1:-1], True
    return _read_wavelet(words, len(section)), False


def _read_wavelet(name: str, n_samples: int) -> np.ndarray:
    if not Path(name).is_file():
        raise SeisdreamError(
            f"`wavelet` is '{name}'; it must be ricker:PEAK_HZ, ormsby:F1-F2-F3-F4, or a file of samples (.npy or "
            "text).",
            code="not-found",
            option="wavelet",
        )
    try:
        # No more than shows that it is too long.
        read: Callable = (
            read_npy if Path(name).suffix.lower() == ".npy" else partial(np.loadtxt, max_rows=2 * n_samples)
        )
        samples = read(name)
        wavelet = np.asarray(samples.flat[: 2 * n_samples], np.float64)
    except (ValueError, TypeError, IndexError, OSError, SeisdreamError) as error:
        raise SeisdreamError(
            f"The wavelet in {name} cannot be read ({error}); write one number a line.",
            code="unreadable",
            option="wavelet",
        ) from error
    if samples.size % 2 == 0 or not 3 <= samples.size <= 2 * n_samples - 1 or not np.isfinite(wavelet).all():
        raise SeisdreamError(
            f"The wavelet in {name} has {samples.size} samples; it must be an odd number of finite ones with zero time "
            f"in the middle, 3 to {2 * n_samples - 1} for this section.",
            code="wrong-shape",
            option="wavelet",
        )
    if not wavelet.any():
        raise SeisdreamError(
            f"The wavelet in {name} is zero everywhere; use another file (`wavelet`).",
            code="no-signal",
            option="wavelet",
        )
    return wavelet


def convolve(reflectivity: torch.Tensor, wavelet: torch.Tensor) -> torch.Tensor:
    """Return the seismogram ``(1, 1, time, lateral...)`` of reflectivity: each coefficient becomes a wavelet.

    Equal to `numpy.convolve` in mode "same", trace by trace.
    """
    traces = reflectivity[0, 0].flatten(1).T[:, None]
    # PyTorch correlates; the reversed wavelet convolves.
    traces = F.conv1d(traces, wavelet.flip(0)[None, None], padding=len(wavelet) // 2)
    return traces[:, 0].T.reshape(reflectivity.shape)


def convolution_matrix(wavelet: np.ndarray, n_samples: int) -> np.ndarray:
    """Return the matrix ``(time, time)`` of `convolve` for traces of so many samples."""
    half = len(wavelet) // 2
    column, row = np.zeros(n_samples), np.zeros(n_samples)
    n = min(half + 1, n_samples)
    column[:n], row[:n] = wavelet[half : half + n], wavelet[half::-1][:n]
    return scipy.linalg.toeplitz(column, row)


def solve_damped(matrix: np.ndarray, values: np.ndarray, penalty: np.ndarray | None = None) -> np.ndarray:
    """Return the damped least-squares solution of ``matrix @ solution = values`` for all traces at once.

    Parameters
    ----------
    matrix : array
        ``(time, time)``.
    values : array
        ``(time, trace)``.
    penalty : array, optional
        ``(time, time)``, a quadratic form that is minimized with the misfit; by default the squared solution.
    """
    normal = matrix.T @ matrix
    power = float(np.linalg.norm(matrix, ord=1) * np.linalg.norm(matrix, ord=np.inf))
    normal += _DAMPING * power * (np.eye(len(matrix)) if penalty is None else penalty)
    return scipy.linalg.solve(normal, matrix.T @ values, assume_a="pos")


def wavelet_amplitude(coefficients: np.ndarray) -> float:
    """Return the factor for a wavelet of unit height that gives reflection coefficients their usual RMS."""
    return float(np.sqrt(np.mean(coefficients**2))) / REFLECTIVITY_RMS


def check_coefficients(coefficients: np.ndarray) -> np.ndarray:
    """Return reflection coefficients; raise `SeisdreamError` (``out-of-range``) where they are too large for rock."""
    size = float(np.sqrt(np.mean(coefficients**2)))
    if not size <= LARGEST_COEFFICIENT:
        raise SeisdreamError(
            f"With this wavelet the RMS of the section's reflection coefficients would be {size:.3g}. A wavelet from a "
            "file is in the section's units for a coefficient of 1; this one is too small (`wavelet`).",
            code="out-of-range",
            option="wavelet",
        )
    return coefficients


def dominant_period(wavelet: np.ndarray) -> int:
    """Return the period of a wavelet's strongest frequency in samples, 2 or more."""
    spectrum = np.abs(np.fft.rfft(wavelet, 16 * len(wavelet)))
    return max(2, round(16 * len(wavelet) / max(1, int(np.argmax(spectrum)))))
