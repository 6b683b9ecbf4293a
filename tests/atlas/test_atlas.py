"""A whole atlas: its numbers, its pages, and that an interrupted one resumes."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import seisdream as sd
from errors import raises
from segy_files import make_segy, numbered
from seisdream.atlas.build import build_atlas
from seisdream.atlas.layer_selection import select_layers
from seisdream.atlas.settings import ATLAS_FILE, AtlasSettings
from seisdream.atlas.sprites import as_tile, write_strip
from seisdream.dreaming.objectives.terms import Channel
from seisdream.inference.recorder import record_activations
from seisdream.inference.section_source import open_sections
from seisdream.io.inputs import open_section
from seisdream.io.segy import SegyVolume
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping
from seisdream.significance.path_check import natural_shares
from trained_files import write_unet

QUICK = AtlasSettings(layers=("enc1", "enc2", "logits"), steps=2, size=32, patches=3, precision="float32")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return load_network(str(write_unet(tmp_path_factory.mktemp("networks") / "small.safetensors")))


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    rng = np.random.default_rng(0)
    samples = np.cumsum(rng.standard_normal((6 * 50, 60)), axis=0).astype(np.float32)
    samples -= samples.mean()
    words = numbered(range(100, 112, 2), range(300, 350))
    return make_segy(tmp_path_factory.mktemp("data") / "volume.sgy", samples, words=words)


@pytest.fixture(scope="module")
def atlas(network, volume, tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas") / "small.atlas"
    steps = []
    build_atlas(network, volume, folder, settings=QUICK, progress=lambda *step: steps.append(step))
    return folder, steps


def read(folder, name):
    text = (folder / "data" / f"{name}.js").read_text(encoding="utf-8")
    return json.loads(re.fullmatch(r"[\w.\[\] ]+ = (.*);\n", text)[1])


def test_it_opens_with_named_concepts_and_the_channels_behind_them(network, volume, tmp_path):
    found = sd.concepts(network, volume, layer="enc2", concepts=3, control=False, dreams=False)
    found.rename({1: "</script>bright"})
    found.save(tmp_path / "concepts")
    settings = QUICK.replace(layers=("enc2",), steps=1, seeds=1, patches=1, concepts=str(tmp_path / "concepts"))
    build_atlas(network, volume, tmp_path / "atlas", settings=settings)
    concepts = read(tmp_path / "atlas", "atlas")["concepts"]
    assert [one["name"] for one in concepts["rows"]] == ["concept 0", "</script>bright", "concept 2"]
    assert concepts["layer"] == "enc2"
    assert all(0 <= channel < network.layer("enc2").n_channels for channel, _ in concepts["rows"][0]["channels"])
    assert pixels(tmp_path / "atlas" / "concepts.webp").shape == (3 * 96, concepts["tiles"] * 96)
    assert "conceptShelf(atlas.concepts)" in (tmp_path / "atlas" / "atlas.js").read_text("utf-8")
    assert "</script>bright" not in (tmp_path / "atlas" / "data" / "atlas.js").read_text("utf-8")


def test_it_finds_concepts_itself(atlas):
    folder, steps = atlas
    shown, found = read(folder, "atlas")["concepts"], sd.load_result(folder / "concepts")
    assert (shown["layer"], found.layer) == ("enc2", "enc2")
    assert [one["name"] for one in shown["rows"]] == found.names
    assert found.provenance["result"]["n_lines"] == 6
    assert "concepts" in {step for step, _, _ in steps}


SMALL = QUICK.replace(layers=("enc1",), steps=1, seeds=1, patches=1, channels_at_most=1)


@pytest.mark.slow
def test_an_atlas_is_replaced_with_its_concepts(network, volume, tmp_path):
    folder = tmp_path / "atlas"
    build_atlas(network, volume, folder, settings=SMALL)
    assert (folder / "concepts" / "concepts.json").is_file()
    build_atlas(network, volume, folder, settings=SMALL.replace(concepts="none"), force=True)
    assert "concepts" not in read(folder, "atlas")
    assert not (folder / "concepts").exists()


@pytest.mark.slow
def test_an_atlas_without_concepts_states_why(network, tmp_path, monkeypatch):
    def inactive(*_, **__):
        raise sd.SeisdreamError("The layer is inactive.", code="no-signal")

    monkeypatch.setattr("seisdream.atlas.build.find_concepts", inactive)
    section = sd.make_section(np.random.default_rng(0).normal(size=(64, 64)), dt_ms=4.0)
    build_atlas(network, section, tmp_path / "atlas", settings=SMALL)
    assert "concepts" not in read(tmp_path / "atlas", "atlas")
    assert "No concepts: The layer is inactive." in json.loads((tmp_path / "atlas" / ATLAS_FILE).read_text())["notes"]


def pixels(path):
    """Return a picture's grey levels ``(row, column)``."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"), float)


def test_pages_and_pictures_hold_together(atlas, network):
    folder, steps = atlas
    front = read(folder, "atlas")
    assert [one["name"] for one in front["layers"]] == ["enc1", "enc2", "logits"]
    assert front["lines"][0] == "inline 100"
    assert len(front["lines"]) == 6
    html = (folder / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'(?:src|href)="([^"#]+)"', html)
    assert {"atlas.css", "atlas.js", "data/atlas.js", "data/enc2.js"} <= set(links)
    assert all((folder / link).is_file() for link in links)
    for layer in front["layers"]:
        channels = read(folder, layer["folder"])
        assert [one["n"] for one in channels] == list(range(network.layer(layer["name"]).n_channels))
        for one in channels:
            name = f"{one['n']:03d}"
            assert pixels(folder / "dreams" / layer["folder"] / f"{name}.webp").shape == (32, 64)
            after = pixels(folder / "dreams" / layer["folder"] / f"{name}-after.webp")
            assert after.shape == pixels(folder / "scene.webp").shape
            strip = folder / "real" / layer["folder"] / f"{name}.webp"
            assert strip.is_file() == bool(one["patches"])
            if one["patches"]:
                rows, columns = layer["patch"]
                assert pixels(strip).shape == (rows, len(one["patches"]) * columns)
            assert len(one["tuning"]) == len(front["dips"]) * len(front["frequencies"])
            assert len(one["contributions"]) == len(front["classes"])
    finished = dict.fromkeys(step for step, done, total in steps if done == total)
    assert list(finished) == ["lines", "patches", "plane waves", "dreams", "concepts"]
    assert not (folder / "parts").exists()


def test_pages_load_nothing_from_the_network(atlas):
    folder, _ = atlas
    for path in [*folder.glob("*.html"), *folder.glob("*.js"), *folder.glob("*.css"), *folder.glob("data/*.js")]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|fetch\(|XMLHttpRequest", text), path


def test_numbers_are_those_of_the_network_on_the_data(atlas, network, volume):
    folder, _ = atlas
    front, channels = read(folder, "atlas"), read(folder, "enc2")
    # All lines are seen through the volume's own grey mapping.
    lines = {name: open_section(volume, inline=int(name.split()[1])) for name in front["lines"]}
    mapping = GreyMapping(front["data"]["black"], front["data"]["white"])
    activations = {}
    for name, line in lines.items():
        seen = line.copy(data=(line.values / mapping.high).clip(-1, 1))
        seen.values[0, 0] = 1.0  # So that black and white are what they are for the volume.
        activations[name] = record_activations(seen, network, "enc2", percentile=100).values
    everything = np.concatenate([one.reshape(len(one), -1) for one in activations.values()], 1)
    for one in channels:
        own = everything[one["n"]]
        np.testing.assert_allclose(one["mean"], own.mean(), atol=0.02 * own.std() + 1e-6)
        values = [patch[3] for patch in one["patches"]]
        assert values == sorted(values, reverse=True)
    loudest = max(channels, key=lambda one: one["greatest"])
    line, across, down, value = loudest["patches"][0]
    rows, columns = front["layers"][1]["patch"]
    picture = pixels(folder / "real" / "enc2" / f"{loudest['n']:03d}.webp")[:, :columns]
    section = lines[front["lines"][line]]
    row, column = int(down / 4 - rows // 2), int(across - 300 - columns // 2)
    real = mapping.to_grey(section.values[row : row + rows, column : column + columns]).clip(0, 255)
    assert np.corrcoef(picture.ravel(), real.ravel())[0, 1] > 0.98
    assert value <= everything[loudest["n"]].max() * 1.05


def test_the_table_has_the_numbers_of_the_pages(atlas):
    folder, _ = atlas
    with (folder / "channels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    channels = [one for name in ("enc1", "enc2", "logits") for one in read(folder, name)]
    assert len(rows) == len(channels)
    assert [row["dip_deg"] for row in rows] == ["" if one["dip"] is None else str(one["dip"]) for one in channels]
    assert rows[-1]["label"] == read(folder, "atlas")["classes"][-1]
    # The lines of this volume are too small for patches.
    assert {row["natural_share_of_layers"] for row in rows} == {""}
    assert {one["natural"] for one in channels} == {None}


def test_real_patches_in_place_of_dreams_are_natural(network):
    lines = open_sections("sample:built-in")
    # A patch of each channel that is active in it.
    activations = record_activations(lines.open(0), network, "enc2")
    dreams = []
    for values in activations.values:
        row, column = np.unravel_index(values.argmax(), values.shape)
        down, across = (
            int(np.clip(activations[name].values[at] - 48, 0, n - 96))
            for name, at, n in (("row", row, 384), ("column", column, 640))
        )
        dreams.append(lines.open(0).values[down : down + 96, across : across + 96])
    channels = [Channel("enc2", channel) for channel in range(len(dreams))]
    shares = natural_shares(network, channels, lines.open, len(lines), dreams)
    assert np.mean([share for share in shares if share is not None]) > 0.8


def test_a_finished_atlas_is_not_built_again_and_not_mixed_with_others(atlas, network, volume, tmp_path):
    folder, _ = atlas
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    files = build_atlas(network, volume, folder, settings=QUICK)
    assert [path.name for path in files] == ["index.html", "channels.csv", "atlas.json"]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    with raises("changed", "folder"):
        build_atlas(network, volume, folder, settings=AtlasSettings(**{**QUICK.to_dict(), "steps": 3}))
    with raises("changed", "folder"):
        build_atlas(network, "sample:built-in", folder, settings=QUICK)
    with raises("changed", "folder"):
        build_atlas(load_network("gabor"), volume, folder, settings=AtlasSettings(**{**QUICK.to_dict(), "layers": ()}))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with raises("not-ours"):
        build_atlas(network, volume, tmp_path / "mine", settings=QUICK, force=True)


@pytest.mark.slow
def test_force_deletes_an_atlas_only_when_the_new_one_is_whole(tmp_path, monkeypatch):
    folder, small = (
        tmp_path / "gabor.atlas",
        {"layers": ("stage2/rectified",), "size": 48, "channels_at_most": 1, "seeds": 1, "concepts": "none"},
    )
    gabor = load_network("gabor")
    section = sd.make_section(np.random.default_rng(0).normal(size=(64, 64)), dt_ms=4.0)

    def make(steps):
        return build_atlas(gabor, section, folder, settings=AtlasSettings(**small, steps=steps), force=True)

    make(1)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr("seisdream.atlas.build.write_pages", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make(2)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (folder / "notes.txt").write_text("mine")
    with raises("not-ours"):
        make(2)
    (folder / "notes.txt").unlink()
    assert all(path.is_file() for path in make(2))
    assert json.loads((folder / ATLAS_FILE).read_text())["settings"]["steps"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["gabor.atlas"]
    (folder / ATLAS_FILE).write_text('{"maps": "of the world"}')
    with raises("not-ours"):
        make(1)
    assert (folder / "index.html").is_file()


@pytest.mark.slow
def test_an_atlas_killed_several_times_ends_in_the_same_files(atlas, network, volume, tmp_path):
    folder, _ = atlas
    killed = tmp_path / "killed.atlas"
    script = Path(__file__).parents[1] / "killed_atlas.py"
    words = [sys.executable, script, network.name, volume, killed, json.dumps(QUICK.to_dict())]
    run = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    ends, begun = zip(*json.loads(run.stdout), strict=True)
    assert ends == (-9, -9, -9, -9, 0), run.stderr
    # The last attempt found the first layer's dreams there.
    n_dreams = sum(network.layer(layer).n_channels for layer in QUICK.layers) * (QUICK.seeds + 1)
    assert begun[-1] == n_dreams - network.layer("enc1").n_channels * (QUICK.seeds + 1)
    names = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert {path.relative_to(killed) for path in killed.rglob("*") if path.is_file()} == names
    # Records hold the time at which they were made.
    for name in {one for one in names if one != Path(ATLAS_FILE) and one.parts[0] != "concepts"}:
        assert (folder / name).read_bytes() == (killed / name).read_bytes(), name


def test_layers_are_chosen_by_name_and_pattern(network):
    layers = lambda *names: [one.name for one in select_layers(network, AtlasSettings(layers=names), (100, 100))]  # noqa: E731
    assert layers("logits", "enc*") == [name for name in network.layers if name.startswith("enc") or name == "logits"]
    stages = layers()
    assert stages[0] == "enc1"
    assert stages[-1] == "logits"
    assert not any("." in name for name in stages)
    with raises("unknown-name"):
        layers("enc9")
    few = select_layers(network, AtlasSettings(layers=("enc2",), channels_at_most=2), (20, 100))
    assert (few[0].n_channels, few[0].patch) == (2, (20, 32))


def test_a_strip_holds_its_tiles_and_a_constant_one_is_grey(tmp_path):
    tiles = [np.full((16, 16), level, np.uint8) for level in (10, 90, 170, 250, 30)]
    assert write_strip(tmp_path / "s.webp", tiles, columns=3) == 3
    sheet = pixels(tmp_path / "s.webp")
    assert sheet.shape == (32, 48)
    assert np.abs(sheet[::16, ::16][:, :3] - [[10, 90, 170], [250, 30, 127]]).max() < 8
    assert (as_tile(np.zeros((4, 4)), 99) == 128).all()


@pytest.mark.parametrize(("name", "value"), [("seeds", 0), ("size", 8), ("steps", 0), ("every", 0), ("percentile", 3)])
def test_settings_out_of_range_are_named(name, value):
    with raises("out-of-range", name):
        AtlasSettings(**{name: value})


@pytest.mark.slow
def test_the_data_are_a_file_an_array_or_a_volume(network, volume, tmp_path):
    section = open_section(volume, inline=104)
    small = {
        "layers": ["enc1"],
        "steps": 1,
        "size": 32,
        "seeds": 1,
        "patches": 1,
        "channels_at_most": 1,
        "concepts": "none",
    }
    files = build_atlas(network, section, tmp_path / "section", **small)
    assert read(tmp_path / "section", "atlas")["lines"] == ["inline 104"]
    assert files[0].is_file()
    build_atlas(network, SegyVolume(volume), tmp_path / "volume", every=3, **small)
    assert read(tmp_path / "volume", "atlas")["lines"] == ["inline 100", "inline 106"]
    with raises("unknown-argument", "sizes"):
        build_atlas(network, section, tmp_path / "other", sizes=3)
