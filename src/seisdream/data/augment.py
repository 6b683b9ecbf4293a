"""What may be done to a section without changing what it is: only what a geophysicist accepts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import zoom
from torch.nn.functional import grid_sample

from seisdream.data.sample import UNKNOWN

Range = tuple[float, float]


@dataclass(frozen=True)
class Augmentation:
    """Chances and ranges of what is done to each item; a section is never turned upside down.

    Attributes
    ----------
    flip : float, default 0.5
        Chance of mirroring left and right.
    rotation_deg, shear : float, default 5 and 0.15
        Greatest rotation, and greatest shear in samples a trace.
    stretch_time, stretch_trace : (float, float), default (0.8, 1.25)
        How far time and traces may be stretched.
    fold : float, default 0
        Typical height of gentle folds, in samples, so that lines of one survey vary in structure.
    gain : float, default 0.2
        Standard deviation of the logarithm of a gain.
    clip : float, default 0.15
        Chance of amplitudes so much louder that most are clipped, as in many published pictures.
    phase_deg : float, default 40
        Standard deviation of a rotation of the wavelet's phase.
    band : float, default 0.5
        Chance of a change of the band: a tilt of the spectrum, or a cut at a high frequency.
    noise : float, default 0.5
        Chance of noise, of up to `most_noise` of the section's deviation.
    most_noise : float, default 0.3
        See `noise`.
    erase : float, default 0.1
        Chance of dead traces.
    polarity : float, default 0
        Chance of a change of sign. Off unless asked for: polarity is what tells hard from soft.
    """

    flip: float = 0.5
    rotation_deg: float = 5.0
    shear: float = 0.15
    stretch_time: Range = (0.8, 1.25)
    stretch_trace: Range = (0.8, 1.25)
    fold: float = 0.0
    gain: float = 0.2
    clip: float = 0.15
    phase_deg: float = 40.0
    band: float = 0.5
    noise: float = 0.5
    most_noise: float = 0.3
    erase: float = 0.1
    polarity: float = 0.0


GENTLE = Augmentation()
"""What is done unless something else is asked for."""


def scale_to_grey(values: NDArray) -> NDArray:
    """Scale amplitudes to -1 (black) to 1 (white) as sections are shown to networks: clipped at the 99th percentile."""
    clip = float(np.percentile(np.abs(values), 99.0)) or float(np.abs(values).max()) or 1.0
    return values / np.float32(clip)


def augment(
    rng: np.random.Generator,
    picture: NDArray,
    maps: dict[str, NDArray],
    augmentation: Augmentation,
    size: tuple[int, ...],
) -> tuple[NDArray, dict[str, NDArray]]:
    """Change a picture, and what is known of it along with it, at random; return both at a size.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    picture : array
        float32 ``(time, trace)`` or ``(time, inline, crossline)``, not yet clipped to -1 to 1.
    maps : dict of array
        What is known, shaped as the picture: whole numbers are labels, floating-point numbers are quantities.
    augmentation : Augmentation
        Chances and ranges.
    size : tuple of int
        Of what is returned. Where the picture is narrower, it is mirrored beyond its sides, dips with it; above and
        below it nothing is shown, and nothing known.

    Returns
    -------
    picture, maps
        The picture clipped to -1 to 1.
    """
    picture, maps = _warp(rng, picture, dict(maps), augmentation, size)
    for axis in range(1, picture.ndim):
        if rng.random() < augmentation.flip:
            picture = np.flip(picture, axis)
            maps = {name: np.flip(values, axis) for name, values in maps.items()}
            if "dip" in maps and axis == picture.ndim - 1:
                maps["dip"] = -maps["dip"]
    picture = _filter(rng, picture, augmentation)
    if rng.random() < augmentation.noise:
        level = np.float32(rng.uniform(0.0, augmentation.most_noise) * picture.std())
        picture = picture + level * _coloured_noise(rng, picture.shape)
    gain = np.exp(rng.normal(0.0, augmentation.gain))
    if rng.random() < augmentation.clip:
        gain *= np.exp(rng.uniform(0.7, 3.5))
    picture = picture * np.float32(-gain if rng.random() < augmentation.polarity else gain)
    if rng.random() < augmentation.erase:
        dead = rng.integers(0, picture.shape[-1], rng.integers(1, 6))
        picture[..., dead] = 0.0
    return np.ascontiguousarray(np.clip(picture, -1.0, 1.0), np.float32), {
        name: np.ascontiguousarray(values) for name, values in maps.items()
    }


def _warp(rng, picture, maps, augmentation: Augmentation, size):
    """Rotate, shear, stretch and crop time and traces in one go; a cube is cropped and stretched line by line alike."""
    time, traces = picture.shape[0], picture.shape[-1]
    turn = np.deg2rad(rng.uniform(-1.0, 1.0) * augmentation.rotation_deg)
    shear = rng.uniform(-1.0, 1.0) * augmentation.shear
    stretch_time, stretch_trace = (
        np.exp(rng.uniform(*np.log(range_))) for range_ in (augmentation.stretch_time, augmentation.stretch_trace)
    )
    # From places in the item, in samples from its middle, to places in the picture.
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.array([[1.0, shear], [0, 1]])
    matrix = matrix / np.array([stretch_time, stretch_trace])
    half = np.array([size[0], size[-1]]) / 2.0
    reach = np.abs(matrix) @ half
    room = np.maximum(np.array([time, traces]) / 2.0 - reach, 0.0)
    centre = rng.uniform(-room, room)
    row, column = np.meshgrid(np.arange(size[0]) + 0.5 - half[0], np.arange(size[-1]) + 0.5 - half[1], indexing="ij")
    places = np.stack([row, column], -1) @ matrix.T + centre
    fold = _fold(rng, size, augmentation.fold) if augmentation.fold else np.zeros(1)
    places[..., 0] += fold
    # grid_sample wants (x, y) from -1 to 1 over the picture's outer edges.
    grid = torch.from_numpy((places[..., ::-1] / (np.array([traces, time]) / 2.0)).astype(np.float32))[None]
    lines = np.arange(0)
    if picture.ndim == 3:
        first = int(rng.integers(0, max(picture.shape[1] - size[1], 0) + 1))
        lines = np.pad(np.arange(picture.shape[1]), (0, max(size[1] - picture.shape[1], 0)), mode="symmetric")
        lines = lines[first : first + size[1]]

    def take(values: NDArray, *, is_known: bool) -> NDArray:
        is_label = values.dtype.kind in "ui"
        planes = values[None] if values.ndim == 2 else np.moveaxis(values[:, lines], 1, 0)
        planes = torch.from_numpy(np.ascontiguousarray(planes, np.float32))[None]
        mode = "nearest" if is_label else "bilinear"
        warped = grid_sample(planes, grid, mode=mode, padding_mode="reflection", align_corners=False)[0].numpy()
        # Mirrored beyond its top or base, a section would be upside down.
        warped[..., is_outside] = (UNKNOWN if is_label else np.nan) if is_known else 0.0
        warped = warped[0] if values.ndim == 2 else np.moveaxis(warped, 0, 1)
        return warped.astype(values.dtype)

    is_outside = np.abs(places[..., 0]) > time / 2.0
    picture = take(picture, is_known=False)
    maps = {name: take(values, is_known=True) for name, values in maps.items()}
    if "dip" in maps:
        # A line along a dip, in the item's own samples a trace; where the picture is mirrored, so are its dips.
        a, b, c, d = matrix.ravel()
        if augmentation.fold:
            a, b = a + np.gradient(fold, axis=0), b + np.gradient(fold, axis=1)
        n_mirrored = np.floor(places[..., 1] / traces + 0.5)
        sign = np.where(n_mirrored % 2, np.float32(-1.0), np.float32(1.0))
        dip = maps["dip"] * (sign if picture.ndim == 2 else sign[:, None])
        maps["dip"] = ((dip * d - b) / (a - dip * c)).astype(np.float32)
    return picture, maps


def _fold(rng, size, height: float) -> NDArray:
    """Make folds of a few hundred traces that change with depth, in samples, ``(time, trace)``."""
    coarse = rng.normal(0.0, height, (max(2, size[0] // 150) + 3, max(2, size[-1] // 100) + 3))
    fold = np.asarray(
        zoom(coarse, [n / (k - 3) for n, k in zip((size[0], size[-1]), coarse.shape, strict=True)], order=3)
    )
    first = [(have - n) // 2 for have, n in zip(fold.shape, (size[0], size[-1]), strict=True)]
    return fold[first[0] : first[0] + size[0], first[1] : first[1] + size[-1]]


def _filter(rng, picture, augmentation: Augmentation) -> NDArray:
    """Rotate the phase and change the band, trace by trace."""
    phase = np.deg2rad(rng.normal(0.0, augmentation.phase_deg)) if augmentation.phase_deg else 0.0
    changes_band = rng.random() < augmentation.band
    if not phase and not changes_band:
        return picture
    spectrum = torch.fft.rfft(torch.from_numpy(np.ascontiguousarray(picture)), dim=0)
    freq = np.linspace(0.0, 1.0, len(spectrum))  # over Nyquist
    response = np.full(len(freq), np.exp(1j * phase))
    if changes_band:
        response *= np.maximum(freq, 0.03) ** rng.uniform(-0.5, 0.5)
        cut = rng.uniform(0.2, 1.0)
        response *= 1.0 / (1.0 + (freq / cut) ** 8)
    spectrum *= torch.from_numpy(response.astype(np.complex64)).reshape(-1, *(1,) * (picture.ndim - 1))
    filtered = torch.fft.irfft(spectrum, n=len(picture), dim=0).numpy()
    # As loud as before: what is loud is for the gain to say.
    return filtered * np.float32(picture.std() / (filtered.std() + 1e-9))


def _coloured_noise(rng, shape) -> NDArray:
    """Make noise of unit deviation, white or shared by neighbouring traces and samples."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    if rng.random() < 0.5:
        noise = noise + np.roll(noise, 1, axis=-1) + np.roll(noise, 1, axis=0)
    return noise / noise.std()
