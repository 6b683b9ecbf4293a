"""The built-in section: a synthetic basin margin with faults and a salt diapir.

It is made in geological order. Beds are deposited as horizons in two-way time, and folded and eroded in between; then
faults and salt displace them; last, the reflectivity is convolved with a wavelet and noise is added.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.ndimage import convolve1d, gaussian_filter, gaussian_filter1d

from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import make_section
from seisdream.synthetic.wavelets import ricker

_FINE = 4  # The earth is made four times finer than it is sampled, so that bed boundaries have no steps.
_SALT_IMPEDANCE = 5.6  # 10⁶ kg m⁻² s⁻¹, as all impedances here
_AMPLITUDE_SCALE = 65_000.0  # Gives a 99th percentile near that of the 16-bit amplitudes of F3, a few thousand.


def make_built_in_section(
    *, n_samples: int = 384, n_traces: int = 640, dt_ms: float = 4.0, seed: int = 2015
) -> xr.DataArray:
    """Make the built-in seismic section: a synthetic line across a basin margin.

    From the top: water, a layered overburden cut by a channel, sigmoid clinoforms that prograde from left to right,
    beds that onlap an angular unconformity, and folded older beds below it, with two normal faults and a salt diapir
    that drags its flanks upward. The wavelet has a peak frequency of about 30 Hz, and the noise is mild.

    Parameters
    ----------
    n_samples : int, at least 16, default 384
        Number of samples. The geology fills the section; beds keep their thickness in ms.
    n_traces : int, at least 16, default 640
        Number of traces.
    dt_ms : float, default 4
        Sampling interval in ms. If it is too coarse for 30 Hz, the peak frequency is half of Nyquist.
    seed : int, default 2015
        Random seed; the same seed always gives the same section.

    Returns
    -------
    DataArray
        Amplitudes ``(time, trace)``, float32, whole numbers as in a 16-bit file.

    Raises
    ------
    SeisdreamError
        If the section is too small for the geology, or the sampling interval is not positive.

    Notes
    -----
    The clinoforms are the sigmoids of Mitchum, Vail and Sangree (AAPG Memoir 26, 1977), the throw of the faults
    decreases towards the tips as in Walsh and Watterson (Journal of Structural Geology 9, 1987), and the seismic is the
    convolution of reflectivity with the wavelet of Ricker (Geophysics 18, 1953).

    Examples
    --------
    >>> make_built_in_section().shape
    (384, 640)
    """
    if n_samples < 16 or n_traces < 16 or not dt_ms > 0:
        raise SeisdreamError(
            f"`n_samples` is {n_samples}, `n_traces` {n_traces} and `dt_ms` {dt_ms:g}; the built-in section needs at "
            "least 16 samples, 16 traces and a positive sampling interval.",
            code="too-small" if dt_ms > 0 else "out-of-range",
        )
    rng = np.random.default_rng(seed)
    bottom_ms, fine_dt_ms = n_samples * dt_ms, dt_ms / _FINE
    across = np.linspace(0.0, 1.0, n_traces)
    time_ms = np.arange(n_samples * _FINE)[:, None] * fine_dt_ms

    tops, impedances = _deposit(rng, across, bottom_ms)
    in_salt, before_salt_ms = _rise_salt(rng, across, time_ms, bottom_ms)
    before_faults_ms = _slip_faults(rng, across, before_salt_ms, bottom_ms)
    before_faults_ms += 1.0 * _wander(
        rng, across, 0.006
    )  # residual time shifts, as after migration with an imperfect velocity model
    impedance = _look_up_beds(before_faults_ms, tops, impedances)
    chaos = gaussian_filter(rng.standard_normal(impedance.shape), (6.0 / fine_dt_ms, n_traces / 250))
    impedance = np.where(in_salt, _SALT_IMPEDANCE * np.exp(0.015 * chaos / chaos.std()), impedance)
    amplitude = _record(rng, impedance, fine_dt_ms)
    return make_section(
        np.round(amplitude),  # Whole numbers are equal on machines whose arithmetic differs in the last bit.
        dt_ms=dt_ms,
        units="amplitude",
        source="sample:built-in",
        credit="seisdream's built-in section",
        licence="Apache-2.0, generated",
    )


def _deposit(rng, across, bottom_ms) -> tuple[np.ndarray, np.ndarray]:
    """Deposit all beds; return their tops in ms and impedances, both ``(bed, trace)``, youngest first."""
    phase = rng.uniform(0.0, 2.0 * np.pi, 4)
    sea_bed = bottom_ms * (0.06 + 0.025 * across)
    shelf = bottom_ms * (0.27 + 0.02 * across + 0.006 * np.sin(5.0 * across + phase[0]))
    floor = bottom_ms * (0.50 + 0.02 * np.sin(2.5 * across + phase[1]))
    unconformity = bottom_ms * (0.68 + 0.05 * np.cos(4.0 * across + phase[2]) + 0.003 * _wander(rng, across, 0.015))

    tilt = rng.choice([-1.0, 1.0]) * rng.uniform(0.35, 0.45)
    fold = tilt * (across - 0.5) + 0.04 * np.sin(2.0 * np.pi * 1.8 * across + phase[3])
    older = _stack(rng, across, 0.4 * bottom_ms, 1.4 * bottom_ms, 12.0) + bottom_ms * fold
    older = np.maximum(older, unconformity)  # Eroded down to the unconformity.
    onlapping = np.minimum(_stack(rng, across, floor, 0.80 * bottom_ms, 9.0), unconformity)
    clinoforms = _prograde(rng, across, shelf, floor)
    overburden = _stack(rng, across, sea_bed, clinoforms[0], 9.0)

    # A channel cuts older beds and is filled by beds that onlap its banks.
    n_younger = max(1, len(overburden) // 3)
    banks, younger, cut = overburden[n_younger], overburden[:n_younger], overburden[n_younger:]
    shape = np.clip(1.0 - ((across - rng.uniform(0.2, 0.4)) / rng.uniform(0.05, 0.07)) ** 2, 0.0, None)
    thalweg = banks + 0.06 * bottom_ms * shape**0.7 * (1.0 + 0.12 * _wander(rng, across, 0.012)[0])
    fill = np.minimum(_stack(rng, across, banks, banks + 0.08 * bottom_ms, 10.0), thalweg)
    cut = np.maximum(cut, thalweg)

    packages = (  # tops, impedance of the youngest and oldest bed, relative contrast between beds
        (np.zeros((1, across.size)), 1.5, 1.5, 0.0),
        (younger, 1.8, 2.2, 0.030),
        (fill, 2.3, 2.1, 0.030),
        (cut, 2.3, 3.1, 0.026),
        (clinoforms, 3.2, 3.7, 0.024),
        (onlapping, 3.8, 4.6, 0.030),
        (older, 5.0, 6.8, 0.042),
    )
    impedances = [_walk(rng, *tops.shape, *numbers) for tops, *numbers in packages]
    return np.concatenate([tops for tops, *_ in packages]), np.concatenate(impedances)


def _stack(rng, across, top_ms, bottom_ms, thickness_ms) -> np.ndarray:
    """Fill the space between two surfaces with beds of random thickness; return tops ``(bed, trace)``."""
    room_ms = bottom_ms - top_ms
    n_beds = max(2, round(float(np.mean(room_ms)) / thickness_ms))
    thickness = rng.gamma(2.5, size=(n_beds, 1)) * np.exp(0.35 * _wander(rng, across, 0.1, n_beds))
    below = np.cumsum(thickness, axis=0)
    return top_ms + room_ms * (below - thickness) / below[-1]


def _prograde(rng, across, shelf_ms, floor_ms) -> np.ndarray:
    """Prograde a shelf over a basin floor by sigmoids; return tops ``(bed, trace)``."""
    n_beds = 70
    steps = np.cumsum(rng.gamma(0.8, size=n_beds))
    edges = -0.25 + 1.35 * steps / steps[-1]
    surface, tops = floor_ms, []
    for n_laid, edge in enumerate(edges, start=1):
        top_ms = shelf_ms + 0.3 * (floor_ms - shelf_ms) * (1.0 - n_laid / n_beds)
        sigmoid = 1.0 / (1.0 + np.exp(-(across - edge) / rng.uniform(0.05, 0.075)))
        surface = np.minimum(surface, top_ms + (floor_ms - top_ms) * sigmoid)
        tops.append(surface)
    return np.array(tops[::-1])


def _walk(rng, n_beds, n_traces, first, last, contrast) -> np.ndarray:
    """Return a random walk between two impedances, bed by bed, that varies slowly along each bed."""
    hardness = rng.laplace(size=n_beds)  # Heavy tails: a few strong reflectors among many weak ones.
    for bed in range(1, n_beds):
        hardness[bed] += 0.4 * hardness[bed - 1]
    along = _wander(rng, np.arange(n_traces), 0.06, n_beds)
    trend = np.linspace(np.log(first), np.log(last), n_beds)
    return np.exp(trend[:, None] + contrast * (hardness[:, None] + 0.7 * along))


def _wander(rng, across, scale, n_rows=1) -> np.ndarray:
    """Return smooth noise of unit variance, ``(row, trace)``; its scale is a fraction of the line."""
    noise = gaussian_filter1d(rng.standard_normal((n_rows, across.size)), max(scale * across.size, 1.0), axis=1)
    return noise / noise.std()


def _rise_salt(rng, across, time_ms, bottom_ms) -> tuple[np.ndarray, np.ndarray]:
    """Pierce the beds with a diapir; return where salt is and the time of each point before it rose.

    The salt drags beds upward at its flanks, domes beds above its crest and has a rim syncline around it.
    """
    crest_ms = bottom_ms * rng.uniform(0.44, 0.52)
    below_crest = (time_ms - crest_ms) / (bottom_ms - crest_ms)
    centre = rng.uniform(0.66, 0.76) + 0.02 * np.sin(4.0 * below_crest + rng.uniform(0.0, 6.0))
    half_width = rng.uniform(0.075, 0.095) * np.clip(below_crest, 0.0, None) ** 0.4
    from_flank = np.abs(across - centre) - half_width
    outside = np.clip(from_flank, 0.0, None)
    strength = np.exp(-((np.clip(-below_crest, 0.0, None) / 0.42) ** 2))
    drag = 0.10 * np.exp(-((outside / 0.065) ** 1.6)) - 0.02 * np.exp(-(((outside - 0.13) / 0.06) ** 2))
    return (from_flank < 0.0) & (below_crest > 0.0), time_ms + bottom_ms * strength * drag


def _slip_faults(rng, across, time_ms, bottom_ms) -> np.ndarray:
    """Slip two normal faults with opposite dips; return the time of each point before.

    The throw is largest in the middle of a fault and decreases to zero at its tips and away from it.
    """
    for side, position in ((1.0, rng.uniform(0.12, 0.2)), (-1.0, rng.uniform(0.42, 0.5))):
        along = (time_ms - bottom_ms * rng.uniform(0.7, 0.76)) / (bottom_ms * rng.uniform(0.26, 0.32))
        throw_ms = bottom_ms * rng.uniform(0.025, 0.04) * np.clip(1.0 - along**2, 0.0, None)
        into_hanging_wall = side * (across - position) - 0.035 * along
        moved = into_hanging_wall > 0.0
        time_ms = time_ms - np.where(moved, throw_ms * np.exp(-np.abs(into_hanging_wall) / 0.18), 0.0)
    return time_ms


def _look_up_beds(time_ms, tops_ms, impedances) -> np.ndarray:
    """Return the impedance ``(time, trace)`` of the bed in which each point was deposited."""
    found = np.empty(time_ms.shape)
    for trace in range(time_ms.shape[1]):
        bed = np.searchsorted(tops_ms[:, trace], time_ms[:, trace], side="right") - 1
        found[:, trace] = impedances[np.clip(bed, 0, None), trace]
    return found


def _record(rng, impedance, fine_dt_ms) -> np.ndarray:
    """Return seismic: reflectivity convolved with a wavelet of decreasing frequency, and noise."""
    reflectivity = 0.5 * np.diff(np.log(impedance), axis=0, prepend=np.log(impedance[:1]))
    peak_hz = min(30.0, 250.0 / (fine_dt_ms * _FINE))
    depth = np.linspace(0.0, 1.0, len(impedance) // _FINE)[:, None]
    shallow, deep = (_convolve(reflectivity, factor * peak_hz, fine_dt_ms, _FINE) for factor in (1.15, 0.85))
    # A migrated trace averages over its Fresnel zone, so neighbouring traces are similar, and so is their noise.
    signal = gaussian_filter1d((1.0 - depth) * shallow + depth * deep, 0.8, axis=1)
    noise = _convolve(rng.standard_normal(signal.shape), peak_hz, fine_dt_ms * _FINE, 1)
    noise = gaussian_filter1d(noise, 1.2, axis=1)
    noise *= (0.07 + 0.13 * depth) * signal.std() / noise.std()
    return _AMPLITUDE_SCALE * (signal + noise) * (1.0 + 0.03 * rng.standard_normal(impedance.shape[1]))


def _convolve(values, peak_hz, dt_ms, every) -> np.ndarray:
    """Convolve traces with a Ricker wavelet of unit height and keep every n-th sample."""
    n_half = every * int(np.ceil(1500.0 / (peak_hz * dt_ms * every)))
    wavelet = ricker(dt_ms * np.arange(-n_half, n_half + 1), peak_hz)
    return convolve1d(values, wavelet, axis=0, mode="constant")[::every][: len(values) // every]
