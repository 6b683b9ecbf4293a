"""Smoothing of the gradient: against SciPy, and what a dream gains."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from seisdream.dreaming.gradient_smoothing import smooth_gradient


@pytest.mark.parametrize("shape", [(40, 51), (12, 20, 14)])
def test_it_is_the_weighted_mean_of_three_gaussian_averages(shape):
    values = np.random.default_rng(0).standard_normal(shape)
    expected = sum(
        weight / 7.0 * gaussian_filter(values, 1.5 * scale, mode="mirror", truncate=4.0)
        for scale, weight in ((0.5, 1.0), (1.0, 2.0), (2.0, 4.0))
    )
    smoothed = smooth_gradient(torch.from_numpy(values)[None, None], 1.5)[0, 0].numpy()
    inner = tuple(slice(4, -4) for _ in shape)
    np.testing.assert_allclose(smoothed[inner], expected[inner], atol=2e-3)


def test_a_constant_stays():
    torch.testing.assert_close(smooth_gradient(torch.ones(1, 3, 9, 7), 2.0), torch.ones(1, 3, 9, 7))


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 1, 1, 30), (1, 1, 2, 3, 4)])
def test_sections_smaller_than_the_kernel_are_smoothed(shape):
    assert smooth_gradient(torch.randn(shape), 8.0).shape == shape
