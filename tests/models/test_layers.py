from torch import nn

from errors import raises
from seisdream.models.find_layers import find_layers


def test_a_forward_pass_that_fails_at_every_size_is_an_error_in_its_own_words():
    module = nn.Sequential()
    module.add_module("conv", nn.Conv2d(1, 4, 3, padding=1))
    module.add_module("flat", nn.Flatten())
    module.add_module("head", nn.Linear(101, 3))
    with raises("network-failed") as raised:
        find_layers(module, 1, "fixed")
    assert "mat1 and mat2 shapes cannot be multiplied" in str(raised.value)
    assert "channel" not in str(raised.value).partition("samples:")[2]
