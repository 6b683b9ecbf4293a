"""Networks of Caffe's model zoo, with where their published weights are."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import nn

from seisdream.io.fetch import Progress, git_blob_id
from seisdream.models.class_names import class_names_near
from seisdream.models.factories import with_seed
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.weights import PublicWeights, load_weights
from seisdream.models.zoo.googlenet import BGR_MEANS, GoogLeNet
from seisdream.models.zoo.squeezenet import CAFFE_NAMES, SqueezeNet

# The ImageNet networks of Caffe take blue, green, red minus these means.
_CAFFE_INPUT = Preprocessing("bgr", mean=BGR_MEANS)


class _CaffeNetwork(NamedTuple):
    architecture: type[nn.Module]
    weights: PublicWeights
    loading: dict[str, Any]
    class_layer: str
    default_layer: str
    stem: str
    credit: str
    licence: str


CAFFE_NETWORKS = {
    "googlenet": _CaffeNetwork(
        GoogLeNet,
        PublicWeights(
            (
                "http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",
                "https://www.deepdetect.com/downloads/platform/pretrained/caffe/googlenet/bvlc_googlenet.caffemodel",
            ),
            "bvlc_googlenet.caffemodel",
            sha1="405fc5acd08a3bb12de8ee5e23a96bec22f08204",
        ),
        # The auxiliary heads are only for training.
        {"leave_out": ("loss1/", "loss2/")},
        class_layer="loss3/classifier",
        default_layer="inception_4c/output",
        stem="conv1/7x7_s2",
        credit="BVLC GoogLeNet, Sergio Guadarrama; Szegedy and others 2015",
        licence="unrestricted use",
    ),
    "squeezenet1_1": _CaffeNetwork(
        SqueezeNet,
        PublicWeights(
            (
                "https://raw.githubusercontent.com/DeepScale/SqueezeNet/51147dc0681638c28aad593b9e923f3500117125/"
                "SqueezeNet_v1.1/squeezenet_v1.1.caffemodel",
            ),
            "squeezenet_v1.1.caffemodel",
            verify=lambda path: git_blob_id(path) == "9d2fc33abf653a6e8b2ee6cc63ede0e72ec67f44",
        ),
        {"caffe_names": CAFFE_NAMES},
        class_layer="classifier.1",
        default_layer="features.9",
        stem="features.0",
        credit="SqueezeNet 1.1, Iandola and others 2016",
        licence="BSD-2-Clause",
    ),
}
"""By name."""


def from_caffe(
    name: str, weights, preprocessing: Preprocessing | None, classes: tuple[str, ...], progress: Progress
) -> Network:
    """Return a network of Caffe's model zoo; its weights are downloaded once, unless they are given."""
    known = CAFFE_NETWORKS[name]
    path = weights or known.weights.fetch(progress)
    module = with_seed(known.architecture)
    load_weights(module, path, name, is_strict=True, **known.loading)
    return Network(
        name,
        module.eval(),
        preprocessing or _CAFFE_INPUT,
        classes=classes or class_names_near(path),
        class_layer=known.class_layer,
        default_layer=known.default_layer,
        stem=known.stem,
        credit=known.credit,
        licence=known.licence,
        runs_whole_in_bfloat16=True,
    )
