"""No request that the OpenAPI document allows, and few that it does not, make the server fail."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from seisdream.errors import SeisdreamError


@pytest.fixture
def document(studio, client):
    def refuse(arguments, observe):
        raise SeisdreamError("Nothing is opened here.", code="unreadable")

    for worker in (studio.reader, studio.inspector, studio.runs._worker):
        worker.tasks |= dict.fromkeys(
            (
                "open",
                "samples",
                "network",
                "point",
                "quiz",
                "zarr",
                "dream",
                "predict",
                "attribute",
                "controls",
                "volume",
            ),
            refuse,
        )
    loaded = schemathesis.openapi.from_dict(client.get("/api/openapi.json").json())
    # They have no end: they wait for what happens next.
    return loaded.exclude(path="/api/events")


schema = schemathesis.pytest.from_fixture("document")


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
def test_no_request_makes_the_server_fail(case, client):
    answer = case.call(session=client, base_url="http://127.0.0.1:8765")
    assert answer.status_code < 500


def test_the_document_names_every_path_of_the_api(client):
    paths = client.get("/api/openapi.json").json()["paths"]
    assert {"/api/runs", "/api/runs/{run}/events", "/api/sections/{section}/samples", "/api/uploads"} <= set(paths)
    assert all(path.startswith("/api/") for path in paths)
    for operations in paths.values():
        assert all(one.get("description") for one in operations.values())
