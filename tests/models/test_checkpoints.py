"""Files of trained networks: weights and metadata."""

import json
import os
import resource
from functools import partial

import pytest
import safetensors
import safetensors.torch
import torch

from errors import raises
from seisdream.errors import SeisdreamError
from seisdream.models import checkpoints as trained
from seisdream.models.checkpoints import (
    SHIPPED,
    ModelMetadata,
    load_trained,
    read_metadata,
    trained_file,
    write_trained,
)
from seisdream.models.registry import list_networks, load_network
from seisdream.models.zoo.unet import Classifier, UNet, fold_batch_norm
from trained_files import CLASSES, COLOURS, make_unet, write_unet

STORY = ModelMetadata(
    "unet",
    {},
    CLASSES,
    COLOURS,
    title="four facies",
    default_layer="enc3",
    data="ten generated earths, größer",
    credit="tests",
    licence="CC0-1.0",
    metrics={"held-out data": {"mean_iou": 0.5, "iou": {"salt": None}}},
    recipe={"n_steps": 3, "settings": {"widths": [4, 4]}},
)


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(3)
    network = UNet(4, (4, 6, 8))
    network(torch.randn(2, 1, 32, 32))  # In training: its statistics are no longer 0 and 1.
    path = tmp_path / "mine.safetensors"
    write_trained(network, STORY, path)
    return network, path


def test_trained_networks_round_trip(file):
    network, path = file
    loaded = load_trained("mine", path)
    picture = torch.randn(1, 1, 40, 27)
    with torch.no_grad():
        # To half precision.
        torch.testing.assert_close(loaded.module(picture), fold_batch_norm(network)(picture), rtol=5e-3, atol=5e-3)
    assert (loaded.classes, loaded.colours) == (CLASSES, COLOURS)
    assert (loaded.credit, loaded.licence) == ("tests", "CC0-1.0")
    assert (loaded.class_layer, loaded.default_layer) == ("logits", "enc3")
    assert loaded.class_index("salt") == 2
    assert loaded.module.settings == {
        "n_classes": 4, "widths": [4, 6, 8], "n_dims": 2, "normalisation": "none"
    }  # fmt: skip
    # Zero amplitude, which is mid-grey, is zero to it.
    assert loaded.preprocessing(torch.full((1, 1, 2, 2), 127.5)).abs().max() < 1e-6
    assert float(loaded.preprocessing(torch.full((1, 1, 1, 1), 255.0))) == pytest.approx(1.0)


def test_writing_does_not_change_the_network(tmp_path):
    network = UNet(4, (4, 6)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    write_trained(network, STORY, tmp_path / "x.safetensors")
    assert all(part.training for part in network.modules())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_the_file_is_small_and_has_metadata(file):
    _, path = file
    told = read_metadata(path)
    settings = {"n_classes": 4, "widths": [4, 6, 8], "n_dims": 2, "normalisation": "none"}
    assert told == ModelMetadata(**(STORY.__dict__ | {"settings": settings}))
    with safetensors.safe_open(path, "pt") as opened:
        assert json.loads(opened.metadata()["seisdream"])["title"] == "four facies"
        assert {opened.get_tensor(name).dtype for name in opened.keys()} == {torch.float16}  # noqa: SIM118


def test_cube_networks_and_classifiers_round_trip(tmp_path):
    for number, (network, size) in enumerate(
        ((UNet(2, (3, 4), n_dims=3), (8, 6, 9)), (Classifier(2, (3, 4)), (20, 30)))
    ):
        path = tmp_path / f"{number}.safetensors"
        kind = "unet" if isinstance(network, UNet) else "classifier"
        write_trained(network, ModelMetadata(kind, {}, ("a", "b"), ("#000000", "#ffffff")), path)
        loaded = load_trained("x", path).module
        picture = torch.randn(1, 1, *size)
        with torch.no_grad():
            torch.testing.assert_close(loaded(picture), network.eval()(picture), rtol=5e-3, atol=5e-3)


def weights_of(network):
    return torch.cat([value.flatten() for value in network.module.state_dict().values()])


def test_random_variants_depend_on_the_seed_and_leave_the_global_state(file):
    _, path = file
    state = torch.random.get_rng_state()
    plain, zero, also_zero, three, again = (
        weights_of(load_trained("mine", path, variant))
        for variant in ("", "random", "random:0", "random:3", "random:3")
    )
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(zero, also_zero)
    assert torch.equal(three, again)
    assert not torch.equal(zero, three)
    assert not torch.equal(zero, plain)
    twin = load_trained("mine", path, "random:3")
    assert twin.classes == CLASSES
    assert twin.default_layer == "enc3"
    # What passes stays alive to the deepest stage.
    with torch.no_grad():
        assert float(twin.module.stages(torch.randn(1, 1, 64, 64))["enc3"].std()) > 0.1


@pytest.mark.parametrize("variant", ["shufled", "random:x", "random:-1", "shuffled:3"])
def test_an_unknown_variant_is_refused(file, variant):
    with raises("unknown-name"):
        load_trained(f"mine@{variant}", file[1], variant)


def test_files_without_metadata_are_refused(tmp_path):
    foreign = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(2)}, foreign)
    text = tmp_path / "text.safetensors"
    text.write_text("not at all")
    for path in (foreign, text):
        assert read_metadata(path) is None
        with raises("unreadable"):
            load_network(str(path))
    with raises("not-found"):
        load_network(str(tmp_path / "missing.safetensors"))
    newer = tmp_path / "newer.safetensors"
    safetensors.torch.save_file(
        {"x": torch.zeros(1)}, newer, {"seisdream": json.dumps({**STORY.__dict__, "architecture": "transformer"})}
    )
    with raises("not-supported"):
        load_network(str(newer))


def test_the_registry_loads_files_and_their_variants(tmp_path):
    path = write_unet(tmp_path / "mine.safetensors")
    plain, random = load_network(str(path)), load_network(f"{path}@random:3")
    assert plain.name == str(path)
    assert random.name == f"{path}@random:3"
    assert plain.is_loadable
    assert torch.equal(weights_of(random), weights_of(load_trained("x", path, "random:3")))
    assert not torch.equal(weights_of(random), weights_of(plain))
    with raises("incompatible"):
        load_network(str(path), weights=path)


def test_the_shuffled_variant_is_next_to_the_file(tmp_path):
    path = write_unet(tmp_path / "mine.safetensors")
    with raises("not-found"):
        load_network(f"{path}@shuffled")
    write_trained(make_unet(seed=9), STORY, tmp_path / "mine-shuffled.safetensors")
    twin = load_network(f"{path}@shuffled")
    assert twin.name == f"{path}@shuffled"
    assert torch.equal(weights_of(twin), weights_of(load_network(str(tmp_path / "mine-shuffled.safetensors"))))
    assert not torch.equal(weights_of(twin), weights_of(load_network(str(path))))


def test_a_missing_shuffled_variant_names_the_training_command(tmp_path, monkeypatch):
    monkeypatch.setattr(trained, "_FOLDER", tmp_path)
    write_unet(tmp_path / "facies.safetensors")
    with raises("not-found"):
        load_network("facies@shuffled")
    write_unet(tmp_path / "facies-shuffled.safetensors", seed=5)
    assert load_network("facies@shuffled").name == "facies@shuffled"


def test_variants_are_listed():
    assert {"NAME@random[:SEED]", "NAME@shuffled", "FILE.safetensors"} <= {one.name for one in list_networks()}


def test_shipped_networks_are_small_and_complete():
    folder = trained_file(SHIPPED[0]).parent
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 24 * 2**20
    for name in SHIPPED:
        network, story = load_network(name), read_metadata(trained_file(name))
        assert len(network.classes) == len(network.colours) == len(set(network.classes))
        assert network.default_layer in network.layers
        assert story.title
        assert story.data
        assert story.credit
        assert story.licence
        assert story.metrics
        assert story.recipe


def write_with_metadata(text, path):
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path, metadata={"seisdream": text})
    return path


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ('{"architecture": "unet", "horizons": 3}', "not-supported", "horizons"),
        ('{"architecture": "unet"}', "corrupt", "settings, classes, colours"),
        ("{", "corrupt", "damaged"),
        ("[1]", "corrupt", "damaged"),
    ],
)
def test_metadata_of_other_versions_are_refused(tmp_path, text, code, part):
    path = write_with_metadata(text, tmp_path / "x.safetensors")
    for read in (read_metadata, partial(load_trained, "x")):
        with raises(code) as error:
            read(path)
        assert "x.safetensors" in str(error.value)
        assert part in str(error.value)


@pytest.mark.skipif(not trained_file("f3-intervals").exists(), reason="f3-intervals is not in this checkout")
def test_f3_intervals_has_ordered_classes_and_one_survey():
    story = read_metadata(trained_file("f3-intervals"))
    assert story.survey == "F3"
    assert story.classes[0] == "interval 1 of 10, top"
    assert story.classes[1:9] == tuple(f"interval {number} of 10" for number in range(2, 10))
    assert story.classes[9] == "interval 10 of 10, base"
    assert load_trained("f3-intervals", trained_file("f3-intervals")).class_index("top") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"n_classes": 4, "widths": [8192] * 12}},
        {"settings": {"n_classes": 4, "widths": [512, 2048, 4096]}},
        {"settings": {"n_classes": 10**9, "widths": [8, 8]}},
        {"settings": {"n_classes": 4, "widths": None}},
        {"settings": {"n_classes": 4, "widths": [8, 8, 8], "colour": 1}},
        {"settings": {"n_classes": 4, "widths": [8, 8, 8], "n_dims": 7}},
        {"settings": []},
        {"classes": ["a", "b", "c"]},
        {"classes": [1, 2, 3, 4]},
        {"colours": ["red", "url(//x)", "#fff", "#d9a441"]},
        {"colours": ["#d9a441"]},
        {"frequencies": [0.3, 0.1]},
        {"title": {"a": 1}},
        {"is_ordered": "yes"},
    ],
)
@pytest.mark.parametrize("variant", ["", "@random"])
def test_damaged_metadata_are_refused_before_weights_take_memory(file, tmp_path, change, variant):
    path = tmp_path / "damaged.safetensors"
    with safetensors.safe_open(file[1], "pt") as opened:
        metadata = json.loads(opened.metadata()["seisdream"]) | change
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    safetensors.torch.save_file(tensors, path, metadata={"seisdream": json.dumps(metadata)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SeisdreamError) as raised:
        load_network(f"{path}{variant}")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # Kilobytes.
    assert raised.value.code in ("corrupt", "out-of-range")


def test_the_umask_decides_who_may_read_a_trained_network(tmp_path):
    before = os.umask(0o022)
    try:
        path = write_unet(tmp_path / "network.safetensors")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_whose_name_is_not_utf_8_is_a_network_like_any_other(tmp_path):
    names = ("a.safetensors", os.fsdecode(b"m\xfcller.safetensors"))
    plain, odd = (write_unet(tmp_path / name, title="Müller") for name in names)
    assert load_network(str(odd)).sha256 == load_network(str(plain)).sha256
    assert read_metadata(odd).title == "Müller"
