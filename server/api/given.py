"""The routes by which comes what recipes name: meshes that are to be textured, pictures that textures begin as."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool

from server.api.answers import Answer
from server.api.bodies import read_body
from server.api.models import ImageAnswer, MeshAnswer, refusals
from server.api.office import Office
from server.jobs.given import MOST_IMAGE_BYTES, MOST_MESH_BYTES, keep_image, keep_mesh

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the body")]

_FILE_AS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def add_given_routes(routes: APIRouter, office: Office) -> None:
    @routes.put("/meshes/{digest}", response_model=MeshAnswer, responses=refusals(413), openapi_extra=_FILE_AS_BODY)
    async def take_mesh(request: Request, digest: Digest) -> Answer:
        """Keep a mesh for recipes of the kind "retexture", which name it by its digest; docs/http.md says what is in
        its file. The newest are kept."""
        body = await read_body(request, MOST_MESH_BYTES, "Use fewer faces, or a smaller old picture.")
        faces = await run_in_threadpool(keep_mesh, office.data_dir, digest, body)
        return Answer({"mesh": digest, "faces": faces})

    @routes.put("/images/{digest}", response_model=ImageAnswer, responses=refusals(413), openapi_extra=_FILE_AS_BODY)
    async def take_image(request: Request, digest: Digest) -> Answer:
        """Keep a picture, or a mask, for recipes of the kind "texture", which name it by its digest: a PNG, JPEG, WebP,
        TIFF or BMP file. The newest are kept."""
        body = await read_body(request, MOST_IMAGE_BYTES, "Make it smaller, or save it as PNG.")
        width, height = await run_in_threadpool(keep_image, office.data_dir, digest, body)
        return Answer({"image": digest, "width": width, "height": height})
