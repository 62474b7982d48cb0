"""Operators about the server: starting, stopping, preferences, folders, and the report of what went wrong."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from .. import EXTENSION, VERSION, bridge
from ..core.errors import Problem
from ..core.names import printable
from ..scene.present import present
from . import texts
from .choices import JobChoice
from .operators import refuse
from .preferences import setup

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

LOG_LINES = 50


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
    bl_description = "Stop the server and free its memory. Jobs under way are cancelled"

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


class MSD_OT_open_system_preferences(bpy.types.Operator):
    bl_idname = "msd.open_system_preferences"
    bl_label = "Allow Online Access"
    bl_description = "Show the preference that lets Blender use the internet"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        bpy.ops.screen.userpref_show(section="SYSTEM")
        return {"FINISHED"}


class MSD_OT_open_folder(bpy.types.Operator, JobChoice):
    bl_idname = "msd.open_folder"
    bl_label = "Open Folder"
    bl_description = "Show the files of the result, or else the folder where results and the server's files are"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        link = bridge.current()
        found = link.find(texts.text(self, "job_id"))
        made = "" if found is None else found.view.folder
        folder = Path(made) if made else link.user_dir
        if not folder.is_dir():
            return refuse(self, Problem("file-unusable", f"{folder} is not there.", "Make something first."))
        bpy.ops.wm.path_open(filepath=str(folder))
        return {"FINISHED"}


class MSD_OT_open_log(bpy.types.Operator):
    bl_idname = "msd.open_log"
    bl_label = "Open Log"
    bl_description = "Show all that the server said since Blender started it, in the program for text files"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        log = bridge.current().local.log
        if not log.is_file():
            return refuse(self, Problem("file-unusable", f"{log} is not there.", "Start the server from here first."))
        bpy.ops.wm.path_open(filepath=str(log))
        return {"FINISHED"}


class MSD_OT_copy_report(bpy.types.Operator):
    bl_idname = "msd.copy_report"
    bl_label = "Copy Report"
    bl_description = "Copy versions, the error and the end of the server's log, without prompts, to the clipboard"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        present(context.window_manager).clipboard = report_text()
        self.report({"INFO"}, "Copied")
        return {"FINISHED"}


def report_text() -> str:
    """What a developer needs to know, without the user's home folder and without prompts."""
    link = bridge.current()
    lines = [f"Mean-Shift Distillation {VERSION}, Blender {bpy.app.version_string}, {platform.platform()}"]
    for problem in (link.problem, bridge.installer().trouble):
        if problem is not None:
            lines.append(f"Error {problem.code}: {problem}")
    if link.job is not None:
        job = link.job
        lines.append(f"Job: {job.kind}, {job.state}, {job.phase}, step {job.step} of {job.steps}, {job.seconds:.0f} s")
    lines.append("The server's log:")
    text = printable("\n".join([*lines, *link.local.log_lines(LOG_LINES)])).replace(str(Path.home()), "~")
    for each in link.jobs:
        text = text.replace(each.view.prompt, "(prompt)")
    return text


CLASSES = (
    MSD_OT_start_server,
    MSD_OT_stop_server,
    MSD_OT_open_preferences,
    MSD_OT_open_system_preferences,
    MSD_OT_open_folder,
    MSD_OT_open_log,
    MSD_OT_copy_report,
)
