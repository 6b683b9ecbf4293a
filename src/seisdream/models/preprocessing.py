"""From grey levels to what a network was trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from seisdream.errors import SeisdreamError


@dataclass(frozen=True)
class Preprocessing:
    """How a picture in grey levels (0 to 255) becomes what a network was trained on.

    The network sees ``(picture * scale - mean) / std``, channel by channel.

    Attributes
    ----------
    order : "grey", "rgb" or "bgr"
        The channels the network wants. A grey picture is repeated for a colour network; a colour picture is
        averaged for a grey one.
    scale : float, default 1
        1 for networks trained on 0 to 255, 1/255 for those trained on 0 to 1.
    mean, std : tuple of float
        One for each channel in the network's own order, or one for all; in units of ``picture * scale``.

    Raises
    ------
    SeisdreamError
        If the order is not known, there are too few or too many means, or a std is not positive.
    """

    order: Literal["grey", "rgb", "bgr"]
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.order not in ("grey", "rgb", "bgr"):
            raise SeisdreamError(f"Input order '{self.order}' is not known; choose grey, rgb or bgr (--input-order).")
        for name in ("mean", "std"):
            values = getattr(self, name)
            values = tuple(float(v) for v in values) if isinstance(values, Sequence) else (float(values),)
            if len(values) == 1:
                values *= self.n_channels
            if len(values) != self.n_channels:
                raise SeisdreamError(
                    f"Input {name} has {len(values)} values; {self.order} needs {self.n_channels}, or one for all "
                    f"(--input-{name})."
                )
            object.__setattr__(self, name, values)
        if not all(map(math.isfinite, (self.scale, *self.mean, *self.std))) or not self.scale or not min(self.std) > 0:
            raise SeisdreamError(
                f"Input scale {self.scale:g}, mean {self.mean} and std {self.std} must be finite; the scale must not "
                "be zero, and the std must not be zero or negative (--input-scale, --input-mean, --input-std)."
            )

    @property
    def n_channels(self) -> int:
        """The number of input channels: 1 for grey, 3 for colour."""
        return 1 if self.order == "grey" else 3

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        """Turn ``(batch, 1 or 3 RGB, row, column)``, or cubes, in grey levels into the network's input."""
        if picture.ndim not in (4, 5) or picture.shape[1] not in (1, 3):
            raise SeisdreamError(
                f"A network looks at (batch, 1 or 3 channels, row, column), or at cubes; got {tuple(picture.shape)}."
            )
        if picture.shape[1] == 3 and self.n_channels == 1:
            picture = picture.mean(dim=1, keepdim=True)
        elif picture.shape[1] == 3 and self.order == "bgr":
            picture = picture.flip(1)
        spatial = picture.ndim - 2
        picture = picture.expand(-1, self.n_channels, *(-1,) * spatial)
        mean, std = (picture.new_tensor(one).view(1, -1, *(1,) * spatial) for one in (self.mean, self.std))
        return (picture * self.scale - mean) / std
