"""From grey levels to the input of a network: channels, scale and normalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from seisdream.errors import SeisdreamError


@dataclass(frozen=True)
class Preprocessing:
    """How an image in grey levels (0 to 255) becomes the input of a network.

    The input is ``(image * scale - mean) / std``, channel by channel.

    Attributes
    ----------
    order : {"grey", "rgb", "bgr"}
        Input channels of the network. A grey image is repeated for a colour network, and a colour image is averaged for
        a grey network.
    scale : float, default 1
        1 for networks trained on 0 to 255, 1/255 for those trained on 0 to 1.
    mean, std : tuple of float, defaults 0 and 1
        One value for each channel in the order of the network, or one for all; in units of ``image * scale``.

    Raises
    ------
    SeisdreamError
        If the order is not known, the number of values is wrong, or a std is not positive.
    """

    order: Literal["grey", "rgb", "bgr"]
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.order not in ("grey", "rgb", "bgr"):
            raise SeisdreamError(
                f"`input_order` is '{self.order}'; it must be grey, rgb or bgr.",
                code="unknown-name",
                option="input_order",
            )
        for name in ("mean", "std"):
            values = getattr(self, name)
            values = tuple(float(v) for v in values) if isinstance(values, Sequence) else (float(values),)
            if len(values) == 1:
                values *= self.n_channels
            if len(values) != self.n_channels:
                raise SeisdreamError(
                    f"`input_{name}` has {len(values)} values; {self.order} needs {self.n_channels}, or one for all.",
                    code="wrong-shape",
                    option=f"input_{name}",
                )
            object.__setattr__(self, name, values)
        if not all(map(math.isfinite, (self.scale, *self.mean, *self.std))) or not self.scale or not min(self.std) > 0:
            raise SeisdreamError(
                f"`input_scale` is {self.scale:g}, `input_mean` {self.mean} and `input_std` {self.std}; all must be "
                "finite, the scale not zero, and the std above zero.",
                code="out-of-range",
                option="input_scale",
            )

    @property
    def n_channels(self) -> int:
        """The number of input channels: 1 for grey, 3 for colour."""
        return 1 if self.order == "grey" else 3

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """Return the input of the network for grey levels ``(batch, 1 or 3 RGB, row, column)``, or for cubes."""
        if image.ndim not in (4, 5) or image.shape[1] not in (1, 3):
            raise SeisdreamError(
                f"The input has the shape {tuple(image.shape)}; it must be (batch, 1 or 3 channels, row, column), or a "
                "batch of cubes.",
                code="wrong-shape",
            )
        if image.shape[1] == 3 and self.n_channels == 1:
            image = image.mean(dim=1, keepdim=True)
        elif image.shape[1] == 3 and self.order == "bgr":
            image = image.flip(1)
        spatial = image.ndim - 2
        image = image.expand(-1, self.n_channels, *(-1,) * spatial)
        mean, std = (image.new_tensor(one).view(1, -1, *(1,) * spatial) for one in (self.mean, self.std))
        return (image * self.scale - mean) / std
