"""Networks from ONNX graphs, converted by onnx2torch: their layers, and their output as the graph defines it."""

import numpy as np
import pytest
import torch
from scipy import ndimage

import seisdream as sd
from errors import raises
from seisdream.errors import SeisdreamError
from seisdream.models.onnx_graphs import _import_onnx2torch
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import open_network

try:
    _import_onnx2torch("an ONNX graph")
except SeisdreamError as error:
    pytest.skip(str(error), allow_module_level=True)

import onnx

ZSCORE = Preprocessing(normalise="zscore")
CLASSES = ("salt", "shale", "sand")
EXACT = {"precision": "float32", "device": "cpu"}


def write_graph(path, nodes, weights, inputs, outputs):
    """Write a graph with tensors of any batch size, and of any size where a side is a name."""
    graph = onnx.helper.make_graph(
        nodes,
        "graph",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, inputs)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, outputs)],
        [onnx.numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)]), path)
    return str(path)


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in {"w1": (4, 1, 3, 3), "b1": (4,), "w2": (3, 4, 1, 1), "b2": (3,)}.items()
    }


@pytest.fixture(scope="module", params=["logits", "softmax"])
def graph(request, tmp_path_factory, weights):
    """Two convolutions, with and without a softmax at the end."""
    node, is_logits = onnx.helper.make_node, request.param == "logits"
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], name="conv1", pads=[1, 1, 1, 1]),
        node("Relu", ["c1"], ["r1"], name="relu1"),
        node("Conv", ["r1", "w2", "b2"], ["y" if is_logits else "c2"], name="head"),
    ]
    if not is_logits:
        nodes.append(node("Softmax", ["c2"], ["y"], name="softmax", axis=1))
    path = tmp_path_factory.mktemp("graph") / "net.onnx"
    return write_graph(path, nodes, weights, ["n", 1, "h", "w"], ["n", 3, "h", "w"])


@pytest.fixture(scope="module")
def section():
    values = np.random.default_rng(1).normal(3.0, 40.0, (32, 40))
    return sd.make_section(ndimage.gaussian_filter(values, 1), dt_ms=4.0)


def logits_of(section, weights):
    """Compute the graph in NumPy, on z-scores."""
    values = section.values.astype(np.float64)
    values = (values - values.mean()) / values.std()
    hidden = [
        ndimage.correlate(values, kernel[0].astype(np.float64), mode="constant") + bias
        for kernel, bias in zip(weights["w1"], weights["b1"], strict=True)
    ]
    return np.einsum("oi,ihw->ohw", weights["w2"][:, :, 0, 0], np.maximum(hidden, 0.0)) + weights["b2"][:, None, None]


def test_layers_have_the_names_of_the_nodes(graph):
    network = sd.load_network(graph, preprocessing=ZSCORE, classes=CLASSES)
    assert list(network.layers)[:3] == ["conv1", "relu1", "head"]
    assert network.class_layer == "head"
    assert network.layer("conv1").n_channels == 4


def test_activations_and_classes_are_those_of_the_graph(graph, section, weights):
    network = sd.load_network(graph, preprocessing=ZSCORE, classes=CLASSES)
    expected = logits_of(section, weights)
    recorded = sd.record_activations(section, network, "head", **EXACT)
    assert np.abs(recorded.values - expected).max() < 1e-5
    shares = torch.from_numpy(expected).softmax(0).numpy()
    predicted = sd.predict(section, network, augmentations=0, **EXACT)
    assert np.abs(predicted.probabilities.values - shares).max() < 1e-6


def test_a_graph_can_be_dreamed_on_and_explained(graph, section):
    network = sd.load_network(graph, preprocessing=ZSCORE, classes=CLASSES)
    run = sd.dream(section, network, "class:salt", octaves=2, steps=3, jitter=2, **EXACT)
    assert run.scores[-1]["score"] > run.scores[0]["score"]
    map_ = sd.attribute(section, network, "class:salt", method="integrated-gradients", steps=8, device="cpu")
    assert np.isfinite(np.asarray(map_.values if hasattr(map_, "values") else map_.dataset["attribution"])).all()


def test_a_graph_is_loaded_from_plain_values_as_a_recipe_has_them(graph):
    network = open_network(graph, None, {"normalise": "zscore"})
    assert network.is_loadable
    assert network.options["normalise"] == "zscore"
    with raises("untrusted", "trust"):
        open_network(graph, None, {"normalise": "zscore"}, trust_code=False)


def test_graphs_that_cannot_be_used_are_refused(tmp_path, graph, weights):
    with raises("not-found", "network"):
        sd.load_network(str(tmp_path / "none.onnx"), preprocessing=ZSCORE)
    with raises("missing-argument", "preprocessing"):
        sd.load_network(graph)
    with raises("incompatible", "weights"):
        sd.load_network(graph, preprocessing=ZSCORE, weights="w.pt")
    (tmp_path / "text.onnx").write_text("not a graph\n" * 30)
    with raises("corrupt", "network"):
        sd.load_network(str(tmp_path / "text.onnx"), preprocessing=ZSCORE)
    node = onnx.helper.make_node("Det", ["x"], ["y"])
    odd = write_graph(tmp_path / "odd.onnx", [node], {}, [1, 1, 8, 8], [1, 1])
    with raises("not-supported", "network") as error:
        sd.load_network(odd, preprocessing=ZSCORE)
    assert "Det" in str(error.value)
