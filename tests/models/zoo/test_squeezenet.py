"""SqueezeNet 1.1 with its published weights and its two sets of names."""

import pytest
import torch

from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import load_network
from seisdream.models.zoo.squeezenet import CAFFE_NAMES, SqueezeNet

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def squeezenet(shared):
    return load_network("squeezenet1_1", weights=shared / "weights" / "squeezenet1_1.safetensors")


@pytest.mark.parametrize(("name", "content"), [("chelsea", "Egyptian cat"), ("coffee", "espresso")])
def test_photographs_are_classified(squeezenet, name, content):
    data = pytest.importorskip("skimage.data")
    photo = torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None].float()
    photo = photo[..., (photo.shape[3] - photo.shape[2]) // 2 :][..., : photo.shape[2]]
    photo = torch.nn.functional.interpolate(photo, (227, 227), mode="bilinear", antialias=True)
    recorded = PreparedNetwork(squeezenet).record(photo, ["classifier.3"])["classifier.3"].flatten()
    assert recorded.argmax() == squeezenet.class_index(content)


def test_layers(squeezenet):
    assert squeezenet.layer("features.9").n_channels == 384
    assert squeezenet.layer("features.12").stride == (16, 16)
    assert squeezenet.layer("features.3.expand3x3").receptive_field == (15, 15)
    assert squeezenet.layer(squeezenet.class_layer).n_channels == 1000


def test_caffe_names_cover_all_modules():
    modules = {name.rpartition(".")[0] for name in SqueezeNet().state_dict()}
    assert set(CAFFE_NAMES.values()) == modules
    assert CAFFE_NAMES["fire2/squeeze1x1"] == "features.3.squeeze"
    assert CAFFE_NAMES["fire9/expand3x3"] == "features.12.expand3x3"
