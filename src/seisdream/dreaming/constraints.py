"""Constraints that a penalty is too soft for: after each step the section is taken back to the nearest that keeps them.

What a mask leaves alone needs no projection: it is never changed in the first place.
"""

from __future__ import annotations

import torch

from seisdream.seismic.spectrum import Band


def keep_bounds(section: torch.Tensor, start: torch.Tensor, free: torch.Tensor) -> torch.Tensor:
    """Return the section with amplitudes between the least and the greatest that it had at the start.

    Parameters
    ----------
    section, start : Tensor
        ``(1, channel, row, column)``.
    free : Tensor
        Booleans ``(row, column)``: where change is allowed; there alone it is held.
    """
    return section.clamp(start[..., free].min(), start[..., free].max())


def keep_histogram(section: torch.Tensor, start: torch.Tensor, free: torch.Tensor) -> torch.Tensor:
    """Return the section with the very amplitudes that it had at the start, in the order that it has now.

    The sample of rank *n* gets the start's amplitude of rank *n* (channel by channel), which is the nearest section
    of that histogram. With the phase free this is the iteration of Schreiber and Schmitz (Physical Review Letters
    77, 1996).
    """
    kept = section.clone()
    for channel in range(section.shape[1]):
        now, before = section[0, channel][free], start[0, channel][free]
        ranked = torch.empty_like(now)
        ranked[torch.argsort(now, stable=True)] = before.sort().values
        kept[0, channel][free] = ranked
    return kept


def keep_band(section: torch.Tensor, start: torch.Tensor, corners_hz: Band, dt_ms: float) -> torch.Tensor:
    """Return the section whose change from the start has nothing outside the outer corners of a band."""
    n_samples = section.shape[-2]
    spectrum = torch.fft.rfft(section - start, dim=-2)
    freq_hz = torch.fft.rfftfreq(n_samples, dt_ms / 1000.0, device=section.device)
    is_inside = (freq_hz >= corners_hz[0]) & (freq_hz <= corners_hz[3])
    return start + torch.fft.irfft(spectrum * is_inside[:, None], n=n_samples, dim=-2)
