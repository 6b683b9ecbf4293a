"""Caffe weight files, written field by field, complete and damaged."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caffe_files import blob, bytes_field, net, new_layer, number_field, old_layer
from errors import raises
from seisdream.errors import SeisdreamError
from seisdream.models.caffemodel import read_caffemodel
from seisdream.models.registry import load_network
from seisdream.models.zoo.googlenet import GoogLeNet
from seisdream.models.zoo.squeezenet import CAFFE_NAMES, SqueezeNet

RANDOM = np.random.default_rng(0)
WEIGHT = RANDOM.standard_normal((4, 3, 2, 5)).astype(np.float32)
BIAS = RANDOM.standard_normal(4).astype(np.float32)
FORMS = [
    (layer, {"is_legacy": is_legacy, "is_packed": is_packed, "is_double": is_double})
    for layer in (old_layer, new_layer)
    for is_legacy in (True, False)
    for is_packed in (True, False)
    for is_double in (True, False)
]


@pytest.mark.parametrize(("layer", "form"), FORMS)
def test_every_format_is_read(tmp_path, layer, form):
    path = tmp_path / "x.caffemodel"
    blobs = [blob(WEIGHT, **form), blob(BIAS, **form)]
    path.write_bytes(net([layer("data", []), layer("conv1/7x7_s2", blobs), layer("relu", [])]))
    weights = read_caffemodel(path)
    assert list(weights) == ["conv1/7x7_s2"]
    weight, bias = weights["conv1/7x7_s2"]
    np.testing.assert_array_equal(weight, WEIGHT)
    np.testing.assert_array_equal(bias.ravel(), BIAS)
    assert bias.shape == ((1, 1, 1, 4) if form["is_legacy"] else (4,))
    assert weight.dtype == np.float32


def caffe_file(path, state, layer, names, form):
    layers = []
    for caffe, ours in names.items():
        blobs = [blob(state[f"{ours}.{part}"].numpy(), **form) for part in ("weight", "bias")]
        layers.append(layer(caffe, blobs))
    path.write_bytes(net(layers))
    return path


@pytest.mark.parametrize(("layer", "is_legacy"), [(old_layer, True), (new_layer, False)])
def test_whole_networks_load(tmp_path, layer, is_legacy):
    torch.manual_seed(0)
    state = SqueezeNet().state_dict()
    path = caffe_file(tmp_path / "s.caffemodel", state, layer, CAFFE_NAMES, {"is_legacy": is_legacy})
    loaded = load_network("squeezenet1_1", weights=path).module.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in state.items())


def test_googlenet_loads_from_the_old_format_without_auxiliary_heads(tmp_path):
    state = {name: torch.zeros(value.shape) for name, value in GoogLeNet().state_dict().items()}
    state["loss3/classifier.weight"].view(-1)[:5] = torch.arange(5.0)
    state["conv1/7x7_s2.weight"].view(-1)[-3:] = 7
    names = dict.fromkeys(name.rpartition(".")[0] for name in state)
    layers = []
    for name in names:
        # All-zero floats are all-zero bytes, which is quick to write.
        parts = []
        for part in ("weight", "bias"):
            values = state[f"{name}.{part}"].numpy()
            shape = (1,) * (4 - values.ndim) + values.shape
            sizes = b"".join(number_field(i, size) for i, size in enumerate(shape, start=1))
            parts.append(sizes + bytes_field(5, values.astype("<f4").tobytes()))
        layers.append(old_layer(name, parts))
    layers.append(old_layer("loss1/classifier", [blob(BIAS, is_legacy=True)]))
    path = tmp_path / "bvlc_googlenet.caffemodel"
    path.write_bytes(net(layers))
    loaded = load_network("googlenet", weights=path).module.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in state.items())


def small_file():
    return net(
        [old_layer("a/b", [blob(WEIGHT[:1, :1], is_legacy=True)]), new_layer("c", [blob(BIAS, is_legacy=False)])]
    )


def test_a_truncated_file_is_refused_or_lacks_layers(tmp_path):
    path = tmp_path / "x.caffemodel"
    whole = small_file()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            assert len(read_caffemodel(path)) < 2
        except SeisdreamError as error:
            assert str(path) in str(error)  # noqa: PT017


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_gives_a_user_error_or_a_readable_file(tmp_path, data):
    content = bytearray(small_file())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "x.caffemodel"
    path.write_bytes(content)
    try:
        weights = read_caffemodel(path)
    except SeisdreamError:
        return
    assert sum(values.size for blobs in weights.values() for values in blobs) <= len(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"this is not protobuf but text",
        bytes_field(1, b"net"),
        net([old_layer("a", [number_field(1, 2**40) + bytes_field(5, b"\0" * 8)])]),
        b"\xff" * 40,
    ],
    ids=["empty", "text", "no weights", "wrong shape", "large number"],
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "x.caffemodel"
    path.write_bytes(content)
    with raises("unreadable"):
        read_caffemodel(path)


def test_a_missing_file_is_a_user_error(tmp_path):
    with raises("unreadable"):
        read_caffemodel(tmp_path / "none.caffemodel")
