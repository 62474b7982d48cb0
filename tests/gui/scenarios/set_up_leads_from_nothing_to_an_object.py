"""On a computer where nothing is set up, one button leads to a server that makes an object, with a pause on the way."""

from __future__ import annotations

import os
from typing import Any

import bpy
from artist import Artist, Steps

LONG = 600.0


def play(artist: Artist) -> Steps:
    installer = artist.inside("bridge").installer()

    def until(condition: Any, what: str) -> Steps:
        yield from artist.wait_for(condition, f"{what}; {installer.state}, {installer.problem}", LONG)

    def at(stage: int, fraction: float = 0.0) -> bool:
        assert installer.problem is None, installer.problem
        state = installer.state
        return not state.running or (state.progress.stage == stage and state.fraction > fraction)

    yield from artist.open_sidebar()
    yield from until(lambda: installer.machine is not None and not installer.checking, "the look around")
    yield 0.5
    yield from artist.look("1-no-python")
    artist.preferences.base_python = os.environ["SETUP_PYTHON"]
    artist.preferences.offline_folder = os.environ["SETUP_WHEELS"]
    yield from until(lambda: installer.python is not None and not installer.checking, "the picked Python")
    yield 0.5
    yield from artist.look("2-offer")

    yield from artist.click("msd.set_up", across=0.7)
    yield from until(lambda: installer.state.running and installer.state.progress is not None, "the beginning")
    yield from artist.look("3-stage-1")
    yield from until(lambda: at(2, 0.1), "the engine")
    yield from artist.look("4-stage-2")
    yield from artist.click("msd.set_up_pause")
    yield from until(lambda: not installer.state.running, "the pause")
    assert installer.state.kind == "part-done", installer.state
    yield 0.5
    yield from artist.look("5-paused")
    yield from artist.click("msd.set_up", across=0.7)
    for stage in (2, 3, 4, 5):
        yield from until(lambda stage=stage: at(stage), f"stage {stage}")
        yield 0.5
        yield from artist.look(f"6-stage-{stage}")
    yield from until(lambda: not installer.state.running, "the test run")
    assert installer.state.kind == "ready", (installer.state, installer.problem)
    yield 0.5
    yield from artist.look("7-set-up")

    before = set(bpy.data.objects.keys())
    yield from artist.type("mesh.prompt", "a red mug")
    yield from artist.click("mesh.preset", across=0.17)
    yield from artist.click("msd.generate_mesh")
    yield from until(lambda: artist.job is not None and artist.job.live_meshes > 0, "a live mesh")
    yield from artist.look("8-forming")
    yield from artist.click("msd.finish", across=0.25)
    yield from until(lambda: not artist.job.busy, "the object")
    assert artist.job.state == "done", artist.link.problem
    assert len(set(bpy.data.objects.keys()) - before) == 1
    yield 0.7
    yield from artist.look("9-done")
