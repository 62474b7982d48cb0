"""Run by a Blender of its own: a mesh from one file, reshaped, into another (`Reshaper` starts it).

main(FOLDER): FOLDER/in.blend and FOLDER/wish.json -> FOLDER/out.blend and FOLDER/said.json
"""

from __future__ import annotations

import json
from pathlib import Path

import bpy

from .core.errors import Problem
from .scene import parts, reshaping


def main(folder: str) -> None:
    at = Path(folder)
    wish = json.loads((at / "wish.json").read_text(encoding="utf-8"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    said: dict[str, str] = {}
    try:
        mesh = reshaping.reshape(parts.appended(str(at / "in.blend")), wish["method"], wish["faces"])
        bpy.data.libraries.write(str(at / "out.blend"), {mesh})
    except Problem as problem:
        said = dict(zip(("code", "message", "hint"), problem.parts, strict=True))
    # Last, and whole from the first moment: once it is there, all is.
    written = at / "said.json.part"
    written.write_text(json.dumps(said), encoding="utf-8")
    written.replace(at / "said.json")
