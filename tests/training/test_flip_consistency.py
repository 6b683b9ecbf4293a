"""Mirror images: what is known of them is mirrored, and stages learn to say the same of both."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seisdream.data.sample import UNKNOWN, Sample, collate
from seisdream.errors import SeisdreamError
from seisdream.models.zoo.unet import UNet
from seisdream.training.flip_consistency import flip_consistency_loss, with_mirror_images
from seisdream.training.loop import Training, TrainingSettings
from small_items import Stripes

TINY = TrainingSettings(
    settings={"widths": [4, 6, 8]}, n_steps=60, batch=2, validate_every=60, precision="float32", n_workers=0,
    learning_rate=1e-2, average=0.9,
)  # fmt: skip


def test_what_is_known_is_mirrored_and_dips_change_sign():
    rng = np.random.default_rng(0)
    picture, dip = rng.normal(size=(1, 4, 6)).astype(np.float32), rng.normal(size=(4, 6)).astype(np.float32)
    classes = rng.integers(0, 3, (4, 6)).astype(np.uint8)
    classes[0, 0], dip[1, 2] = UNKNOWN, np.nan
    both = with_mirror_images(collate([Sample(picture, classes, dip=dip), Sample(picture + 1, classes)]))
    np.testing.assert_array_equal(both["picture"][2], picture[..., ::-1])
    np.testing.assert_array_equal(both["picture"][3], picture[..., ::-1] + 1)
    np.testing.assert_array_equal(both["classes"][2], classes[:, ::-1])
    np.testing.assert_array_equal(both["dip"][0], dip)
    np.testing.assert_array_equal(both["dip"][2], -dip[:, ::-1])
    assert both["dip"][[1, 3]].isnan().all()


def test_the_loss_is_0_of_equals_1_of_strangers_and_2_of_opposites():
    torch.manual_seed(0)
    values = torch.randn(3, 5, 40, 40)
    for other, loss in ((values.flip(-1), 0.0), (torch.randn(3, 5, 40, 40), 1.0), (-values.flip(-1), 2.0)):
        told = flip_consistency_loss({"enc3": torch.cat([values, other]), "enc1": torch.randn(6, 2, 8, 8)})
        assert told == pytest.approx(loss, abs=0.05)


def test_no_item_has_a_part_in_another_s_loss_and_silent_channels_in_none():
    torch.manual_seed(1)
    values = torch.cat([torch.randn(2, 4, 8, 8), torch.zeros(2, 1, 8, 8)], 1)
    both = torch.cat([values, torch.cat([torch.randn(2, 4, 8, 8), 1e-9 * torch.randn(2, 1, 8, 8)], 1)])
    each = [flip_consistency_loss({"dec3": both[[item, item + 2]]}) for item in range(2)]
    torch.testing.assert_close(flip_consistency_loss({"dec3": both}), torch.stack(each).mean())
    torch.testing.assert_close(
        flip_consistency_loss({"dec3": both}), 0.8 * flip_consistency_loss({"dec3": both[:, :4]}), rtol=1e-2, atol=0
    )


def test_stages_learn_to_say_the_same_of_mirror_images(tmp_path):
    """Of layers that dip, from random weights: with the loss a network ends with a smaller difference than without."""
    differences = []
    for mirror in (0.0, 1.0):
        recipe, folder = replace(TINY, mirror=mirror), tmp_path / f"{mirror}"
        training = Training(recipe, Stripes(), Stripes(1), 2, folder, device="cpu")
        states = list(training.states())
        assert states[-1].scores.pixel_accuracy > 0.7
        network = training.network.eval()
        assert isinstance(network, UNet)
        noise = torch.randn(2, 1, 32, 24, generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            differences.append(float(flip_consistency_loss(network.stages(torch.cat([noise, noise.flip(-1)])))))
    assert differences[1] < 0.6 * differences[0]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"settings": {"widths": [4, 6]}}, "U-Net of 3 stages or more"),
        ({"architecture": "classifier"}, "U-Net of 3 stages or more"),
    ],
)
def test_networks_without_such_stages_are_refused(changes, match):
    with pytest.raises(SeisdreamError, match=match):
        replace(TINY, mirror=0.5, **changes)


def test_a_weight_below_0_is_refused():
    with pytest.raises(SeisdreamError, match=r"mirror 0 or more; got .* and -1"):
        TrainingSettings(mirror=-1.0)
