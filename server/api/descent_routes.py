"""The routes by which a finished job gets a successor: more steps, or another mesh."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool

from server.api.answers import Answer
from server.api.bodies import as_body, check_is_json, object_from, read_body, steps_from
from server.api.limits import MOST_QUEUED
from server.api.models import JobAnswer, refusals
from server.api.office import Office
from server.jobs.descent import Descent
from server.jobs.job import Job
from server.recipe import MOST_STEPS, MeshRecipe

Key = Annotated[str | None, Header(max_length=200)]

_STEPS = {
    "type": "object",
    "required": ["steps"],
    "additionalProperties": False,
    "properties": {"steps": {"type": "integer", "minimum": 1, "maximum": MOST_STEPS}},
}
_WISHES = {"$ref": f"#/components/schemas/{MeshRecipe.__name__}"}
_SAME = {"model": JobAnswer, "description": "The job of the same key"}
_SAID: dict[int | str, dict[str, Any]] = {200: _SAME, **refusals(404, 409, 413, 415, 429)}


def add_descent_routes(routes: APIRouter, office: Office) -> None:
    """Before the orders to jobs are added, of which these would be unknown ones."""
    descent = Descent(office.store, office.data_dir, MOST_QUEUED)

    def answer(found: tuple[Job, bool]) -> Answer:
        job, is_new = found
        office.queue.wake()
        return Answer(job.as_json(), 201 if is_new else 200)

    @routes.post(
        "/jobs/{job_id}/continue",
        status_code=201,
        response_model=JobAnswer,
        responses=_SAID,
        openapi_extra=as_body(_STEPS),
    )
    async def go_on(request: Request, job_id: str, idempotency_key: Key = None) -> Answer:
        """Queue a job that takes more steps from where this one ended, if that was kept. This one stays as it is."""
        check_is_json(request.headers.get("content-type"))
        body = await read_body(request)
        return await run_in_threadpool(
            lambda: answer(descent.more_steps(job_id, steps_from(object_from(body)), idempotency_key))
        )

    @routes.post(
        "/jobs/{job_id}/remesh",
        status_code=201,
        response_model=JobAnswer,
        responses=_SAID,
        openapi_extra=as_body(_WISHES),
    )
    async def mesh_again(request: Request, job_id: str, idempotency_key: Key = None) -> Answer:
        """Queue a job that meshes the field of this one with other wishes, without optimising. What is left out is as
        it was; this one stays as it is."""
        check_is_json(request.headers.get("content-type"))
        body = await read_body(request)
        return await run_in_threadpool(lambda: answer(descent.another_mesh(job_id, object_from(body), idempotency_key)))
