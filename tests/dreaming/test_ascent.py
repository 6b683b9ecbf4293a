import pytest
import torch
from seisdream.dreaming.ascent import gradient_ascent_step


def test_a_steps_mean_change_is_the_step_size():
    picture, gradient = torch.full((1, 1, 8, 8), 128.0), torch.randn(1, 1, 8, 8)
    stepped = gradient_ascent_step(picture, gradient.clone(), 1.5)
    assert float((stepped - picture).abs().mean()) == pytest.approx(1.5, rel=1e-5)
    assert torch.allclose(
        (stepped - picture) / gradient, (stepped - picture)[0, 0, 0, 0] / gradient[0, 0, 0, 0], rtol=1e-3
    )


def test_the_mask_keeps_the_rest_and_sets_the_scale():
    picture, gradient = torch.full((1, 1, 4, 4), 100.0), torch.ones(1, 1, 4, 4)
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2, :2] = 1
    change = gradient_ascent_step(picture, gradient, 2.0, mask=mask) - picture
    assert torch.equal(change, 2 * mask)


def test_clipping_is_to_the_valid_range():
    picture = torch.tensor([[[[254.0, 1.0]]]])
    gradient = torch.tensor([[[[1.0, -1.0]]]])
    assert gradient_ascent_step(picture, gradient.clone(), 10.0).flatten().tolist() == [255.0, 0.0]
    assert gradient_ascent_step(picture, gradient, 10.0, clip=False).flatten().tolist() == [264.0, -9.0]


def test_no_gradient_moves_nothing_and_nan_is_not_hidden():
    picture = torch.full((1, 1, 2, 2), 5.0)
    assert torch.equal(gradient_ascent_step(picture, torch.zeros(1, 1, 2, 2), 1.5), picture)
    assert torch.isnan(gradient_ascent_step(picture, torch.full((1, 1, 2, 2), float("nan")), 1.5)).all()
