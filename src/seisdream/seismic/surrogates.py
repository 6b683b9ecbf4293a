"""Surrogates: random sections or cubes that keep selected statistics of a real one.

Each kind is a null hypothesis, with which the response of a network to the real section is compared.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import absent_samples, is_colour, is_picture

SURROGATES = ("phase", "noise", "traces")
WINDOW_SAMPLES = 128
"""Height in samples of the overlapping windows whose spectrum and energy are kept."""
# Fewer zeros than this, down or across, are zero crossings.
_SILENT_SIDE = 4


class Surrogates:
    """Surrogates of one section or cube and kind: call it with a seed. Its statistics are measured once.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)``, a picture, or a cube ``(time, inline, crossline)``; missing samples are NaN.
    kind : {"phase", "noise", "traces"}
        What is kept; everything else is random:

        - ``phase``: the energy and the frequency-wavenumber spectrum in overlapping time windows, so also dips and
          their strength; phases are random (Theiler and others 1992). Null hypothesis: a Gaussian texture without
          events, whose spectrum and gain change only with time;
        - ``noise``: Gaussian noise with the same energy, frequency spectrum and wavenumber spectrum, but no dips and no
          layering. Null hypothesis: band-limited noise that is as smooth across traces as the section;
        - ``traces``: all traces, in random order. Null hypothesis: independent traces.
    window_samples : int, default 128
        Height of the windows, each of which overlaps half of the next. A section of less than 1.25 windows is one
        window. Energy is kept on a scale of an eighth of this.

    Raises
    ------
    SeisdreamError
        If there is no such kind (``unknown-name``), the windows are too small (``out-of-range``), or the section is
        silent (``no-signal``).

    Notes
    -----
    The left and right edges of a section differ, and this jump would add dips to the spectrum that are not in the
    section. So the periodic component of each window is used (Moisan 2011, "Periodic plus smooth image decomposition",
    J. Math. Imaging Vis. 39), as in the random phase textures of Galerne, Gousseau and Morel (2011, IEEE Trans. Image
    Process. 20).

    Examples
    --------
    >>> from seisdream.io.samples import open_sample
    >>> section = open_sample("built-in")
    >>> Surrogates(section, "phase")(1).shape == section.shape
    True
    """

    def __init__(self, section: xr.DataArray, kind: str, *, window_samples: int = WINDOW_SAMPLES):
        if kind not in SURROGATES:
            raise SeisdreamError(
                f"There is no surrogate '{kind}'; choose one of {', '.join(SURROGATES)}.",
                code="unknown-name",
                option="surrogates",
            )
        if window_samples < 2:
            raise SeisdreamError(
                f"`window_samples` is {window_samples}; it must be 2 or more.",
                code="out-of-range",
                option="window_samples",
            )
        self.kind = kind
        self._section = section
        self._is_live = ~(absent_samples(section) | _silent(section))
        if not self._is_live.any():
            raise SeisdreamError(
                "The section is zero or absent everywhere, so it has no surrogates; use another section.",
                code="no-signal",
            )
        planes = np.moveaxis(section.values, -1, 0) if is_colour(section) else section.values[None]
        # (plane, row, column), of a cube (1, time, inline, crossline): all colours of a surrogate have the same phases
        # or the same order.
        self._planes = planes.astype(np.float64)
        self._across = tuple(range(2, self._planes.ndim))
        self._means = _as_axes(self._planes[:, self._is_live].mean(axis=1), self._planes.ndim, 0)
        self._windows = [] if kind == "traces" else self._measure(window_samples)
        self._gain = self._measure_gain(window_samples / 8)

    def __call__(self, seed: int) -> xr.DataArray:
        """Return the surrogate of a seed.

        Returns
        -------
        DataArray
            Like the section; its absent and silent samples (dead traces, mutes) are unchanged.
        """
        rng = np.random.default_rng([SURROGATES.index(self.kind), seed])
        made = self._reordered(rng) if self.kind == "traces" else self._means + self._texture(rng)
        values = np.where(self._is_live, made, self._planes)
        values = np.moveaxis(values, 0, -1) if is_colour(self._section) else values[0]
        if is_picture(self._section):
            values = values.clip(*self._section.attrs["value_range"])
        return self._section.copy(data=values.astype(np.float32))

    def _measure(self, window_samples: int) -> list[tuple[slice, NDArray, NDArray]]:
        """Return the rows of each window, the taper times the RMS amplitude, and the spectrum, by plane."""
        detail = np.where(self._is_live, self._planes - self._means, 0.0)
        measured = []
        for taper in _tapers(detail.shape[1], window_samples):
            rows = slice(int(np.flatnonzero(taper)[0]), int(np.flatnonzero(taper)[-1]) + 1)
            weight = _as_axes(taper[rows], detail.ndim - 1, 0)
            window = weight * detail[:, rows]
            # Per live sample, otherwise silent samples would lower the energy of the others.
            n_live = np.sum(self._is_live[rows] * weight**2)
            energy = np.sum(window**2, axis=(1, *self._across), keepdims=True)
            rms = np.sqrt(energy / n_live) if n_live else 0.0 * self._means
            measured.append((rows, weight * rms, self._spectrum(window)))
        return measured

    def _measure_gain(self, smoothing: float) -> NDArray:
        """Return the gain ``(plane, row, 1, ...)`` of each row relative to its windows."""
        detail = np.where(self._is_live, self._planes - self._means, 0.0)
        power = np.sum(detail**2, axis=self._across, keepdims=True)
        n_live = np.broadcast_to(np.sum(self._is_live[None], axis=self._across, keepdims=True), power.shape)
        power, even = (
            ndimage.gaussian_filter1d(rows, smoothing, axis=1, mode="nearest")
            for rows in (power, n_live * self._even_power())
        )
        # Both are smoothed in the same way, so that the gain of smooth energy is 1.
        return np.sqrt(np.divide(power, even, out=np.ones_like(power), where=even > 0))

    def _even_power(self) -> NDArray:
        """Return the mean square ``(plane, row, 1, ...)`` of textures before the gain."""
        power = np.zeros(self._planes.shape[:2] + (1,) * len(self._across))
        for rows, weight, _ in self._windows:
            power[:, rows] += weight**2
        return power

    def _spectrum(self, windows: NDArray) -> NDArray:
        """Return the amplitude spectrum ``(plane, row, wavenumber, ...)`` of the textures."""
        amplitudes = np.abs(_periodic_spectrum(windows))
        if self.kind == "noise":
            power = np.abs(np.fft.fft(windows, axis=1)) ** 2
            down = np.sqrt(np.mean(power, axis=self._across, keepdims=True))
            across = np.sqrt(np.mean(amplitudes**2, axis=1, keepdims=True))
            amplitudes = down * across
        amplitudes.reshape(len(amplitudes), -1)[:, 0] = 0.0
        return amplitudes

    def _texture(self, rng: np.random.Generator) -> NDArray:
        """Return random textures ``(plane, row, column, ...)`` of zero mean."""
        texture = np.zeros_like(self._planes)
        for rows, weight, amplitudes in self._windows:
            size = texture[0, rows].shape
            noise = np.fft.rfftn(rng.normal(size=size))
            if self.kind == "phase":
                # The phases of real white noise have the symmetry of a real image.
                noise /= np.maximum(np.abs(noise), 1e-30)
            field = np.fft.irfftn(amplitudes * noise, size, axes=(1, *self._across))
            spread = field.std(axis=(1, *self._across), keepdims=True)
            texture[:, rows] += weight * field / np.where(spread > 0, spread, 1.0)
        return self._gain * texture

    def _reordered(self, rng: np.random.Generator) -> NDArray:
        """Return the planes with live traces in random order; silent samples that move become the mean."""
        is_live = self._is_live.reshape(len(self._is_live), -1)
        order = np.arange(is_live.shape[1])
        alive = np.flatnonzero(is_live.any(axis=0))
        order[alive] = rng.permutation(alive)
        traces = np.where(self._is_live, self._planes, self._means).reshape(*self._planes.shape[:2], -1)
        return traces[:, :, order].reshape(self._planes.shape)


def _tapers(n_rows: int, window_samples: int) -> NDArray:
    """Return ``(window, row)`` tapers whose squares add up to one, so that energy is preserved."""
    n_halves = round(n_rows / (window_samples / 2))
    if n_halves < 3:
        return np.ones((1, n_rows))
    middles = np.linspace(0.0, n_rows - 1.0, n_halves + 1)
    distance = np.abs(np.arange(n_rows) - middles[:, None]) / (middles[1] - middles[0])
    return np.sqrt((1.0 - distance).clip(0.0))


def _periodic_spectrum(windows: NDArray) -> NDArray:
    """Return the spectrum of the periodic component: the window minus the smooth part due to jumps at its edges."""
    axes, jumps = tuple(range(1, windows.ndim)), np.zeros_like(windows)
    for axis in axes:
        first, last = ((slice(None),) * axis + (end,) for end in (0, -1))
        jump = windows[last] - windows[first]
        jumps[first] += jump
        jumps[last] -= jump
    laplacian = np.asarray(-2.0 * len(axes))
    for axis in axes:
        frequencies = (np.fft.rfftfreq if axis == axes[-1] else np.fft.fftfreq)(windows.shape[axis])
        laplacian = laplacian + 2.0 * _as_axes(np.cos(2.0 * np.pi * frequencies), len(axes), axis - 1)
    constant = (0,) * len(axes)
    laplacian[constant] = 1.0
    smooth = np.fft.rfftn(jumps, axes=axes) / laplacian
    smooth[:, *constant] = 0.0
    return np.fft.rfftn(windows, axes=axes) - smooth


def _as_axes(values: NDArray, n_axes: int, axis: int) -> NDArray:
    """Return values along one axis of as many."""
    return values.reshape(tuple(-1 if one == axis else 1 for one in range(n_axes)))


def _silent(section: xr.DataArray) -> NDArray:
    """Return the silent samples: blocks of zeros, as in mutes and dead traces."""
    if is_picture(section):
        return np.zeros(section.shape[:2], bool)
    zero, inside = section.values == 0, slice(_SILENT_SIDE, -_SILENT_SIDE)
    sides = [min(_SILENT_SIDE, side) for side in zero.shape]
    opened = ndimage.binary_opening(np.pad(zero, _SILENT_SIDE, mode="edge"), np.ones(sides))
    return opened[(inside,) * zero.ndim]
