"""One step of gradient ascent."""

import pytest
import torch

from seisdream.dreaming.parameterizations.pixel import gradient_ascent_step


def test_the_mean_change_of_a_step_is_the_step_size():
    image, gradient = torch.full((1, 1, 8, 8), 128.0), torch.randn(1, 1, 8, 8)
    change = gradient_ascent_step(image, gradient.clone(), 1.5) - image
    assert float(change.abs().mean()) == pytest.approx(1.5, rel=1e-5)
    assert torch.allclose(change / gradient, change[0, 0, 0, 0] / gradient[0, 0, 0, 0], rtol=1e-3)


def test_each_image_of_a_batch_takes_a_step_of_its_own():
    image, gradient = torch.full((2, 1, 8, 8), 128.0), torch.randn(2, 1, 8, 8)
    gradient[1] *= 1000.0
    change = gradient_ascent_step(image, gradient, 1.5) - image
    assert change.abs().mean((1, 2, 3)).tolist() == pytest.approx([1.5, 1.5], rel=1e-5)


def test_the_mask_keeps_the_rest_and_sets_the_scale():
    image, gradient = torch.full((1, 1, 4, 4), 100.0), torch.ones(1, 1, 4, 4)
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2, :2] = 1
    change = gradient_ascent_step(image, gradient, 2.0, mask=mask) - image
    assert torch.equal(change, 2 * mask)


def test_grey_levels_are_clipped_to_their_range():
    image = torch.tensor([[[[254.0, 1.0]]]])
    gradient = torch.tensor([[[[1.0, -1.0]]]])
    assert gradient_ascent_step(image, gradient.clone(), 10.0).flatten().tolist() == [255.0, 0.0]
    assert gradient_ascent_step(image, gradient, 10.0, limits=None).flatten().tolist() == [264.0, -9.0]


def test_a_zero_gradient_moves_nothing_and_nan_is_not_hidden():
    image = torch.full((1, 1, 2, 2), 5.0)
    assert torch.equal(gradient_ascent_step(image, torch.zeros(1, 1, 2, 2), 1.5), image)
    assert torch.isnan(gradient_ascent_step(image, torch.full((1, 1, 2, 2), float("nan")), 1.5)).all()
