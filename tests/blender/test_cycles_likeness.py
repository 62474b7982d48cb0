"""A finished mesh with its baked colours, rendered by Cycles, looks as the radiance field that it was cut from."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from conftest import REAL_PYTHON, ROOT
from mathutils import Matrix, Vector

pytestmark = pytest.mark.skipif(not REAL_PYTHON, reason="BLENDER_MSD_PYTHON does not name the server's Python")

LEAST_PSNR = 28.0
GREY = 0.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What painted_field.py writes."""
    made = tmp_path_factory.mktemp("painted")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    script = Path(__file__).parent / "painted_field.py"
    ran = subprocess.run(
        [REAL_PYTHON, str(script), str(made)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        encoding="utf-8",
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return made


@pytest.fixture(scope="module")
def views(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "views.npz") as arrays:
        return dict(arrays)


def through_the_extension(server, folder: Path) -> bpy.types.Object:
    def deliver(job):
        job.send("state", state="running")
        names = {"mesh__npz": "mesh.npz", "mesh__glb": "mesh.glb", "albedo__png": "albedo.png"}
        job.done(**{key: (folder / name).read_bytes() for key, name in {**names, "normal__png": "normal.png"}.items()})

    server.script = deliver
    assert bpy.ops.msd.generate_mesh(prompt="a yellow duck") == {"FINISHED"}
    return bpy.context.object


def as_a_glb(server, folder: Path) -> bpy.types.Object:
    bpy.ops.import_scene.gltf(filepath=str(folder / "mesh.glb"))
    return next(thing for thing in bpy.data.objects if thing.type == "MESH")


def shine(obj: bpy.types.Object) -> None:
    """Give off the base colour, so that no light matters."""
    tree = obj.active_material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    output = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    glow = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(shader.inputs["Base Color"].links[0].from_socket, glow.inputs["Color"])
    tree.links.new(glow.outputs["Emission"], output.inputs["Surface"])


def place_camera(matrix: np.ndarray, angle: float, size: int) -> bpy.types.Object:
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    if scene.camera is None:
        scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        scene.collection.objects.link(scene.camera)
    scene.camera.matrix_world = Matrix(matrix)
    scene.camera.data.angle = angle
    return scene.camera


def photograph(path: Path, size: int) -> np.ndarray:
    """The scene by Cycles: RGBA [size, size, 4], display colours in [0, 1], not multiplied by alpha, top row first."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = 16
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    # A pixel is the average over its own area, as in the field's pictures.
    scene.cycles.pixel_filter_type = "BOX"
    scene.cycles.filter_width = 1.0
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.film_transparent = True
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(str(path))
    picture.colorspace_settings.name = "Non-Color"
    picture.alpha_mode = "CHANNEL_PACKED"
    pixels = np.empty(size * size * 4, np.float32)
    picture.pixels.foreach_get(pixels)
    bpy.data.images.remove(picture)
    return pixels.reshape(size, size, 4)[::-1]


def psnr(one: np.ndarray, other: np.ndarray, inside: np.ndarray) -> float:
    """In dB, over the pixels `inside`, of pictures in [0, 1]."""
    return float(-10 * np.log10(np.square(one - other)[inside].mean()))


def test_blenders_camera_sees_a_point_in_the_pixel_whose_ray_it_lies_on(views: dict[str, np.ndarray]) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    size = views["image"].shape[1]
    for matrix, angle, pixels, points in zip(
        views["camera"], views["angle"], views["pixel"], views["point"], strict=True
    ):
        camera = place_camera(matrix, angle, size)
        bpy.context.view_layer.update()
        for (column, row), point in zip(pixels, points, strict=True):
            x, y, depth = world_to_camera_view(bpy.context.scene, camera, Vector(point))
            assert (x * size, (1 - y) * size) == pytest.approx((column + 0.5, row + 0.5), abs=0.01)
            assert depth > 0


@pytest.mark.parametrize("bring", [through_the_extension, as_a_glb])
def test_cycles_shows_what_the_field_shows_from_all_around(
    bring: Callable[..., bpy.types.Object], server, folder: Path, views: dict[str, np.ndarray], tmp_path: Path
) -> None:
    obj = bring(server, folder)
    assert len(obj.data.polygons) == 20_000
    shine(obj)
    assert len(views["image"]) == 12
    for number, (image, opacity) in enumerate(zip(views["image"], views["opacity"], strict=True)):
        place_camera(views["camera"][number], views["angle"][number], len(image))
        seen = photograph(tmp_path / f"{number}.png", len(image))
        colour, alpha = seen[..., :3], seen[..., 3:]
        inside, covered = opacity > 0.5, alpha[..., 0] > 0.5
        assert (inside & covered).sum() > 0.96 * (inside | covered).sum()
        shown, expected = colour * alpha + GREY * (1 - alpha), image + GREY * (1 - opacity[..., None])
        assert psnr(shown, expected, inside) >= LEAST_PSNR, number


def test_the_measure_notices_what_is_off_by_a_pixel_or_too_bright(views: dict[str, np.ndarray]) -> None:
    for image, opacity in zip(views["image"], views["opacity"], strict=True):
        expected = image + GREY * (1 - opacity[..., None])
        for wrong in (np.roll(expected, 1, 1), expected[:, ::-1], expected ** (1 / 1.2)):
            assert psnr(wrong, expected, opacity > 0.5) < LEAST_PSNR
