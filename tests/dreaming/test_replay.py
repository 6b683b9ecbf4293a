"""Dreams are replayed from their folders, whatever they were dreamed on."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import small_networks
from errors import raises
from seisdream.dreaming.dream import Dream, dream
from seisdream.dreaming.objectives.feature_matching import Direction
from seisdream.dreaming.replay import read_record, replay
from seisdream.dreaming.settings import DreamSettings
from seisdream.io.concept_vectors import write_concept_vectors
from seisdream.io.inputs import open_section
from seisdream.models.checkpoints import trained_file
from seisdream.models.registry import load_network
from seisdream.results.load import load_result
from small_cubes import open_cube_dream

pytestmark = pytest.mark.usefixtures("without_figures")
QUICK = DreamSettings(octaves=1, steps=1, jitter=2)


@pytest.fixture
def section(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("line.npy", np.random.default_rng(0).normal(size=(60, 70)).astype(np.float32))
    return open_section("line.npy", dt_ms=2.0)


def saved(section, network, objective=None, settings=QUICK, **given):
    """Dream, write the folder ``out``, and return the dream."""
    run = Dream(section, network, objective, settings=settings, **given).run()
    run.result().save("out", force=True)
    return run


def test_a_dream_made_in_python_is_replayed_from_its_folder(section):
    saved(section, load_network("gabor"))
    replayed = replay("out")
    assert replayed.is_identical
    assert replayed.dream.settings.input_options == {"dt_ms": 2.0}


def test_a_cube_is_replayed(tmp_path):
    run = open_cube_dream(tmp_path, levels=2, parameterization="phase", layer="class:salt").run()
    run.result().save(tmp_path / "out")
    assert replay(tmp_path / "out").is_identical
    np.save(tmp_path / "out" / "dream.npy", np.zeros((14, 16, 32), np.float32))
    replayed = replay(tmp_path / "out")
    assert not replayed.is_identical
    assert "changed since" in replayed.differences[0]


@pytest.mark.parametrize("layer", ["stage1/pooled", "stage1/pooled + diversity:stage1/pooled"])
def test_variants_are_replayed_together(section, layer):
    saved(section, load_network("gabor"), settings=QUICK.replace(variants=2, layer=layer))
    replayed = replay("out")
    assert replayed.is_identical
    assert replayed.dream.n_dreams == 2
    np.save("out/2/dream.npy", np.zeros((60, 70), np.float32))
    replayed = replay("out")
    assert [one.partition(":")[0] for one in replayed.differences] == ["variant 2"]


def test_a_variant_alone_is_replayed_unless_diversity_joins_it_to_the_others(section):
    variants = QUICK.replace(variants=2, seed=3)
    saved(section, load_network("gabor"), settings=variants)
    assert replay("out/2").is_identical
    saved(section, load_network("gabor"), "stage1/pooled + diversity:stage1/pooled", settings=variants)
    with raises("not-supported") as error:
        replay("out/2")
    assert "replay the folder above" in str(error.value)


def test_variants_of_noise_are_replayed_together_and_alone(section):
    settings = QUICK.replace(
        input="noise:60x70", network="gabor", variants=2, parameterization="bandlimited", layer="stage1/pooled"
    )
    Dream.from_settings(settings).run().result().save("out")
    assert replay("out").is_identical
    assert replay("out/2").is_identical


def test_a_dream_that_its_settings_do_not_define_is_not_replayed(section):
    saved(section, small_networks.pooled_network())
    with raises("not-supported") as error:
        replay("out")
    assert "network came from Python" in str(error.value)
    saved(section, load_network("gabor"), mask=xr.DataArray(np.ones((60, 70))))
    assert len(read_record("out")[0]["others"]["mask"]) == 64
    with raises("not-supported") as error:
        replay("out")
    assert "mask came from Python" in str(error.value)


def test_a_dream_that_was_stopped_is_not_replayed(section):
    run = Dream(section, "gabor", settings=QUICK).run()
    run.result(stopped="interrupted").save("out")
    with raises("not-supported"):
        replay("out")


def test_a_changed_result_is_not_identical(section):
    saved(section, load_network("gabor"))
    np.save("out/dream.npy", np.zeros((60, 70), np.float32))
    replayed = replay("out")
    assert not replayed.is_identical
    assert "changed since" in replayed.differences[0]


def test_a_level_is_replayed_as_its_dream_is(section):
    saved(section, load_network("gabor"))
    assert replay("out/levels/dream-01.png").is_identical
    np.save("out/dream.npy", np.zeros((60, 70), np.float32))
    assert not replay("out/levels/dream-01.png").is_identical


def test_files_that_are_no_output_are_refused(section, tmp_path):
    with raises("not-found"):
        replay("nothing")
    with raises("not-ours"):
        replay(tmp_path)
    (tmp_path / "recipe.json").write_text('{"settings": {"input": "line.npy"}}')
    with raises("corrupt"):
        replay(tmp_path / "recipe.json")


def test_a_dream_of_a_dream_does_not_name_the_first_input(section):
    first = dream(section, "gabor", settings=QUICK).dream
    second = Dream(first, "gabor", settings=QUICK)
    assert second.settings.input is None
    assert "input came from Python" in second.replay_obstacle


def test_a_result_can_be_written_to_netcdf(section):
    result = dream(section, "gabor", settings=QUICK).dream
    result.to_netcdf("result.nc", engine="h5netcdf")
    assert np.array_equal(open_section("result.nc").values, result.values)


def test_every_kind_of_objective_is_replayed(section):
    network = load_network("gabor")
    n_channels = network.layer("stage1/pooled").n_channels
    write_concept_vectors("probe.npz", {"one": np.ones(n_channels), "other": np.arange(1.0, n_channels + 1)})
    objective = (
        "direction:stage1/pooled@probe.npz#other^2.0 + caricature:stage1/pooled - 0.5*style:stage1/pooled "
        "+ stage1/pooled:3@20,30 - gabor::stage1/pooled:2 - 0.1*penalty:tv"
    )
    transforms = {"shear": 0.02, "stretch": 0.05, "gain": 0.2}
    run = saved(section, network, objective, QUICK.replace(steps=2, transforms=transforms, precision="float32"))
    assert run.replay_obstacle is None
    assert "gabor" in read_record("out")[0]["others"]
    Path("elsewhere").mkdir()
    for name in ("out", "probe.npz", "line.npy"):
        Path(name).rename(Path("elsewhere") / name)
    assert replay("elsewhere/out").is_identical, "files next to the folder are found"


def test_an_objective_that_text_does_not_define_is_not_replayed(section):
    network = load_network("gabor")
    vector = np.ones(network.layer("stage1/pooled").n_channels)
    run = saved(section, network, Direction("stage1/pooled", vector=vector))
    assert run.replay_obstacle == "the objective came from Python"
    with raises("not-supported"):
        replay("out")
    run = Dream(section, network, settings=QUICK, objective_mask=xr.DataArray(np.ones((60, 70))))
    assert run.replay_obstacle == "the objective mask came from Python"


def test_a_folder_that_holds_the_network_is_not_replaced(section):
    saved(section, load_network("gabor"))
    shutil.copy(trained_file("facies"), "out/mine.safetensors")
    run = Dream(section, load_network("out/mine.safetensors"), "enc1", settings=QUICK).run()
    with raises("incompatible"):
        run.result().save("out", force=True)
    assert Path("out/mine.safetensors").is_file()


EVIL = """
from pathlib import Path
import torch
Path("mark").touch()
def make():
    return torch.nn.Conv2d(1, 2, 3)
"""
GREY = {"order": "grey"}


def write_settings_that_name(section, **names):
    """Write a dream and put other names into its settings, as whoever sends the file could."""
    Path("evil.py").write_text(EVIL)
    sys.modules.pop("evil", None)
    saved(section, load_network("gabor"))
    file = Path("out/recipe.json")
    record = json.loads(file.read_text())
    record["settings"] |= names
    file.write_text(json.dumps(record))


SECRET = "root:x:0:0:root\nsecond secret\n"


@pytest.mark.parametrize(
    "names",
    [
        {"network_options": {"classes": "secret"}, "layer": "class:salt"},
        {"layer": "direction:stage1/pooled@secret"},
        {"input": "secret"},
        {"guide": "secret"},
        {"mask": "secret"},
        {"wavelet": "secret", "parameterization": "reflectivity"},
        {"weights": "secret"},
        {"network": "secret.safetensors"},
        {"layer": "secret.safetensors@random::enc1"},
        {"network": "other.safetensors@shuffled"},
        {"mask": "pipe"},
    ],
)
def test_a_file_whose_content_the_recipe_does_not_know_is_not_opened(section, names):
    write_settings_that_name(section, **names)
    os.mkfifo("pipe")
    for name in ("secret", "secret.safetensors", "other-shuffled.safetensors"):
        Path(name).write_text(SECRET)
    record = json.loads(Path("out/recipe.json").read_text())
    record["files"] |= {"secret": "0" * 64, "pipe": None}
    Path("out/recipe.json").write_text(json.dumps(record))
    with raises("hash-mismatch") as error:
        replay("out")
    assert re.search("secret|pipe|other", str(error.value))
    assert "root" not in str(error.value)


def test_a_changed_file_is_opened_where_the_user_trusts_it(section):
    np.save("mask.npy", np.ones((60, 70), np.float32))
    Dream.from_settings(QUICK.replace(input="line.npy", network="gabor", mask="mask.npy")).run().result().save("out")
    assert set(json.loads(Path("out/recipe.json").read_text())["files"]) == {"line.npy", "mask.npy"}
    assert replay("out").is_identical
    np.save("mask.npy", np.zeros((60, 70), np.float32) + 0.5)
    with raises("hash-mismatch"):
        replay("out")
    assert not replay("out", trust=["mask.npy"]).is_identical
    np.save("mask.npy", np.ones((60, 70), np.float32))
    np.save("line.npy", np.load("line.npy") + 1)
    with raises("hash-mismatch"):
        replay("out")
    assert not replay("out", input="line.npy").is_identical


@pytest.mark.parametrize("name", ["timm:resnet18", "timm:hf-hub:someone/net", "torchvision:resnet18"])
def test_a_network_that_a_file_names_is_not_downloaded(section, name):
    for names in ({"network": name}, {"layer": f"{name}::conv1"}):
        write_settings_that_name(section, **names)
        with raises("untrusted"):
            replay("out")


def test_a_saved_result_opens_only_the_file_that_it_was_made_from(section):
    saved(section, load_network("gabor"))
    record = json.loads(Path("out/recipe.json").read_text())
    Path("secret.npy").write_text(SECRET)
    for sha256 in ("0" * 64, None):
        record["input"] |= {"source": "secret.npy", "file_sha256": sha256}
        Path("out/recipe.json").write_text(json.dumps(record))
        with raises("changed") as error:
            load_result("out")._section()
        assert "root" not in str(error.value)


@pytest.mark.parametrize(
    "names",
    [
        {"network": "evil:make", "network_options": GREY, "layer": None},
        {"layer": "stage1/pooled + evil:make::0"},
        {"layer": "stage1/pooled - 0.5*evil:make::style:0"},
    ],
)
def test_code_that_a_file_names_is_not_imported(section, names):
    write_settings_that_name(section, **names)
    for trust in ((), ("evil:other", "evil")):
        with raises("untrusted") as error:
            replay("out", trust=trust)
        assert "evil:make" in str(error.value)
    assert "evil" not in sys.modules
    assert not Path("mark").exists()


def test_code_that_the_user_names_is_imported(section):
    write_settings_that_name(section, network="evil:make", network_options=GREY, layer=None)
    assert replay("out", trust=["evil:make"]).dream.network.name == "evil:make"
    assert replay("out", network="evil:make").dream.network.name == "evil:make"
    assert replay("out", network="gabor").dream.network.name == "gabor"
    write_settings_that_name(section, layer="stage1/pooled + evil:make::0")
    with raises("missing-argument"):
        replay("out", trust=["evil:make"])
    assert "evil" not in sys.modules, "its preprocessing is not known, so it is not imported"


@pytest.mark.parametrize("threads", [0, -1, 10**6, 1.5, True, "2", None])
def test_a_number_of_threads_out_of_bounds_is_refused(section, threads):
    saved(section, load_network("gabor"))
    record = json.loads(Path("out/recipe.json").read_text())
    record["machine"]["threads"] = threads
    Path("out/recipe.json").write_text(json.dumps(record))
    with raises("corrupt"):
        replay("out")


def test_a_record_of_fewer_results_than_variants_is_not_identical(section):
    saved(section, load_network("gabor"), "stage1/pooled", settings=QUICK.replace(variants=2))
    record = json.loads(Path("out/variants.json").read_text())
    for known in ([], record["result"]["samples_sha256"][:1]):
        record["result"]["samples_sha256"] = known
        Path("out/variants.json").write_text(json.dumps(record))
        assert not replay("out").is_identical
