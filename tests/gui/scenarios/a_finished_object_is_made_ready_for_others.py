"""The panel of a finished object and the menus beside a prompt, each as it is seen."""

from __future__ import annotations

import bpy
from artist import Artist, Steps
from fake_server import FakeServer
from offers import prior

LEGS = {"bandwidth_schedule": "geometric", "bandwidth_start": 1.2, "bandwidth_end": 0.15, "picture": []}


def play(artist: Artist) -> Steps:
    server = FakeServer()
    server.capabilities |= {"priors": [prior("embedded", **LEGS)]}
    server.capabilities |= {"recipe": {"properties": {"prior": {"default": "embedded"}}}}
    artist.preferences.server_url, artist.preferences.server_token = server.url, server.token
    yield from artist.open_sidebar()
    yield from artist.type("mesh.prompt", "a red cube")
    yield from artist.click("msd.generate_mesh")
    yield from artist.wait_for(lambda: artist.job is not None and not artist.job.busy, "the cube")
    yield 1.0
    yield from artist.open_panel("MSD_PT_view3d_asset")
    yield from artist.look("1-done")
    yield from artist.click("msd.make_lods", across=0.25)
    assert [child.name for child in bpy.context.object.children] == [f"a red cube_LOD{level}" for level in (1, 2, 3)]
    yield from see_menu(artist, "MSD_MT_export", "2-export")

    yield from see_menu(artist, "MSD_MT_mesh_style", "3-styles")
    bpy.ops.msd.style(kind="mesh", style="CLAY")
    bpy.context.scene.msd.mesh.negative_prompt = "a swan"
    bpy.context.scene.msd.mesh.scale = 5.0
    yield 0.5
    yield from artist.look("4-clay")

    server.close()


def see_menu(artist: Artist, menu: str, picture: str) -> Steps:
    yield from artist.rest()
    with bpy.context.temp_override(window=artist.window, area=artist.area, region=artist.region("WINDOW")):
        bpy.ops.wm.call_menu(name=menu)
    yield 0.7
    yield from artist.look(picture)
    yield from artist.press("Escape")
