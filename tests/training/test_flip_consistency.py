"""Flip consistency: labels are mirrored with their images, and activations become alike for both."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from errors import raises
from seisdream.data.sample import UNKNOWN, Sample, collate
from seisdream.models.zoo.unet import UNet
from seisdream.training.flip_consistency import flip_consistency_loss, with_mirror_images
from seisdream.training.loop import Training
from seisdream.training.settings import TrainingSettings
from small_datasets import Stripes

TINY = TrainingSettings(
    widths=(4, 6, 8), steps=60, batch_size=2, validate_every=60, precision="float32", device="cpu", workers=0,
    learning_rate=1e-2, ema_decay=0.9,
)  # fmt: skip


def test_labels_are_mirrored_and_dips_change_sign():
    rng = np.random.default_rng(0)
    image, dip = rng.normal(size=(1, 4, 6)).astype(np.float32), rng.normal(size=(4, 6)).astype(np.float32)
    classes = rng.integers(0, 3, (4, 6)).astype(np.uint8)
    classes[0, 0], dip[1, 2] = UNKNOWN, np.nan
    both = with_mirror_images(collate([Sample(image, classes, dip=dip), Sample(image + 1, classes)]))
    np.testing.assert_array_equal(both["image"][2], image[..., ::-1])
    np.testing.assert_array_equal(both["image"][3], image[..., ::-1] + 1)
    np.testing.assert_array_equal(both["classes"][2], classes[:, ::-1])
    np.testing.assert_array_equal(both["dip"][0], dip)
    np.testing.assert_array_equal(both["dip"][2], -dip[:, ::-1])
    assert both["dip"][[1, 3]].isnan().all()


def test_the_loss_is_0_for_equal_1_for_independent_and_2_for_opposite_activations():
    torch.manual_seed(0)
    values = torch.randn(3, 5, 40, 40)
    for other, loss in ((values.flip(-1), 0.0), (torch.randn(3, 5, 40, 40), 1.0), (-values.flip(-1), 2.0)):
        value = flip_consistency_loss({"enc3": torch.cat([values, other]), "enc1": torch.randn(6, 2, 8, 8)})
        assert value == pytest.approx(loss, abs=0.05)


def test_samples_have_separate_losses_and_silent_channels_none():
    torch.manual_seed(1)
    values = torch.cat([torch.randn(2, 4, 8, 8), torch.zeros(2, 1, 8, 8)], 1)
    both = torch.cat([values, torch.cat([torch.randn(2, 4, 8, 8), 1e-9 * torch.randn(2, 1, 8, 8)], 1)])
    each = [flip_consistency_loss({"dec3": both[[item, item + 2]]}) for item in range(2)]
    torch.testing.assert_close(flip_consistency_loss({"dec3": both}), torch.stack(each).mean())
    torch.testing.assert_close(
        flip_consistency_loss({"dec3": both}), 0.8 * flip_consistency_loss({"dec3": both[:, :4]}), rtol=1e-2, atol=0
    )


def test_training_with_the_loss_makes_activations_alike(tmp_path):
    """From random weights, a network trained with the loss ends with a smaller difference than one without."""
    differences = []
    for weight in (0.0, 1.0):
        settings, folder = replace(TINY, flip_consistency=weight), tmp_path / f"{weight}"
        training = Training(settings, Stripes(), Stripes(1), 2, folder)
        states = list(training.states())
        assert states[-1].scores.pixel_accuracy > 0.7
        network = training.network.eval()
        assert isinstance(network, UNet)
        noise = torch.randn(2, 1, 32, 24, generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            differences.append(float(flip_consistency_loss(network.stages(torch.cat([noise, noise.flip(-1)])))))
    assert differences[1] < 0.6 * differences[0]


@pytest.mark.parametrize("changes", [{"widths": (4, 6)}, {"architecture": "classifier"}])
def test_networks_without_such_stages_are_refused(changes):
    with raises("incompatible", option="flip_consistency"):
        replace(TINY, flip_consistency=0.5, **changes)
