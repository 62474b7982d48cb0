"""Every state of the server and of a job can be read at 280 pixels, in Blender's dark theme and in its light one."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import bpy
import fake_server
from artist import Artist, Steps
from fake_server import FakeJob, FakeServer

WIDTH = 280


def fail(job: FakeJob) -> None:
    job.send("state", state="running")
    job.fail(
        "out-of-memory", "The graphics card's memory ran out at step 1840 of 5000.", "Use Sketch, or close others."
    )


def make_before(job: FakeJob) -> None:
    job.reused = "0123456789ab"
    fake_server.make_cube(job)


def play(artist: Artist) -> Steps:
    server = FakeServer()
    yield from artist.open_sidebar()
    yield from artist.widen_sidebar(WIDTH)
    yield from artist.type("mesh.prompt", "a red cube")
    numbers = itertools.count(1)

    def see(state: str) -> Steps:
        yield 0.4
        yield from artist.look(f"{next(numbers)}-{state}")

    def until(condition: Callable[[], bool], what: str) -> Steps:
        yield from artist.wait_for(condition, what, 90)

    yield from see("not-set-up")
    artist.preferences.server_url = server.url
    artist.preferences.server_token = server.token
    artist.region("UI").tag_redraw()  # as typing into the preferences does
    yield from see("off")

    server.answers.clear()
    bpy.ops.msd.start_server()
    yield 1.5
    yield from see("starting")
    server.answers.set()
    yield from until(lambda: not artist.link.busy, "the server")
    yield from see("ready")

    server.script = fake_server.run_until_told
    yield from artist.click("msd.generate_mesh")
    yield from until(lambda: artist.job is not None and artist.job.live_meshes > 0, "a live mesh")
    yield from see("busy")
    server.cut_after.add(len(server.job.events) + 1)
    server.answers.clear()
    server.job.progress(0.4)
    yield 4.0
    yield from see("connection-lost")
    server.answers.set()
    bpy.ops.msd.cancel()
    yield from until(lambda: not artist.link.busy, "the end")
    yield from see("cancelled")

    server.script = fake_server.make_cube
    yield from artist.click("msd.generate_mesh")
    yield from until(lambda: not artist.job.busy, "the cube")
    yield from see("done")
    server.script = make_before
    yield from artist.click("msd.generate_mesh")
    yield from until(lambda: not artist.job.busy and artist.job.settled, "the cube that was made before")
    assert artist.job.reused
    yield from see("made-before")
    server.script = fake_server.make_cube
    yield from artist.click("msd.make_anew", across=0.2)
    yield from until(lambda: not artist.job.busy, "the cube that is made anew")
    assert not artist.job.reused
    yield from choose_theme("light")
    yield from see("done-light")
    server.script = fail
    yield from artist.click("msd.generate_mesh")
    yield from until(lambda: not artist.job.busy, "the failure")
    yield from see("failed-light")
    yield from choose_theme("dark")
    yield from see("failed-dark")

    server.knows_hello = False
    bpy.ops.msd.start_server()
    yield from until(lambda: not artist.link.busy, "the answer")
    yield from see("incompatible")
    server.close()


def choose_theme(name: str) -> Steps:
    """One of the two that come with Blender: "dark" or "light"."""
    (folder,) = bpy.utils.preset_paths("interface_theme")
    theme = f"{folder}/Blender_{name.title()}.xml"
    bpy.ops.script.execute_preset(filepath=theme, menu_idname="USERPREF_MT_interface_theme_presets")
    yield 0.5
