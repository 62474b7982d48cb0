"""The demo's stage: a wall, a floor, soft light, a camera, and Cycles."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import bpy
from mathutils import Vector

SIZE = (720, 540)
SAMPLES = 16
WALL = 4.0


def build_stage() -> tuple[bpy.types.Object, bpy.types.Object]:
    """An empty scene with floor, lights and camera. Returns the wall, still without a material, and the floor."""
    bpy.ops.mesh.primitive_plane_add(size=12, location=(0, 0, 0))
    floor = bpy.context.object
    floor.name = "Floor"
    floor.data.materials.append(_floor_material())
    _area_light("Key", (-1.3, -1.5, 2.4), (0, 0.1, 0.3), size=0.8, power=31, colour=(1.0, 0.93, 0.84))
    _area_light("Fill", (2.6, -2.2, 1.2), (0, 0, 0.4), size=2.0, power=6, colour=(0.8, 0.88, 1.0))
    _camera(location=(0.1, -3.7, 1.15), target=(-0.02, 0.0, 0.46))
    _sky((0.75, 0.83, 0.95), strength=0.12)
    # Upright, its lower edge on the floor; square, so that a square picture is not stretched.
    bpy.ops.mesh.primitive_plane_add(size=WALL, location=(0, 1.3, WALL / 2), rotation=(math.radians(90), 0, 0))
    wall = bpy.context.object
    wall.name = "Wall"
    return wall, floor


def render(path: Path, on_estimate: Callable[[float], None]) -> None:
    """Render the scene with Cycles on the processor to a PNG.

    Args:
        on_estimate: called once with the seconds that Cycles expects to need, after its first sample.
    """

    def listen(said: str, _: None) -> None:
        remaining = re.search(r"Remaining: (?:(\d+):)?(\d+):([\d.]+)", said)
        if remaining:
            hours, minutes, seconds = (float(part or 0) for part in remaining.groups())
            on_estimate(3600 * hours + 60 * minutes + seconds)
            bpy.app.handlers.render_stats.remove(listen)

    bpy.app.handlers.render_stats.append(listen)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = True
    scene.cycles.denoising_quality = "FAST"
    scene.cycles.max_bounces = 4
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def _floor_material() -> bpy.types.Material:
    material = bpy.data.materials.new("Floor")
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (0.3, 0.28, 0.26, 1.0)
    shader.inputs["Roughness"].default_value = 0.35
    return material


def _area_light(
    name: str,
    location: tuple[float, float, float],
    target: tuple[float, float, float],
    size: float,
    power: float,
    colour: tuple[float, float, float],
) -> None:
    light = bpy.data.lights.new(name, "AREA")
    light.energy, light.size, light.color = power, size, colour
    light.spread = math.radians(80)  # a pool of light: the wall stays darker than what stands before it
    _link(bpy.data.objects.new(name, light), location, target)


def _camera(location: tuple[float, float, float], target: tuple[float, float, float]) -> None:
    camera = bpy.data.cameras.new("Camera")
    camera.lens = 72
    obj = bpy.data.objects.new("Camera", camera)
    _link(obj, location, target)
    bpy.context.scene.camera = obj


def _link(obj: bpy.types.Object, location: tuple[float, float, float], target: tuple[float, float, float]) -> None:
    bpy.context.scene.collection.objects.link(obj)
    obj.location = location
    obj.rotation_euler = (Vector(target) - Vector(location)).to_track_quat("-Z", "Y").to_euler()


def _sky(colour: tuple[float, float, float], strength: float) -> None:
    world = bpy.data.worlds.new("Sky")
    if bpy.app.version < (5, 0, 0):
        world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (*colour, 1.0)
    background.inputs["Strength"].default_value = strength
    bpy.context.scene.world = world
