"""Who may use the server: the token, the host, the origin."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from server.api.guard import LOOPBACK_HOSTS, is_one_of
from server.api.interface import Interface


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
    assert "server.json" in answer.json()["error"]["next"]


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
    ("host", "loopback", "other"),
    [
        ("127.0.0.1:8000", True, False),
        ("127.0.0.1", True, False),
        ("LOCALHOST:1", True, False),
        ("[::1]:8000", True, False),
        ("127.1.2.3", False, False),
        ("192.168.0.7:8000", False, True),
        ("192.168.0.8:8000", False, False),
        ("192.168.0.7:", False, False),
        ("192.168.0.7:80:80", False, False),
        ("render-box:8000", False, False),
        ("[::1", False, False),
    ],
)
def test_a_server_is_called_by_its_own_names_and_no_other(host: str, loopback: bool, other: bool) -> None:
    assert is_one_of(host, LOOPBACK_HOSTS) is loopback
    assert is_one_of(host, Interface(host="192.168.0.7").hosts) is other
