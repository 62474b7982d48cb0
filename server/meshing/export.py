"""Into Blender's axes, and onto disk.

Field axes have the object's front towards +X, Blender's front view looks along +Y at what faces -Y; both have Z up.
glTF has Y up and the front towards +Z.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from server.files import replaced, write_bytes
from server.meshing.arrays import Floats, MeshArrays, Triangles, save_npz
from server.meshing.baking import Texture
from server.meshing.gltf import GltfFile
from server.meshing.names import label
from server.meshing.tangents import corner_tangents, handedness, smooth_normals, split_at_seams
from server.png import write_png
from server.recipe import Recipe

ROUGHNESS = 0.7


@dataclass(frozen=True)
class Placement:
    """From field coordinates to Blender's: turned by -90 degrees about Z, then scaled, then moved.

    Attributes:
        scale: > 0.
        offset: (x, y, z), in Blender's axes.
    """

    scale: float
    offset: tuple[float, float, float]

    def apply(self, points: Floats) -> Floats:
        """Field [N, 3] to Blender [N, 3]."""
        turned = np.stack([points[:, 1], -points[:, 0], points[:, 2]], -1)
        return (turned * self.scale + np.asarray(self.offset)).astype(np.float32)

    def invert(self, points: Floats) -> Floats:
        """Blender [N, 3] back to field [N, 3]."""
        turned = (points - np.asarray(self.offset)) / self.scale
        return np.stack([-turned[:, 1], turned[:, 0], turned[:, 2]], -1).astype(np.float32)


# Live meshes, whatever is in them: a fixed placement keeps them from jumping while they form. Scale and height are
# those of a typical finished object, which reaches .75 of the way from the ball's centre to its surface, so that the
# step to the finished mesh, whose longest side is 1, is small.
LIVE_PLACEMENT = Placement(scale=0.65, offset=(0.0, 0.0, 0.45))


def place(vertices: Floats) -> Placement:
    """The placement that makes the longest side 1, with the base on the ground (z = 0) and the bounding box centred."""
    turned = Placement(1.0, (0.0, 0.0, 0.0)).apply(vertices)
    low, high = turned.min(0).astype(float), turned.max(0).astype(float)
    scale = 1 / float((high - low).max())
    middle = (low + high) / 2 * scale
    return Placement(scale, (float(-middle[0]), float(-middle[1]), float(-low[2] * scale)))


def as_arrays(vertices: Floats, triangles: Triangles, colours: Floats, placement: Placement) -> MeshArrays:
    """Mesh in Blender's axes, from field coordinates [V, 3] and sRGB colours [V, 3] in [0, 1]."""
    rgba = np.full((len(vertices), 4), 255, np.uint8)
    rgba[:, :3] = np.round(colours * 255)
    return MeshArrays(placement.apply(vertices), np.ascontiguousarray(triangles, np.int32), rgba)


def write_npz(mesh: MeshArrays, path: Path, texture: Texture | None = None) -> None:
    """Replace `path` by what `save_npz` saves."""
    with replaced(path) as file:
        save_npz(mesh, file, None if texture is None else texture.uv)


def read_npz(path: Path) -> MeshArrays:
    """The mesh that `write_npz` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return MeshArrays(arrays["position"], arrays["triangle"], arrays["colour"])


def read_texture(npz: Path, albedo: Path, normal: Path) -> Texture | None:
    """The texture that `write_npz` and `write_maps` wrote; None when the mesh had none."""
    with np.load(npz, allow_pickle=False) as arrays:
        if "uv" not in arrays:
            return None
        uv = arrays["uv"]
    return Texture(uv, np.asarray(Image.open(albedo)), np.asarray(Image.open(normal)))


def write_maps(texture: Texture, albedo: Path, normal: Path) -> None:
    """The two pictures as PNG files."""
    write_png(albedo, texture.albedo)
    write_png(normal, texture.normal)


def write_glb(
    mesh: MeshArrays, path: Path, name: str = "mesh", texture: Texture | None = None, made_from: Recipe | None = None
) -> None:
    """Binary glTF 2.0: Y up, a rough dielectric material, everything in it named `name`, as far as names go.

    With a texture, its maps are embedded, and vertices are split where it has seams; without one, colours are at the
    vertices, in linear light as the format demands.

    Args:
        made_from: kept in the file, as `asset.extras.recipe`.
    """
    name, file = label(name), GltfFile()
    normals = smooth_normals(mesh.position, mesh.triangle)
    material: dict[str, Any] = {"pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": ROUGHNESS}}

    def shape(position: Floats, normal: Floats) -> dict[str, int]:
        return {"POSITION": file.vertices(y_up(position), bounded=True), "NORMAL": file.vertices(y_up(normal))}

    if texture is None:
        triangles = mesh.triangle
        attributes = shape(mesh.position, normals)
        attributes["COLOR_0"] = file.vertices(linear_from_srgb(mesh.colour))
    else:
        corner, triangles = split_at_seams(mesh.triangle, texture.uv)
        vertex = mesh.triangle.reshape(-1)[corner]
        attributes = shape(mesh.position[vertex], normals[vertex])
        tangents = corner_tangents(mesh.position, normals, mesh.triangle, texture.uv).reshape(-1, 3)[corner]
        sign = handedness(texture.uv)[corner // 3, None]
        attributes["TANGENT"] = file.vertices(np.concatenate([y_up(tangents), sign], 1))
        # The format's v grows downward.
        attributes["TEXCOORD_0"] = file.vertices(texture.uv.reshape(-1, 2)[corner] * (1, -1) + (0, 1))
        material["pbrMetallicRoughness"]["baseColorTexture"] = file.texture(texture.albedo, f"{name} albedo")
        material["normalTexture"] = file.texture(texture.normal, f"{name} normal")
    extras = {} if made_from is None else {"recipe": made_from.model_dump()}
    write_bytes(path, file.as_bytes(name, attributes, file.triangles(triangles), material, extras))


def y_up(vectors: Floats) -> Floats:
    """Blender's axes [N, 3] to those of glTF and OBJ: Y up, front towards +Z."""
    x, y, z = vectors.T
    return np.stack([x, z, -y], -1)


def linear_from_srgb(colour: NDArray[np.uint8]) -> Floats:
    """sRGB bytes [V, 4] to linear float32 [V, 4] (IEC 61966-2-1); alpha is linear already."""
    value = colour.astype(np.float32) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    linear[:, 3] = value[:, 3]
    return linear.astype(np.float32)
