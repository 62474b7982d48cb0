"""Objects that get another surface: the work of another Blender, followed from the bridge's timer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy

from .core.errors import Problem, mistake
from .core.names import undo_name
from .core.other_blender import OtherBlender, new_folder
from .scene import parts, replacing
from .scene.editors import redraw_sidebars

TITLES = {"QUADS": "Quads", "VOXELS": "Voxels"}


@dataclass
class Work:
    """Attributes:
    object_uid: `session_uid` of the object.
    title: for people.
    shown: the second that the panel shows.
    """

    object_uid: int
    method: str
    title: str
    other: OtherBlender
    shown: int = 0


class Reshaper:
    """One Blender's one such work.

    Args:
        home: the folder that holds the package `blender_msd`.
        wake: called whenever there will be something to pump.

    Attributes:
        problem: why the last work came to nothing.
    """

    def __init__(self, home: Path, wake: Callable[[], None]) -> None:
        self._home = home
        self._wake = wake
        self.work: Work | None = None
        self.problem: Problem | None = None

    @property
    def busy(self) -> bool:
        return self.work is not None

    def begin(self, obj: bpy.types.Object, method: str, faces: int, limit_s: float) -> None:
        """Start; never blocks.

        Args:
            method, faces: as `reshaping.reshape`.
            limit_s: it is given up after so many seconds.

        Raises:
            Problem: "reshape-running", "reshape-failed".
        """
        if self.work is not None:
            raise Problem("reshape-running", f"{self.work.title} is being reshaped.", "Wait for it, or cancel it.")
        folder = new_folder()
        assert isinstance(obj.data, bpy.types.Mesh)
        bpy.data.libraries.write(str(folder / "in.blend"), {obj.data})
        (folder / "wish.json").write_text(json.dumps({"method": method, "faces": faces}), encoding="utf-8")
        run = f"from blender_msd.reshape_alone import main; main({str(folder)!r})"
        expression = f"import sys; sys.path.insert(0, {str(self._home)!r}); {run}"
        other = OtherBlender(bpy.app.binary_path, expression, folder, limit_s)
        self.problem, self.work = None, Work(obj.session_uid, method, obj.name, other)
        self._wake()

    def cancel(self) -> None:
        if self.work is not None:
            self.work.other.close()
            self.work = None
            redraw_sidebars()

    def pump(self) -> None:
        """Take the result when there is one; as one undo step."""
        work = self.work
        if work is None:
            return
        try:
            if work.other.is_done():
                self._take(work)
                self.cancel()
            elif int(work.other.seconds) != work.shown:
                work.shown = int(work.other.seconds)
                redraw_sidebars()
        except Problem as problem:
            self.problem = problem
            self.cancel()
        except Exception as error:  # or it would be tried again at every turn of the timer
            self.problem = mistake(error)
            self.cancel()

    def wait(self) -> None:
        """Background mode: until the work is over. Ctrl+C cancels it."""
        while self.work is not None:
            try:
                self.pump()
                time.sleep(0.05)
            except KeyboardInterrupt:
                self.cancel()

    def _take(self, work: Work) -> None:
        said = json.loads((work.other.folder / "said.json").read_text(encoding="utf-8"))
        if said:
            raise Problem(said["code"], said["message"], said["hint"])
        obj = replacing.find(work.object_uid)
        if obj is None or obj.mode != "OBJECT":
            hint = "Leave it in Object Mode while it is reshaped."
            raise Problem("reshape-failed", f"{work.title} is gone or being edited.", hint)
        parts.give(obj, parts.appended(str(work.other.folder / "out.blend")))
        bpy.ops.ed.undo_push(message=undo_name(f"{TITLES[work.method]}: ", obj.name))
