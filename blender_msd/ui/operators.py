"""Operators that begin jobs. They never block in a window; in background mode they wait for the end of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .. import bridge
from ..core.errors import Problem, explain
from ..core.job_view import JobView
from ..core.names import printable
from ..scene import overwriting
from ..scene.present import present
from . import aims
from .beginnings import begin
from .properties import MeshSettings, TextureSettings
from .settings import scene_settings
from .values import Values

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


def refuse(operator: bpy.types.Operator, problem: Problem, kind: str = "") -> set[OperatorReturnItems]:
    """What an operator does that cannot do what it was asked for.

    Args:
        kind: of what was wanted.
    """
    bridge.current().refuse(problem, kind)
    operator.report({"ERROR"}, printable(f"{explain(problem).headline}. {problem}"))
    return {"CANCELLED"}


def outcome(operator: bpy.types.Operator, job: JobView | None) -> set[OperatorReturnItems]:
    """In a window: the job has begun. In background mode: wait for its end."""
    if not bpy.app.background or job is None:
        return {"FINISHED"}
    bridge.current().wait(job)
    if job.problem is not None:
        return refuse(operator, job.problem, job.kind)
    if job.state != "done":
        operator.report({"WARNING"}, "The job was cancelled")
        return {"CANCELLED"}
    return {"FINISHED"}


class Begins:
    """An operator that begins something, and is clicked on a large button."""

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        """A click. A second one that comes at once was meant for the first job.

        The button stays on meanwhile: while the pointer rests on one that was off, Blender takes no click for it.
        """
        jobs = bridge.current().jobs
        return {"CANCELLED"} if jobs and jobs[-1].view.is_new else self.execute(context)


class MSD_OT_generate_mesh(Begins, bpy.types.Operator, MeshSettings):
    bl_idname = "msd.generate_mesh"
    bl_label = "Generate"
    bl_description = "Make an object from the prompt. It forms in the viewport while you watch"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = scene_settings(context.scene).mesh
        values = Values(settings, self)
        try:
            job = begin(context, "mesh", values)
        except Problem as problem:
            return refuse(self, problem, "mesh")
        return outcome(self, job)


class MSD_OT_fill_texture(Begins, bpy.types.Operator, TextureSettings):
    bl_idname = "msd.fill_texture"
    bl_label = "Fill Texture"
    bl_description = "Make a picture from the prompt, on a new material of the active object"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = scene_settings(context.scene).texture
        values = Values(settings, self)
        try:
            job = begin(context, "texture", values)
        except Problem as problem:
            return refuse(self, problem, "texture")
        return outcome(self, job)


class MSD_OT_restore_image(bpy.types.Operator):
    bl_idname = "msd.restore_image"
    bl_label = "Restore Previous"
    bl_description = "Put back what was in this image before it was filled"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not overwriting.was_filled(aims.image_of(context)):
            cls.poll_message_set("This image was not filled")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        overwriting.restore(present(aims.image_of(context)))
        return {"FINISHED"}


CLASSES = (MSD_OT_generate_mesh, MSD_OT_fill_texture, MSD_OT_restore_image)
