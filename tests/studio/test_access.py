"""Who may use the studio, and what a page of another site cannot do."""

import pytest

from seisdream.studio.access import Access

COOKIE = "seisdream-studio-8765"


def test_without_a_secret_nothing_is_answered(stranger):
    assert stranger.get("/api/studio").status_code == 401
    assert stranger.post("/api/runs", json={}).status_code == 401
    assert stranger.get("/api/openapi.json").status_code == 401
    for path in ("/", "/?mytoken=1", "/?view=token=1"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_the_token_in_the_address_becomes_a_strict_cookie_and_leaves_the_address(stranger, access):
    answer = stranger.get(f"/?source=sample:f3&token={access.token}&view=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?source=sample:f3&view=2")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert access.token not in cookie
    assert stranger.get("/api/studio").status_code == 200


def test_a_wrong_token_sets_no_cookie(stranger):
    answer = stranger.get("/?token=guess")
    assert answer.headers["location"] == "/login"
    assert "set-cookie" not in answer.headers


def test_a_cookie_of_another_session_is_refused(stranger):
    stranger.cookies.set(COOKIE, "guess", domain="127.0.0.1")
    assert stranger.get("/api/studio").status_code == 401


def test_the_password_opens_the_studio(stranger, monkeypatch):
    async def at_once(seconds):
        assert seconds >= 1

    monkeypatch.setattr("seisdream.studio.pages.asyncio.sleep", at_once)
    assert "password" in stranger.get("/login").text
    assert "set-cookie" not in stranger.post("/login", data={"password": "sand"}).headers
    # A bearer is not slowed down, so it must be the token, which cannot be guessed.
    assert stranger.get("/api/studio", headers={"authorization": "Bearer dune"}).status_code == 401
    assert stranger.post("/login", data={"password": "dune"}).headers["location"] == "/"
    assert stranger.get("/api/studio").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8765", "", "[::1", "10.0.0.5:8765"])
def test_other_names_of_the_machine_are_refused(client, host):
    assert client.get("/api/studio", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:8765"])
def test_names_of_this_machine_are_answered(client, host):
    assert client.get("/api/studio", headers={"host": host}).status_code == 200


def test_a_studio_for_others_answers_to_addresses_and_to_no_foreign_name():
    access = Access("0.0.0.0", 8765, "dune")
    assert access.is_host("10.0.0.5:8765")
    assert not access.is_host("evil.example:8765")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "file://"])
def test_requests_that_change_something_come_from_the_page_alone(client, origin):
    answer = client.post("/api/sections", json={"source": "noise:8x8"}, headers={"origin": origin})
    assert answer.status_code == 403


def test_a_request_across_sites_is_refused_without_an_origin(client):
    answer = client.post("/api/runs", json={}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


def test_every_answer_has_the_headers_of_security(client, stranger):
    for path in ("/api/studio", "/login", "/api/nothing", "/viewer/viewer.js"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_a_large_body_is_refused(client):
    answer = client.post("/api/runs", content=b" " * (2**25 + 1), headers={"content-type": "application/json"})
    assert answer.status_code == 413
