"""The routes under /v1."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response, StreamingResponse
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from server import __version__
from server.api import API_VERSION
from server.api.answers import Answer
from server.api.bodies import check_is_json, object_from
from server.api.office import Office
from server.api.problems import Refused
from server.api.streaming import stream_events
from server.jobs.artifacts import find_artifact, job_folder
from server.priors.catalogue import check_prompt
from server.recipe import PRESETS, Recipe, read_recipe

ABOUT = {"name": "blender-msd", "version": __version__, "api": API_VERSION}
# A recipe is about a thousand bytes.
BODY_LIMIT = 100_000
# SQLite's largest whole number.
MAX_EVENT_ID = 2**63 - 1


def _in_digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch("[0-9]{1,19}", value):
        raise PydanticCustomError("digits", "must be a whole number, in no more than 19 digits")
    return value


Digits = Annotated[int, BeforeValidator(_in_digits)]

Order = Literal["cancel", "finish", "pause", "resume", "retry", "first"]

_MEDIA_TYPES = {
    ".npz": "application/octet-stream",
    ".glb": "model/gltf-binary",
    ".png": "image/png",
    ".json": "application/json",
}


def build_routes(office: Office) -> APIRouter:
    """Routes that work on this office. Plain functions run on threads, so none of them blocks an event stream."""
    routes = APIRouter(prefix="/v1")
    store, queue = office.store, office.queue
    orders: dict[Order, Callable[[str], None]] = {
        "cancel": queue.cancel,
        "finish": queue.finish,
        "pause": queue.pause,
        "resume": queue.resume,
        "retry": queue.retry,
        "first": queue.put_first,
    }

    # Neither of these two waits for a disk, nor for a thread while others do.
    @routes.get("/health")
    async def health() -> dict[str, Any]:
        return ABOUT

    @routes.get("/hello")
    async def hello() -> dict[str, Any]:
        """The same for who shows the token: its answer says that the token is right."""
        return ABOUT

    @routes.get("/capabilities")
    def capabilities(refresh: bool = False) -> dict[str, Any]:
        seen = office.priors.seen(refresh)
        return {
            **ABOUT,
            "devices": queue.devices(),
            "priors": [prior.as_json() for prior in seen.priors],
            "priors_taken": seen.taken,
            "priors_refreshing": seen.refreshing,
            "prior_folders": True,
            "presets": PRESETS,
            "recipe": Recipe.model_json_schema(),
        }

    @routes.post("/jobs", status_code=201)
    async def submit(
        request: Request, idempotency_key: Annotated[str | None, Header(max_length=200)] = None
    ) -> Response:
        check_is_json(request.headers.get("content-type"))
        return await run_in_threadpool(queue_recipe, await _read_body(request), idempotency_key)

    def queue_recipe(body: bytes, idempotency_key: str | None) -> Response:
        recipe = read_recipe(object_from(body))
        warnings = check_prompt(recipe.prior, recipe.prompt, recipe.kind, recipe.negative_prompt)
        job, is_new = store.submit(recipe, idempotency_key, warnings)
        queue.wake()
        return Answer(job.as_json(), 201 if is_new else 200)

    @routes.get("/jobs")
    def list_jobs(limit: Annotated[Digits, Query(ge=1, le=500)] = 50) -> dict[str, Any]:
        return {"jobs": [job.as_json() for job in store.newest(limit)]}

    @routes.get("/jobs/{job_id}")
    def get_job(job_id: str) -> dict[str, Any]:
        return store.get(job_id).as_json()

    @routes.delete("/jobs/{job_id}", status_code=204)
    def delete_job(job_id: str) -> None:
        queue.delete(job_id)

    @routes.post("/jobs/{job_id}/{order}")
    def order_job(job_id: str, order: Order) -> dict[str, Any]:
        orders[order](job_id)
        return store.get(job_id).as_json()

    @routes.get("/jobs/{job_id}/events")
    def events(job_id: str, last_event_id: Annotated[Digits, Header(ge=0, le=MAX_EVENT_ID)] = 0) -> StreamingResponse:
        store.get(job_id)  # an unknown job is a 404, not an empty stream
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(
            stream_events(office, job_id, last_event_id), media_type="text/event-stream", headers=headers
        )

    @routes.get("/jobs/{job_id}/artifacts/{name}")
    def artifact(job_id: str, name: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        store.get(job_id)
        path = find_artifact(job_folder(office.data_dir, job_id), name)
        if path is None:
            hint = "Live files are kept only while they are the newest; take the name from the newest event."
            raise Refused(404, "artifact-unknown", f"The job has no file {name[:80]!r}.", hint)
        found = path.stat()
        # Files are renamed into place and never changed afterwards.
        tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        if tag in (given.strip().removeprefix("W/") for given in if_none_match.split(",")):
            return Response(status_code=304, headers=headers)
        media_type = _MEDIA_TYPES.get(path.suffix, "application/octet-stream")
        return FileResponse(path, headers=headers, media_type=media_type, stat_result=found)

    return routes


async def _read_body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_LIMIT:
            hint = "A recipe is a small JSON object; send paths, not contents."
            raise Refused(413, "body-too-large", f"The request is larger than {BODY_LIMIT} bytes.", hint)
    return body
