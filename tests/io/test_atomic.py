"""Outputs are complete or absent."""

import errno
import os
from pathlib import Path

import pytest

from errors import raises
from seisdream.errors import SeisdreamError
from seisdream.io.atomic import check_writable, writing_file, writing_folder


def write_and_stop(path, error):
    path.write_bytes(b"half")
    raise error


def names_in(folder):
    return sorted(entry.name for entry in Path(folder).iterdir())


def test_a_folder_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "line.dream"
    with writing_folder(target) as partial:
        (partial / "dream.npy").write_bytes(b"new")
        assert not target.exists()
        assert partial.parent == target.parent
    assert names_in(tmp_path) == ["line.dream"]
    assert (target / "dream.npy").read_bytes() == b"new"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SeisdreamError])
def test_a_failing_block_leaves_no_files(tmp_path, failure):
    with pytest.raises(failure), writing_folder(tmp_path / "a" / "b" / "line.dream") as partial:
        write_and_stop(partial / "half", failure("stop"))
    with pytest.raises(failure), writing_file(tmp_path / "line.npy") as partial:
        write_and_stop(partial, failure("stop"))
    assert names_in(tmp_path) == []


def test_a_folder_with_files_is_replaced_only_with_force(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    with writing_folder(target) as partial:  # an empty folder is no obstacle
        (partial / "old").write_bytes(b"old")
    with raises("exists"), writing_folder(target):
        pytest.fail("the block must not run")
    with pytest.raises(ZeroDivisionError), writing_folder(target, force=True):
        _ = 1 / 0
    assert names_in(target) == ["old"]
    with writing_folder(target, force=True) as partial:
        (partial / "new").write_bytes(b"new")
    assert names_in(target) == ["new"]
    assert names_in(tmp_path) == ["out"]


def test_a_folder_that_fills_up_meanwhile_is_kept(tmp_path):
    target = tmp_path / "out"
    with raises("exists"), writing_folder(target) as partial:
        (partial / "mine").touch(), target.mkdir(), (target / "theirs").touch()
    assert names_in(target) == ["theirs"]
    assert names_in(tmp_path) == ["out"]


def test_force_never_deletes_the_input_or_the_current_folder(tmp_path, monkeypatch):
    source = tmp_path / "project" / "line.sgy"
    source.parent.mkdir()
    source.write_bytes(b"recorded")
    with raises("incompatible"):
        check_writable(source.parent, True, inputs=[source])
    with raises("incompatible"):
        check_writable(source, True, inputs=[source])
    monkeypatch.chdir(source.parent)
    with raises("incompatible"):
        check_writable(".", True)
    with raises("incompatible"):
        check_writable(tmp_path, True)


def test_force_deletes_only_folders_that_seisdream_wrote(tmp_path):
    target, marker = tmp_path / "out", "recipe.json"
    target.mkdir()
    (target / "cake.jpg").touch()
    for text in (None, "", "flour, eggs", "[]", '{"eggs": 3}', '{"written": true}', '{"written": {"by": "grandma"}}'):
        if text is not None:
            (target / marker).write_text(text)
        with raises("not-ours"), writing_folder(target, force=True, marker=marker):
            pytest.fail("the block must not run")
    assert (target / "cake.jpg").exists()


def test_force_keeps_a_folder_with_a_file_of_the_user(tmp_path):
    target, marker = tmp_path / "out", "recipe.json"

    def write(meanwhile=lambda: None):
        with writing_folder(target, force=True, marker=marker) as partial:
            (partial / "levels").mkdir()
            for name in (marker, "levels/[1].png", "dream.npy"):
                (partial / name).write_text("{}")
            meanwhile()

    write()
    write()
    for name in ("notes.txt", "levels/1.png", "levels/mine/notes.txt"):
        path = target / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
        with raises("not-ours"):
            write()
        assert path.read_text() == "mine"
        path.unlink()
    (target / "link").symlink_to(tmp_path)
    with raises("not-ours"):
        write()
    (target / "link").unlink()
    with raises("not-ours"):
        write(meanwhile=lambda: (target / "late.txt").touch())
    assert names_in(tmp_path) == ["out"]


def test_a_file_keeps_its_suffix_and_appears_whole(tmp_path):
    target = tmp_path / "levels.npy"
    with writing_file(target) as partial:
        assert partial.suffix == ".npy"
        assert not partial.exists()
        partial.write_bytes(b"one")
        assert not target.exists()
    assert target.read_bytes() == b"one"
    with raises("exists"), writing_file(target):
        pytest.fail("the block must not run")
    with writing_file(target, force=True) as partial:
        partial.write_bytes(b"two")
        assert target.read_bytes() == b"one"
    assert target.read_bytes() == b"two"
    assert names_in(tmp_path) == ["levels.npy"]


def test_a_file_cannot_replace_a_folder_nor_a_folder_a_file(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with raises("exists"):
        check_writable(tmp_path / "file", True, is_folder=True)
    with raises("exists"):
        check_writable(tmp_path / "folder", True, is_folder=False)
    with raises("write-failed"):
        check_writable(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "full"),
        (errno.EACCES, "permission"),
        (errno.EROFS, "read-only"),
        (errno.EINVAL, "Invalid"),
    ],
)
def test_operating_system_errors_become_user_errors(tmp_path, number, reason):
    with raises("write-failed", "out") as caught, writing_folder(tmp_path / "out") as partial:
        write_and_stop(partial / "half", OSError(number, os.strerror(number)))
    assert reason in str(caught.value)
    assert names_in(tmp_path) == []


def test_an_unwritable_parent_is_found_before_the_work(tmp_path, monkeypatch):
    # Root may write anywhere, so the answer of the system is replaced.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with raises("write-failed"):
        check_writable(tmp_path / "new" / "out")
    assert names_in(tmp_path) == []


def test_a_limit_on_file_size_leaves_no_files(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with raises("write-failed"), writing_folder(tmp_path / "out") as partial:
            (partial / "big").write_bytes(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names_in(tmp_path) == []
