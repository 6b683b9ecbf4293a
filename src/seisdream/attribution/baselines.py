"""What a section is compared with in an attribution: silence, itself out of focus, or noise of its own spectrum."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from seisdream.seismic.sections import MID_GREY

N_DRAWS = 4
"""How many noises an attribution is a mean over."""
# The blur of Fong and Vedaldi (2017).
_BLUR_SAMPLES = 10.0


def make_baselines(picture: torch.Tensor, name: str, seed: int = 0) -> list[torch.Tensor]:
    """Return what a picture is compared with.

    Parameters
    ----------
    picture : Tensor
        ``(1, channel, row, column)`` in grey levels.
    name : {"zero", "blurred", "noise"}
        - ``zero``: mid-grey everywhere, which is zero amplitude (Sundararajan and others 2017 speak of black);
        - ``blurred``: the picture under a Gaussian of 10 samples (Fong and Vedaldi 2017);
        - ``noise``: pictures with the amplitude spectrum of this one and random phases, in which strength, frequencies
          and dips are as they were, and nothing lies where it lay.
    seed : int, default 0
        Of the phases.

    Returns
    -------
    list of Tensor
        Each shaped as the picture; `N_DRAWS` for noise, else one.
    """
    if name == "zero":
        return [torch.full_like(picture, MID_GREY)]
    values = picture.detach().cpu().numpy().astype(np.float64)
    if name == "blurred":
        blurred = ndimage.gaussian_filter(values, (0, 0, _BLUR_SAMPLES, _BLUR_SAMPLES), mode="nearest")
        return [_like(picture, blurred)]
    rng = np.random.default_rng(seed)
    return [_like(picture, _with_random_phases(values, rng)) for _ in range(N_DRAWS)]


def _with_random_phases(values: NDArray, rng: np.random.Generator) -> NDArray:
    """Return surrogates of ``(..., row, column)`` with its spectrum (Theiler and others 1992), within grey levels."""
    # The phases of white noise: those of a real picture, as ours must be. One draw for all colours.
    phases = np.angle(np.fft.rfft2(rng.normal(size=values.shape[-2:])))
    phases[0, 0] = 0.0
    mean = values.mean((-2, -1), keepdims=True)
    spectrum = np.abs(np.fft.rfft2(values - mean)) * np.exp(1j * phases)
    return (np.fft.irfft2(spectrum, values.shape[-2:]) + mean).clip(0.0, 255.0)


def _like(picture: torch.Tensor, values: NDArray) -> torch.Tensor:
    return torch.from_numpy(values).to(picture.device, picture.dtype)
