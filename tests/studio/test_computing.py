"""Runs give what the library gives, and refuse what a request may not name."""

import base64
import json
import re
import shlex

import numpy as np
import pytest

import seisdream as sd
from concept_files import write_concepts
from errors import raises
from seisdream.attribution.settings import AttributionSettings
from seisdream.dreaming.settings import DreamSettings
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.sheet.settings import SheetSettings
from seisdream.sheet.sheet import make_sheet
from seisdream.significance.settings import ControlSettings
from seisdream.studio.computing import Runner
from seisdream.studio.control import Control, StoppedError
from seisdream.studio.inspection import Inspector
from seisdream.studio.sources import Sources
from seisdream.volumes.settings import VolumeAttributionSettings, VolumeSettings

QUICK = {"octaves": 1, "steps": 2, "jitter": 2}


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def runner(tmp_path):
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "line.npy", np.random.default_rng(1).normal(size=(40, 48)).astype(np.float32))
    return Runner(Sources(tmp_path / "data", tmp_path / "uploads"), frozenset({"trusted.nets:make"}))


@pytest.fixture
def events():
    return []


@pytest.fixture
def control(events):
    made = Control(lambda name, data: events.append((name, data)))
    made.begin()
    return made


def request(settings, *, network="gabor", source="data:line.npy", **more):
    return {"settings": settings, "network": network, "section": {"source": source, "options": {}}, "line": {}, **more}


def samples_of(path):
    body = path.read_bytes()
    n_header = int.from_bytes(body[:4], "little")
    header = json.loads(body[4 : 4 + n_header])
    return header, np.frombuffer(body[4 + n_header :], "<i2").reshape(header["shape"])


def test_a_dream_equals_that_of_the_library(runner, control, events, place, tmp_path):
    done = runner.dream(request=request(QUICK), folder=str(place), control=control)
    expected = sd.dream(sd.open_section(tmp_path / "data" / "line.npy"), "gabor", **QUICK).dream.values
    np.testing.assert_array_equal(np.load(place / "result" / "dream.npy"), expected)
    assert [name for name, _ in events] == ["started", "step", "step", "computed"]
    assert [data["state"] for name, data in events if name == "step"] == [1, 2]
    assert done["arrays"] == ["dream", "before"]
    assert {"dream.npy", "recipe.json", "scores.csv"} <= set(done["files"])
    header, samples = samples_of(place / "arrays" / "dream.bin")
    np.testing.assert_allclose(samples / 32767 * header["limit"], expected, atol=header["limit"] / 32000)


def test_absent_samples_are_absent_in_the_dream_and_its_input(runner, control, place, tmp_path):
    values = np.random.default_rng(1).normal(size=(40, 48)).astype(np.float32)
    values[:6, 8:] = -999.25
    np.save(tmp_path / "data" / "line.npy", values)
    section = {"source": "data:line.npy", "options": {"undefined": "-999.25"}}
    runner.dream(request=request(QUICK, section=section), folder=str(place), control=control)
    for name in ("dream", "before"):
        assert np.array_equal(samples_of(place / "arrays" / f"{name}.bin")[1] == -32768, values == -999.25)


@pytest.mark.slow
def test_the_last_frame_shows_the_result(runner, control, place):
    runner.dream(request=request(QUICK | {"clip": False}), folder=str(place), control=control)
    assert sorted(path.name for path in (place / "frames").iterdir()) == ["1.bin", "2.bin"]
    header, frame = samples_of(place / "frames" / "2.bin")
    dream = np.load(place / "result" / "dream.npy")
    np.testing.assert_allclose(frame / 32767 * header["limit"], dream, atol=0.02 * np.abs(dream).max())


def test_a_drawn_mask_restricts_the_dream_and_the_command_repeats_it(runner, control, place):
    drawn = np.zeros((40, 48), np.uint8)
    drawn[10:30, 8:24] = 255
    mask = {"polygons": [], "shape": [40, 48], "data": base64.b64encode(drawn.tobytes()).decode()}
    (place / "mask.json").write_text(json.dumps(mask))
    runner.dream(request=request(QUICK), folder=str(place), control=control)
    changed = np.load(place / "result" / "dream.npy") != np.load(runner._requests._sources.resolve("data:line.npy"))
    assert changed[drawn > 0].any()
    assert not changed[drawn == 0].any()
    command = shlex.split(json.loads((place / "commands.json").read_text())["command"])
    assert command[command.index("--mask") + 1] == str(place / "mask.npy")


@pytest.mark.slow
def test_polygons_are_in_the_coordinates_of_the_section(runner, control, place):
    polygon = [[10.0, 12.0], [30.0, 12.0], [30.0, 25.0], [10.0, 25.0]]
    (place / "mask.json").write_text(json.dumps({"polygons": [polygon], "shape": None, "data": None}))
    runner.dream(request=request(QUICK), folder=str(place), control=control)
    changed = np.load(place / "result" / "dream.npy") != np.load(runner._requests._sources.resolve("data:line.npy"))
    rows, columns = np.nonzero(changed)
    # The edge itself may count as outside.
    assert rows.min() in (12, 13)
    assert rows.max() in (24, 25)
    assert columns.min() in (10, 11)
    assert columns.max() in (29, 30)


@pytest.mark.slow
def test_a_stopped_dream_keeps_whole_levels(runner, events, place):
    control = Control(
        lambda name, data: events.append((name, data)) or (data.get("state") == 3 and control.obey("stop"))
    )
    control.begin()
    done = runner.dream(request=request(QUICK | {"levels": 2}), folder=str(place), control=control)
    assert done["stopped"]
    assert done["summary"]["n_levels"] == 1
    control.begin()
    (place / "again").mkdir()
    with pytest.raises(StoppedError):
        runner.dream(request=request(QUICK | {"steps": 5}), folder=str(place / "again"), control=control)


def test_a_dream_that_is_not_finite_keeps_its_last_good_state(runner, control, events, place, monkeypatch):
    network, n_forward = sd.load_network("gabor"), 0

    def explode(module, given, output):
        nonlocal n_forward
        n_forward += bool(events)  # Since the dream has started.
        return output * (float("nan") if n_forward > 2 else 1.0)

    network.module.get_submodule("stage1/filters").register_forward_hook(explode)
    monkeypatch.setattr(runner._requests, "open_network", lambda name: network)
    settings = QUICK | {"steps": 4, "layer": "stage1/filters", "parameterization": "pixel"}
    done = runner.dream(request=request(settings), folder=str(place), control=control)
    (problem,) = (data["text"] for name, data in events if name == "note")
    assert problem.startswith("Step 3 of octave 1")
    assert (done["stopped"], done["notes"][-1]) == (True, problem)
    assert sum(name == "step" for name, _ in events) == 2
    kept = np.load(place / "result" / "dream.npy")
    assert np.isfinite(kept).all()
    assert not np.array_equal(kept, np.load(place.parent / "data" / "line.npy"))


def test_a_prediction_has_its_classes_with_colours(runner, control, events, place):
    done = runner.predict(
        request=request({"augmentations": 0, "as_is": True}, network="facies"), folder=str(place), control=control
    )
    assert {"classes", "entropy", "probability-salt"} <= set(done["arrays"])
    body = (place / "arrays" / "classes.bin").read_bytes()
    header = json.loads(body[4 : 4 + int.from_bytes(body[:4], "little")])
    assert header["classes"][0] == {"name": "parallel-high", "colour": "#d9a441"}
    assert events[0][0] == "started"
    assert ("progress", {"done": 1, "total": 1, "what": "tiles"}) in events


@pytest.mark.slow
def test_an_attribution_and_controls_equal_those_of_the_library(runner, control, place, tmp_path):
    settings = {"at": [20.0, 30.0], "target": "class:salt", "method": "occlusion", "patch": [20, 20]}
    runner.attribute(request=request(settings, network="facies"), folder=str(place), control=control)
    line = sd.open_section(tmp_path / "data" / "line.npy")
    expected = sd.attribute(line, "facies", "class:salt", at=(20, 30), method="occlusion", patch=(20, 20))
    np.testing.assert_array_equal(np.load(place / "result" / "attribution.npy"), expected.values)
    (place / "controls").mkdir()
    settings = {"measure": "activation", "surrogates": 4, "others": False, "random": 0, "block": 16}
    done = runner.controls(request=request(settings), folder=str(place / "controls"), control=control)
    assert "activation" in done["arrays"]


@pytest.mark.parametrize(
    ("settings", "network", "code"),
    [
        ({}, "os:system", "untrusted"),
        ({}, "/etc/passwd.safetensors", "untrusted"),
        ({}, "timm:resnet18", "untrusted"),
        ({"layer": "os:getcwd::enc1"}, "gabor", "untrusted"),
        ({"layer": "subprocess:run::layer"}, "gabor", "untrusted"),
        ({"layer": "direction:stage1@/etc/passwd"}, "gabor", "not-found"),
        ({"mask": "data:../x=1"}, "gabor", "not-found"),
        ({"weights": "/etc/passwd"}, "gabor", "unknown-argument"),
        ({"input": "/etc/passwd"}, "gabor", "unknown-argument"),
        ({"network_options": {}}, "gabor", "unknown-argument"),
        ({"steps": 1_000_000}, "gabor", "too-large"),
    ],
)
def test_requests_name_no_other_files_and_no_code(runner, control, place, settings, network, code):
    with raises(code):
        runner.dream(request=request(settings, network=network), folder=str(place), control=control)


NAMED = [one.name for one in DreamSettings.declared() if one.declared.metavar in ("W", "FILE", "FOLDER", "FILE|WINDOW")]


@pytest.mark.parametrize("name", NAMED)
def test_settings_of_a_dream_name_only_files_of_the_studio(runner, name):
    with raises("not-found"):
        runner._requests.dream_settings({name: "/etc/passwd"}, request({})["section"], {}, "gabor")


@pytest.mark.parametrize(
    "settings", [PredictionSettings, AttributionSettings, ControlSettings, VolumeAttributionSettings]
)
def test_other_settings_name_no_files(settings):
    assert [one.name for one in settings.declared() if re.search("FILE|FOLDER|DIR", one.declared.metavar or "")] == []


def test_a_job_that_reads_other_files_is_not_resumed(runner, control, place, tmp_path):
    job = tmp_path / "data" / "job"
    job.mkdir()
    np.save(tmp_path / "elsewhere.npy", np.zeros((40, 48), np.float32))
    known = {"input": {"source": str(tmp_path / "elsewhere.npy"), "options": {}}, "network": {"name": "gabor"}}
    identity = {"settings": DreamSettings().to_dict(), "volume_settings": VolumeSettings().to_dict()}
    record = {"command": "dream", "identity": identity, "provenance": known}
    (job / "job.json").write_text(json.dumps(record))
    with raises("untrusted"):
        runner.volume(request={"job": str(job)}, folder=str(place), control=control)


def test_what_fires_at_a_point(runner, control, tmp_path):
    inspector = Inspector(runner._requests._sources, frozenset())
    where = {"section": {"source": "data:line.npy", "options": {}}, "line": {}}
    found = inspector.point(**where, network="gabor", down=30, across=20, layers=None, count=3, control=control)
    line = sd.open_section(tmp_path / "data" / "line.npy")
    layer = found["layers"][0]["layer"]
    recorded = sd.record_activations(line, "gabor", layer)
    for one in found["layers"][0]["channels"]:
        channel = recorded[one["channel"]]
        row = np.abs(channel["row"].values - np.abs(line[line.dims[0]].values - 30).argmin()).argmin()
        column = np.abs(channel["column"].values - np.abs(line[line.dims[1]].values - 20).argmin()).argmin()
        assert one["value"] == pytest.approx(float(channel[row, column]))
        below = (channel.values < one["value"]).mean() + 0.5 * (channel.values == one["value"]).mean()
        assert one["rank"] == pytest.approx(below, abs=1e-4)
    ranks = [one["rank"] for one in found["layers"][0]["channels"]]
    assert ranks == sorted(ranks, reverse=True)


def test_a_tile_is_that_of_a_sheet_of_the_library(runner, control, tmp_path):
    inspector = Inspector(runner._requests._sources, frozenset())
    where = {"section": {"source": "data:line.npy", "options": {}}, "line": {}, "network": "gabor"}
    inspector.tile(
        **where, objective="stage1/rectified:2", concepts=None, out=str(tmp_path / "tile.json"), control=control
    )
    tile = json.loads((tmp_path / "tile.json").read_text())
    sheet = make_sheet(
        sd.open_section(tmp_path / "data" / "line.npy"),
        sd.load_network("gabor"),
        SheetSettings(objectives=("stage1/rectified:2",)),
    )
    assert tile["before"] == sheet.picture(sheet.part)
    assert tile["dream"] == sheet.picture(sheet.tiles["stage1/rectified:2"]) != tile["before"]
    assert tile["part"] == {"row": [0.0, 39.0], "column": [0.0, 47.0]}
    for objective, code in (("os:getcwd::enc1", "untrusted"), ("direction:stage1@/etc/passwd", "not-found")):
        with raises(code):
            inspector.tile(
                **where, objective=objective, concepts=None, out=str(tmp_path / "other.json"), control=control
            )
    assert not (tmp_path / "other.json").exists()


def test_a_concept_of_the_folder_of_data_is_dreamed_and_drawn_small(runner, control, place, tmp_path):
    folder = tmp_path / "data" / "gabor.concepts"
    write_concepts(folder, "gabor", "stage1/rectified", ["", "even beds"])
    named = {"layer": "concept:stage1/rectified/even beds", "concepts": "data:gabor.concepts"}
    runner.dream(request=request({**QUICK, **named}), folder=str(place), control=control)
    layer = f"direction:stage1/rectified@{folder}/directions.npz#1"
    expected = sd.dream(sd.open_section(tmp_path / "data" / "line.npy"), "gabor", layer, **QUICK).dream.values
    np.testing.assert_array_equal(np.load(place / "result" / "dream.npy"), expected)
    inspector = Inspector(runner._requests._sources, frozenset())
    where = {"section": {"source": "data:line.npy", "options": {}}, "line": {}, "network": "gabor"}
    out = {"out": str(tmp_path / "tile.json"), "control": control, "objective": named["layer"]}
    inspector.tile(**where, concepts=named["concepts"], **out)
    tile = json.loads((tmp_path / "tile.json").read_text())
    assert tile["dream"] != tile["before"]
    with raises("not-found"):
        inspector.tile(**where, concepts="data:../gabor.concepts", **out)


def test_a_network_is_described(runner, control):
    described = Inspector(runner._requests._sources, frozenset()).network(name="facies-robust", control=control)
    assert described["default_layer"] == "enc4"
    assert described["classes"][-1] == {"name": "salt", "colour": "#e38fb1"}
    assert [one["name"] for one in described["layers"]][:1] == ["enc1.conv1"]
