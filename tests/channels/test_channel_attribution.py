"""Contributions of channels to classes, where they are known."""

import numpy as np
import torch
from torch import nn

from seisdream.channels.channel_attribution import N_CLASSES, gradient_times_activation, top_classes
from seisdream.io.inputs import open_section
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing
from seisdream.seismic.sections import GreyMapping


def weighing(weights):
    """Return a network whose classes are sums of rectified channels with these weights ``(class, channel)``."""
    weights = torch.as_tensor(weights, dtype=torch.float32)
    torch.manual_seed(0)
    module = nn.Sequential()
    module.add_module("features", nn.Sequential(nn.Conv2d(1, weights.shape[1], 5, padding=2), nn.ReLU(inplace=True)))
    module.add_module("logits", nn.Conv2d(weights.shape[1], len(weights), 1, bias=False))
    module.get_submodule("logits").weight.data = weights[:, :, None, None]
    classes = [f"class {number}" for number in range(len(weights))]
    return Network("weighing", module, Preprocessing("grey", 1 / 127.5, (1.0,)), classes=classes, class_layer="logits")


def test_of_a_weighted_sum_the_effect_is_the_weight_times_the_mean_activation():
    weights = np.array([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    network, line = weighing(weights), open_section("noise:40x50")
    prepared, mapping = PreparedNetwork(network), GreyMapping.of(line)
    effects = gradient_times_activation(prepared, ["features", "logits"], line, mapping, [0, 1])
    with torch.no_grad():
        grey = torch.from_numpy(mapping.to_grey(line.values).clip(0, 255))[None, None]
        means = prepared.record(grey, ["features"])["features"][0].mean((1, 2)).numpy()
    centred = weights - weights.mean(0)
    np.testing.assert_allclose(effects["features"], (centred * means).T, rtol=1e-4, atol=1e-6)
    # Each logit contributes to its own class alone, less the mean over classes.
    logits = weights @ means
    np.testing.assert_allclose(effects["logits"], (np.eye(2) - 0.5) * logits[:, None], rtol=1e-4, atol=1e-6)


def test_of_many_classes_those_with_the_highest_logits_are_attributed():
    weights = np.zeros((30, 2))
    loud = [3, 7, *range(15, 15 + N_CLASSES - 2)]
    weights[loud] = 1.0
    network, line = weighing(weights), open_section("noise:40x50")
    assert top_classes(PreparedNetwork(network), [line], GreyMapping.of(line)) == loud
    assert top_classes(PreparedNetwork(weighing(weights[:5])), [line], GreyMapping.of(line)) == list(range(5))


def test_a_network_without_classes_has_no_contributions():
    network = Network("plain", nn.Sequential(nn.Conv2d(1, 2, 3)), Preprocessing("grey"))
    line = open_section("noise:20x20")
    assert top_classes(PreparedNetwork(network), [line], GreyMapping.of(line)) == []
