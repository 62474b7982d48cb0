"""Another surface for an object, of quads or of voxels, that keeps its colours: at its corners, and in new pictures.

It may take a minute, and Blender cannot be told to leave off: so it is done in a Blender of its own (reshape_alone.py).
"""

from __future__ import annotations

import math
from typing import Any

import bpy

from ..core.errors import Problem
from . import materials, meshes, pictures
from .present import present

# How far, in longest sides, the new surface may lie from the old one, whose colours it takes.
REACH = 0.03
# Of a picture's side: how far colours run on beyond the edges of its islands.
MARGIN = 1 / 128
SAMPLES = 4
# Faces that voxels make of a surface, of those that would cover it evenly.
SLANTED = 1.5


def reshape(mesh: bpy.types.Mesh, method: str, faces: int) -> bpy.types.Mesh:
    """A new mesh of about so many faces, in an otherwise empty scene that is left untidy.

    Args:
        method: "QUADS" or "VOXELS".

    Raises:
        Problem: "reshape-failed".
    """
    old = _object(mesh.name, mesh)
    new = _object(mesh.name, mesh.copy())
    shape: Any = new.data
    _select([new])
    if method == "QUADS":
        done = _quads(faces)
    else:
        shape.remesh_voxel_size = math.sqrt(SLANTED * sum(face.area for face in mesh.polygons) / faces)
        done = bpy.ops.object.voxel_remesh() == {"FINISHED"}
    surface = new.data
    assert isinstance(surface, bpy.types.Mesh)
    shape = surface
    if not done or not len(shape.polygons):
        hint = "Use Voxels, which take any surface, or fewer faces."
        raise Problem("reshape-failed", "Blender could not make such a surface of this mesh.", hint)
    while len(shape.uv_layers):
        shape.uv_layers.remove(shape.uv_layers[0])
    shape.shade_smooth()
    if meshes.COLOUR in mesh.color_attributes:
        _take_corner_colours(old, new)
    shape.materials.clear()
    picture = pictures.of_surface(old)
    if picture is None:
        for material in mesh.materials:
            shape.materials.append(material)
    else:
        _take_pictures(old, new, max(picture.size[0], picture.size[1]))
    return surface


def _quads(faces: int) -> bool:
    try:
        done = bpy.ops.object.quadriflow_remesh(mode="FACES", target_faces=faces, seed=0)
    except RuntimeError:  # its report of what is wrong with the mesh
        return False
    return done == {"FINISHED"}


def _take_corner_colours(old: bpy.types.Object, new: bpy.types.Object) -> None:
    _select([new, old])
    shape: Any = new.data
    if meshes.COLOUR not in shape.color_attributes:
        shape.color_attributes.new(meshes.COLOUR, "BYTE_COLOR", "POINT")
    bpy.ops.object.data_transfer(
        data_type="COLOR_VERTEX",
        use_create=True,
        vert_mapping="POLYINTERP_NEAREST",
        layers_select_src="ACTIVE",
        layers_select_dst="ACTIVE",
    )
    shape.color_attributes.active_color = shape.color_attributes[meshes.COLOUR]


def _take_pictures(old: bpy.types.Object, new: bpy.types.Object, side: int) -> None:
    """New UVs, and on them what the old surface shows, by Cycles: its colour, and its relief over the new one."""
    shape: Any = new.data
    shape.uv_layers.new(name=meshes.UV)
    _select([new])
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project(angle_limit=math.radians(66), island_margin=MARGIN)
    bpy.ops.object.mode_set(mode="OBJECT")
    albedo, normal = (bpy.data.images.new(f"{new.name} {role}", side, side) for role in ("albedo", "normal"))
    materials.hold_data(normal)
    canvas = bpy.data.materials.new("canvas")
    if bpy.app.version < (5, 0, 0):  # from then on every material has nodes
        canvas.use_nodes = True
    tree = present(canvas.node_tree)
    brush = tree.nodes.active = materials.new(tree, bpy.types.ShaderNodeTexImage)
    shape.materials.append(canvas)
    scene: Any = bpy.context.scene  # whose engines, and what they can be told, come with add-ons
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples = "CPU", SAMPLES
    size: Any = old.dimensions
    reach = REACH * max(size)
    _select([old, new])
    for image, wanted in ((albedo, {"type": "DIFFUSE", "pass_filter": {"COLOR"}}), (normal, {"type": "NORMAL"})):
        brush.image = image
        choices: Any = wanted
        bpy.ops.object.bake(
            use_selected_to_active=True,
            cage_extrusion=reach,
            max_ray_distance=2 * reach,
            margin=max(2, round(side * MARGIN)),
            **choices,
        )
        image.pack()
    shape.materials[0] = materials.baked_material(new.name, albedo, normal)


def _object(name: str, mesh: bpy.types.Mesh) -> bpy.types.Object:
    obj = bpy.data.objects.new(name, mesh)
    present(bpy.context.scene).collection.objects.link(obj)
    return obj


def _select(objects: list[bpy.types.Object]) -> None:
    """These alone; the last one is active."""
    layer = present(bpy.context.view_layer)
    for obj in layer.objects:
        obj.select_set(obj in objects)
    layer.objects.active = objects[-1]
