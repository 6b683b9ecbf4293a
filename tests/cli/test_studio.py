"""`seisdream studio`: what it refuses before it listens."""

import socket

import pytest

from errors import raises
from seisdream.cli.studio import _source
from seisdream.studio.serve import _lock, serve
from seisdream.studio.settings import StudioSettings


def test_a_file_is_opened_from_its_folder(tmp_path):
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / "a.sgy").touch()
    file = str(tmp_path / "lines" / "a.sgy")
    assert _source(file, None) == ("data:a.sgy", str(tmp_path / "lines"))
    assert _source(file, str(tmp_path)) == ("data:lines/a.sgy", str(tmp_path))
    assert _source("sample:f3", None) == ("sample:f3", None)


def test_a_file_elsewhere_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "a.sgy").touch()
    with raises("incompatible", option="data_dir"):
        _source(str(tmp_path / "a.sgy"), str(tmp_path / "data"))
    with raises("not-found", option="file"):
        _source(str(tmp_path / "b.sgy"), None)


def test_others_need_a_password(tmp_path):
    with raises("missing-argument", option="password"):
        serve(StudioSettings(host="0.0.0.0", home=str(tmp_path)))


def test_a_folder_of_data_exists(tmp_path):
    with raises("not-found", option="data_dir"):
        serve(StudioSettings(data_dir=str(tmp_path / "absent"), home=str(tmp_path)))


@pytest.mark.parametrize("word", ["--host=0.0.0.0", "--data-dir=absent", "--port=70000", "no-such-file.sgy"])
def test_the_command_ends_with_a_message(seisdream, monkeypatch, tmp_path, word):
    monkeypatch.delenv("SEISDREAM_STUDIO_PASSWORD", raising=False)
    monkeypatch.chdir(tmp_path)
    code, _, err = seisdream("studio", "--no-browser", "--home", tmp_path, word)
    assert code == 2
    assert err.strip()


def test_a_port_in_use_is_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, raises("exists", option="port"):
        serve(StudioSettings(port=taken.getsockname()[1], home=str(tmp_path)))


def test_two_studios_do_not_share_a_home(tmp_path):
    with _lock(tmp_path), raises("exists", option="home"):
        serve(StudioSettings(port=0, home=str(tmp_path)))
    _lock(tmp_path).close()
