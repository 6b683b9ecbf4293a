"""Activations lie where their units see, whole or in tiles."""

import numpy as np
import pytest
import torch

import small_networks
from errors import raises
from seisdream.dreaming.objectives.terms import Layer
from seisdream.inference import tiling
from seisdream.inference.recorder import ActivationRecorder, record_activations
from seisdream.io.inputs import open_section
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import load_network
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


def test_notes_say_how_a_section_was_made_to_fit():
    class Halves(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 2, 3, padding=1)

        def forward(self, values):
            return self.conv(values).unflatten(2, (-1, 2)).sum(3)

    network = Network("halves", Halves(), Preprocessing("grey"))
    section = make_section(np.random.default_rng(0).normal(size=(31, 40)), dt_ms=4.0)
    assert record_activations(section, network, "conv").attrs["notes"] == []
    (note,) = record_activations(section, network, "output").attrs["notes"]
    assert "32 × 40" in note


@pytest.mark.parametrize("layer", ["first", "pool", "branches", "last"])
def test_a_units_position_is_the_centre_of_its_receptive_field(layer):
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


def test_a_layer_that_depends_on_the_whole_section_is_one_unit_in_the_middle():
    module = torch.nn.Sequential()
    module.add_module("conv", torch.nn.Conv2d(1, 4, 3))
    module.add_module("mean", torch.nn.AdaptiveAvgPool2d(1))
    network = Network("pooling", module, Preprocessing("grey"), default_layer="conv")
    recorded = record_activations(spike_section(3, 3), network, "mean")
    assert recorded.shape == (4, 1, 1)
    assert recorded.row.item() == 31.5
    assert recorded.column.item() == 39.5


def test_an_unknown_layer_is_refused():
    with raises("unknown-name"):
        record_activations(spike_section(3, 3), small_networks.pooled_network(), "lats")


def test_a_network_and_a_layer_are_given_by_name_or_as_objects():
    section = make_section(np.random.default_rng(0).normal(size=(40, 50)), dt_ms=4.0)
    by_name = record_activations(section, "gabor", "stage1/rectified")
    by_object = record_activations(section, load_network("gabor"), Layer("stage1/rectified"))
    np.testing.assert_array_equal(by_name, by_object)
    assert by_object.name == "stage1/rectified"


@pytest.mark.parametrize("layer", ["branches", "last"])
def test_tiles_hold_each_unit_of_the_whole_once(layer, monkeypatch):
    network = small_networks.pooled_network()
    line = open_section("noise:150x170")
    recorder, mapping = ActivationRecorder(PreparedNetwork(network), [layer]), GreyMapping.of(line)
    ((_, whole),) = recorder.record(line, mapping)
    recorder = ActivationRecorder(PreparedNetwork(network), [layer])
    monkeypatch.setattr(tiling, "AUTO_TILE_THRESHOLD", 100)
    monkeypatch.setattr(tiling, "AUTO_TILE_SIZE", 48)
    seen = np.zeros(whole[layer].values.shape[1:], int)
    parts = list(recorder.record(line, mapping))
    assert len(parts) > 4
    for _, recorded in parts:
        units = recorded[layer]
        rows, columns = (np.searchsorted(whole[layer].grid.centres(axis), units.grid.centres(axis)) for axis in (0, 1))
        seen[np.ix_(rows, columns)] += 1
        torch.testing.assert_close(units.values, whole[layer].values[:, rows][:, :, columns], rtol=1e-4, atol=1e-5)
    assert (seen == 1).all()


def test_a_layer_that_depends_on_the_whole_section_is_computed_whole(monkeypatch):
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.InstanceNorm2d(2))
    monkeypatch.setattr(tiling, "AUTO_TILE_THRESHOLD", 100)
    line = open_section("noise:40x40")
    recorder = ActivationRecorder(PreparedNetwork(Network("normed", module, Preprocessing("grey"))), ["1"])
    assert [tile.core_rows for tile, _ in recorder.record(line, GreyMapping.of(line))] == [(0, 40)]
