"""Public benchmarks, in miniatures of exactly the layout in which they were published."""

import functools
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import replace

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from errors import raises
from seisdream.data import benchmarks
from seisdream.data.benchmarks import BENCHMARKS, fetch_benchmark, open_benchmark
from seisdream.data.patches import LinePatches, WholeLines
from seisdream.data.splits import split_lines

RNG = np.random.default_rng(0)


@contextmanager
def serving(folder):
    """Serve a folder on this machine; yield the address and the requests."""
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            requests.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# The published shapes, an eighth as large or so: (inline, crossline, depth).
F3_SHAPES = {"train/train": (50, 88, 31), "test_once/test1": (25, 88, 31), "test_once/test2": (75, 25, 31)}


def f3_facies(folder):
    """Write the F3 facies benchmark as `data.zip` unpacks: data/train, data/test_once, data/splits."""
    (folder / "data" / "splits").mkdir(parents=True)
    for stem, shape in F3_SHAPES.items():
        path = folder / "data" / f"{stem}_seismic.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, RNG.normal(0.001, 0.21, shape))
        depth = np.broadcast_to(np.arange(shape[2]) * 6 // shape[2], shape)
        np.save(folder / "data" / f"{stem}_labels.npy", depth.astype(np.uint8))
    return folder


def f3_intervals(folder):
    """Write the IBM F3 set as its three archives unpack; inlines from 100, crosslines from 300."""
    for axis, first, n_lines, width in (("inline", 100, 6, 20), ("crossline", 300, 20, 6)):
        (folder / f"{axis}s" / f"{axis}s").mkdir(parents=True)
        (folder / "masks" / "masks").mkdir(parents=True, exist_ok=True)
        for number in range(first, first + n_lines):
            amplitudes = RNG.integers(-32767, 32767, (46, width)).astype(np.float32)
            tifffile.imwrite(folder / f"{axis}s" / f"{axis}s" / f"{axis}_{number}.tiff", amplitudes)
            codes = np.repeat(np.arange(10, dtype=np.uint8), 5)[:46, None] * np.ones(width, np.uint8)
            Image.fromarray(codes).save(folder / "masks" / "masks" / f"{axis}_{number}_mask.png")
    return folder


def penobscot(folder):
    """Write the IBM Penobscot set as it is published: one HDF5 file of inlines."""
    folder.mkdir(exist_ok=True)
    with h5py.File(folder / "dataset.h5", "w") as file:
        file.create_dataset("features", data=RNG.normal(size=(6, 150, 48, 1)).astype(np.float32), chunks=True)
        label = np.broadcast_to((np.arange(150) * 8 // 150)[:, None], (6, 150, 48)).astype(np.uint8)
        file.create_dataset("label", data=label, chunks=True)
        file.create_dataset("direction", data=np.array(["inline"] * 6, dtype=np.bytes_), chunks=True)
        file.create_dataset("line_number", data=1000 + np.arange(6), chunks=True)
        file.create_dataset("pixel_depth", data=np.zeros(6, int), chunks=True)
        file.create_dataset("column", data=np.full(6, 1000), chunks=True)
    return folder


@pytest.mark.parametrize(
    ("part", "inlines", "crosslines"),
    [("train", (300, 349), (300, 387)), ("test1", (100, 124), (300, 387)), ("test2", (100, 174), (1001, 1025))],
)
def test_f3_facies_has_the_published_splits(tmp_path, part, inlines, crosslines):
    home = f3_facies(tmp_path)
    data = open_benchmark("f3-facies", part, folder=home)
    stem = {"train": "train/train"}.get(part, f"test_once/{part}")
    seismic, labels = (np.load(home / "data" / f"{stem}_{what}.npy") for what in ("seismic", "labels"))
    by_axis = {axis: [line for line in data.lines if line.axis == axis] for axis in ("inline", "crossline")}
    assert (by_axis["inline"][0].number, by_axis["inline"][-1].number) == inlines
    assert (by_axis["crossline"][0].number, by_axis["crossline"][-1].number) == crosslines
    section, codes = by_axis["inline"][3].open()
    assert section.dims == ("row", "crossline")
    assert (section.crossline[0], section.crossline[-1]) == crosslines == by_axis["inline"][3].traces
    np.testing.assert_array_equal(section.values, seismic[3].T.astype(np.float32))
    np.testing.assert_array_equal(codes, labels[3].T)
    section, codes = by_axis["crossline"][-1].open()
    assert (section.inline[0], section.inline[-1]) == inlines == by_axis["crossline"][-1].traces
    np.testing.assert_array_equal(section.values, seismic[:, -1].T.astype(np.float32))
    np.testing.assert_array_equal(codes, labels[:, -1].T)


def test_f3_facies_is_credited_and_its_scores_are_known(tmp_path):
    data = open_benchmark("f3-facies", folder=f3_facies(tmp_path))
    assert data.name == "f3-facies train"
    assert data.classes[3:] == ("Rijnland/Chalk", "Scruff", "Zechstein")
    assert "Alaudah" in data.credit
    assert "MIT" in data.licence
    published = BENCHMARKS["f3-facies"].published
    assert published["section, augmented, with skips"]["pixel_accuracy"] == 0.905
    assert published["patch, augmented, with skips"]["frequency_weighted_iou"] == 0.757
    assert len(published) == 3


def test_validation_lines_are_a_block(tmp_path):
    data = open_benchmark("f3-facies", folder=f3_facies(tmp_path))
    training, held_out = split_lines(data, 0.2, guard=5)
    # Crosslines are the more numerous; inlines are cut.
    inside = [line.number for line in held_out.lines if line.axis == "crossline"]
    assert len(inside) == inside[-1] - inside[0] + 1 == 18
    for line in (line for line in training.lines if line.axis == "inline"):
        along = line.open()[0].crossline.values
        assert ((along < inside[0] - 5) | (along > inside[-1] + 5)).all()
    assert LinePatches(training, 0, size=24)[0].classes.shape == (24, 24)
    assert WholeLines(held_out)[0].image.shape[1] == 31


def test_f3_intervals_pairs_pictures_with_masks_by_number(tmp_path):
    home = f3_intervals(tmp_path)
    data = open_benchmark("f3-intervals", folder=home)
    assert [line.name for line in data.lines[:2]] == ["inline 100", "inline 101"]
    assert len(data.lines) == 26
    assert len(data.classes) == 10
    section, labels = data.lines[1].open()
    assert section.dims == ("time", "crossline")
    assert (section.crossline[0], section.crossline[-1], section.time[-1]) == (300, 319, 180.0)
    assert data.lines[1].traces == (300, 319)
    assert data.lines[-1].traces == (100, 105)
    np.testing.assert_array_equal(section.values, tifffile.imread(home / "inlines" / "inlines" / "inline_101.tiff"))
    assert labels[:, 0].tolist() == (np.arange(46) // 5).tolist()
    assert "value_range" not in section.attrs
    assert "IBM" in data.credit
    split_lines(data, 0.2, guard=1)


def test_penobscot_is_read_line_by_line_from_its_file(tmp_path):
    data = open_benchmark("penobscot", folder=penobscot(tmp_path))
    assert [line.name for line in data.lines] == [f"inline {number}" for number in range(1000, 1006)]
    assert data.lines[0].traces == (1000, 1047)
    assert data.classes[-1] == "interval 7"
    section, labels = data.lines[4].open()
    with h5py.File(tmp_path / "dataset.h5") as file:
        np.testing.assert_array_equal(section.values, file["features"][4, ..., 0])
        np.testing.assert_array_equal(labels, file["label"][4])
    assert section.dims == ("time", "crossline")
    assert (section.shape, section.time.values[-1]) == ((150, 48), 596.0)


def archive(path, folder):
    """Pack a folder with what macOS leaves in archives, as the published ones have it."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as packed:
            for file in sorted(folder.rglob("*")):
                packed.write(file, file.relative_to(folder))
                packed.writestr(f"__MACOSX/{file.relative_to(folder).parent}/._{file.name}", b"\0")
    else:
        with tarfile.open(path, "w:gz") as packed:
            packed.add(folder, ".")
            junk = tarfile.TarInfo("./masks/._inline_100_mask.png")
            packed.addfile(junk, io.BytesIO(b""))


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Give a context manager that publishes a benchmark's miniature under its own record, with hashes that fit."""

    @contextmanager
    def publish(name, write):
        benchmark = BENCHMARKS[name]
        record = tmp_path / "home" / str(benchmark.record) / "files"
        record.mkdir(parents=True)
        source = write(tmp_path / "source")
        for file in benchmark.files:
            if file.endswith(".h5"):
                (source / file).rename(record / file)
            else:
                part = source / file.split(".")[0]
                archive(record / file, part if name == "f3-intervals" else source)
        files = {file: hashlib.md5((record / file).read_bytes()).hexdigest() for file in benchmark.files}
        monkeypatch.setitem(benchmarks.BENCHMARKS, name, replace(benchmark, files=files))
        monkeypatch.setenv("SEISDREAM_CACHE", str(tmp_path / "cache"))
        with serving(tmp_path / "home") as (address, requests):
            monkeypatch.setattr(benchmarks, "RECORD_URLS", (f"{address}/gone", address))
            yield requests

    return publish


@pytest.mark.parametrize(
    ("name", "write", "n_lines"),
    [("f3-facies", f3_facies, 138), ("f3-intervals", f3_intervals, 26), ("penobscot", penobscot, 6)],
)
def test_a_benchmark_is_fetched_checked_and_unpacked_once(published, name, write, n_lines):
    with published(name, write) as requests:
        data = open_benchmark(name, progress=False)
        assert len(data.lines) == n_lines
        data.lines[0].open()
        assert len([path for path in requests if "gone" not in path]) >= len(BENCHMARKS[name].files)
        requests.clear()
        open_benchmark(name, progress=False)
        assert requests == []


def test_a_file_that_is_not_the_published_one_is_deleted(published, tmp_path, monkeypatch):
    with published("penobscot", penobscot):
        pinned = {"dataset.h5": "e53af020d42f49dba7a1a5988eccc829"}
        monkeypatch.setitem(benchmarks.BENCHMARKS, "penobscot", replace(BENCHMARKS["penobscot"], files=pinned))
        with raises("download-failed"):
            fetch_benchmark("penobscot", progress=False)
    assert not (tmp_path / "cache" / "benchmarks" / "penobscot" / "dataset.h5").exists()


def test_hashes_are_pinned():
    for benchmark in BENCHMARKS.values():
        assert all(len(md5) == 32 and int(md5, 16) for md5 in benchmark.files.values())
        assert benchmark.credit
        assert benchmark.licence
        assert str(benchmark.record) in benchmark.credit


@pytest.mark.parametrize(
    ("name", "part", "code"),
    [
        ("f3", None, "unknown-name"),
        ("f3-facies", "test3", "unknown-name"),
        ("f3-facies", "test1", "not-found"),
        ("f3-intervals", None, "not-found"),
        ("penobscot", None, "not-found"),
    ],
)
def test_missing_benchmarks_parts_and_files_are_refused(tmp_path, name, part, code):
    with raises(code):
        open_benchmark(name, part, folder=tmp_path)


def test_files_of_another_layout_are_refused(tmp_path):
    home = f3_facies(tmp_path / "f3")
    np.save(home / "data" / "train" / "train_labels.npy", np.zeros((50, 88, 30)))
    with raises("wrong-shape"):
        open_benchmark("f3-facies", folder=home)
    with h5py.File(tmp_path / "dataset.h5", "w") as file:
        file["features"] = np.zeros((2, 3, 4, 1))
    with raises("unreadable"):
        open_benchmark("penobscot", folder=tmp_path)
