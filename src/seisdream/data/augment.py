"""Random changes to training images that leave the geology as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import zoom
from torch.nn.functional import grid_sample

from seisdream.data.sample import UNKNOWN

Range = tuple[float, float]

# Samples and traces over which folds and changes of thickness vary.
_FOLD_EXTENT, _THICKNESS_EXTENT = (150, 100), (60, 250)
# Of an anchored patch: the upper part in which nothing moves, and the part below over which movement grows.
_UNMOVED_SHARE, _GROWTH_SHARE = 0.09, 0.2


@dataclass(frozen=True)
class Augmentation:
    """Probabilities and ranges of random changes; a section is never turned upside down.

    Attributes
    ----------
    flip : float, default 0.5
        Probability of mirroring left and right.
    rotation_deg, shear : float, default 5 and 0.15
        Maximum rotation in degrees, and maximum shear in samples per trace.
    stretch_time, stretch_trace : (float, float), default (0.8, 1.25)
        Range of stretch factors along time and traces.
    fold : float, default 0
        Typical height of gentle folds in samples, so that lines of one survey vary in structure.
    thickness : float, default 0
        Standard deviation of the logarithm of a change of thickness that varies over 60 samples and 250 traces, so that
        beds thicken and thin as they do far away.
    anchor : float, default 0
        Probability that the top of the section stays at its time and all vertical changes grow with depth below it.
    gain : float, default 0.2
        Standard deviation of the logarithm of a gain.
    clip : float, default 0.15
        Probability of a gain so strong that most samples are clipped, as in many published images.
    phase_deg : float, default 40
        Standard deviation of a rotation of the wavelet's phase, in degrees.
    band : float, default 0.5
        Probability of a change of bandwidth: a tilt of the spectrum and a high cut.
    noise : float, default 0.5
        Probability of noise, of up to `max_noise` of the section's standard deviation.
    max_noise : float, default 0.3
        See `noise`.
    erase : float, default 0.1
        Probability of dead traces.
    polarity : float, default 0
        Probability of a change of sign. Off by default: polarity distinguishes hard from soft reflections.
    quarter_turn : float, default 0
        Probability of exchanging inlines and crosslines of a cube, which must be as many. Dips are not turned.
    """

    flip: float = 0.5
    rotation_deg: float = 5.0
    shear: float = 0.15
    stretch_time: Range = (0.8, 1.25)
    stretch_trace: Range = (0.8, 1.25)
    fold: float = 0.0
    thickness: float = 0.0
    anchor: float = 0.0
    gain: float = 0.2
    clip: float = 0.15
    phase_deg: float = 40.0
    band: float = 0.5
    noise: float = 0.5
    max_noise: float = 0.3
    erase: float = 0.1
    polarity: float = 0.0
    quarter_turn: float = 0.0


DEFAULT_AUGMENTATION = Augmentation()
"""Augmentation of seismic unless another is given."""


def scale_to_grey(values: NDArray) -> NDArray:
    """Scale amplitudes so that the 99th percentile of absolute amplitude becomes 1."""
    clip = float(np.percentile(np.abs(values), 99.0)) or float(np.abs(values).max()) or 1.0
    return values / np.float32(clip)


def augment(
    rng: np.random.Generator,
    image: NDArray,
    maps: dict[str, NDArray],
    augmentation: Augmentation,
    size: tuple[int, ...],
    top: int = 0,
) -> tuple[NDArray, dict[str, NDArray]]:
    """Change an image at random, and its labels and quantities with it; return both at a size.

    Parameters
    ----------
    rng : Generator
        Source of random numbers.
    image : array
        float32 ``(time, trace)`` or ``(time, inline, crossline)``, not yet clipped to -1 to 1.
    maps : dict of array
        Labels (whole numbers) and quantities (floating-point numbers), shaped as the image. A map named ``dip`` holds
        dips in samples per trace, which change with the geometry.
    augmentation : Augmentation
        Probabilities and ranges.
    size : tuple of int
        Shape of the result. A narrower image is mirrored at its sides, dips with it; above and below it, the image is
        0 and the maps are unknown.
    top : int, default 0
        Row of the image at which the section begins, for `anchor`.

    Returns
    -------
    image, maps
        The image clipped to -1 to 1.
    """
    if augmentation.quarter_turn and rng.random() < augmentation.quarter_turn:
        image, maps = (image.swapaxes(1, 2), {name: values.swapaxes(1, 2) for name, values in maps.items()})
    image, maps = _warp(rng, image, dict(maps), augmentation, size, top)
    for axis in range(1, image.ndim):
        if rng.random() < augmentation.flip:
            image = np.flip(image, axis)
            maps = {name: np.flip(values, axis) for name, values in maps.items()}
            if "dip" in maps and axis == image.ndim - 1:
                maps["dip"] = -maps["dip"]
    image = _filter(rng, image, augmentation)
    if rng.random() < augmentation.noise:
        level = np.float32(rng.uniform(0.0, augmentation.max_noise) * image.std())
        image = image + level * _coloured_noise(rng, image.shape)
    gain = np.exp(rng.normal(0.0, augmentation.gain))
    if rng.random() < augmentation.clip:
        gain *= np.exp(rng.uniform(0.7, 3.5))
    image = image * np.float32(-gain if rng.random() < augmentation.polarity else gain)
    if rng.random() < augmentation.erase:
        dead = rng.integers(0, image.shape[-1], rng.integers(1, 6))
        image[..., dead] = 0.0
    return np.ascontiguousarray(np.clip(image, -1.0, 1.0), np.float32), {
        name: np.ascontiguousarray(values) for name, values in maps.items()
    }


def _warp(rng, image, maps, augmentation: Augmentation, size, top: int):
    """Rotate, shear, stretch and crop time and traces in one step, with the same change for all inlines of a cube."""
    time, traces = image.shape[0], image.shape[-1]
    turn = np.deg2rad(rng.uniform(-1.0, 1.0) * augmentation.rotation_deg)
    shear = rng.uniform(-1.0, 1.0) * augmentation.shear
    stretch_time, stretch_trace = (
        np.exp(rng.uniform(*np.log(range_))) for range_ in (augmentation.stretch_time, augmentation.stretch_trace)
    )
    # From locations in the result, in samples from its middle, to locations in the image.
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.array([[1.0, shear], [0, 1]])
    matrix = matrix / np.array([stretch_time, stretch_trace])
    half = np.array([size[0], size[-1]]) / 2.0
    reach = np.abs(matrix) @ half
    room = np.maximum(np.array([time, traces]) / 2.0 - reach, 0.0)
    centre = rng.uniform(-room, room)
    row, column = np.meshgrid(np.arange(size[0]) + 0.5 - half[0], np.arange(size[-1]) + 0.5 - half[1], indexing="ij")
    locations = np.stack([row, column], -1) @ matrix.T + centre
    if augmentation.fold:
        locations[..., 0] += _smooth_field(rng, size, *_FOLD_EXTENT, augmentation.fold)
    if augmentation.thickness:
        thickness = np.exp(_smooth_field(rng, size, *_THICKNESS_EXTENT, augmentation.thickness))
        moved = np.cumsum(thickness - 1.0, axis=0)
        locations[..., 0] += moved - moved[rng.integers(0, max(size[0] // 2, 1))]
    if augmentation.anchor and rng.random() < augmentation.anchor:
        locations[..., 0] = _anchored(locations[..., 0], top + 0.5 - time / 2.0)
    # grid_sample expects (x, y) from -1 to 1 over the image's outer edges.
    grid = torch.from_numpy((locations[..., ::-1] / (np.array([traces, time]) / 2.0)).astype(np.float32))[None]
    lines = np.arange(0)
    if image.ndim == 3:
        first = int(rng.integers(0, max(image.shape[1] - size[1], 0) + 1))
        lines = np.pad(np.arange(image.shape[1]), (0, max(size[1] - image.shape[1], 0)), mode="symmetric")
        lines = lines[first : first + size[1]]

    def sample(values: NDArray, *, is_map: bool) -> NDArray:
        is_label = values.dtype.kind in "ui"
        planes = values[None] if values.ndim == 2 else np.moveaxis(values[:, lines], 1, 0)
        planes = torch.from_numpy(np.ascontiguousarray(planes, np.float32))[None]
        mode = "nearest" if is_label else "bilinear"
        warped = grid_sample(planes, grid, mode=mode, padding_mode="reflection", align_corners=False)[0].numpy()
        # Mirrored at its top or base, a section would be upside down.
        warped[..., is_outside] = (UNKNOWN if is_label else np.nan) if is_map else 0.0
        warped = warped[0] if values.ndim == 2 else np.moveaxis(warped, 0, 1)
        return warped.astype(values.dtype)

    is_outside = np.abs(locations[..., 0]) > time / 2.0
    image = sample(image, is_map=False)
    maps = {name: sample(values, is_map=True) for name, values in maps.items()}
    if "dip" in maps:
        # The slope of a reflection, in samples per trace of the result; where the image is mirrored, so are its dips.
        a, b, c, d = matrix.ravel()
        if augmentation.fold or augmentation.thickness or augmentation.anchor:
            a, b = np.gradient(locations[..., 0])
        n_mirrored = np.floor(locations[..., 1] / traces + 0.5)
        sign = np.where(n_mirrored % 2, np.float32(-1.0), np.float32(1.0))
        dip = maps["dip"] * (sign if image.ndim == 2 else sign[:, None])
        maps["dip"] = ((dip * d - b) / (a - dip * c)).astype(np.float32)
    return image, maps


def _smooth_field(rng, size, n_samples: int, n_traces: int, deviation: float) -> NDArray:
    """Make a smooth random field ``(time, trace)`` that varies over some samples and traces."""
    # Cubic splines of fewer than two intervals would barely vary.
    n_rows, n_columns = (max(2, n // extent) + 3 for n, extent in ((size[0], n_samples), (size[-1], n_traces)))
    coarse = rng.normal(0.0, deviation, (n_rows, n_columns))
    field = np.asarray(
        zoom(coarse, [n / (k - 3) for n, k in zip((size[0], size[-1]), coarse.shape, strict=True)], order=3)
    )
    first = [(have - n) // 2 for have, n in zip(field.shape, (size[0], size[-1]), strict=True)]
    return field[first[0] : first[0] + size[0], first[1] : first[1] + size[-1]]


def _anchored(rows: NDArray, top: float) -> NDArray:
    """Return the rows of the image from which a patch is taken, changed so that the section begins at its first row.

    In the upper part of the patch nothing moves, so that flat shallow beds stay flat at their times; below, what moves
    grows to its full size. No row lies above one over it.
    """
    n_rows = len(rows)
    unmoved = top + np.arange(n_rows)[:, None]
    first = round(_UNMOVED_SHARE * n_rows)
    growth = np.clip((np.arange(n_rows)[:, None] - first) / (_GROWTH_SHARE * n_rows), 0.0, 1.0)
    moved = rows - unmoved
    return np.maximum.accumulate(unmoved + (moved - moved[first].mean()) * growth, axis=0)


def _filter(rng, image, augmentation: Augmentation) -> NDArray:
    """Rotate the phase and change the band, trace by trace."""
    phase = np.deg2rad(rng.normal(0.0, augmentation.phase_deg)) if augmentation.phase_deg else 0.0
    changes_band = rng.random() < augmentation.band
    if not phase and not changes_band:
        return image
    spectrum = torch.fft.rfft(torch.from_numpy(np.ascontiguousarray(image)), dim=0)
    freq = np.linspace(0.0, 1.0, len(spectrum))  # over Nyquist
    response = np.full(len(freq), np.exp(1j * phase))
    if changes_band:
        response *= np.maximum(freq, 0.03) ** rng.uniform(-0.5, 0.5)
        cut = rng.uniform(0.2, 1.0)
        response *= 1.0 / (1.0 + (freq / cut) ** 8)
    spectrum *= torch.from_numpy(response.astype(np.complex64)).reshape(-1, *(1,) * (image.ndim - 1))
    filtered = torch.fft.irfft(spectrum, n=len(image), dim=0).numpy()
    # The same standard deviation as before: amplitude is changed by the gain alone.
    return filtered * np.float32(image.std() / (filtered.std() + 1e-9))


def _coloured_noise(rng, shape) -> NDArray:
    """Make noise of unit standard deviation, white or correlated between neighbouring traces and samples."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    if rng.random() < 0.5:
        noise = noise + np.roll(noise, 1, axis=-1) + np.roll(noise, 1, axis=0)
    return noise / noise.std()
