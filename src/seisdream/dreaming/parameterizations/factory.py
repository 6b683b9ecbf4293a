"""From the words of a recipe to what is free in a dream, for one section."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import xarray as xr

from seisdream.dreaming.parameterizations.bandlimited import Bandlimited
from seisdream.dreaming.parameterizations.base import Parameterization
from seisdream.dreaming.parameterizations.fourier import Fourier
from seisdream.dreaming.parameterizations.impedance import Impedance, read_bounds
from seisdream.dreaming.parameterizations.phase import Phase, WindowedPhase
from seisdream.dreaming.parameterizations.pixel import Pixel
from seisdream.dreaming.parameterizations.reflectivity import Reflectivity
from seisdream.dreaming.parameterizations.spectra import one_over_f, smooth_magnitude
from seisdream.dreaming.parameterizations.wavelets import choose_wavelet
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.tensors import as_array
from seisdream.io.noise import is_noise
from seisdream.seismic.cubes import planes_of, traces_of
from seisdream.seismic.sections import fill_absent, is_colour, is_picture
from seisdream.seismic.spectrum import measure_band, measure_wavenumbers, read_band, sampling_ms

# Which of a recipe's settings go with which of what is free.
_GOES_WITH = {
    "spectrum": ("fourier",),
    "window_ms": ("phase",),
    "band": ("bandlimited",),
    "wavelet": ("reflectivity", "impedance"),
    "bounds": ("impedance",),
    "prior": ("impedance",),
    "survey": ("fourier", "phase", "bandlimited", "reflectivity", "impedance"),
}
_IN_COLOUR = ("pixel", "fourier", "phase")
_KEEPING = ("pixel", "fourier", "phase", "bandlimited")
# The longest trace that rock is inverted for: its matrices are the square of it.
_LONGEST_TRACE = 6000


def resolve_parameterization(
    recipe: DreamSettings, section: xr.DataArray, survey: xr.DataArray | None
) -> DreamSettings:
    """Settle what a recipe leaves open of what is free: spectrum, band, bounds and prior.

    Raises
    ------
    SeisdreamError
        If settings do not go together, or not with the section.
    """
    name, kept = recipe.parameterization, recipe.kept
    for setting, names in _GOES_WITH.items():
        goes = name in names or (setting in ("band", "survey") and "band" in kept)
        if getattr(recipe, setting) is not None and not goes:
            raise SeisdreamError(
                f"--{setting.replace('_', '-')} goes with --parameterization {' or '.join(names)}; got {name}. Leave "
                "it out, or choose another parameterization."
            )
    if kept and name not in _KEEPING:
        raise SeisdreamError(
            f"--keep {','.join(kept)} cannot be held with --parameterization {name}: its section follows from a "
            "wavelet. Use penalties in --layer (penalty:histogram, penalty:distance), or --bounds for the rock."
        )
    in_colour = recipe.colour or is_colour(section)
    if in_colour and name not in _IN_COLOUR:
        raise SeisdreamError(
            f"Colours have no band and no wavelet; --parameterization {name} needs amplitudes in grey."
        )
    if name == "pixel" and not kept:
        return recipe
    if recipe.zoom:
        raise SeisdreamError(
            f"--zoom is {recipe.zoom:g}, but a zoomed section has another spectrum and another rock; with "
            "--parameterization or --keep use --zoom 0."
        )
    measured = traces_of(section if survey is None else survey)
    changes: dict[str, object] = {}
    if name == "fourier" and recipe.spectrum is None:
        changes["spectrum"] = "1/f" if is_picture(section) or in_colour else "own"
    if name == "bandlimited" or "band" in kept:
        dt_ms = sampling_ms(section)
        if recipe.band is None:
            # As words, so that the recipe says which; downwards, so that no corner passes Nyquist.
            changes["band"] = "-".join(f"{np.floor(corner * 100) / 100:g}" for corner in measure_band(measured))
        read_band(str(changes.get("band", recipe.band)), dt_ms)
    if name in ("reflectivity", "impedance"):
        _check_sampling(section, measured)
        if len(section) > _LONGEST_TRACE:
            raise SeisdreamError(
                f"The section has {len(section)} samples a trace; {name} inverts {_LONGEST_TRACE} at most. Cut it."
            )
    if name == "impedance":
        low, high = read_bounds(recipe.bounds)
        changes.update(bounds=f"{low:g}-{high:g}", prior=recipe.prior or "tv")
    return replace(recipe, **changes)


def _check_sampling(section: xr.DataArray, survey: xr.DataArray) -> None:
    ours, theirs = sampling_ms(section), sampling_ms(survey)
    if abs(ours - theirs) > 0.01 * ours:
        raise SeisdreamError(
            f"The survey is sampled every {theirs:g} ms and the section every {ours:g} ms, so its wavelet does not "
            "fit; use a survey of the same sampling (--survey)."
        )


def make_parameterization(
    recipe: DreamSettings,
    section: xr.DataArray,
    values: np.ndarray,
    weight: np.ndarray | None,
    survey: xr.DataArray | None,
) -> Parameterization:
    """Return what is free, at its start.

    Parameters
    ----------
    recipe : Recipe
        Settled.
    section : DataArray
        What is dreamed on: its axes and, without a survey, what is measured.
    values : array
        Its samples, finite, ``(row, column)`` or ``(row, column, 3)``; in colour, grey levels.
    weight : array, optional
        ``(row, column)``, 0 where nothing may change to 1 where all may.
    survey : DataArray, optional
        Measured instead of the section.
    """
    start = torch.from_numpy(np.atleast_3d(values)).permute(2, 0, 1)[None].contiguous().to(recipe.device)
    return begin_parameterization(recipe, section, start, weight, survey)


def begin_parameterization(
    recipe: DreamSettings,
    section: xr.DataArray,
    start: torch.Tensor,
    weight: np.ndarray | None,
    survey: xr.DataArray | None,
) -> Parameterization:
    """Return what is free for sections ``(section, channel, row, column)``, or for a cube; else as above.

    What is measured is measured once: on the survey, or without one on the first section.
    """
    name, size = recipe.parameterization, tuple(start.shape[2:])
    values = as_array(start) if start.ndim == 4 else start[0, 0].cpu().numpy()
    measured = section if survey is None else survey
    if name == "pixel":
        return Pixel(start)
    if name == "fourier":
        is_own = recipe.spectrum == "own"
        return Fourier(start, _magnitude(section, values, survey, size) if is_own else one_over_f(size))
    if name == "phase":
        magnitude = None if survey is None else _magnitude(section, values, survey, size)
        if recipe.window_ms is None:
            return Phase(start, magnitude)
        if survey is not None:
            raise SeisdreamError("--window-ms keeps the section's own spectrum in windows; leave out --survey.")
        return WindowedPhase(start, _window_samples(recipe.window_ms, sampling_ms(section), size[0]))
    dt_ms = sampling_ms(section)
    if name == "bandlimited":
        corners = read_band(recipe.band or "", dt_ms)
        across = [measure_wavenumbers(plane) for plane in planes_of(measured)]
        if is_noise(section):
            # Noise has every frequency; where it is the start, it begins within the band too.
            whole = Bandlimited(torch.zeros_like(start), corners, dt_ms, wavenumbers=across).render(start)
            start = whole * (_norms(start) / _norms(whole))
        return Bandlimited(start, corners, dt_ms, wavenumbers=across, mask=weight)
    wavelet, is_free = choose_wavelet(recipe.wavelet, traces_of(measured))
    if name == "reflectivity":
        return Reflectivity(start, wavelet, not is_free, weight)
    times_ms = np.asarray(section.time.values, np.float64)
    bounds = read_bounds(recipe.bounds)
    return Impedance(start, wavelet, not is_free, times_ms, bounds=bounds, prior=recipe.prior or "tv", mask=weight)


def _norms(sections: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(sections, dim=tuple(range(1, sections.ndim)), keepdim=True)


def _magnitude(
    section: xr.DataArray, values: np.ndarray, survey: xr.DataArray | None, size: tuple[int, ...]
) -> np.ndarray:
    """Return the smoothed magnitude of the survey, or of the section itself, on the section's frequencies."""
    if survey is None:
        return smooth_magnitude(values if values.ndim == len(size) else values.mean(axis=-1), size)
    step = sampling_ms(survey) / sampling_ms(section) if section.dims[0] == survey.dims[0] == "time" else 1.0
    measured = fill_absent(survey)[0]
    return smooth_magnitude(measured if measured.ndim == len(size) else measured.mean(axis=-1), size, step)


def _window_samples(window_ms: float, dt_ms: float, n_samples: int) -> int:
    n_window = 2 * round(0.5 * window_ms / dt_ms)
    if not 8 <= n_window <= n_samples:
        raise SeisdreamError(
            f"--window-ms is {window_ms:g}, {n_window} samples of {dt_ms:g} ms; it must be {8 * dt_ms:g} ms to the "
            f"section's {n_samples * dt_ms:g} ms."
        )
    return n_window
