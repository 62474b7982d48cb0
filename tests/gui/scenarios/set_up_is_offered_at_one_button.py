"""Before anything is set up, the tab shows what set-up needs and a button for it; nothing else has to be known."""

from __future__ import annotations

import bpy
from artist import Artist, Steps


def play(artist: Artist) -> Steps:
    yield from artist.open_sidebar()
    installer = artist.inside("bridge").installer()
    yield from artist.wait_for(lambda: installer.machine is not None and not installer.checking, "the look around", 120)
    yield 1.0
    yield from artist.find("msd.set_up", across=0.7)
    yield from artist.look("card")

    yield from artist.click("msd.open_preferences", across=0.3)
    yield 1.5
    yield from artist.look("preferences")
    bpy.ops.msd.browse_python("INVOKE_DEFAULT", field="base_python")
    yield from artist.wait_for(lambda: any(shows_hidden()), "the file browser", 10)
    yield 0.5
    yield from artist.look("browser")
    assert all(shows_hidden()), "folders such as .venv cannot be seen"


def shows_hidden() -> list[bool]:
    """Of each file browser."""
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    return [
        area.spaces.active.params.show_hidden
        for area in areas
        if area.type == "FILE_BROWSER" and area.spaces.active.params is not None
    ]
