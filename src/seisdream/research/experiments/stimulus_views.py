"""What networks are shown of an earth in the experiment on geology: from its rock to recorded seismic, by degrees."""

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
SHARP, NOISE_FREE, RECORDED = "recorded, sharp", "recorded, no noise", "recorded"
PEAKS_HZ = (80.0, 60.0, 40.0, 25.0, 15.0)
WAVELETS = tuple(f"Ricker {peak:.0f} Hz" for peak in PEAKS_HZ)
PLACES = (ROCK, REFLECTIVITY, *WAVELETS, SHARP, NOISE_FREE, RECORDED)
"""From rock to seismic; sharp is without noise and without the lateral smoothing of a migrated image."""

UNSMOOTHED = EarthSettings(smoothing=(0.0, 0.0))
"""As the default, but that traces keep what is below them to themselves."""

PLAIN, INVERTED, BLIND = "as it is", "inverted", "inverted blindly"
WAYS = {
    PLAIN: "amplitudes, or for the rock relative impedance, its logarithm less a straight line",
    INVERTED: "for impedance, with the wavelet that was used; of what was recorded, with the one that a tie to a well "
    "at the middle trace gives",
    BLIND: "for impedance, with the statistical wavelet, whose phase is taken for zero",
}
"""How seismic is shown."""

_HALF_LENGTH_MS = 100.0


class Shown(NamedTuple):
    """A section for networks: one of `PLACES`, one of `WAYS`, and values ``(time, trace)``."""

    place: str
    way: str
    values: np.ndarray


def show(earth: xr.Dataset, sharp: xr.Dataset) -> Iterator[Shown]:
    """Yield all that is shown of an earth, always in one order.

    Parameters
    ----------
    earth : Dataset
        As `seisdream.synthetic.make_earth` returns it, of one line.
    sharp : Dataset
        The same earth by a recipe that differs in having no lateral smoothing alone (`UNSMOOTHED`).
    """
    dt_ms = float(earth["time"][1] - earth["time"][0])
    reflectivity = earth["reflectivity"].values.astype(np.float64)
    yield Shown(ROCK, PLAIN, relative_impedance(earth["impedance"].values))
    half = round(_HALF_LENGTH_MS / dt_ms)
    times_ms = np.arange(-half, half + 1) * dt_ms
    wavelets = [np.ones(1), *(ricker(times_ms, peak_hz) for peak_hz in PEAKS_HZ)]
    for place, wavelet in zip(PLACES[1:], wavelets, strict=False):
        seismic = convolution_matrix(wavelet, len(reflectivity)) @ reflectivity
        yield Shown(place, PLAIN, seismic)
        yield Shown(place, INVERTED, invert(seismic, wavelet, dt_ms)[0])
    well = reflectivity.shape[1] // 2
    recordings = ((SHARP, sharp["noise_free"]), (NOISE_FREE, earth["noise_free"]), (RECORDED, earth["seismic"]))
    for place, recording in recordings:
        seismic = recording.values.astype(np.float64)
        yield Shown(place, PLAIN, seismic)
        tied = tie_wavelet(seismic[:, well], reflectivity[:, well], half)
        yield Shown(place, INVERTED, invert(seismic, tied, dt_ms)[0])
        yield Shown(place, BLIND, invert_blindly(make_section(seismic, dt_ms=dt_ms)))


def invert_blindly(section: xr.DataArray) -> np.ndarray:
    """Return an impedance-like section ``(time, trace)`` of seismic of which no wavelet and no well is known.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` amplitudes without absent samples.
    """
    dt_ms = float(section["time"][1] - section["time"][0])
    return invert(section.values.astype(np.float64), estimate_wavelet(section), dt_ms)[0]


def order_of_shown() -> list[tuple[str, str]]:
    """Return the place and way of all that `show` yields, in its order."""
    plain_and_inverted = [(place, way) for place in (REFLECTIVITY, *WAVELETS) for way in (PLAIN, INVERTED)]
    recorded = [(place, way) for place in (SHARP, NOISE_FREE, RECORDED) for way in (PLAIN, INVERTED, BLIND)]
    return [(ROCK, PLAIN), *plain_and_inverted, *recorded]
