"""The built-in network: two stages of oriented band-pass filters, designed rather than trained.

Stage 1 is a bank of Gabor wavelets (Daugman 1985), rectified and pooled: how strong reflections of each dip and
wavelength are. Stage 2 filters these maps again, for dips that turn along the bedding: folds. It knows nothing of
the world and is the same everywhere, which makes it a control for what trained networks see.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import torch
from torch import nn

DIPS_DEG = (0.0, 22.5, 45.0, 67.5, 90.0, -67.5, -45.0, -22.5)
WAVELENGTHS = (3.0, 5.0)
PHASES_DEG = (0.0, 90.0, 180.0, 270.0)

FOLD_DIPS_DEG = (0.0, 22.5, -22.5)
FOLDS = ("anticline", "syncline")
# How far the dip of each limb is from the fold's own.
_LIMB_DIP_DEG = 22.5

# Five samples, so that even a survey five traces wide can be dreamed on at stage 1.
_WAVELET_SIZE = 5
_FOLD_SIZE = 7


def make_wavelet(dip_deg: float, wavelength: float, phase_deg: float, size: int = _WAVELET_SIZE) -> np.ndarray:
    """Return a Gabor wavelet ``(row, column)`` of zero mean and unit norm.

    Parameters
    ----------
    dip_deg : float
        Dip of its stripes, positive down to the right, in a picture with square samples.
    wavelength : float
        Samples from stripe to stripe.
    phase_deg : float
        0 has a white stripe at the centre, 180 a black one, 90 and 270 an edge.
    size : int, odd, default 5
        Rows and columns.
    """
    across, along = _bedding_axes(dip_deg, size)
    # Across its stripes a wavelet is about one wavelength long; short wavelengths are long along them.
    envelope = np.exp(-0.5 * ((across / (0.45 * wavelength)) ** 2 + (along / max(1.8, 0.6 * wavelength)) ** 2))
    wavelet = envelope * np.cos(2 * np.pi * across / wavelength - math.radians(phase_deg))
    # Taking the mean off under the envelope keeps the border small.
    wavelet -= envelope * (wavelet.sum() / envelope.sum())
    return _unit(wavelet)


def make_fold(fold: str, dip_deg: float, wavelength: float) -> np.ndarray:
    """Return a filter ``(stage 1 map, row, column)`` for reflections whose dip turns along the bedding.

    Parameters
    ----------
    fold : {"anticline", "syncline"}
        Whether dips turn downwards or upwards from left to right.
    dip_deg : float
        Dip of the fold as a whole.
    wavelength : float
        Wavelength of its reflections, one of `WAVELENGTHS`.
    """
    across, along = _bedding_axes(dip_deg, _FOLD_SIZE)
    limbs = [np.exp(-0.5 * ((across / 1.5) ** 2 + ((along - at) / 1.2) ** 2)) for at in (-2.0, 2.0)]
    turn = _LIMB_DIP_DEG if fold == "anticline" else -_LIMB_DIP_DEG
    filters = np.zeros((len(DIPS_DEG), len(WAVELENGTHS), _FOLD_SIZE, _FOLD_SIZE))
    for i, dip in enumerate(DIPS_DEG):
        # What the left limb wants, the right one does not: the filter answers to the turn, not to the dip.
        preference = _likeness(dip, dip_deg - turn) - _likeness(dip, dip_deg + turn)
        filters[i, WAVELENGTHS.index(wavelength)] = preference * (limbs[0] - limbs[1])
    return _unit(filters.reshape(-1, _FOLD_SIZE, _FOLD_SIZE))


def _bedding_axes(dip_deg: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return distances across and along beds of a dip, from the centre of a square of samples."""
    row, column = np.mgrid[:size, :size] - (size - 1) / 2
    dip = math.radians(dip_deg)
    return row * math.cos(dip) - column * math.sin(dip), row * math.sin(dip) + column * math.cos(dip)


def _likeness(dip_deg: float, wanted_deg: float) -> float:
    # Dips 180° apart are the same.
    difference = (dip_deg - wanted_deg + 90) % 180 - 90
    return math.exp(-0.5 * (difference / 16.0) ** 2)


def _unit(values: np.ndarray) -> np.ndarray:
    """Return values of unit norm and exactly zero sum, rounded so that every machine has the same bits."""
    rounded = np.round(values / np.linalg.norm(values) * 2**14)
    rounded.flat[np.abs(rounded).argmax()] -= rounded.sum()
    return rounded / 2**14


def _fixed_convolution(filters: np.ndarray, stride: int = 1) -> nn.Conv2d:
    n_out, n_in, size, _ = filters.shape
    # Odd filters are centred on a sample; the pool's even ones start at theirs.
    convolution = nn.Conv2d(n_in, n_out, size, stride, padding=(size - 1) // 2, bias=False)
    convolution.weight = nn.Parameter(torch.from_numpy(filters.astype(np.float32)), requires_grad=False)
    return convolution


def _pool() -> np.ndarray:
    """Return filters for the mean over two by two samples and over phases: how strong a texture is around."""
    textures = np.repeat(np.eye(len(DIPS_DEG) * len(WAVELENGTHS)), len(PHASES_DEG), axis=1)
    return np.tile(textures[..., None, None] / (4 * len(PHASES_DEG)), (1, 1, 2, 2))


class Gabor(nn.Sequential):
    """From a grey picture ``(batch, 1, row, column)``, zero being mid-grey, to folds at half its sampling."""

    def __init__(self) -> None:
        super().__init__()
        wavelets = [make_wavelet(*texture) for texture in product(DIPS_DEG, WAVELENGTHS, PHASES_DEG)]
        folds = [make_fold(*fold) for fold in product(FOLDS, FOLD_DIPS_DEG, WAVELENGTHS)]
        self.add_module("stage1/filters", _fixed_convolution(np.stack(wavelets)[:, None]))
        self.add_module("stage1/rectified", nn.ReLU())
        self.add_module("stage1/pooled", _fixed_convolution(_pool(), stride=2))
        self.add_module("stage2/filters", _fixed_convolution(np.stack(folds)))
        self.add_module("stage2/rectified", nn.ReLU())

    def channel_labels(self) -> dict[str, tuple[str, ...]]:
        """Return what each channel responds to, by layer."""
        wavelets = tuple(
            f"dip {dip:g}°, wavelength {length:g}, phase {phase:g}°"
            for dip, length, phase in product(DIPS_DEG, WAVELENGTHS, PHASES_DEG)
        )
        textures = tuple(f"dip {dip:g}°, wavelength {length:g}" for dip, length in product(DIPS_DEG, WAVELENGTHS))
        folds = tuple(
            f"{fold}, dip {dip:g}°, wavelength {length:g}"
            for fold, dip, length in product(FOLDS, FOLD_DIPS_DEG, WAVELENGTHS)
        )
        return {
            "stage1/filters": wavelets,
            "stage1/rectified": wavelets,
            "stage1/pooled": textures,
            "stage2/filters": folds,
            "stage2/rectified": folds,
        }
