"""The default cube is painted from typed words, live, on the UVs that it has; one Ctrl+Z takes the paint off."""

from __future__ import annotations

import os

import bpy
import numpy as np
from artist import Artist, Steps


def play(artist: Artist) -> Steps:
    artist.preferences.server_url = os.environ["SERVER_URL"]
    artist.preferences.server_token = os.environ["SERVER_TOKEN"]
    artist.area.spaces.active.shading.color_type = "TEXTURE"
    settings = bpy.context.scene.msd.retexture
    settings.size, settings.steps = "512", 60  # in a moment
    cube = bpy.data.objects["Cube"]
    before, layout = cube.active_material, uvs(cube)
    yield from artist.open_sidebar()
    yield from artist.open_panel("MSD_PT_view3d_retexture")
    yield from artist.look("1-opened")

    yield from artist.type("retexture.prompt", "a red cube")
    yield from artist.click("retexture.preset", across=0.17)
    assert settings.preset == "SKETCH"
    yield from artist.look("2-typed")

    yield from artist.click("msd.texture_mesh")
    yield from artist.wait_for(lambda: artist.job is not None, "the job")
    yield from artist.wait_for(lambda: artist.job.live_images >= 2 or not artist.job.busy, "live pictures", 600)
    assert cube.active_material != before, "the colours do not form on the cube"
    yield from artist.look("3-forming")

    yield from artist.wait_for(lambda: not artist.job.busy, "the end", 600)
    assert artist.job.state == "done", artist.link.problem
    made = bpy.data.objects["Cube"].active_material
    assert made is not None
    assert any(node.type == "TEX_IMAGE" and node.image for node in made.node_tree.nodes)
    assert np.array_equal(uvs(bpy.data.objects["Cube"]), layout)
    yield 0.5
    yield from artist.look("4-done")

    name = before.name
    yield from artist.rest()
    yield from artist.press("ctrl+z")
    yield 0.5
    # Undo has read everything anew: nothing that was held before is there any more.
    cube = bpy.data.objects["Cube"]
    assert cube.active_material.name == name
    assert np.array_equal(uvs(cube), layout)
    yield from artist.look("5-undone")


def uvs(obj: bpy.types.Object) -> np.ndarray:
    layer = obj.data.uv_layers.active
    found = np.empty(2 * len(layer.uv), np.float32)
    layer.uv.foreach_get("vector", found)
    return found
