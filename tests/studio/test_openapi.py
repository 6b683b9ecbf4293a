"""No request that the OpenAPI document allows, and few that it does not, make the server fail."""

import socket
import threading
import time

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings

from seisdream.errors import SeisdreamError
from seisdream.studio.app import create_app

RUNS = ("dream", "predict", "attribute", "controls", "volume")
TASKS = ("open", "samples", "network", "point", "tile", "quiz", "zarr", *RUNS)


@pytest.fixture
def document(studio, access, tasks):
    """The document of a studio that answers in a thread."""

    def refuse(arguments, observe):
        raise SeisdreamError("Nothing is opened here.", code="unreadable")

    tasks |= dict.fromkeys(TASKS, refuse)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(create_app(studio, access), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/api/openapi.json"
        headers = {"authorization": f"Bearer {access.token}"}
        # One stream has no end: it waits for what happens next.
        yield schemathesis.openapi.from_url(address, headers=headers).exclude(path="/api/events")
        server.should_exit = True
        thread.join()


@pytest.mark.slow
def test_no_request_makes_the_server_fail(document, access):
    for operation in document.get_all_operations():

        @given(case=operation.ok().as_strategy())
        @settings(max_examples=8, suppress_health_check=list(HealthCheck))
        def ask(case):
            answer = case.call(headers={"authorization": f"Bearer {access.token}"})
            assert answer.status_code < 500, answer.text

        ask()


def test_the_document_names_every_path_of_the_api(client):
    paths = client.get("/api/openapi.json").json()["paths"]
    assert {"/api/runs", "/api/runs/{run}/events", "/api/sections/{section}/samples", "/api/uploads"} <= set(paths)
    assert all(path.startswith("/api/") for path in paths)
    for operations in paths.values():
        assert all(one.get("description") for one in operations.values())
