"""Four seeds of a duck are looked at, one is ticked and made, the others are forgotten."""

from __future__ import annotations

import os

import bpy
from artist import Artist, Steps
from scenarios.many_things_are_made_and_found_again import leave_only

WIDTH = 300


def play(artist: Artist) -> Steps:
    artist.preferences.server_url = os.environ["SERVER_URL"]
    artist.preferences.server_token = os.environ["SERVER_TOKEN"]
    before = set(bpy.data.objects.keys())
    leave_only(artist, ("status", "object"))
    yield from artist.open_sidebar()
    yield from artist.widen_sidebar(WIDTH)
    settings = bpy.context.scene.msd.mesh
    settings.preset = "SKETCH"
    settings.random_seed, settings.seed = False, 1
    yield from artist.type("mesh.prompt", "a yellow duck")
    yield from artist.look("1-typed")
    yield from artist.click("msd.look_at_meshes", 0.3)
    looks = artist.link.looks
    yield from artist.wait_for(lambda: any(job.waits_to_be_chosen for job in looks()), "the first look", 400)
    yield 1.5
    yield from artist.look("2-first")
    yield from artist.wait_for(lambda: all(job.waits_to_be_chosen for job in looks()), "all looks", 600)
    assert len(looks()) == 4
    assert set(bpy.data.objects.keys()) == before
    yield 1.5
    yield from artist.look("3-all")
    yield from artist.click("msd.tick_look", 0.25)
    (chosen,) = [job for job in looks() if job.ticked]
    yield 0.5
    yield from artist.look("4-ticked")
    yield from artist.click("msd.finish_looks", 0.25)
    yield from artist.wait_for(lambda: chosen.live_meshes >= 1, "the object to form", 400)
    yield 0.6
    yield from artist.look("5-forming")
    yield from artist.click("msd.forget_looks", 0.75)
    assert not looks()
    yield from artist.wait_for(lambda: not chosen.busy, "the end", 600)
    assert chosen.state == "done", artist.link.problem
    (made,) = set(bpy.data.objects.keys()) - before
    assert bpy.data.objects[made]["msd_job"] == chosen.job_id
    yield 0.6
    yield from artist.look("6-made")
