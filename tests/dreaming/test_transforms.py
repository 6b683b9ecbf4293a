"""Random transforms of a section, and how gradients come back through them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisdream.dreaming.transforms import Jitter


def test_wrapping_is_numpys_roll_and_its_adjoint_undoes_it():
    image = torch.arange(20.0).reshape(1, 1, 4, 5)
    shift = Jitter((1, -2), "wrap")
    rolled = shift.apply(image)
    assert np.array_equal(rolled[0, 0], np.roll(image[0, 0].numpy(), (1, -2), (0, 1)))
    assert torch.equal(shift.adjoint(rolled), image)


def test_mirroring_never_brings_the_bottom_next_to_the_top():
    image = torch.arange(6.0).reshape(1, 1, 6, 1).expand(1, 1, 6, 3)
    down = Jitter((2, 0), "mirror").apply(image)[0, 0, :, 0]
    assert down.tolist() == [2, 1, 0, 1, 2, 3]
    up = Jitter((-2, 0), "mirror").apply(image)[0, 0, :, 0]
    assert up.tolist() == [2, 3, 4, 5, 4, 3]


@pytest.mark.parametrize("boundary", ["wrap", "mirror"])
@given(rows=st.integers(1, 9), columns=st.integers(1, 9), down=st.integers(-40, 40), across=st.integers(-40, 40))
def test_the_gradient_comes_back_by_the_exact_adjoint(boundary, rows, columns, down, across):
    generator = torch.Generator().manual_seed(rows * 10 + columns)
    image = torch.randn(1, 2, rows, columns, generator=generator, dtype=torch.float64)
    gradient = torch.randn(1, 2, rows, columns, generator=generator, dtype=torch.float64)
    shift = Jitter((down, across), boundary)
    shifted, back = shift.apply(image), shift.adjoint(gradient)
    assert shifted.shape == back.shape == image.shape
    assert torch.allclose((shifted * gradient).sum(), (image * back).sum())
