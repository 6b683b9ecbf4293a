"""Surrogates: sections that share with a real one what is known to be no geology, and nothing else.

Each embodies a null hypothesis. What a network makes of a section is told from what it makes of these.
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
"""How high the overlapping windows are that keep their own spectrum and energy."""
# Zeros of fewer samples than this, down or across, are zero crossings.
_SILENT_SIDE = 4


class Surrogates:
    """Surrogates of one section and one kind, called with a seed; what they share is measured once.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture; absent samples are NaN.
    kind : {"phase", "noise", "traces"}
        What is kept; everything else is left to chance:

        - ``phase``: in overlapping windows of time, energy and the spectrum of frequencies and wavenumbers together, so
          also dips and how strong each is; the phases are random (Theiler and others 1992). Null hypothesis: a
          Gaussian texture without events, whose spectrum and gain change with time only;
        - ``noise``: Gaussian noise with the same energy, frequencies and wavenumbers, each by itself: no dips, no
          layering. Null hypothesis: band-limited noise as smooth across traces as the section is;
        - ``traces``: every trace as it is, in random order. Null hypothesis: traces that know nothing of each other.
    window_samples : int, default 128
        Height of the windows, of which each overlaps half of the next. Sections lower than one and a quarter are one
        window. Energy is kept on a scale of an eighth of this.

    Raises
    ------
    SeisdreamError
        If there is no such kind, or the windows hold too little.

    Notes
    -----
    A section does not go on at its right edge as it begins at its left. The jump would lend the spectrum dips that are
    not there, so of each window the periodic component is taken (Moisan 2011, "Periodic plus smooth image
    decomposition", J. Math. Imaging Vis. 39), as in the random phase textures of Galerne, Gousseau and Morel (2011,
    IEEE Trans. Image Process. 20).

    Examples
    --------
    >>> from seisdream.io.samples import open_sample
    >>> section = open_sample("built-in")
    >>> Surrogates(section, "phase")(1).shape == section.shape
    True
    """

    def __init__(self, section: xr.DataArray, kind: str, *, window_samples: int = WINDOW_SAMPLES):
        if kind not in SURROGATES:
            raise SeisdreamError(f"There is no surrogate '{kind}'; choose some of {', '.join(SURROGATES)}.")
        if window_samples < 2:
            raise SeisdreamError(f"Windows of {window_samples} samples hold no spectrum; take 2 or more.")
        self.kind = kind
        self._section = section
        self._is_live = ~(absent_samples(section) | _silent(section))
        if not self._is_live.any():
            raise SeisdreamError("The section is silent everywhere, so it has no surrogates; choose another.")
        planes = np.moveaxis(section.values, -1, 0) if is_colour(section) else section.values[None]
        # (plane, row, column), so that the colours of one surrogate take the same phases or the same order.
        self._planes = planes.astype(np.float64)
        self._means = self._planes[:, self._is_live].mean(axis=1)[:, None, None]
        self._windows = [] if kind == "traces" else self._measure(window_samples)
        self._gain = self._measure_gain(window_samples / 8)

    def __call__(self, seed: int) -> xr.DataArray:
        """Return a surrogate, always the same one for a seed.

        Returns
        -------
        DataArray
            As the section, with its absent samples absent and its silent ones (dead traces, the mute) as they are.
        """
        rng = np.random.default_rng([SURROGATES.index(self.kind), seed])
        made = self._reordered(rng) if self.kind == "traces" else self._means + self._texture(rng)
        values = np.where(self._is_live, made, self._planes)
        values = np.moveaxis(values, 0, -1) if is_colour(self._section) else values[0]
        if is_picture(self._section):
            values = values.clip(*self._section.attrs["value_range"])
        return self._section.copy(data=values.astype(np.float32))

    def _measure(self, window_samples: int) -> list[tuple[slice, NDArray, NDArray]]:
        """Return the rows of each window, their taper times the root of the energy, and the spectrum, by plane."""
        detail = np.where(self._is_live, self._planes - self._means, 0.0)
        measured = []
        for taper in _tapers(detail.shape[1], window_samples):
            rows = slice(int(np.flatnonzero(taper)[0]), int(np.flatnonzero(taper)[-1]) + 1)
            weight = taper[rows, None]
            window = weight * detail[:, rows]
            # Per live sample, else what is still would make the rest quieter.
            share = np.sum(self._is_live[rows] * weight**2)
            rms = np.sqrt(np.sum(window**2, axis=(1, 2), keepdims=True) / share) if share else 0.0 * self._means
            measured.append((rows, weight * rms, self._spectrum(window)))
        return measured

    def _measure_gain(self, smoothing: float) -> NDArray:
        """Return by what rows ``(plane, row, 1)`` are louder than their windows are on the whole."""
        detail = np.where(self._is_live, self._planes - self._means, 0.0)
        power = np.sum(detail**2, axis=2, keepdims=True)
        n_live = np.broadcast_to(np.sum(self._is_live, axis=1, keepdims=True), power.shape)
        power, even = (
            ndimage.gaussian_filter1d(rows, smoothing, axis=1, mode="nearest")
            for rows in (power, n_live * self._even_power())
        )
        # Both are smoothed alike, so that what is smooth already is left as it is.
        return np.sqrt(np.divide(power, even, out=np.ones_like(power), where=even > 0))

    def _even_power(self) -> NDArray:
        """Return the mean square ``(plane, row, 1)`` of textures before rows get their gain."""
        power = np.zeros_like(self._planes[:, :, :1])
        for rows, weight, _ in self._windows:
            power[:, rows] += weight**2
        return power

    def _spectrum(self, windows: NDArray) -> NDArray:
        """Return the amplitudes ``(plane, row, wavenumber)`` that random phases or noise are given."""
        amplitudes = np.abs(_periodic_spectrum(windows))
        if self.kind == "noise":
            down = np.sqrt(np.mean(np.abs(np.fft.fft(windows, axis=1)) ** 2, axis=2))
            across = np.sqrt(np.mean(amplitudes**2, axis=1))
            amplitudes = down[:, :, None] * across[:, None, :]
        amplitudes[:, 0, 0] = 0.0
        return amplitudes

    def _texture(self, rng: np.random.Generator) -> NDArray:
        """Return textures ``(plane, row, column)`` around zero."""
        texture = np.zeros_like(self._planes)
        for rows, weight, amplitudes in self._windows:
            size = texture[0, rows].shape
            noise = np.fft.rfft2(rng.normal(size=size))
            if self.kind == "phase":
                # White noise has the phases of a real picture, as ours must be.
                noise /= np.maximum(np.abs(noise), 1e-30)
            field = np.fft.irfft2(amplitudes * noise, size)
            spread = field.std(axis=(1, 2), keepdims=True)
            texture[:, rows] += weight * field / np.where(spread > 0, spread, 1.0)
        return self._gain * texture

    def _reordered(self, rng: np.random.Generator) -> NDArray:
        """Return the planes with their traces in another order; what is still in one is the mean where it comes."""
        order = np.arange(self._is_live.shape[1])
        alive = np.flatnonzero(self._is_live.any(axis=0))
        order[alive] = rng.permutation(alive)
        return np.where(self._is_live, self._planes, self._means)[:, :, order]


def _tapers(n_rows: int, window_samples: int) -> NDArray:
    """Return ``(window, row)`` tapers whose squares add up to one, so that energy goes over from each to the next."""
    n_halves = round(n_rows / (window_samples / 2))
    if n_halves < 3:
        return np.ones((1, n_rows))
    middles = np.linspace(0.0, n_rows - 1.0, n_halves + 1)
    distance = np.abs(np.arange(n_rows) - middles[:, None]) / (middles[1] - middles[0])
    return np.sqrt((1.0 - distance).clip(0.0))


def _periodic_spectrum(windows: NDArray) -> NDArray:
    """Return the `rfft2` of the periodic component: a picture less what the jumps between its edges explain."""
    jumps = np.zeros_like(windows)
    down, across = windows[:, -1] - windows[:, 0], windows[:, :, -1] - windows[:, :, 0]
    jumps[:, 0] += down
    jumps[:, -1] -= down
    jumps[:, :, 0] += across
    jumps[:, :, -1] -= across
    n_rows, n_columns = windows.shape[1:]
    rows = np.cos(2.0 * np.pi * np.fft.fftfreq(n_rows))[:, None]
    columns = np.cos(2.0 * np.pi * np.fft.rfftfreq(n_columns))
    laplacian = 2.0 * rows + 2.0 * columns - 4.0
    laplacian[0, 0] = 1.0
    smooth = np.fft.rfft2(jumps) / laplacian
    smooth[:, 0, 0] = 0.0
    return np.fft.rfft2(windows) - smooth


def _silent(section: xr.DataArray) -> NDArray:
    """Return where nothing was recorded: runs of zeros, as of mutes and of dead traces."""
    if is_picture(section):
        return np.zeros(section.shape[:2], bool)
    zero = section.values == 0
    sides = [min(_SILENT_SIDE, side) for side in zero.shape]
    return ndimage.binary_opening(np.pad(zero, _SILENT_SIDE, mode="edge"), np.ones(sides))[
        _SILENT_SIDE:-_SILENT_SIDE, _SILENT_SIDE:-_SILENT_SIDE
    ]
