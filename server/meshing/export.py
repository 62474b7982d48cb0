"""Into Blender's axes, and onto disk.

Field axes have the object's front towards +X, Blender's front view looks along +Y at what faces -Y; both have Z up.
glTF has Y up and the front towards +Z.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from server.meshing.fields import Floats, Triangles
from server.studio.events import MeshArrays


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


def write_npz(mesh: MeshArrays, path: Path) -> None:
    """Uncompressed arrays `position`, `triangle`, `colour`, readable with allow_pickle=False."""
    with open(path, "wb") as file:
        np.savez(file, position=mesh.position, triangle=mesh.triangle, colour=mesh.colour)


def read_npz(path: Path) -> MeshArrays:
    """What `write_npz` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return MeshArrays(arrays["position"], arrays["triangle"], arrays["colour"])


def write_glb(mesh: MeshArrays, path: Path, name: str = "mesh") -> None:
    """Binary glTF 2.0: Y up, a rough dielectric material, vertex colours in linear light as the format demands."""
    x, y, z = mesh.position.T
    material = trimesh.visual.material.PBRMaterial(
        name=name, baseColorFactor=[255, 255, 255, 255], metallicFactor=0.0, roughnessFactor=0.7
    )
    body = trimesh.Trimesh(
        np.stack([x, z, -y], -1),
        mesh.triangle,
        visual=trimesh.visual.TextureVisuals(material=material),
        vertex_attributes={"_LINEAR": linear_from_srgb(mesh.colour)},
        process=False,
    )
    scene = trimesh.Scene()
    scene.add_geometry(body, node_name=name, geom_name=name)
    path.write_bytes(trimesh.exchange.gltf.export_glb(scene, include_normals=True, tree_postprocessor=_name_colours))


def linear_from_srgb(colour: NDArray[np.uint8]) -> Floats:
    """sRGB bytes [V, 4] to linear float32 [V, 4] (IEC 61966-2-1); alpha is linear already."""
    value = colour.astype(np.float32) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    linear[:, 3] = value[:, 3]
    return linear.astype(np.float32)


def _name_colours(tree: dict[str, Any]) -> None:
    # trimesh writes its own vertex colours as 8-bit integers, too coarse for dark colours in linear light; as a custom
    # attribute they are floats, and only the name has to change.
    for mesh in tree["meshes"]:
        for primitive in mesh["primitives"]:
            primitive["attributes"]["COLOR_0"] = primitive["attributes"].pop("_LINEAR")
