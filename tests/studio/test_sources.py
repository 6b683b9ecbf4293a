"""Only samples, noise, uploads and files below the folder of data can be opened."""

import pytest

from errors import raises
from seisdream.studio.sources import Sources
from seisdream.studio.studio import below


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "data" / "lines").mkdir(parents=True)
    (tmp_path / "data" / "lines" / "a.npy").write_bytes(b"a")
    (tmp_path / "data" / "notes.doc").write_bytes(b"")
    (tmp_path / "data" / "atlas").mkdir()
    for path in ("secret.html", "data/sheet.html", "data/atlas/index.html", "data/atlas/atlas.json"):
        (tmp_path / path).write_bytes(b"")
    (tmp_path / "data" / "leads-out.html").symlink_to(tmp_path / "secret.html")
    (tmp_path / "data" / "cube.zarr").mkdir()
    (tmp_path / "secret.npy").write_bytes(b"secret")
    (tmp_path / "uploads" / "0123456789abcdef").mkdir(parents=True)
    (tmp_path / "uploads" / "0123456789abcdef" / "line.sgy").write_bytes(b"b")
    (tmp_path / "data" / "leads-out.npy").symlink_to(tmp_path / "secret.npy")
    (tmp_path / "data" / "out").symlink_to(tmp_path)
    (tmp_path / "data" / "stays.npy").symlink_to(tmp_path / "data" / "lines" / "a.npy")
    return Sources(tmp_path / "data", tmp_path / "uploads")


def test_what_may_be_opened_has_a_path(sources, tmp_path):
    assert sources.resolve("data:lines/a.npy") == str(tmp_path / "data" / "lines" / "a.npy")
    assert sources.resolve("data:stays.npy") == str(tmp_path / "data" / "lines" / "a.npy")
    assert sources.resolve("upload:0123456789abcdef") == str(tmp_path / "uploads" / "0123456789abcdef" / "line.sgy")
    assert sources.resolve("sample:built-in") == "sample:built-in"
    assert sources.resolve("noise:20x30") == "noise:20x30"


@pytest.mark.parametrize(
    "source",
    [
        "data:../secret.npy",
        "data:lines/../../secret.npy",
        "data:/etc/passwd",
        "data://etc/passwd",
        "data:leads-out.npy",
        "data:out/secret.npy",
        "data:%2e%2e/secret.npy",
        "data:..%2fsecret.npy",
        "data:..\\secret.npy",
        "data:lines/a.npy\0.png",
        "data:absent.npy",
        "upload:../../secret",
        "upload:0123456789abcdee",
        "/etc/passwd",
        "file:///etc/passwd",
        "s3://bucket/line.zarr",
        "sample:../secret",
        "sample:unknown",
        "noise:-1x5",
        "",
    ],
)
def test_everything_else_is_refused(sources, source):
    with raises("not-found", option="source"):
        sources.resolve(source)


def test_large_noise_is_refused(sources):
    with raises("too-large", option="source"):
        sources.resolve("noise:100000x100000")


def test_a_folder_lists_what_can_be_opened(sources):
    kinds = {one["name"]: one["kind"] for one in sources.folder("")}
    assert kinds == {
        "atlas": "folder",
        "cube.zarr": "volume",
        "lines": "folder",
        "notes.doc": "other",
        "sheet.html": "page",
        "stays.npy": "section",
    }
    assert list(kinds)[-1] == "notes.doc"
    assert sources.folder("lines") == [
        {"name": "a.npy", "path": "lines/a.npy", "source": "data:lines/a.npy", "kind": "section", "bytes": 1}
    ]


@pytest.mark.parametrize("path", ["..", "out", "lines/a.npy", "cube.zarr", "/etc"])
def test_other_folders_are_not_listed(sources, path):
    with raises("not-found"):
        sources.folder(path)


@pytest.mark.parametrize(
    "path", ["../secret.html", "leads-out.html", "out/secret.html", "lines/a.npy", "atlas/index.html", "lines", ""]
)
def test_pages_are_those_of_commands_below_the_folder_of_data(sources, tmp_path, path):
    assert sources.page("sheet.html") == tmp_path / "data" / "sheet.html"
    with raises("not-found"):
        sources.page(path)


def test_without_a_folder_of_data_nothing_is_listed(tmp_path):
    with raises("not-found", option="data_dir"):
        Sources(None, tmp_path).folder("")


@pytest.mark.parametrize("name", ["../secret.npy", "/etc/passwd", "absent", "lines", "leads-out.npy", "a\0b"])
def test_files_of_results_are_confined_too(sources, tmp_path, name):
    with raises("not-found"):
        below(tmp_path / "data", name)
