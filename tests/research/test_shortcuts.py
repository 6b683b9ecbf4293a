"""Tools identify a shortcut that is there by construction, and none where there is none."""

import numpy as np
import pytest
import torch
from torch import nn

from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import load_network
from seisdream.research.shortcuts import ATLAS, CONTROLS, DREAM, NONE, excess, gather_evidence, identify_shortcut


class RuleClassifier(nn.Module):
    """Two logits by a rule: the energy of a corner or of the image, or the beds of its lower half minus its upper."""

    def __init__(self, rule):
        super().__init__()
        self.rule = rule
        self.logits = nn.Linear(1, 2)
        with torch.no_grad():
            self.logits.weight.copy_(torch.tensor([[-1.0], [1.0]]))
            self.logits.bias.zero_()

    def forward(self, image):
        energy = image[:, 0] ** 2
        beds = image[:, 0].mean(2) ** 2
        half = beds.shape[1] // 2
        value = {
            "corner mark": lambda: energy[:, 2:7, 2:7].mean((1, 2)),
            "gain": lambda: energy.mean((1, 2)),
            "depth": lambda: beds[:, half:].mean(1) - beds[:, :half].mean(1),
        }[self.rule]()
        return self.logits(value[:, None])


def _load(rule):
    preprocessing = Preprocessing("grey", scale=1 / 127.5, mean=(1.0,))
    return load_network(RuleClassifier(rule), preprocessing=preprocessing, classes=("first", "second"))


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(3)
    values = 0.15 * rng.standard_normal((60, 32, 32)) * np.exp(rng.normal(0.0, 0.4, (60, 1, 1)))
    for one, row in zip(values, rng.integers(2, 30, 60), strict=True):
        one[row] += 0.4
    values[::2, 2:7, 2:7] = 0.8
    return np.clip(values, -1.0, 1.0).astype(np.float32)


@pytest.mark.parametrize("rule", ["corner mark", "gain", "depth"])
def test_evidence_is_greatest_for_the_rule_that_a_network_uses(rule, images):
    evidence = gather_evidence(_load(rule), images, (images[:20], np.arange(20) % 2))
    assert max(evidence[ATLAS], key=evidence[ATLAS].get) == rule
    if rule == "corner mark":
        assert evidence[DREAM][rule] > 1.0
    assert set(evidence[CONTROLS]) == {"depth", "gain"}


def _evidence(dream, atlas):
    names = ("corner mark", "depth", "gain")
    return {DREAM: dict(zip(names, dream, strict=True)), ATLAS: dict(zip(names, atlas, strict=True))}


def test_a_tool_reports_the_greatest_excess_over_reference_networks():
    reference = [_evidence((0.0, 0.0, value), (0.1, 0.1, 0.1)) for value in (0.0, 0.1, 0.2)]
    assert excess(_evidence((0.0, 0.0, 0.4), (0.1, 0.1, 0.1)), reference, DREAM, "gain") == pytest.approx(3.0)
    reported = identify_shortcut(_evidence((0.0, 0.0, 0.4), (0.1, 0.9, 0.1)), reference)
    assert reported == {DREAM: NONE, ATLAS: "depth", "combined": "depth"}  # 0.4 is three standard deviations above 0.1.
    reported = identify_shortcut(_evidence((0.0, 0.0, 0.6), (5.0, 0.9, 0.1)), reference)
    assert reported == {DREAM: "gain", ATLAS: "corner mark", "combined": "corner mark"}
    assert set(identify_shortcut(reference[1], reference).values()) == {NONE}
