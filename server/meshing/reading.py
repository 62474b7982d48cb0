"""Meshes of other programs, from their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from server.errors import BadRequest
from server.meshing.given import GivenMesh, checked, read_given

FORMATS = (".glb", ".gltf", ".obj", ".npz")


def read_mesh_file(path: Path) -> GivenMesh:
    """The one mesh in a .glb, .gltf, .obj or .npz file.

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
        scene = trimesh.load_scene(path, process=False)
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
    if uv is not None and len(uv) == len(mesh.vertices):
        found["uv"] = np.asarray(uv, np.float32)[triangle]
    return found


def _z_up(vectors: Any) -> Any:
    """glTF and OBJ have Y up and the front towards +Z."""
    x, y, z = np.asarray(vectors, np.float64).T
    return np.stack([x, -z, y], -1).astype(np.float32)
