"""Materials that show a result at once in Material Preview and in renders."""

from __future__ import annotations

import bpy

from . import meshes

ROUGHNESS = 0.55


def colour_attribute_material(name: str) -> bpy.types.Material:
    """Principled BSDF coloured by the mesh's colour attribute."""
    material, shader = _principled(name)
    nodes = material.node_tree.nodes
    colour = nodes.new("ShaderNodeVertexColor")
    colour.layer_name = meshes.COLOUR
    colour.location = (shader.location.x - 250, shader.location.y)
    material.node_tree.links.new(colour.outputs["Color"], shader.inputs["Base Color"])
    return material


def baked_material(name: str, albedo: bpy.types.Image, normal: bpy.types.Image) -> bpy.types.Material:
    """Principled BSDF with a colour map and a tangent-space normal map on the mesh's UV map."""
    material, shader = _principled(name)
    tree = material.node_tree
    coordinates = tree.nodes.new("ShaderNodeUVMap")
    relief = tree.nodes.new("ShaderNodeNormalMap")
    colours, bumps = (tree.nodes.new("ShaderNodeTexImage") for _ in range(2))
    coordinates.uv_map = relief.uv_map = meshes.UV
    normal.colorspace_settings.name = "Non-Color"
    colours.image, bumps.image = albedo, normal
    for node, left, down in ((colours, 550, 0), (relief, 220, 300), (bumps, 550, 300), (coordinates, 750, 150)):
        node.location = (shader.location.x - left, shader.location.y - down)
    for texture in (colours, bumps):
        tree.links.new(coordinates.outputs["UV"], texture.inputs["Vector"])
    tree.links.new(colours.outputs["Color"], shader.inputs["Base Color"])
    tree.links.new(bumps.outputs["Color"], relief.inputs["Color"])
    tree.links.new(relief.outputs["Normal"], shader.inputs["Normal"])
    return material


def image_material(name: str, image: bpy.types.Image, has_uv: bool, repeat: float) -> bpy.types.Material:
    """Principled BSDF coloured by an image: Texture Coordinate -> Mapping -> Image Texture.

    Args:
        has_uv: use the mesh's UV map; without one the image is projected from the object's six sides.
        repeat: how many times the image fits along each axis; the Mapping node's scale.
    """
    material, shader = _principled(name)
    tree = material.node_tree
    coordinates = tree.nodes.new("ShaderNodeTexCoord")
    mapping = tree.nodes.new("ShaderNodeMapping")
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    mapping.inputs["Scale"].default_value = (repeat, repeat, repeat)
    if not has_uv:
        texture.projection = "BOX"
        texture.projection_blend = 0.2
    for node, offset in ((texture, 300), (mapping, 500), (coordinates, 700)):
        node.location = (shader.location.x - offset, shader.location.y)
    tree.links.new(coordinates.outputs["UV" if has_uv else "Object"], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], texture.inputs["Vector"])
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return material


def _principled(name: str) -> tuple[bpy.types.Material, bpy.types.ShaderNode]:
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):  # from then on every material has nodes
        material.use_nodes = True
    nodes = material.node_tree.nodes
    shader = next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)
    if shader is None:
        nodes.clear()
        shader = nodes.new("ShaderNodeBsdfPrincipled")
        output = nodes.new("ShaderNodeOutputMaterial")
        output.location = (shader.location.x + 300, shader.location.y)
        material.node_tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    shader.inputs["Roughness"].default_value = ROUGHNESS
    return material, shader
