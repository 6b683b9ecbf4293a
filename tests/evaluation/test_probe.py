"""Linear probes find classes that layers separate, and their directions."""

import numpy as np
import pytest
import torch
from torch import nn

import small_networks
from errors import raises
from seisdream.evaluation.cross_validation import column_blocks, leave_one_block_out
from seisdream.evaluation.labelled import balanced_samples, known_labels
from seisdream.evaluation.layer_features import LayerReader, probe_layers
from seisdream.evaluation.probe import LinearProbe, fit_probe
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.randomization import with_random_weights
from seisdream.models.registry import load_network
from seisdream.models.zoo.unet import UNet
from seisdream.seismic.sections import UNKNOWN, make_section


def noise(shape=(40, 120), seed=0):
    return make_section(np.random.default_rng(seed).normal(size=shape), dt_ms=4.0)


def unet_network(widths=(4, 6, 8), seed=0):
    torch.manual_seed(seed)
    return Network("unet", UNet(3, widths).eval(), Preprocessing("grey", 1 / 127.5, (1.0,)), class_layer="logits")


def smoothing_network():
    return small_networks.linear_network(np.full((5, 5), 1 / 25, np.float32))


def by_sign(section, network, layer):
    """Labels that a plane through a layer's first channel separates without error, except for those too near to it."""
    channel = LayerReader(network, (layer,)).read(section).weighted_sums(torch.eye(1))[0].numpy()
    labels = np.where(channel > np.median(channel), 1, 0).astype(np.uint8)
    labels[np.abs(channel - np.median(channel)) < 0.02 * np.ptp(channel)] = UNKNOWN
    return labels


def test_a_probe_finds_classes_that_a_layer_separates():
    network, section = smoothing_network(), noise()
    labels = by_sign(section, network, "filter")
    reader = LayerReader(network)
    scores = leave_one_block_out(
        section, labels, ("low", "high"), lambda lines: fit_probe(lines, reader, 2, strength=1.0), n_blocks=3, guard=8
    )
    assert scores.n_samples == (labels != UNKNOWN).sum(), "every known sample is held out once"
    assert scores.mean_class_accuracy > 0.98
    assert scores.mean_iou > 0.96


def test_a_probe_finds_nothing_in_random_labels():
    network, section = smoothing_network(), noise()
    labels = np.random.default_rng(1).integers(0, 2, section.shape).astype(np.uint8)
    reader = LayerReader(network)
    scores = leave_one_block_out(section, labels, ("a", "b"), lambda lines: fit_probe(lines, reader, 2), n_blocks=3)
    assert abs(scores.mean_class_accuracy - 0.5) < 0.05


@pytest.mark.parametrize("network", [unet_network(), small_networks.pooled_network(3)], ids=["unet", "colour"])
def test_sums_on_the_grid_are_sums_of_features_at_samples(network):
    reader, section = LayerReader(network), noise((37, 53))
    features_of_section = reader.read(section)
    rows, columns = (values.ravel() for values in np.indices(section.shape))
    features = features_of_section.at(rows, columns)
    assert features.shape == (section.size, reader.n_features)
    weights = np.random.default_rng(0).normal(size=(3, reader.n_features)).astype(np.float32)
    expected = (features @ weights.T).T.reshape(3, *section.shape)
    assert np.allclose(
        features_of_section.weighted_sums(torch.from_numpy(weights)), expected, atol=1e-4 * np.abs(expected).max()
    )


def test_features_are_those_of_the_units_where_a_unit_lies_on_a_sample():
    network, section = small_networks.pooled_network(), noise((64, 96))
    reader = LayerReader(network, ("pool",), mirror=False)
    info = network.layer("pool")
    recorded, _ = reader.read(section).maps[0]
    unit = np.arange(3, 8)
    rows, columns = (int(info.start[axis]) + int(info.stride[axis]) * unit for axis in (0, 1))
    assert info.start == (int(info.start[0]), int(info.start[1]))
    assert np.allclose(reader.read(section).at(rows, columns), recorded[:, unit, unit].T, atol=1e-6)


def test_features_are_means_over_a_section_and_its_mirror_image():
    network, section = unet_network(), noise((36, 53))
    mirror_image = section.copy(data=section.values[:, ::-1])
    reader, alone = LayerReader(network), LayerReader(network, mirror=False)
    rows, columns = np.array([0, 7, 20, 35]), np.array([0, 30, 52, 11])
    features = reader.read(section).at(rows, columns)
    own, other = alone.read(section).at(rows, columns), alone.read(mirror_image).at(rows, 52 - columns)
    assert not np.allclose(own, other, atol=1e-3)
    assert np.allclose(features, (own + other) / 2, atol=1e-5)
    assert np.allclose(reader.read(mirror_image).at(rows, 52 - columns), features, atol=1e-5)


def test_a_layer_that_is_linear_across_is_read_as_linear_between_its_units():
    ramp = nn.Sequential()
    ramp.add_module("mean", nn.AvgPool2d(4))
    network = Network("ramp", ramp, Preprocessing("grey"), default_layer="mean")
    values = np.add.outer(np.arange(32.0), 2 * np.arange(48.0))
    section = make_section(values, value_range=(0, 255))
    read = LayerReader(network).read(section).weighted_sums(torch.eye(1))[0].numpy()
    assert np.allclose(read[2:-2, 2:-2], values[2:-2, 2:-2], atol=1e-3)
    assert np.allclose(read[0], read[1], atol=1e-3), "constant beyond the outermost units"


def test_layers_are_the_stages_of_a_unet_or_the_ends_of_each_stride():
    assert probe_layers(unet_network()) == ("enc1", "enc2", "enc3", "dec2", "dec1")
    assert probe_layers(small_networks.pooled_network()) == ("relu", "rectified", "last")


def test_a_network_without_positions_is_refused():
    module = nn.Sequential()
    module.add_module("mean", nn.AdaptiveAvgPool2d(1))
    network = Network("whole", module, Preprocessing("grey"), default_layer="mean")
    with raises("not-supported", "network"):
        probe_layers(network)
    with raises("not-supported"):
        LayerReader(network, ("mean",))


def test_classes_without_labels_are_never_predicted_and_a_single_class_everywhere():
    network, section = smoothing_network(), noise()
    reader = LayerReader(network)
    labels = np.where(by_sign(section, network, "filter") == 1, 3, 1).astype(np.uint8)
    predicted = fit_probe([(section, labels)], reader, 5).probabilities(section)
    assert predicted.shape == (5, *section.shape)
    assert np.allclose(predicted.sum(0), 1, atol=1e-5)
    assert not predicted[[0, 2, 4]].any()
    assert predicted[3][labels == 3].mean() > 0.5 > predicted[3][labels == 1].mean()
    only = fit_probe([(section, np.full(section.shape, 2, np.uint8))], reader, 5).probabilities(section)
    assert (only[2] == 1).all()
    with raises("no-labels"):
        fit_probe([(section, np.full(section.shape, UNKNOWN, np.uint8))], reader, 5)


def test_a_network_is_given_by_name():
    section = noise()
    labels = np.random.default_rng(0).integers(0, 3, section.shape).astype(np.uint8)
    probe = fit_probe([(section, labels)], "gabor", 3, layers=["stage1/rectified"], n_per_class=50)
    assert probe.reader.network.name == "gabor"
    assert probe.probabilities(section).shape == (3, *section.shape)


def test_the_same_seed_gives_the_same_probe():
    network, section = unet_network(), noise()
    labels = np.random.default_rng(0).integers(0, 3, section.shape).astype(np.uint8)
    reader = LayerReader(network)
    one, same, other = (fit_probe([(section, labels)], reader, 3, n_per_class=50, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.weights, same.weights)
    assert not torch.equal(one.weights, other.weights)


def test_samples_are_balanced_and_drawn_once():
    labels = np.full((20, 30), UNKNOWN, np.uint8)
    labels[:10], labels[15, :4] = 0, 1
    rows, columns = balanced_samples(labels, 3, 50, np.random.default_rng(0))
    assert np.bincount(labels[rows, columns]).tolist() == [50, 4]
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == 54


def test_absent_samples_are_not_fitted():
    section = noise()
    section.values[:, 10:20] = np.nan
    known = known_labels(section, np.zeros(section.shape, np.uint8))
    assert (known[:, 10:20] == UNKNOWN).all()
    assert not known[:, :10].any()
    with raises("wrong-shape"):
        known_labels(section, np.zeros((3, 3), np.uint8))


def test_blocks_are_contiguous_cover_all_and_keep_their_guard():
    blocks = column_blocks(103, 4, guard=7)
    held_out = np.array([block for _, block in blocks])
    assert (held_out.sum(0) == 1).all()
    for fitted, held in blocks:
        columns = np.flatnonzero(held)
        assert np.ptp(columns) == len(columns) - 1
        assert np.abs(np.flatnonzero(fitted)[:, None] - columns).min() == 8


@pytest.mark.parametrize(("n_columns", "n_blocks", "guard"), [(10, 1, 0), (3, 5, 0), (20, 2, 10), (20, 0, 0)])
def test_blocks_that_leave_nothing_are_refused(n_columns, n_blocks, guard):
    with raises("too-small"):
        column_blocks(n_columns, n_blocks, guard)


def test_random_weights_are_repeatable_and_do_not_change_the_network():
    network = small_networks.pooled_network(3)
    before = network.sha256
    twin = with_random_weights(network)
    assert network.sha256 == before != twin.sha256
    assert twin.sha256 == with_random_weights(network).sha256 != with_random_weights(network, 1).sha256
    assert (twin.name, with_random_weights(network, 1).name) == ("pooled@random", "pooled@random:1")
    assert twin.preprocessing == network.preprocessing


def test_random_weights_preserve_the_size_of_activations():
    twin = with_random_weights(unet_network((16, 24, 32)))
    reader = LayerReader(twin)
    sizes = [float(values.pow(2).mean().sqrt()) for values, _ in reader.read(noise((64, 96))).maps]
    assert max(sizes) < 10 * min(sizes)


def test_googlenet_is_probed_in_colour_on_five_grids(shared):
    network = load_network("googlenet", weights=shared / "weights" / "bvlc_googlenet.safetensors")
    assert probe_layers(network) == (
        *("conv1/7x7_s2", "conv2/norm2", "inception_3b/output", "inception_4e/output", "inception_5b/output"),
    )


def test_random_weights_separate_intervals_of_f3_better_than_chance(shared):
    with np.load(shared / "data" / "f3_inline362.npz") as arrays:
        section = make_section(arrays["amplitude"][:, ::3], dt_ms=4.0)
        labels = arrays["interval"][:, ::3]
    reader = LayerReader(with_random_weights(unet_network((8, 12, 16, 24))))
    scores = leave_one_block_out(
        section, labels, [str(code) for code in range(10)], lambda lines: fit_probe(lines, reader, 10, n_per_class=200)
    )
    assert 0.25 < scores.mean_class_accuracy < 0.95


def test_the_weights_of_a_probe_apply_to_activations_as_they_are():
    network, section = smoothing_network(), noise()
    probe = LinearProbe(LayerReader(network), torch.tensor([[0.0], [0.5]]), torch.tensor([0.0, -1.0]))
    channel = probe.reader.read(section).weighted_sums(torch.eye(1))[0].numpy()
    assert np.allclose(probe.probabilities(section)[1], 1 / (1 + np.exp(1 - 0.5 * channel)), atol=1e-4)


def test_a_probe_gives_the_direction_that_separates_a_class():
    network, section = unet_network(), noise((48, 96))
    reader = LayerReader(network, ("enc1", "enc2"))
    activations = reader.read(section).maps[1][0]
    labels = np.where(np.repeat(np.repeat(activations[2].numpy() > activations[2].median().item(), 2, 0), 2, 1), 3, 1)
    probe = fit_probe([(section, labels.astype(np.uint8))], reader, 5, strength=1.0)
    directions = probe.directions("enc2", ("a", "low", "c", "high", "e"))
    assert list(directions) == ["low", "high"], "of classes with samples"
    assert np.allclose(directions["high"], -directions["low"], rtol=1e-4)
    spread = activations.flatten(1).std(1).numpy()
    assert np.abs(directions["high"] * spread).argmax() == 2
    assert directions["high"][2] > 0
    with raises("unknown-name", "layer"):
        probe.directions("enc3", "abcde")
    with raises("incompatible", "classes"):
        probe.directions("enc2", ("low", "high"))
