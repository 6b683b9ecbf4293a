"""The U-Net that seisdream trains and ships: one input channel, named stages, any size, two or three dimensions.

After Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image segmentation" (2015), made so
that dreams and tiles are well defined: a unit sees the same neighbourhood wherever it is, pooling is a mean (whose
gradient reaches every sample), and nothing is padded to a multiple, so a tile that starts on the coarsest grid
equals the whole.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval

from seisdream.errors import SeisdreamError
from seisdream.models.zoo.googlenet import PhotoGoogLeNet

NORMALISATIONS = ("batch", "none")


class UNet(nn.Module):
    """Encoder stages ``enc1`` to ``encN``, each at half the sampling of the one before; decoder stages back; logits.

    Parameters
    ----------
    n_classes : int
        Channels of ``logits``.
    widths : sequence of int, default (16, 32, 64, 128, 160, 224)
        Channels of each encoder stage; a decoder stage has those of the encoder stage on its grid. With six stages a
        unit of the deepest sees 284 samples a side.
    n_dims : {2, 3}, default 2
        Sections ``(time, trace)`` or volumes ``(time, inline, crossline)``.
    normalisation : {"batch", "none"}, default "batch"
        After each convolution while training. `folded` takes batch normalisation into the convolutions; there is
        no normalisation over a whole picture, which would make a unit's meaning depend on the section's size.
    """

    def __init__(
        self,
        n_classes: int,
        widths: Sequence[int] = (16, 32, 64, 128, 160, 224),
        *,
        n_dims: int = 2,
        normalisation: str = "batch",
    ) -> None:
        super().__init__()
        if n_dims not in (2, 3) or normalisation not in NORMALISATIONS or len(widths) < 2:
            raise SeisdreamError(
                f"A U-Net has 2 or 3 dimensions, two stages or more and one of the normalisations "
                f"{', '.join(NORMALISATIONS)}; got {n_dims}, {tuple(widths)} and '{normalisation}'."
            )
        self.n_classes, self.widths, self.n_dims, self.normalisation = n_classes, tuple(widths), n_dims, normalisation
        self._pool = (nn.functional.avg_pool2d, nn.functional.avg_pool3d)[n_dims - 2]
        for stage, (n_in, n_out) in enumerate(zip((1, *widths), widths, strict=False), start=1):
            self.add_module(f"enc{stage}", self._stage(n_in, n_out, n_out))
        for stage in range(len(widths) - 1, 0, -1):
            n_out = widths[stage - 1]
            self.add_module(f"dec{stage}", self._stage(widths[stage] + n_out, n_out))
        self.logits = self._convolution(widths[0], n_classes, 1)

    @property
    def settings(self) -> dict:
        """What makes the same architecture again: ``UNet(**settings)``."""
        return {
            "n_classes": self.n_classes,
            "widths": list(self.widths),
            "n_dims": self.n_dims,
            "normalisation": self.normalisation,
        }

    @property
    def n_stages(self) -> int:
        """The number of encoder stages."""
        return len(self.widths)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Return logits ``(batch, class, time, trace)`` for pictures ``(batch, 1, time, trace)``."""
        return self.logits(self.stages(picture)["dec1"])

    def encode(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """Return what each encoder stage says, ``(batch, channel, time / 2^i, trace / 2^i)``."""
        said = [self.get_submodule("enc1")(picture)]
        for stage in range(2, self.n_stages + 1):
            said.append(self.get_submodule(f"enc{stage}")(self.halve(said[-1])))
        return said

    def halve(self, values: torch.Tensor) -> torch.Tensor:
        """Return means of two samples along each axis; at an odd edge, over the samples that there are."""
        window = tuple(min(2, n) for n in values.shape[2:])  # A volume may have become one sample thin.
        return self._pool(values, window, ceil_mode=True, count_include_pad=False)

    def stages(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what each stage says, by name, in the order in which they are computed."""
        encoded = self.encode(picture)
        said = {f"enc{stage}": values for stage, values in enumerate(encoded, start=1)}
        values = encoded[-1]
        for stage in range(self.n_stages - 1, 0, -1):
            skip = encoded[stage - 1]
            values = interpolate(values, scale_factor=2.0, mode="nearest")
            for axis in range(2, 2 + self.n_dims):  # An odd edge was rounded up.
                values = values.narrow(axis, 0, skip.shape[axis])
            values = self.get_submodule(f"dec{stage}")(torch.cat([values, skip], 1))
            said[f"dec{stage}"] = values
        return said

    def _convolution(self, n_in: int, n_out: int, size: int, *, bias: bool = True) -> nn.Module:
        return (nn.Conv2d, nn.Conv3d)[self.n_dims - 2](n_in, n_out, size, padding=size // 2, bias=bias)

    def _stage(self, n_in: int, *n_outs: int) -> nn.Sequential:
        """Return convolutions of three samples a side, each normalised and rectified."""
        is_normalised = self.normalisation == "batch"
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        for number, n_out in enumerate(n_outs, start=1):
            parts[f"conv{number}"] = self._convolution(n_in, n_out, 3, bias=not is_normalised)
            if is_normalised:
                parts[f"norm{number}"] = (nn.BatchNorm2d, nn.BatchNorm3d)[self.n_dims - 2](n_out)
            parts[f"relu{number}"] = nn.ReLU(inplace=True)
            n_in = n_out
        return nn.Sequential(parts)


class Classifier(nn.Module):
    """The encoder of a `UNet` with one answer for the whole picture: for photos of outcrops, thin sections, fossils.

    Parameters
    ----------
    n_classes, widths, normalisation
        As for `UNet`; pictures are grey, so that the network can dream on sections.
    """

    def __init__(
        self, n_classes: int, widths: Sequence[int] = (16, 32, 64, 128, 160, 224), *, normalisation: str = "batch"
    ) -> None:
        super().__init__()
        self.n_classes, self.widths, self.normalisation = n_classes, tuple(widths), normalisation
        whole = UNet(1, widths, normalisation=normalisation)
        self._n_stages = whole.n_stages
        for stage in range(1, self._n_stages + 1):
            self.add_module(f"enc{stage}", whole.get_submodule(f"enc{stage}"))
        self.logits = nn.Linear(widths[-1], n_classes)

    @property
    def settings(self) -> dict:
        """What makes the same architecture again: ``Classifier(**settings)``."""
        return {"n_classes": self.n_classes, "widths": list(self.widths), "normalisation": self.normalisation}

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Return logits ``(batch, class)`` for pictures ``(batch, 1, row, column)``."""
        values = self.get_submodule("enc1")(picture)
        for stage in range(2, self._n_stages + 1):
            values = nn.functional.avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False)
            values = self.get_submodule(f"enc{stage}")(values)
        return self.logits(values.mean((2, 3)))


ARCHITECTURES = {"unet": UNet, "classifier": Classifier, "googlenet": PhotoGoogLeNet}
"""What can be trained, by the name that files of weights carry."""


Trainable = UNet | Classifier | PhotoGoogLeNet


def folded(module: Trainable) -> Trainable:
    """Return the same network with each batch normalisation taken into its convolution: frozen, and at no cost."""
    if isinstance(module, PhotoGoogLeNet):  # It has none.
        return copy.deepcopy(module).eval()
    settings: dict[str, Any] = module.settings | {"normalisation": "none"}
    plain = type(module)(**settings).eval()
    module = copy.deepcopy(module).eval()  # What is still being trained stays in training.
    if module.normalisation == "none":
        plain.load_state_dict(module.state_dict())
        return plain
    with torch.no_grad():
        for name, part in module.named_modules():
            if not name.rpartition(".")[2].startswith("conv"):
                continue
            norm = module.get_submodule(name.replace("conv", "norm"))
            fused = fuse_conv_bn_eval(part, norm)  # pyright: ignore[reportArgumentType]
            plain.get_submodule(name).load_state_dict(fused.state_dict())
        plain.logits.load_state_dict(module.logits.state_dict())
    return plain
