"""Constraints: after each step a section is replaced by the nearest one that fulfils them (projected gradient).

A mask needs no constraint: what it excludes is never changed.
"""

from __future__ import annotations

import torch

from seisdream.seismic.spectrum import Band


def constrain_bounds(sections: torch.Tensor, start: torch.Tensor, may_change: torch.Tensor) -> torch.Tensor:
    """Return sections with amplitudes between the smallest and the largest at the start.

    Parameters
    ----------
    sections, start : Tensor
        ``(batch, channel, *space)``.
    may_change : Tensor
        Booleans ``space``: where change is allowed; only amplitudes there count.

    Examples
    --------
    >>> start = torch.tensor([[[[0.0, 1.0]]]])
    >>> constrain_bounds(start + 0.5, start, torch.ones(1, 2, dtype=torch.bool)).tolist()
    [[[[0.5, 1.0]]]]
    """
    present = start[..., may_change].flatten(1)
    shape = (-1, *(1,) * (start.ndim - 1))
    return sections.clamp(present.amin(1).reshape(shape), present.amax(1).reshape(shape))


def constrain_histogram(sections: torch.Tensor, start: torch.Tensor, may_change: torch.Tensor) -> torch.Tensor:
    """Return sections with exactly the amplitudes of the start, in the order that they have now.

    The sample of rank *n* gets the start's amplitude of rank *n* (channel by channel), which is the nearest section of
    that histogram. With `phase` this is the iteration of Schreiber and Schmitz (Physical Review Letters 77, 1996).
    """
    constrained = sections.clone()
    for number in range(sections.shape[0]):
        for channel in range(sections.shape[1]):
            now, before = sections[number, channel][may_change], start[number, channel][may_change]
            ranked = torch.empty_like(now)
            ranked[torch.argsort(now, stable=True)] = before.sort().values
            constrained[number, channel][may_change] = ranked
    return constrained


def constrain_band(sections: torch.Tensor, start: torch.Tensor, corners_hz: Band, dt_ms: float) -> torch.Tensor:
    """Return sections whose change from the start has no energy outside the outer corners of a band."""
    n_samples = sections.shape[2]
    spectrum = torch.fft.rfft(sections - start, dim=2)
    freq_hz = torch.fft.rfftfreq(n_samples, dt_ms / 1000.0, device=sections.device)
    is_inside = (freq_hz >= corners_hz[0]) & (freq_hz <= corners_hz[3])
    is_inside = is_inside.reshape(-1, *(1,) * (sections.ndim - 3))
    return start + torch.fft.irfft(spectrum * is_inside, n=n_samples, dim=2)
