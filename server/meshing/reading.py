"""Meshes of other programs, from their files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from server.errors import BadRequest
from server.meshing.given import GivenMesh, checked, read_given

FORMATS = (".glb", ".obj", ".npz")
UV = "_UV"


def read_mesh_file(path: Path) -> GivenMesh:
    """The one mesh in a .glb, .obj or .npz file.

    Raises:
        BadRequest: "mesh-missing", "mesh-unreadable", "mesh-several", or as `checked`.
    """
    if not path.is_file():
        raise BadRequest("mesh-missing", f"There is no file {path}.", "Name a file with one mesh.")
    kind = path.suffix.lower()
    if kind not in FORMATS:
        hint = f"Use a file that ends in {', '.join(FORMATS)}."
        raise BadRequest("mesh-unreadable", f"{path.name} is of no kind that can be read.", hint)
    return read_given(path) if kind == ".npz" else checked(_arrays(path))


def _arrays(path: Path) -> dict[str, Any]:
    import trimesh

    try:
        data = path.read_bytes()
        kind = path.suffix.lower()[1:]
        scene = trimesh.load_scene(io.BytesIO(_with_uvs(data) if kind == "glb" else data), kind, process=False)
        meshes = [mesh for mesh in scene.dump() if isinstance(mesh, trimesh.Trimesh)]
    except Exception as error:  # its readers have many kinds for what a damaged file can provoke
        hint = "Export it again."
        raise BadRequest("mesh-unreadable", f"{path.name} cannot be read ({error}).", hint) from None
    if len(meshes) > 1:
        hint = "Join them first, in one UV layer, or export the one that is to be textured."
        raise BadRequest("mesh-several", f"{path.name} holds {len(meshes)} meshes (or materials).", hint)
    if not meshes:
        raise BadRequest("mesh-empty", f"{path.name} holds no mesh.", "Export an object with a surface.")
    mesh = meshes[0]
    triangle = np.asarray(mesh.faces, np.int32)
    found: dict[str, Any] = {"position": _z_up(np.asarray(mesh.vertices)), "triangle": triangle}
    if np.isfinite(found["position"]).all() and len(triangle):
        found["normal"] = _z_up(np.asarray(mesh.vertex_normals))[triangle]
    uv = getattr(mesh.visual, "uv", None)
    if UV in mesh.vertex_attributes:
        # The format's v grows downward.
        uv = np.asarray(mesh.vertex_attributes[UV], np.float32) * (1, -1) + (0, 1)
    if uv is not None and len(uv) == len(mesh.vertices):
        found["uv"] = np.asarray(uv, np.float32)[triangle]
    return found


def _with_uvs(glb: bytes) -> bytes:
    """The same .glb, whose UVs are kept a second time under a name of our own: trimesh reads those of materials without
    colours at the vertices alone. Header (12 bytes), then chunks of length (4), name (4) and content."""
    length = int.from_bytes(glb[12:16], "little")
    about = json.loads(glb[20 : 20 + length])
    for mesh in about.get("meshes", []):
        for primitive in mesh["primitives"]:
            if "TEXCOORD_0" in primitive["attributes"]:
                primitive["attributes"][UV] = primitive["attributes"]["TEXCOORD_0"]
    text = json.dumps(about).encode()
    text += b" " * (-len(text) % 4)
    rest = len(text).to_bytes(4, "little") + glb[16:20] + text + glb[20 + length :]
    return glb[:8] + (12 + len(rest)).to_bytes(4, "little") + rest


def _z_up(vectors: Any) -> Any:
    """glTF and OBJ have Y up and the front towards +Z."""
    x, y, z = np.asarray(vectors, np.float64).T
    return np.stack([x, -z, y], -1).astype(np.float32)
