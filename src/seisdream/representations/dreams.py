"""Dreams of concepts, from noise with the spectrum of the data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.batch import dream_batch
from seisdream.dreaming.objectives import Direction
from seisdream.dreaming.settings import DreamSettings
from seisdream.io.noise import DEFAULT_DT_MS, open_noise
from seisdream.models.prepared import PreparedNetwork

_OCTAVES, _STEPS = 2, 10
STEPS = _OCTAVES * _STEPS
_SETTINGS = {"octaves": _OCTAVES, "parameterization": "fourier", "steps": _STEPS, "step_size": 32.0, "jitter": 4}
_POWER = 2.0


def dream_concepts(
    prepared: PreparedNetwork,
    layer: str,
    directions: NDArray,
    size: tuple[int, int],
    line: xr.DataArray,
    *,
    percentile: float,
    device: str,
    on_step: Callable[[int], None] = lambda n_dreams: None,
) -> NDArray[np.uint8]:
    """Return a dream of each concept as grey levels, ``(concept, sample, trace)``.

    A dream has the concept in its middle, as a patch of real data has. A whole picture of it could not show where in
    its surroundings the concept is, and such dreams are more alike. The objective is the dot product times the squared
    cosine, because concepts share channels, and the dot product alone raises all of them.

    Parameters
    ----------
    prepared : PreparedNetwork
        For sections.
    layer : str
        The layer.
    directions : array
        ``(concept, channel)``.
    size : (int, int)
        Samples and traces of a dream.
    line : DataArray
        ``(time, trace)``; dreams have its spectrum.
    percentile : float
        Clip amplitudes at this percentile of absolute amplitude.
    device : str
        Where to run.
    on_step : callable, optional
        Called after each step with the number of dreams that took it.
    """
    is_time = line.dims[0] == "time"
    dt_ms = float(np.median(np.diff(line["time"].values))) if is_time else DEFAULT_DT_MS
    noise = open_noise(f"noise:{size[0]}x{size[1]}", seed=0, dt_ms=dt_ms)
    settings = DreamSettings(**_SETTINGS, allow_undersized=True, device=device, percentile=percentile)
    dreamed = dream_batch(
        [noise] * len(directions),
        prepared.network,
        [Direction(layer, power=_POWER, vector=one) for one in directions],
        settings=settings,
        objective_mask=_middle(size),
        reference_section=line,
        on_step=on_step,
    )
    clips = np.percentile(np.abs(dreamed), percentile, axis=(1, 2), keepdims=True)
    return np.clip(np.rint((dreamed / np.maximum(clips, 1e-12) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def _middle(size: tuple[int, int]) -> NDArray[np.float32]:
    """Return a mask of the middle third of each axis."""
    mask = np.zeros(size, np.float32)
    mask[tuple(slice(n // 3, n - n // 3) for n in size)] = 1.0
    return mask
