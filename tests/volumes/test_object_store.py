"""Volumes in an object store, here a local server that speaks the protocol of S3."""

import numpy as np
import pytest
import xarray as xr

import seisdream as sd
from errors import raises
from segy_files import make_segy, numbered, wiggles
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.models.registry import load_network
from seisdream.volumes.export import export
from seisdream.volumes.ingest import ingest
from seisdream.volumes.job import VolumeJob
from seisdream.volumes.run import open_job_result
from seisdream.volumes.settings import ExecutorSettings, VolumeSettings
from seisdream.volumes.verify import verify
from small_volumes import make_volume, write_network

pytestmark = pytest.mark.slow
fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs")
servers = pytest.importorskip("moto.server")


@pytest.fixture(scope="module")
def bucket():
    """A bucket of a server on this machine, which fsspec's configuration names."""
    server = servers.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    before = fsspec.config.conf.get("s3")
    fsspec.config.conf["s3"] = {"endpoint_url": f"http://{host}:{port}", "key": "test", "secret": "test"}
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir("surveys")
    yield "s3://surveys"
    fsspec.config.conf.pop("s3")
    if before is not None:
        fsspec.config.conf["s3"] = before
    server.stop()


def test_a_survey_goes_through_an_object_store(bucket, tmp_path):
    path = make_segy(tmp_path / "a.sgy", wiggles(30, 24), words=numbered(range(6), range(5)))
    place = f"{bucket}/a.zarr"
    stored = ingest(path, place, chunks=(4, 5, 24), shards=(4, 5, 24))
    np.testing.assert_array_equal(stored.read(), sd.open_volume(path).read())
    assert stored.is_unchanged()
    with raises("exists", "out"):
        ingest(path, place)
    export(place, tmp_path / "b.sgy")
    assert (tmp_path / "b.sgy").read_bytes() == path.read_bytes()
    store = fsspec.get_mapper(place)
    with xr.open_zarr(store, consolidated=False) as dataset:
        assert dataset["amplitude"].shape == (6, 5, 24)


def test_a_prediction_reads_from_and_writes_to_an_object_store(bucket, tmp_path):
    survey = make_volume(shape=(5, 24, 32))
    ingest(survey, f"{bucket}/survey.zarr", shards=(64, 64, 64))
    network = write_network(tmp_path)
    settings = PredictionSettings(augmentations=0, device="cpu")

    def make_job(source, **how):
        how = VolumeSettings(block=(5, 24, 32), number_format="float32", **how)
        return VolumeJob("predict", sd.open_volume(source), load_network(str(network)), settings, how)

    with raises("not-supported", "out"):
        make_job(survey).run(f"{bucket}/out")
    with raises("out-of-range", "store"):
        VolumeSettings(store="folder/store.zarr")
    serial, place = ExecutorSettings(executor="serial"), f"{bucket}/facies.zarr"
    make_job(survey).run(tmp_path / "local", serial).require_complete()
    remote = make_job(f"{bucket}/survey.zarr", store=place)
    remote.run(tmp_path / "remote", serial).require_complete()
    assert not (tmp_path / "remote" / "prediction.zarr").exists()
    xr.testing.assert_identical(*(open_job_result(tmp_path / one).drop_attrs().load() for one in ("local", "remote")))
    assert verify(tmp_path / "remote").is_whole
    files = fsspec.filesystem("s3")
    files.rm(f"{place}/entropy/c/0/0/0".removeprefix("s3://"))
    assert len(verify(tmp_path / "remote").damaged) == 1
    assert remote.run(tmp_path / "remote", serial).n_earlier == 0
    assert verify(tmp_path / "remote").is_whole
    with raises("exists", "out"):
        remote.run(tmp_path / "other", serial)


def test_what_the_server_refuses_is_an_error_with_a_fix(bucket, tmp_path):
    path = make_segy(tmp_path / "a.sgy", wiggles(30, 24), words=numbered(range(6), range(5)))
    with raises("write-failed"):
        ingest(path, "s3://no-such-bucket/a.zarr")
    with raises("not-found"):
        sd.open_volume(f"{bucket}/nothing.zarr")
