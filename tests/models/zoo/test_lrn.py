"""Local response normalisation, compared with torch and with the formula."""

import numpy as np
import pytest
import torch

from seisdream.models.zoo.lrn import LocalResponseNorm

torch.set_num_threads(1)


def formula(values, size=5, alpha=1e-4, beta=0.75, k=1.0):
    out = np.empty_like(values)
    n_channels = values.shape[1]
    for c in range(n_channels):
        window = values[:, max(0, c - size // 2) : min(n_channels, c + size // 2 + 1)]
        out[:, c] = values[:, c] / (k + alpha / size * (window**2).sum(axis=1)) ** beta
    return out


@pytest.fixture
def values():
    return torch.randn(2, 12, 5, 7, generator=torch.Generator().manual_seed(0)) * 200


@pytest.mark.parametrize(("size", "alpha", "k"), [(5, 1e-4, 1.0), (3, 2e-3, 2.0)])
def test_the_formula(values, size, alpha, k):
    ours = LocalResponseNorm(12, size, alpha, k)(values)
    np.testing.assert_allclose(ours, formula(values.double().numpy(), size, alpha, 0.75, k), rtol=2e-6)


def test_forward_and_backward_equal_torch(values):
    gradient = torch.randn(values.shape, generator=torch.Generator().manual_seed(1))
    outcomes = []
    for norm in (LocalResponseNorm(12).double(), torch.nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0)):
        picture = values.double().requires_grad_()
        out = norm(picture)
        out.backward(gradient.double())
        outcomes.append((out.detach(), picture.grad))
    # The settings themselves are kept as float32.
    torch.testing.assert_close(outcomes[0], outcomes[1], rtol=1e-6, atol=1e-7)


def test_bfloat16_is_accurate(values):
    exact = LocalResponseNorm(12)(values.bfloat16().float())
    rough = LocalResponseNorm(12).bfloat16()(values.bfloat16()).float()
    assert (rough / exact - 1).abs().max() < 0.02
    assert (rough - exact).norm() < 0.005 * exact.norm()


def test_the_state_dict_is_empty():
    assert LocalResponseNorm(64).state_dict() == {}
