"""Typed words become an object beside the default cube, while one watches; Finish Now ends it early, and one Ctrl+Z
takes it back."""

from __future__ import annotations

import os

import bpy
from artist import Artist, Steps
from mathutils import Vector

# So many that it is ended long before, on any machine.
STEPS = 1500


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
    bpy.context.scene.msd.mesh.steps = STEPS
    yield from artist.look("2-typed")

    yield from artist.click("msd.generate_mesh")
    yield from artist.wait_for(lambda: artist.job is not None, "the job")
    yield from artist.wait_for(lambda: artist.job.live_meshes >= 3, "live meshes", 240)
    (preview,) = set(bpy.data.objects.keys()) - before
    assert bpy.data.objects[preview].visible_get()
    assert not overlap(bpy.data.objects[preview], bpy.data.objects["Cube"])
    yield from artist.click("msd.show_colours")
    yield from artist.look("3-forming")

    yield from artist.click("msd.finish", across=0.25)
    yield from artist.wait_for(lambda: artist.job.state != "running", "the job to finish")
    yield from artist.look("4-finishing")
    yield from artist.wait_for(lambda: not artist.job.busy, "the end", 240)
    assert artist.job.state == "done", artist.link.problem
    assert artist.job.report["stopped_by"] == "finish"
    (made,) = set(bpy.data.objects.keys()) - before
    assert bpy.context.object.name == made
    assert not overlap(bpy.context.object, bpy.data.objects["Cube"])
    yield 0.5
    yield from artist.look("5-done")

    yield from artist.rest()
    yield from artist.press("ctrl+z")
    yield 0.5
    assert set(bpy.data.objects.keys()) == before
    assert bpy.context.scene.msd.mesh.prompt == "a red mushroom"
    yield from artist.look("6-undone")


def overlap(one: bpy.types.Object, other: bpy.types.Object) -> bool:
    """Whether their boxes along the world's axes do."""
    ours, theirs = ([thing.matrix_world @ Vector(corner) for corner in thing.bound_box] for thing in (one, other))
    return all(
        min(at[axis] for at in ours) < max(at[axis] for at in theirs)
        and min(at[axis] for at in theirs) < max(at[axis] for at in ours)
        for axis in range(3)
    )
