"""A picture in one input of a material that is there; what it was linked to before stays in the tree, unlinked."""

from __future__ import annotations

import bpy

from . import materials, spans
from .present import present

# Inputs that can be filled, with the map of a texture that each takes; "" is its colour.
SLOTS = {"Base Color": "", "Roughness": "roughness", "Normal": "normal"}


def shader_of(obj: bpy.types.Object | None) -> bpy.types.Node | None:
    """The Principled BSDF of an object's active material, when that may be changed; None when there is none."""
    material = None if obj is None else obj.active_material
    if material is None or material.node_tree is None or material.library is not None:
        return None
    nodes = material.node_tree.nodes
    return next((node for node in nodes if isinstance(node, bpy.types.ShaderNodeBsdfPrincipled)), None)


def fill(
    obj: bpy.types.Object, slot: str, image: bpy.types.Image, uv_layer: str, scale: tuple[float, float]
) -> bpy.types.Material:
    """Put a picture into one of SLOTS of the active material, which `shader_of` must have; returns the material.

    Args:
        uv_layer: that the picture was made for; empty for a picture that repeats, `scale` times.
    """
    material, shader = present(obj.active_material), present(shader_of(obj))
    tree = present(material.node_tree)
    left = min(node.location.x for node in tree.nodes)
    picture = materials.new(tree, bpy.types.ShaderNodeTexImage)
    picture.image = image
    picture.location = (left - 300, shader.location.y)
    if uv_layer:
        _fit(tree, picture, uv_layer)
    else:
        _repeat(tree, picture, scale, spans.has_uv(obj))
    if slot == "Normal":
        relief = materials.new(tree, bpy.types.ShaderNodeNormalMap)
        relief.uv_map = uv_layer
        relief.location = (shader.location.x - 200, shader.location.y - 600)
        materials.link(tree, picture, "Color", relief, "Color")
        materials.link(tree, relief, "Normal", shader, "Normal")
    else:
        materials.link(tree, picture, "Color", shader, slot)
    if slot == "Base Color":
        tree.nodes.active = picture  # which solid shading shows
    else:
        materials.hold_data(image)
    return material


def _fit(tree: bpy.types.NodeTree, picture: bpy.types.Node, uv_layer: str) -> None:
    layer = materials.new(tree, bpy.types.ShaderNodeUVMap)
    layer.uv_map = uv_layer
    layer.location = (picture.location.x - 200, picture.location.y)
    materials.link(tree, layer, "UV", picture, "Vector")


def _repeat(
    tree: bpy.types.NodeTree, picture: bpy.types.ShaderNodeTexImage, scale: tuple[float, float], has_uv: bool
) -> None:
    coordinates = materials.new(tree, bpy.types.ShaderNodeTexCoord)
    mapping = materials.new(tree, bpy.types.ShaderNodeMapping)
    x, y = picture.location.x, picture.location.y
    coordinates.location, mapping.location = (x - 400, y), (x - 200, y)
    materials.set_input(mapping, "Scale", (*scale, scale[0]))
    materials.link(tree, coordinates, "UV" if has_uv else "Object", mapping, "Vector")
    materials.link(tree, mapping, "Vector", picture, "Vector")
    if not has_uv:
        picture.projection = "BOX"
