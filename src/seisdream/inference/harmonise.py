"""Harmonisation: how a section is resampled so that its spectrum lies where that of a network's training data does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.models.network import Network
from seisdream.seismic.sections import MID_GREY, VERTICAL_DIMS, GreyMapping, fill_absent, is_colour
from seisdream.seismic.spectrum import mean_frequency, mean_wavenumber

# Along a shorter side a mean frequency is not well defined.
_MIN_SIDE = 64


@dataclass(frozen=True)
class _Axis:
    """An axis of a section, and the factors on its number of samples in the order in which they are tried."""

    name: str
    quantity: str
    unit: str
    measure: Callable[[NDArray], float]
    factors: tuple[float, ...]

    def factor(self, measured: float, known: tuple[float, float]) -> float:
        """Return the first factor that brings a mean frequency into a range; 1 if it lies there, or none does."""
        return next((one for one in (1.0, *self.factors) if known[0] <= measured / one <= known[1]), 1.0)


# Powers of two, because surveys are most often sampled every 1, 2 or 4 ms with traces 12.5 or 25 m apart. Traces that
# are too far apart are aliased, so their spectrum does not show it.
_AXES = (
    _Axis("time", "frequency", "sample", mean_frequency, (0.5, 2.0, 0.25)),
    _Axis("traces", "wavenumber", "trace", mean_wavenumber, (0.5, 0.25)),
)


@dataclass(frozen=True)
class Harmonisation:
    """How a section is resampled for a network.

    Attributes
    ----------
    scale : (float, float)
        Factors on the number of samples and of traces.
    note : str
        What was measured and done; empty for a section that stays as it is.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    note: str = ""


def harmonise(section: xr.DataArray, network: Network, percentile: float = 99.0) -> Harmonisation:
    """Return how to resample a section so that its spectrum lies where that of a network's training data does.

    A section whose mean frequency and mean wavenumber lie within the ranges of the training data stays as it is. So
    does one that no factor brings into these ranges, one in colour or without a vertical axis, and every section for a
    network that does not know the ranges.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)``.
    network : Network
        See `Network.frequencies` and `Network.wavenumbers`.
    percentile : float, 50 to 100, default 99
        Clip amplitudes at this percentile of absolute amplitude, as for the network.
    """
    is_sampled = section.dims[0] in VERTICAL_DIMS and not is_colour(section) and min(section.shape) >= _MIN_SIDE
    # Networks of version 0.1 know a range of frequencies only, measured in another way.
    if not is_sampled or network.frequencies is None or network.wavenumbers is None:
        return Harmonisation()
    values, scale, notes = network_values(section, percentile), [], []
    for axis, known in zip(_AXES, (network.frequencies, network.wavenumbers), strict=True):
        measured = axis.measure(values)
        factor = axis.factor(measured, known)
        scale.append(factor)
        if factor != 1.0:
            notes.append(
                f"{axis.name} by {factor:g} (mean {axis.quantity} {measured:.2g} cycles per {axis.unit}; training "
                f"{known[0]:.2g} to {known[1]:.2g})"
            )
    note = f"Resampled for {network.name}: {', '.join(notes)}. Use `as_is=True` to leave it as it is." if notes else ""
    return Harmonisation((scale[0], scale[1]), note)


def network_values(section: xr.DataArray, percentile: float) -> NDArray[np.float32]:
    """Return a section as networks of seisdream see it in training, zero at zero amplitude."""
    grey = GreyMapping.of(section, percentile).to_grey(fill_absent(section)[0])
    return np.clip(grey, 0.0, 255.0, out=grey) - np.float32(MID_GREY)
