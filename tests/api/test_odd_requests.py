"""Whatever is sent, the answer is a refusal with its reason, and never a failure of the server."""

from __future__ import annotations

import copy
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.api.app import build_app
from server.api.office import Office
from server.errors import Problem
from server.recipe import Recipe as Schema
from tests.api.conftest import TOKEN

Recipe = dict[str, Any]

ODD_NUMBERS = [True, "3", 0, -1, 1.5, 1e308, 5e-324, 10**18, 10**399, None, [3], {"": 3}, ""]
ODD_TEXTS = [
    "",
    " ",
    "\x00",
    "a\x1bb",
    "x" * 5000,
    "~nosuchuser/x",
    "/",
    ".",
    "..",
    "hub:",
    "hub:a/b@../c",
    "\U0001f986",
]
PLACES = [
    ("kind",), ("prompt",), ("negative_prompt",), ("seed",), ("prior",), ("preset",), ("steps",), ("views_per_step",),
    ("render_size",), ("time_budget_s",), ("guidance",), ("guidance", "method"), ("guidance", "estimator"),
    ("guidance", "scale"), ("guidance", "bandwidth_start"), ("guidance", "bandwidth_end"),
    ("guidance", "bandwidth_schedule"), ("guidance", "sampler_steps"), ("guidance", "samples"),
    ("guidance", "stop_threshold"), ("mesh",), ("mesh", "resolution"), ("mesh", "faces"), ("mesh", "texture_size"),
    ("mesh", "level"), ("texture",), ("texture", "width"), ("texture", "height"), ("texture", "tile_x"),
]  # fmt: skip


def assert_refused(answer: httpx.Response) -> dict[str, str]:
    assert 400 <= answer.status_code < 500, answer.text
    error: dict[str, str] = answer.json()["error"]
    assert set(error) == {"code", "headline", "detail", "next"}
    assert error["code"] not in ("internal", "")
    assert "\n" not in error["detail"]
    return error


@pytest.mark.parametrize(
    "change",
    [
        {"kind": ["mesh"]},
        {"kind": {"a": 1}},
        {"preset": ["a"]},
        {"preset": {}},
        {"prior": "n" * 5000},
        {"prior": "n" * 4000},
        {"prior": "/" + "n" * 300},
        {"prior": "~nosuchuser/x"},
        {"prior": ""},
        {"prior": " "},
        {"prior": "a\x00b"},
        {"prior": "hub:" + "n" * 100 + "/" + "m" * 100},
        {"prior": "hub:-a/b"},
        {"prior": "hub:a/b@/etc/hostname"},
        {"prompt": "red\x00bricks"},
        {"negative_prompt": "\x07"},
        {"steps": True},
        {"steps": "3"},
        {"steps": 2.5},
        {"seed": "3"},
        {"seed": False},
        {"seed": 10**300},
        {"time_budget_s": 1e300},
        {"time_budget_s": True},
        {"guidance": {"method": "sdi", "bandwidth_start": 5e-228}},
        {"guidance": {"bandwidth_end": 1e-40}},
        {"guidance": {"scale": 10**300}},
        {"guidance": []},
        {"guidance": "msd"},
        {"mesh": {"texture_size": 7}},
        {"texture": {"tile_x": 1}},
        {"texture": {"width": 1, "height": 4096}},
        {"views_per_step": 64, "render_size": 1024},
    ],
)
def test_a_recipe_of_odd_values_is_refused_with_the_reason(
    never_failing: TestClient, bricks: Recipe, change: dict[str, Any]
) -> None:
    error = assert_refused(never_failing.post("/v1/jobs", json=bricks | change))
    assert error["code"] in ("recipe-invalid", "prior-unknown", "prior-broken")
    if error["code"] == "recipe-invalid" and "views_per_step" not in change:
        assert next(iter(change)) in error["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"recipe"',
        b"3",
        b"{",
        b"\xff\xfe\x00",
        '{"kind": "mesh"}'.encode("utf-16"),
        b"[" * 90_000,
        b"[" * 200_000,
        b'{"a":' * 15_000,
        b'{"kind": "mesh", "kind": "texture"}',
        b'{"guidance": {"scale": 1, "scale": 2}}',
        b'{"prompt": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"guidance": {"\\udfff": 1}}',
        b'{"steps": ' + b"9" * 5000 + b"}",
        b'{"steps": -' + b"9" * 400 + b"}",
        b'{"time_budget_s": Infinity}',
        b'{"time_budget_s": 1e400}',
        b'{"guidance": {"scale": NaN}}',
        b"kind=mesh&prompt=a+duck",
    ],
)
def test_a_body_that_is_no_recipe_is_refused_with_the_reason(never_failing: TestClient, body: bytes) -> None:
    assert_refused(never_failing.post("/v1/jobs", content=body))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"time_budget_s": Infinity}', "time_budget_s"),
        (b'{"time_budget_s": -Infinity}', "time_budget_s"),
        (b'{"time_budget_s": 1e400}', "time_budget_s"),
        (b'{"seed": NaN}', "seed"),
        (b'{"seed": "3"}', "seed"),
        (b'{"steps": true}', "steps"),
        (b'{"steps": ' + b"9" * 5000 + b"}", "steps"),
        (b'{"steps": -' + b"9" * 5000 + b"}", "steps"),
        (b'{"guidance": {"scale": NaN}}', "guidance.scale"),
        (b'{"guidance": {"bandwidth_start": 5e-228, "method": "sdi"}}', "guidance.bandwidth_start"),
        (b'{"mesh": {"level": Infinity}}', "mesh.level"),
        (b'{"texture": {"tile_x": 1}}', "texture.tile_x"),
    ],
)
def test_a_number_that_is_none_is_refused_by_the_name_of_its_field(
    never_failing: TestClient, bricks: Recipe, body: bytes, field: str
) -> None:
    del bricks["steps"], bricks["texture"]
    sent = json.dumps(bricks).encode()[:-1] + b", " + body[1:]
    error = assert_refused(never_failing.post("/v1/jobs", content=sent))
    assert error["code"] == "recipe-invalid"
    assert error["detail"].startswith(field)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "json", "a/b/c;d"])
def test_a_body_that_is_called_something_else_is_refused(
    never_failing: TestClient, bricks: Recipe, content_type: str
) -> None:
    body = json.dumps(bricks).encode()
    answer = never_failing.post("/v1/jobs", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 415
    assert "application/json" in assert_refused(answer)["next"]
    said = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert never_failing.post("/v1/jobs", content=body, headers=said).status_code == 201


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Origin", "http://["),
        ("Origin", "http://[::1"),
        ("Origin", "://"),
        ("Origin", "\xff"),
        ("Host", "["),
        ("Host", "127.0.0.1:99999999"),
        ("Authorization", "Bearer \xff"),
        ("Last-Event-ID", "9223372036854775808"),
        ("Last-Event-ID", "9" * 5000),
        ("Last-Event-ID", "-1"),
        ("Last-Event-ID", "1.5"),
        ("Last-Event-ID", "1_0"),
        ("Last-Event-ID", "+1"),
        ("Last-Event-ID", "1.0"),
        ("Last-Event-ID", "x"),
    ],
)
def test_odd_headers_are_refused(never_failing: TestClient, bricks: Recipe, header: str, value: str) -> None:
    job_id = never_failing.post("/v1/jobs", json=bricks).json()["id"]
    never_failing.post(f"/v1/jobs/{job_id}/cancel")
    answer = never_failing.get(f"/v1/jobs/{job_id}/events", headers={header: value.encode("latin-1")})
    if (header, value) == ("Host", "127.0.0.1:99999999"):
        assert answer.status_code == 200  # a port says nothing about whose address it is
    else:
        assert_refused(answer)


def test_the_last_event_that_can_be_numbered_ends_a_stream_quietly(never_failing: TestClient, bricks: Recipe) -> None:
    job_id = never_failing.post("/v1/jobs", json=bricks).json()["id"]
    never_failing.post(f"/v1/jobs/{job_id}/cancel")
    answer = never_failing.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": str(2**63 - 1)})
    assert (answer.status_code, answer.text) == (200, "")


@pytest.mark.parametrize(
    "limit",
    ["9" * 5000, "true", "1_0", "+1", "-1", "0", "1.0", "1e1", "%201", "1%20", "1%0A", "%D9%A3", "0x1", "", "501"],
)
def test_odd_limits_are_refused(never_failing: TestClient, limit: str) -> None:
    error = assert_refused(never_failing.get(f"/v1/jobs?limit={limit}"))
    assert error["detail"].startswith("query.limit must be ")


@pytest.mark.parametrize("job_id", ["%00", "%ED%A0%80", "x" * 5000, "..", "%2e%2e%2f", "'; --", "%F0%9F%A6%86"])
@pytest.mark.parametrize("rest", ["", "/events", "/artifacts/mesh.glb", "/artifacts/%00"])
def test_odd_job_ids_are_not_found(never_failing: TestClient, job_id: str, rest: str) -> None:
    assert_refused(never_failing.get(f"/v1/jobs/{job_id}{rest}"))


@pytest.mark.parametrize("name", [b"caf\xe9.safetensors", b"caf\xe9", b"models-\xff/tiny.safetensors"])
def test_models_whose_names_are_no_text_are_listed_as_such(office: Office, tmp_path: Path, name: bytes) -> None:
    place = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), b"models", name)))
    place.parent.mkdir(parents=True)
    if place.suffix:
        place.write_bytes(b"")
    else:
        place.mkdir()
        (place / "model_index.json").write_text("{}", encoding="utf-8")
    client = TestClient(
        build_app(replace(office, prior_folders=(place.parent,))),
        base_url="http://127.0.0.1",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    while (answer := client.get("/v1/capabilities")).json()["priors_refreshing"]:
        assert answer.status_code == 200
    listed = answer.json()["priors"][-1]
    assert not listed["usable"]
    assert "is not text in UTF-8" in listed["why_not"]


def test_messages_that_name_files_without_a_name_in_utf8_are_answered(
    office: Office, never_failing: TestClient, bricks: Recipe
) -> None:
    job_id = never_failing.post("/v1/jobs", json=bricks).json()["id"]
    said = Problem("prior-broken", f"{os.fsdecode(b'caf' + bytes([0xE9]))} cannot be read.")
    office.store.end(job_id, "failed", error=said.as_json())
    assert never_failing.get(f"/v1/jobs/{job_id}").json()["error"]["detail"] == "caf? cannot be read."
    assert never_failing.get("/v1/jobs").status_code == 200


def test_whole_numbers_may_be_written_with_a_point(never_failing: TestClient, bricks: Recipe) -> None:
    answer = never_failing.post("/v1/jobs", json=bricks | {"steps": 3.0, "render_size": 16.0})
    assert answer.status_code == 201
    assert (answer.json()["recipe"]["steps"], answer.json()["recipe"]["render_size"]) == (3, 16)


def values_of(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a JSON schema of the kind that pydantic writes allows."""
    if "$ref" in schema:
        return values_of(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in schema:
        return st.one_of([values_of(part, definitions) for part in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    match schema["type"]:
        case "object":
            parts = {name: values_of(part, definitions) for name, part in schema["properties"].items()}
            return st.fixed_dictionaries({}, optional=parts)
        case "integer":
            return st.integers(low, high)
        case "number":
            return st.floats(low, high, exclude_min="exclusiveMinimum" in schema)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    return st.text(min_size=schema.get("minLength", 0), max_size=40)


SCHEMA = Schema.model_json_schema()
RECIPES = values_of(SCHEMA, SCHEMA["$defs"])
PLAIN = st.fixed_dictionaries(
    {}, optional={"prompt": st.just("red bricks"), "kind": st.just("texture"), "prior": st.just("exact")}
)
ANYTHING = st.recursive(
    st.sampled_from([*ODD_NUMBERS, *ODD_TEXTS]) | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=3,
)
SETTINGS = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SETTINGS
@given(recipe=RECIPES, plain=PLAIN, change=st.none() | st.tuples(st.sampled_from(PLACES), ANYTHING))
def test_no_recipe_makes_the_server_fail(
    never_failing: TestClient,
    bricks: Recipe,
    recipe: dict[str, Any],
    plain: dict[str, str],
    change: tuple[tuple[str, ...], Any] | None,
) -> None:
    sent = copy.deepcopy(bricks | recipe | plain)
    if change is not None:
        (*path, last), value = change
        part = sent
        for name in path:
            part = part.setdefault(name, {})
        part[last] = value
    answer = never_failing.post("/v1/jobs", content=json.dumps(sent).encode())
    if answer.status_code != 201:
        assert_refused(answer)


@SETTINGS
@given(body=st.binary(max_size=60) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_no_body_makes_the_server_fail(never_failing: TestClient, body: bytes) -> None:
    assert_refused(never_failing.post("/v1/jobs", content=body))
