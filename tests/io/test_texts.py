"""Text and JSON of others: damaged, of another form, or no file at all."""

import os
import threading

import numpy as np
import pytest

from errors import raises
from seisdream.data.classes import read_folder_classes
from seisdream.data.horizons import open_horizons
from seisdream.data.scribbles import open_scribbles
from seisdream.dreaming.dream import dream
from seisdream.evaluation.class_map import read_class_map
from seisdream.io.concept_vectors import open_concept_vector
from seisdream.io.containers import read_npy
from seisdream.io.inputs import open_section
from seisdream.io.masks import open_mask
from seisdream.io.texts import check_form, parse_json, read_record
from seisdream.io.written_files import is_ours
from seisdream.models.class_names import read_class_names
from seisdream.models.registry import load_network
from seisdream.models.weights import read_weights
from seisdream.research.quiz.answers import read_answers
from seisdream.results.load import load_result
from seisdream.seismic.sections import make_section

FORM = {"name": str, "sizes": [int], "scale?": (float, type(None)), "parts": {...: {"n": int}}}


def test_values_of_the_form_pass():
    check_form({"name": "a", "sizes": [1, 2], "parts": {"x": {"n": 1, "more": 2}}, "other": 0}, FORM)
    check_form({"name": "a", "sizes": [], "parts": {}, "scale": 1}, FORM)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"name": 1}, "name is 1; expected text"),
        ({"sizes": [1, True]}, "sizes[1] is true; expected a whole number"),
        ({"sizes": {"0": 1}}, "sizes is"),
        ({"scale": "1"}, "expected a number or null"),
        ({"parts": {"x": {}}}, "parts.x has no 'n'"),
    ],
)
def test_the_part_that_does_not_fit_is_named(change, where):
    with pytest.raises(ValueError) as raised:
        check_form({"name": "a", "sizes": [1], "parts": {}} | change, FORM)
    assert where in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000 + "]" * 100_000, '"\\ud800"', "1" * 10_000])
def test_damaged_json_is_a_value_error(text):
    with pytest.raises(ValueError):
        parse_json(text)


def test_records_that_are_damaged_or_missing_are_corrupt(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"name": "\xff"}')
    for name in ("a.json", "nowhere.json"):
        with raises("corrupt"):
            read_record(tmp_path / name, FORM)


SECTION = make_section(np.ones((4, 5), np.float32))
READERS = {
    "line.sgy": open_section,
    "line.npy": open_section,
    "line.npz": open_section,
    "line.nc": open_section,
    "line.png": open_section,
    "line.tif": open_section,
    "store.zarr": open_section,
    "mask.txt": lambda path: open_mask(path, SECTION),
    "mask.png": lambda path: open_mask(path, SECTION),
    "vector.npy": open_concept_vector,
    "scribbles.json": open_scribbles,
    "map.json": read_class_map,
    "classes.txt": read_class_names,
    "weights.pt": read_weights,
    "weights.safetensors": read_weights,
    "net.caffemodel": read_weights,
    "network.safetensors": lambda path: load_network(str(path)),
    "horizon.txt": lambda path: open_horizons((str(path), str(path))),
    "answers.csv": lambda path: read_answers([path]),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_or_a_device_is_refused_and_nothing_waits(tmp_path, name):
    path = tmp_path / name
    os.mkfifo(path)
    refused = []

    def read():
        with raises(refused_code(name)):
            READERS[name](path)
        refused.append(name)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(20)
    assert refused == [name]


def refused_code(name):
    kinds = {"weights": "not-found", "net.caffemodel": "not-found", "network": "not-found", "scribbles": "no-labels"}
    kinds |= {"vector": "not-found", "line.png": "not-found", "line.tif": "not-found", "mask.png": "not-found"}
    return next((code for start, code in kinds.items() if name.startswith(start)), "unreadable")


@pytest.mark.parametrize("name", READERS)
def test_an_empty_file_is_an_error_of_its_reader(tmp_path, name):
    """Above all no EOFError, which the command line once took for Ctrl-C."""
    from seisdream.errors import SeisdreamError

    (tmp_path / name).write_bytes(b"")
    with pytest.raises(SeisdreamError):
        READERS[name](tmp_path / name)


def test_deeply_nested_class_names_are_refused(tmp_path):
    (tmp_path / "classes.json").write_text("[" * 100_000)
    with raises("no-labels"):
        read_folder_classes(tmp_path)


def test_an_array_whose_header_is_cut_is_unreadable(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(4))
    data = (tmp_path / "a.npy").read_bytes()
    for size in (1, 9, 30, 130):
        (tmp_path / "cut.npy").write_bytes(data[:size])
        with raises("unreadable"):
            read_npy(tmp_path / "cut.npy")


def test_coordinates_instead_of_line_numbers_take_no_memory(tmp_path):
    rng = np.random.default_rng(0)
    points = rng.integers(500_000, 600_000, (5000, 2))
    for name, time in (("1.txt", 800), ("2.txt", 900)):
        np.savetxt(tmp_path / name, np.column_stack([points, np.full(5000, time)]), fmt="%d")
    with raises("unreadable"):
        open_horizons((str(tmp_path / "1.txt"), str(tmp_path / "2.txt")))


def test_a_marker_that_is_a_pipe_or_nested_too_deeply_is_not_ours(tmp_path):
    os.mkfifo(tmp_path / "recipe.json")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert not is_ours(tmp_path / "recipe.json")
    assert not is_ours(tmp_path / "deep.json")
    with raises("not-ours"):
        load_result(tmp_path)


def test_an_empty_wavelet_is_unreadable(tmp_path):
    (tmp_path / "w.npy").write_bytes(b"")
    np.save(tmp_path / "words.npy", np.array(["a", "b", "c"]))
    section = np.random.default_rng(0).normal(size=(40, 20)).astype(np.float32)
    section = make_section(section, dt_ms=4.0)
    for name in ("w.npy", "words.npy"):
        with raises("unreadable", "wavelet"):
            dream(section, "gabor", parameterization="reflectivity", wavelet=str(tmp_path / name), steps=0, octaves=1)
