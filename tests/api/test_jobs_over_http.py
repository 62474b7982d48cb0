"""Jobs over HTTP: submitting, listing, refusing, deleting, and their files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.api.limits import MOST_BODY_BYTES
from server.api.office import Office
from server.jobs.artifacts import job_folder

Recipe = dict[str, Any]


def test_a_submitted_job_is_queued_and_can_be_read(client: TestClient, bricks: Recipe) -> None:
    answer = client.post("/v1/jobs", json=bricks)
    assert answer.status_code == 201
    job = client.get(f"/v1/jobs/{answer.json()['id']}").json()
    assert job == answer.json()
    assert job["state"] == "queued"
    assert job["recipe"]["prompt"] == "red bricks"
    assert job["recipe"]["guidance"]["method"] == "msd"
    assert (job["report"], job["error"], job["started"], job["finished"]) == (None, None, None, None)
    assert job["warnings"] == []
    assert job["created"] > 1.7e9


def test_jobs_are_listed_newest_first_up_to_a_limit(client: TestClient, bricks: Recipe) -> None:
    ids = [client.post("/v1/jobs", json=bricks | {"seed": seed}).json()["id"] for seed in range(3)]
    assert [job["id"] for job in client.get("/v1/jobs").json()["jobs"]] == ids[::-1]
    assert [job["id"] for job in client.get("/v1/jobs?limit=1").json()["jobs"]] == [ids[2]]
    for limit in ("0", "501", "many"):
        answer = client.get(f"/v1/jobs?limit={limit}")
        assert answer.status_code == 422
        assert "limit" in answer.json()["error"]["detail"]


def test_the_same_idempotency_key_makes_one_job(client: TestClient, bricks: Recipe) -> None:
    key = {"Idempotency-Key": "k1"}
    first = client.post("/v1/jobs", json=bricks, headers=key)
    again = client.post("/v1/jobs", json=bricks, headers=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = client.post("/v1/jobs", json=bricks | {"seed": 1}, headers=key)
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "idempotency-key-reused"
    assert len(client.get("/v1/jobs").json()["jobs"]) == 1


def made(office: Office, job_id: str) -> dict[str, Any]:
    """What a worker does to a queued job, in short."""
    office.store.claim(job_id, "cpu")
    folder = job_folder(office.data_dir, job_id)
    folder.mkdir()
    report = {"artifacts": ["report.json", "texture.png"], "steps": 3, "stopped_by": "steps"}
    (folder / "texture.png").write_bytes(b"a picture")
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    office.store.end(job_id, "done", report=report)
    return report


def test_what_was_made_before_is_done_at_once_and_names_its_source(
    client: TestClient, office: Office, bricks: Recipe
) -> None:
    first = client.post("/v1/jobs", json=bricks).json()
    report = made(office, first["id"])
    answer = client.post("/v1/jobs", json=bricks)
    again = answer.json()
    assert answer.status_code == 201
    assert (again["state"], again["reused"], again["digest"]) == ("done", first["id"], first["digest"])
    assert again["report"] == report
    assert again["id"] != first["id"]
    assert client.get(f"/v1/jobs/{again['id']}/artifacts/texture.png").content == b"a picture"
    assert client.delete(f"/v1/jobs/{first['id']}").status_code == 204
    assert client.get(f"/v1/jobs/{again['id']}/artifacts/texture.png").content == b"a picture"


def test_it_is_made_anew_on_request_or_with_another_seed(client: TestClient, office: Office, bricks: Recipe) -> None:
    made(office, client.post("/v1/jobs", json=bricks).json()["id"])
    for other in (bricks | {"anew": True}, bricks | {"seed": 1}):
        job = client.post("/v1/jobs", json=other).json()
        assert (job["state"], job["reused"], job["anew"]) == ("queued", None, other.get("anew", False))
        assert "anew" not in job["recipe"]
    assert client.post("/v1/jobs", json=bricks | {"anew": False}).json()["reused"]
    refused = client.post("/v1/jobs", json=bricks | {"anew": "yes"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "request-invalid")


def test_of_several_seeds_those_that_were_made_before_are_done_at_once(
    client: TestClient, office: Office, bricks: Recipe
) -> None:
    first = client.post("/v1/jobs", json=bricks | {"seed": 2}).json()["id"]
    made(office, first)
    jobs = client.post("/v1/batches", json={"recipe": bricks, "seeds": [1, 2]}).json()["jobs"]
    assert [(job["state"], job["reused"]) for job in jobs] == [("queued", None), ("done", first)]
    jobs = client.post("/v1/batches", json={"recipe": bricks, "seeds": [2, 3], "anew": True}).json()["jobs"]
    assert [job["state"] for job in jobs] == ["queued", "queued"]


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"prompt": ""}, "recipe-invalid", "prompt"),
        ({"prompt": "   "}, "recipe-invalid", "prompt is empty"),
        ({"prompt": "an elephant in the room"}, "prompt-unreadable", ""),
        ({"preset": "huge"}, "recipe-invalid", "preset"),
        ({"texture": {"width": 9000}}, "recipe-invalid", "texture.width"),
        ({"steps": 0}, "recipe-invalid", "steps"),
        ({"unknown": 1}, "recipe-invalid", "unknown"),
        ({"prior": "/no/such/folder"}, "prior-unknown", "/no/such/folder"),
    ],
)
def test_a_recipe_that_cannot_be_made_is_refused_with_the_reason(
    client: TestClient, bricks: Recipe, change: Recipe, code: str, said: str
) -> None:
    answer = client.post("/v1/jobs", json=bricks | change)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == code
    assert said in answer.json()["error"]["detail"]
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_words_that_will_be_left_out_are_named_in_the_answer_the_job_and_its_events(
    client: TestClient, office: Office, bricks: Recipe
) -> None:
    recipe = bricks | {"prior": "embedded", "prompt": "shiny red bricks", "negative_prompt": "ugly dots"}
    answer = client.post("/v1/jobs", json=recipe, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 201
    of_prompt, of_negative = answer.json()["warnings"]
    assert '"shiny"' in of_prompt
    assert "cobblestone" in of_prompt
    assert '"ugly"' in of_negative
    assert "avoid" in of_negative
    job_id = answer.json()["id"]
    assert client.get(f"/v1/jobs/{job_id}").json()["warnings"] == [of_prompt, of_negative]
    client.post(f"/v1/jobs/{job_id}/cancel")
    stream = client.get(f"/v1/jobs/{job_id}/events").text
    assert stream.count("event: log") == 2
    assert json.dumps({"level": "warning", "message": of_prompt}) in stream
    again = client.post("/v1/jobs", json=recipe, headers={"Idempotency-Key": "k"})
    assert again.json()["warnings"] == [of_prompt, of_negative]


def test_the_exact_prior_refuses_strange_words_in_what_to_avoid(client: TestClient, bricks: Recipe) -> None:
    answer = client.post("/v1/jobs", json=bricks | {"negative_prompt": "blurry"})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "prompt-unreadable"
    assert "avoid" in answer.json()["error"]["detail"]
    assert "blurry" in answer.json()["error"]["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"\xff\xfe", b"[" * 50_000, b'{"kind": NaN}'])
def test_a_body_that_is_no_recipe_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/jobs", content=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] in ("body-invalid", "recipe-invalid")


@pytest.mark.parametrize("streamed", [False, True])
def test_a_body_that_is_too_large_is_refused(client: TestClient, streamed: bool) -> None:
    body = b"x" * (MOST_BODY_BYTES + 1)
    answer = client.post("/v1/jobs", content=iter([body]) if streamed else body)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body-too-large"


def test_unknown_jobs_and_routes_are_not_found(client: TestClient) -> None:
    for method, path in [
        ("GET", "/v1/jobs/nothing"),
        ("GET", "/v1/jobs/nothing/events"),
        ("GET", "/v1/jobs/nothing/artifacts/mesh.npz"),
        ("POST", "/v1/jobs/nothing/cancel"),
        ("DELETE", "/v1/jobs/nothing"),
        ("GET", "/v2/jobs"),
    ]:
        answer = client.request(method, path)
        assert answer.status_code == 404, path
        assert set(answer.json()["error"]) == {"code", "headline", "detail", "next"}


def test_an_unknown_order_is_refused(client: TestClient, bricks: Recipe) -> None:
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    assert client.post(f"/v1/jobs/{job_id}/explode").status_code == 422


def test_a_queued_job_that_is_paused_is_held_back_until_it_is_resumed(
    client: TestClient, office: Office, bricks: Recipe
) -> None:
    held, other = (client.post("/v1/jobs", json=bricks | {"seed": seed}).json()["id"] for seed in (1, 2))
    assert client.post(f"/v1/jobs/{held}/pause").json()["state"] == "paused"
    assert client.post(f"/v1/jobs/{held}/resume").json()["state"] == "queued"
    assert client.post(f"/v1/jobs/{held}/pause").json()["state"] == "paused"
    assert office.store.claim().id == other
    assert office.store.claim() is None


def test_jobs_are_listed_by_whether_they_are_over(client: TestClient, office: Office, bricks: Recipe) -> None:
    ids = [client.post("/v1/jobs", json=bricks | {"seed": seed}).json()["id"] for seed in range(4)]
    for job_id in ids[:2]:
        office.store.end(job_id, "cancelled")

    def listed(query: str) -> list[str]:
        return [job["id"] for job in client.get(f"/v1/jobs?{query}").json()["jobs"]]

    assert listed("over=true") == ids[1::-1]
    assert listed("over=false") == ids[:1:-1]
    assert listed("limit=10") == ids[::-1]
    page = client.get("/v1/jobs?over=false&limit=1").json()
    assert [job["id"] for job in page["jobs"]] == ids[3:]
    assert listed(f"over=false&limit=1&cursor={page['next']}") == ids[2:3]


def test_a_queued_job_can_be_cancelled_but_not_finished_or_resumed(client: TestClient, bricks: Recipe) -> None:
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    for order in ("finish", "resume"):
        answer = client.post(f"/v1/jobs/{job_id}/{order}")
        assert answer.status_code == 409
        assert "queued" in answer.json()["error"]["detail"]
    assert client.post(f"/v1/jobs/{job_id}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 200


def test_a_job_under_way_cannot_be_deleted_and_one_that_is_over_can(
    client: TestClient, office: Office, bricks: Recipe
) -> None:
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    office.store.claim()
    refused = client.delete(f"/v1/jobs/{job_id}")
    assert refused.status_code == 409
    assert "Cancel" in refused.json()["error"]["next"]
    folder = job_folder(office.data_dir, job_id)
    folder.mkdir(parents=True)
    (folder / "texture.png").write_bytes(b"x")
    office.store.end(job_id, "failed", error={"code": "x", "headline": "X", "detail": "y", "next": "z"})
    assert client.get(f"/v1/jobs/{job_id}").json()["error"]["code"] == "x"
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert client.get(f"/v1/jobs/{job_id}").status_code == 404
    assert not folder.exists()


def test_an_artifact_is_sent_once_and_then_known_by_its_tag(client: TestClient, office: Office, bricks: Recipe) -> None:
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    folder = job_folder(office.data_dir, job_id)
    folder.mkdir(parents=True)
    (folder / "mesh.glb").write_bytes(b"glTF and more")
    path = f"/v1/jobs/{job_id}/artifacts/mesh.glb"
    first = client.get(path)
    assert (first.status_code, first.content) == (200, b"glTF and more")
    assert first.headers["content-type"] == "model/gltf-binary"
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"If-None-Match": '"another"'}).status_code == 200
    (folder / "mesh.glb").unlink()
    (folder / "mesh.glb").write_bytes(b"glTF, changed")
    assert client.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 200


@pytest.mark.parametrize(
    "name", ["../../jobs.sqlite", "..%2F..%2Fjobs.sqlite", "%2e%2e/%2e%2e/jobs.sqlite", ".hidden", "none.npz", "a%00b"]
)
def test_only_files_of_the_job_are_served(client: TestClient, office: Office, bricks: Recipe, name: str) -> None:
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    folder = job_folder(office.data_dir, job_id)
    folder.mkdir(parents=True)
    (folder / ".hidden").write_text("x", encoding="utf-8")
    answer = client.get(f"/v1/jobs/{job_id}/artifacts/{name}")
    assert answer.status_code == 404
    assert "error" in answer.json()


def test_capabilities_tell_priors_presets_devices_and_the_recipe(client: TestClient) -> None:
    said = client.get("/v1/capabilities").json()
    assert said["api"] == 1
    assert [prior["name"] for prior in said["priors"]][:2] == ["embedded", "exact"]
    exact = said["priors"][1]
    assert (exact["usable"], exact["why_not"], exact["path"], exact["needs"]) == (True, "", None, "Runs on the CPU.")
    assert exact["licence"]
    assert exact["makes"] == ["mesh", "texture"]
    assert "sphere" in exact["language"]["understood"]
    assert set(said["presets"]["mesh"]) == {"sketch", "standard", "fine"}
    assert said["devices"][0]["wanted"] == "cpu"
    assert "prompt" in said["recipe"]["properties"]


@pytest.mark.parametrize(
    ("trouble", "cure", "status", "code"),
    [
        ("max_page_count = 1", "max_page_count = 1000000", 507, "disk-full"),
        ("query_only = ON", "query_only = OFF", 503, "store-broken"),
    ],
    ids=["a full disk", "a file that may not be written"],
)
def test_a_job_that_cannot_be_written_down_is_refused_and_can_be_sent_again(
    client: TestClient, office: Office, bricks: dict[str, Any], trouble: str, cure: str, status: int, code: str
) -> None:
    office.store._db.execute(f"PRAGMA {trouble}")
    answers = [client.post("/v1/jobs", json=bricks) for _ in range(20)]
    assert answers[-1].status_code == status
    error = answers[-1].json()["error"]
    assert (error["code"], bool(error["next"])) == (code, True)
    jobs = client.get("/v1/jobs").json()["jobs"]
    assert len(jobs) == sum(answer.status_code == 201 for answer in answers)
    office.store._db.execute(f"PRAGMA {cure}")
    assert client.post("/v1/jobs", json=bricks).status_code == 201
