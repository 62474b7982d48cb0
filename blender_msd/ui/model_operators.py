"""Operators that choose a model: from the menu, from a file browser, or after the server has looked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .. import bridge
from ..core.errors import Problem
from ..scene.present import present
from . import texts
from .operators import refuse
from .properties import ModelChoice, ModelFile
from .settings import settings_for

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class MSD_OT_refresh_models(bpy.types.Operator):
    bl_idname = "msd.refresh_models"
    bl_label = "Look Again"
    bl_description = "Ask the server again which models there are"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if bridge.current().server_state != "ready":
            cls.poll_message_set("The server is not running")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        bridge.current().refresh_offer()
        return {"FINISHED"}


class MSD_OT_choose_model(bpy.types.Operator, ModelChoice):
    bl_idname = "msd.choose_model"
    bl_label = "Choose Model"
    bl_options = {"INTERNAL", "UNDO"}

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        name = texts.text(properties, "name")
        model = bridge.current().offer.find(name) if name else None
        if model is None:
            return "A model of your own: a diffusers folder, a .safetensors file, or a model on the hub"
        return model.cannot_make(properties.kind) or f"{model.description} {model.needs}"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = settings_for(context.scene, self.kind)
        name = texts.text(self, "name")
        settings.prior = name
        settings.type_prior = not name
        return {"FINISHED"}


class MSD_OT_browse_model(bpy.types.Operator, ModelFile):
    bl_idname = "msd.browse_model"
    bl_label = "Use This Model"
    bl_description = "Choose a .safetensors file, or open a diffusers folder and accept without choosing a file"
    bl_options = {"INTERNAL", "UNDO"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        present(context.window_manager).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = settings_for(context.scene, self.kind)
        try:
            chosen = texts.model(self, "filepath")
            if not chosen:
                raise Problem("path-unreadable", "No file was chosen.", "Choose a file, or a folder.")
        except Problem as problem:
            return refuse(self, problem, self.kind)
        settings.prior = chosen
        settings.type_prior = True
        return {"FINISHED"}


CLASSES = (MSD_OT_refresh_models, MSD_OT_choose_model, MSD_OT_browse_model)
