"""`seisdream dream` on a whole volume: what works for a section works, or is refused by name."""

import csv
import json

import numpy as np
import pytest
import segyio
import torch

from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.models.zoo.unet import UNet
from seisdream.results.dream_result import ABSENT_ROCK

QUICK = ("--layer", "class:salt", "--octaves", 1, "--steps", 2)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "cubes.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        metadata = ModelMetadata("unet", {}, ("a", "salt"), ("#000000", "#ffffff"))
        write_trained(UNet(2, (4, 4), n_dims=3), metadata, path)
    return path


@pytest.fixture
def volume(shared):
    return shared / "data" / "segyio" / "f3.sgy"


@pytest.fixture
def words(volume, network):
    return ("dream", volume, "--network", network, *QUICK)


def test_a_volume_comes_back_as_segy_with_its_rock_properties(seisdream, words, volume, tmp_path):
    out = tmp_path / "out"
    code, printed, err = seisdream(*words, "--parameterization", "impedance", "--no-film", "--out", out)
    assert code == 0, err
    assert "on the whole volume" in printed
    with (
        segyio.open(volume) as source,
        segyio.open(out / "dream.sgy") as file,
        segyio.open(out / "dream-impedance.sgy") as rock,
    ):
        assert np.array_equal(file.ilines, source.ilines)
        dreamed, impedance = segyio.cube(file), segyio.cube(rock)
        assert not np.array_equal(dreamed, segyio.cube(source))
    np.testing.assert_array_equal(np.rint(np.load(out / "dream.npy")), dreamed)  # The volume's samples are integers.
    is_absent = np.isnan(np.load(out / "dream-impedance.npy"))
    assert is_absent.any(), "the top is muted"
    assert (impedance[is_absent] == ABSENT_ROCK).all()
    assert not dreamed[is_absent].any()
    present = impedance[~is_absent]
    assert 1.5 * (1 - 1e-6) < present.min() < present.max() < 12.0 * (1 + 1e-6)


def test_a_volume_that_does_not_change_comes_back_byte_for_byte(seisdream, words, volume, tmp_path):
    assert seisdream(*words, "--step-size", 0, "--no-film", "--out", tmp_path / "still")[0] == 0
    before, after = volume.read_bytes(), (tmp_path / "still" / "dream.sgy").read_bytes()
    assert b"DREAMED" in after[:3200] or "DREAMED".encode("cp500") in after[:3200]
    assert len(before) == len(after)
    assert before[3200:] == after[3200:], "byte for byte but for lines of the text header"


def test_a_volume_has_a_film_scores_and_one_json_object_as_a_section_has(seisdream, words, tmp_path):
    code, out, err = seisdream(*words, "--film", "--json", "--out", tmp_path / "d")
    assert code == 0, err
    summary = json.loads(out)
    assert set(summary) == {"kind", "out", "files", "notes", "settings", "result"}
    assert {"dream.gif", "scores.csv", "dream-figure.png", "dream.sgy"} <= {p.name for p in (tmp_path / "d").iterdir()}
    rows = list(csv.DictReader((tmp_path / "d" / "scores.csv").read_text().splitlines()))
    assert len(rows) == summary["result"]["n_steps"] == 2


def test_a_jitter_that_is_too_large_is_reduced_with_a_note(seisdream, words, tmp_path):
    code, out, err = seisdream(*words, "--jitter", 32, "--no-film", "--json", "--out", tmp_path / "d")
    assert code == 0, err
    summary = json.loads(out)
    assert summary["settings"]["jitter"] < 32
    assert any("--jitter" in note or "jitter" in note for note in summary["notes"])
    assert "jitter" in err


def test_the_section_alone_cannot_be_written_of_a_volume(words, tmp_path, refused):
    assert refused(*words, "--segy", "section", "--out", tmp_path / "d") == ("not-supported", "--segy")
    assert not (tmp_path / "d").exists()


def test_a_full_disk_is_noticed_before_the_dream(words, tmp_path, refused, monkeypatch):
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    assert refused(*words, "--out", tmp_path / "d")[0] == "too-large"
    assert not (tmp_path / "d").exists()


def test_a_dream_on_a_volume_is_replayed(seisdream, words, tmp_path):
    assert seisdream(*words, "--no-film", "--out", tmp_path / "d")[0] == 0
    code, out, err = seisdream("replay", tmp_path / "d", "--json")
    assert (code, json.loads(out)["result"]["is_identical"]) == (0, True), out + err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--variants", 2), ("--colour", None), ("--tile", 64), ("--mask", "time=0:10"), ("--zoom", 0.1)],
)
def test_what_a_volume_cannot_have_is_refused_by_name(words, tmp_path, refused, option, value):
    given = (option,) if value is None else (option, value)
    assert refused(*words, *given, "--out", tmp_path / "d") == ("not-supported", option)


@pytest.mark.parametrize("option", ["--inline", "--crossline"])
def test_a_network_for_cubes_takes_no_section(words, tmp_path, refused, option):
    code, _ = refused(*words, option, 111 if option == "--inline" else 875, "--out", tmp_path / "d")
    assert code in ("incompatible", "not-supported")


def test_networks_for_cubes_are_refused_for_sections(network, array, refused):
    for command in ("predict", "attribute", "controls", "dream"):
        assert refused(command, array, "--network", network)[0] in ("not-supported", "incompatible"), command


BLOCKS = ("--volume", "--executor", "serial", "--layer", "enc1", "--octaves", 1, "--steps", 1)


@pytest.fixture(scope="module")
def of_sections(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "sections.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        write_trained(UNet(2, (4, 4)), ModelMetadata("unet", {}, ("a", "salt"), ("#000000", "#ffffff")), path)
    return path


def test_a_volume_is_dreamed_inline_by_inline_and_comes_back_as_segy(seisdream, volume, of_sections, tmp_path):
    out = tmp_path / "d"
    code, printed, err = seisdream("dream", volume, "--network", of_sections, *BLOCKS, "--out", out)
    assert code == 0, err
    assert "inline by inline" in printed
    names = {path.name for path in out.iterdir()}
    assert names == {"dream.zarr", "dream.sgy", "dream-slices.png", "index.html", "job.json", "blocks", "lock"}
    with segyio.open(volume) as before, segyio.open(out / "dream.sgy") as after:
        text = after.text[0].decode()
        assert all(dict(old) == dict(new) for old, new in zip(before.header[:], after.header[:], strict=True))
        changed = segyio.cube(after) != segyio.cube(before)
    assert "NOT RECORDED DATA. DO NOT INTERPRET." in text[:80]
    assert "NOT RECORDED DATA: NETWORK" in text[80:160]
    assert "DREAMED BY SEISDREAM" in text
    assert changed.mean() > 0.5
    assert seisdream("verify", out)[0] == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--film",), ("not-supported", "--film")),
        (("--segy", "section"), ("not-supported", "--segy")),
        (("--inline", 111), ("incompatible", "--inline")),
        (("--mask", "time=0:10"), ("not-supported", "--mask")),
    ],
)
def test_what_does_not_go_with_whole_volumes_is_refused(volume, of_sections, tmp_path, refused, words, expected):
    assert refused("dream", volume, "--network", of_sections, *BLOCKS, *words, "--out", tmp_path / "d") == expected
    assert not (tmp_path / "d").exists()


def test_a_network_for_cubes_dreams_on_a_volume_in_blocks(seisdream, volume, network, tmp_path):
    out, job = tmp_path / "d", ("--volume", "--executor", "serial", "--block", "12,18,75")
    code, printed, err = seisdream("dream", volume, "--network", network, *QUICK, *job, "--out", out)
    assert code == 0, err
    assert "block by block" in printed
    assert {"dream.zarr", "dream.sgy", "dream-slices.png"} <= {path.name for path in out.iterdir()}


def test_settings_of_a_job_need_the_option_volume(volume, of_sections, tmp_path, refused):
    words = ("dream", volume, "--network", of_sections, "--workers", 2, "--out", tmp_path / "d")
    assert refused(*words) == ("incompatible", "--workers")


def test_a_dream_of_a_volume_is_planned_with_its_own_settings(seisdream, volume, of_sections, refused):
    words = ("plan", volume, "--network", of_sections, "--command", "dream", "--layer", "enc1")
    code, out, err = seisdream(*words, "--octaves", 1, "--steps", 1, "--block", "4,1,1", "--probe", "--json")
    assert code == 0, err
    found = json.loads(out)["result"]
    n_inlines, n_crosslines, n_samples = found["volume"]
    assert (found["blocks"], found["halo"]) == (-(-n_inlines // 4), [0, 0, 0])
    assert found["disk_bytes"] == 4 * n_inlines * n_crosslines * n_samples
    assert found["compute_s"] > 0
    assert refused(*words, "--augmentations", 2) == ("incompatible", "--augmentations")
    assert refused("plan", volume, "--network", of_sections, "--layer", "enc1") == ("incompatible", "--layer")


@pytest.mark.parametrize(
    ("command", "words", "name", "mark"),
    [
        ("attribute", ("--class", "salt", "--method", "grad-cam"), "attribution", "ATTRIBUTED BY SEISDREAM"),
        ("controls", ("--measure", "activation", "--surrogates", 4, "--no-others", "--random", 0, "--block", 16),
         "activation-effect", "CONTROLLED BY SEISDREAM"),
    ],
)  # fmt: skip
def test_attributions_and_controls_of_a_volume_come_back_as_segy(
    seisdream, volume, of_sections, tmp_path, command, words, name, mark
):
    out, job = tmp_path / "out", ("--volume", "--executor", "serial", "--json")
    code, printed, err = seisdream(command, volume, "--network", of_sections, *words, *job, "--out", out)
    assert code == 0, err
    assert json.loads(printed)["kind"] == f"{command}-volume"
    assert (out / "figure.png").is_file()
    with segyio.open(volume) as before, segyio.open(out / f"{name}.sgy") as after:
        assert mark in after.text[0].decode()
        assert all(dict(old) == dict(new) for old, new in zip(before.header[:], after.header[:], strict=True))
        assert segyio.cube(after).any()
    assert seisdream("verify", out)[0] == 0


@pytest.mark.parametrize(
    ("words", "option"),
    [(("--at", "860,100"), "--at"), (("--sanity",), "--sanity"), (("--target-mask", "a.png"), "--target-mask")],
)
def test_points_and_regions_are_refused_for_whole_volumes(volume, of_sections, tmp_path, refused, words, option):
    given = ("attribute", volume, "--network", of_sections, "--volume", *words, "--out", tmp_path / "d")
    assert refused(*given) == ("not-supported", option)
