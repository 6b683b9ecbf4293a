"""What a section is compared with: zero amplitude, the section blurred, or noise with its amplitude spectrum."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from seisdream.seismic.sections import MID_GREY

N_NOISE_BASELINES = 4
"""Number of noise baselines that an attribution is averaged over."""
# Sigma of the blur of Fong and Vedaldi (2017).
_BLUR_SAMPLES = 10.0
BLUR_REACH = 40
"""Samples after which the filter of the blur ends."""


def make_baselines(image: torch.Tensor, name: str, seed: int = 0, *, clip: bool = True) -> list[torch.Tensor]:
    """Return the baselines of an image.

    Parameters
    ----------
    image : Tensor
        ``(1, channel, row, column)`` in grey levels.
    name : {"zero", "blurred", "noise"}
        - ``zero``: mid-grey everywhere, which is zero amplitude (Sundararajan and others 2017 use black);
        - ``blurred``: the image filtered with a Gaussian of 10 samples (Fong and Vedaldi 2017);
        - ``noise``: images with the amplitude spectrum of this one and random phases: strength, frequencies and dips
          are kept, positions are not.
    seed : int, default 0
        Random seed of the phases.
    clip : bool, default True
        Keep grey levels of the noise within 0 to 255.

    Returns
    -------
    list of Tensor
        Each shaped as the image: `N_NOISE_BASELINES` for noise, else one.
    """
    if name == "zero":
        return [torch.full_like(image, MID_GREY)]
    values = image.detach().cpu().numpy().astype(np.float64)
    if name == "blurred":
        blurred = ndimage.gaussian_filter(values, (0, 0, *(_BLUR_SAMPLES,) * (values.ndim - 2)), mode="nearest")
        return [_like(image, blurred)]
    rng = np.random.default_rng(seed)
    noise = (_phase_randomized(values, rng) for _ in range(N_NOISE_BASELINES))
    return [_like(image, one.clip(0.0, 255.0) if clip else one) for one in noise]


def _phase_randomized(values: NDArray, rng: np.random.Generator) -> NDArray:
    """Return a surrogate of ``(..., row, column)`` with its spectrum (Theiler and others 1992)."""
    # The phases of real white noise, so that the surrogate is real; the same for all colours.
    phases = np.angle(np.fft.rfft2(rng.normal(size=values.shape[-2:])))
    phases[0, 0] = 0.0
    mean = values.mean((-2, -1), keepdims=True)
    spectrum = np.abs(np.fft.rfft2(values - mean)) * np.exp(1j * phases)
    return np.fft.irfft2(spectrum, values.shape[-2:]) + mean


def _like(image: torch.Tensor, values: NDArray) -> torch.Tensor:
    return torch.from_numpy(values).to(image.device, image.dtype)
