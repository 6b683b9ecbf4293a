"""The gradient in tiles equals the gradient of the whole section."""

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import small_networks
from seisdream.dreaming.objectives.feature_matching import Guide
from seisdream.dreaming.objectives.terms import Channel, Layer, Neuron, bind_objective
from seisdream.dreaming.tiled_gradient import TiledGradient
from seisdream.inference.tiling import receptive_halo
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import load_network


def whole_and_tiled(network, terms, image, tile):
    prepared = PreparedNetwork(network)
    layers = [term.layer for term in terms]
    whole = TiledGradient(prepared, terms)(image)
    tiled = TiledGradient(prepared, terms, tile, receptive_halo(network, layers))(image)
    return whole, tiled


def assert_equal_gradients(whole, tiled):
    assert tiled[0] == pytest.approx(whole[0], rel=1e-5, abs=1e-7)
    assert (tiled[1] - whole[1]).norm() <= 1e-5 * whole[1].norm()


@cache
def pooled_network():
    """One network for all examples: its receptive fields take longer to measure than the gradients."""
    return small_networks.pooled_network()


@settings(max_examples=20)
@given(
    rows=st.integers(40, 150),
    columns=st.integers(40, 150),
    tile=st.sampled_from([8, 16, 24, 48]),
    objective=st.sampled_from(
        [
            Layer("last"),
            Channel("branches", 3),
            0.7 * Layer("pool") - Channel("last", 2) * 0.3,
            Neuron("last", 1),
        ]
    ),
)
def test_tiled_equals_whole(rows, columns, tile, objective):
    network = pooled_network()
    image = torch.rand(1, 1, rows, columns, generator=torch.Generator().manual_seed(rows)) * 255
    assert_equal_gradients(*whole_and_tiled(network, bind_objective(objective, network), image, tile))


def test_tiled_equals_whole_with_a_guide():
    network = small_networks.pooled_network()
    guide = Guide("last", features=torch.randn(7, 8, generator=torch.Generator().manual_seed(0)))
    image = torch.rand(1, 1, 90, 120) * 255
    assert_equal_gradients(*whole_and_tiled(network, (guide,), image, 32))


def test_tiled_equals_whole_for_googlenet(shared):
    network = load_network("googlenet", weights=shared / "weights" / "bvlc_googlenet.safetensors")
    image = torch.rand(1, 1, 210, 430, generator=torch.Generator().manual_seed(0)) * 255
    terms = bind_objective(Layer("inception_3b/output"), network)
    assert_equal_gradients(*whole_and_tiled(network, terms, image, 128))
