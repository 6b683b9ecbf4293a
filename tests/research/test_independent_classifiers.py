"""Judges by attributes: what they look at is known, and what they learned they tell."""

import numpy as np
import pytest

from seisdream.errors import SeisdreamError
from seisdream.models.registry import load_network
from seisdream.research.independent_classifiers import (
    ATTRIBUTES,
    AttributeJudge,
    NetworkJudge,
    attributes_of,
    shares_of,
)
from seisdream.seismic.sections import make_section


def _beds(period, dip=0.0, shape=(64, 64)):
    rows, columns = np.indices(shape)
    return np.sin(2.0 * np.pi * (rows - dip * columns) / period).astype(np.float32)


def _attribute(values, name):
    return attributes_of(make_section(values))[16:-16, 16:-16, ATTRIBUTES.index(name)]


def test_attributes_say_what_the_beds_are():
    # The energy of central differences of a sine over its own is the square of the sine of its angular step.
    told = _attribute(_beds(12.0), "frequency, around").mean()
    assert told == pytest.approx(2.0 * np.log(np.sin(2.0 * np.pi / 12.0)), abs=0.05)
    assert _attribute(_beds(12.0, dip=0.5), "dip, size").mean() == pytest.approx(np.arctan(0.5), rel=0.05)
    assert _attribute(_beds(12.0), "dip, spread around").max() < 0.02
    assert _attribute(_beds(12.0), "coherence, near").min() > 0.99
    noise = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    assert _attribute(noise, "coherence, around").mean() < 0.3
    assert _attribute(10.0 * noise, "amplitude, around").mean() == pytest.approx(0.0, abs=0.1)


def test_a_judge_tells_what_it_learned_and_shares_sum_to_one():
    rng = np.random.default_rng(1)
    examples = []
    for number in range(4):
        flat = _beds(10.0 + number) + 0.1 * rng.standard_normal((64, 64))
        steep = _beds(10.0 + number, dip=1.0) + 0.1 * rng.standard_normal((64, 64))
        examples.append((make_section(np.hstack([flat, steep])), np.repeat([0, 2], 64)[None].repeat(64, 0)))
    judge = AttributeJudge(("flat", "never seen", "steep"), examples, n_per_section=400)
    shares = shares_of(judge, make_section(_beds(11.5, dip=1.0)))
    assert shares.sum() == pytest.approx(1.0)
    assert shares[2] > 0.9
    assert shares[1] == 0.0


def test_without_examples_or_classes_there_is_no_judge():
    with pytest.raises(SeisdreamError, match="one labelled section or more"):
        AttributeJudge(("a", "b"), [])
    with pytest.raises(SeisdreamError, match="gabor has no classes"):
        NetworkJudge(load_network("gabor"))
