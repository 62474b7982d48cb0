"""Settings are kept under a name; later the menu says how many of them it would change, and brings them back."""

from __future__ import annotations

import bpy
from artist import Artist, Steps


def play(artist: Artist) -> Steps:
    settings = bpy.context.scene.msd.mesh
    yield from artist.open_sidebar()
    settings.scale, settings.steps = 7.5, 300
    bpy.ops.msd.mesh_preset(name="My Way")
    settings.scale, settings.preset, settings.prompt = 0.0, "FINE", "a duck"
    with bpy.context.temp_override(window=artist.window, area=artist.area, region=artist.region("WINDOW")):
        bpy.ops.wm.call_menu(name="MSD_MT_mesh_presets")
    yield 1.0
    artist.photograph("1-menu").wait()
    # The underlined letter of its only entry.
    yield from artist.press("m")
    yield 0.5
    assert (settings.scale, settings.steps, settings.preset, settings.prompt) == (7.5, 300, "STANDARD", "a duck")
    yield from artist.look("2-back")
