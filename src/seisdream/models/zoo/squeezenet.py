"""SqueezeNet 1.1 with the layer names of torchvision and the weights and preprocessing of the authors' Caffe model.

Iandola and others 2016, SqueezeNet: AlexNet-level accuracy with 50x fewer parameters (DeepScale/SqueezeNet, v1.1).
"""

from __future__ import annotations

import torch
from torch import nn

# Module names of torchvision by Caffe layer name.
CAFFE_NAMES = {
    "conv1": "features.0",
    **{
        f"fire{fire}/{caffe}": f"features.{module}.{part}"
        for fire, module in {2: 3, 3: 4, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12}.items()
        for caffe, part in (("squeeze1x1", "squeeze"), ("expand1x1", "expand1x1"), ("expand3x3", "expand3x3"))
    },
    "conv10": "classifier.1",
}


class Fire(nn.Module):
    """Squeeze to a few channels, then expand by parallel 1 × 1 and 3 × 3 convolutions, all rectified."""

    def __init__(self, n_in: int, n_squeezed: int, n_expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(n_in, n_squeezed, 1)
        self.squeeze_activation = nn.ReLU()
        self.expand1x1 = nn.Conv2d(n_squeezed, n_expanded, 1)
        self.expand1x1_activation = nn.ReLU()
        self.expand3x3 = nn.Conv2d(n_squeezed, n_expanded, 3, padding=1)
        self.expand3x3_activation = nn.ReLU()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, 2 * n_expanded, row, column)``."""
        squeezed = self.squeeze_activation(self.squeeze(values))
        branches = (
            self.expand1x1_activation(self.expand1x1(squeezed)),
            self.expand3x3_activation(self.expand3x3(squeezed)),
        )
        return torch.cat(branches, dim=1)


class SqueezeNet(nn.Module):
    """A module from ``(batch, 3 BGR minus mean, row, column)`` to the logits of 1,000 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(64, 16, 64),
            Fire(128, 16, 64),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(128, 32, 128),
            Fire(256, 32, 128),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(256, 48, 192),
            Fire(384, 48, 192),
            Fire(384, 64, 256),
            Fire(512, 64, 256),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(512, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1))
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits ``(batch, 1000)``."""
        return self.classifier(self.features(image)).flatten(1)
