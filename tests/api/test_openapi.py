"""The OpenAPI page says what the server does: a program that knows only the page finds nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from server.api.office import Office
from server.api.serving import Server
from tests.api.conftest import TOKEN

# No schema can tell which words a model knows, so a recipe that fits it may be refused.
CHECKS = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "404", "409", "422", "429"]
"""


@pytest.fixture
def page(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/v1/openapi.json").json()
    return found


def parts_of(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    yield where, value
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inside:
        yield from parts_of(part, f"{where}/{name}")


def test_no_schema_is_empty(page: dict[str, Any]) -> None:
    assert [where for where, part in parts_of(page) if part == {}] == []


def test_the_recipe_is_the_body_of_a_new_job(page: dict[str, Any]) -> None:
    body = page["paths"]["/v1/jobs"]["post"]["requestBody"]
    assert body["required"]
    asked, recipe = body["content"]["application/json"]["schema"], page["components"]["schemas"]["Recipe"]
    beside = {name: said["type"] for name, said in asked["properties"].items() if name not in recipe["properties"]}
    assert beside == {"anew": "boolean"}
    assert {name: asked["properties"][name] for name in recipe["properties"]} == recipe["properties"]
    for schema in (asked, recipe):
        assert schema["required"] == ["kind", "prompt"]
        assert schema["additionalProperties"] is False


def test_every_route_but_one_wants_the_token_and_every_error_has_one_form(page: dict[str, Any]) -> None:
    (scheme,) = page["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for path, methods in page["paths"].items():
        for method, route in methods.items():
            assert bool(route.get("security")) is (path != "/v1/health"), (method, path)
            errors = {status: said for status, said in route["responses"].items() if int(status) >= 400}
            assert {"401", "403", "422", "500", "503"} <= set(errors)
            for said in errors.values():
                assert said["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorAnswer"}
    error = page["components"]["schemas"]["ErrorBody"]
    assert error["required"] == ["code", "headline", "detail", "next"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/v1/jobs", "GET, POST"), ("PUT", "/v1/jobs/x", "DELETE, GET"), ("POST", "/v1/jobs/x/events", "GET")],
)
def test_a_method_that_a_path_does_not_take_is_told_which_it_takes(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_schemathesis_finds_no_failure_and_nothing_that_the_page_does_not_say(
    live: tuple[httpx.Client, Server], office: Office, tmp_path: Path
) -> None:
    client, _ = live
    # Streams of jobs that nobody makes end after what there is.
    office.bell.close()
    (tmp_path / "schemathesis.toml").write_text(CHECKS, encoding="utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{client.base_url}/v1/openapi.json"]
    command += ["--header", f"Authorization: Bearer {TOKEN}", "--checks", "all", "--max-examples", "4", "--seed", "1"]
    ran = subprocess.run([*command, "--no-color"], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
    assert ran.returncode == 0, ran.stdout
