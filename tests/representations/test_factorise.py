"""From activations to concepts: planted concepts are found exactly."""

import numpy as np
import pytest

from errors import raises
from seisdream.representations.factorise import factorise, match_concepts
from seisdream.representations.reproducibility import best_number, reproducibility
from seisdream.representations.survey import Units

N_CONCEPTS, N_CHANNELS, N_UNITS = 6, 24, 1200


@pytest.fixture(scope="module")
def planted():
    """Orthogonal concepts, each of four channels, that are active at three units of ten."""
    rng = np.random.default_rng(0)
    directions = np.zeros((N_CONCEPTS, N_CHANNELS), np.float32)
    for number in range(N_CONCEPTS):
        directions[number, 4 * number : 4 * number + 4] = rng.random(4) + 0.2
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    strengths = (rng.random((N_UNITS, N_CONCEPTS)) * (rng.random((N_UNITS, N_CONCEPTS)) < 0.3)).astype(np.float32)
    return directions, strengths


def as_units(activations):
    """Units along ten lines."""
    lines = np.repeat(np.arange(10), len(activations) // 10)
    return Units(activations, np.stack([lines, 0 * lines, np.arange(len(activations)) % 120], 1).astype(float))


def test_orthogonal_concepts_are_found_exactly(planted):
    directions, strengths = planted
    found = factorise(strengths @ directions, N_CONCEPTS)
    partners, cosines = match_concepts(directions, found.directions)
    assert cosines.min() > 0.9999
    assert found.explained > 0.9999
    assert not found.is_signed
    np.testing.assert_allclose(found.strengths(strengths @ directions)[:, partners], strengths, atol=2e-3)


def test_concepts_come_in_order_of_what_they_explain(planted):
    directions, strengths = planted
    scaled = strengths * np.array([1, 6, 2, 5, 3, 4], np.float32)
    found = factorise(scaled @ directions, N_CONCEPTS)
    partners, _ = match_concepts(directions, found.directions)
    assert partners.tolist() == [5, 0, 4, 1, 3, 2]


@pytest.mark.parametrize("equal_channels", [True, False])
def test_orthogonal_concepts_are_found_exactly_however_large_their_channels_are(planted, equal_channels):
    directions, strengths = planted
    uneven = directions * np.geomspace(1, 100, N_CHANNELS, dtype=np.float32)
    found = factorise(strengths @ uneven, N_CONCEPTS, equal_channels=equal_channels)
    assert match_concepts(uneven, found.directions)[1].min() > 0.9999
    assert found.explained > 0.999


def test_weak_channels_count_as_much_as_strong_ones(planted):
    directions, strengths = planted
    noise = np.random.default_rng(3).random((N_UNITS, 2)).astype(np.float32)
    # Two strong channels hold noise, and one is constant.
    activations = np.concatenate([strengths @ directions, 100 * noise, np.full((N_UNITS, 1), 50, np.float32)], axis=1)

    def found(**how):
        weak = factorise(activations, N_CONCEPTS + 1, **how).directions[:, :N_CHANNELS]
        return match_concepts(directions, weak)[1].min()

    assert found() > 0.9 > found(equal_channels=False)


def test_a_layer_with_negative_activations_has_signed_directions(planted):
    directions, strengths = planted
    signed = directions * np.where(np.arange(N_CHANNELS) % 4 < 2, 1, -1)
    found = factorise(strengths @ signed, N_CONCEPTS)
    assert found.is_signed
    assert match_concepts(signed, found.directions)[1].min() > 0.9999
    assert found.strengths(strengths @ signed).min() >= 0


def test_partners_are_one_to_one():
    first = np.eye(3)
    second = np.array([[0, 0.1, 1], [1, 0, 0], [0.9, 1, 0]])
    partners, cosines = match_concepts(first, second)
    assert partners.tolist() == [1, 2, 0]
    assert cosines[0] == 1.0


def test_planted_concepts_reproduce_and_noise_does_not(planted):
    directions, strengths = planted
    units = as_units(strengths @ directions)
    measured = reproducibility(units, factorise(units.activations, N_CONCEPTS), 0)
    assert min(measured.halves.min(), measured.seeds.min(), measured.agreement) > 0.999
    noise = as_units(np.random.default_rng(1).random((N_UNITS, N_CHANNELS)).astype(np.float32) ** 4)
    measured = reproducibility(noise, factorise(noise.activations, N_CONCEPTS), 0)
    assert measured.agreement < 0.95
    assert measured.halves.min() < 0.8


def test_the_number_that_reproduces_best_is_the_planted_one(planted):
    directions, strengths = planted
    noise = 0.02 * np.random.default_rng(2).random((N_UNITS, N_CHANNELS), np.float32)
    number, agreement = best_number(as_units(strengths @ directions + noise), 0)
    assert number == N_CONCEPTS
    assert agreement[N_CONCEPTS] > max(agreement[5], agreement[8])


def test_halves_are_blocks_of_lines_or_of_traces():
    positions = np.stack([np.arange(100), np.zeros(100), np.zeros(100)], 1)
    of_lines = Units(np.zeros((100, 1), np.float32), positions).is_in_second_half()
    of_traces = Units(np.zeros((100, 1), np.float32), positions[:, [1, 2, 0]]).is_in_second_half()
    assert of_lines.tolist() == of_traces.tolist() == (([False] * 10 + [True] * 10) * 5)


@pytest.mark.parametrize(
    ("activations", "number", "code"),
    [
        (np.zeros((20, 4)), 2, "no-signal"),
        (np.full((20, 4), np.nan), 2, "not-finite"),
        (np.ones((20, 4)), 5, "out-of-range"),
        (np.ones((2, 4)), 3, "too-small"),
    ],
)
def test_what_cannot_be_factorised_is_refused(activations, number, code):
    with raises(code):
        factorise(activations, number)
