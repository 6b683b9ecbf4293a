"""The record of where a result comes from."""

import hashlib
import json
from types import SimpleNamespace

import numpy as np

from seisdream import provenance
from seisdream.io.inputs import open_section
from seisdream.provenance import hash_file, hash_samples, line_name, make_provenance, protected_files, short_name
from seisdream.seismic.sections import GreyMapping, make_section
from small_results import NETWORK, FewSettings

SECTION = make_section(np.arange(12.0).reshape(3, 4), dt_ms=4.0, source="lines/a.sgy", selection="inline 7")


def test_the_record_has_one_schema_of_plain_values():
    record = make_provenance(
        kind="dream",
        settings=FewSettings(seed=3),
        section=SECTION,
        network=NETWORK,
        others={"mask": np.ones((3, 4)), "guide": None, "vgg16": SimpleNamespace(sha256="abc"), "text": "def"},
        grey_mapping=GreyMapping(-1.0, 1.0),
        result={"score": 1.0},
        notes=["a note"],
    )
    assert list(record) == [
        "seisdream",
        "kind",
        "settings",
        "settings_sha256",
        "input",
        "network",
        "others",
        "files",
        "result",
        "notes",
        "machine",
    ]
    assert json.loads(json.dumps(record)) == record
    assert record["settings"]["seed"] == 3
    assert record["input"]["samples_sha256"] == hash_samples(SECTION)
    assert record["input"]["grey_mapping"] == {"low": -1.0, "high": 1.0}
    assert record["others"] == {"mask": hash_samples(np.ones((3, 4))), "vgg16": "abc", "text": "def"}
    assert {"python", "torch", "numpy"} <= set(record["machine"]["versions"])


def test_a_volume_is_known_by_its_file_and_its_shape():
    record = make_provenance(kind="prediction", settings=FewSettings(), section=SECTION, volume_shape=(5, 4, 3))
    assert record["input"]["shape"] == [5, 4, 3]
    assert record["input"]["selection"] == "volume"
    assert record["input"]["samples_sha256"] is None
    assert record["network"] is None


def test_the_options_of_the_input_are_recorded(tmp_path):
    np.save(tmp_path / "a.npy", SECTION.values)
    section = open_section(str(tmp_path / "a.npy"), dt_ms=2.0)
    known = make_provenance(kind="dream", settings=FewSettings(), section=section)["input"]
    assert known["options"]["dt_ms"] == 2.0
    assert known["file_sha256"] == hashlib.sha256((tmp_path / "a.npy").read_bytes()).hexdigest()
    assert hash_file(tmp_path / "missing") is None


def test_samples_are_hashed_with_their_shape():
    assert hash_samples(SECTION) == hash_samples(SECTION.values)
    assert hash_samples(SECTION) != hash_samples(SECTION.values.reshape(4, 3))
    assert hash_samples(SECTION) != hash_samples(SECTION + 1)


def test_names_for_titles_and_files_to_protect(tmp_path):
    (tmp_path / "a.safetensors").touch()
    assert protected_files(None, "", "facies", tmp_path / "a.safetensors") == [str(tmp_path / "a.safetensors")]
    assert short_name("folder/a.safetensors") == "a.safetensors"
    assert short_name("vgg16") == "vgg16"
    assert line_name(SECTION) == "a.sgy, inline 7"


def test_large_files_and_folders_have_a_hash_too(tmp_path, monkeypatch):
    file = tmp_path / "volume.sgy"
    file.write_bytes(bytes(range(256)) * 4)
    whole = hash_file(file)
    assert whole == hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr(provenance, "MAX_HASHED_BYTES", 1000)
    monkeypatch.setattr(provenance, "_PART_BYTES", 10)
    provenance._hash_file.cache_clear()
    of_ends = hash_file(file)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert len({whole, of_ends, hash_file(file)}) == 3
    of_folder = hash_file(tmp_path)
    file.rename(tmp_path / "other.sgy")
    assert hash_file(tmp_path) not in (None, of_folder)
