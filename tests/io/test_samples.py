"""Samples are downloaded once, verified, and have a credit."""

import hashlib
from dataclasses import replace

import numpy as np
import pooch

from errors import raises
from seisdream.io.inputs import open_section
from seisdream.io.samples import SAMPLES, fetch_sample, open_sample


def serve_sample(monkeypatch, home, name, content):
    sample = SAMPLES[name]
    served = replace(sample, url=f"{home}/{name}", sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(SAMPLES, name, served)


def test_f3_has_the_published_amplitudes(tmp_path, monkeypatch, serving, shared):
    with np.load(shared / "data" / "f3_inline362.npz") as known:
        amplitudes, crosslines, times = known["amplitude"], known["crossline"], known["time_ms"]
    rows = np.column_stack([np.full(951, 362), crosslines, amplitudes.T])
    text = "\n".join("\t".join(map(str, row)) for row in rows.tolist()).encode()
    with serving({"f3": text}) as (home, requests):
        serve_sample(monkeypatch, home, "f3", text)
        section = open_sample("f3", cache_folder=tmp_path, progress=False)
    again = open_sample("f3", cache_folder=tmp_path)
    assert len(requests) == 1
    assert section.identical(again)
    assert section.dims == ("time", "crossline")
    np.testing.assert_array_equal(section, amplitudes)
    np.testing.assert_array_equal(section.time, times)
    np.testing.assert_array_equal(section.crossline, crosslines)
    assert section.attrs["source"] == "sample:f3"
    assert "TNO" in section.attrs["credit"]
    assert section.attrs["licence"] == "CC BY-SA"
    assert section.attrs["selection"] == "inline 362"


def test_the_alaska_line_is_the_pinned_file_and_opens_as_segy(tmp_path, monkeypatch, serving, shared):
    content = (shared / "data" / "31_81_PR.sgy").read_bytes()
    assert hashlib.sha256(content).hexdigest() == SAMPLES["npra"].sha256
    with serving({"npra": content}) as (home, _):
        serve_sample(monkeypatch, home, "npra", content)
        section = open_sample("npra", cache_folder=tmp_path)
    assert section.shape == (1501, 534)
    assert section.attrs["credit"] == "U.S. Geological Survey"
    assert section.attrs["source"] == "sample:npra"


def test_a_sample_is_downloaded_once(tmp_path, monkeypatch, serving):
    monkeypatch.setenv("SEISDREAM_CACHE", str(tmp_path))
    hashed = []
    hash_file = pooch.file_hash
    monkeypatch.setattr(pooch, "file_hash", lambda path, **options: hashed.append(path) or hash_file(path, **options))
    content = b"362 300 0 1 2\n362 301 3 4 5\n"
    with serving({"f3": content}) as (home, requests):
        serve_sample(monkeypatch, home, "f3", content)
        assert open_section("sample:f3").shape == (3, 2)
    assert len(requests) == len(hashed) == 1


def test_a_changed_file_is_not_kept(tmp_path, monkeypatch, serving):
    with serving({"f3": b"362\t300\t0"}) as (home, _):
        monkeypatch.setitem(SAMPLES, "f3", replace(SAMPLES["f3"], url=f"{home}/f3"))
        with raises("hash-mismatch") as caught:
            fetch_sample("f3", cache_folder=tmp_path)
    assert str(tmp_path / "f3_inline362.ascii") in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_built_in_sample_needs_no_file():
    section = open_sample("built-in")
    assert section.dims == ("time", "trace")


def test_an_unknown_sample_is_refused():
    with raises("unknown-name"):
        fetch_sample("nprx")


def test_addresses_are_pinned_to_a_revision():
    for sample in SAMPLES.values():
        assert sample.url.startswith("https://raw.githubusercontent.com/")
        revision = sample.url.split("/")[5]
        assert len(revision) == 40
        assert len(sample.sha256) == 64
