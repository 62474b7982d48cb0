"""Two objects, ready for a game, without a window: blender -b --python docs/from_a_script.py

Each gets levels of detail and a hull to collide with, becomes an asset, and is written as GLB beside the .blend.
"""

import sys
from pathlib import Path

import bpy
from bl_ext.user_default.blender_msd import api

PROMPTS = {"duck": "a yellow duck", "mushroom": "a red mushroom"}
FOLDER = Path(bpy.app.tempdir if "--" not in sys.argv else sys.argv[-1])


def make(name: str, prompt: str) -> None:
    try:
        obj = api.mesh(prompt, preset="SKETCH", seed=1, faces=5000, place="BESIDE")
    except api.Problem as problem:
        print(f"{name}: {problem.code}: {problem}")
        return
    obj.name = name
    bpy.ops.msd.make_lods(levels=2, ratio=0.5)
    bpy.ops.msd.make_hull(faces=64)
    bpy.ops.msd.mark_asset(tags="example")
    bpy.ops.msd.export_object(filepath=str(FOLDER / f"{name}.glb"), format="GLB")
    print(f"{name}: {len(obj.data.polygons)} faces, {len(obj.children)} parts")


for name, prompt in PROMPTS.items():
    make(name, prompt)
bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "objects.blend"))
print(f"Saved in {FOLDER}")
