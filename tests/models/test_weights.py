"""Read every kind of weight file, and refuse others."""

import os
import pickle

import pytest
import safetensors.torch
import torch
from torch import nn

from errors import raises
from seisdream.errors import SeisdreamError
from seisdream.models import weights as weights_module
from seisdream.models.weights import (
    CLASS_NAMES_FILE,
    PublicWeights,
    class_names_near,
    load_weights,
    read_class_names,
    read_weights,
)


def make_module(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 3, 1))


@pytest.fixture
def state():
    return make_module(1).state_dict()


def save(state, path, wrap=lambda state: state):
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(wrap(state), path)
    return path


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("w.safetensors", None),
        ("w.pt", lambda state: state),
        ("w.pth", lambda state: {"state_dict": state, "epoch": 3}),
        ("w.ckpt", lambda state: {"model": {f"module.{name}": value for name, value in state.items()}}),
    ],
)
def test_every_kind_of_file_loads(tmp_path, state, name, wrap):
    module = make_module(0)
    load_weights(module, save(state, tmp_path / name, wrap), "mine")
    assert all(torch.equal(value, module.state_dict()[key]) for key, value in state.items())


def test_batch_counters_may_be_missing(tmp_path, state):
    del state["1.num_batches_tracked"]
    load_weights(make_module(), save(state, tmp_path / "w.pt"), "mine")


@pytest.mark.parametrize(
    ("change", "code", "part"),
    [
        (lambda state: state.pop("2.bias"), "incompatible", "missing 2.bias"),
        (lambda state: state.update({"head.weight": torch.zeros(2)}), "incompatible", "not expected head.weight"),
        (lambda state: state.update({"2.bias": torch.zeros(4)}), "incompatible", "2.bias (4,) instead of (3,)"),
        (
            lambda state: [state.pop(name) for name in list(state)[:4]],
            "incompatible",
            "missing 0.weight, 0.bias, 1.weight and 1 more",
        ),
        (lambda state: state["2.bias"].fill_(torch.nan), "not-finite", "2.bias"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_change_no_weights(tmp_path, state, change, code, part):
    change(state)
    module = make_module(0)
    with raises(code, "weights") as error:
        load_weights(module, save(state, tmp_path / "w.pt"), "mine")
    assert part in str(error.value)
    assert all(
        torch.equal(a, b)
        for a, b in zip(module.state_dict().values(), make_module(0).state_dict().values(), strict=True)
    )


class Intruder:
    """Runs code where it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("write", [torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing))])
def test_a_pickle_that_could_run_code_is_refused(tmp_path, write):
    path, trace = tmp_path / "w.pt", tmp_path / "it-ran"
    write({"weight": Intruder(trace)}, path)
    with raises("untrusted"):
        read_weights(path)
    assert not trace.exists()


def test_a_whole_module_is_refused(tmp_path):
    torch.save(make_module(), tmp_path / "w.pt")
    with raises("untrusted"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.zeros(2)], {}, {"state_dict": {"a": 1.0}}])
def test_other_contents_are_not_state_dicts(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with raises("wrong-type"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
@pytest.mark.parametrize("keep", [0, 7, 0.3, 0.9])
def test_truncated_files_are_refused(tmp_path, state, name, keep):
    path = save(state, tmp_path / name)
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with raises("corrupt"):
        read_weights(path)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_text_files_are_refused(tmp_path, name):
    (tmp_path / name).write_text("not weights, but a text of some length\n" * 20)
    with raises("corrupt"):
        read_weights(tmp_path / name)


def test_missing_and_unknown_files_are_user_errors(tmp_path):
    with raises("not-found"):
        read_weights(tmp_path / "none.safetensors")
    (tmp_path / "w.onnx").write_bytes(b"x")
    with raises("unreadable"):
        read_weights(tmp_path / "w.onnx")


def test_class_names_are_one_per_line(tmp_path):
    plain, imagenet = tmp_path / "plain.txt", tmp_path / "my_synset_words.txt"
    plain.write_text("salt\n\nshale \n")
    assert read_class_names(plain) == ("salt", "shale")
    imagenet.write_text("n01440764 tench, Tinca tinca\nn01443537 goldfish\n")
    assert class_names_near(tmp_path / "w.safetensors") == ("tench, Tinca tinca", "goldfish")
    assert class_names_near(tmp_path / "elsewhere" / "w.safetensors") == ()
    (tmp_path / "empty.txt").write_text("\n")
    for name, code in (("empty.txt", "no-labels"), ("none.txt", "not-found")):
        with raises(code, "classes"):
            read_class_names(tmp_path / name)


def test_without_a_connection_the_error_names_the_address(tmp_path, monkeypatch):
    monkeypatch.setenv("SEISDREAM_CACHE", str(tmp_path))
    home = "http://127.0.0.1:9/net.caffemodel"
    with raises("download-failed", "weights") as caught:
        PublicWeights((home,), "net.caffemodel", sha1="0" * 40).fetch(progress=False)
    assert home in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_class_names_are_downloaded_with_the_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("SEISDREAM_CACHE", str(tmp_path))
    asked = []

    def fetch(urls, file_name, **_):
        asked.append(file_name)
        if file_name == CLASS_NAMES_FILE:
            raise SeisdreamError("offline")
        (tmp_path / file_name).write_bytes(b"x")
        return tmp_path / file_name

    monkeypatch.setattr(weights_module, "fetch", fetch)
    public = PublicWeights(("http://127.0.0.1:9/",), "net.caffemodel", sha1="0" * 40)
    for _ in range(2):
        assert public.fetch() == tmp_path / "net.caffemodel"
    assert asked == ["net.caffemodel", CLASS_NAMES_FILE, "net.caffemodel"]
