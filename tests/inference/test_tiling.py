"""Tiles cover a section once and give the activations of the whole."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import small_networks
from errors import raises
from seisdream.inference import tiling
from seisdream.inference.tiling import Halo, check_tiles, core_units, plan_tiles, receptive_halo, resolve_tile
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing


@given(
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    tile=st.integers(8, 120),
    alignment=st.sampled_from([1, 2, 4, 16]),
    n_halo=st.integers(0, 3),
)
def test_cores_cover_every_sample_once(size, tile, alignment, n_halo):
    covered = torch.zeros(size, dtype=torch.int64)
    halo = alignment * n_halo
    for one in plan_tiles(size, tile, Halo((alignment, alignment), (halo, halo))):
        covered[slice(*one.core_rows), slice(*one.core_columns)] += 1
        assert one.window_rows[0] % alignment == 0
        assert one.window_rows[0] == max(0, one.core_rows[0] - halo)
        assert one.window_columns[1] == min(size[1], one.core_columns[1] + halo)
    assert (covered == 1).all()


@settings(max_examples=20)
@given(rows=st.integers(40, 150), columns=st.integers(40, 150), tile=st.sampled_from([8, 16, 24, 48]))
def test_units_over_cores_are_those_of_the_whole(rows, columns, tile):
    network, layers = small_networks.pooled_network(), ("branches", "last")
    prepared, halo = PreparedNetwork(network), receptive_halo(network, layers)
    image = torch.rand(1, 1, rows, columns, generator=torch.Generator().manual_seed(rows)) * 255
    whole = prepared.record(image, layers)
    seen = {layer: torch.zeros(values.shape[2:]) for layer, values in whole.items()}
    for one in plan_tiles((rows, columns), tile, halo):
        recorded = prepared.record(image[..., slice(*one.window_rows), slice(*one.window_columns)], layers)
        for layer, values in recorded.items():
            strides = [round(stride) for stride in network.layer(layer).stride]
            in_window, in_whole = core_units(one, strides, (rows, columns))
            torch.testing.assert_close(values[0][:, *in_window], whole[layer][0][:, *in_whole], rtol=1e-4, atol=1e-5)
            seen[layer][in_whole] += 1
    assert all((counts == 1).all() for counts in seen.values())


def normalising_network():
    module = torch.nn.Sequential()
    module.add_module("first", torch.nn.Conv2d(1, 4, 3, padding=1))
    module.add_module("norm", torch.nn.GroupNorm(2, 4))
    return Network("grouped", module, Preprocessing("grey"), default_layer="norm")


def test_a_layer_that_depends_on_the_whole_section_cannot_be_tiled():
    with raises("not-supported", "tile"):
        receptive_halo(normalising_network(), ["norm"])


def test_tiles_that_differ_from_the_whole_are_refused():
    torch.manual_seed(0)
    network = Network("resizing", small_networks.ResizingUNet(), Preprocessing("grey"), default_layer="up")
    halo = receptive_halo(network, ["up"])
    check_tiles(network, ["up"], [(400, 800)], halo)
    with raises("not-supported", "tile"):
        check_tiles(network, ["up"], [(400, 800), (401, 803)], halo)


def test_units_closer_than_samples_cannot_be_tiled():
    module = torch.nn.Sequential()
    module.add_module("up", torch.nn.Upsample(scale_factor=2))
    module.add_module("last", torch.nn.Conv2d(1, 2, 3, padding=1))
    network = Network("finer", module, Preprocessing("grey"), default_layer="last")
    with raises("not-supported", "tile"):
        receptive_halo(network, ["last"])


def test_a_section_is_tiled_if_it_is_large_or_a_tile_is_given(monkeypatch):
    network = small_networks.pooled_network()
    assert resolve_tile(network, ["last"], (60, 70)) == (0, None, None)
    assert resolve_tile(network, ["last"], (60, 70), 0) == (0, None, None)
    assert resolve_tile(network, ["last"], (60, 70), 80) == (0, None, None)
    halo = receptive_halo(network, ["last"])
    assert resolve_tile(network, ["last"], (60, 70), 64) == (64, halo, None)
    monkeypatch.setattr(tiling, "AUTO_TILE_THRESHOLD", 1000)
    monkeypatch.setattr(tiling, "AUTO_TILE_SIZE", 32)
    assert resolve_tile(network, ["last"], (60, 70)) == (32, halo, None)


def test_a_large_section_that_cannot_be_tiled_is_computed_whole(monkeypatch):
    network = normalising_network()
    with raises("not-supported", "tile"):
        resolve_tile(network, ["norm"], (60, 70), 32)
    monkeypatch.setattr(tiling, "AUTO_TILE_THRESHOLD", 1000)
    monkeypatch.setattr(tiling, "AUTO_TILE_SIZE", 32)
    tile, halo, note = resolve_tile(network, ["norm"], (60, 70))
    assert (tile, halo) == (0, None)
    assert note
    assert "grouped" in note
