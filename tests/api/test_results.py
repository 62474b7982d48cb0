"""What was made is found again: by words, kind and star, page by page, with its thumbnail."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.api.office import Office
from server.jobs.artifacts import job_folder
from server.jobs.store import Store
from server.recipe import read_recipe
from server.studio.kept_names import STATE

ARTIFACTS = ["mesh.glb", "recipe.json", "report.json", STATE, "thumbnail.png"]


def add(store: Store, prompt: str, kind: str = "mesh", seed: int = 0, state: Any = "done") -> str:
    job_id = store.submit(read_recipe({"kind": kind, "prompt": prompt, "seed": seed, "prior": "exact"}))[0].id
    if state != "queued":
        store.end(job_id, state, report={"artifacts": ARTIFACTS, "steps": 3} if state == "done" else None)
    return job_id


def found(client: TestClient, **query: Any) -> list[str]:
    return [row["id"] for row in client.get("/v1/results", params=query).json()["results"]]


def test_results_are_the_jobs_that_are_done_newest_first(client: TestClient, office: Office) -> None:
    older, newer = add(office.store, "a duck"), add(office.store, "a duck", seed=1)
    add(office.store, "a duck", seed=2, state="queued")
    add(office.store, "a duck", seed=3, state="cancelled")
    answer = client.get("/v1/results").json()
    assert [row["id"] for row in answer["results"]] == [newer, older]
    assert (answer["total"], answer["next"]) == (2, None)
    row = answer["results"][0]
    assert (row["prompt"], row["seed"], row["kind"], row["thumbnail"]) == ("a duck", 1, "mesh", "thumbnail.png")
    assert row["files"] == ARTIFACTS


@pytest.mark.parametrize(
    ("search", "prompts"),
    [
        ("duck", ["a RED duck", "a yellow Duck"]),
        ("red duck", ["a RED duck"]),
        ("duck red", ["a RED duck"]),
        ("ÉTÉ", ["un canard d'été"]),
        ("%", ["100 % wool"]),
        ("_", []),
        ("nothing", []),
        ("  ", ["100 % wool", "un canard d'été", "a RED duck", "a yellow Duck"]),
    ],
)
def test_every_word_is_somewhere_in_the_prompt_in_any_case(
    client: TestClient, office: Office, search: str, prompts: list[str]
) -> None:
    for prompt in ("a yellow Duck", "a RED duck", "un canard d'été", "100 % wool"):
        add(office.store, prompt)
    rows = client.get("/v1/results", params={"search": search}).json()["results"]
    assert [row["prompt"] for row in rows] == prompts


def test_kind_and_star_narrow_the_search(client: TestClient, office: Office) -> None:
    mesh, bricks = add(office.store, "a red cube"), add(office.store, "red bricks", "texture")
    client.put(f"/v1/jobs/{mesh}/star")
    assert found(client, search="red") == [bricks, mesh]
    assert found(client, search="red", kind="texture") == [bricks]
    assert found(client, starred="true") == [mesh]
    assert found(client, starred="true", kind="texture") == []


def test_pages_of_a_search_hold_every_result_once(client: TestClient, office: Office) -> None:
    made = [add(office.store, "a duck" if seed % 2 else "a cube", seed=seed) for seed in range(9)]
    seen, cursor = [], None
    while True:
        query = {"search": "duck", "limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = client.get("/v1/results", params=query).json()
        seen += [row["id"] for row in page["results"]]
        assert page["total"] == 4
        if (cursor := page["next"]) is None:
            break
    assert seen == made[1::2][::-1]


def test_what_the_quota_took_is_not_among_the_files(client: TestClient, office: Office) -> None:
    job_id = add(office.store, "a duck")
    office.store.note_removed(job_id, ["mesh.glb", STATE])
    (row,) = client.get("/v1/results").json()["results"]
    assert row["files"] == ["recipe.json", "report.json", "thumbnail.png"]
    assert row["thumbnail"] == "thumbnail.png"


def test_a_result_of_an_older_release_has_no_thumbnail(client: TestClient, office: Office) -> None:
    job_id = office.store.submit(read_recipe({"kind": "mesh", "prompt": "a duck", "prior": "exact"}))[0].id
    office.store.end(job_id, "done", report={"artifacts": ["mesh.glb"]})
    assert client.get("/v1/results").json()["results"][0]["thumbnail"] is None


def test_five_hundred_results_are_one_small_answer(client: TestClient, office: Office) -> None:
    recipes = [read_recipe({"kind": "mesh", "prompt": "a duck", "prior": "exact", "seed": seed}) for seed in range(500)]
    jobs, _ = office.store.submit_all(recipes)
    for job in jobs:
        office.store.end(job.id, "done", report={"artifacts": ARTIFACTS})
    answer = client.get("/v1/results?limit=500")
    assert len(answer.json()["results"]) == 500
    assert len(answer.content) < 500 * 500


def test_a_thumbnail_is_a_picture_that_is_asked_for_once(client: TestClient, office: Office) -> None:
    job_id = add(office.store, "a duck")
    folder = job_folder(office.data_dir, job_id)
    folder.mkdir(parents=True)
    (folder / "thumbnail.png").write_bytes(b"\x89PNG")
    path = f"/v1/jobs/{job_id}/artifacts/thumbnail.png"
    answer = client.get(path)
    assert answer.headers["content-type"] == "image/png"
    assert client.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("continue", {"steps": 0}, 422, "request-invalid"),
        ("continue", {"steps": "3"}, 422, "request-invalid"),
        ("continue", {"steps": True}, 422, "request-invalid"),
        ("continue", {"steps": 3, "more": 1}, 422, "request-invalid"),
        ("continue", {}, 422, "request-invalid"),
        ("continue", {"steps": 3}, 409, "nothing-kept"),
        ("remesh", {"faces": "many"}, 409, "nothing-kept"),
    ],
)
def test_a_successor_that_cannot_be_is_refused_and_nothing_is_queued(
    client: TestClient, office: Office, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    job_id = add(office.store, "a duck")
    answer = client.post(f"/v1/jobs/{job_id}/{path}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert office.store.in_states(["queued"]) == []


def test_a_successor_is_queued_with_its_parent_and_can_be_asked_for_again(client: TestClient, office: Office) -> None:
    job_id = add(office.store, "a duck")
    folder = job_folder(office.data_dir, job_id)
    folder.mkdir(parents=True)
    (folder / STATE).write_bytes(b"where it ended")
    (folder / "field.safetensors").write_bytes(b"the field")
    for path, body, name in (
        ("continue", {"steps": 300.0}, STATE),
        ("remesh", {"faces": 500}, "field.safetensors"),
    ):
        key = {"Idempotency-Key": path}
        answer = client.post(f"/v1/jobs/{job_id}/{path}", json=body, headers=key)
        job = answer.json()
        assert (answer.status_code, job["state"], job["task"], job["parent"]) == (201, "queued", path, job_id)
        assert (job_folder(office.data_dir, job["id"]) / name).read_bytes() == (folder / name).read_bytes()
        again = client.post(f"/v1/jobs/{job_id}/{path}", json=body, headers=key)
        assert (again.status_code, again.json()["id"]) == (200, job["id"])


def test_seeds_are_queued_for_a_quick_look(client: TestClient, bricks: dict[str, Any]) -> None:
    asked = {"recipe": bricks, "seeds": [1, 2], "look": True}
    jobs = client.post("/v1/batches", json=asked).json()["jobs"]
    assert [job["task"] for job in jobs] == ["look", "look"]
    assert client.post("/v1/batches", json=asked | {"look": 1}).status_code == 422
    others = client.post("/v1/batches", json=asked | {"look": False}).json()["jobs"]
    assert [job["task"] for job in others] == ["make", "make"]
