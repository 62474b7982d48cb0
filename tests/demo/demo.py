"""What `make demo` runs: the extension, installed as an artist does it, makes a mushroom, bricks, planks and grass;
Cycles shows them.

Writes out/demo.blend, out/demo.glb, out/demo.png and out/garden.png. Run it with the Python of .venv-blender.
"""

from __future__ import annotations

import importlib
import math
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import build_extension
import check_bpy
from progress import ProgressBar

ROOT = build_extension.ROOT
OUT = ROOT / "out"
EXTENSION = "bl_ext.user_default.blender_msd"
SHAPE = {"prompt": "a red mushroom", "preset": "STANDARD", "seed": 0}
TILE = {"preset": "SKETCH", "seed": 0, "width": 512, "height": 512}
BRICKS = {"prompt": "red bricks", "repeat": 3.0, **TILE}
PLANKS = {"prompt": "brown planks", "repeat": 3.0, **TILE}
GRASS = {"prompt": "green grass", "repeat": 24.0, **TILE}

MIN_LIVE_MESHES = 3

# The whole, and where the phases end on the bar, from measured durations.
USUAL_SECONDS = 150
INSTALLED, SHAPED, PAINTED, SHOWN, LAID = 0.03, 0.45, 0.55, 0.65, 0.85


class Where:
    """Where the demo stands; read by the progress bar's thread."""

    def __init__(self) -> None:
        self.phase = "Building the extension"
        self.begin = self.end = 0.0
        self.bridge: Any = None
        self._timed = (0.0, math.inf)

    def enter(self, phase: str, begin: float, end: float) -> None:
        self.phase, self.begin, self.end = phase, begin, end
        self._timed = (0.0, math.inf)

    def expect(self, seconds: float) -> None:
        """This phase reports nothing more than how long it will take."""
        self._timed = (time.monotonic(), seconds)

    def __call__(self) -> tuple[str, float]:
        job = self.bridge.job if self.bridge is not None else None
        if job is not None and job.busy:
            return f"{self.phase}: {job.phase.lower()}", self.begin + (self.end - self.begin) * job.fraction
        since, seconds = self._timed
        done = min(0.95, (time.monotonic() - since) / seconds)
        return self.phase, self.begin + (self.end - self.begin) * done


def install(bpy: Any, archive: Path, python: Path) -> Any:
    """Install and enable the extension from its zip, and choose the server's Python. Returns the add-on's bridge."""
    bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)
    bpy.context.preferences.addons[EXTENSION].preferences.server_python = str(python)
    return importlib.import_module(f"{EXTENSION}.blender_msd.bridge").current()


def stop_if_cancelled(result: set[str]) -> None:
    """Ctrl+C while an operator waits cancels its job."""
    if result != {"FINISHED"}:
        raise KeyboardInterrupt


def run(where: Where) -> str:
    """The whole demo; returns the summary."""
    python = Path(os.environ.get("BLENDER_MSD_PYTHON") or ROOT / ".venv" / "bin" / "python")
    if not python.exists():
        raise RuntimeError(f"The server's environment is missing ({python}): run `make setup`.")
    began = time.monotonic()
    archive = build_extension.build(OUT)
    where.enter("Installing it", 0.01, INSTALLED)
    import bpy
    import picture

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bridge = where.bridge = install(bpy, archive, python)
    wall, floor = picture.build_stage()

    where.enter("Mushroom", INSTALLED, SHAPED)
    stop_if_cancelled(bpy.ops.msd.generate_mesh(**SHAPE))
    shape, made = bpy.context.object, bridge.job
    if made.live_meshes < MIN_LIVE_MESHES:
        raise RuntimeError(f"Only {made.live_meshes} live meshes were seen; at least {MIN_LIVE_MESHES} are expected.")
    shape.rotation_euler.z = math.radians(-38)
    shutil.copyfile(Path(made.folder) / "mesh.glb", OUT / "demo.glb")

    def cover(surface: Any, texture: dict[str, Any]) -> Any:
        surface.data.materials.clear()
        bpy.context.view_layer.objects.active = surface
        stop_if_cancelled(bpy.ops.msd.fill_texture(**texture))
        return bridge.job

    where.enter("Bricks", SHAPED, PAINTED)
    painted = [cover(wall, BRICKS)]
    where.enter("Rendering", PAINTED, SHOWN)
    picture.render(OUT / "demo.png", where.expect)
    bpy.ops.wm.save_as_mainfile(filepath=str(OUT / "demo.blend"), compress=True)

    where.enter("Planks", SHOWN, (SHOWN + LAID) / 2)
    painted.append(cover(wall, PLANKS))
    where.enter("Grass", (SHOWN + LAID) / 2, LAID)
    painted.append(cover(floor, GRASS))
    where.enter("Rendering", LAID, 1.0)
    picture.render(OUT / "garden.png", where.expect)
    where.enter("Stopping the server", 1.0, 1.0)
    bpy.ops.preferences.addon_disable(module=EXTENSION)
    return (
        f"mushroom: {made.report['faces']} faces, {made.seconds:.0f} s, {made.report['denoiser_calls']} calls, "
        f"{made.live_meshes} live meshes; bricks, planks and grass: {sum(tile.seconds for tile in painted):.0f} s, "
        f"{sum(tile.report['denoiser_calls'] for tile in painted)} denoiser calls, seam ratios "
        f"{', '.join(str(tile.report['seam_ratio']) for tile in painted)}; all in {time.monotonic() - began:.0f} s\n"
        f"{OUT / 'demo.png'}\n{OUT / 'garden.png'}\n{OUT / 'demo.blend'}\n{OUT / 'demo.glb'}"
    )


def keep_stdout_for_the_summary(log: Path) -> int:
    """Blender prints a lot: it goes to a file from here on. Returns a descriptor of the real stdout."""
    real = os.dup(1)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
    return real


def main() -> int:
    problem = check_bpy.check()
    if problem:
        print(problem, file=sys.stderr)
        return 1
    OUT.mkdir(exist_ok=True)
    user_dir = tempfile.mkdtemp(prefix="blender-user-")
    os.environ["BLENDER_USER_RESOURCES"] = user_dir
    stdout = keep_stdout_for_the_summary(OUT / "demo.log")
    where = Where()
    bar = ProgressBar(where, USUAL_SECONDS)
    said = ""
    try:
        summary = run(where)
    except KeyboardInterrupt:
        said = "Stopped."
    except RuntimeError as error:
        said = f"The demo failed: {str(error).removeprefix('Error: ').strip()}"
    finally:
        bar.close()
        if said and where.bridge is not None:
            where.bridge.shut_down()
        shutil.rmtree(user_dir, ignore_errors=True)
    if said:
        print(said, file=sys.stderr)
        return 1
    os.write(stdout, f"{summary}\n".encode())
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Some versions of Blender's module crash or hang while the interpreter ends, after all work is done.
    os._exit(status)
