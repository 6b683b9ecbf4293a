"""SEG-Y to Zarr and back: every byte, every header, and nothing half written."""

import numpy as np
import pytest
import segyio
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import seisdream as sd
from errors import raises
from segy_files import ibm_words, make_segy, numbered, wiggles
from seisdream.volumes.blocks import blocks
from seisdream.volumes.export import export
from seisdream.volumes.ingest import ingest

CHUNKS, SHARDS = (2, 2, 4), (4, 2, 8)


def random_survey(path, rng, *, sample_format, endian, shape, n_missing, n_cut, is_crossline_sorted, after=b""):
    """Write a survey of any bytes: samples, headers, traces that are missing, and a corner that is cut off."""
    n_traces = shape[0] * shape[1]
    words = {
        name: one.reshape(shape[:2]) for name, one in numbered(range(10, 10 + 3 * shape[0], 3), range(shape[1])).items()
    }
    words |= {1: rng.integers(0, 2**31, shape[:2]), 71: -10, 181: rng.integers(0, 9999, shape[:2])}
    axes = (1, 0) if is_crossline_sorted else (0, 1)
    is_kept = np.add.outer(np.arange(shape[0]), np.arange(shape[1])).transpose(axes).ravel() >= n_cut
    is_kept[rng.permutation(n_traces)[:n_missing]] = False
    kept = np.flatnonzero(is_kept)
    flat = {word: np.broadcast_to(one, shape[:2]).transpose(axes).ravel()[kept] for word, one in words.items()}
    if sample_format in (2, 3):
        limit = 2 ** (31 if sample_format == 2 else 15)
        samples = rng.integers(-limit, limit, (len(kept), shape[2]))
    elif sample_format == 1:  # Also those that are not normalised.
        samples = rng.integers(0, 2**24, (len(kept), shape[2])) | rng.choice([0x42000000, 0xC1000000], (len(kept), 1))
    else:
        samples = rng.normal(size=(len(kept), shape[2]))
        samples.ravel()[rng.integers(0, samples.size)] = np.nan
    make_segy(path, samples, sample_format=sample_format, endian=endian, words=flat)
    with path.open("ab") as file:
        file.write(after)


@settings(max_examples=8)
@given(
    seed=st.integers(0, 99),
    sample_format=st.sampled_from([1, 2, 3, 5]),
    endian=st.sampled_from(["big", "little"]),
    shape=st.tuples(st.integers(3, 9), st.integers(3, 7), st.integers(5, 19)),
    n_missing=st.integers(0, 2),
    n_cut=st.integers(0, 2),
    is_crossline_sorted=st.booleans(),
    after=st.sampled_from([b"", b"a trailer"]),
)
def test_an_ingested_survey_is_exported_byte_for_byte(
    tmp_path_factory, seed, sample_format, endian, shape, n_missing, n_cut, is_crossline_sorted, after
):
    folder = tmp_path_factory.mktemp("survey")
    random_survey(
        folder / "a.sgy",
        np.random.default_rng(seed),
        sample_format=sample_format,
        endian=endian,
        shape=shape,
        n_missing=n_missing,
        n_cut=n_cut,
        is_crossline_sorted=is_crossline_sorted,
        after=after,
    )
    options = {"undefined": "present", "sample_format": {1: "ibm", 2: "int32", 3: "int16", 5: "ieee"}[sample_format]}
    stored = ingest(folder / "a.sgy", folder / "a.zarr", chunks=CHUNKS, shards=SHARDS, **options)
    np.testing.assert_array_equal(stored.read(), sd.open_volume(folder / "a.sgy", nan="absent", **options).read())
    report = export(folder / "a.zarr", folder / "b.sgy", like=folder / "a.sgy", **options)
    assert (report.n_changed, report.text_line) == (0, 0)
    assert (folder / "b.sgy").read_bytes() == (folder / "a.sgy").read_bytes()
    report = export(folder / "a.zarr", folder / "c.sgy")
    assert (report.n_changed, report.text_line) == (0, 0)
    assert (folder / "c.sgy").read_bytes() == (folder / "a.sgy").read_bytes()


def test_a_real_survey_reads_as_segyio_reads_it(shared, tmp_path):
    path = shared / "data" / "F3_very_small.sgy"
    seen = []
    stored = ingest(path, tmp_path / "f3.zarr", chunks=(4, 8, 100), progress=lambda *one: seen.append(one))
    cube = segyio.tools.cube(str(path))
    np.testing.assert_array_equal(stored.read(), cube)
    np.testing.assert_array_equal(
        sd.open_volume(path).read(slice(2, 5), slice(1, 9), slice(7, 40)), cube[2:5, 1:9, 7:40]
    )
    assert seen[0] == (0, cube.size)
    assert seen[-1] == (cube.size, cube.size)
    export(tmp_path / "f3.zarr", tmp_path / "f3.sgy", like=path)
    assert (tmp_path / "f3.sgy").read_bytes() == path.read_bytes()
    with segyio.open(path) as file, xr.open_zarr(tmp_path / "f3.zarr", consolidated=False) as opened:
        assert opened["amplitude"].dims == ("inline", "crossline", "time")
        np.testing.assert_array_equal(opened["inline"], file.ilines)
        np.testing.assert_array_equal(opened["crossline"], file.xlines)
        np.testing.assert_array_equal(opened["time"], file.samples)
        headers = opened["headers"].values.ravel()
        for name, word in (("cdp_x", 181), ("inline", 189), ("samples_per_trace", 115), ("shot_point", 197)):
            np.testing.assert_array_equal(headers[name], file.attributes(word)[:])
        assert opened["segy_file_header"].attrs["textHeader"].startswith("C01  Created by: OpendTect")
    values = cube[cube != 0].astype(np.float64)
    assert stored.statistics.count == values.size
    assert stored.statistics.rms == pytest.approx(np.sqrt((values**2).mean()))


def _survey(path, **options):
    values = wiggles(20, 16).round()
    return make_segy(path, values, sample_format=3, words=numbered(range(5), range(4)), **options), values.reshape(
        5, 4, 16
    )


def test_a_dream_keeps_the_format_and_is_named_in_the_text_header(tmp_path):
    path, values = _survey(tmp_path / "a.sgy")
    changed = values.astype(np.float32)
    changed[1, 2, 3:6] += 7
    changed[3, 3, 0] = 1e9
    changed[2] = np.nan
    dataset = xr.Dataset({"dream": (("inline", "crossline", "time"), changed)})
    report = export(dataset.assign_coords(time=np.arange(16) * 4.0), tmp_path / "b.sgy", like=path, variable="dream")
    assert (report.n_changed, report.n_clipped) == (4, 1)
    with segyio.open(tmp_path / "b.sgy") as file:
        expected = values.copy()
        expected[1, 2, 3:6] += 7
        expected[3, 3, 0] = 32767
        np.testing.assert_array_equal(segyio.tools.cube(file), expected)
        text = bytes(file.text[0]).decode("ascii")
    assert "NOT RECORDED DATA" in text
    assert "DREAMED BY SEISDREAM" in text


def test_classes_are_floats_with_the_headers_of_the_survey(tmp_path):
    path, _ = _survey(tmp_path / "a.sgy")
    classes = np.random.default_rng(0).integers(-1, 5, (5, 4, 16)).astype(np.int8)
    dataset = xr.Dataset({"class": (("inline", "crossline", "time"), classes)})
    export(dataset.assign_coords(time=np.arange(16) * 4.0), tmp_path / "b.sgy", like=path, variable="class")
    with segyio.open(tmp_path / "b.sgy") as file, segyio.open(path) as source:
        assert int(file.format) == 5
        np.testing.assert_array_equal(segyio.tools.cube(file), classes)
        assert [dict(one) for one in file.header] == [dict(one) for one in source.header]
        assert "PREDICTED BY SEISDREAM" in bytes(file.text[0]).decode("ascii")


def test_another_geometry_is_refused(tmp_path):
    path, values = _survey(tmp_path / "a.sgy")
    with raises("incompatible", "like"):
        export(xr.DataArray(values[:4], dims=("inline", "crossline", "time"), coords={"time": np.arange(16) * 4.0}),
               tmp_path / "b.sgy", like=path)  # fmt: skip
    shifted = xr.DataArray(values, dims=("inline", "crossline", "time"), coords={"time": 4.0 + np.arange(16) * 4.0})
    with raises("incompatible", "like"):
        export(shifted, tmp_path / "b.sgy", like=path)
    assert not (tmp_path / "b.sgy").exists()


def test_nothing_is_half_written_or_replaced_by_chance(tmp_path, monkeypatch):
    path, values = _survey(tmp_path / "a.sgy")
    target = tmp_path / "a.zarr"

    def fail(done, total):
        if done:
            raise KeyboardInterrupt

    for place in (target, f"memory://{tmp_path.name}/a.zarr"):
        with pytest.raises(KeyboardInterrupt):
            ingest(path, place, chunks=CHUNKS, shards=SHARDS, progress=fail)
        with raises("not-found"):
            sd.open_volume(place)
        ingest(path, place)
        with raises("exists", "out"):
            ingest(path, place)
        np.testing.assert_array_equal(ingest(path, place, force=True).read(), values)
    with pytest.raises(KeyboardInterrupt):
        export(target, tmp_path / "b.sgy", like=path, progress=fail)
    assert {one.name for one in tmp_path.iterdir()} == {"a.sgy", "a.zarr"}
    (tmp_path / "other.zarr").mkdir()
    (tmp_path / "other.zarr" / "precious").write_text("mine")
    with raises("not-ours", "out"):
        ingest(path, tmp_path / "other.zarr", force=True)


def test_two_traces_at_one_position_are_refused(tmp_path):
    words = numbered(range(4), range(3))
    words[189][5], words[193][5] = 0, 0
    path = make_segy(tmp_path / "a.sgy", wiggles(12, 16), words=words)
    with raises("no-geometry"):
        ingest(path, tmp_path / "a.zarr")


@given(
    shape=st.tuples(*(st.integers(1, 40),) * 3),
    unit=st.tuples(*(st.integers(1, 16),) * 3),
    whole=st.booleans(),
)
def test_blocks_cover_each_sample_once(shape, unit, whole):
    count = np.zeros(shape, int)
    for box in blocks(shape, unit, whole_traces=whole):
        count[box] += 1
    assert (count == 1).all()


def test_headers_count_in_the_size_of_blocks_of_short_traces():
    def n_bytes(box):
        n_inlines, n_crosslines, n_samples = (one.stop - one.start for one in box)
        return n_inlines * n_crosslines * (240 + 4 * n_samples)

    size = {"whole_traces": True, "n_bytes": 2**25, "n_header_bytes": 240}
    large = [n_bytes(box) for box in blocks((64, 50_000, 8), (64, 64, 64), **size)]
    assert max(large) <= 2**25
    assert len(large) < 2 * sum(large) / 2**25 + 2


def test_ibm_samples_keep_their_words_where_they_do_not_change(tmp_path):
    values = wiggles(6, 8)
    path = make_segy(tmp_path / "a.sgy", ibm_words(values), sample_format=1, words=numbered(range(3), range(2)))
    changed = sd.open_volume(path).read()
    changed[1, 1, 4] = 100.0
    export(xr.DataArray(changed, dims=("inline", "crossline", "time"), coords={"time": np.arange(8) * 4.0},
                        attrs={"units": "amplitude"}), tmp_path / "b.sgy", like=path)  # fmt: skip
    before, after = ((tmp_path / name).read_bytes() for name in ("a.sgy", "b.sgy"))
    differs = np.flatnonzero(np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8))
    start = 3600 + 3 * (240 + 32) + 240 + 16
    assert start <= differs.min() <= differs.max() < start + 4


def test_the_ingested_store_stands_in_for_its_survey(tmp_path):
    path, values = _survey(tmp_path / "a.sgy")
    ingest(path, tmp_path / "a.zarr")
    changed = xr.DataArray(values.astype(np.float32), dims=("inline", "crossline", "time"))
    changed = changed.assign_coords(time=np.arange(16) * 4.0).to_dataset(name="dream")
    changed["dream"][1, 2, 3:6] += 7
    reports = [export(changed, tmp_path / f"{like.suffix[1:]}.sgy", like=like, variable="dream")
               for like in (path, tmp_path / "a.zarr")]  # fmt: skip
    assert reports[0] == reports[1]
    assert reports[0].n_changed == 3
    assert (tmp_path / "sgy.sgy").read_bytes() == (tmp_path / "zarr.sgy").read_bytes()


def test_undefined_and_infinite_samples_come_back_from_the_store_alone(tmp_path):
    values = wiggles(20, 16)
    values[3, 4:8], values[11, 2] = 1e30, np.inf
    path = make_segy(tmp_path / "a.sgy", values, words=numbered(range(5), range(4)))
    stored = ingest(path, tmp_path / "a.zarr", undefined="1e30")
    assert np.isnan(stored.read()).sum() == 5
    export(tmp_path / "a.zarr", tmp_path / "b.sgy")
    assert (tmp_path / "b.sgy").read_bytes() == path.read_bytes()


def test_a_store_without_all_headers_needs_the_survey(tmp_path):
    path, values = _survey(tmp_path / "a.sgy")
    dataset = xr.DataArray(values, dims=("inline", "crossline", "time"), coords={"time": np.arange(16) * 4.0})
    dataset.to_dataset(name="dream").to_zarr(tmp_path / "dream.zarr", consolidated=False)
    for result in (tmp_path / "dream.zarr", dataset.astype(np.float32)):
        with raises("missing-argument", "like"):
            export(result, tmp_path / "b.sgy")
    words = numbered(range(40), range(40))
    for word in words:  # One header of many is damaged, so its trace has no place.
        words[word][777] = 0
    make_segy(path, wiggles(1600, 8), words=words)
    ingest(path, tmp_path / "a.zarr")
    with raises("incomplete", "like"):
        export(tmp_path / "a.zarr", tmp_path / "b.sgy")
    with raises("incompatible", "dt_ms"):
        export(tmp_path / "a.zarr", tmp_path / "b.sgy", dt_ms=4.0)
    export(tmp_path / "a.zarr", tmp_path / "b.sgy", like=path)
    assert (tmp_path / "b.sgy").read_bytes() == path.read_bytes()
