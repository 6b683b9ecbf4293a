"""Views of one earth for the experiment on geology: from its rock, stage by stage, to recorded seismic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from seisdream.data.synthetic_stream import relative_impedance
from seisdream.dreaming.parameterizations.impedance import invert
from seisdream.dreaming.parameterizations.wavelets import convolution_matrix
from seisdream.seismic.sections import make_section
from seisdream.seismic.spectrum import estimate_wavelet, tie_wavelet
from seisdream.synthetic import EarthSettings
from seisdream.synthetic.wavelets import ricker

ROCK, REFLECTIVITY = "rock", "reflectivity"
UNSMOOTHED, NOISE_FREE, RECORDED = "recorded, unsmoothed", "recorded, noise-free", "recorded"
PEAKS_HZ = (80.0, 60.0, 40.0, 25.0, 15.0)
WAVELETS = tuple(f"Ricker {peak:.0f} Hz" for peak in PEAKS_HZ)
STAGES = (ROCK, REFLECTIVITY, *WAVELETS, UNSMOOTHED, NOISE_FREE, RECORDED)
"""From rock to seismic; unsmoothed is without noise and without the lateral smoothing of a migrated image."""

UNSMOOTHED_EARTH = EarthSettings(smoothing=(0.0, 0.0))
"""The default settings, but without lateral smoothing."""

UNPROCESSED, INVERTED, BLIND = "unprocessed", "inverted", "inverted, statistical wavelet"
PROCESSING = {
    UNPROCESSED: "amplitudes; for the rock, relative impedance, which is its logarithm minus a linear trend",
    INVERTED: "inverted for impedance with the wavelet that was used; for recorded seismic, with the wavelet of a well "
    "tie at the middle trace",
    BLIND: "inverted for impedance with a statistical wavelet, which is assumed to be zero-phase",
}
"""Processing of a stage before a network sees it."""

_HALF_LENGTH_MS = 100.0


class View(NamedTuple):
    """A section for networks: one of `STAGES`, one of `PROCESSING`, and values ``(time, trace)``."""

    stage: str
    processing: str
    values: np.ndarray


def make_views(earth: xr.Dataset, unsmoothed: xr.Dataset) -> Iterator[View]:
    """Yield all views of an earth, in the order of `view_keys`.

    Parameters
    ----------
    earth : Dataset
        A line from `seisdream.synthetic.make_earth`.
    unsmoothed : Dataset
        The same earth without lateral smoothing (`UNSMOOTHED_EARTH`).
    """
    dt_ms = float(earth["time"][1] - earth["time"][0])
    reflectivity = earth["reflectivity"].values.astype(np.float64)
    yield View(ROCK, UNPROCESSED, relative_impedance(earth["impedance"].values))
    half_length = round(_HALF_LENGTH_MS / dt_ms)
    times_ms = np.arange(-half_length, half_length + 1) * dt_ms
    wavelets = [np.ones(1), *(ricker(times_ms, peak_hz) for peak_hz in PEAKS_HZ)]
    for stage, wavelet in zip((REFLECTIVITY, *WAVELETS), wavelets, strict=True):
        seismic = convolution_matrix(wavelet, len(reflectivity)) @ reflectivity
        yield View(stage, UNPROCESSED, seismic)
        yield View(stage, INVERTED, invert(seismic, wavelet, dt_ms)[0])
    well = reflectivity.shape[1] // 2
    recordings = (
        (UNSMOOTHED, unsmoothed["noise_free"]),
        (NOISE_FREE, earth["noise_free"]),
        (RECORDED, earth["seismic"]),
    )
    for stage, recording in recordings:
        seismic = recording.values.astype(np.float64)
        yield View(stage, UNPROCESSED, seismic)
        well_wavelet = tie_wavelet(seismic[:, well], reflectivity[:, well], half_length)
        yield View(stage, INVERTED, invert(seismic, well_wavelet, dt_ms)[0])
        yield View(stage, BLIND, invert_blindly(make_section(seismic, dt_ms=dt_ms)))


def invert_blindly(section: xr.DataArray) -> np.ndarray:
    """Return relative impedance ``(time, trace)`` from seismic without a known wavelet or a well.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` amplitudes without absent samples.
    """
    dt_ms = float(section["time"][1] - section["time"][0])
    return invert(section.values.astype(np.float64), estimate_wavelet(section), dt_ms)[0]


def view_keys() -> list[tuple[str, str]]:
    """Return stage and processing of all views, in the order of `make_views`."""
    synthetic = [(stage, way) for stage in (REFLECTIVITY, *WAVELETS) for way in (UNPROCESSED, INVERTED)]
    recorded = [(stage, way) for stage in (UNSMOOTHED, NOISE_FREE, RECORDED) for way in PROCESSING]
    return [(ROCK, UNPROCESSED), *synthetic, *recorded]
