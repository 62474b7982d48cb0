"""Problems as HTTP answers: {"error": {"code", "message", "hint"}} with the status that belongs to their type."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from server.api.answers import Answer
from server.errors import BadRequest, Problem
from server.jobs.faults import StoreFault
from server.jobs.store import Conflict, NoSuchJob


class Refused(Problem):
    """A request turned away at the door, or one that finds nothing, with its HTTP status."""

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(code, message, hint)
        self.status = status


def status_of(problem: Problem) -> int:
    match problem:
        case Refused() | StoreFault():
            return problem.status
        case NoSuchJob():
            return 404
        case Conflict():
            return 409
        case BadRequest():
            return 422
    return 500


def answer(problem: Problem) -> Answer:
    return Answer({"error": problem.as_json()}, status_of(problem))


def answer_every_problem(app: FastAPI) -> None:
    """Give every error of the app the same shape, those of the framework included."""

    async def known(_: Request, error: Exception) -> Answer:
        assert isinstance(error, Problem)
        return answer(error)

    async def from_framework(request: Request, error: Exception) -> Answer:
        assert isinstance(error, HTTPException)
        message = f"{request.method} {request.url.path}: {error.detail}."
        return answer(
            Refused(
                error.status_code, "request-refused", message, "Every route starts with /v1; jobs are under /v1/jobs."
            )
        )

    async def from_validation(_: Request, error: Exception) -> Answer:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = first["msg"].replace("Input should", "must").replace("String should", "must")
        return answer(BadRequest("request-invalid", f"{where} {said}."))

    async def unforeseen(_: Request, error: Exception) -> Answer:
        said = f"The server failed: {type(error).__name__}."
        return answer(Problem("internal", said, "See the server's output for the details."))

    app.add_exception_handler(Problem, known)
    app.add_exception_handler(HTTPException, from_framework)
    app.add_exception_handler(RequestValidationError, from_validation)
    app.add_exception_handler(Exception, unforeseen)
