"""Problems as HTTP answers: {"error": {"code", "headline", "detail", "next"}} with the status of their type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from server.api.answers import Answer
from server.errors import BadRequest, Problem
from server.jobs.faults import StoreFault
from server.jobs.refusals import Conflict, NoSuchJob, QueueFull
from server.ranges import shown


class Refused(Problem):
    """A request turned away at the door, or one that finds nothing, with its HTTP status."""

    def __init__(
        self, status: int, code: str, message: str, hint: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code, message, hint)
        self.status = status
        self.headers = dict(headers or {})
        if status == 401:
            self.headers["WWW-Authenticate"] = "Bearer"


def status_of(problem: Problem) -> int:
    match problem:
        case Refused() | StoreFault():
            return problem.status
        case NoSuchJob():
            return 404
        case Conflict():
            return 409
        case QueueFull():
            return 429
        case BadRequest():
            return 422
    return 500


def answer(problem: Problem) -> Answer:
    headers = problem.headers if isinstance(problem, Refused) else None
    return Answer({"error": problem.as_json()}, status_of(problem), headers)


def _methods_there(request: Request) -> list[str]:
    """Of all routes of the most literal path that fits; the framework names those of the first route only."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    fitting = [path for path in paths if compile_path(path)[0].match(request.scope["path"])]
    methods = paths[min(fitting, key=lambda path: path.count("{"))] if fitting else {}
    return sorted(method.upper() for method in methods)


def answer_every_problem(app: FastAPI) -> None:
    """Give every error of the app the same shape, those of the framework included."""

    async def known(_: Request, error: Exception) -> Answer:
        assert isinstance(error, Problem)
        return answer(error)

    async def from_framework(request: Request, error: Exception) -> Answer:
        assert isinstance(error, HTTPException)
        message = f"{request.method} {shown(request.scope['path'])}: {error.detail}."
        hint = "Every route starts with /v1; jobs are under /v1/jobs."
        headers = error.headers
        if error.status_code == 405 and (methods := _methods_there(request)):
            headers = {"Allow": ", ".join(methods)}
        return answer(Refused(error.status_code, "request-refused", message, hint, headers))

    async def from_validation(_: Request, error: Exception) -> Answer:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = first["msg"].replace("Input should", "must").replace("String should", "must")
        return answer(BadRequest("request-invalid", f"{where} {said}.", "Correct it, and ask again."))

    async def unforeseen(_: Request, error: Exception) -> Answer:
        said = f"The server failed: {type(error).__name__}."
        return answer(Problem("internal", said, "See the server's output for the details."))

    app.add_exception_handler(Problem, known)
    app.add_exception_handler(HTTPException, from_framework)
    app.add_exception_handler(RequestValidationError, from_validation)
    app.add_exception_handler(Exception, unforeseen)
