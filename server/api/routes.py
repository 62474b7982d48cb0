"""The routes under /v1: about jobs here, about the server itself in house_routes.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response, StreamingResponse
from fastapi.security import HTTPBearer

from server.api.answers import Answer
from server.api.bodies import as_body, check_is_json, object_from, read_body, recipes_from, take_anew
from server.api.descent_routes import Key, add_descent_routes
from server.api.given import add_given_routes
from server.api.house_routes import add_house_routes
from server.api.limits import MOST_JOBS_A_PAGE, MOST_QUEUED, MOST_SEEDS
from server.api.models import Batch, JobAnswer, JobPage, Ordered, refusals
from server.api.numbers import Digits, Flag
from server.api.office import Office
from server.api.problems import Refused
from server.api.result_routes import add_result_routes
from server.api.streaming import EventStream
from server.jobs.artifacts import find_artifact, job_folder
from server.jobs.given import check_given
from server.jobs.intake import Terms
from server.jobs.job import Job, Task
from server.jobs.memory import needs_of
from server.jobs.record import MAX_NUMBER
from server.jobs.sameness import digest_of
from server.priors.catalogue import check_lora_files, check_loras, check_prior, check_words
from server.priors.identity import identity_of
from server.recipe import MAX_SEED, Recipe, read_recipe

Order = Literal["cancel", "finish", "pause", "resume", "retry", "first"]

_MEDIA_TYPES = {
    ".npz": "application/octet-stream",
    ".glb": "model/gltf-binary",
    ".png": "image/png",
    ".json": "application/json",
}
_RECIPE = {"$ref": f"#/components/schemas/{Recipe.__name__}"}
# Its parts are among the components, because jobs are answered with their recipes.
_ORDERED = Ordered.model_json_schema(ref_template="#/components/schemas/{model}")
del _ORDERED["$defs"]
_SEED = {"type": "integer", "minimum": 0, "maximum": MAX_SEED}
_BATCH = {
    "type": "object",
    "required": ["recipe", "seeds"],
    "additionalProperties": False,
    "properties": {
        "recipe": _RECIPE,
        "anew": {"type": "boolean", "default": False},
        "seeds": {"type": "array", "items": _SEED, "minItems": 1, "maxItems": MOST_SEEDS, "uniqueItems": True},
        "look": {"type": "boolean", "default": False, "description": "each is left after a quick look; see resume"},
    },
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
    add_house_routes(everybody, routes, office)
    store, queue = office.store, office.queue
    orders: dict[Order, Callable[[str], None]] = {
        "cancel": queue.cancel,
        "finish": queue.finish,
        "pause": queue.pause,
        "resume": queue.resume,
        "retry": queue.retry,
        "first": queue.put_first,
    }

    @routes.post(
        "/jobs",
        status_code=201,
        response_model=JobAnswer,
        responses={200: {"model": JobAnswer, "description": "The job of the same key"}, **refusals(409, 413, 415, 429)},
        openapi_extra=as_body(_ORDERED),
    )
    async def submit(request: Request, idempotency_key: Key = None) -> Answer:
        """Queue a recipe. The same Idempotency-Key gives the same job again. What was made here before is done at once,
        with the result that is there, unless it is asked for anew."""
        check_is_json(request.headers.get("content-type"))
        return await run_in_threadpool(queue_recipe, await read_body(request), idempotency_key)

    def queue_recipe(body: bytes, idempotency_key: str | None) -> Answer:
        asked = object_from(body)
        anew = take_anew(asked)
        (job,), is_new = queue_all([read_recipe(asked)], anew, idempotency_key)
        return Answer(job.as_json(), 201 if is_new else 200)

    @routes.post(
        "/batches",
        status_code=201,
        response_model=Batch,
        responses={200: {"model": Batch, "description": "The jobs of the same key"}, **refusals(409, 413, 415, 429)},
        openapi_extra=as_body(_BATCH),
    )
    async def submit_batch(request: Request, idempotency_key: Key = None) -> Answer:
        """Queue one recipe with several seeds: all of the jobs, or none. With `look` each is paused, with a thumbnail
        of four sides, as soon as one can tell what it will be; those that are resumed go on from there."""
        check_is_json(request.headers.get("content-type"))
        return await run_in_threadpool(queue_batch, await read_body(request), idempotency_key)

    def queue_batch(body: bytes, idempotency_key: str | None) -> Answer:
        asked = object_from(body)
        anew = take_anew(asked)
        recipes, look = recipes_from(asked)
        jobs, are_new = queue_all(recipes, anew, idempotency_key, "look" if look else "make")
        return Answer({"jobs": [job.as_json() for job in jobs]}, 201 if are_new else 200)

    def queue_all(
        recipes: list[Recipe], anew: bool, idempotency_key: str | None, task: Task = "make"
    ) -> tuple[list[Job], bool]:
        """`recipes` differ in their seeds only."""
        recipe = recipes[0]
        check_prior(recipe.prior, office.priors, office.allowed)
        warnings = check_words(recipe.prior, recipe.prompt, recipe.shown, recipe.negative_prompt)
        check_lora_files(recipe.loras, office.allowed)
        check_loras(recipe.prior, recipe.loras)
        check_given(office.data_dir, recipe)
        identity = identity_of(recipe.prior, recipe.loras, office.priors) if task == "make" else ""
        digests = [digest_of(each, identity, queue.low_vram) for each in recipes]
        terms = Terms(digests, anew, needs_of(recipe.prior, queue.low_vram), MOST_QUEUED, task)
        return queue.submit(recipes, idempotency_key, warnings, terms)

    @routes.get("/jobs", response_model=JobPage, responses=refusals())
    def list_jobs(
        limit: Annotated[Digits, Query(ge=1, le=MOST_JOBS_A_PAGE)] = 50,
        cursor: Annotated[Digits | None, Query(ge=1, le=MAX_NUMBER, description="`next` of the page before")] = None,
        over: Annotated[Flag | None, Query(description="only jobs that are over, or only those that are not")] = None,
    ) -> Answer:
        """A page of jobs, newest first."""
        jobs, further = store.page(limit, cursor, over)
        following = None if further is None else str(further)
        return Answer({"jobs": [job.as_json() for job in jobs], "next": following})

    @routes.get("/jobs/{job_id}", response_model=JobAnswer, responses=refusals(404))
    def get_job(job_id: str) -> Answer:
        return Answer(store.get(job_id).as_json())

    @routes.put("/jobs/{job_id}/star", response_model=JobAnswer, responses=refusals(404))
    def star(job_id: str) -> Answer:
        """Keep its files, whatever the quota of the data folder."""
        store.star(job_id, True)
        return Answer(store.get(job_id).as_json())

    @routes.delete("/jobs/{job_id}/star", response_model=JobAnswer, responses=refusals(404))
    def unstar(job_id: str) -> Answer:
        """Its files may go when the quota wants it."""
        store.star(job_id, False)
        return Answer(store.get(job_id).as_json())

    @routes.delete("/jobs/{job_id}", status_code=204, responses=refusals(404, 409))
    def delete_job(job_id: str) -> None:
        """Forget a job that is over, and its files."""
        queue.delete(job_id)

    add_descent_routes(routes, office)

    @routes.post("/jobs/{job_id}/events", include_in_schema=False)
    @routes.post("/jobs/{job_id}/star", include_in_schema=False)
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
        removed = store.get(job_id).removed
        path = find_artifact(job_folder(office.data_dir, job_id), name)
        if path is None and name in removed:
            hint = "Make it again from the job's recipe; star what is to stay."
            raise Refused(404, "artifact-removed", f"{name[:80]!r} was removed to keep the quota.", hint)
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

    add_given_routes(routes, office)
    add_result_routes(routes, office)
    everybody.include_router(routes)
    return everybody
