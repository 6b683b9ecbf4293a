"""Concepts of two networks: a copy shares all, and what one network lacks is found to be the other's alone."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.metrics import average_precision_score
from torch import nn

import seisdream as sd
from seisdream.inference.section_source import open_sections
from seisdream.models.prepared import PreparedNetwork
from seisdream.representations.shared import alignment, record_both, share_concepts

N_PLANTED = 6


def planted(n_channels, seed, *, which=range(N_PLANTED)):
    """Activations of channels that each belong to one planted feature, and the strengths of the features."""
    strengths = np.random.default_rng(0).gamma(0.5, size=(2000, N_PLANTED)) * (
        np.random.default_rng(1).random((2000, N_PLANTED)) < 0.3
    )
    rng = np.random.default_rng(seed)
    mixing = np.zeros((N_PLANTED, n_channels))
    for channel in range(n_channels):
        mixing[list(which)[channel % len(which)], channel] = rng.uniform(0.5, 1.0)
    return (strengths @ mixing).astype(np.float32), strengths


def test_a_copy_with_permuted_channels_shares_every_concept():
    activations, _ = planted(18, 2)
    copy = activations[:, np.random.default_rng(3).permutation(18)] * 7.0
    found = share_concepts(activations, copy, N_PLANTED)
    assert set(found.owner) == {"both"}
    np.testing.assert_allclose(found.first_share, 0.5, atol=1e-3)
    assert found.agreement.min() > 0.999


def test_a_feature_that_one_network_lacks_belongs_to_the_other_alone():
    first, strengths = planted(18, 2)
    second, _ = planted(15, 4, which=[0, 1, 2, 3, 4])
    found = share_concepts(first, second, N_PLANTED)
    (alone,) = [number for number, owner in enumerate(found.owner) if owner != "both"]
    assert found.owner[alone] == "first"
    map_ = found.first.strengths(first)[:, alone]
    assert np.corrcoef(map_, strengths[:, 5])[0, 1] > 0.99


def test_signed_layers_are_shared_too():
    activations, _ = planted(18, 2)
    signed = np.concatenate([activations, -activations], axis=1)
    found = share_concepts(signed, signed[:, ::-1], N_PLANTED)
    assert set(found.owner) == {"both"}
    assert found.first.directions.shape == (N_PLANTED, 36)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    stages = [nn.Sequential(nn.Conv2d(n_in, 8, 5, padding=2), nn.ReLU()) for n_in in (1, 8)]
    return sd.load_network(nn.Sequential(*stages, nn.Conv2d(8, 8, 1)), preprocessing=sd.Preprocessing(scale=1 / 255))


def test_both_networks_are_recorded_at_the_same_positions(network):
    source = open_sections(sd.open_section("sample:built-in")[:96, :128])
    prepared = PreparedNetwork(network, "cpu")
    positions, (first, second) = record_both([prepared, prepared], [["0", "1"], ["1"]], source, 300)
    whole = sd.record_activations(source.open(0), network, "1").values
    np.testing.assert_allclose(first["1"], whole[:, positions[:, 1], positions[:, 2]].T, atol=1e-5)
    np.testing.assert_array_equal(first["1"], second["1"])
    similar = alignment(first, second)
    assert similar.shape == (2, 1)
    assert similar[1, 0] == pytest.approx(1.0)
    assert similar[0, 0] < 1.0


SIDE = 48
FLAT, DIPPING, SALT = range(3)


def geology(rng, *, with_salt):
    """A section of flat and dipping beds, and in a disc salt: diffuse noise; and the class of every sample."""
    row, column = np.mgrid[:SIDE, :SIDE]
    edge = rng.integers(12, SIDE - 12)
    classes = np.where(column < edge, FLAT, DIPPING)
    phase = 0.9 * row + np.where(classes == DIPPING, 0.5 * (column - edge), 0.0)
    section = np.cos(phase + rng.uniform(0, 6)) + 0.2 * rng.standard_normal((SIDE, SIDE))
    if with_salt:
        centre = rng.integers(12, SIDE - 12, 2)
        inside = (row - centre[0]) ** 2 + (column - centre[1]) ** 2 < rng.integers(8, 14) ** 2
        classes = np.where(inside, SALT, classes)
        section = np.where(inside, ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)), 1.0) * 2.5, section)
    return section.astype(np.float32), classes


def trained(seed, *, with_salt):
    """A network that learned to predict the classes of such sections."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    module = nn.Sequential(
        *(nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 16, 5, padding=2), nn.ReLU()),
        *(nn.Conv2d(16, 16, 5, padding=2), nn.ReLU(), nn.Conv2d(16, 3, 1)),
    )
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    for _ in range(150):
        sections, classes = zip(*(geology(rng, with_salt=with_salt) for _ in range(8)), strict=True)
        logits = module(torch.from_numpy(np.stack(sections))[:, None])
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(np.stack(classes)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return module.eval()


@pytest.mark.slow
def test_two_networks_of_which_one_never_saw_salt_differ_in_salt():
    rng = np.random.default_rng(9)
    sections, classes = zip(*(geology(rng, with_salt=True) for _ in range(40)), strict=True)
    is_salt = np.stack(classes).ravel() == SALT
    chosen = rng.permutation(is_salt.size)[:8000]
    activations = []
    for seed, with_salt in ((1, True), (2, False)):
        features = trained(seed, with_salt=with_salt)[:-1]
        with torch.no_grad():
            values = features(torch.from_numpy(np.stack(sections))[:, None])
        activations.append(values.movedim(1, -1).reshape(-1, 16).numpy()[chosen])
    found = share_concepts(*activations, 8)
    precision = [
        [average_precision_score(is_salt[chosen], one) for one in part.strengths(values).T]
        for part, values in zip((found.first, found.second), activations, strict=True)
    ]
    salt = int(np.argmax(precision[0]))
    assert found.owner[salt] == "first"
    assert precision[0][salt] > 0.8
    assert max(precision[1]) < 0.5
