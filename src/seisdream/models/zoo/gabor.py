"""The built-in network gabor: two stages of oriented band-pass filters, designed and not trained.

Stage 1 is a bank of Gabor wavelets (Daugman 1985), rectified and pooled: the strength of reflections of each dip and
wavelength. Stage 2 filters these maps for dips that change along the bedding, which are folds. It has learned nothing
from data, and its filters are the same on every machine, so it is a control for trained networks.
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
# Difference between the dip of each limb and that of the fold.
_LIMB_DIP_DEG = 22.5

# Five samples, so that stage 1 works even on a survey five traces wide.
_WAVELET_SIZE = 5
_FOLD_SIZE = 7


def make_wavelet(dip_deg: float, wavelength: float, phase_deg: float, size: int = _WAVELET_SIZE) -> np.ndarray:
    """Return a Gabor wavelet ``(row, column)`` of zero mean and unit norm.

    Parameters
    ----------
    dip_deg : float
        Dip of its stripes, positive down to the right, in an image with square samples.
    wavelength : float
        Distance between stripes in samples.
    phase_deg : float
        0 has a white stripe at the centre, 180 a black one, 90 and 270 an edge.
    size : int, odd, default 5
        Number of rows and of columns.
    """
    across, along = _bedding_axes(dip_deg, size)
    # A wavelet is about one wavelength long across its stripes, and at least 1.8 samples (one sigma) along them.
    envelope = np.exp(-0.5 * ((across / (0.45 * wavelength)) ** 2 + (along / max(1.8, 0.6 * wavelength)) ** 2))
    wavelet = envelope * np.cos(2 * np.pi * across / wavelength - math.radians(phase_deg))
    # Removing the mean under the envelope keeps values at the border small.
    wavelet -= envelope * (wavelet.sum() / envelope.sum())
    return _unit(wavelet)


def make_fold(fold: str, dip_deg: float, wavelength: float) -> np.ndarray:
    """Return a filter ``(stage 1 map, row, column)`` for reflections whose dip changes along the bedding.

    Parameters
    ----------
    fold : {"anticline", "syncline"}
        Whether reflections bend down or up on both sides of the centre.
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
        # The limbs have opposite signs, so the filter responds to the change of dip and not to the dip itself.
        preference = _similarity(dip, dip_deg - turn) - _similarity(dip, dip_deg + turn)
        filters[i, WAVELENGTHS.index(wavelength)] = preference * (limbs[0] - limbs[1])
    return _unit(filters.reshape(-1, _FOLD_SIZE, _FOLD_SIZE))


def _bedding_axes(dip_deg: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return distances across and along beds of a dip, from the centre of a square of samples."""
    row, column = np.mgrid[:size, :size] - (size - 1) / 2
    dip = math.radians(dip_deg)
    return row * math.cos(dip) - column * math.sin(dip), row * math.sin(dip) + column * math.cos(dip)


def _similarity(dip_deg: float, other_deg: float) -> float:
    # Dips 180° apart are the same.
    difference = (dip_deg - other_deg + 90) % 180 - 90
    return math.exp(-0.5 * (difference / 16.0) ** 2)


def _unit(values: np.ndarray) -> np.ndarray:
    """Return values of unit norm and exactly zero sum, rounded so that they are identical on every machine."""
    rounded = np.round(values / np.linalg.norm(values) * 2**14)
    rounded.flat[np.abs(rounded).argmax()] -= rounded.sum()
    return rounded / 2**14


def _fixed_convolution(filters: np.ndarray, stride: int = 1) -> nn.Conv2d:
    n_out, n_in, size, _ = filters.shape
    # Odd filters are centred on a sample; the even filters of the pool begin at one.
    convolution = nn.Conv2d(n_in, n_out, size, stride, padding=(size - 1) // 2, bias=False)
    convolution.weight = nn.Parameter(torch.from_numpy(filters.astype(np.float32)), requires_grad=False)
    return convolution


def _pool() -> np.ndarray:
    """Return filters for the mean over two by two samples and over phases: the local strength of a texture."""
    textures = np.repeat(np.eye(len(DIPS_DEG) * len(WAVELENGTHS)), len(PHASES_DEG), axis=1)
    return np.tile(textures[..., None, None] / (4 * len(PHASES_DEG)), (1, 1, 2, 2))


class Gabor(nn.Sequential):
    """A module from grey images ``(batch, 1, row, column)``, mid-grey at zero, to maps of folds at half resolution."""

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
