"""Operators. Those that start work never block in a window; in background mode they wait and return the result."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, cast

import bpy

from .. import EXTENSION, VERSION, bridge
from ..core import checks
from ..core.errors import Problem, explain
from ..core.names import printable
from ..scene import images
from ..scene.placement import Place
from ..scene.present import present
from .preferences import setup
from .properties import MeshSettings, TextureSettings
from .settings import scene_settings
from .values import Values

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

LOG_LINES = 50


def _nothing_runs(cls: type[bpy.types.Operator]) -> bool:
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


def refuse(operator: bpy.types.Operator, problem: Problem) -> set[OperatorReturnItems]:
    """What an operator does that cannot do what it was asked for."""
    bridge.current().refuse(problem)
    operator.report({"ERROR"}, printable(f"{explain(problem).headline}. {problem}"))
    return {"CANCELLED"}


def _outcome(operator: bpy.types.Operator) -> set[OperatorReturnItems]:
    """In a window: the job has begun. In background mode: wait for its end."""
    if not bpy.app.background:
        return {"FINISHED"}
    link = bridge.current()
    link.wait()
    if link.problem is not None:
        return refuse(operator, link.problem)
    if link.job is None or link.job.state != "done":
        operator.report({"WARNING"}, "The job was cancelled")
        return {"CANCELLED"}
    return {"FINISHED"}


class MSD_OT_generate_mesh(bpy.types.Operator, MeshSettings):
    bl_idname = "msd.generate_mesh"
    bl_label = "Generate"
    bl_description = "Make an object from the prompt. It forms in the viewport while you watch"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _nothing_runs(cls)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        scene = present(context.scene)
        settings = scene_settings(scene).mesh
        values = Values(settings, self)
        try:
            recipe = values.recipe("mesh")
            cursor = scene.cursor.location.to_tuple() if values["place"] == "CURSOR" else (0.0, 0.0, 0.0)
            checks.place("The 3D cursor", cursor)
            place = Place(cursor, values["size"], scene.name)
            bridge.current().make_mesh(recipe, place, setup())
            settings.seed = recipe["seed"]
        except Problem as problem:
            return refuse(self, problem)
        return _outcome(self)


class MSD_OT_fill_texture(bpy.types.Operator, TextureSettings):
    bl_idname = "msd.fill_texture"
    bl_label = "Fill Texture"
    bl_description = "Make a picture from the prompt, on a new material of the active object"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _nothing_runs(cls)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = scene_settings(context.scene).texture
        values = Values(settings, self)
        try:
            recipe = values.recipe("texture")
            bridge.current().make_texture(recipe, self._target(context, values), setup())
            settings.seed = recipe["seed"]
        except Problem as problem:
            return refuse(self, problem)
        return _outcome(self)

    def _target(self, context: bpy.types.Context, values: Values) -> images.Target:
        if values["apply"] == "IMAGE":
            return images.Target(None, values["repeat"])
        target = context.object
        if target is None or not images.takes_material(target):
            hint = "Select an object with a surface, or choose Image Only."
            raise Problem("nothing-to-cover", "The active object takes no material.", hint)
        return images.Target(target.session_uid, values["repeat"])


class MSD_OT_cancel(bpy.types.Operator):
    bl_idname = "msd.cancel"
    bl_label = "Cancel"
    bl_description = "Stop the job and throw its result away"

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
        if job is None or job.state != "running":
            cls.poll_message_set("The job has not begun, or is finishing already")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        bridge.current().finish()
        return {"FINISHED"}


class MSD_OT_start_server(bpy.types.Operator):
    bl_idname = "msd.start_server"
    bl_label = "Start"
    bl_description = "Start the server now. It also starts by itself when it is needed"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            bridge.current().start_server(setup())
        except Problem as problem:
            return refuse(self, problem)
        return {"FINISHED"}


class MSD_OT_stop_server(bpy.types.Operator):
    bl_idname = "msd.stop_server"
    bl_label = "Stop"
    bl_description = "Stop the server and free its memory. A running job is cancelled"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        bridge.current().stop_server()
        return {"FINISHED"}


class MSD_OT_open_preferences(bpy.types.Operator):
    bl_idname = "msd.open_preferences"
    bl_label = "Open Preferences"
    bl_description = "Show this add-on's preferences"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        bpy.ops.preferences.addon_show(module=EXTENSION)
        return {"FINISHED"}


class MSD_OT_copy_report(bpy.types.Operator):
    bl_idname = "msd.copy_report"
    bl_label = "Copy Report"
    bl_description = "Copy versions, the error and the end of the server's log, without prompts, to the clipboard"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        present(context.window_manager).clipboard = report_text()
        self.report({"INFO"}, "Copied")
        return {"FINISHED"}


class MSD_OT_show_colours(bpy.types.Operator):
    bl_idname = "msd.show_colours"
    bl_label = "Show Colours"
    bl_description = "Let this viewport's solid shading show the objects' own colours"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.space_data is not None and context.space_data.type == "VIEW_3D"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        cast("bpy.types.SpaceView3D", context.space_data).shading.color_type = "VERTEX"
        return {"FINISHED"}


def report_text() -> str:
    """What a developer needs to know, without the user's home folder and without prompts."""
    link = bridge.current()
    lines = [f"Mean-Shift Distillation {VERSION}, Blender {bpy.app.version_string}, {platform.platform()}"]
    if link.problem is not None:
        lines.append(f"Error {link.problem.code}: {link.problem}")
    if link.job is not None:
        job = link.job
        lines.append(f"Job: {job.kind}, {job.state}, {job.phase}, step {job.step} of {job.steps}, {job.seconds:.0f} s")
    lines.append("The server's log:")
    text = printable("\n".join([*lines, *link.local.log_lines(LOG_LINES)])).replace(str(Path.home()), "~")
    return text if link.job is None else text.replace(link.job.prompt, "(prompt)")


CLASSES = (
    MSD_OT_generate_mesh,
    MSD_OT_fill_texture,
    MSD_OT_cancel,
    MSD_OT_finish,
    MSD_OT_start_server,
    MSD_OT_stop_server,
    MSD_OT_open_preferences,
    MSD_OT_copy_report,
    MSD_OT_show_colours,
)
