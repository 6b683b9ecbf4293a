"""A real studio in a process of its own, with real workers."""

import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import xarray as xr

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).parents[2] / "docs" / "studio_example.py"


class Live:
    """A running studio and a client for it."""

    def __init__(self, folder, *words):
        folder.mkdir(exist_ok=True)
        self.data = folder / "data"
        self.data.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "seisdream", "studio", "--no-browser", "--port", "0"]
        command += ["--home", str(folder / "home"), "--data-dir", str(self.data), *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[-1]
        base, _, token = self.address.partition("/?token=")
        self.client = httpx.Client(base_url=base, headers={"authorization": f"Bearer {token}"}, timeout=600)

    def children(self):
        """Return the ids of its worker processes."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in path.read_text().split()]

    def kill_runners(self):
        """Kill the worker processes that compute."""
        for pid in self.children():
            if b"runner" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)

    def open(self, source):
        answer = self.client.post("/api/sections", json={"source": source, "options": {}})
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def start(self, section, settings, **more):
        body = {"kind": "dream", "section": section, "network": "gabor", "settings": settings, **more}
        answer = self.client.post("/api/runs", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def wait(self, run, *states, seconds=600):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            record = self.client.get(f"/api/runs/{run}").json()
            if record["state"] in states:
                return record
            time.sleep(0.05)
        raise AssertionError(record)

    def close(self):
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.ended(600)

    def ended(self, seconds):
        """Return the exit code, when it has ended."""
        code = self.process.wait(seconds)
        self.client.close()
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    studio = Live(tmp_path_factory.mktemp("studio"))
    np.save(studio.data / "line.npy", np.random.default_rng(0).normal(size=(64, 80)).astype(np.float32))
    yield studio
    studio.close()


def test_a_dream_is_exported_as_zarr(live, tmp_path):
    run = live.start(live.open("data:line.npy"), {"octaves": 2, "steps": 2, "seed": 4})
    record = live.wait(run, "finished", "failed")
    assert record["state"] == "finished", record["error"]
    expected = live.client.get(f"/api/runs/{run}/files/dream.npy").content
    (tmp_path / "result.zip").write_bytes(live.client.get(f"/api/runs/{run}/export/zarr").content)
    shutil.unpack_archive(tmp_path / "result.zip", tmp_path)
    stored = xr.open_zarr(tmp_path / "result.zarr", consolidated=False)
    np.testing.assert_array_equal(stored["dream"].values, np.load(io.BytesIO(expected)))


def test_the_example_of_the_documentation_runs(live, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("studio_example", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.main(live.address, source="data:line.npy", network="gabor", settings={"octaves": 1, "steps": 2})
    assert json.loads((tmp_path / "dream.json").read_text())["kind"] == "dream"


def test_a_killed_worker_is_reported_and_the_next_run_works(live):
    section = live.open("data:line.npy")
    run = live.start(section, {"octaves": 1, "steps": 2000})
    live.wait(run, "running")
    while not live.client.get(f"/api/runs/{run}").json()["n_done"]:
        time.sleep(0.05)
    live.kill_runners()
    record = live.wait(run, "crashed")
    assert "SIGKILL" in record["error"]["message"]
    assert live.wait(live.start(section, {"octaves": 1, "steps": 1}), "finished", "failed")["state"] == "finished"


def test_a_paused_run_gives_its_turn_and_goes_on_where_it_was(live):
    section = live.open("data:line.npy")
    alone = live.wait(live.start(section, {"octaves": 1, "steps": 200}), "finished", "failed")
    paused = live.start(section, {"octaves": 1, "steps": 200})
    live.wait(paused, "running")
    live.client.post(f"/api/runs/{paused}/pause")
    live.wait(paused, "paused")
    next_one = live.start(section, {"octaves": 1, "steps": 2000})
    live.wait(next_one, "running")
    assert live.client.post(f"/api/runs/{paused}/resume").json()["state"] == "queued"
    live.client.post(f"/api/runs/{next_one}/stop")
    assert live.wait(paused, "finished", "failed")["state"] == "finished"
    scores = [live.client.get(f"/api/runs/{run}/scores").json()["score"] for run in (alone["id"], paused)]
    assert scores[0] == scores[1]


def test_a_paused_run_whose_worker_is_killed_is_reported(live):
    section = live.open("data:line.npy")
    paused = live.start(section, {"octaves": 1, "steps": 2000})
    live.wait(paused, "running")
    live.client.post(f"/api/runs/{paused}/pause")
    live.wait(paused, "paused")
    live.kill_runners()
    assert "SIGKILL" in live.wait(paused, "crashed")["error"]["message"]
    assert live.wait(live.start(section, {"octaves": 1, "steps": 1}), "finished", "failed")["state"] == "finished"


def test_two_workers_compute_two_runs_at_the_same_time(tmp_path):
    studio = Live(tmp_path / "one", "--workers", "2")
    section = studio.open("noise:40x50")
    runs = [studio.start(section, {"octaves": 1, "steps": 5000, "seed": seed}) for seed in range(3)]
    for run in runs[:2]:
        studio.wait(run, "running")
    assert studio.client.get(f"/api/runs/{runs[2]}").json()["position"] == 1
    studio.client.post(f"/api/runs/{runs[0]}/stop")
    studio.wait(runs[2], "running")
    studio.close()


def test_a_run_is_paused_resumed_and_stopped(live):
    run = live.start(live.open("data:line.npy"), {"octaves": 1, "steps": 3, "levels": 500})
    live.wait(run, "running")
    live.client.post(f"/api/runs/{run}/pause")
    done = live.wait(run, "paused")["n_done"]
    time.sleep(0.3)
    assert live.client.get(f"/api/runs/{run}").json()["n_done"] == done
    live.client.post(f"/api/runs/{run}/resume")
    while live.client.get(f"/api/runs/{run}").json()["n_done"] < done + 6:
        time.sleep(0.02)
    live.client.post(f"/api/runs/{run}/stop")
    record = live.wait(run, "stopped")
    assert 1 <= record["result"]["summary"]["n_levels"] < 500


def test_a_hostile_file_does_not_take_the_server_down(live):
    # A header that promises 8 TB of samples.
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + b"\n"
    (live.data / "huge.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    (live.data / "noise.sgy").write_bytes(np.random.default_rng(0).bytes(100_000))
    (live.data / "pickled.npy").write_bytes(
        b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    )
    for name in ("huge.npy", "noise.sgy", "pickled.npy"):
        answer = live.client.post("/api/sections", json={"source": f"data:{name}", "options": {}})
        assert answer.status_code < 500
        if answer.status_code == 200:
            assert any(one["is_fatal"] for one in answer.json()["facts"]["problems"])
    assert live.client.get("/api/studio").status_code == 200
    assert live.open("data:line.npy")


def test_an_upload_needs_little_memory(live):
    def parts():
        part = bytes(2**20)
        for _ in range(300):
            yield part

    answer = live.client.post("/api/uploads?name=large.dat", content=parts())
    assert answer.json()["bytes"] == 300 * 2**20
    peak = Path(f"/proc/{live.process.pid}/status").read_text().split("VmHWM:")[1].split()[0]
    assert int(peak) < 200_000
    live.client.delete(f"/api/uploads/{answer.json()['source'].removeprefix('upload:')}")


def test_a_volume_job_is_run_listed_and_resumed(live):
    traces = np.random.default_rng(1).normal(size=(4, 24, 40)).astype(np.float32)
    cube = xr.DataArray(
        traces,
        dims=("inline", "crossline", "time"),
        coords={"inline": range(4), "crossline": range(24), "time": np.arange(40) * 4.0},
        name="amplitude",
    )
    cube.to_dataset().to_zarr(live.data / "cube.zarr", consolidated=False)
    section = live.open("data:cube.zarr")
    settings = {"octaves": 1, "steps": 1, "jitter": 1, "allow_undersized": True}
    run = live.start(section, settings, kind="volume", command="dream")
    record = live.wait(run, "finished", "failed")
    assert record["state"] == "finished", record["error"]
    (job,) = live.client.get("/api/jobs").json()
    assert (job["command"], job["done"], job["is_running"]) == ("dream", job["total"], False)
    blocks = live.client.get(f"/api/jobs/{job['id']}").json()
    assert set(blocks["blocks"]) == {1}
    next(Path(job["folder"], "blocks").glob("*.json")).unlink()
    assert 0 in live.client.get(f"/api/jobs/{job['id']}").json()["blocks"]
    again = live.client.post(f"/api/jobs/{job['id']}/resume").json()["id"]
    record = live.wait(again, "finished", "failed")
    assert record["state"] == "finished", record["error"]
    assert record["result"]["summary"]["computed"] == 1


def test_after_a_crash_of_the_studio_runs_that_waited_are_computed(tmp_path):
    studio = Live(tmp_path / "one")
    section = studio.open("noise:40x50")
    begun, waiting = (studio.start(section, {"octaves": 1, "steps": steps}) for steps in (5000, 2))
    studio.wait(begun, "running")
    studio.process.kill()
    studio.ended(600)
    studio = Live(tmp_path / "one")
    assert studio.wait(begun, "interrupted")["error"]["code"] == "changed"
    assert studio.wait(waiting, "finished", "failed")["state"] == "finished"
    studio.close()


def test_ctrl_c_ends_the_studio_its_streams_and_its_workers(tmp_path, capfd):
    studio = Live(tmp_path / "one")
    studio.open("noise:20x30")
    children = studio.children()
    assert len(children) >= 2
    events = studio.client.base_url.join("/api/events")
    with httpx.stream("GET", events, headers=studio.client.headers) as stream:
        assert studio.close() == 130
        assert stream.read().startswith(b"retry:")
    assert capfd.readouterr().err.strip() == "Interrupted."
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_an_idle_studio_stops(tmp_path):
    studio = Live(tmp_path / "one", "--stop-after", "0.001")
    assert studio.ended(600) == 0
