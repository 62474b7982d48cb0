"""Meshes and pictures come over HTTP, under the SHA-256 of their bytes, before the recipes that name them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from server.api import given
from server.meshing.given import given_bytes
from server.png import png_bytes
from tests.meshing.given_meshes import cube


def put(client: TestClient, data: bytes, name: str = "", kind: str = "meshes") -> Any:
    digest = name or hashlib.sha256(data).hexdigest()
    return client.put(f"/v1/{kind}/{digest}", content=data, headers={"Content-Type": "application/octet-stream"})


def recipe(data: bytes) -> dict[str, Any]:
    name = hashlib.sha256(data).hexdigest()
    return {"kind": "retexture", "prompt": "a red cube", "prior": "exact", "retexture": {"mesh": name}}


def test_a_mesh_that_was_sent_can_be_named_by_a_recipe(client: TestClient) -> None:
    data = given_bytes(cube())
    refused = client.post("/v1/jobs", json=recipe(data))
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "mesh-missing")
    for _ in range(2):
        answer = put(client, data)
        assert (answer.status_code, answer.json()["faces"]) == (200, 12)
    assert client.post("/v1/jobs", json=recipe(data)).status_code == 201


def test_a_recipe_without_a_mesh_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/jobs", json={"kind": "retexture", "prompt": "a red cube", "prior": "exact"})
    assert answer.json()["error"]["code"] == "mesh-missing"


def test_a_mesh_that_cannot_be_textured_is_refused_when_it_comes(client: TestClient) -> None:
    broken = cube()
    broken.position[3] = float("nan")
    for data, name, code in (
        (given_bytes(broken), "", "mesh-not-finite"),
        (b"nothing", "", "mesh-unreadable"),
        (given_bytes(cube()), "0" * 64, "mesh-unreadable"),
        (given_bytes(cube()), "../../etc/passwd", ""),
        (given_bytes(cube()), "A" * 64, "request-invalid"),
    ):
        answer = put(client, data, name)
        assert answer.status_code in (404, 405, 422)
        assert code in ("", answer.json()["error"]["code"])


def test_a_mesh_that_is_too_large_is_refused_before_it_is_read(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "MOST_MESH_BYTES", 100)
    answer = put(client, given_bytes(cube()))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body-too-large")


def test_a_prompt_that_names_no_object_is_refused(client: TestClient) -> None:
    data = given_bytes(cube())
    put(client, data)
    answer = client.post("/v1/jobs", json=recipe(data) | {"prompt": "red bricks"})
    assert answer.json()["error"]["code"] == "prompt-unreadable"


PICTURE = png_bytes(np.full((8, 16, 3), 90, np.uint8))


def beginning_as(image: bytes, **source: Any) -> dict[str, Any]:
    named = {"image": hashlib.sha256(image).hexdigest(), **source}
    return {"kind": "texture", "prompt": "red bricks", "prior": "exact", "texture": {"source": named}}


def test_a_picture_that_was_sent_can_be_what_a_texture_begins_as(client: TestClient) -> None:
    refused = client.post("/v1/jobs", json=beginning_as(PICTURE))
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "image-missing")
    for _ in range(2):
        answer = put(client, PICTURE, kind="images")
        assert (answer.status_code, answer.json()["width"], answer.json()["height"]) == (200, 16, 8)
    assert client.post("/v1/jobs", json=beginning_as(PICTURE)).status_code == 201


def test_a_mask_that_was_not_sent_is_refused_as_the_picture_is(client: TestClient) -> None:
    put(client, PICTURE, kind="images")
    refused = client.post("/v1/jobs", json=beginning_as(PICTURE, mask="0" * 64))
    assert refused.json()["error"]["code"] == "image-missing"


def test_what_is_no_picture_is_refused_when_it_comes(client: TestClient) -> None:
    for data, name, code in (
        (b"nothing", "", "image-unreadable"),
        (PICTURE[: len(PICTURE) // 2], "", "image-unreadable"),
        (PICTURE, "0" * 64, "image-unreadable"),
        (png_bytes(np.zeros((1, 8193), np.uint8)), "", "image-too-large"),
    ):
        answer = put(client, data, name, "images")
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
