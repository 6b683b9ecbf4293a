"""Make the parameterization that settings name, for a batch of sections or a cube."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import xarray as xr

from seisdream.dreaming.constraints import constrain_band, constrain_bounds, constrain_histogram
from seisdream.dreaming.parameterizations.bandlimited import Bandlimited
from seisdream.dreaming.parameterizations.base import AmplitudeScale, Constraint, Parameterization
from seisdream.dreaming.parameterizations.fourier import Fourier
from seisdream.dreaming.parameterizations.impedance import DEFAULT_BOUNDS, Impedance
from seisdream.dreaming.parameterizations.phase import Phase, WindowedPhase
from seisdream.dreaming.parameterizations.pixel import FullSizePixel, Pixel
from seisdream.dreaming.parameterizations.reflectivity import Reflectivity
from seisdream.dreaming.parameterizations.spectra import one_over_f, smooth_magnitude
from seisdream.dreaming.parameterizations.stacked import Stacked
from seisdream.dreaming.parameterizations.wavelets import choose_wavelet
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.io.inputs import open_section
from seisdream.io.noise import is_noise
from seisdream.seismic.cubes import planes_of, traces_of
from seisdream.seismic.sections import fill_absent, is_colour, is_picture
from seisdream.seismic.spectrum import Band, check_band, measure_band, measure_wavenumbers, sampling_ms

# Which settings belong to which parameterizations.
_BELONGS_TO = {
    "spectrum": ("fourier",),
    "window_ms": ("phase",),
    "band": ("bandlimited",),
    "wavelet": ("reflectivity", "impedance"),
    "bounds": ("impedance",),
    "prior": ("impedance",),
    "reference_section": ("fourier", "phase", "bandlimited", "reflectivity", "impedance"),
}
_SECTION_FOR_NOISE = "sample:built-in"
ZOOMABLE = ("pixel", "fourier")
"""Parameterizations of the change alone, which may be added to an enlarged section."""
_FOR_COLOUR = ("pixel", "fourier", "phase")
_FOR_CONSTRAINTS = ("pixel", "fourier", "phase", "bandlimited")
# Inversion needs matrices of (time, time).
_LONGEST_TRACE = 6000


def resolve_parameterization(
    settings: DreamSettings, sections: Sequence[xr.DataArray], reference: xr.DataArray | None
) -> DreamSettings:
    """Resolve what settings leave open: spectrum, band, bounds and prior.

    Different sections have different bands, so the band of a batch of them is left open; `make_parameterization`
    resolves it for each.

    Parameters
    ----------
    settings : DreamSettings
        Of the dream.
    sections : sequence of DataArray
        One for each dream of the batch, or one cube.
    reference : DataArray, optional
        Measured instead of the sections.

    Raises
    ------
    SeisdreamError
        If settings are incompatible with each other or with the section (``incompatible``), or traces are too long
        (``too-large``).
    """
    name, constraints, section = settings.parameterization, settings.constraints, sections[0]
    for one, names in _BELONGS_TO.items():
        belongs = name in names or (one in ("band", "reference_section") and "band" in constraints)
        is_given = getattr(settings, one) is not None or (one == "reference_section" and reference is not None)
        if is_given and not belongs:
            raise SeisdreamError(
                f"`{one}` belongs to `parameterization` {' or '.join(names)}; got {name}. Leave it out, or choose "
                "another parameterization.",
                code="incompatible",
                option=one,
            )
    if constraints and name not in _FOR_CONSTRAINTS:
        raise SeisdreamError(
            f"`constraints` {','.join(constraints)} cannot hold with `parameterization` {name}, whose section follows "
            "from a wavelet. Use penalties in the objective (penalty:histogram, penalty:distance), or `bounds` for the "
            "rock.",
            code="incompatible",
            option="constraints",
        )
    in_colour = settings.colour or is_colour(section)
    if in_colour and name not in _FOR_COLOUR:
        raise SeisdreamError(
            f"Colours have no band and no wavelet; `parameterization` {name} needs amplitudes or grey levels.",
            code="incompatible",
            option="parameterization",
        )
    if name == "pixel" and not constraints:
        return settings
    if settings.zoom and (constraints or name not in ZOOMABLE):
        raise SeisdreamError(
            f"`zoom` is {settings.zoom:g}, but an enlarged section has another spectrum and rock; use `zoom=0`, or "
            f"`parameterization` {' or '.join(ZOOMABLE)} without `constraints`.",
            code="incompatible",
            option="zoom",
        )
    measured = traces_of(section if reference is None else reference)
    changes: dict[str, Any] = {}
    if name == "fourier" and settings.spectrum is None:
        changes["spectrum"] = "1/f" if is_picture(section) or in_colour else "own"
    if name == "bandlimited" or "band" in constraints:
        dt_ms, band = sampling_ms(section), settings.band
        if band is None and (reference is not None or _are_one(sections)):
            # Rounded down, so that no corner passes Nyquist.
            low, full_low, full_high, high = (math.floor(corner * 100) / 100 for corner in measure_band(measured))
            band = changes["band"] = (low, full_low, full_high, high)
        if band is not None:
            check_band(band, dt_ms)
    if name in ("reflectivity", "impedance"):
        _check_sampling(section, measured)
        if len(section) > _LONGEST_TRACE:
            raise SeisdreamError(
                f"The section has {len(section)} samples a trace; {name} inverts {_LONGEST_TRACE} at most. Cut the "
                "section.",
                code="too-large",
                option="parameterization",
            )
    if name == "impedance":
        changes.update(bounds=settings.bounds or DEFAULT_BOUNDS, prior=settings.prior or "tv")
    return settings.replace(**changes)


def _check_sampling(section: xr.DataArray, reference: xr.DataArray) -> None:
    own, other = sampling_ms(section), sampling_ms(reference)
    if abs(own - other) > 0.01 * own:
        raise SeisdreamError(
            f"The reference section is sampled every {other:g} ms and the section every {own:g} ms, so its wavelet "
            "does not fit; use one of the same sampling (`reference_section`).",
            code="incompatible",
            option="reference_section",
        )


def make_parameterization(
    settings: DreamSettings,
    sections: Sequence[xr.DataArray],
    start: torch.Tensor,
    scale: AmplitudeScale,
    *,
    weight: np.ndarray | None = None,
    reference: xr.DataArray | None = None,
    is_first_level: bool = True,
) -> Parameterization:
    """Return the parameterization of a batch, at its start and bound to its scale, weight and constraints.

    Parameters
    ----------
    settings : DreamSettings
        Resolved.
    sections : sequence of DataArray
        What is dreamed on: axes and, without a reference, what is measured.
    start : Tensor
        ``(batch, channel, *space)``: their samples, finite; in colour, grey levels.
    scale : AmplitudeScale
        From units to grey levels.
    weight : array, optional
        ``space``, 0 where nothing may change to 1 where everything may.
    reference : DataArray, optional
        Measured instead of the sections.
    is_first_level : bool, default True
        Whether the start is the input, which is filtered where it is white noise, and not what a level before dreamed.
    """
    if len(sections) > 1 and not _is_one_batch(settings, sections, reference):
        parts = [
            make_parameterization(
                resolve_parameterization(settings, [section], reference),
                [section],
                start[number : number + 1],
                AmplitudeScale(scale.mappings[number : number + 1], limits=scale.limits),
                weight=weight,
                reference=reference,
                is_first_level=is_first_level,
            )
            for number, section in enumerate(sections)
        ]
        return Stacked(parts)
    made = _make(settings, sections[0], start, weight, reference, is_first_level=is_first_level)
    shaped = None if weight is None else torch.from_numpy(weight)[None, None]
    made.bind(scale, shaped, _constraints(settings, sections[0], made.start, weight, reference))
    return made


def _is_one_batch(settings: DreamSettings, sections: Sequence[xr.DataArray], reference: xr.DataArray | None) -> bool:
    if settings.parameterization in ("reflectivity", "impedance") or settings.window_ms is not None:
        return False
    measures = (
        settings.parameterization == "bandlimited" or settings.spectrum == "own" or "band" in settings.constraints
    )
    return reference is not None or not measures or _are_one(sections)


def _are_one(sections: Sequence[xr.DataArray]) -> bool:
    return all(one is sections[0] for one in sections)


def _make(
    settings: DreamSettings,
    section: xr.DataArray,
    start: torch.Tensor,
    weight: np.ndarray | None,
    reference: xr.DataArray | None,
    *,
    is_first_level: bool,
) -> Parameterization:
    name, size = settings.parameterization, tuple(start.shape[2:])
    if name == "pixel":
        return FullSizePixel(start) if settings.constraints else Pixel(start)
    if name == "fourier":
        if settings.spectrum != "own":
            return Fourier(start, one_over_f(size))
        if is_noise(section) and reference is None:
            # White noise has no survey's spectrum.
            reference = open_section(_SECTION_FOR_NOISE)
        magnitude = _magnitude(section, reference, size)
        if is_noise(section) and is_first_level:
            start = _filtered_noise(start, Fourier(torch.zeros_like(start), magnitude))
        return Fourier(start, magnitude)
    if name == "phase":
        magnitude = None if reference is None else _magnitude(section, reference, size)
        if settings.window_ms is None:
            return Phase(start, magnitude)
        if reference is not None:
            raise SeisdreamError(
                "`window_ms` keeps the section's own spectrum in windows; leave out `reference_section`.",
                code="incompatible",
                option="window_ms",
            )
        return WindowedPhase(start, _window_samples(settings.window_ms, sampling_ms(section), size[0]))
    measured, dt_ms = section if reference is None else reference, sampling_ms(section)
    if name == "bandlimited":
        across = [measure_wavenumbers(plane) for plane in planes_of(measured)]
        if is_noise(section):
            whole = Bandlimited(torch.zeros_like(start), _band(settings), dt_ms, wavenumbers=across)
            start = _filtered_noise(start, whole)
        return Bandlimited(start, _band(settings), dt_ms, wavenumbers=across, mask=weight)
    wavelet, is_relative = choose_wavelet(settings.wavelet, traces_of(measured))
    if name == "reflectivity":
        return Reflectivity(start, wavelet, not is_relative, weight)
    times_ms = np.asarray(section.time.values, np.float64)
    return Impedance(
        start,
        wavelet,
        not is_relative,
        times_ms,
        bounds=settings.bounds or DEFAULT_BOUNDS,
        prior=settings.prior or "tv",
        mask=weight,
    )


def _constraints(
    settings: DreamSettings,
    section: xr.DataArray,
    start: torch.Tensor,
    weight: np.ndarray | None,
    reference: xr.DataArray | None,
) -> list[Constraint]:
    may_change = torch.ones(start.shape[2:], dtype=torch.bool) if weight is None else torch.from_numpy(weight > 0)
    may_change = may_change.to(start.device)
    made: list[Constraint] = []
    for name in settings.constraints:
        if name == "band":
            planes = planes_of(section if reference is None else reference)
            made.append(
                partial(
                    constrain_band,
                    start=start,
                    corners_hz=_band(settings),
                    dt_ms=sampling_ms(section),
                    wavenumbers=[measure_wavenumbers(plane)[1] for plane in planes],
                )
            )
        else:
            constrain = constrain_bounds if name == "bounds" else constrain_histogram
            made.append(partial(constrain, start=start, may_change=may_change))
    return made


def _band(settings: DreamSettings) -> Band:
    assert settings.band is not None, "resolved before"
    return settings.band


def _filtered_noise(noise: torch.Tensor, zero: Parameterization) -> torch.Tensor:
    """Return white noise with the spectrum of what a parameterization adds to zero, and with its own norm."""
    filtered = zero.render(noise)
    return filtered * (_norms(noise) / _norms(filtered))


def _norms(sections: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(sections, dim=tuple(range(1, sections.ndim)), keepdim=True)


def _magnitude(section: xr.DataArray, reference: xr.DataArray | None, size: tuple[int, ...]) -> np.ndarray:
    """Return the smoothed magnitude of the reference, or of the section itself, on the section's frequencies."""
    step, reference = 1.0, section if reference is None else reference
    if section.dims[0] == reference.dims[0] == "time" and reference is not section:
        step = sampling_ms(reference) / sampling_ms(section)
    measured = fill_absent(reference)[0]
    return smooth_magnitude(measured if measured.ndim == len(size) else measured.mean(axis=-1), size, step)


def _window_samples(window_ms: float, dt_ms: float, n_samples: int) -> int:
    n_window = 2 * round(0.5 * window_ms / dt_ms)
    if not 8 <= n_window <= n_samples:
        raise SeisdreamError(
            f"`window_ms` is {window_ms:g}, {n_window} samples of {dt_ms:g} ms; it must be {8 * dt_ms:g} ms to the "
            f"section's {n_samples * dt_ms:g} ms.",
            code="out-of-range",
            option="window_ms",
        )
    return n_window
