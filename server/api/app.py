"""The FastAPI app as a function of an office."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware import Middleware

from server import __version__
from server.api.answers import Answer
from server.api.guard import Guard
from server.api.office import Office
from server.api.problems import answer_every_problem
from server.api.routes import build_routes

OPENAPI_PATH = "/v1/openapi.json"
_DESCRIPTION = """Jobs that make meshes and textures from prompts. Every answer that is an error has the same form:
`{"error": {"code", "headline", "detail", "next"}}`."""


def build_app(office: Office) -> FastAPI:
    """An app that serves this office; it neither starts nor stops the office's queue."""
    guard = Middleware(Guard, token=office.token, hosts=office.hosts)
    app = FastAPI(
        title="Blender MSD",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=OPENAPI_PATH,
        middleware=[guard],
        default_response_class=Answer,
        # A recipe in an answer is what could be sent.
        separate_input_output_schemas=False,
        redirect_slashes=False,
    )
    answer_every_problem(app)
    app.include_router(build_routes(office))
    return app
