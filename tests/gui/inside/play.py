"""Started by Blender itself (--python): plays one scenario in Blender's event loop and leaves its measures as JSON.

A scenario is a file with a generator `play(artist)`; every number that it yields is a wait in seconds. An exception in
it ends Blender with status 9, after a last look at the screen.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Generator
from pathlib import Path

import bpy
from artist import Artist, Steps
from stopwatch import Stopwatch

EXTENSION = "bl_ext.user_default.blender_msd"


def story(artist: Artist, scenario: str) -> Steps:
    yield 1.0  # until the window is drawn
    yield from importlib.import_module(f"scenarios.{scenario}").play(artist)
    yield 0.1


def run(steps: Generator[float, None, None], artist: Artist, stopwatch: Stopwatch, measures: Path) -> None:
    began = time.monotonic()

    def step() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            said = {"seconds": time.monotonic() - began, **stopwatch.measures()}
            measures.write_text(json.dumps(said), encoding="utf-8")
            bpy.ops.wm.quit_blender()
            return None
        except BaseException:
            artist.give_up()

    bpy.app.timers.register(step, persistent=True)


def main() -> None:
    scenario, out = sys.argv[sys.argv.index("--") + 1 :]
    # Before the first window is drawn: it would cover everything.
    bpy.context.preferences.view.show_splash = False
    bpy.ops.preferences.addon_enable(module=EXTENSION)
    stopwatch = Stopwatch(EXTENSION)
    artist = Artist(EXTENSION, Path(out), scenario, stopwatch)
    run(story(artist, scenario), artist, stopwatch, Path(out) / f"{scenario}.json")


main()
