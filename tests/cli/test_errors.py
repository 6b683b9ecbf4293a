"""Errors of the command line: exit codes, words and JSON."""

import json

import numpy as np
import pytest

from seisdream.errors import CODES


@pytest.mark.parametrize(
    ("words", "code", "option"),
    [
        (("dream",), "missing-argument", "INPUT"),
        (("dreem", "line.npy"), "unknown-name", None),
        (("info", "line.npy", "--colour"), "unknown-argument", "--colour"),
        (("info", "line.npy", "--dt-ms", "-4"), "out-of-range", "--dt-ms"),
        (("info", "line.npy", "--dt-ms", "four"), "wrong-type", "--dt-ms"),
        (("activations", "line.npy", "--out", "a.txt"), "invalid", "--out"),
        (("experiment", "luck"), "invalid", None),
    ],
)
def test_an_error_is_one_json_object_where_json_is_wanted(seisdream, tmp_path, monkeypatch, words, code, option):
    monkeypatch.chdir(tmp_path)
    np.save("line.npy", np.zeros((40, 50), np.float32))
    exit_code, out, err = seisdream(*words, "--json")
    error = json.loads(out)["error"]
    assert (exit_code, err) == (2, "")
    assert set(error) == {"code", "message", "option"}
    assert error["code"] in CODES
    assert error["code"] == code, error
    if option:
        assert error["option"] == option
    exit_code, out, err = seisdream(*words)
    assert (exit_code, out) == (2, "")
    assert "Error: " in err


def test_a_mistyped_option_brings_the_near_one(seisdream):
    code, _, err = seisdream("info", "line.npy", "--crosline", "3")
    assert (code, "--crossline" in err) == (2, True)


@pytest.mark.parametrize("name", ["line.npy", "line.npz", "line.sgy", "line.nc", "line.png"])
def test_an_empty_file_is_not_an_interrupt(refused, seisdream, tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    code, _ = refused("info", tmp_path / name)
    assert code != "invalid"
    assert "Interrupted" not in seisdream("info", tmp_path / name)[2]


def test_a_file_that_ends_too_early_anywhere_is_not_an_interrupt(seisdream, refused, tmp_path, monkeypatch):
    def ends(*_args, **_kwargs):
        raise EOFError("no data left in file")

    np.save(tmp_path / "line.npy", np.ones((40, 50), np.float32))
    monkeypatch.setattr("seisdream.seismic.sections.muted_samples", ends)
    assert refused("info", tmp_path / "line.npy")[0] == "corrupt"
