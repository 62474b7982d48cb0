"""The routes by which meshes come that are to be textured."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool

from server.api.answers import Answer
from server.api.bodies import read_body
from server.api.models import MeshAnswer, refusals
from server.api.office import Office
from server.jobs.meshes import MOST_MESH_BYTES, keep_mesh

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the body")]

_NPZ_AS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def add_mesh_routes(routes: APIRouter, office: Office) -> None:
    @routes.put("/meshes/{digest}", response_model=MeshAnswer, responses=refusals(413), openapi_extra=_NPZ_AS_BODY)
    async def keep(request: Request, digest: Digest) -> Answer:
        """Keep a mesh for recipes of the kind "retexture", which name it by its digest; docs/http.md says what is in
        its file. The newest are kept."""
        body = await read_body(request, MOST_MESH_BYTES, "Use fewer faces, or a smaller old picture.")
        faces = await run_in_threadpool(keep_mesh, office.data_dir, digest, body)
        return Answer({"mesh": digest, "faces": faces})
