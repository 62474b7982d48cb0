"""Comforts of writing a prompt: styles, those of last time, a text block; and settings back to their defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..core.limits import FACES
from ..core.styles import with_style
from ..scene import notes
from ..scene.present import present
from . import texts
from .prompt_properties import FacesChoice, PromptChoice, SettingChoice, StyleChoice
from .properties import KindChoice
from .settings import scene_settings, settings_for

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class MSD_OT_style(bpy.types.Operator, StyleChoice):
    bl_idname = "msd.style"
    bl_label = "Style"
    bl_description = "Write the words of a style behind the prompt, where they can be changed"
    bl_options = {"INTERNAL", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = settings_for(context.scene, self.kind)
        settings.prompt = with_style(texts.text(settings, "prompt"), self.style)
        return {"FINISHED"}


class MSD_OT_use_prompt(bpy.types.Operator, PromptChoice):
    bl_idname = "msd.use_prompt"
    bl_label = "Use This Prompt"
    bl_options = {"INTERNAL", "UNDO"}

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return texts.text(properties, "prompt")

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings_for(context.scene, self.kind).prompt = texts.text(self, "prompt")
        return {"FINISHED"}


class MSD_OT_edit_as_text(bpy.types.Operator, KindChoice):
    bl_idname = "msd.edit_as_text"
    bl_label = "Edit as Text"
    bl_description = "Write the prompt in the Text Editor, on as many lines as it takes"
    bl_options = {"UNDO"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        text = notes.write(self.kind, texts.text(settings_for(context.scene, self.kind), "prompt"))
        if not notes.show(text) and not bpy.app.background:
            bpy.ops.wm.window_new()
            area = present(context.window_manager).windows[-1].screen.areas[0]
            area.type = "TEXT_EDITOR"
            notes.show(text)
        return {"FINISHED"}


class MSD_OT_take_text(bpy.types.Operator, KindChoice):
    bl_idname = "msd.take_text"
    bl_label = "Use the Text"
    bl_description = "Take what the text block holds as the prompt, on one line; the block goes"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not any(notes.find(kind) for kind in notes.NAMES):
            cls.poll_message_set("No prompt is being written as text")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        text = notes.find(self.kind)
        if text is None:
            self.report({"ERROR"}, "This prompt is not being written as text")
            return {"CANCELLED"}
        settings_for(context.scene, self.kind).prompt = notes.read(text)
        bpy.data.texts.remove(text)
        return {"FINISHED"}


class MSD_OT_reset_setting(bpy.types.Operator, SettingChoice):
    bl_idname = "msd.reset_setting"
    bl_label = "Reset"
    bl_description = "Put this setting back to its default"
    bl_options = {"INTERNAL", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = settings_for(context.scene, self.kind)
        for name in filter(None, self.names.split(",")):
            settings.property_unset(name)
        return {"FINISHED"}


class MSD_OT_choose_faces(bpy.types.Operator, FacesChoice):
    bl_idname = "msd.choose_faces"
    bl_label = "Faces"
    bl_options = {"INTERNAL", "UNDO"}

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        faces: int = properties.faces
        if faces == FACES.most:
            return "Every face of the surface as it is cut from the field"
        return f"At most {faces:,} faces" if faces else "As Quality says"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        scene_settings(context.scene).mesh.faces = self.faces
        return {"FINISHED"}


CLASSES = (
    MSD_OT_choose_faces,
    MSD_OT_style,
    MSD_OT_use_prompt,
    MSD_OT_edit_as_text,
    MSD_OT_take_text,
    MSD_OT_reset_setting,
)
