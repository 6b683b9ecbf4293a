"""Files are downloaded once, verified, and otherwise the error says where to put a copy."""

import hashlib

import pytest

from errors import raises
from seisdream.io.fetch import cache_folder, fetch, git_blob_id

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SHA1 = hashlib.sha1(CONTENT).hexdigest()


def test_a_cached_file_needs_no_server(tmp_path, serving):
    reports = []
    with serving({"line": CONTENT}) as (home, requests):
        path = fetch(
            f"{home}/line",
            "line.dat",
            sha256=SHA256,
            folder=tmp_path,
            progress=lambda *now: reports.append(now),
        )
    assert path == tmp_path / "line.dat"
    assert path.read_bytes() == CONTENT
    assert len(requests) == 1
    assert reports[-1] == (len(CONTENT), len(CONTENT))
    assert all(done <= total for done, total in reports)
    assert fetch(f"{home}/line", "line.dat", sha256=SHA256, folder=tmp_path) == path


def test_a_mirror_is_tried_and_a_wrong_file_is_not_kept(tmp_path, serving):
    with serving({"wrong": b"something else", "right": CONTENT}) as (home, requests):
        homes = [f"{home}/missing", f"{home}/wrong", f"{home}/right"]
        assert fetch(homes, "net", sha1=SHA1, folder=tmp_path).read_bytes() == CONTENT
        assert requests == ["/missing", "/wrong", "/right"]
        with raises("download-failed") as caught:
            fetch(homes[:2], "other", sha256=SHA256, folder=tmp_path)
    message = str(caught.value)
    assert "404" in message
    assert hashlib.sha256(b"something else").hexdigest() in message
    assert SHA256 in message
    assert str(tmp_path / "other") in message
    assert [entry.name for entry in tmp_path.iterdir()] == ["net"]


def test_md5_is_accepted(tmp_path, serving):
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    with serving({"right": CONTENT, "wrong": CONTENT[1:]}) as (home, _):
        assert fetch(f"{home}/right", "a", md5=md5.upper(), folder=tmp_path).read_bytes() == CONTENT
        with raises("hash-mismatch"):
            fetch(f"{home}/wrong", "b", md5=md5, folder=tmp_path)


def test_without_a_server_the_message_says_where_to_put_the_file(tmp_path, serving):
    with serving({}) as (home, _):
        pass
    with raises("download-failed") as caught:
        fetch(f"{home}/line", "line.dat", sha256=SHA256, folder=tmp_path / "new")
    assert home in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_changed_cached_file_is_downloaded_again(tmp_path, serving):
    (tmp_path / "line").write_bytes(CONTENT[:-1])
    with serving({"line": CONTENT}) as (home, _):
        assert fetch(f"{home}/line", "line", sha256=SHA256, folder=tmp_path).read_bytes() == CONTENT


def test_a_truncated_download_is_not_kept(tmp_path, serving):
    class Short(bytes):
        def __len__(self):
            return 2 * super().__len__()

    with (
        serving({"line": Short(CONTENT)}) as (home, _),
        raises("download-failed"),
    ):
        fetch(f"{home}/line", "line", sha256=SHA256, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_git_blob_identifies_a_file(tmp_path, serving):
    # git hash-object of a file that holds "hello\n"
    hello = "ce013625030ba8dba906f756967f9e9ca394464a"
    with serving({"net": b"hello\n"}) as (home, _):
        path = fetch(f"{home}/net", "net", verify=lambda file: git_blob_id(file) == hello, folder=tmp_path)
        assert git_blob_id(path) == hello
        with raises("hash-mismatch"):
            fetch(f"{home}/net", "net2", verify=lambda _: False, folder=tmp_path)


def test_a_hash_or_a_check_is_needed(tmp_path):
    with pytest.raises(ValueError, match="unchecked"):
        fetch("http://127.0.0.1:1/x", "x", folder=tmp_path)


def test_the_cache_folder_can_be_set(tmp_path, monkeypatch):
    monkeypatch.setenv("SEISDREAM_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("SEISDREAM_CACHE")
    assert "seisdream" in str(cache_folder())
