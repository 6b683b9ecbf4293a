"""Tuning of channels: their responses to plane waves of all dips, frequencies and phases.

As in neurophysiology, where a cell is tested with gratings (Hubel and Wiesel 1962; De Valois, Albrecht and Thorell
1982), the input is one plane wave at a time, and the response is that of the unit in the middle of each layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from seisdream.inference.unit_grid import UnitGrid
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import MID_GREY

# As strong as seismic under the default grey mapping: Gaussian amplitudes whose 99th percentile of magnitude is black
# or white have a root mean square of 49 grey levels, like a wave of this amplitude.
_AMPLITUDE = 70.0
_BATCH = 32


@dataclass(frozen=True)
class PlaneWaves:
    """The plane waves of a tuning measurement.

    Attributes
    ----------
    dips_deg : array
        Of the crests in an image with square samples, positive down to the right, from -90 up to below 90.
    frequencies : array
        Cycles per sample across the crests, evenly spaced in octaves.
    n_phases : int
        Phases of each, evenly spaced.
    side : int
        Samples down and across.
    """

    dips_deg: np.ndarray
    frequencies: np.ndarray
    n_phases: int = 8
    side: int = 128

    @classmethod
    def default(cls, side: int = 128) -> PlaneWaves:
        """Return sixteen dips, twelve frequencies (wavelengths from 40 to 2.25 samples) and eight phases."""
        return cls(np.arange(-90.0, 90.0, 11.25), np.geomspace(1 / 40, 1 / 2.25, 12), side=side)

    def __len__(self) -> int:
        return len(self.dips_deg) * len(self.frequencies) * self.n_phases

    def parameters(self, number: int) -> tuple[float, float, float]:
        """Return the dip in radians, the cycles per sample and the phase in radians of one wave."""
        rest, phase = divmod(number, self.n_phases)
        dip, frequency = divmod(rest, len(self.frequencies))
        return math.radians(self.dips_deg[dip]), float(self.frequencies[frequency]), 2 * math.pi * phase / self.n_phases

    def image(self, number: int) -> np.ndarray:
        """Return one wave in grey levels ``(row, column)``; at phase 0 a white crest passes through the middle."""
        dip, frequency, phase = self.parameters(number)
        row, column = np.mgrid[: self.side, : self.side] - (self.side - 1) / 2
        across = row * math.cos(dip) - column * math.sin(dip)
        wave = np.cos(2 * math.pi * frequency * across - phase)
        return (MID_GREY + _AMPLITUDE * wave).astype(np.float32)


@dataclass(frozen=True)
class Tuning:
    """Tuning of the channels of one layer.

    Attributes
    ----------
    strength : array
        float32 ``(channel, dip, frequency)``: response at the best phase, less the response to zero amplitude
        (mid-grey): the mean over phases plus the amplitude of the first harmonic (F0 + F1).
    dip_deg, frequency : array
        Of the wave with the largest response, interpolated between waves; NaN without a response.
    dip_selectivity : array
        0: the same response to all dips, 1: to a single one (Ringach, Shapley and Hawken 2002).
    phase_deg : array
        Of that wave at the centre of the unit: 0 a white crest, 180 a black one, 90 and 270 flanks.
    modulation : array
        F1 over F0 at that wave: above 1 the response depends on phase, below 1 barely (Skottun and others 1991).
    polarity : array
        -1 to 1: the cosine of the phase, times the dependence on phase (F1 / (F0 + F1)).
    """

    strength: np.ndarray
    dip_deg: np.ndarray
    frequency: np.ndarray
    dip_selectivity: np.ndarray
    phase_deg: np.ndarray
    modulation: np.ndarray
    polarity: np.ndarray


def measure_tuning(
    prepared: PreparedNetwork,
    layers: Sequence[str],
    waves: PlaneWaves | None = None,
    *,
    on_waves: Callable[[int], None] = lambda n_waves: None,
) -> dict[str, Tuning]:
    """Measure the tuning of the channels of layers.

    Parameters
    ----------
    prepared : PreparedNetwork
        The network.
    layers : sequence of str
        Names of the layers.
    waves : PlaneWaves, optional
        By default `PlaneWaves.default`.
    on_waves : callable, optional
        Called with the number of waves of each batch.

    Returns
    -------
    dict of Tuning
        By layer.

    Examples
    --------
    >>> import seisdream
    >>> gabor = seisdream.load_network("gabor")
    >>> tuned = measure_tuning(PreparedNetwork(gabor), ["stage1/rectified"])["stage1/rectified"]
    >>> gabor.channel_labels("stage1/rectified")[16], round(float(tuned.dip_deg[16]))
    ('dip 45°, wavelength 3, phase 0°', 45)
    """
    waves = waves or PlaneWaves.default()
    layers, responses = tuple(layers), {layer: [] for layer in layers}
    silence = torch.full((1, 1, waves.side, waves.side), MID_GREY)
    middles, baselines = {}, {}
    # Silence and all waves are normalised alike, as one wave is.
    prepared = prepared.with_statistics(torch.from_numpy(waves.image(0))[None, None])
    with torch.no_grad():
        for layer, activations in prepared.record(silence, layers).items():
            info = prepared.network.layer(layer)
            grid = UnitGrid.of(info, (activations.shape[2], activations.shape[3]), (waves.side, waves.side))
            centres = [grid.centres(axis) for axis in (0, 1)]
            middle = tuple(int(np.abs(one - (waves.side - 1) / 2).argmin()) for one in centres)
            offset = tuple(one[at] - (waves.side - 1) / 2 for one, at in zip(centres, middle, strict=True))
            middles[layer], baselines[layer] = (
                (middle, offset),
                activations[0, :, middle[0], middle[1]].double().cpu().numpy(),
            )
        for first in range(0, len(waves), _BATCH):
            numbers = range(first, min(first + _BATCH, len(waves)))
            images = torch.from_numpy(np.stack([waves.image(number) for number in numbers])[:, None])
            for layer, activations in prepared.record(images, layers).items():
                (row, column), _ = middles[layer]
                responses[layer].append(activations[:, :, row, column].double().cpu().numpy())
            on_waves(len(numbers))
    return {
        layer: _tuning(np.concatenate(responses[layer]) - baselines[layer], waves, middles[layer][1])
        for layer in layers
    }


def _tuning(responses: np.ndarray, waves: PlaneWaves, offset: Sequence[float]) -> Tuning:
    """Return the tuning from responses ``(wave, channel)`` of units at an offset from the middle."""
    shape = (len(waves.dips_deg), len(waves.frequencies), waves.n_phases)
    responses = responses.T.reshape(-1, *shape)
    phases = 2 * np.pi * np.arange(waves.n_phases) / waves.n_phases
    mean = responses.mean(-1)
    harmonic = 2.0 / waves.n_phases * (responses @ np.exp(1j * phases))
    strength = mean + np.abs(harmonic)
    n_channels = len(responses)
    best = strength.reshape(n_channels, -1).argmax(1)
    at_dip, at_frequency = np.unravel_index(best, shape[:2])
    channels = np.arange(n_channels)
    peak = strength[channels, at_dip, at_frequency]
    has_response = peak > 1e-6 * max(1e-30, float(np.abs(strength).max()))
    step_deg = waves.dips_deg[1] - waves.dips_deg[0]
    dip_deg = waves.dips_deg[at_dip] + step_deg * _vertex(strength[channels, :, at_frequency], at_dip, wraps=True)
    dip_deg = (dip_deg + 90.0) % 180.0 - 90.0
    octaves = np.log(waves.frequencies)
    step = octaves[1] - octaves[0]
    frequency = np.exp(octaves[at_frequency] + step * _vertex(strength[channels, at_dip], at_frequency, wraps=False))
    f0, f1 = (one[channels, at_dip, at_frequency] for one in (mean, harmonic))
    # The wave's phase is that in the middle of the image; units may lie off the middle.
    dip, cycles = np.radians(waves.dips_deg[at_dip]), waves.frequencies[at_frequency]
    shift = 2 * np.pi * cycles * (offset[0] * np.cos(dip) - offset[1] * np.sin(dip))
    phase = np.angle(f1) - shift
    along = strength[channels, :, at_frequency].clip(0.0)
    twice = np.exp(2j * np.radians(waves.dips_deg))
    total = along.sum(1)
    selectivity = np.divide(np.abs(along @ twice), total, out=np.zeros(n_channels), where=total > 0)
    size = np.abs(f1)
    depth = np.divide(size, np.abs(f0) + size, out=np.zeros(n_channels), where=size > 0)
    modulation = np.divide(size, np.abs(f0), out=np.full(n_channels, np.inf), where=np.abs(f0) > 1e-9 * (size + 1e-30))

    def known(values: np.ndarray) -> np.ndarray:
        return np.where(has_response, values, np.nan).astype(np.float32)

    return Tuning(
        strength.astype(np.float32),
        known(dip_deg),
        known(frequency),
        known(selectivity),
        known(np.degrees(phase) % 360.0),
        known(modulation),
        known(np.cos(phase) * depth),
    )


def _vertex(curves: np.ndarray, at: np.ndarray, *, wraps: bool) -> np.ndarray:
    """Return the offset of the vertex of the parabola through each curve's maximum and its neighbours, -0.5 to 0.5."""
    n_points = curves.shape[1]
    channels = np.arange(len(curves))
    left, right = at - 1, at + 1
    if wraps:
        left, right = left % n_points, right % n_points
    inside = (left >= 0) & (right < n_points)
    low, top, high = (
        curves[channels, left.clip(0)],
        curves[channels, at],
        curves[channels, right.clip(None, n_points - 1)],
    )
    bend = low - 2 * top + high
    shift = np.divide(0.5 * (low - high), bend, out=np.zeros(len(curves)), where=inside & (bend < 0))
    return np.where(inside, shift.clip(-0.5, 0.5), 0.0)
