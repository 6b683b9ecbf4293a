"""The randomization test finds maps that do not depend on the weights."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from errors import raises
from seisdream.attribution.attributor import Attributor
from seisdream.attribution.randomization_test import compare_maps, n_networks, randomization_test
from seisdream.attribution.settings import AttributionSettings
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.randomization import cascading_randomization, with_random_parts
from seisdream.seismic.sections import make_section
from trained_files import CLASSES, make_unet

GREY = Preprocessing("grey", scale=1 / 127.5, mean=(1.0,))


def noise(n_rows=40, n_columns=48, seed=0):
    return make_section(np.random.default_rng(seed).normal(size=(n_rows, n_columns)), dt_ms=4.0)


def unet_network(**words):
    return Network("u", make_unet(**words), GREY, classes=CLASSES, class_layer="logits", default_layer="enc3")


def test_an_edge_detector_does_not_depend_on_the_weights():
    section = noise()

    def explain(_network):
        down, across = np.gradient(section.values)
        return section.copy(data=np.hypot(down, across))

    tested = randomization_test(explain, unet_network())
    assert (tested.outcome, tested.signed, tested.strength) == ("does not", pytest.approx(1), pytest.approx(1))


def test_the_section_times_a_random_factor_does_not_depend_on_the_weights():
    section = noise()

    def explain(network):
        return section * float(next(network.module.parameters()).detach().flatten()[0])

    assert randomization_test(explain, unet_network()).outcome == "does not"


def test_a_map_of_the_weights_alone_depends_on_them():
    section = noise()

    def explain(network):
        weights = network.module.get_submodule("dec1.conv1").weight.detach().numpy().ravel()
        return section.copy(data=np.resize(weights, section.shape))

    tested = randomization_test(explain, unet_network())
    assert tested.outcome == "depends"
    # Until the cascade reaches it, nothing changes.
    assert tested.rows[0].signed == pytest.approx(1)
    assert tested.rows[-1].signed < 0.3


@pytest.mark.filterwarnings("ignore:Integrated gradients")
@pytest.mark.parametrize("method", ["integrated-gradients", "grad-cam"])
def test_signs_of_attributions_depend_on_weights(method):
    words = {"steps": 32} if method == "integrated-gradients" else {"cam_layer": "dec2"}
    network = unet_network()
    attributor = Attributor(
        noise(), network, "class:salt", at=(25, 80), settings=AttributionSettings(method=method, **words)
    )
    tested = randomization_test(attributor, network, "logits")
    assert tested.signed < 0.5
    assert tested.outcome in ("depends", "signs only")
    assert [row.is_complete for row in tested.rows].count(True) == 3
    assert len(tested.maps) == n_networks(network, "logits")
    assert set(tested.maps) == {"trained", *(row.name for row in tested.rows)}
    assert json.loads(json.dumps(tested.as_dict()))["outcome"] == tested.outcome


def test_the_cascade_goes_from_the_output_down_and_ends_with_all():
    network = unet_network()
    steps = cascading_randomization(network)
    assert (steps[0][0], steps[-1][0]) == ("logits", "enc1")
    assert steps[-1][2]
    assert not any(step[2] for step in steps[:-1])
    assert set(steps[-1][1]) == {"logits", "dec1", "dec2", "enc1", "enc2", "enc3"}
    assert [step[0] for step in cascading_randomization(network, "enc2")] == ["enc2", "enc1"]


def test_only_the_parts_named_become_random():
    network = unet_network()
    copied = with_random_parts(network, ("logits", "dec1"), 0)
    assert torch.equal(copied.module.enc1.conv1.weight, network.module.enc1.conv1.weight)
    assert not torch.equal(copied.module.logits.weight, network.module.logits.weight)
    assert not torch.equal(copied.module.dec1.conv1.weight, network.module.dec1.conv1.weight)
    again, other = (with_random_parts(network, ("logits",), seed) for seed in (0, 1))
    assert torch.equal(copied.module.logits.weight, again.module.logits.weight)
    assert not torch.equal(other.module.logits.weight, again.module.logits.weight)


class OwnWeights(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.arange(1.0, 9.0).reshape(1, 8, 1, 1))

    def forward(self, values):
        return values * self.scale


def test_weights_without_an_initialisation_are_shuffled():
    network = Network("own", nn.Sequential(nn.Conv2d(1, 8, 1), OwnWeights()), GREY)
    copied = with_random_parts(network, ("1",), 0)
    ours, theirs = (one.module[1].scale.detach().flatten() for one in (copied, network))
    assert not torch.equal(ours, theirs)
    assert torch.equal(ours.sort().values, theirs)


def test_a_constant_map_or_a_network_without_weights_cannot_be_tested():
    section = noise()
    with raises("no-signal"):
        randomization_test(lambda _: section * 0.0, unet_network())
    bare = Network("bare", nn.Sequential(nn.AvgPool2d(2), nn.ReLU()), GREY)
    with pytest.raises(SeisdreamError):
        randomization_test(lambda _: section, bare)


def test_maps_are_compared_by_ranks_where_they_are_not_zero():
    section = noise()
    same = compare_maps(section, section, "a")
    assert (same.signed, same.strength) == (pytest.approx(1), pytest.approx(1))
    turned = compare_maps(section, -section, "b")
    assert (turned.rank_correlation, turned.signed) == (pytest.approx(-1), pytest.approx(1))
    other = compare_maps(section, noise(seed=1), "c")
    assert max(other.signed, other.strength) < 0.2
    # Where both maps are zero does not count as similarity.
    one, two = (section.copy(data=np.pad(noise(8, 8, seed).values, ((0, 32), (0, 40)))) for seed in (0, 1))
    assert compare_maps(one, two, "d").strength < 0.6
    assert compare_maps(section * 0, section * 0, "e").strength == 0
