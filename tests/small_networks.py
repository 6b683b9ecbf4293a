"""Small networks whose dreams are known."""

import torch
from torch import nn

from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing


class LinearNetwork(nn.Module):
    """One filter, valid over the whole section: the dream of its only channel is the filter."""

    def __init__(self, kernel):
        super().__init__()
        self.filter = nn.Conv2d(1, 1, kernel.shape, padding=tuple(size // 2 for size in kernel.shape), bias=False)
        with torch.no_grad():
            self.filter.weight.copy_(torch.as_tensor(kernel)[None, None])

    def forward(self, values):
        return self.filter(values)


def linear_network(kernel):
    return Network("linear", LinearNetwork(kernel), Preprocessing("grey", mean=(127.5,)), default_layer="filter")


def pooled_network(n_channels=1, seed=0):
    """Strides, pools rounded up and down, padding, branches: what tiles must get right."""

    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.left = nn.Conv2d(6, 5, 5, padding=2)
            self.right = nn.Conv2d(6, 4, 3, padding=2, dilation=2)

        def forward(self, values):
            return torch.cat([self.left(values), self.right(values)], dim=1)

    torch.manual_seed(seed)
    module = nn.Sequential()
    module.add_module("first", nn.Conv2d(n_channels, 6, 7, stride=2, padding=3))
    module.add_module("relu", nn.ReLU())
    module.add_module("pool", nn.MaxPool2d(3, 2, ceil_mode=True))
    module.add_module("branches", Branches())
    module.add_module("rectified", nn.ReLU())
    module.add_module("pool2", nn.AvgPool2d(2, 2))
    module.add_module("last", nn.Conv2d(9, 8, 3, padding=1))
    order = "grey" if n_channels == 1 else "rgb"
    return Network("pooled", module, Preprocessing(order, 1 / 255, (0.5,), (0.25,)), default_layer="last")


class ResizingUNet(nn.Module):
    """Resizes to its skip's size, as many U-Nets do: away from a multiple of its stride no tile is the whole."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(1, 4, 3, stride=4, padding=1)
        self.up = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, values):
        small = torch.relu(self.down(values))
        return self.up(nn.functional.interpolate(small, size=values.shape[-2:], mode="bilinear"))
