"""Materials that show a result at once in Material Preview and in renders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import bpy

from . import meshes
from .present import present

ROUGHNESS = 0.55
# Of a picture's shorter side: how deep a height map of the server is from black to white.
DEPTH = 0.02

Node = TypeVar("Node", bound=bpy.types.Node)


def colour_attribute_material(name: str) -> bpy.types.Material:
    """Principled BSDF coloured by the mesh's colour attribute."""
    material, tree, shader = _principled(name)
    colour = new(tree, bpy.types.ShaderNodeVertexColor)
    colour.layer_name = meshes.COLOUR
    colour.location = (shader.location.x - 250, shader.location.y)
    link(tree, colour, "Color", shader, "Base Color")
    return material


def baked_material(name: str, albedo: bpy.types.Image, normal: bpy.types.Image) -> bpy.types.Material:
    """Principled BSDF with a colour map and a tangent-space normal map on the mesh's UV map."""
    material, tree, shader = _principled(name)
    coordinates = new(tree, bpy.types.ShaderNodeUVMap)
    relief = new(tree, bpy.types.ShaderNodeNormalMap)
    colours, bumps = (new(tree, bpy.types.ShaderNodeTexImage) for _ in range(2))
    coordinates.uv_map = relief.uv_map = meshes.UV
    hold_data(normal)
    colours.image, bumps.image = albedo, normal
    tree.nodes.active = colours  # which solid shading shows
    for node, left, down in ((colours, 550, 0), (relief, 220, 300), (bumps, 550, 300), (coordinates, 750, 150)):
        node.location = (shader.location.x - left, shader.location.y - down)
    for texture in (colours, bumps):
        link(tree, coordinates, "UV", texture, "Vector")
    link(tree, colours, "Color", shader, "Base Color")
    link(tree, bumps, "Color", relief, "Color")
    link(tree, relief, "Normal", shader, "Normal")
    return material


def fitted_material(name: str, image: bpy.types.Image, uv_layer: str) -> bpy.types.Material:
    """Principled BSDF with a colour picture that was made for one UV layer."""
    material, tree, shader = _principled(name)
    coordinates, picture = new(tree, bpy.types.ShaderNodeUVMap), new(tree, bpy.types.ShaderNodeTexImage)
    coordinates.uv_map, picture.image = uv_layer, image
    tree.nodes.active = picture  # which solid shading shows
    for node, left in ((picture, 300), (coordinates, 500)):
        node.location = (shader.location.x - left, shader.location.y)
    link(tree, coordinates, "UV", picture, "Vector")
    link(tree, picture, "Color", shader, "Base Color")
    return material


def image_material(
    name: str,
    image: bpy.types.Image,
    has_uv: bool,
    scale: tuple[float, float],
    maps: Mapping[str, bpy.types.Image] | None = None,
    width: float = 1.0,
) -> bpy.types.Material:
    """Principled BSDF coloured by an image: Texture Coordinate -> Mapping -> Image Textures, of maps as well.

    Args:
        has_uv: use the mesh's UV map; without one the images are projected from the object's six sides, and the relief
            comes from the height map alone: a normal map needs to know which way a UV map runs.
        scale: how many times the image fits along each axis; the Mapping node's scale.
        maps: by their names in the recipe.
        width: of one image on the surface, in scene units; says how deep the height map is.
    """
    material, tree, shader = _principled(name)
    coordinates = new(tree, bpy.types.ShaderNodeTexCoord)
    mapping = new(tree, bpy.types.ShaderNodeMapping)
    set_input(mapping, "Scale", (*scale, scale[0]))
    link(tree, coordinates, "UV" if has_uv else "Object", mapping, "Vector")
    pictures = {"colour": image, **(maps or {})}
    nodes = {}
    for row, (role, picture) in enumerate(pictures.items()):
        node = nodes[role] = new(tree, bpy.types.ShaderNodeTexImage)
        node.image = picture
        node.location = (shader.location.x - 600, shader.location.y - 300 * row)
        if role != "colour":
            node.label = role
        if not has_uv:
            node.projection = "BOX"
            node.projection_blend = 0.2
        link(tree, mapping, "Vector", node, "Vector")
    tree.nodes.active = nodes["colour"]  # which solid shading shows
    mapping.location = (shader.location.x - 800, shader.location.y)
    coordinates.location = (shader.location.x - 1000, shader.location.y)
    _wire(tree, shader, nodes, has_uv, DEPTH * width)
    return material


def hold_data(image: bpy.types.Image) -> None:
    """The image holds numbers, which are not to be read as colours."""
    encoding: Any = image.colorspace_settings  # whose names come with Blender's colour configuration
    encoding.name = "Non-Color"


def _wire(
    tree: bpy.types.NodeTree,
    shader: bpy.types.Node,
    nodes: Mapping[str, bpy.types.Node],
    has_uv: bool,
    depth: float,
) -> None:
    """Link image nodes, by their roles, to what they are for."""
    left = shader.location.x - 250
    colour = nodes.get("albedo", nodes["colour"])
    if "ao" in nodes:
        mix = new(tree, bpy.types.ShaderNodeMix)
        mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
        mix.location = (left, shader.location.y)
        # Every type has sockets of the same names: by their places, of colours.
        sockets, mixed = present(mix.inputs), present(mix.outputs)[2]
        factor: Any = sockets[0]
        factor.default_value = 1.0
        tree.links.new(colour.outputs["Color"], sockets[6])
        tree.links.new(nodes["ao"].outputs["Color"], sockets[7])
        tree.links.new(mixed, shader.inputs["Base Color"])
    else:
        link(tree, colour, "Color", shader, "Base Color")
    packed = {"roughness": "Roughness", "metallic": "Metallic"}
    if "orm" in nodes and not packed.keys() <= nodes.keys():
        split = new(tree, bpy.types.ShaderNodeSeparateColor)
        split.location = (left, shader.location.y - 300)
        link(tree, nodes["orm"], "Color", split, "Color")
        for channel, role in (("Green", "roughness"), ("Blue", "metallic")):
            if role not in nodes:
                link(tree, split, channel, shader, packed[role])
    for role, socket in packed.items():
        if role in nodes:
            link(tree, nodes[role], "Color", shader, socket)
    if "normal" in nodes and has_uv:
        relief: bpy.types.Node = new(tree, bpy.types.ShaderNodeNormalMap)
        link(tree, nodes["normal"], "Color", relief, "Color")
    elif "height" in nodes:
        # Beside a normal map it would be the same relief once more: it is there for who displaces.
        relief = new(tree, bpy.types.ShaderNodeBump)
        set_input(relief, "Distance", depth)
        link(tree, nodes["height"], "Color", relief, "Height")
    else:
        return
    relief.location = (left, shader.location.y - 600)
    link(tree, relief, "Normal", shader, "Normal")


def _principled(name: str) -> tuple[bpy.types.Material, bpy.types.NodeTree, bpy.types.Node]:
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):  # from then on every material has nodes
        material.use_nodes = True
    tree = present(material.node_tree)
    shader = next((node for node in tree.nodes if isinstance(node, bpy.types.ShaderNodeBsdfPrincipled)), None)
    if shader is None:
        tree.nodes.clear()
        shader = new(tree, bpy.types.ShaderNodeBsdfPrincipled)
        output = new(tree, bpy.types.ShaderNodeOutputMaterial)
        output.location = (shader.location.x + 300, shader.location.y)
        link(tree, shader, "BSDF", output, "Surface")
    set_input(shader, "Roughness", ROUGHNESS)
    return material, tree, shader


def new(tree: bpy.types.NodeTree, kind: type[Node]) -> Node:
    """A new node of a kind."""
    node = tree.nodes.new(kind.__name__)
    assert isinstance(node, kind)
    return node


def link(tree: bpy.types.NodeTree, source: bpy.types.Node, output: str, target: bpy.types.Node, into: str) -> None:
    """Link an output to an input, by their names; what the input was linked to before is let go."""
    tree.links.new(source.outputs[output], target.inputs[into])


def set_input(node: bpy.types.Node, name: str, value: float | tuple[float, float, float]) -> None:
    """The value of an input that nothing is linked to."""
    socket: Any = node.inputs[name]  # every kind of socket declares a default value of its own
    socket.default_value = value
