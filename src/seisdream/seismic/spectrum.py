"""Spectra of sections: sampling interval, amplitude spectrum, frequency band, band-pass taper and wavelets."""

from __future__ import annotations

import math
import re

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter1d

from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import fill_absent

Band = tuple[float, float, float, float]

# Level of the spectrum relative to its peak at the outer and the inner corners of the band.
_OUTER_DB, _INNER_DB = -24.0, -10.0
_SMOOTHING_HZ = 1.0
_SAMPLES_AT_A_TIME = 2**22


def sampling_ms(section: xr.DataArray) -> float:
    """Return the sampling interval of the time axis of a section in ms.

    Raises
    ------
    SeisdreamError
        If the section has no time axis, or its times are not evenly spaced (``no-geometry``).
    """
    if section.dims[0] != "time":
        raise SeisdreamError(
            f"The vertical axis of this section is {section.dims[0]}, and a frequency band in Hz needs a time axis: "
            "give the sampling interval of an array (`dt_ms`), or use `parameterization='pixel'`, fourier or phase.",
            code="no-geometry",
            option="dt_ms",
        )
    steps = np.diff(np.asarray(section.time.values, np.float64))
    dt_ms = float(np.median(steps))
    if not dt_ms > 0 or np.abs(steps - dt_ms).max() > 0.01 * dt_ms:
        raise SeisdreamError(
            f"The times of the section are {steps.min():g} to {steps.max():g} ms apart; they must be evenly spaced. "
            "Give one sampling interval (`dt_ms`).",
            code="no-geometry",
            option="dt_ms",
        )
    return dt_ms


def amplitude_spectrum(values: np.ndarray, dt_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies in Hz and the RMS amplitude over traces at each.

    Parameters
    ----------
    values : array
        ``(time, trace)``, finite. Traces of zeros are ignored.
    dt_ms : float
        Sampling interval in ms.
    """
    n_alive, power = 0, 0.0
    n_traces = max(1, _SAMPLES_AT_A_TIME // len(values))
    # Some traces at a time, because a spectrum takes 16 bytes a sample.
    for first in range(0, values.shape[1], n_traces):
        block = values[:, first : first + n_traces]
        spectrum = np.fft.rfft(block[:, np.any(block != 0, axis=0)].astype(np.float64), axis=0)
        n_alive += spectrum.shape[1]
        power = power + np.sum(np.abs(spectrum) ** 2, axis=1)
    return np.fft.rfftfreq(len(values), dt_ms / 1000.0), np.sqrt(power / n_alive)


def mean_frequency(values: np.ndarray) -> float:
    """Return the mean frequency of ``(time, trace)`` in cycles per sample; 0 if all is zero.

    It is weighted by amplitude. Weighted by power, it would vary with the wavelet more than with the sampling interval:
    what distinguishes a section sampled too finely is that it has no energy at high frequencies.
    """
    if not values.any():
        return 0.0
    frequency, spectrum = amplitude_spectrum(values, 1000.0)
    return float(np.average(frequency, weights=spectrum))


def mean_wavenumber(values: np.ndarray) -> float:
    """Return the same along the lines of ``(time, trace)``, in cycles per trace."""
    return mean_frequency(values.T)


def measure_band(section: xr.DataArray) -> Band:
    """Return the four corner frequencies in Hz of the band of a section.

    The corners are where the mean amplitude spectrum, smoothed over 1 Hz, first falls 24 dB (outer corners) and 10 dB
    (inner corners) below its peak, going outwards from the peak.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` amplitudes.

    Raises
    ------
    SeisdreamError
        If the section has no evenly spaced time axis (``no-geometry``).
    """
    dt_ms = sampling_ms(section)
    freq_hz, spectrum = amplitude_spectrum(fill_absent(section)[0], dt_ms)
    spectrum = np.sqrt(gaussian_filter1d(spectrum**2, _SMOOTHING_HZ / freq_hz[1], mode="nearest"))
    level_db = 20.0 * np.log10(spectrum / spectrum.max() + 1e-12)
    peak = int(np.argmax(level_db))

    def first_below(levels: np.ndarray, limit: float) -> int:
        below = np.flatnonzero(levels < limit)
        return int(below[0]) if below.size else len(levels) - 1

    low = [peak - first_below(level_db[peak::-1], limit) for limit in (_OUTER_DB, _INNER_DB)]
    high = [peak + first_below(level_db[peak:], limit) for limit in (_INNER_DB, _OUTER_DB)]
    # Keep the corners apart even if the spectrum falls off within one frequency, because a taper needs width.
    corners = [freq_hz[index] for index in (*low, *high)]
    step = float(freq_hz[1])
    corners[0], corners[3] = min(corners[0], corners[1] - 2 * step), max(corners[3], corners[2] + 2 * step)
    corners[0] = max(corners[0], 0.0)
    corners[1] = max(corners[1], corners[0] + 2 * step)
    corners[3] = min(corners[3], 500.0 / dt_ms)
    corners[2] = min(max(corners[2], corners[1]), corners[3] - 2 * step)
    return check_band((corners[0], corners[1], corners[2], corners[3]), dt_ms)


def measure_wavenumbers(section: xr.DataArray) -> tuple[float, float]:
    """Return the wavenumbers at which the spectrum across traces is 10 dB and 24 dB below its peak.

    As `measure_band`, in cycles per trace (at most 0.5), for the largest wavenumbers above each level.
    """
    values = fill_absent(section)[0]
    wavenumber, spectrum = amplitude_spectrum(values.T, 1000.0)
    spectrum = np.sqrt(gaussian_filter1d(spectrum**2, 0.01 / wavenumber[1], mode="nearest"))
    level_db = 20.0 * np.log10(spectrum / spectrum.max() + 1e-12)
    full, empty = (float(wavenumber[np.flatnonzero(level_db >= limit)[-1]]) for limit in (_INNER_DB, _OUTER_DB))
    # Keep them apart, because a taper needs width.
    step = float(wavenumber[1])
    empty = max(empty, 3 * step)
    return max(0.0, min(full, empty - 2 * step)), empty


def read_band(text: str, dt_ms: float, option: str = "band") -> Band:
    """Return four corner frequencies in Hz from a text such as ``8-12-60-80``; errors name the option.

    Raises
    ------
    SeisdreamError
        If these are not four frequencies (``invalid``), or they do not rise up to Nyquist (``out-of-range``).
    """
    words = re.fullmatch(r"\s*([\d.]+)-([\d.]+)-([\d.]+)-([\d.]+)\s*", text)
    try:
        corners = tuple(float(word) for word in words.groups()) if words else ()
    except ValueError:
        corners = ()
    if len(corners) != 4:
        raise SeisdreamError(
            f"`{option}` is '{text}'; it must be four corner frequencies in Hz such as 8-12-60-80: zero below the "
            "first, full from the second to the third, zero above the fourth.",
            code="invalid",
            option=option,
        )
    return check_band((corners[0], corners[1], corners[2], corners[3]), dt_ms, option)


def check_band(corners: Band, dt_ms: float, option: str = "band") -> Band:
    """Return corner frequencies in Hz; raise `SeisdreamError`, naming the option, if they do not rise up to Nyquist."""
    f1, f2, f3, f4 = corners
    nyquist_hz = 500.0 / dt_ms
    if not 0 <= f1 < f2 <= f3 < f4 <= nyquist_hz * (1 + 1e-9):
        raise SeisdreamError(
            f"`{option}` is {'-'.join(f'{corner:g}' for corner in corners)} Hz; it must increase from 0 or more to at "
            f"most {nyquist_hz:g} Hz (Nyquist at {dt_ms:g} ms).",
            code="out-of-range",
            option=option,
        )
    return corners


def band_taper(freq_hz: np.ndarray, corners: Band) -> np.ndarray:
    """Return the amplitude of a band-pass filter, 0 to 1, with cosine (Tukey) ramps between its corners in Hz."""
    f1, f2, f3, f4 = corners
    ramp = np.interp(freq_hz, (f1, f2, f3, f4), (0.0, 1.0, 1.0, 0.0), left=0.0, right=0.0)
    return 0.5 - 0.5 * np.cos(np.pi * ramp)


def estimate_wavelet(section: xr.DataArray, length_ms: float = 160.0) -> np.ndarray:
    """Return the statistical wavelet of a section: zero phase, with the mean amplitude spectrum of the section.

    The mean autocorrelation is tapered to the length of the wavelet, which smooths its power spectrum; the amplitude
    spectrum of the wavelet is the square root. Reflectivity is assumed to be white and the wavelet to have zero phase
    (Robinson, "Predictive decomposition of seismic traces", Geophysics 22, 1957), because phase cannot be measured from
    the section alone.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` amplitudes.
    length_ms : float, default 160
        Length of the wavelet in ms; at most half the length of the section.

    Returns
    -------
    array
        float64, an odd number of samples with zero time in the middle and a peak of 1.

    Raises
    ------
    SeisdreamError
        If the section has no evenly spaced time axis (``no-geometry``).
    """
    dt_ms = sampling_ms(section)
    values = fill_absent(section)[0]
    n_samples = len(values)
    half = max(2, min(math.ceil(0.5 * length_ms / dt_ms), n_samples // 4))
    n_fft = 4 * n_samples
    spectrum = np.abs(np.fft.rfft(values.astype(np.float64), n_fft, axis=0))
    autocorrelation = np.fft.irfft(np.mean(spectrum**2, axis=1), n_fft)
    lags = np.minimum(np.arange(n_fft), n_fft - np.arange(n_fft))
    taper = np.where(lags <= half, 0.5 + 0.5 * np.cos(np.pi * lags / (half + 1)), 0.0)
    power = np.fft.rfft(autocorrelation * taper, n_fft).real
    wavelet = np.fft.irfft(np.sqrt(power.clip(0.0)), n_fft)
    wavelet = np.roll(wavelet, half)[: 2 * half + 1] * np.hanning(2 * half + 3)[1:-1] ** 0.5
    return wavelet / wavelet[half]


def tie_wavelet(trace: np.ndarray, reflectivity: np.ndarray, half_length: int = 25) -> np.ndarray:
    """Return the wavelet, of any phase, that best turns the reflectivity of a well into the trace at the well.

    By damped least squares. White ("Partial coherence matching of synthetic seismograms with seismic traces",
    Geophysical Prospecting 28, 1980) ties wells in this way in the frequency domain.

    Parameters
    ----------
    trace, reflectivity : array
        ``(time,)`` of one well, on the same samples.
    half_length : int, default 25
        Samples of the wavelet on each side of zero time.

    Returns
    -------
    array
        ``(2 * half_length + 1,)`` with zero time in the middle, in units of the trace per unit reflectivity.

    Examples
    --------
    >>> spikes = np.zeros(80)
    >>> spikes[[20, 47]] = 0.1, -0.2
    >>> wavelet = tie_wavelet(np.convolve(spikes, [0.0, 1.0, 0.0, 0.0, 0.5], mode="same"), spikes, 3)
    >>> np.argmax(wavelet).item(), np.round(wavelet[2] / wavelet[5], 2).item()
    (2, 2.0)
    """
    lags = np.arange(-half_length, half_length + 1)
    at = np.arange(len(trace))[:, None] - lags
    inside = (at >= 0) & (at < len(trace))
    shifted = np.where(inside, np.asarray(reflectivity, np.float64)[at.clip(0, len(trace) - 1)], 0.0)
    normal = shifted.T @ shifted
    # Damping, because a well has few reflection coefficients.
    normal += np.eye(len(lags)) * (0.01 * np.trace(normal) / len(lags) + 1e-30)
    return np.linalg.solve(normal, shifted.T @ np.asarray(trace, np.float64))
