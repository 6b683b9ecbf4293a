"""The U-Net that seisdream trains and ships: one input channel, named stages, any size, two or three dimensions.

After Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image segmentation" (2015), with
three changes for dreams and tiles: receptive fields are the same everywhere, pooling is a mean (whose gradient reaches
every sample), and inputs are not padded to a multiple of the coarsest grid, so that a tile that starts on this grid
gives the same result as the whole section.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval

from seisdream.errors import SeisdreamError
from seisdream.models.zoo.googlenet import PhotoGoogLeNet

NORMALISATIONS = ("batch", "none")

Span = tuple[int, int]
"""A half-open range of samples."""


class UNet(nn.Module):
    """A U-Net with encoder stages ``enc1`` to ``encN``, decoder stages back to ``dec1``, and ``logits``.

    Each encoder stage has half the resolution of the one before, and each decoder stage that of the encoder stage with
    its number.

    Parameters
    ----------
    n_classes : int
        Channels of ``logits``.
    widths : sequence of int, default (16, 32, 64, 128, 160, 224)
        Channels of each encoder stage; a decoder stage has those of the encoder stage on its grid. With six stages the
        receptive field of the deepest is 284 samples square.
    n_dims : {2, 3}, default 2
        Sections ``(time, trace)`` or cubes ``(time, inline, crossline)``.
    normalisation : {"batch", "none"}, default "batch"
        Normalisation after each convolution in training; `fold_batch_norm` merges it into the convolutions. There is no
        normalisation over a whole image, because then activations would depend on the size of the section.
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
                f"A U-Net must have 2 or 3 dimensions (`n_dims`), two or more stages (`widths`) and `normalisation` "
                f"{' or '.join(NORMALISATIONS)}; got {n_dims}, {tuple(widths)} and '{normalisation}'.",
                code="out-of-range",
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
        """Arguments that make the same architecture: ``UNet(**settings)``."""
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

    def forward(self, image: torch.Tensor, part: Sequence[Span] | None = None) -> torch.Tensor:
        """Return logits ``(batch, class, time, trace)`` for images ``(batch, 1, time, trace)``.

        Of a part of the image, given as half-open ranges of samples along each axis, they are the same as of the whole;
        the decoder computes only what they depend on.
        """
        values = image
        # Not as a dictionary of all stages, so that each is freed when it has been used.
        for _, values in self._stages(image, part):  # noqa: B007
            pass
        return self.logits(values)

    def encode(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return the activations of each encoder stage, ``(batch, channel, time / 2^i, trace / 2^i)``."""
        encoded = [self.get_submodule("enc1")(image)]
        for stage in range(2, self.n_stages + 1):
            encoded.append(self.get_submodule(f"enc{stage}")(self.halve(encoded[-1])))
        return encoded

    def halve(self, values: torch.Tensor) -> torch.Tensor:
        """Return means of two samples along each axis; at an odd edge, the mean of the remaining samples."""
        window = tuple(min(2, n) for n in values.shape[2:])  # A cube may be one sample thick by now.
        return self._pool(values, window, ceil_mode=True, count_include_pad=False)

    def stages(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the activations of each stage by name, in the order in which they are computed."""
        return dict(self._stages(image))

    def _stages(self, image: torch.Tensor, part: Sequence[Span] | None = None) -> Iterator[tuple[str, torch.Tensor]]:
        encoded = self.encode(image)
        for stage, values in enumerate(encoded, start=1):
            yield f"enc{stage}", values
        parts = _parts([tuple(values.shape[2:]) for values in encoded], part)
        values = _cut(encoded.pop(), parts[-1].kept)
        for stage in range(self.n_stages - 1, 0, -1):
            seen, kept = parts[stage - 1]
            # Upsampled, they begin with an even sample.
            inside = [(first - first // 2 * 2, stop - first // 2 * 2) for first, stop in seen]
            values = _cut(interpolate(values, scale_factor=2.0, mode="nearest"), inside)
            values = torch.cat([values, _cut(encoded.pop(), seen)], 1)
            values = self.get_submodule(f"dec{stage}")(values)
            values = _cut(values, [(a - first, b - first) for (a, b), (first, _) in zip(kept, seen, strict=True)])
            yield f"dec{stage}", values

    def _convolution(self, n_in: int, n_out: int, size: int, *, bias: bool = True) -> nn.Module:
        return (nn.Conv2d, nn.Conv3d)[self.n_dims - 2](n_in, n_out, size, padding=size // 2, bias=bias)

    def _stage(self, n_in: int, *n_outs: int) -> nn.Sequential:
        """Return convolutions with kernels of three samples, each normalised and rectified."""
        is_normalised = self.normalisation == "batch"
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        for number, n_out in enumerate(n_outs, start=1):
            parts[f"conv{number}"] = self._convolution(n_in, n_out, 3, bias=not is_normalised)
            if is_normalised:
                parts[f"norm{number}"] = (nn.BatchNorm2d, nn.BatchNorm3d)[self.n_dims - 2](n_out)
            parts[f"relu{number}"] = nn.ReLU(inplace=True)
            n_in = n_out
        return nn.Sequential(parts)


class _Part(NamedTuple):
    """The samples of a grid that the convolution of a decoder stage sees, and those of its output that are needed."""

    seen: Sequence[Span]
    kept: Sequence[Span]


def _parts(sizes: Sequence[tuple[int, ...]], part: Sequence[Span] | None) -> list[_Part]:
    """Return what is needed of the grid of each stage, the finest first, for a part of the logits."""
    kept: Sequence[Span] = part or [(0, n_samples) for n_samples in sizes[0]]
    parts = []
    for size in sizes:
        # A convolution reaches one sample beyond.
        spans = zip(kept, size, strict=True)
        seen = [(max(0, first - 1), min(n_samples, stop + 1)) for (first, stop), n_samples in spans]
        parts.append(_Part(seen, kept))
        kept = [(first // 2, -(-stop // 2)) for first, stop in seen]
    return parts


def _cut(values: torch.Tensor, spans: Sequence[Span]) -> torch.Tensor:
    return values[(..., *(slice(*span) for span in spans))]


class Classifier(nn.Module):
    """The encoder of a `UNet` that classifies whole images, such as photographs of outcrops, thin sections or fossils.

    Parameters
    ----------
    n_classes, widths, normalisation
        As for `UNet`. Images are grey, so that the network can dream on sections.
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
        """Arguments that make the same architecture: ``Classifier(**settings)``."""
        return {"n_classes": self.n_classes, "widths": list(self.widths), "normalisation": self.normalisation}

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits ``(batch, class)`` for images ``(batch, 1, row, column)``."""
        values = self.get_submodule("enc1")(image)
        for stage in range(2, self._n_stages + 1):
            values = nn.functional.avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False)
            values = self.get_submodule(f"enc{stage}")(values)
        return self.logits(values.mean((2, 3)))


ARCHITECTURES = {"unet": UNet, "classifier": Classifier, "googlenet": PhotoGoogLeNet}
"""Architectures that can be trained, by their name in weight files."""


Trainable = UNet | Classifier | PhotoGoogLeNet


def fold_batch_norm(module: Trainable) -> Trainable:
    """Return a copy of a network in evaluation mode with each batch normalisation merged into its convolution."""
    if isinstance(module, PhotoGoogLeNet):  # It has no batch normalisation.
        return copy.deepcopy(module).eval()
    settings: dict[str, Any] = module.settings | {"normalisation": "none"}
    plain = type(module)(**settings).eval()
    module = copy.deepcopy(module).eval()  # A copy, because the original may still be in training.
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
