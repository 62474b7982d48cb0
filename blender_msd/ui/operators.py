"""Operators about jobs. Those that start work never block in a window; in background mode they wait for its end."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import bpy

from .. import bridge
from ..core.errors import Problem, explain
from ..core.limits import SEED
from ..core.names import printable
from ..scene import overwriting
from ..scene.images import Target
from ..scene.placement import Place
from ..scene.present import present
from . import aims
from .beginnings import begin
from .preferences import setup
from .properties import MeshSettings, TextureSettings
from .settings import scene_settings, settings_for
from .values import Values

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


def nothing_runs(cls: type[bpy.types.Operator]) -> bool:
    job = bridge.current().job
    if job is not None and job.busy:
        cls.poll_message_set("One job at a time: wait for it, or cancel it")
        return False
    return True


def _a_job_runs(cls: type[bpy.types.Operator]) -> bool:
    job = bridge.current().job
    if job is None or not job.busy:
        cls.poll_message_set("No job is running")
        return False
    return True


def _something_to_go_on_with(cls: type[bpy.types.Operator]) -> bool:
    if not bridge.current().has_recipe:
        cls.poll_message_set("No job was begun yet")
        return False
    return nothing_runs(cls)


def refuse(operator: bpy.types.Operator, problem: Problem, kind: str = "") -> set[OperatorReturnItems]:
    """What an operator does that cannot do what it was asked for.

    Args:
        kind: of what was wanted.
    """
    bridge.current().refuse(problem, kind)
    operator.report({"ERROR"}, printable(f"{explain(problem).headline}. {problem}"))
    return {"CANCELLED"}


def outcome(operator: bpy.types.Operator, kind: str) -> set[OperatorReturnItems]:
    """In a window: the job has begun. In background mode: wait for its end."""
    if not bpy.app.background:
        return {"FINISHED"}
    link = bridge.current()
    link.wait()
    if link.problem is not None:
        return refuse(operator, link.problem, kind)
    if link.job is None or link.job.state != "done":
        operator.report({"WARNING"}, "The job was cancelled")
        return {"CANCELLED"}
    return {"FINISHED"}


def _aim_of_last_job(context: bpy.types.Context, kind: str) -> Place | Target:
    """Where the result of the last job goes: where it was to go, or where the panel says when that scene is gone."""
    where = bridge.current().where
    return where or aims.aim(context, Values(settings_for(context.scene, kind)), kind)


class MSD_OT_generate_mesh(bpy.types.Operator, MeshSettings):
    bl_idname = "msd.generate_mesh"
    bl_label = "Generate"
    bl_description = "Make an object from the prompt. It forms in the viewport while you watch"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return nothing_runs(cls)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = scene_settings(context.scene).mesh
        values = Values(settings, self)
        try:
            begin(context, "mesh", values)
        except Problem as problem:
            return refuse(self, problem, "mesh")
        return outcome(self, "mesh")


class MSD_OT_fill_texture(bpy.types.Operator, TextureSettings):
    bl_idname = "msd.fill_texture"
    bl_label = "Fill Texture"
    bl_description = "Make a picture from the prompt, on a new material of the active object"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return nothing_runs(cls)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = scene_settings(context.scene).texture
        values = Values(settings, self)
        try:
            begin(context, "texture", values)
        except Problem as problem:
            return refuse(self, problem, "texture")
        return outcome(self, "texture")


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


class MSD_OT_go_on(bpy.types.Operator):
    bl_idname = "msd.go_on"
    bl_label = "Go On"
    bl_description = "Submit the last job again, with the same seed: it goes on from where it was"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _something_to_go_on_with(cls)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        return _again(self, context, None)


class MSD_OT_another_seed(bpy.types.Operator):
    bl_idname = "msd.another_seed"
    bl_label = "Another Seed"
    bl_description = "Make what the last job was to make once more, from another seed"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _something_to_go_on_with(cls)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        return _again(self, context, random.randint(int(SEED.least), int(SEED.most)))


def _again(operator: bpy.types.Operator, context: bpy.types.Context, seed: int | None) -> set[OperatorReturnItems]:
    link = bridge.current()
    kind = "" if link.job is None else link.job.kind
    try:
        # Beside the last result, when another one is made.
        values = Values(settings_for(context.scene, kind))
        where = _aim_of_last_job(context, kind) if seed is None or kind != "mesh" else aims.place(context, values)
        link.go_on(setup(), where, seed)
        if seed is not None:
            settings_for(context.scene, kind).seed = seed
    except Problem as problem:
        return refuse(operator, problem, kind)
    return outcome(operator, kind)


class MSD_OT_reconnect(bpy.types.Operator):
    bl_idname = "msd.reconnect"
    bl_label = "Reconnect"
    bl_description = "Follow the last job again, which may have gone on in the server"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        link = bridge.current()
        kind = "" if link.job is None else link.job.kind
        try:
            link.reconnect(setup())
        except Problem as problem:
            return refuse(self, problem, kind)
        return outcome(self, kind) if link.job is not None and link.job.busy else {"FINISHED"}


class MSD_OT_place_here(bpy.types.Operator):
    bl_idname = "msd.place_here"
    bl_label = "Place Here"
    bl_description = "Put the last result into this scene"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bridge.current().has_result:
            cls.poll_message_set("There is no result yet")
            return False
        return nothing_runs(cls)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        link = bridge.current()
        kind = "" if link.job is None else link.job.kind
        try:
            link.place_here(aims.aim(context, Values(settings_for(context.scene, kind)), kind), setup())
        except Problem as problem:
            return refuse(self, problem, kind)
        return outcome(self, kind)


class MSD_OT_cancel(bpy.types.Operator):
    bl_idname = "msd.cancel"
    bl_label = "Cancel"
    bl_description = "Stop the job. It can go on later from where it was"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _a_job_runs(cls)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        bridge.current().cancel()
        return {"FINISHED"}


class MSD_OT_finish(bpy.types.Operator):
    bl_idname = "msd.finish"
    bl_label = "Finish Now"
    bl_description = "Stop optimising and make the result from what exists"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not _a_job_runs(cls):
            return False
        job = bridge.current().job
        if job is None or not job.optimises:
            cls.poll_message_set("The job has not begun, or is finishing already")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        bridge.current().finish()
        return {"FINISHED"}


CLASSES = (
    MSD_OT_generate_mesh,
    MSD_OT_fill_texture,
    MSD_OT_restore_image,
    MSD_OT_go_on,
    MSD_OT_another_seed,
    MSD_OT_reconnect,
    MSD_OT_place_here,
    MSD_OT_cancel,
    MSD_OT_finish,
)
