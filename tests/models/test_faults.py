"""The shipped network for cubes: it finds generated faults, and works without any option."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from errors import raises
from seisdream.data.sample import UNKNOWN
from seisdream.data.synthetic_stream import FAULTED_EARTHS, GeneratedFaults
from seisdream.dreaming.dream import dream
from seisdream.inference.predict import predict
from seisdream.models.checkpoints import trained_file
from seisdream.models.registry import load_network
from seisdream.seismic.attributes import planarity
from seisdream.seismic.sections import make_section

HELD_OUT_SEED = 4


@pytest.fixture(scope="module")
def cubes():
    quiet = replace(FAULTED_EARTHS, noise=(0.05, 0.1), activity=(0.9, 1.0), salt=0.0)
    return GeneratedFaults(HELD_OUT_SEED, size=(64, 48, 48), augmentation=None, settings=quiet)


def test_it_is_small():
    assert trained_file("faults").stat().st_size <= 2 * 2**20


@pytest.mark.slow
def test_it_finds_generated_faults_better_than_planarity_and_random_weights(cubes):
    samples = [cubes[number] for number in range(3)]
    labels = np.concatenate([sample.classes.ravel() for sample in samples])

    def precision(score):
        scores = np.concatenate([score(number, sample).ravel() for number, sample in enumerate(samples)])
        return average_precision_score(labels[labels != UNKNOWN], scores[labels != UNKNOWN])

    def probability(network):
        return lambda number, _: _fault_probability(cubes.earth(number).seismic, network)

    own = precision(probability("faults"))
    assert own > 1.5 * precision(probability("faults@random"))
    assert own > 1.5 * precision(lambda _, sample: -planarity(sample.image[0]))


def _fault_probability(seismic, network):
    probabilities = predict(seismic, network, augmentations=0).probabilities
    return probabilities.isel({"class": 1}).transpose("time", "inline", "crossline").values


def test_it_dreams_of_faults(cubes):
    cube = cubes.earth(0).seismic[:24, :24, :32]
    network = load_network("faults")
    assert network.classes == ("background", "fault")
    result = dream(cube, network, "class:fault", octaves=1, steps=4)
    scores = [row["score"] for row in result.scores]
    assert scores[-1] > scores[0]
    assert result.dream.dims == ("time", "inline", "crossline")


def test_it_takes_no_section():
    section = make_section(np.random.default_rng(0).normal(size=(64, 64)), dt_ms=4.0)
    with raises("not-supported", "network"):
        predict(section, "faults")
