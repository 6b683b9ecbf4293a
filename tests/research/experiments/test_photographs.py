"""Photographs as geology: linear probes of facies on a network that was not trained on them."""

import pytest
import torch

from errors import raises
from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.models.registry import load_network
from seisdream.models.zoo.unet import Classifier
from seisdream.research.experiments.photographs import compare_photographs, describe_photographs, open_photo_network
from seisdream.research.experiments.stimulus_views import UNSMOOTHED_EARTH, make_views
from seisdream.synthetic import make_earth

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run on photographs."""
    folder = tmp_path_factory.mktemp("photos.train")
    metadata = ModelMetadata("classifier", {}, ("shale", "sandstone"), ("#111111", "#222222"), default_layer="enc5")
    write_trained(Classifier(2, (4, 6, 8, 8, 12), normalisation="none"), metadata, folder / "network.safetensors")
    return folder


def test_probes_are_compared_between_photographs_random_weights_and_others(run):
    earth = make_earth(11, n_samples=128, n_traces=64)
    views = list(make_views(earth, make_earth(11, n_samples=128, n_traces=64, settings=UNSMOOTHED_EARTH)))
    photos, other = open_photo_network(str(run)), load_network("facies")
    found, figure = compare_photographs(photos, {"facies": other}, [earth, earth], [views, views], seed=1)
    assert (found["network"], found["classes"], found["layer"]) == (
        "network.safetensors",
        ["shale", "sandstone"],
        "enc5",
    )
    names = list(dict.fromkeys(row["network"] for row in found["rows"]))
    assert names == ["photographs", "random weights", "facies"]
    rows = {(row["network"], row["stage"]): row for row in found["rows"]}
    assert len(rows) == 15
    rock = rows["facies", "rock"]
    assert rock["fitted on the same stage"] == rock["fitted on rock"]
    # For recorded seismic, a probe fitted on it is better than one fitted on rock.
    recorded = rows["facies", "recorded"]
    assert recorded["fitted on the same stage"]["mean_iou"] > recorded["fitted on rock"]["mean_iou"]
    assert all(0.0 <= row["cka"] <= 1.0 for row in found["rows"] if "cka" in row)
    assert len(figure.axes) == 1
    text = describe_photographs(found, "photographs.png")
    assert "shale, sandstone" in text
    assert "(photographs.png)" in text


def test_without_photographs_the_page_explains_how_to_include_them():
    text = describe_photographs(None, "photographs.png")
    assert "--photos" in text
    assert "photographs.png" not in text


def test_a_network_that_does_not_classify_photographs_is_refused():
    with raises("incompatible", option="photos"):
        open_photo_network("facies")
