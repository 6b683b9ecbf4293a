"""Jitter: how the picture is shifted before each look, and how the gradient comes back."""

from __future__ import annotations

import torch


def shifted_indices(n_samples: int, shift: int, edges: str, device: torch.device) -> torch.Tensor:
    """Return which sample each place of a shifted axis shows, int64 ``(n_samples,)``.

    ``wrap`` brings what leaves at one edge back in at the other (`numpy.roll`), as the original recipe does.
    ``mirror`` reflects at the edge instead, so that the sea bed never meets the basement.
    """
    places = torch.arange(n_samples, device=device) - shift
    if edges == "wrap":
        return places % n_samples
    if n_samples == 1:
        return torch.zeros_like(places)
    period = 2 * (n_samples - 1)
    places = places % period
    return torch.where(places < n_samples, places, period - places)


class Shift:
    """A look at the picture from a shifted place.

    Parameters
    ----------
    size : (int, int)
        Rows and columns of the picture.
    offsets : (int, int)
        Samples by which the content moves down and across.
    edges : {"wrap", "mirror"}
        What enters at the edge.
    """

    def __init__(self, size: tuple[int, int], offsets: tuple[int, int], edges: str, device: torch.device):
        self.is_identity = offsets == (0, 0)
        self.rows = shifted_indices(size[0], offsets[0], edges, device)
        self.columns = shifted_indices(size[1], offsets[1], edges, device)

    def look(self, picture: torch.Tensor) -> torch.Tensor:
        """Return the shifted picture ``(1, channel, row, column)``."""
        if self.is_identity:
            return picture
        return picture.index_select(-2, self.rows).index_select(-1, self.columns)

    def bring_back(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return the gradient of the picture from the gradient of its shifted look (the exact adjoint)."""
        if self.is_identity:
            return gradient
        across = torch.zeros_like(gradient).index_add_(-1, self.columns, gradient)
        return torch.zeros_like(gradient).index_add_(-2, self.rows, across)
