"""Archives are unpacked whole or not at all, and never beyond their folder."""

import io
import tarfile
import zipfile

import numpy as np
import pytest

from errors import raises
from seisdream.io.archives import unpack

FILES = {"masks/a.png": b"a" * 1000, "masks/b.png": b"b", "__MACOSX/masks/._a.png": b"x", "masks/._b.png": b"x"}


def packed(path, files):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.mkdir("masks")
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


def listed(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(params=["all.zip", "all.tar.gz"])
def name(request):
    return request.param


def test_regular_files_are_unpacked_without_those_that_macos_adds(tmp_path, name):
    folder = unpack(packed(tmp_path / name, FILES), tmp_path / "out")
    assert listed(folder) == ["masks/a.png", "masks/b.png"]
    assert (folder / "masks" / "a.png").read_bytes() == b"a" * 1000
    assert listed(unpack(tmp_path / name, folder, wanted=lambda name: name.endswith("b.png"))) == ["masks/b.png"]


@pytest.mark.parametrize("wrong", ["../out.txt", "/etc/out.txt", "a/../../b", "..\\b", "C:/b"])
def test_nothing_is_written_outside(tmp_path, name, wrong):
    with raises("untrusted"):
        unpack(packed(tmp_path / name, {"a": b"", wrong: b"!"}), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_links_are_left_out(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert listed(unpack(tmp_path / "a.tar", tmp_path / "out")) == []


def test_an_archive_that_declares_too_much_is_refused(tmp_path, name):
    with raises("too-large"):
        unpack(packed(tmp_path / name, FILES), tmp_path / "out", most_bytes=100)
    assert not (tmp_path / "out").exists()


def test_a_damaged_archive_leaves_nothing_behind(tmp_path, name):
    whole = packed(tmp_path / name, {"a": np.random.default_rng(0).bytes(50_000)}).read_bytes()
    damaged = [whole[: len(whole) // 2], b"no archive"]
    if name.endswith(".zip"):
        damaged.append(whole[:1000] + bytes(100) + whole[1100:])
    for content in damaged:
        (tmp_path / name).write_bytes(content)
        with raises("corrupt"):
            unpack(tmp_path / name, tmp_path / "out")
        assert not (tmp_path / "out").exists()
