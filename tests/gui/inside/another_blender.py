"""Started by a scenario: another person's Blender beside the first, which begins a job, waits for a word, and quits.

Arguments: the prompt, what becomes of the job on quitting ("GO_ON" or "STOP"), its steps, and a folder. In that the id
of the job appears as `job` once it forms, or is over; the file `go` is the word.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Generator
from pathlib import Path

import bpy

EXTENSION = "bl_ext.user_default.blender_msd"
FAILED = 9


def story(prompt: str, on_quit: str, steps: int, folder: Path) -> Generator[float, None, None]:
    yield 1.0
    preferences = bpy.context.preferences.addons[EXTENSION].preferences
    preferences.server_python = os.environ["SERVER_PYTHON"]
    preferences.on_quit = on_quit
    bpy.ops.msd.generate_mesh(prompt=prompt, preset="SKETCH", seed=1, steps=steps)
    link = sys.modules[f"{EXTENSION}.blender_msd.bridge"].current()
    while link.job.live_meshes < 1 and link.job.busy:
        yield 0.1
    print(f"{prompt}: {link.job.state}, {link.problem}", flush=True)
    (folder / "job").write_text(link.job.job_id, encoding="utf-8")
    while not (folder / "go").exists():
        yield 0.1


def main() -> None:
    prompt, on_quit, count, folder = sys.argv[sys.argv.index("--") + 1 :]
    bpy.context.preferences.view.show_splash = False
    bpy.ops.preferences.addon_enable(module=EXTENSION)
    steps = story(prompt, on_quit, int(count), Path(folder))

    def step() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            bpy.ops.wm.quit_blender()
            return None
        except BaseException:
            traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(FAILED)

    bpy.app.timers.register(step, persistent=True)


main()
