"""From grey levels to image tensors of any size, and back to arrays."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

Size = tuple[int, ...]
_SAMPLES_AT_A_TIME = 2**20


def to_image_tensor(grey: np.ndarray, *, clip: bool = True, device: str = "cpu") -> torch.Tensor:
    """Return grey levels ``(row, column)`` or ``(row, column, 3)`` as an image ``(1, channel, row, column)``."""
    picture = torch.from_numpy(np.atleast_3d(grey)).permute(2, 0, 1)[None].to(device)
    return picture.clamp(0.0, 255.0) if clip else picture


def resize(picture: torch.Tensor, size: Size) -> torch.Tensor:
    """Resize ``(1, channel, row, column)`` bilinearly, or a cube trilinearly, with corner samples aligned.

    Equal to ``scipy.ndimage.zoom(order=1)``, which the original recipe uses, to 6e-5.
    """
    if picture.shape[2:] == size:
        return picture
    mode = "bilinear" if len(size) == 2 else "trilinear"
    return F.interpolate(picture, size=size, mode=mode, align_corners=True)


def as_array(picture: torch.Tensor) -> np.ndarray:
    """Return an image as ``(row, column)``, or ``(row, column, 3)`` if it is in colour."""
    array = picture[0].permute(1, 2, 0).detach().cpu().numpy()
    return array[..., 0] if array.shape[-1] == 1 else array


def as_bytes(grey: np.ndarray) -> np.ndarray:
    """Round grey levels to whole numbers, uint8."""
    pixels = np.empty(grey.shape, np.uint8)
    n_rows = max(1, _SAMPLES_AT_A_TIME // max(1, grey[:1].size))
    for first in range(0, len(grey), n_rows):
        whole = np.rint(grey[first : first + n_rows])
        pixels[first : first + n_rows] = np.clip(whole, 0, 255, out=whole)
    return pixels


def as_rgb(grey: np.ndarray) -> np.ndarray:
    """Return grey levels ``(row, column)`` as three equal colours ``(row, column, 3)``; colours stay as they are."""
    return np.repeat(grey[..., None], 3, axis=-1) if grey.ndim == 2 else grey
