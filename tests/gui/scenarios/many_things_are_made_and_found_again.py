"""Jobs wait in a list while one is watched, and five hundred results are a grid that is quickly there."""

from __future__ import annotations

import colorsys
import statistics
import time
from collections.abc import Generator
from typing import Any

import bpy
from artist import Artist, Steps
from fake_server import FakeServer, in_turn, png

WIDTH = 300
RESULTS = 500
PANEL = "MSD_PT_view3d_results"


def leave_only(artist: Artist, names: tuple[str, ...]) -> None:
    """Of the 3D View, these panels and open ones: where one lies depends on what is above it."""
    panels = artist.inside("ui.panels")
    ours = [cls for cls in panels.CLASSES if cls.__name__.startswith("MSD_PT_view3d_") and cls.is_registered]
    for cls in reversed(ours):
        bpy.utils.unregister_class(cls)
    for name in names:
        cls = getattr(panels, f"MSD_PT_view3d_{name}")
        cls.bl_options = set()
        bpy.utils.register_class(cls)


def play(artist: Artist) -> Steps:
    server = FakeServer(in_turn)
    artist.preferences.server_url, artist.preferences.server_token = server.url, server.token
    for number in range(RESULTS):
        job = server.add({"kind": "mesh", "prompt": f"a toy {number}", "seed": number, "preset": "sketch"})
        colour = [round(255 * part) for part in colorsys.hsv_to_rgb(number / 40 % 1, 0.6, 0.9)]
        job.files |= dict.fromkeys(("mesh.npz", "field.safetensors", "state.safetensors"), b"")
        job.files["thumbnail.png"] = png(128, 128, (colour[0], colour[1], colour[2]))
        job.starred = number % 7 == 0
        job.done()
    leave_only(artist, ("status", "object", "jobs"))
    yield from artist.open_sidebar()
    yield from artist.widen_sidebar(WIDTH)
    for prompt in ("a yellow duck", "a red mug", "a blue chair"):
        bpy.ops.msd.generate_mesh(prompt=prompt)
    views = [each.view for each in artist.link.jobs]
    yield from artist.wait_for(lambda: all(view.job_id for view in views), "the jobs")
    server.jobs[views[0].job_id].turn.set()
    yield from artist.wait_for(lambda: views[0].live_meshes == 1, "the duck")
    yield 1.2
    yield from artist.look("1-jobs")
    bpy.ops.msd.pause(job_id=views[0].job_id)
    server.jobs[views[1].job_id].fail("nothing-formed", "The field stayed empty.", "Try another seed.")
    yield from artist.wait_for(lambda: views[0].state == "paused" and views[1].state == "failed", "the news")
    yield 0.6
    yield from artist.look("2-paused-and-failed")
    for view in views:
        artist.link.cancel(view.handle)
    bpy.ops.msd.clear_jobs()
    yield 0.5
    leave_only(artist, ("results",))
    yield 1.0
    opening = yield from open_results(artist)
    yield 1.5
    yield from artist.look("3-results")
    yield from artist.click("msd.choose_result", 0.2)
    yield 0.5
    yield from artist.look("4-chosen")
    settings = bpy.context.window_manager.msd
    settings.search = "toy 49"
    yield 1.0
    yield from artist.look("5-searched")
    settings.search = ""
    drawings = artist.stopwatch.drawings[PANEL]
    drawings.clear()
    for _ in range(30):
        artist.region("UI").tag_redraw()
        yield 0.1
    median = statistics.median(drawings)
    print(f"{RESULTS} results: the grid was there {1000 * opening:.0f} ms after the click (clock, with the double of")
    print(f"the server in the same process); it is drawn in {1000 * median:.2f} ms", flush=True)


def open_results(artist: Artist) -> Generator[float, None, float]:
    """Seconds from the click to the end of the first drawing that shows the results."""
    place = yield from artist.find("msd.list_results")
    yield from artist.point(*place)
    yield 1.0
    link, came = artist.link, list[float]()
    take = link.shelf.take

    def note(results: Any) -> None:
        take(results)
        came.append(time.perf_counter())

    link.shelf.take = note
    began = time.perf_counter()
    artist.press_button()
    yield from artist.wait_for(lambda: came and artist.stopwatch.drawn[PANEL] > came[0], "the grid", every=0.002)
    del link.shelf.take
    return artist.stopwatch.drawn[PANEL] - began
