"""Materials that show a result at once in Material Preview and in renders."""

from __future__ import annotations

from typing import Any, TypeVar

import bpy

from . import meshes
from .present import present

ROUGHNESS = 0.55

Node = TypeVar("Node", bound=bpy.types.Node)


def colour_attribute_material(name: str) -> bpy.types.Material:
    """Principled BSDF coloured by the mesh's colour attribute."""
    material, tree, shader = _principled(name)
    colour = _new(tree, bpy.types.ShaderNodeVertexColor)
    colour.layer_name = meshes.COLOUR
    colour.location = (shader.location.x - 250, shader.location.y)
    _link(tree, colour, "Color", shader, "Base Color")
    return material


def baked_material(name: str, albedo: bpy.types.Image, normal: bpy.types.Image) -> bpy.types.Material:
    """Principled BSDF with a colour map and a tangent-space normal map on the mesh's UV map."""
    material, tree, shader = _principled(name)
    coordinates = _new(tree, bpy.types.ShaderNodeUVMap)
    relief = _new(tree, bpy.types.ShaderNodeNormalMap)
    colours, bumps = (_new(tree, bpy.types.ShaderNodeTexImage) for _ in range(2))
    coordinates.uv_map = relief.uv_map = meshes.UV
    encoding: Any = normal.colorspace_settings  # whose names come with Blender's colour configuration
    encoding.name = "Non-Color"
    colours.image, bumps.image = albedo, normal
    tree.nodes.active = colours  # which solid shading shows
    for node, left, down in ((colours, 550, 0), (relief, 220, 300), (bumps, 550, 300), (coordinates, 750, 150)):
        node.location = (shader.location.x - left, shader.location.y - down)
    for texture in (colours, bumps):
        _link(tree, coordinates, "UV", texture, "Vector")
    _link(tree, colours, "Color", shader, "Base Color")
    _link(tree, bumps, "Color", relief, "Color")
    _link(tree, relief, "Normal", shader, "Normal")
    return material


def image_material(name: str, image: bpy.types.Image, has_uv: bool, repeat: float) -> bpy.types.Material:
    """Principled BSDF coloured by an image: Texture Coordinate -> Mapping -> Image Texture.

    Args:
        has_uv: use the mesh's UV map; without one the image is projected from the object's six sides.
        repeat: how many times the image fits along each axis; the Mapping node's scale.
    """
    material, tree, shader = _principled(name)
    coordinates = _new(tree, bpy.types.ShaderNodeTexCoord)
    mapping = _new(tree, bpy.types.ShaderNodeMapping)
    texture = _new(tree, bpy.types.ShaderNodeTexImage)
    texture.image = image
    tree.nodes.active = texture  # which solid shading shows
    _set_input(mapping, "Scale", (repeat, repeat, repeat))
    if not has_uv:
        texture.projection = "BOX"
        texture.projection_blend = 0.2
    for node, offset in ((texture, 300), (mapping, 500), (coordinates, 700)):
        node.location = (shader.location.x - offset, shader.location.y)
    _link(tree, coordinates, "UV" if has_uv else "Object", mapping, "Vector")
    _link(tree, mapping, "Vector", texture, "Vector")
    _link(tree, texture, "Color", shader, "Base Color")
    return material


def _principled(name: str) -> tuple[bpy.types.Material, bpy.types.NodeTree, bpy.types.Node]:
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):  # from then on every material has nodes
        material.use_nodes = True
    tree = present(material.node_tree)
    shader = next((node for node in tree.nodes if isinstance(node, bpy.types.ShaderNodeBsdfPrincipled)), None)
    if shader is None:
        tree.nodes.clear()
        shader = _new(tree, bpy.types.ShaderNodeBsdfPrincipled)
        output = _new(tree, bpy.types.ShaderNodeOutputMaterial)
        output.location = (shader.location.x + 300, shader.location.y)
        _link(tree, shader, "BSDF", output, "Surface")
    _set_input(shader, "Roughness", ROUGHNESS)
    return material, tree, shader


def _new(tree: bpy.types.NodeTree, kind: type[Node]) -> Node:
    node = tree.nodes.new(kind.__name__)
    assert isinstance(node, kind)
    return node


def _link(tree: bpy.types.NodeTree, source: bpy.types.Node, output: str, target: bpy.types.Node, into: str) -> None:
    tree.links.new(source.outputs[output], target.inputs[into])


def _set_input(node: bpy.types.Node, name: str, value: float | tuple[float, float, float]) -> None:
    socket: Any = node.inputs[name]  # every kind of socket declares a default value of its own
    socket.default_value = value
