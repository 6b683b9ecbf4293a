"""The API: what it lists, what it refuses, and files of results."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from concept_files import write_concepts
from errors import raises
from seisdream.dreaming.settings import DreamSettings
from seisdream.studio.ending import Ending
from seisdream.studio.presets import PRESETS
from seisdream.studio.run_files import ZARR
from seisdream.studio.schema import schema_of
from seisdream.studio.sources import Sources
from seisdream.studio.uploads import Uploads


@pytest.fixture
def reader(studio, tasks):
    """A reader of this process in place of a worker."""
    from seisdream.studio.control import Control
    from seisdream.studio.reading import Reader

    made = Reader(studio.sources)
    control = Control(lambda name, data: None)
    for name in ("open", "samples"):
        task = getattr(made, name)
        tasks[name] = lambda arguments, observe, task=task: task(control=control, **arguments)
    return made


def test_the_studio_states_its_limits(client):
    state = client.get("/api/studio").json()
    assert state["network"] == "facies-robust"
    assert state["limits"]["uploads"] == 3
    assert {"sample:built-in", "sample:f3"} <= {one["source"] for one in state["samples"]}


def test_schemas_come_from_the_declarations(client):
    schema = client.get("/api/schema").json()
    steps = schema["dream"]["properties"]["steps"]
    assert (steps["type"], steps["minimum"], steps["maximum"]) == (["integer", "null"], 0, 1_000_000)
    assert steps["x-flag"] == "--steps"
    assert schema["open"]["properties"]["dt_ms"]["title"] == "Dt (ms)"
    assert schema["dream"]["properties"]["octave_scale"]["title"] == "Octave scale"
    assert schema["dream"]["properties"]["parameterization"]["enum"][:2] == ["pixel", "fourier"]
    assert schema["dream"]["properties"]["band"]["maxItems"] == 4
    assert schema["dream"]["properties"]["octave_scale"]["exclusiveMinimum"] == 1
    assert not {"input", "network", "weights"} & set(schema["dream"]["properties"])
    assert not {"inline", "crossline", "time_ms"} & set(schema["open"]["properties"])
    assert set(schema) == {"dream", "predict", "attribute", "controls", "open"}


def test_schemas_accept_the_defaults():
    for name, one in schema_of(DreamSettings)["properties"].items():
        kinds = one["type"] if isinstance(one["type"], list) else [one["type"]]
        names = {type(None): "null", str: "string", int: "integer", float: "number", bool: "boolean", list: "array"}
        assert names[type(one["default"])] in kinds, name


def test_presets_are_valid_settings(client):
    assert [one["name"] for one in client.get("/api/presets").json()] == [one.name for one in PRESETS]
    for one in PRESETS:
        if one.kind == "dream":
            assert DreamSettings(**one.settings)


def test_an_array_is_opened_and_its_samples_are_exact(client, reader, data_dir):
    values = np.random.default_rng(0).normal(size=(30, 20)).astype(np.float32)
    np.save(data_dir / "line.npy", values)
    section = client.post("/api/sections", json={"source": "data:line.npy", "options": {"dt_ms": 2.0}}).json()
    assert (section["kind"], section["axes"], section["title"]) == ("section", {}, "line.npy")
    assert sum(section["histogram"]["counts"]) == values.size
    assert client.get(f"/api/sections/{section['id']}").json() == section
    body = client.get(f"/api/sections/{section['id']}/samples").content
    n_header = int.from_bytes(body[:4], "little")
    header, samples = json.loads(body[4 : 4 + n_header]), np.frombuffer(body[4 + n_header :], "<i2")
    assert (4 + n_header) % 8 == 0
    assert (header["shape"], header["down"]["step"]) == ([30, 20], 2.0)
    np.testing.assert_allclose(samples.reshape(30, 20) / 32767 * header["limit"], values, atol=header["limit"] / 32767)


def test_a_volume_is_cut_along_its_axes(client, reader, data_dir):
    cube = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    np.save(data_dir / "cube.npy", cube)
    options = {"axes": ["inline", "crossline", "time"], "dt_ms": 4.0}
    section = client.post("/api/sections", json={"source": "data:cube.npy", "options": options}).json()
    assert section["kind"] == "volume"
    assert section["axes"]["crossline"] == {"first": 0, "last": 4, "step": 1, "count": 5, "unit": ""}
    for query, part in (("inline=1", cube[1].T), ("crossline=2", cube[:, 2].T), ("time=8", cube[:, :, 2])):
        body = client.get(f"/api/sections/{section['id']}/samples?{query}").content
        n_header = int.from_bytes(body[:4], "little")
        header = json.loads(body[4 : 4 + n_header])
        values = np.frombuffer(body[4 + n_header :], "<i2").reshape(header["shape"]) / 32767 * header["limit"]
        fits = part if values.shape == part.shape else part.T
        np.testing.assert_allclose(values, fits, atol=0.01)


def test_what_cannot_be_opened_is_explained(client, reader, data_dir):
    (data_dir / "broken.sgy").write_bytes(b"no SEG-Y" * 1000)
    answer = client.post("/api/sections", json={"source": "data:broken.sgy"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"]
    answer = client.post("/api/sections", json={"source": "noise:20x30", "options": {"colour": 3}})
    assert answer.json()["error"] | {"message": ""} == {"message": "", "code": "unknown-argument", "option": "colour"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "train", "section": "0" * 16},
        {"kind": "dream", "section": "../../etc"},
        {"kind": "dream", "section": "0" * 16, "settings": []},
        {"kind": "dream", "section": "0" * 16, "line": {"depth": 3}},
        {"kind": "dream", "section": "0" * 16, "extra": 1},
    ],
)
def test_malformed_runs_are_refused(client, body):
    answer = client.post("/api/runs", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "wrong-type"


def test_names_of_files_and_headers_stay_text(client, reader, data_dir):
    name = "<img src=x onerror=alert(1)>.npy"
    np.save(data_dir / name, np.random.default_rng(0).normal(size=(8, 8)))
    answer = client.get("/api/files")
    assert answer.headers["content-type"] == "application/json"
    assert [one["name"] for one in answer.json()["entries"]] == [name]


@pytest.mark.parametrize(
    "path",
    [
        "/site/../app.py",
        "/site/%2e%2e/app.py",
        "/site//etc/passwd",
        "/api/runs/0000000000000000/files/x",
        "/atlas/00/0/x",
    ],
)
def test_files_of_the_program_and_of_other_folders_are_not_served(client, path):
    assert client.get(path).status_code in (404, 422)


def test_files_of_a_result_have_a_policy_of_their_own(studio, tasks, client):
    tasks["dream"] = lambda arguments, observe: {"arrays": []}
    run = client.portal.call(studio.runs.add, {"kind": "dream", "section_id": "", "line": {}}, "")["id"]
    result = studio.runs.folder(run) / "result"
    result.mkdir()
    (result / "index.html").write_text("<p>page")
    (result / "dream.sgy").write_bytes(b"trace")
    page = client.get(f"/api/runs/{run}/files/index.html")
    assert page.headers["content-type"].startswith("text/html")
    assert "sandbox" in page.headers["content-security-policy"]
    export = client.get(f"/api/runs/{run}/export/segy")
    assert export.content == b"trace"
    assert export.headers["content-disposition"].startswith("attachment")
    assert client.get(f"/api/runs/{run}/export/film").status_code == 404
    assert client.get(f"/api/runs/{run}/export/zarr").status_code == 404
    (result / "recipe.json").write_text("{}")
    tasks["zarr"] = lambda arguments, observe: Path(arguments["folder"], ZARR).write_bytes(b"zip")
    assert client.get(f"/api/runs/{run}/export/zarr").content == b"zip"
    assert client.get(f"/api/runs/{run}/files/..%2fmask.json").status_code == 404


def test_a_page_in_the_folder_of_data_opens_in_a_sandbox(client, data_dir):
    (data_dir / "sheet #1.html").write_text("<p>sheet")
    page = client.get("/pages/sheet%20%231.html")
    assert (page.status_code, page.text) == (200, "<p>sheet")
    assert "sandbox allow-scripts" in page.headers["content-security-policy"]
    assert client.get("/pages/..%2fhistory.sqlite").status_code == 404
    del client.headers["authorization"]
    assert client.get("/pages/sheet%20%231.html").headers["location"] == "/login"


def test_uploads_are_kept_listed_and_limited(studio, client):
    answer = client.post("/api/uploads?name=../../line 1.npy", content=b"x" * 3_000_000)
    assert answer.status_code == 201
    upload = answer.json()
    assert (upload["name"], upload["bytes"]) == ("_.._line_1.npy", 3_000_000)
    assert Sources(None, studio.sources.uploads).resolve(upload["source"]).endswith("_.._line_1.npy")
    assert client.get("/api/uploads").json() == [upload]
    assert client.post("/api/uploads?name=code.py", content=b"x").status_code == 400
    assert client.post("/api/uploads?name=line.npy", content=b"").status_code == 400
    studio.uploads.most_bytes = 10
    assert client.post("/api/uploads?name=line.npy", content=b"x" * 11).status_code == 413
    assert len(client.get("/api/uploads").json()) == 1
    for _ in range(2):
        client.post("/api/uploads?name=line.npy", content=b"x")
    assert client.post("/api/uploads?name=line.npy", content=b"x").status_code == 413
    assert client.delete(f"/api/uploads/{upload['source'].removeprefix('upload:')}").status_code == 204
    assert len(client.get("/api/uploads").json()) == 2


def test_what_a_killed_studio_had_of_an_upload_is_removed(tmp_path):
    partial = tmp_path / "0123456789abcdef" / "line.npy.partial"
    partial.parent.mkdir()
    partial.write_bytes(b"x")
    assert Uploads(tmp_path, most_bytes=9, most_files=1).list() == []
    assert not partial.parent.exists()


def test_a_tile_is_made_once_for_each_line_network_and_objective(studio, tasks, client):
    studio.history.keep_section({"id": "0" * 16, "title": "", "line": {}, "source": "noise:8x8", "options": {}})
    asked = []

    def tile(arguments, observe):
        asked.append((arguments["line"], arguments["network"], arguments["objective"]))
        Path(arguments["out"]).write_text(json.dumps({"number": len(asked)}))

    tasks["tile"] = tile
    queries = ["objective=enc1", "objective=enc1", "objective=class:salt", "objective=enc1&inline=3"]
    answers = [client.get(f"/api/sections/{'0' * 16}/tile?network=facies&{query}").json() for query in queries]
    assert [answer["number"] for answer in answers] == [1, 1, 2, 3]
    assert asked == [({}, "facies", "enc1"), ({}, "facies", "class:salt"), ({"inline": 3.0}, "facies", "enc1")]
    assert client.get(f"/api/sections/{'1' * 16}/tile?network=facies&objective=enc1").status_code == 404
    assert client.get(f"/api/sections/{'0' * 16}/tile?network=%00&objective=%00").status_code == 200, "a worker refuses"


def test_a_point_shows_what_its_channels_draw_in_an_atlas(studio, tasks, client, data_dir):
    atlas = data_dir / "books" / "gabor"
    (atlas / "dreams" / "stage2-rectified").mkdir(parents=True)
    (atlas / "atlas.json").write_text(json.dumps({"network": {"name": "gabor"}}))
    (atlas / "dreams" / "stage2-rectified" / "003.webp").write_bytes(b"picture")
    assert client.get("/api/atlases").json() == [], "without its page it is not whole"
    (atlas / "index.html").write_text("")
    (listed,) = client.get("/api/atlases").json()
    assert (listed["title"], listed["network"]) == ("gabor", "gabor")
    channels = [{"channel": 3}, {"channel": 4}]
    tasks["point"] = lambda arguments, observe: {"layers": [{"layer": "stage2/rectified", "channels": channels}]}
    studio.history.keep_section({"id": "0" * 16, "title": "", "line": {}, "source": "noise:8x8", "options": {}})
    body = {"section": "0" * 16, "network": "gabor", "down": 1, "across": 1}
    first, second = client.post("/api/point", json=body).json()["layers"][0]["channels"]
    assert client.get(first["picture"]).content == b"picture"
    assert second["picture"] is None


def test_the_link_of_an_atlas_opens_its_files_without_a_cookie_and_nothing_else(client, data_dir):
    for name in ("one", "two"):
        (data_dir / name).mkdir()
        (data_dir / name / "atlas.json").write_text("{}")
        (data_dir / name / "index.html").write_text(name)
    one, two = (atlas["link"] for atlas in client.get("/api/atlases").json())
    del client.headers["authorization"]
    page = client.get(one)
    assert page.text == "one"
    assert "sandbox allow-scripts" in page.headers["content-security-policy"]
    assert "allow-same-origin" not in page.headers["content-security-policy"]
    assert client.get(two).text == "two"
    key = one.split("/")[3]
    assert client.get(two.replace(two.split("/")[3], key)).status_code == 404
    assert client.get(one.replace(key, "")).status_code == 404
    assert client.get(one.replace("index.html", "..%2ftwo%2findex.html")).status_code == 404
    assert client.get("/api/atlases").status_code == 401


def test_concepts_are_listed_with_their_names_and_objectives(studio, client, data_dir, tmp_path):
    write_concepts(data_dir / "f3" / "gabor.concepts", "gabor", "stage1/filters", ["", "even beds", "a+b", "7"])
    (data_dir / "f3" / "gabor.concepts" / "index.html").write_text("")
    (data_dir / "broken").mkdir()
    (data_dir / "broken" / "concepts.json").write_text("[]")
    (found,) = client.get("/api/concepts").json()
    assert [found[name] for name in ("source", "title", "network", "layer", "page")] == [
        "data:f3/gabor.concepts", "f3/gabor.concepts", "gabor", "stage1/filters", "/pages/f3/gabor.concepts/index.html"
    ]  # fmt: skip
    objectives = [one["objective"].removeprefix("concept:stage1/filters/") for one in found["concepts"]]
    assert objectives == ["0", "even beds", "2", "3"]
    assert client.get(found["page"]).status_code == 200


def test_concepts_of_atlases_elsewhere_can_be_opened_too(studio, client, data_dir, tmp_path):
    for atlas in (data_dir / "one", tmp_path / "two"):
        write_concepts(atlas / "concepts", "gabor", "stage1/filters", [""])
        (atlas / "atlas.json").write_text("{}")
        (atlas / "index.html").write_text("")
    object.__setattr__(studio.sources, "atlases", (tmp_path / "two",))
    sources = {one["title"]: one["concepts"] for one in client.get("/api/atlases").json()}
    assert sources["one"] == "data:one/concepts"
    assert studio.sources.resolve(sources["two"]) == str(tmp_path / "two" / "concepts")
    with raises("not-found"):
        studio.sources.resolve("concepts:../two/concepts")


@pytest.mark.parametrize("has_begun", [False, True])
def test_a_request_that_the_end_of_the_studio_cancels_has_an_answer(has_begun):
    sent = []

    async def waits(scope, receive, send):
        if has_begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    async def cancelled():
        async def send(message):
            sent.append(message)

        task = asyncio.create_task(Ending(waits)({"type": "http"}, None, send))
        await asyncio.sleep(0)
        task.cancel()
        await task

    asyncio.run(cancelled())
    assert sent[0]["status"] == (200 if has_begun else 503)
    assert not sent[-1].get("more_body", False)
