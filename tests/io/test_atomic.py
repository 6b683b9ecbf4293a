"""Outputs are complete or absent."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from errors import raises
from seisdream.errors import SeisdreamError
from seisdream.io.atomic import check_writable, make_temporary_folder, writing_file, writing_folder
from seisdream.io.written_files import record_of


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
        assert partial.parent.parent == target.parent
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


def test_where_a_name_is_taken_meanwhile_both_outputs_are_kept(tmp_path):
    target = tmp_path / "out"
    with raises("exists") as caught, writing_folder(target) as partial:
        (partial / "mine").touch(), target.mkdir(), (target / "theirs").touch()
    kept = caught.value.path
    assert str(kept) in str(caught.value)
    assert (names_in(target), names_in(kept)) == (["theirs"], ["mine"])
    assert names_in(tmp_path) == ["out", kept.name]
    with raises("exists") as caught, writing_file(tmp_path / "line.npy") as partial:
        partial.write_text("mine"), (tmp_path / "line.npy").write_text("theirs")
    assert caught.value.path.read_text() == "mine"
    assert caught.value.path.suffix == ".npy"


def test_where_no_rename_is_permitted_the_result_stays_where_it_is(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "refused")

    with raises("write-failed") as caught, writing_file(tmp_path / "line.npy") as partial:
        partial.write_text("mine")
        monkeypatch.setattr(os, "replace", refuse)
        monkeypatch.setattr(Path, "rename", refuse)
    monkeypatch.undo()
    with writing_file(tmp_path / "line.npy") as partial:
        partial.touch()
    assert caught.value.path.read_text() == "mine", "the next one does not remove it"


def test_an_earlier_folder_is_kept_where_the_new_one_may_not_replace_it(tmp_path, monkeypatch):
    target = tmp_path / "out"
    for text in ("old", "new"):
        with contextlib.suppress(SeisdreamError), writing_folder(target, force=True) as partial:
            (partial / "file").write_text(text)
            if text == "new":
                monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EBUSY, "busy")))
    assert (target / "file").read_text() == "old"
    (kept,) = (path for path in tmp_path.iterdir() if path != target)
    assert (kept / "file").read_text() == "new"


def test_an_earlier_folder_is_back_after_an_interrupt_between_two_renames(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    target = tmp_path / "out"
    with writing_folder(target) as partial:
        (partial / "old").touch()
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt), writing_folder(target, force=True) as partial:
        (partial / "new").touch()
    assert names_in(tmp_path) == ["out"]
    assert names_in(target) == ["old"]


def test_a_folder_that_lists_its_own_files_is_moved_without_writing(tmp_path):
    target, marker = tmp_path / "out", "atlas.json"
    text = json.dumps(record_of(marker, "*.webp"))
    for _ in range(2):
        with writing_folder(target, force=True, marker=marker) as partial:
            (partial / marker).write_text(text)
            (partial / "scene.webp").touch()
        assert (target / marker).read_text() == text


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
    assert (target / "late.txt").exists()


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


KILLED = """
import os, signal, sys
from seisdream.io.atomic import writing_file, writing_folder
for target in sys.argv[2:]:
    with writing_folder(target) if target.endswith("folder") else writing_file(target) as partial:
        (partial / "file" if partial.is_dir() else partial).touch()
        if target == sys.argv[-1]:
            print("begun", flush=True)
            if sys.argv[1] == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            sys.stdin.read()
"""


def start(what, *targets):
    command = [sys.executable, "-c", KILLED, what, *map(str, targets)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")
@pytest.mark.parametrize("name", ["folder", "file.npy"])
def test_what_a_killed_process_left_is_removed_and_what_a_running_one_writes_is_kept(tmp_path, name):
    target = tmp_path / name
    killed = start("dies", target)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    running = start("runs", tmp_path / f"other-{name}", target)
    assert running.stdout.readline() == b"begun\n"
    assert not left.exists()
    (tmp_path / f".{name}.partial-mine").mkdir()
    for _ in range(2):
        with contextlib.suppress(SeisdreamError), writing_file(target) as partial:
            partial.touch()
    running.communicate()
    assert running.returncode == 1, "it finished, but the name was taken"
    names = [one for one in names_in(tmp_path) if ".finished-" not in one]
    assert names == sorted([f".{name}.partial-mine", name, f"other-{name}"])
    assert len(names_in(tmp_path)) == len(names) + 1


TEMPORARY = """
import sys, time
from seisdream.io.atomic import make_temporary_folder
folder, lock = make_temporary_folder("seisdream-test")
(folder / "file").touch()
print(folder, flush=True)
sys.stdin.read()
"""


def test_temporary_folders_of_killed_processes_are_removed_and_those_in_use_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    processes = [
        subprocess.Popen([sys.executable, "-c", TEMPORARY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    _, used = (Path(process.stdout.readline().decode().strip()) for process in processes)
    assert used.stat().st_mode & 0o777 == 0o700
    processes[0].kill()
    processes[0].communicate()
    folder, lock = make_temporary_folder("seisdream-test")
    assert names_in(tmp_path) == sorted([used.name, folder.name])
    processes[1].communicate()
    lock.close()


def test_after_a_kill_between_two_renames_the_earlier_folder_is_back(tmp_path):
    partial = tmp_path / ".out.partial-1234"
    for folder in ("out", ".seisdream-old"):
        (partial / folder).mkdir(parents=True)
    (partial / ".seisdream-old" / "file").touch()
    (partial / ".seisdream-lock").write_bytes(b"A process of seisdream that runs has locked this file.\n")
    with raises("exists"), writing_folder(tmp_path / "out"):
        pytest.fail("the block must not run")
    assert names_in(tmp_path) == ["out"]
    assert names_in(tmp_path / "out") == ["file"]


def test_everything_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synchronized = []
    monkeypatch.setattr(os, "fsync", lambda number: synchronized.append(os.readlink(f"/proc/self/fd/{number}")))
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("the names of open files are not known here")
    with writing_folder(tmp_path / "out") as partial:
        (partial / "levels").mkdir()
        (partial / "levels" / "1.png").touch()
    assert [*map(Path, synchronized)] == [partial / "levels", partial / "levels" / "1.png", partial, tmp_path]


def test_a_file_has_the_mode_that_the_user_wants(tmp_path):
    with writing_file(tmp_path / "net") as partial:
        partial.touch(mode=0o600)
    (tmp_path / "other").touch()
    assert (tmp_path / "net").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_full_disk_has_one_message_whoever_writes(full_disk):
    values = np.ones(1_000_000, np.float32)

    def save_checkpoint(path):
        with path.open("wb") as file:
            torch.save({"values": torch.from_numpy(values)}, file)

    writers = [
        lambda path: np.save(path, values),
        lambda path: path.write_bytes(bytes(values)),
        lambda path: safetensors.torch.save_file({"values": torch.from_numpy(values)}, path),
        save_checkpoint,
    ]
    for write in writers:
        with raises("write-failed") as caught, writing_file(full_disk / "out.npy") as partial:
            write(partial)
        assert "the disk is full" in str(caught.value)
        assert names_in(full_disk) == []
