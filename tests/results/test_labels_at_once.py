"""Predictions of several labels at once: none has no colour, and its samples count in no class's share."""

import json

import numpy as np
import torch
from torch import nn

from seisdream.inference.class_maps import NO_CLASS
from seisdream.inference.predict import predict
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import load_network
from seisdream.plotting.classes import shares_of
from seisdream.seismic.sections import make_section


def test_samples_without_a_label_are_in_the_files_and_in_no_share(tmp_path):
    module = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Sigmoid())
    with torch.no_grad():  # the first label is there in the light half, the second nowhere
        module[0].weight.copy_(torch.tensor([1.0, 0.0]).view(2, 1, 1, 1))
        module[0].bias.copy_(torch.tensor([-127.5, -3.0]))
    values = np.where(np.arange(20) < 5, 1.0, -1.0) * np.ones((16, 1))
    section = make_section(values, dt_ms=4.0)
    network = load_network(module, preprocessing=Preprocessing("grey"), classes=["salt", "fault"])
    prediction = predict(section, network, augmentations=0)
    assert np.array_equal(prediction.classes.values, np.where(values > 0, 0, NO_CLASS))
    np.testing.assert_allclose(shares_of(prediction), [0.25, 0.0])
    prediction.seisdream.save(tmp_path / "out", section=section)
    legend = json.loads((tmp_path / "out" / "legend.json").read_text())
    assert [one["share"] for one in legend["classes"]] == [0.25, 0.0]
    assert legend["none"] == NO_CLASS
    assert np.array_equal(np.load(tmp_path / "out" / "classes.npy"), prediction.classes.values)
