import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisdream.dreaming.transforms import Jitter


def test_wrapping_is_numpys_roll_and_the_way_back_undoes_it():
    picture = torch.arange(20.0).reshape(1, 1, 4, 5)
    shift = Jitter((1, -2), "wrap")
    rolled = shift.look(picture)
    assert np.array_equal(rolled[0, 0], np.roll(picture[0, 0].numpy(), (1, -2), (0, 1)))
    assert torch.equal(shift.adjoint(rolled), picture)


def test_mirroring_never_mixes_top_with_bottom():
    picture = torch.arange(6.0).reshape(1, 1, 6, 1).expand(1, 1, 6, 3)
    down = Jitter((2, 0), "mirror").look(picture)[0, 0, :, 0]
    assert down.tolist() == [2, 1, 0, 1, 2, 3]
    up = Jitter((-2, 0), "mirror").look(picture)[0, 0, :, 0]
    assert up.tolist() == [2, 3, 4, 5, 4, 3]


@pytest.mark.parametrize("edges", ["wrap", "mirror"])
@given(rows=st.integers(1, 9), columns=st.integers(1, 9), down=st.integers(-40, 40), across=st.integers(-40, 40))
def test_the_gradient_comes_back_by_the_exact_adjoint(edges, rows, columns, down, across):
    generator = torch.Generator().manual_seed(rows * 10 + columns)
    picture = torch.randn(1, 2, rows, columns, generator=generator, dtype=torch.float64)
    gradient = torch.randn(1, 2, rows, columns, generator=generator, dtype=torch.float64)
    shift = Jitter((down, across), edges)
    seen, back = shift.look(picture), shift.adjoint(gradient)
    assert seen.shape == back.shape == picture.shape
    assert torch.allclose((seen * gradient).sum(), (picture * back).sum())
