"""Auxiliary tasks: attributes with known values, and losses that ignore unknown targets."""

import numpy as np
import pytest
import torch

from errors import raises
from seisdream.data.sample import UNKNOWN
from seisdream.models.zoo.unet import Classifier, UNet
from seisdream.training.auxiliary_heads import N_DEPTHS, N_SURVEYS, TASKS, MultiTaskNetwork, seismic_attributes

WIDTHS = (4, 4, 4, 4, 4)


def plane_wave(dip, period=20.0, size=96, amplitude=0.5):
    t, x = torch.meshgrid(torch.arange(float(size)), torch.arange(float(size)), indexing="ij")
    return amplitude * torch.cos(2 * torch.pi * (t - dip * x) / period)[None, None]


def middle(values):
    return values[..., 24:-24, 24:-24]


@pytest.mark.parametrize("dip", [-1.5, -0.5, 0.0, 0.3, 1.0])
def test_attributes_of_a_plane_wave_have_its_dip(dip):
    _, _, cosine, sine, linearity, _ = middle(seismic_attributes(plane_wave(dip)))[0]
    angle = -0.5 * torch.atan2(sine, cosine)  # Downwards is positive, as in a sample.
    assert float(angle.mean()) == pytest.approx(np.arctan(dip), abs=0.02)
    assert float(angle.std()) < 0.02
    assert float(linearity.mean()) > 0.95


def test_noise_has_no_direction():
    noise = torch.rand(1, 1, 96, 96, generator=torch.Generator().manual_seed(0)) - 0.5
    assert float(middle(seismic_attributes(noise))[0, 4].mean()) < 0.3


def test_energy_and_frequency_are_those_of_the_wave():
    loud, quiet = (middle(seismic_attributes(plane_wave(0.2, amplitude=a)))[0] for a in (0.8, 0.2))
    # Mean square of a cosine of 0.8 is 0.32, and of 0.2 is 0.02.
    assert float(loud[1].mean()) == pytest.approx(0.3 * np.log(0.32), abs=0.02)
    assert float(quiet[1].mean()) == pytest.approx(0.3 * np.log(0.02 + 1e-3), abs=0.02)
    fast, slow = (middle(seismic_attributes(plane_wave(0.0, period)))[0, 5] for period in (10.0, 20.0))
    ratio = np.sin(2 * np.pi / 10) / np.sin(2 * np.pi / 20)  # Of central differences.
    assert float(fast.mean() - slow.mean()) == pytest.approx(0.6 * np.log(ratio), abs=0.05)


@pytest.mark.parametrize("size", [(2, 3), (3, 5), (20, 40), (65, 33)])
def test_attributes_of_any_size_are_finite(size):
    for image in (torch.zeros(2, 1, *size), torch.ones(2, 1, *size), torch.rand(2, 1, *size)):
        attributes = seismic_attributes(image)
        assert attributes.shape == (2, 6, *size)
        assert attributes.isfinite().all()


def batch_of(size=(48, 40), n=2):
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(0, 3, (n, *size), generator=generator).to(torch.uint8)
    return {
        "image": torch.rand(n, 1, *size, generator=generator) * 2 - 1,
        "classes": classes,
        "fault": (classes == 1).to(torch.uint8),
        "dip": torch.randn(n, *size, generator=generator),
        "impedance": torch.randn(n, *size, generator=generator),
        "position": torch.randint(0, N_DEPTHS * N_SURVEYS, (n, *size), generator=generator).to(torch.uint8),
    }


def total_of(model, batch):
    outputs = model(batch["image"])
    losses = {name: TASKS[name].losses(outputs[name], batch) for name in TASKS}
    return losses, sum(values.nansum() / (~values.isnan()).sum().clamp(min=1) for values in losses.values())


@pytest.mark.parametrize("case", ["some", "all", "absent"])
def test_gradients_are_finite_where_targets_are_unknown(case):
    torch.manual_seed(0)
    model, batch = MultiTaskNetwork(UNet(3, WIDTHS), dict.fromkeys(TASKS, 1.0)), batch_of()
    rows = {"some": slice(0, 20), "all": slice(None), "absent": slice(0, 0)}[case]
    batch["dip"][:, rows] = batch["impedance"][:, rows] = torch.nan
    batch["fault"][:, rows] = batch["position"][:, rows] = UNKNOWN
    if case == "absent":
        for name in ("dip", "impedance", "fault", "position"):
            del batch[name]
    losses, total = total_of(model, batch)
    for name in ("dip", "impedance", "fault"):
        unknown = losses[name].isnan().reshape(2, 48, 40)
        assert unknown[:, rows].all()
        assert case == "absent" or not unknown[:, rows.stop or 48 :].any()
    assert not losses["attributes"].isnan().any()
    total.backward()
    assert total.isfinite()
    for name, parameter in model.named_parameters():
        # Every head has a gradient, even if it is 0: processes that share a step wait for all of them.
        assert parameter.grad is not None or name.startswith("network.logits"), name
        assert parameter.grad is None or parameter.grad.isfinite().all()


def test_known_losses():
    output = torch.zeros(1, 1, 1, 3)
    batch = {
        "fault": torch.tensor([[[0, 1, UNKNOWN]]], dtype=torch.uint8),
        "dip": torch.tensor([[[0.0, 2.0, torch.nan]]]),
    }
    fault = TASKS["fault"].losses(output, batch).flatten()
    assert fault[:2].tolist() == pytest.approx([np.log(2), 5 * np.log(2)])
    assert fault[2].isnan()
    dip = TASKS["dip"].losses(output, batch).flatten()
    assert dip[:2].tolist() == pytest.approx([0.0, 1.75])  # Smooth L1 with beta 0.5: 2 - 0.25.
    assert dip[2].isnan()


def test_the_position_target_is_that_in_the_middle_of_each_unit():
    position = torch.arange(40, dtype=torch.uint8)[:, None].expand(40, 24)[None].contiguous()
    logits = torch.zeros(1, N_DEPTHS * N_SURVEYS, 5, 3)
    for unit in range(5):
        logits[:, 8 * unit + 4, unit] = 50.0
    assert float(TASKS["position"].losses(logits, {"position": position}).max()) < 1e-6


@pytest.mark.parametrize("size", [(48, 40), (100, 61), (9, 33), (33, 100)])
def test_the_position_loss_works_for_any_size(size):
    model = MultiTaskNetwork(UNet(3, WIDTHS), {"position": 1.0})
    batch = batch_of(size)
    output = model(batch["image"])["position"]
    assert TASKS["position"].losses(output, batch).shape == (2, *output.shape[2:])


def test_tasks_do_not_change_the_classes():
    torch.manual_seed(0)
    network = UNet(3, WIDTHS).eval()
    image = torch.randn(1, 1, 40, 33)
    with torch.no_grad():
        plain = MultiTaskNetwork(network, {})(image)
        several = MultiTaskNetwork(network, dict.fromkeys(TASKS, 1.0))(image)
        torch.testing.assert_close(several["classes"], network(image))
    assert set(plain) == {"classes"}
    assert set(several) == {"classes", *TASKS}
    assert several["attributes"].shape == (1, 6, 40, 33)
    assert several["position"].shape == (1, N_DEPTHS * N_SURVEYS, 5, 5)


def test_tasks_need_a_network_with_their_stages():
    with raises("incompatible"):
        MultiTaskNetwork(UNet(3, (4, 4, 4, 4)), {"dip": 1.0, "position": 1.0})
    for network in (UNet(3, WIDTHS, n_dims=3), Classifier(3, WIDTHS)):
        with raises("incompatible"):
            MultiTaskNetwork(network, {"dip": 1.0})
