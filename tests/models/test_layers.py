from torch import nn

from seisdream.models.layers import find_layers


def test_layers_before_a_head_that_fits_no_size_are_described():
    module = nn.Sequential()
    module.add_module("conv", nn.Conv2d(1, 4, 3, padding=1))
    module.add_module("flat", nn.Flatten())
    module.add_module("head", nn.Linear(101, 3))
    layers = find_layers(module, 1, "fixed")
    assert "conv" in layers
    assert layers["conv"].receptive_field == (3, 3)
    assert "head" not in layers
