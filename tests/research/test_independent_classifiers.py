"""Independent classifiers: known values of attributes, and classes recovered from examples."""

import numpy as np
import pytest

from errors import raises
from seisdream.models.registry import load_network
from seisdream.research.independent_classifiers import (
    ATTRIBUTES,
    AttributeClassifier,
    NetworkClassifier,
    class_fractions,
    compute_attributes,
)
from seisdream.seismic.sections import make_section


def _beds(period, dip=0.0, shape=(64, 64)):
    rows, columns = np.indices(shape)
    return np.sin(2.0 * np.pi * (rows - dip * columns) / period).astype(np.float32)


def _attribute(values, name):
    return compute_attributes(make_section(values))[16:-16, 16:-16, ATTRIBUTES.index(name)]


def test_attributes_of_a_sine_are_known():
    # The energy of central differences of a sine over its energy is the squared sine of the angular step.
    frequency = _attribute(_beds(12.0), "frequency (33)").mean()
    assert frequency == pytest.approx(2.0 * np.log(np.sin(2.0 * np.pi / 12.0)), abs=0.05)
    assert _attribute(_beds(12.0, dip=0.5), "dip magnitude").mean() == pytest.approx(np.arctan(0.5), rel=0.05)
    assert _attribute(_beds(12.0), "dip spread").max() < 0.02
    assert _attribute(_beds(12.0), "coherence (fine)").min() > 0.99
    noise = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    assert _attribute(noise, "coherence (coarse)").mean() < 0.3
    assert _attribute(10.0 * noise, "amplitude (33)").mean() == pytest.approx(0.0, abs=0.1)


def test_a_classifier_recovers_its_classes_and_fractions_sum_to_one():
    rng = np.random.default_rng(1)
    examples = []
    for number in range(4):
        flat = _beds(10.0 + number) + 0.1 * rng.standard_normal((64, 64))
        steep = _beds(10.0 + number, dip=1.0) + 0.1 * rng.standard_normal((64, 64))
        examples.append((make_section(np.hstack([flat, steep])), np.repeat([0, 2], 64)[None].repeat(64, 0)))
    classifier = AttributeClassifier(("flat", "absent", "steep"), examples, n_per_section=400)
    fractions = class_fractions(classifier, make_section(_beds(11.5, dip=1.0)))
    assert fractions.sum() == pytest.approx(1.0)
    assert fractions[2] > 0.9
    assert fractions[1] == 0.0


def test_examples_and_classes_are_required():
    with raises("no-labels", option="sections"):
        AttributeClassifier(("a", "b"), [])
    with raises("no-labels", option="network"):
        NetworkClassifier(load_network("gabor"))
