import numpy as np
import pytest
import torch

import small_networks
from seisdream.errors import SeisdreamError
from seisdream.inference.recorder import record_activations
from seisdream.models.network import Network, Preprocessing
from seisdream.seismic.sections import GreyMapping, make_section


def spike_section(row, column, size=100.0):
    """A section of known range, so that a spike does not change its grey mapping."""
    values = np.random.default_rng(0).uniform(50, 150, (64, 80))
    values[row, column] += size
    coords = {"time": 4.0 * np.arange(64) + 100, "crossline": 300 + np.arange(80)}
    return make_section(values, dims=("time", "crossline"), coords=coords, value_range=(0, 255))


def test_a_filters_activations_are_the_filtered_section():
    kernel = np.float32([[0, 1, 0], [1, -3, 1], [0, 1, 0]])
    section = make_section(np.random.default_rng(0).normal(size=(30, 40)), dt_ms=4.0)
    recorded = record_activations(section, small_networks.linear_network(kernel), "filter")
    assert recorded.dims == ("channel", "time", "trace")
    assert recorded.dtype == np.float32
    assert np.array_equal(recorded.time, section.time)
    view = torch.from_numpy(GreyMapping.of(section).to_grey(section.values).clip(0, 255) - 127.5)[None, None]
    expected = torch.nn.functional.conv2d(view, torch.from_numpy(kernel)[None, None], padding=1)[0]
    assert np.allclose(recorded, expected, atol=1e-3)


@pytest.mark.parametrize("layer", ["first", "pool", "branches", "last"])
def test_a_units_position_is_where_it_looks(layer):
    network = small_networks.pooled_network()
    reach = [size / 2 for size in network.layer(layer).receptive_field]
    for row, column in ((30, 41), (17, 60)):
        with_spike = record_activations(spike_section(row, column), network, layer)
        without = record_activations(spike_section(row, column, size=0.0), network, layer)
        changed = (with_spike != without).any("channel").values
        rows, columns = with_spike.row.values, with_spike.column.values
        near = (np.abs(rows - row) <= reach[0])[:, None] & (np.abs(columns - column) <= reach[1])
        assert changed.any()
        assert not (changed & ~near).any(), "only units whose field holds the spike may change"
        assert with_spike.time[0] == 100 + 4 * rows[0]
        assert with_spike.crossline[-1] == 300 + columns[-1]


def test_a_layer_that_sees_everything_is_one_unit_in_the_middle():
    module = torch.nn.Sequential()
    module.add_module("conv", torch.nn.Conv2d(1, 4, 3))
    module.add_module("mean", torch.nn.AdaptiveAvgPool2d(1))
    network = Network("pooling", module, Preprocessing("grey"), default_layer="conv")
    recorded = record_activations(spike_section(3, 3), network, "mean")
    assert recorded.shape == (4, 1, 1)
    assert recorded.row.item() == 31.5
    assert recorded.column.item() == 39.5


def test_an_unknown_layer_is_refused():
    with pytest.raises(SeisdreamError, match="'lats' is not in pooled; near it: last"):
        record_activations(spike_section(3, 3), small_networks.pooled_network(), "lats")
