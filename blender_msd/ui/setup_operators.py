"""Operators of the set-up. In a window they never block; in background mode they wait and tell how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import bpy

from .. import bridge
from ..core.errors import Problem
from ..scene.editors import areas
from ..scene.present import present
from . import texts
from .operators import refuse
from .preferences import own, wishes
from .properties import PythonFile

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

# The file browser opens a moment after it was asked for.
TRIES, PAUSE = 40, 0.05


def _not_running(cls: type[bpy.types.Operator]) -> bool:
    if bridge.installer().state.running:
        cls.poll_message_set("Set-up is running")
        return False
    return True


def _outcome(operator: bpy.types.Operator) -> set[OperatorReturnItems]:
    if not bpy.app.background:
        return {"FINISHED"}
    installer = bridge.installer()
    installer.wait()
    if installer.problem is not None:
        return refuse(operator, installer.problem)
    if installer.note:
        operator.report({"INFO"}, installer.note)
    return {"FINISHED"}


class _Task:
    """An operator that has the set-up's process do something."""

    task = ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _not_running(cast("type[bpy.types.Operator]", cls))

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        operator = cast("bpy.types.Operator", self)
        try:
            bridge.installer().begin(self.task, wishes())
        except Problem as problem:
            return refuse(operator, problem)
        return _outcome(operator)


class MSD_OT_set_up(_Task, bpy.types.Operator):
    bl_idname = "msd.set_up"
    bl_label = "Set up"
    bl_description = (
        "Fetch and install what the server needs, outside Blender's own Python. Goes on where it was stopped"
    )
    task = "set-up"


class MSD_OT_set_up_repair(_Task, bpy.types.Operator):
    bl_idname = "msd.set_up_repair"
    bl_label = "Repair"
    bl_description = "Install anew what is damaged or missing, and try it"
    task = "repair"


class MSD_OT_set_up_verify(_Task, bpy.types.Operator):
    bl_idname = "msd.set_up_verify"
    bl_label = "Verify"
    bl_description = "Compare every installed file with how it was packed. Changes nothing"
    task = "verify"


class MSD_OT_set_up_pause(bpy.types.Operator):
    bl_idname = "msd.set_up_pause"
    bl_label = "Pause"
    bl_description = "Stop for now. What is done is kept; closing Blender does the same"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bridge.installer().state.running

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        bridge.installer().pause()
        return {"FINISHED"}


class MSD_OT_set_up_cancel(bpy.types.Operator):
    bl_idname = "msd.set_up_cancel"
    bl_label = "Cancel"
    bl_description = "Stop, and remove what was fetched and installed so far. An older set-up that works is kept"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        return present(context.window_manager).invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        bridge.installer().cancel(wishes().root)
        return _outcome(self)


class MSD_OT_set_up_remove(bpy.types.Operator):
    bl_idname = "msd.set_up_remove"
    bl_label = "Remove"
    bl_description = "Remove what set-up installed. Results, models of your own and logs are kept"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not _not_running(cls):
            return False
        if bridge.current().server.process != "off":
            cls.poll_message_set("Stop the server first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        return present(context.window_manager).invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        bridge.installer().remove(wishes().root)
        return _outcome(self)


class MSD_OT_set_up_look(bpy.types.Operator):
    bl_idname = "msd.set_up_look"
    bl_label = "Look"
    bl_description = "See what this computer has, and what set-up needs. Nothing is sent or fetched"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            bridge.installer().look(wishes())
        except Problem as problem:
            return refuse(self, problem)
        if bpy.app.background:
            bridge.installer().wait()
        return {"FINISHED"}


class MSD_OT_check_python(bpy.types.Operator):
    bl_idname = "msd.check_python"
    bl_label = "Check"
    bl_description = "See whether this Python has all that the server needs"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            python = own().own_python()
            if python is None:
                raise Problem("server-not-set-up", "No Python was chosen.", "Choose one, or press Set up.")
            bridge.installer().check_python(python)
        except Problem as problem:
            return refuse(self, problem)
        return _outcome(self)


class MSD_OT_check_server(bpy.types.Operator):
    bl_idname = "msd.check_server"
    bl_label = "Check"
    bl_description = "Ask at this address, and say what answers there"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        preferences = own()
        url, token = (texts.pasted(preferences, name) for name in ("server_url", "server_token"))
        if not url:
            return refuse(self, Problem("address-unreadable", "There is no address.", "Write it first."))
        bridge.installer().check_server(url, token, bpy.app.online_access)
        return _outcome(self)


class MSD_OT_browse_python(bpy.types.Operator, PythonFile):
    bl_idname = "msd.browse_python"
    bl_label = "Use This Python"
    bl_description = "Choose a Python program; hidden folders such as .venv are shown"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        self.filepath = texts.text(own(), self.field)
        present(context.window_manager).fileselect_add(self)
        bpy.app.timers.register(_show_hidden(), first_interval=PAUSE)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        setattr(own(), self.field, texts.text(self, "filepath"))
        return {"FINISHED"}


def _show_hidden() -> Any:
    """A timer that waits for the file browser and has it show hidden files, this time only."""
    tries = TRIES

    def look() -> float | None:
        nonlocal tries
        tries -= 1
        found = False
        for area in areas("FILE_BROWSER"):
            params = cast("bpy.types.SpaceFileBrowser", area.spaces.active).params
            if params is not None and not params.show_hidden:
                params.show_hidden = found = True
                area.tag_redraw()
        return None if found or not tries else PAUSE

    return look


class MSD_OT_read_licences(bpy.types.Operator):
    bl_idname = "msd.read_licences"
    bl_label = "Licences"
    bl_description = "What is downloaded, under which licence, and where it comes from; opens in Blender's Text Editor"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        path = str(bridge.installer().licences)
        name = "Licences of the set-up"
        text = bpy.data.texts.get(name) or bpy.data.texts.new(name)
        with open(path, encoding="utf-8") as file:
            text.from_string(file.read())
        if not bpy.app.background:
            bpy.ops.wm.window_new()
            area = present(present(context.window_manager).windows[-1].screen).areas[0]
            area.type = "TEXT_EDITOR"
            cast("bpy.types.SpaceTextEditor", area.spaces.active).text = text
        return {"FINISHED"}


def look_for_the_first_time() -> None:
    """A timer, once: no server of ours runs yet, so what a newer environment took the place of can go."""
    try:
        bridge.installer().look(wishes(), tidy=True)
    except Problem as problem:
        bridge.installer().problem = problem


CLASSES = (
    MSD_OT_set_up,
    MSD_OT_set_up_repair,
    MSD_OT_set_up_verify,
    MSD_OT_set_up_pause,
    MSD_OT_set_up_cancel,
    MSD_OT_set_up_remove,
    MSD_OT_set_up_look,
    MSD_OT_check_python,
    MSD_OT_check_server,
    MSD_OT_browse_python,
    MSD_OT_read_licences,
)
