"""BVLC GoogLeNet, the network of the original DeepDream, with its Caffe layers and names.

Szegedy and others 2015, Going deeper with convolutions; trained by BVLC (Sergio Guadarrama), Caffe model zoo. The
output of a layer equals the Caffe blob of that name after the whole net has run: convolutions are rectified in place.
The two auxiliary heads, used only in training, are left out.
"""

from __future__ import annotations

import torch
from torch import nn

from seisdream.models.zoo.lrn import LocalResponseNorm

# Output channels: 1x1, 3x3_reduce, 3x3, 5x5_reduce, 5x5, pool_proj.
_INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
_POOLED_BEFORE = {"4a": "pool3/3x3_s2", "5a": "pool4/3x3_s2"}

BGR_MEANS = (104.0, 117.0, 123.0)
"""Means of blue, green and red that the ImageNet networks of Caffe subtract."""


class RectifiedConvolution(nn.Conv2d):
    """A convolution with its ReLU, as in a Caffe blob after an in-place ReLU layer."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the rectified convolution of ``(batch, channel, row, column)``."""
        return super().forward(input).relu_()


class Concatenation(nn.Module):
    """Concatenates branches along the channels, as the Concat layer of Caffe."""

    def forward(self, *branches: torch.Tensor) -> torch.Tensor:
        """Return branches ``(batch, channel, row, column)`` as one tensor."""
        return torch.cat(branches, dim=1)


class GlobalAverage(nn.Module):
    """The mean over all positions.

    The layer of Caffe averages 7 × 7 positions, which are all positions of its 224 × 224 training images. The mean over
    all positions is equal for this size and works for any other.
    """

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, channel)`` from ``(batch, channel, row, column)``."""
        return values.mean(dim=(2, 3))


class GoogLeNet(nn.Module):
    """A module from ``(batch, 3 BGR minus mean, row, column)`` to the probabilities of 1,000 classes."""

    def __init__(self) -> None:
        super().__init__()

        def convolution(name: str, n_in: int, n_out: int, size: int, stride: int = 1) -> None:
            self.add_module(name, RectifiedConvolution(n_in, n_out, size, stride, padding=size // 2))

        def halve(name: str) -> None:
            # Caffe rounds the size up.
            self.add_module(name, nn.MaxPool2d(3, stride=2, ceil_mode=True))

        convolution("conv1/7x7_s2", 3, 64, 7, stride=2)
        halve("pool1/3x3_s2")
        self.add_module("pool1/norm1", LocalResponseNorm(64))
        convolution("conv2/3x3_reduce", 64, 64, 1)
        convolution("conv2/3x3", 64, 192, 3)
        self.add_module("conv2/norm2", LocalResponseNorm(192))
        halve("pool2/3x3_s2")
        n_channels = 192
        for block, widths in _INCEPTIONS.items():
            if block in _POOLED_BEFORE:
                halve(_POOLED_BEFORE[block])
            at = f"inception_{block}"
            convolution(f"{at}/1x1", n_channels, widths[0], 1)
            convolution(f"{at}/3x3_reduce", n_channels, widths[1], 1)
            convolution(f"{at}/3x3", widths[1], widths[2], 3)
            convolution(f"{at}/5x5_reduce", n_channels, widths[3], 1)
            convolution(f"{at}/5x5", widths[3], widths[4], 5)
            self.add_module(f"{at}/pool", nn.MaxPool2d(3, stride=1, padding=1))
            convolution(f"{at}/pool_proj", n_channels, widths[5], 1)
            self.add_module(f"{at}/output", Concatenation())
            n_channels = widths[0] + widths[2] + widths[4] + widths[5]
        self.n_features = n_channels
        self.add_module("pool5/7x7_s1", GlobalAverage())
        self.add_module("loss3/classifier", nn.Linear(n_channels, 1000))
        self.add_module("prob", nn.Softmax(dim=1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return class probabilities ``(batch, 1000)``."""
        return self._layer("prob", self._layer("loss3/classifier", self.features(image)))

    def features(self, image: torch.Tensor) -> torch.Tensor:
        """Return the features ``(batch, 1024)`` that the classifier takes."""
        values = image
        for name in ("conv1/7x7_s2", "pool1/3x3_s2", "pool1/norm1", "conv2/3x3_reduce", "conv2/3x3", "conv2/norm2"):
            values = self._layer(name, values)
        values = self._layer("pool2/3x3_s2", values)
        for block in _INCEPTIONS:
            if block in _POOLED_BEFORE:
                values = self._layer(_POOLED_BEFORE[block], values)
            values = self._inception(f"inception_{block}", values)
        return self._layer("pool5/7x7_s1", values)

    def _inception(self, at: str, values: torch.Tensor) -> torch.Tensor:
        branches = [self._layer(f"{at}/1x1", values)]
        for first, second in (("3x3_reduce", "3x3"), ("5x5_reduce", "5x5"), ("pool", "pool_proj")):
            branches.append(self._layer(f"{at}/{second}", self._layer(f"{at}/{first}", values)))
        return self._layer(f"{at}/output", *branches)

    def _layer(self, name: str, *values: torch.Tensor) -> torch.Tensor:
        # Caffe names contain slashes, so they are not Python attributes.
        return self.get_submodule(name)(*values)


class PhotoGoogLeNet(GoogLeNet):
    """GoogLeNet for other classes and grey images: the same layers except the last.

    Parameters
    ----------
    n_classes : int
        Outputs of ``logits``, which is initialised randomly; all other layers take the weights of GoogLeNet.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        del self._modules["loss3/classifier"], self._modules["prob"]
        self.n_classes = n_classes
        self.logits = nn.Linear(self.n_features, n_classes)

    @property
    def settings(self) -> dict:
        """Arguments that make the same architecture: ``PhotoGoogLeNet(**settings)``."""
        return {"n_classes": self.n_classes}

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits ``(batch, class)`` for images ``(batch, 1, row, column)`` from -1 (black) to 1 (white)."""
        means = image.new_tensor(BGR_MEANS).reshape(1, 3, 1, 1)
        return self.logits(self.features((image + 1.0) * 127.5 - means))
