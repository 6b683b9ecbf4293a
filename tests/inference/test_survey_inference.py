"""Lines one after another, and their units once each, whole or in tiles."""

import numpy as np
import pytest
import torch

from segy_files import make_segy, numbered
from seisdream.errors import SeisdreamError
from seisdream.inference import survey_inference as streaming
from seisdream.inference.survey_inference import ActivationRecorder, open_lines
from seisdream.io.inputs import open_section
from seisdream.models.network import Network, Preprocessing
from seisdream.seismic.sections import GreyMapping
from small_networks import pooled_network


@pytest.fixture
def volume(tmp_path):
    samples = np.random.default_rng(0).standard_normal((5 * 8, 30)).astype(np.float32)
    words = numbered(range(100, 110, 2), range(300, 308))
    return make_segy(tmp_path / "volume.sgy", samples, words=words)


def test_a_volume_is_its_inlines_and_one_of_them_is_one_line(volume):
    lines = open_lines(volume)
    assert lines.names == ("inline 100", "inline 102", "inline 104", "inline 106", "inline 108")
    np.testing.assert_array_equal(lines.open(3).values, open_section(volume, inline=106).values)
    assert open_lines(volume, every=2).names == ("inline 100", "inline 104", "inline 108")
    assert open_lines(volume, every=2).numbers == (0, 2, 4)
    alone = open_lines(volume, crossline=305)
    assert (len(alone), alone.open(0).dims) == (1, ("time", "inline"))
    with pytest.raises(SeisdreamError, match="--every"):
        open_lines(volume, every=0)


@pytest.mark.parametrize("layer", ["branches", "last"])
def test_tiles_hold_each_unit_of_the_whole_once(layer, monkeypatch):
    network = pooled_network()
    line = open_section("noise:150x170")
    looker, mapping = ActivationRecorder(network.prepared(), [layer]), GreyMapping.of(line)
    ((_, whole),) = looker.look(line, mapping)
    monkeypatch.setattr(streaming, "COMFORTABLE_SAMPLES", 100)
    monkeypatch.setattr(streaming, "COMFORTABLE_TILE", 48)
    seen = np.zeros(whole[layer].values.shape[1:], int)
    parts = list(looker.look(line, mapping))
    assert len(parts) > 4
    for _, said in parts:
        units = said[layer]
        rows, columns = (
            np.searchsorted(whole[layer].rows, units.rows),
            np.searchsorted(whole[layer].columns, units.columns),
        )
        seen[np.ix_(rows, columns)] += 1
        torch.testing.assert_close(units.values, whole[layer].values[:, rows][:, :, columns], rtol=1e-4, atol=1e-5)
    assert (seen == 1).all()


def test_what_sees_the_whole_is_looked_at_whole(monkeypatch):
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.InstanceNorm2d(2))
    monkeypatch.setattr(streaming, "COMFORTABLE_SAMPLES", 100)
    line = open_section("noise:40x40")
    looker = ActivationRecorder(Network("normed", module, Preprocessing("grey")).prepared(), ["1"])
    assert [tile.core_rows for tile, _ in looker.look(line, GreyMapping.of(line))] == [(0, 40)]


def test_units_are_found_by_where_they_lie():
    units = streaming.UnitGrid(torch.arange(12.0).reshape(1, 3, 4), np.array([1.5, 5.5, 9.5]), np.arange(4) * 2.0)
    assert units.at(np.array([0, 3, 4, 30]), np.array([0, 3, 4, 5]))[0].tolist() == [0.0, 1.0, 6.0, 10.0]
