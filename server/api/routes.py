"""The routes under /v1."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response, StreamingResponse
from fastapi.security import HTTPBearer
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from server import __version__
from server.api import API_VERSION
from server.api.answers import Answer
from server.api.bodies import check_is_json, object_from, read_body
from server.api.limits import MOST_JOBS_A_PAGE, MOST_QUEUED
from server.api.meshes import add_mesh_routes
from server.api.models import About, Capabilities, JobAnswer, JobPage, LeasesAnswer, refusals
from server.api.office import Office
from server.api.problems import Refused
from server.api.streaming import EventStream
from server.jobs.artifacts import find_artifact, job_folder
from server.jobs.costs import MOST_JOBS, preset_costs, seconds_per_call
from server.jobs.meshes import check_mesh_is_here
from server.jobs.record import MAX_NUMBER
from server.presets import SIZES, preset_of
from server.priors.catalogue import check_lora_files, check_loras, check_prior, check_words
from server.recipe import Recipe, read_recipe

ABOUT = {"name": "blender-msd", "version": __version__, "api": API_VERSION}


def _in_digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch("[0-9]{1,19}", value):
        raise PydanticCustomError("digits", "must be a whole number, in no more than 19 digits")
    return value


def _true_or_false(value: Any) -> Any:
    if isinstance(value, str) and value not in ("true", "false"):
        raise PydanticCustomError("flag", "must be true or false")
    return value


Digits = Annotated[int, BeforeValidator(_in_digits)]
Flag = Annotated[bool, BeforeValidator(_true_or_false)]

ProcessId = Annotated[Digits, Path(ge=1, le=2**31 - 1)]

Order = Literal["cancel", "finish", "pause", "resume", "retry", "first"]

_MEDIA_TYPES = {
    ".npz": "application/octet-stream",
    ".glb": "model/gltf-binary",
    ".png": "image/png",
    ".json": "application/json",
}
_RECIPE_AS_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{Recipe.__name__}"}}},
    }
}
_EVENT = {
    "type": "object",
    "description": "one event; comments stand between them",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "grows within the job"},
        "event": {"type": "string", "minLength": 1},
        "data": {"type": "string", "description": "one JSON object", "contentMediaType": "application/json"},
    },
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: id, event and one line of JSON as data. docs/http.md lists them.",
        "content": {"text/event-stream": {"schema": _EVENT}},
    }
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _MEDIA_TYPES.values()},
    },
    304: {"description": "It is what If-None-Match names"},
}
# The guard has checked it before any route is found; this only tells of it.
_TOKEN = Depends(HTTPBearer(auto_error=False, description="the token in server.json"))


def build_routes(office: Office) -> APIRouter:
    """Routes that work on this office. Plain functions run on threads, so none of them blocks an event stream."""
    everybody = APIRouter(prefix="/v1")
    routes = APIRouter(dependencies=[_TOKEN])
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
    @everybody.get("/health", response_model=About, responses=refusals())
    async def health() -> Answer:
        return Answer(ABOUT)

    @routes.get("/hello", response_model=About, responses=refusals())
    async def hello() -> Answer:
        """The same for who shows the token: its answer says that the token is right."""
        return Answer(ABOUT)

    @routes.get("/capabilities", response_model=Capabilities, responses=refusals())
    def capabilities(refresh: Flag = False) -> Answer:
        """What this server can do, as far as it knows by now.

        With `refresh` it looks for models again; what it finds is in later answers.
        """
        seen = office.priors.seen(refresh)
        paces = seconds_per_call(store.page(MOST_JOBS)[0])
        said = {
            "devices": queue.devices(),
            "priors": [
                {
                    **prior.as_json(),
                    "costs": {} if prior.card is None else preset_costs(prior.card),
                    "seconds_per_call": paces.get(prior.name, {}),
                }
                for prior in seen.priors
            ],
            "priors_taken": seen.taken,
            "priors_refreshing": seen.refreshing,
            "prior_folders": True,
            "allowed_folders": [str(folder) for folder in office.allowed.folders],
            "hub": office.allowed.hub,
            "presets": {
                kind: {preset: preset_of("embedded", kind, preset) for preset in presets}
                for kind, presets in SIZES.items()
            },
            "recipe": Recipe.model_json_schema(),
        }
        return Answer(ABOUT | said)

    @routes.post(
        "/jobs",
        status_code=201,
        response_model=JobAnswer,
        responses={200: {"model": JobAnswer, "description": "The job of the same key"}, **refusals(409, 413, 415, 429)},
        openapi_extra=_RECIPE_AS_BODY,
    )
    async def submit(request: Request, idempotency_key: Annotated[str | None, Header(max_length=200)] = None) -> Answer:
        """Queue a recipe. The same Idempotency-Key gives the same job again."""
        check_is_json(request.headers.get("content-type"))
        return await run_in_threadpool(queue_recipe, await read_body(request), idempotency_key)

    def queue_recipe(body: bytes, idempotency_key: str | None) -> Answer:
        recipe = read_recipe(object_from(body))
        check_prior(recipe.prior, office.priors, office.allowed)
        warnings = check_words(recipe.prior, recipe.prompt, recipe.shown, recipe.negative_prompt)
        check_lora_files(recipe.loras, office.allowed)
        check_loras(recipe.prior, recipe.loras)
        if recipe.kind == "retexture":
            check_mesh_is_here(office.data_dir, recipe.retexture.mesh)
        job, is_new = store.submit(recipe, idempotency_key, warnings, MOST_QUEUED)
        queue.wake()
        return Answer(job.as_json(), 201 if is_new else 200)

    @routes.get("/jobs", response_model=JobPage, responses=refusals())
    def list_jobs(
        limit: Annotated[Digits, Query(ge=1, le=MOST_JOBS_A_PAGE)] = 50,
        cursor: Annotated[Digits | None, Query(ge=1, le=MAX_NUMBER, description="`next` of the page before")] = None,
    ) -> Answer:
        """A page of jobs, newest first."""
        jobs, further = store.page(limit, cursor)
        following = None if further is None else str(further)
        return Answer({"jobs": [job.as_json() for job in jobs], "next": following})

    @routes.get("/jobs/{job_id}", response_model=JobAnswer, responses=refusals(404))
    def get_job(job_id: str) -> Answer:
        return Answer(store.get(job_id).as_json())

    @routes.delete("/jobs/{job_id}", status_code=204, responses=refusals(404, 409))
    def delete_job(job_id: str) -> None:
        """Forget a job that is over, and its files."""
        queue.delete(job_id)

    @routes.post("/jobs/{job_id}/events", include_in_schema=False)
    def no_order(job_id: str) -> None:
        """Not one of the orders below, of which it would be called an unknown one."""
        raise HTTPException(405)

    @routes.post("/jobs/{job_id}/{order}", response_model=JobAnswer, responses=refusals(404, 409))
    def order_job(job_id: str, order: Order) -> Answer:
        """Cancel a job, make the result from what there is, leave the device to others, go on, try again after a
        failure, or be the next of those that wait."""
        orders[order](job_id)
        return Answer(store.get(job_id).as_json())

    @routes.get("/jobs/{job_id}/events", response_class=StreamingResponse, responses={**_STREAM, **refusals(404, 429)})
    async def events(job_id: str, last_event_id: Annotated[Digits, Header(ge=0, le=MAX_NUMBER)] = 0) -> Response:
        """What happened behind Last-Event-ID, and then what happens, until the job's last event."""
        await run_in_threadpool(store.get, job_id)  # an unknown job is a 404, not an empty stream
        return EventStream(office.feeds, job_id, last_event_id, office.heartbeat_s)

    @routes.get("/jobs/{job_id}/artifacts/{name}", response_class=FileResponse, responses={**_FILE, **refusals(404)})
    def artifact(job_id: str, name: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        """One file of a job, as its events and its report name them."""
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

    def leases() -> Answer:
        held = [{"pid": pid, "since": since} for pid, since in office.leases.held().items()]
        return Answer({"leases": held})

    @routes.get("/leases", response_model=LeasesAnswer, responses=refusals())
    def list_leases() -> Answer:
        """The programs that use this server."""
        return leases()

    @routes.put("/leases/{pid}", response_model=LeasesAnswer, responses=refusals(404))
    def take_lease(pid: ProcessId) -> Answer:
        """Keep the server for a program on this computer, until the lease is given back or the process ends."""
        office.leases.take(pid)
        return leases()

    @routes.delete("/leases/{pid}", response_model=LeasesAnswer, responses=refusals())
    def give_lease_back(pid: ProcessId) -> Answer:
        """What is left then; a lease that is not there is given back already."""
        office.leases.give_back(pid)
        return leases()

    add_mesh_routes(routes, office)
    everybody.include_router(routes)
    return everybody
