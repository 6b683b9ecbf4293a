"""Synthetic earths: geology, rock properties and seismic, with labels for every sample."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.synthetic.amplitudes import name_by_amplitude
from seisdream.synthetic.composition import Composition
from seisdream.synthetic.facies import FACIES
from seisdream.synthetic.grid import Grid
from seisdream.synthetic.recording import record
from seisdream.synthetic.rocks import (
    DENSITY_BOUNDS,
    GAS_EFFECT,
    LITHOLOGIES,
    SALT,
    VP_BOUNDS,
    WATER,
    gardner_density,
    reflectivity_of,
    velocity_trend,
)
from seisdream.synthetic.salt import shadow
from seisdream.synthetic.settings import EarthSettings


def make_earth(
    seed: int,
    *,
    n_samples: int = 256,
    n_traces: int = 256,
    n_inlines: int | None = None,
    dt_ms: float = 4.0,
    settings: EarthSettings | None = None,
) -> xr.Dataset:
    """Make a synthetic earth with its seismic and its labels.

    Packages of beds are deposited one below another in relative geologic time. Unconformities fold and cut older
    packages; channels, slides and mounds lie on boundaries; faults and salt displace all beds; gas is trapped.
    Velocity and density follow from burial and lithology, and seismic from these.

    Parameters
    ----------
    seed : int
        Random seed; the same seed and size always give the same earth.
    n_samples, n_traces : int, at least 32, default 256
        Size of a section.
    n_inlines : int, at least 2, optional
        Make a cube with this number of inlines. It needs about 100 bytes of memory per sample.
    dt_ms : float, default 4
        Sampling interval in ms of two-way time.
    settings : EarthSettings, optional
        Ranges from which the earth is drawn.

    Returns
    -------
    Dataset
        Each variable is ``(time, trace)``, or ``(inline, crossline, time)`` for a cube: ``seismic`` and ``noise_free``
        (with the same gain; seismic has unit standard deviation), ``facies`` (codes into `FACIES`), ``lithology``
        (codes into `LITHOLOGIES`), ``unit`` (a number for each rock body: packages from the top, then bodies that cut
        them, then salt), ``fault`` (1 on a fault plane), ``relative_geologic_time`` (ms of deposition, increasing
        downwards except across faults and in salt and chaotic bodies), ``vp`` (m/s), ``density`` (kg/m³),
        ``impedance`` (their product, in 10⁶ kg m⁻² s⁻¹) and ``reflectivity``.

    Raises
    ------
    SeisdreamError
        If the earth is too small for geology, or the sampling interval is not positive.

    Examples
    --------
    >>> make_earth(7).facies.shape
    (256, 256)
    """
    if min(n_samples, n_traces) < 32 or (n_inlines is not None and n_inlines < 2) or not 0 < dt_ms < np.inf:
        raise SeisdreamError(
            f"`n_samples` is {n_samples}, `n_traces` {n_traces}, `n_inlines` {n_inlines} and `dt_ms` {dt_ms:g}; an "
            "earth needs at least 32 samples, 32 traces, 2 inlines in a cube, and a positive sampling interval.",
            code="too-small" if 0 < dt_ms < np.inf else "out-of-range",
        )
    grid = Grid(n_samples, n_inlines or 1, n_traces, float(dt_ms))
    rng, settings = np.random.default_rng(seed), settings or EarthSettings()
    earth = Composition(rng, grid, settings)
    vp, density = rocks_of(rng, grid, settings, earth)
    impedance = vp * density
    reflectivity = reflectivity_of(impedance)
    illumination = None if earth.salt is None else shadow(earth.salt)
    seismic, noise_free = record(rng, grid, reflectivity, settings, illumination)
    name_by_amplitude(earth.facies, earth.unit, seismic, noise_free, grid.dt_ms)
    arrays = {
        "seismic": seismic,
        "noise_free": noise_free,
        "facies": earth.facies,
        "lithology": earth.lithology,
        "unit": earth.unit,
        "fault": earth.fault.astype(np.uint8),
        "relative_geologic_time": earth.age_ms,
        "vp": vp,
        "density": density,
        "impedance": impedance * np.float32(1e-6),
        "reflectivity": reflectivity,
    }
    return _as_dataset(arrays, grid, seed, cube=n_inlines is not None)


def generate_sections(
    seed: int,
    n: int | None = None,
    *,
    n_samples: int = 256,
    n_traces: int = 256,
    dt_ms: float = 4.0,
    settings: EarthSettings | None = None,
) -> Iterator[xr.Dataset]:
    """Yield synthetic sections, such as for training.

    Section number ``i`` of a seed is always the same earth.

    Parameters
    ----------
    seed : int
        Random seed of the stream.
    n : int, optional
        Number of sections. Default: endless.
    n_samples, n_traces, dt_ms, settings
        As for `make_earth`.
    """
    number = 0
    while n is None or number < n:
        child = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        yield make_earth(child, n_samples=n_samples, n_traces=n_traces, dt_ms=dt_ms, settings=settings)
        number += 1


def rocks_of(
    rng: np.random.Generator, grid: Grid, settings: EarthSettings, earth: Composition
) -> tuple[np.ndarray, np.ndarray]:
    """Return velocity in m/s and density in kg/m³: trend, beds, gas, salt, within bounds."""
    cells_ms = grid.faces_ms[:-1] + np.float32(0.5 * grid.dt_ms)
    top_ms = -rng.uniform(*settings.buried_ms) if earth.sea_bed_ms is None else earth.sea_bed_ms
    trend = velocity_trend(cells_ms - top_ms, rng.uniform(1650.0, 2100.0), rng.uniform(0.4, 0.8))
    vp = trend.astype(np.float32) * np.exp(earth.rock.real)
    density_effect = earth.rock.imag
    if earth.gas is not None:
        vp *= np.exp(np.float32(GAS_EFFECT[0]) * earth.gas)
        density_effect = density_effect + np.float32(GAS_EFFECT[1]) * earth.gas
    density = gardner_density(vp) * np.exp(density_effect)
    water = earth.lithology == LITHOLOGIES.index("water")
    for values, of_water, of_salt, bounds in (
        (vp, WATER[0], SALT[0], VP_BOUNDS),
        (density, WATER[1], SALT[1], DENSITY_BOUNDS),
    ):
        values[water] = of_water
        if earth.salt is not None:
            of_salt = np.float32(of_salt) * (1.0 + np.float32(0.1) * earth.rock.imag)  # Salt is not pure.
            values += earth.salt * (of_salt - values)
        np.clip(values, *bounds, out=values)
    return vp, density


_UNITS = {
    "vp": "m/s",
    "density": "kg/m³",
    "impedance": "10⁶ kg m⁻² s⁻¹",
    "relative_geologic_time": "ms",
    "seismic": "amplitude",
    "noise_free": "amplitude",
}


def _as_dataset(arrays: dict[str, np.ndarray], grid: Grid, seed: int, *, cube: bool) -> xr.Dataset:
    time_ms = np.arange(grid.n_samples) * grid.dt_ms
    trace = np.arange(grid.n_traces) + 1
    if cube:
        dims = ("inline", "crossline", "time")
        coords = {"inline": np.arange(grid.n_inlines) + 1, "crossline": trace, "time": time_ms}
    else:
        dims, coords = ("time", "trace"), {"time": time_ms, "trace": trace}
    variables = {}
    for name, values in arrays.items():
        values = values.astype(values.dtype if values.dtype == np.uint8 else np.float32, copy=False)
        if cube:
            values = np.ascontiguousarray(values.T).reshape(grid.n_inlines, grid.n_traces, grid.n_samples)
        attrs = {"units": _UNITS[name]} if name in _UNITS else {}
        if name == "facies":
            attrs = {"classes": [facies.name for facies in FACIES]}
        elif name == "lithology":
            attrs = {"classes": list(LITHOLOGIES)}
        variables[name] = (dims, values, attrs)
    attrs = {
        "source": f"seisdream.synthetic.make_earth({seed})",
        "seed": seed,
        "credit": "generated by seisdream",
        "licence": "Apache-2.0, generated",
    }
    return xr.Dataset(variables, coords, attrs)
