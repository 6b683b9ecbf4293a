"""Ricker and Ormsby wavelets and their spectra, phase rotation, and convolution with attenuation."""

from __future__ import annotations

import numpy as np


def ricker(time_ms, peak_hz: float) -> np.ndarray:
    """Return a zero-phase Ricker wavelet of unit height at given times in ms.

    Ricker, "The form and laws of propagation of seismic wavelets", Geophysics 18 (1953).
    """
    squared = (np.pi * peak_hz * np.asarray(time_ms) / 1000.0) ** 2
    return (1.0 - 2.0 * squared) * np.exp(-squared)


def ormsby(time_ms, corners_hz: tuple[float, float, float, float]) -> np.ndarray:
    """Return a zero-phase Ormsby wavelet of unit height at given times in ms.

    Its spectrum is a trapezoid with these corners: zero below the first and above the fourth, constant from the second
    to the third (Ryan, CSEG Recorder, 1994).
    """
    f1, f2, f3, f4 = corners_hz
    seconds = np.asarray(time_ms) / 1000.0

    def ramp(low, high):
        high_part, low_part = ((np.pi * f * np.sinc(f * seconds)) ** 2 for f in (high, low))
        return (high_part - low_part) / (np.pi * (high - low))

    return (ramp(f3, f4) - ramp(f1, f2)) / (np.pi * (f4 + f3 - f2 - f1))


def rotate_phase(wavelet: np.ndarray, phase_deg: float) -> np.ndarray:
    """Rotate the phase of a wavelet by a constant angle; +90° turns a cosine into minus a sine."""
    n = len(wavelet)
    spectrum = np.fft.rfft(wavelet, 4 * n) * np.exp(1j * np.deg2rad(phase_deg))
    return np.fft.irfft(spectrum, 4 * n)[:n]


def ricker_spectrum(freq_hz, peak_hz: float) -> np.ndarray:
    """Return the amplitude spectrum of a Ricker wavelet, 1 at its peak."""
    squared = (np.asarray(freq_hz) / peak_hz) ** 2
    return squared * np.exp(1.0 - squared)


def ormsby_spectrum(freq_hz, corners_hz: tuple[float, float, float, float]) -> np.ndarray:
    """Return the amplitude spectrum of an Ormsby wavelet: a trapezoid of height 1."""
    return np.interp(np.asarray(freq_hz), corners_hz, (0.0, 1.0, 1.0, 0.0), left=0.0, right=0.0)


def wavelet_matrix(
    spectrum: np.ndarray, n_samples: int, dt_ms: float, *, phase_deg: float | np.ndarray = 0.0, q: float = np.inf
) -> np.ndarray:
    """Return the matrix that convolves reflectivity with a wavelet: its columns are the wavelets at each time.

    With a finite quality factor the wavelet loses high frequencies with time, ``exp(-pi f t / Q)`` (Futterman, Journal
    of Geophysical Research 67, 1962; without dispersion, as after processing). This is nonstationary convolution
    (Margrave, Geophysics 63, 1998). Without attenuation it is ordinary convolution.

    Parameters
    ----------
    spectrum : array
        Amplitudes at ``np.fft.rfftfreq(2 * n_samples, dt_ms / 1000)``.
    n_samples : int
        Samples per trace.
    dt_ms : float
        Sampling interval in ms.
    phase_deg : float or array, default 0
        Phase of the wavelet, constant or at each frequency.
    q : float, default infinite
        Quality factor; 50 to 200 in sediments.

    Returns
    -------
    array
        float32 ``(time, time)``.
    """
    n_fft = 2 * n_samples
    angular = np.arange(n_samples + 1) / n_fft
    columns = (spectrum * np.exp(1j * np.deg2rad(phase_deg)))[:, None]
    at = np.arange(n_samples)
    if np.isfinite(q):
        freq_hz = angular * 1000.0 / dt_ms
        columns = columns * np.exp(np.outer(freq_hz, at * (-np.pi * dt_ms / 1000.0 / q)))
    if columns.shape[1] == 1:
        # Without attenuation all columns are the same wavelet, shifted.
        wavelet = np.fft.irfft(columns[:, 0], n_fft)
        return wavelet[(at[:, None] - at) % n_fft].astype(np.float32)
    wavelets = np.fft.irfft(columns, n_fft, axis=0)
    return wavelets[(at[:, None] - at) % n_fft, at].astype(np.float32)
