"""Run by Blender's Python: imports files of meshes, and says what became of their materials.

    python seen_by_blender.py FOLDER FILE...

prints one line of JSON, an answer for each file, and writes FOLDER/0.png, 1.png, ...: each as Cycles renders it. An
empty FOLDER asks for no pictures.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

COMPARED = ("Metallic", "Roughness", "IOR", "Alpha", "Specular IOR Level", "Coat Weight", "Emission Strength")
SIZE, SAMPLES = 64, 32


def bring(file: str) -> bpy.types.Object:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    operator = bpy.ops.import_scene.gltf if file.endswith(".glb") else bpy.ops.wm.obj_import
    assert operator(filepath=file) == {"FINISHED"}
    (body,) = (thing for thing in bpy.data.objects if thing.type == "MESH")
    return body


def picture(socket: bpy.types.NodeSocket) -> dict[str, Any]:
    """The image that a socket is led to: its size, the middle of its numbers, and how it is read."""
    node = socket.links[0].from_node
    if node.type != "TEX_IMAGE":
        return {"node": node.type}
    image = node.image
    values = np.array(image.pixels[:]).reshape(-1, 4)[:, :3]
    return {
        "size": list(image.size),
        "mean": values.mean(0).tolist() if len(values) else None,
        "space": image.colorspace_settings.name,
        "reading": [node.interpolation, node.extension, node.projection],
    }


def describe(body: bpy.types.Object) -> dict[str, Any]:
    (material,) = body.data.materials
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    at = np.array([body.matrix_world @ vertex.co for vertex in body.data.vertices])
    normal = None
    if shader.inputs["Normal"].is_linked:
        node = shader.inputs["Normal"].links[0].from_node
        strength = node.inputs["Strength"].default_value
        normal = {"node": node.type, "strength": strength, "space": node.space, **picture(node.inputs["Color"])}
    colour = shader.inputs["Base Color"]
    return {
        "names": [body.name, body.data.name, material.name],
        "low": at.min(0).tolist(),
        "high": at.max(0).tolist(),
        "faces": len(body.data.polygons),
        "inputs": {name: shader.inputs[name].default_value for name in COMPARED},
        "tint": list(shader.inputs["Specular Tint"].default_value),
        "colour": picture(colour) if colour.is_linked else list(colour.default_value),
        "normal": normal,
    }


def photograph(path: Path) -> None:
    """From the front and above, in the light of a sun from the side and a grey sky."""
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (1.2, -1.6, 1.3), (math.radians(68), 0, math.radians(37))
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.rotation_euler, sun.data.energy = (math.radians(50), 0, math.radians(-40)), 3
    scene.world = bpy.data.worlds.new("World")
    if bpy.app.version < (5, 0, 0):
        scene.world.use_nodes = True
    for thing in (camera, sun):
        scene.collection.objects.link(thing)
    scene.camera = camera
    scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
    scene.cycles.samples, scene.cycles.seed = SAMPLES, 0
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.view_settings.view_transform = "Standard"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def main(folder: str, *files: str) -> None:
    answers = []
    for number, file in enumerate(files):
        answers.append(describe(bring(file)))
        if folder:
            photograph(Path(folder, f"{number}.png"))
    print("\n" + json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
