"""Photographs as geology: facies are read off a network that never learned them."""

import pytest
import torch

from seisdream.errors import SeisdreamError
from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.models.registry import load_network
from seisdream.models.zoo.unet import Classifier
from seisdream.research.experiments.photographs import about_photographs, compare_photographs, open_photo_network
from seisdream.research.experiments.stimulus_views import UNSMOOTHED, show
from seisdream.synthetic import make_earth

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run on photographs."""
    folder = tmp_path_factory.mktemp("photos.train")
    story = ModelMetadata("classifier", {}, ("shale", "sandstone"), ("#111111", "#222222"), default_layer="enc5")
    write_trained(Classifier(2, (4, 6, 8, 8, 12), normalisation="none"), story, folder / "network.safetensors")
    return folder


def test_planes_read_facies_off_photographs_their_twin_and_others(run):
    earth = make_earth(11, n_samples=128, n_traces=64)
    shown = list(show(earth, make_earth(11, n_samples=128, n_traces=64, recipe=UNSMOOTHED)))
    photos, other = open_photo_network(str(run)), load_network("facies")
    found, figure = compare_photographs(photos, {"facies": other}, [earth, earth], [shown, shown], seed=1)
    assert (found["network"], found["classes"], found["layer"]) == (
        "network.safetensors",
        ["shale", "sandstone"],
        "enc5",
    )
    names = list(dict.fromkeys(row["network"] for row in found["rows"]))
    assert names == ["photographs", "random twin", "facies"]
    rows = {(row["network"], row["place"]): row for row in found["rows"]}
    assert len(rows) == 15
    rock = rows["facies", "rock"]
    assert rock["learned there"] == rock["learned on rock"]
    # What facies knows of recorded seismic is read off it better where it was learned than from rock.
    recorded = rows["facies", "recorded"]
    assert recorded["learned there"]["mean_iou"] > recorded["learned on rock"]["mean_iou"]
    assert all(0.0 <= row["cka"] <= 1.0 for row in found["rows"] if "cka" in row)
    assert len(figure.axes) == 1
    told = about_photographs(found, "photographs.png")
    assert "shale, sandstone" in told
    assert "(photographs.png)" in told


def test_without_photographs_it_says_how_to_bring_them():
    told = about_photographs(None, "photographs.png")
    assert "--photos" in told
    assert "photographs.png" not in told


def test_what_tells_no_photographs_is_refused():
    with pytest.raises(SeisdreamError, match=r"facies does not tell what a whole photograph shows.*--photos"):
        open_photo_network("facies")
