"""Adversarial training: the perturbation of a linear classifier is known, and a run is resumed to the bit."""

from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from torch import nn

from seisdream.data.sample import collate
from seisdream.training.adversarial import fixed_running_statistics, perturb
from seisdream.training.loop import Training
from seisdream.training.settings import TrainingSettings
from small_datasets import Stripes

RADIUS = 0.03
TINY = TrainingSettings(
    widths=(4, 6, 6), steps=4, batch_size=4, validate_every=2, precision="float32", device="cpu", workers=0, robust=0.05
)


def generator():
    return torch.Generator().manual_seed(3)


def rms(values):
    return values.square().mean((1, 2, 3)).sqrt()


@pytest.fixture
def linear():
    """Two images and the loss of a linear classifier: the loss rises fastest against the weights of the true class."""
    images = torch.randn(2, 1, 8, 9, generator=generator())
    weights = torch.randn(1, 8, 9, generator=torch.Generator().manual_seed(4))
    signs = torch.tensor([1.0, -1.0])

    def loss(changed):
        return nn.functional.softplus(-signs * (changed * weights).sum((1, 2, 3))).sum()

    steepest = -signs.view(2, 1, 1, 1) * weights / weights.square().mean().sqrt()
    return images, loss, RADIUS * steepest


def test_pgd_on_a_linear_classifier_finds_the_analytic_perturbation(linear):
    images, loss, expected = linear
    change = perturb(images, loss, RADIUS, 20, generator()) - images
    # What is left of the random start fades as the steps go along the edge of the ball.
    assert nn.functional.cosine_similarity(change.flatten(1), expected.flatten(1)).min() > 0.99
    torch.testing.assert_close(rms(change), torch.full((2,), RADIUS), rtol=1e-4, atol=0)
    torch.testing.assert_close(loss(images + change), loss(images + expected), rtol=0.01, atol=0)


def test_the_single_step_adds_the_analytic_perturbation_to_noise(linear):
    images, loss, expected = linear
    noise = torch.randn(images.shape, generator=generator())
    noise = noise * (RADIUS / rms(noise)).view(2, 1, 1, 1)
    torch.testing.assert_close(perturb(images, loss, RADIUS, 1, generator()), images + noise + expected)


def test_every_step_stays_within_the_radius_and_raises_the_loss():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 6, 3), nn.SiLU(), nn.Flatten(), nn.Linear(6 * 6 * 7, 3))
    images, labels = torch.randn(3, 1, 8, 9), torch.tensor([0, 1, 2])

    def loss(changed):
        return nn.functional.cross_entropy(network(changed), labels)

    perturbed = perturb(images, loss, RADIUS, 5, generator())
    assert (rms(perturbed - images) <= RADIUS * 1.0001).all()
    assert loss(perturbed) > loss(images)


def test_the_attack_leaves_running_statistics_and_weights_as_they_are(tmp_path):
    training = Training(TINY, Stripes(), Stripes(1), 3, tmp_path)
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    training.model.train()
    batch = collate([Stripes()[number] for number in range(4)])
    images = training._attacked(batch)
    for name, value in training.model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in training.model.parameters())
    changed = rms(images - batch["image"])
    assert (changed[:2] == 0).all()
    assert (changed[2:] > 0.04).all()


def test_the_momentum_of_batch_normalisation_returns_after_an_error():
    norm = nn.BatchNorm2d(2)
    with suppress(ZeroDivisionError), fixed_running_statistics(norm):
        norm(torch.randn(4, 2, 3, 3))
        raise ZeroDivisionError
    assert norm.momentum == 0.1
    assert norm.num_batches_tracked == 0
    assert not norm.running_mean.any()


@pytest.mark.parametrize("changes", [{}, {"attack_steps": 2}, {"flip_consistency": 0.5}])
def test_a_robust_run_is_resumed_to_the_bit(tmp_path, changes):
    settings = replace(TINY, **changes)
    whole = Training(settings, Stripes(), Stripes(1), 3, tmp_path / "whole")
    list(whole.states())
    (tmp_path / "cut").mkdir()
    for state in Training(settings, Stripes(), Stripes(1), 3, tmp_path / "cut").states():
        if state.step == 2:
            break
    resumed = Training(settings, Stripes(), Stripes(1), 3, tmp_path / "cut")
    assert resumed.step == 2
    list(resumed.states())
    for name, value in whole.average.state_dict().items():
        assert torch.equal(value, resumed.average.state_dict()[name]), name
