"""Read every kind of weight file, and refuse others."""

import os
import pickle
import warnings
from argparse import Namespace

import pytest
import safetensors.torch
import torch
from torch import nn

import seisdream as sd
from errors import raises
from seisdream.errors import SeisdreamError
from seisdream.models import weights as weights_module
from seisdream.models.class_names import class_names_near, read_class_names
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.weights import (
    CLASS_NAMES_FILE,
    PublicWeights,
    load_weights,
    read_weights,
)
from seisdream.provenance import hash_file


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


def prefixed(state, prefix):
    return {f"{prefix}{name}": value for name, value in state.items()}


CHECKPOINTS = {
    "DataParallel": lambda state: prefixed(state, "module."),
    "torch.compile": lambda state: prefixed(state, "_orig_mod."),
    "torch.compile of DataParallel": lambda state: prefixed(state, "_orig_mod.module."),
    "DataParallel of torch.compile": lambda state: prefixed(state, "module._orig_mod."),
    "an attribute of a wrapper": lambda state: prefixed(state, "net."),
    "a deep attribute": lambda state: prefixed(state, "trainer.model._orig_mod.backbone."),
    "a compiled part": lambda state: {name.replace("0.", "0._orig_mod."): value for name, value in state.items()},
    "a parallel part": lambda state: {name.replace("0.", "0.module."): value for name, value in state.items()},
    "half precision": lambda state: {
        name: value.half() if value.is_floating_point() else value for name, value in state.items()
    },
    "double precision": lambda state: {
        name: value.double() if value.is_floating_point() else value for name, value in state.items()
    },
}


def rounded(state):
    return {name: value.half().to(value.dtype) for name, value in state.items()}


@pytest.mark.parametrize("ending", ["safetensors", "pt", "pth", "ckpt", "bin"])
@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_a_prefix_before_every_name_is_taken_off(tmp_path, state, kind, ending):
    module = make_module(0)
    state = rounded(state)
    changed = CHECKPOINTS[kind](state)
    notes = load_weights(module, save(changed, tmp_path / f"w.{ending}"), "mine")
    assert all(torch.equal(value, module.state_dict()[key]) for key, value in state.items())
    # What torch.compile adds is no prefix of the user's.
    has_prefix = "module" in next(iter(changed)).split(".")[:2] or kind in (
        "an attribute of a wrapper",
        "a deep attribute",
    )
    assert any("taken off" in note for note in notes) == (has_prefix and kind != "a parallel part")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {
            "state_dict": prefixed(state, "model."),
            "hyper_parameters": {"lr": 1e-3},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []}],
            "callbacks": {"checkpoint": {"best_model_score": torch.tensor(0.3)}},
        },
        lambda state: {"model_state": state, "epoch": 1},
        lambda state: {"model_state_dict": state, "optimizer_state_dict": {"state": {0: {"step": torch.zeros(1)}}}},
        lambda state: {"params_ema": state, "params": {name: value * 0 for name, value in state.items()}},
        lambda state: {"net": state},
        lambda state: {"model": prefixed(state, "module.")},
        lambda state: {"ema": {"module": prefixed(state, "_orig_mod.")}, "epoch": 4},
        lambda state: {"checkpoint": {"network": {"weights": state}}},
        lambda state: {"weird name": state, "epoch": 3},
        lambda state: {**state, "epoch": 3, "best": torch.tensor(0.5)},
        lambda state: {
            key: {name[2:]: value for name, value in state.items() if name.startswith(key)} for key in "012"
        },
    ],
)
def test_the_weights_of_a_checkpoint_are_found(tmp_path, state, wrap):
    module = make_module(0)
    load_weights(module, save(state, tmp_path / "w.pt", wrap), "mine")
    assert all(torch.equal(value, module.state_dict()[key]) for key, value in state.items())


def test_weights_of_a_part_fit_a_module_that_holds_it(tmp_path, state):
    wrapper = nn.Module()
    wrapper.model = nn.DataParallel(make_module(0))
    load_weights(wrapper, save(state, tmp_path / "w.pt"), "mine")
    assert all(torch.equal(value, wrapper.model.module.state_dict()[key]) for key, value in state.items())


def test_weights_that_only_the_file_has_are_left_out_and_named(tmp_path, state):
    more = {
        **prefixed(state, "encoder."),
        **prefixed(state, "decoder."),
        "mask_token": torch.zeros(1, 1, 4),
        "head.weight": torch.zeros(2),
        "encoder.3.num_batches_tracked": torch.tensor(1),
    }
    more = {name: value for name, value in more.items() if name != "decoder.2.bias"}
    module = make_module(0)
    notes = " ".join(load_weights(module, save(more, tmp_path / "w.pt"), "mine"))
    assert torch.equal(module.state_dict()["2.bias"], state["2.bias"])
    assert "'encoder.'" in notes
    for name in ("decoder (7)", "mask_token", "head"):
        assert name in notes
    assert "num_batches" not in notes
    with raises("incompatible", "weights"):
        load_weights(module, tmp_path / "w.pt", "mine", is_strict=True)


@pytest.mark.parametrize("is_old_file", [False, True])
@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_normalised_weights_of_the_older_and_the_newer_form_are_the_same(tmp_path, kind, is_old_file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.manual_seed(0)
        older = nn.Sequential(getattr(nn.utils, kind)(nn.Conv2d(1, 4, 3)))
        newer = nn.Sequential(getattr(nn.utils.parametrizations, kind)(nn.Conv2d(1, 4, 3)))
    source, module = (older, newer) if is_old_file else (newer, older)
    load_weights(module, save(source.state_dict(), tmp_path / "w.pt"), "mine")
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(module.eval()(image), source.eval()(image), atol=1e-6)


def test_two_sets_of_weights_that_fit_are_noted(tmp_path, state):
    other = {name: value + 1 for name, value in state.items()}
    module = make_module(0)
    both = {**prefixed(state, "student."), **prefixed(other, "teacher.")}
    notes = " ".join(load_weights(module, save(both, tmp_path / "w.pt"), "mine"))
    assert torch.equal(module.state_dict()["0.weight"], state["0.weight"])
    assert "'teacher'" in notes


def test_batch_counters_may_be_missing(tmp_path, state):
    del state["1.num_batches_tracked"]
    module = make_module()
    load_weights(module, save(state, tmp_path / "w.pt"), "mine")
    assert torch.equal(module.state_dict()["0.weight"], state["0.weight"])


@pytest.mark.parametrize(
    ("change", "code", "part"),
    [
        (lambda state: state.pop("2.bias"), "incompatible", "missing 2.bias"),
        (
            lambda state: state.update({"head.weight": state.pop("2.bias")}),
            "incompatible",
            "missing 2.bias; not expected head.weight",
        ),
        (lambda state: state.update({"2.bias": torch.zeros(3, dtype=torch.complex64)}), "incompatible", "complex64"),
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


@pytest.mark.parametrize("is_lightning", [False, True])
def test_a_refused_pickle_is_converted_by_the_two_lines_that_are_shown(tmp_path, state, is_lightning):
    path = tmp_path / "w.pt"
    whole = make_module(1)
    torch.save({"state_dict": state, "hyper_parameters": Namespace(lr=0.1)} if is_lightning else whole, path)
    with raises("untrusted", "weights") as error:
        read_weights(path)
    lines = [line.strip() for line in str(error.value).splitlines()[1:3]]
    assert [line.split("(")[0] for line in lines] == ["content = torch.load", "torch.save"]
    exec("\n".join(lines), {"torch": torch})
    module = make_module(0)
    load_weights(module, tmp_path / "w-weights.pt", "mine")
    assert all(torch.equal(value, module.state_dict()[key]) for key, value in state.items())


def test_torchscript_and_onnx_are_recognised_as_whole_networks(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(nn.ReLU()).save(tmp_path / "script.pt")
    (tmp_path / "graph.onnx").write_bytes(b"x")
    for name, kind in (("script.pt", "TorchScript"), ("graph.onnx", "ONNX")):
        with raises("incompatible", "weights") as error:
            read_weights(tmp_path / name)
        assert kind in str(error.value)
        assert "network=" in str(error.value)


def test_a_file_of_torch_may_have_any_ending(tmp_path, state):
    for name in ("w.pkl", "w.model", "weights"):
        torch.save(state, tmp_path / name)
        assert list(read_weights(tmp_path / name)[""]) == list(state)


@pytest.mark.parametrize("odd", [torch.zeros(3).to_sparse(), torch.zeros(3, device="meta")])
def test_weights_without_values_are_refused(tmp_path, state, odd):
    state["2.bias"] = odd
    with raises("wrong-type", "weights"):
        load_weights(make_module(0), save(state, tmp_path / "w.pt"), "mine")


def test_notes_on_weights_are_shown_with_results(tmp_path, state):
    network = sd.load_network(
        make_module(0), weights=save(prefixed(state, "model."), tmp_path / "w.pt"), preprocessing=Preprocessing("grey")
    )
    assert "'model.'" in " ".join(network.notes)
    section = sd.make_section(torch.rand(20, 20, generator=torch.Generator().manual_seed(0)) - 0.5, dt_ms=4.0)
    assert network.notes[0] in sd.dream(section, network, "0:1", octaves=1, steps=1).notes


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
    (tmp_path / "w.h5").write_bytes(b"x")
    with raises("unreadable"):
        read_weights(tmp_path / "w.h5")


def test_class_names_are_one_per_line(tmp_path):
    plain, imagenet = tmp_path / "plain.txt", tmp_path / "my_synset_words.txt"
    plain.write_text("salt\n\nshale \n")
    assert read_class_names(plain) == ("salt", "shale")
    imagenet.write_text("n01440764 tench, Tinca tinca\nn01443537 goldfish\n")
    assert read_class_names(imagenet) == ("tench, Tinca tinca", "goldfish")
    (tmp_path / "empty.txt").write_text("\n")
    for name, code in (("empty.txt", "no-labels"), ("none.txt", "not-found")):
        with raises(code, "classes"):
            read_class_names(tmp_path / name)


def test_only_the_published_class_names_are_read_next_to_weights(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("root:x:0:0\n")
    (tmp_path / "a_synset_words.txt").symlink_to(tmp_path / "secret")
    assert class_names_near(tmp_path / "w.safetensors") == ()
    monkeypatch.setattr("seisdream.models.class_names.CLASS_NAMES_SHA256", hash_file(tmp_path / "secret"))
    assert class_names_near(tmp_path / "w.safetensors") == ("root:x:0:0",)


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
