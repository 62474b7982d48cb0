"""Who may use the server: the token, the host, the origin."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from server.api.guard import is_address_of_ours


def test_health_tells_name_and_version_without_a_token(client: TestClient) -> None:
    answer = client.get("/v1/health", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.json() == {"name": "blender-msd", "version": "0.1.0", "api": 1}


@pytest.mark.parametrize("path", ["/v1/capabilities", "/v1/jobs", "/v1/jobs/x/events", "/v1/nothing", "/", "/docs"])
@pytest.mark.parametrize("header", ["", "Bearer wrong", "Bearer", "Basic the-token-of-this-test", "Bearer tökén"])
def test_nothing_else_answers_without_the_token(client: TestClient, path: str, header: str) -> None:
    answer = client.get(path, headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "token-wrong"
    assert "server.json" in answer.json()["error"]["hint"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "192.168.0.7:80", "", "127.0.0.1@evil.example"]
)
def test_other_host_names_are_refused_even_with_the_token(client: TestClient, host: str) -> None:
    answer = client.get("/v1/health", headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "host-refused"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1234", "file://"])
def test_web_pages_of_others_are_refused_and_get_no_cors_headers(client: TestClient, origin: str) -> None:
    answer = client.get("/v1/jobs", headers={"Origin": origin})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin-refused"
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("host", "loopback", "anywhere"),
    [
        ("127.0.0.1:8000", True, True),
        ("127.1.2.3", True, True),
        ("localhost:1", True, True),
        ("[::1]:8000", True, True),
        ("192.168.0.7:8000", False, True),
        ("render-box:8000", False, False),
        ("[::1", False, False),
    ],
)
def test_a_server_for_others_takes_addresses_but_no_names(host: str, loopback: bool, anywhere: bool) -> None:
    assert is_address_of_ours(host, loopback_only=True) is loopback
    assert is_address_of_ours(host, loopback_only=False) is anywhere
