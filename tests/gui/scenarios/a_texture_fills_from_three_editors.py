"""A surface is typed and filled in the 3D View, in the Image Editor and in the Shader Editor."""

from __future__ import annotations

import os

import bpy
from artist import Artist, Steps

PROMPTS = {"VIEW_3D": "red bricks", "IMAGE_EDITOR": "green grass", "NODE_EDITOR": "brown planks"}


def play(artist: Artist) -> Steps:
    artist.preferences.server_url = os.environ["SERVER_URL"]
    artist.preferences.server_token = os.environ["SERVER_TOKEN"]
    settings = bpy.context.scene.msd.texture
    settings.width = settings.height = 256  # in a moment
    artist.area.spaces.active.shading.color_type = "TEXTURE"
    yield from fill(artist, "VIEW_3D", "MSD_PT_view3d_texture")
    with bpy.context.temp_override(window=artist.window, area=artist.area, region=artist.region("WINDOW")):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.45)
    yield 0.5
    artist.area.type = "IMAGE_EDITOR"
    yield 0.5
    artist.area.spaces.active.show_region_ui = False  # so that the object is seen beside the Image Editor
    yield from fill(artist, "IMAGE_EDITOR")
    artist.area.ui_type = "ShaderNodeTree"
    yield 0.5
    yield from fill(artist, "NODE_EDITOR")


def fill(artist: Artist, editor: str, closed: str = "") -> Steps:
    """Type, choose a sketch, and fill; the active object has a material with the picture then."""
    prompt = PROMPTS[editor]
    artist.editor = editor
    yield from artist.open_sidebar()
    if closed:
        yield from artist.open_panel(closed)
    yield from artist.type("texture.prompt", prompt)
    yield from artist.click("texture.preset", across=0.17)
    yield from artist.click("msd.fill_texture")
    yield from artist.wait_for(lambda: artist.job is not None and artist.job.prompt == prompt, "the job")
    yield from artist.wait_for(lambda: artist.job.live_images >= 2 or not artist.job.busy, "live pictures", 240)
    yield from artist.look(f"{editor.lower()}-forming")
    yield from artist.wait_for(lambda: not artist.job.busy, "the end", 240)
    assert artist.job.state == "done", artist.link.problem
    material = bpy.context.object.active_material
    assert material is not None
    assert any(node.type == "TEX_IMAGE" and node.image for node in material.node_tree.nodes)
    yield 0.5
    yield from artist.look(f"{editor.lower()}-done")
