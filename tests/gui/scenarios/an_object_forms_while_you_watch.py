"""Typed words become an object before the artist's eyes; Finish Now ends it early, and one Ctrl+Z takes it back."""

from __future__ import annotations

import os

import bpy
from artist import Artist, Steps


def play(artist: Artist) -> Steps:
    artist.preferences.server_url = os.environ["SERVER_URL"]
    artist.preferences.server_token = os.environ["SERVER_TOKEN"]
    before = set(bpy.data.objects.keys())
    yield from artist.open_sidebar()
    yield from artist.look("1-opened")

    yield from artist.type("mesh.prompt", "a red mushroom")
    assert bpy.context.scene.msd.mesh.prompt == "a red mushroom"
    yield from artist.click("mesh.preset", across=0.17)
    assert bpy.context.scene.msd.mesh.preset == "SKETCH"
    yield from artist.look("2-typed")

    yield from artist.click("msd.generate_mesh")
    yield from artist.wait_for(lambda: artist.job is not None, "the job")
    yield from artist.wait_for(lambda: artist.job.live_meshes >= 3, "live meshes", 240)
    (preview,) = set(bpy.data.objects.keys()) - before
    assert bpy.data.objects[preview].visible_get()
    yield from artist.look("3-forming")

    yield from artist.click("msd.finish", across=0.25)
    yield from artist.wait_for(lambda: artist.job.state == "finishing", "the job to finish")
    yield from artist.look("4-finishing")
    yield from artist.wait_for(lambda: not artist.job.busy, "the end", 240)
    assert artist.job.state == "done", artist.link.problem
    (made,) = set(bpy.data.objects.keys()) - before
    assert bpy.context.object.name == made
    yield 0.5
    yield from artist.look("5-done")

    yield from artist.rest()
    yield from artist.press("ctrl+z")
    yield 0.5
    assert set(bpy.data.objects.keys()) == before
    assert bpy.context.scene.msd.mesh.prompt == "a red mushroom"
    yield from artist.look("6-undone")
