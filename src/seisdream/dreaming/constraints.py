"""Constraints: after each step a section is replaced by the nearest one that fulfils them (projected gradient).

A mask needs no constraint: what it excludes is never changed.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def constrain_band(
    sections: torch.Tensor, start: torch.Tensor, corners_hz: Band, dt_ms: float, wavenumbers: Sequence[float] = ()
) -> torch.Tensor:
    """Return sections whose change from the start has no energy outside a band of frequencies and wavenumbers.

    Parameters
    ----------
    sections, start : Tensor
        ``(batch, channel, *space)``.
    corners_hz : (float, float, float, float)
        Of the band; its outer corners limit the change.
    dt_ms : float
        Sampling interval in ms.
    wavenumbers : sequence of float, optional
        For each lateral axis, the largest wavenumber of the change in cycles a trace; by default none is limited.
    """
    axes, size = tuple(range(2, sections.ndim)), sections.shape[2:]
    # The transform of real samples has non-negative frequencies only, here along time, its last axis.
    spectrum = torch.fft.rfftn(sections - start, dim=axes[1:] + axes[:1])
    freq_hz = torch.fft.rfftfreq(size[0], dt_ms / 1000.0, device=sections.device)
    is_inside = ((freq_hz >= corners_hz[0]) & (freq_hz <= corners_hz[3])).reshape(-1, *(1,) * (len(axes) - 1))
    for axis, largest in enumerate(wavenumbers, start=1):
        is_low = torch.fft.fftfreq(size[axis], device=sections.device).abs() <= largest
        is_inside = is_inside & is_low.reshape(-1, *(1,) * (len(axes) - 1 - axis))
    return start + torch.fft.irfftn(spectrum * is_inside, s=(*size[1:], size[0]), dim=axes[1:] + axes[:1])
