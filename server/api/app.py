"""The FastAPI app as a function of an office."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware import Middleware

from server.api.answers import Answer
from server.api.guard import Guard
from server.api.office import Office
from server.api.problems import answer_every_problem
from server.api.routes import build_routes


def build_app(office: Office) -> FastAPI:
    """An app that serves this office; it neither starts nor stops the office's queue."""
    guard = Middleware(Guard, token=office.token, loopback_only=office.loopback_only)
    app = FastAPI(
        title="Blender MSD",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[guard],
        default_response_class=Answer,
    )
    answer_every_problem(app)
    app.include_router(build_routes(office))
    return app
