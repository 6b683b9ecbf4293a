"""The queue of runs: order, events, stops and crashes."""

import asyncio
import json
import resource
import threading
import time

import pytest

from seisdream.errors import SeisdreamError
from seisdream.studio.history import History, now
from seisdream.studio.runs import MOST_PAUSED, Runs
from seisdream.studio.workers import Worker, WorkerLostError

SECTION = {"source": "noise:8x8", "options": {}}


@pytest.fixture
def section(studio):
    record = {"id": "0" * 16, "title": "noise", "line": {}, **SECTION}
    studio.history.keep_section(record)
    return record["id"]


@pytest.fixture
def start(client, section):
    def run(**body):
        answer = client.post("/api/runs", json={"kind": "dream", "section": section, **body})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    return run


def step(number):
    names = {"level": 1, "octave": 1, "n_levels": 1, "n_octaves": 1, "n_steps": 9}
    return names | {"state": number, "step": number, "score": number / 10, "milliseconds": 1.0, "frame": False}


def dream_of(n_steps):
    def dream(arguments, observe):
        observe("started", {"settings": {"steps": n_steps}, "notes": ["a note"], "n_states": n_steps, "shape": [8, 8]})
        for number in range(1, n_steps + 1):
            observe("step", step(number))
        return {"arrays": ["dream"], "files": [], "summary": {}}

    return dream


class NoWorkers:
    """A pool in which no worker is ever ready."""

    def take(self):
        return None

    def keep(self, n_waiting):
        pass


def read_events(client, run, **headers):
    """Return the events of a run as (id, name, data), read to the end of the stream."""
    events = []
    with client.stream("GET", f"/api/runs/{run}/events", headers=headers) as answer:
        if answer.status_code == 204:
            return []
        assert answer.headers["content-type"].startswith("text/event-stream")
        block = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                block[name] = value
            elif "id" in block:
                events.append((int(block["id"]), block["event"], json.loads(block["data"])))
                block = {}
    return events


def wait_for(client, run, *states):
    end = time.monotonic() + 60
    while (record := client.get(f"/api/runs/{run}").json())["state"] not in states:
        assert time.monotonic() < end, record
        time.sleep(0.01)
    return record


def test_a_run_reports_its_events_in_order_and_ends(tasks, client, start):
    tasks["dream"] = dream_of(3)
    run = start(label="first", settings={"steps": 3})
    events = read_events(client, run)
    assert [name for _, name, _ in events] == ["queued", "started", "step", "step", "step", "finished"]
    assert [number for number, _, _ in events] == [1, 2, 3, 4, 5, 6]
    record = client.get(f"/api/runs/{run}").json()
    assert (record["state"], record["n_done"], record["n_states"]) == ("finished", 3, 3)
    assert record["request"]["settings"] == {"steps": 3}
    assert record["settings"] == {"steps": 3}
    assert record["label"] == "first"
    assert client.get(f"/api/runs/{run}/scores").json()["score"] == [0.1, 0.2, 0.3]


def test_a_lost_connection_continues_after_the_last_event(tasks, client, start):
    tasks["dream"] = dream_of(5)
    run = start()
    everything = read_events(client, run)
    assert read_events(client, run, **{"last-event-id": "4"}) == everything[4:]
    assert read_events(client, run, **{"last-event-id": str(len(everything))}) == []
    assert read_events(client, run, **{"last-event-id": "nonsense"}) == everything


def test_eight_runs_wait_for_each_other_in_order(tasks, client, start):
    order, gate = [], threading.Event()

    async def dream(arguments, observe):
        order.append(arguments["request"]["settings"]["seed"])
        while not gate.is_set():
            await asyncio.sleep(0.005)
        return {"arrays": []}

    tasks["dream"] = dream
    runs = [start(settings={"seed": seed}) for seed in range(8)]
    positions = [client.get(f"/api/runs/{run}").json()["position"] for run in runs]
    assert positions == [None, 1, 2, 3, 4, 5, 6, 7]
    gate.set()
    for run in runs:
        wait_for(client, run, "finished")
    assert order == list(range(8))
    listed = client.get("/api/runs?limit=3").json()["runs"]
    assert [one["id"] for one in listed] == runs[:4:-1]
    before = client.get(f"/api/runs?before={runs[2]}").json()["runs"]
    assert [one["id"] for one in before] == [runs[1], runs[0]]


@pytest.fixture
def pausable(tasks, words):
    """Dreams that pause at once, until they are to go on or to stop; the seed 0 waits for its gate instead."""
    gate = threading.Event()

    async def dream(arguments, observe):
        if seed := arguments["request"]["settings"]["seed"]:
            observe("paused", {})
            while not {"resume", "stop"} & set(words):
                await asyncio.sleep(0.005)
            if "stop" in words:
                return {"stopped": True}
            observe("resumed", {})
            observe("step", step(seed))
        while not gate.is_set():
            await asyncio.sleep(0.005)
        return {"arrays": []}

    tasks["dream"] = dream
    return gate


def test_a_paused_run_gives_its_turn_to_the_next_and_waits_for_another(pausable, client, start):
    paused, other = (start(settings={"seed": seed}) for seed in (1, 0))
    wait_for(client, paused, "paused")
    wait_for(client, other, "running")
    busy, kept = {"state": "busy", "run": other}, {"state": "paused", "run": paused}
    assert client.get("/api/studio").json()["workers"] == [kept, busy, {"state": "ready", "run": None}]
    assert client.post(f"/api/runs/{paused}/resume").json()["position"] == 1
    assert client.delete(f"/api/runs/{paused}").status_code == 409
    assert client.get("/api/studio").json()["queue"] == [paused]
    pausable.set()
    wait_for(client, paused, "finished")
    names = [name for _, name, _ in read_events(client, paused)]
    assert names == ["queued", "paused", "queued", "resumed", "step", "finished"]
    ended = [client.get(f"/api/runs/{run}").json()["ended"] for run in (other, paused)]
    assert ended == sorted(ended)


def test_a_paused_run_that_waits_can_be_stopped(pausable, client, start):
    paused, other = (start(settings={"seed": seed}) for seed in (1, 0))
    wait_for(client, paused, "paused")
    wait_for(client, other, "running")
    client.post(f"/api/runs/{paused}/resume")
    client.post(f"/api/runs/{paused}/stop")
    wait_for(client, paused, "stopped")
    assert client.get(f"/api/runs/{other}").json()["state"] == "running"
    pausable.set()
    wait_for(client, other, "finished")


def test_few_runs_can_be_paused_at_a_time(pausable, client, start):
    paused = [start(settings={"seed": seed}) for seed in range(1, MOST_PAUSED + 1)]
    for run in paused:
        wait_for(client, run, "paused")
    running = start(settings={"seed": 0})
    wait_for(client, running, "running")
    answer = client.post(f"/api/runs/{running}/pause")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "changed")
    pausable.set()
    wait_for(client, running, "finished")


def test_a_worker_that_dies_is_reported_and_the_next_run_works(studio, tasks, client, start):
    def die(arguments, observe):
        raise WorkerLostError("The worker process was ended by the signal SIGKILL.")

    tasks["dream"] = die
    lost = start()
    events = read_events(client, lost)
    assert events[-1][1] == "crashed"
    assert "SIGKILL" in events[-1][2]["message"]
    tasks["dream"] = dream_of(1)
    assert read_events(client, start())[-1][1] == "finished"


def test_a_run_that_cannot_be_reports_the_option_that_is_wrong(tasks, client, start):
    def refuse(arguments, observe):
        raise SeisdreamError("`steps` is -1.", code="out-of-range", option="steps")

    tasks["dream"] = refuse
    run = start()
    assert read_events(client, run)[-1][1:] == (
        "failed",
        {"message": "`steps` is -1.", "code": "out-of-range", "option": "steps"},
    )
    assert client.get(f"/api/runs/{run}").json()["error"]["option"] == "steps"


def test_a_run_whose_events_cannot_be_kept_fails_alone(tasks, client, start):
    def full(arguments, observe):
        raise OSError("No space left on device")

    tasks["dream"] = full
    assert "No space left" in read_events(client, start())[-1][2]["message"]
    tasks["dream"] = dream_of(1)
    assert read_events(client, start())[-1][1] == "finished"


def test_pause_resume_and_stop_reach_the_worker(words, tasks, client, start):
    async def dream(arguments, observe):
        observe("started", {"settings": {}, "notes": [], "n_states": 9, "shape": [8, 8]})
        while "stop" not in words:
            if words[-1:] == ["pause"] and not paused:
                paused.append(True)
                observe("paused", {})
            if words[-1:] == ["resume"] and len(paused) == 1:
                paused.append(False)
                observe("resumed", {})
            await asyncio.sleep(0.002)
        return {"arrays": [], "stopped": True}

    paused = []
    tasks["dream"] = dream
    run = start()
    wait_for(client, run, "running")
    assert client.post(f"/api/runs/{run}/resume").status_code == 409
    client.post(f"/api/runs/{run}/pause")
    wait_for(client, run, "paused")
    client.post(f"/api/runs/{run}/resume")
    wait_for(client, run, "running")
    assert client.delete(f"/api/runs/{run}").status_code == 409
    client.post(f"/api/runs/{run}/stop")
    wait_for(client, run, "stopped")
    assert client.delete(f"/api/runs/{run}").status_code == 204
    assert client.get(f"/api/runs/{run}").status_code == 404


def test_a_waiting_run_can_be_stopped(tasks, client, start):
    async def forever(arguments, observe):
        await asyncio.sleep(60)

    tasks["dream"] = forever
    start()
    waiting = start()
    assert client.post(f"/api/runs/{waiting}/stop").json()["state"] == "stopped"


def test_fifty_viewers_of_one_run_lose_no_event(tmp_path):
    async def watch(runs, run, after):
        return [event.id async for event in runs.events(run, after)]

    async def together():
        history = History(tmp_path / "history.sqlite")
        runs = Runs(history, tmp_path, NoWorkers())
        run = runs.add({"kind": "dream", "section_id": "", "line": {}}, "")["id"]
        viewers = [asyncio.create_task(watch(runs, run, after % 3)) for after in range(50)]
        for number in range(1, 301):
            runs._event(run, "step", step(number))
            if number % 7 == 0:
                await asyncio.sleep(0)
        runs._end(run, "finished", {"result": None})
        return await asyncio.gather(*viewers)

    for after, seen in enumerate(asyncio.run(together())):
        assert seen == list(range(after % 3 + 1, 303))


def test_memory_is_flat_over_many_events(tmp_path):
    async def many():
        history = History(tmp_path / "history.sqlite")
        runs = Runs(history, tmp_path, NoWorkers())
        run = runs.add({"kind": "dream", "section_id": "", "line": {}}, "")["id"]
        for number in range(1, 501):
            runs._event(run, "step", step(number))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(501, 4001):
            runs._event(run, "step", step(number))
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, history.last_event(run)

    grown_kb, last = asyncio.run(many())
    assert last == 4001
    assert grown_kb < 4000


def test_history_survives_a_restart(tmp_path):
    history = History(tmp_path / "history.sqlite")
    runs = Runs(history, tmp_path, NoWorkers())
    ids = [runs.add({"kind": "dream", "section_id": "", "line": {}}, "")["id"] for _ in range(4)]
    runs._end(ids[0], "finished", {"result": {"arrays": []}})
    history.change_run(ids[1], state="running", started=now())
    history.change_run(ids[2], started=now())  # Paused, then waiting for a turn: its process has ended.
    history.close()
    history = History(tmp_path / "history.sqlite")
    runs = Runs(history, tmp_path, NoWorkers())
    runs.start()
    shown = [runs.shown(run) for run in ids]
    assert [one["state"] for one in shown] == ["finished", "interrupted", "interrupted", "queued"]
    assert [event.name for event in history.events(ids[1])] == ["queued", "interrupted"]
    assert shown[3]["position"] == 1


def test_a_run_without_what_was_added_later_is_shown(studio, client):
    """The history of an earlier version lacks the titles of runs."""
    run = studio.history.add_run({"kind": "dream", "state": "finished"})["id"]
    studio.history._database.execute("UPDATE runs SET record = json_remove(record, '$.title') WHERE id = ?", (run,))
    assert client.get(f"/api/runs/{run}").json()["title"] == ""
    assert client.get("/api/runs").json()["runs"][0]["title"] == ""


def test_a_list_shows_the_state_and_the_link_of_a_run(studio, tasks, client, start):
    tasks["dream"] = dream_of(1)
    run = start()
    wait_for(client, run, "finished")
    (short,) = studio.runs.listed(1)
    assert short["state"] == "finished"
    assert short["link"] == f"/runs/{run}"


@pytest.mark.parametrize("words", ["no JSON", "null", "x" * 2**25])
def test_a_worker_that_sends_what_cannot_be_read_is_ended(tmp_path, monkeypatch, words):
    program = tmp_path / "program"
    (tmp_path / "words").write_text(words + "\n")
    program.write_text(f"#!/bin/sh\ncat '{tmp_path / 'words'}'\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    worker = Worker("reader", {})

    async def ask():
        with pytest.raises(WorkerLostError, match="cannot be read"):
            await worker.call("open", {})
        return worker.is_alive

    assert not asyncio.run(ask())
