"""Operators that do what an error's hint says, and those that show what did not fit into the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import bpy

from .. import bridge
from ..core.errors import Problem, explain
from ..core.kinds import shown_as
from ..core.limits import PROMPT_CHARACTERS
from ..scene import view
from ..scene.present import present
from . import texts
from .colours import colours_of
from .drawn import Drawn
from .models import chosen_model
from .properties import Adjustment, KindChoice, ProblemChoice
from .settings import Settings, scene_settings, settings_for
from .values import Values
from .writing import draw_text

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

# Pixels, at a scale of 1.
POPUP = 420


class MSD_OT_adjust(bpy.types.Operator, Adjustment):
    bl_idname = "msd.adjust"
    bl_label = "Adjust"
    bl_description = "Change the setting that is at fault"
    bl_options = {"INTERNAL", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        link = bridge.current()
        kind = link.problem_of or "mesh"
        settings = settings_for(context.scene, kind)
        if self.what == "OWN_MODEL":
            settings.prior, settings.type_prior = "", False
        elif self.what == "IMAGE_ONLY":
            # Of a mesh, a new picture comes with a new material.
            if kind == "retexture":
                scene_settings(context.scene).retexture.apply = "MATERIAL"
            else:
                scene_settings(context.scene).texture.apply = "IMAGE"
        elif self.what == "VERTEX_COLOURS":
            scene_settings(context.scene).mesh.texture_size = "0"
        elif self.what == "ALL_FACES":
            scene_settings(context.scene).retexture.faces = "ALL"
        elif self.what == "SCALE_ONE":
            settings.scale = 1.0
        elif self.what == "SKETCH":
            settings.preset = "SKETCH"
        elif self.what == "SHORTEN":
            for name in ("prompt", "negative_prompt"):
                setattr(settings, name, texts.text(settings, name).strip()[:PROMPT_CHARACTERS])
        else:
            _reset_unusable(settings)
        link.refuse_nothing()
        return {"FINISHED"}


def _reset_unusable(settings: Settings) -> None:
    values = Values(settings)
    for about in settings.bl_rna.properties:
        if about.identifier in ("rna_type", "name") or about.type not in ("INT", "FLOAT", "ENUM"):
            continue
        try:
            values[about.identifier]
        except Problem:
            settings.property_unset(about.identifier)
    if settings.bandwidth_start and settings.bandwidth_end > settings.bandwidth_start:
        settings.bandwidth_start = settings.bandwidth_end = 0.0


class MSD_OT_details(Drawn, bpy.types.Operator, ProblemChoice):
    bl_idname = "msd.details"
    bl_label = "Details"
    bl_description = "Show the whole message"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bridge.current().problem is not None or bridge.installer().trouble is not None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        return present(context.window_manager).invoke_popup(self, width=POPUP)

    def draw(self, context: bpy.types.Context) -> None:
        problem = bridge.installer().trouble if self.of_set_up else bridge.current().problem
        if problem is None:
            return
        explanation = explain(problem)
        self.layout.label(text=explanation.headline, icon="ERROR")
        for line in explanation.lines:
            draw_text(self.layout, line, room=POPUP - 40)
        row = self.layout.row()
        row.operator("msd.copy_report", icon="COPYDOWN")
        if not self.of_set_up:
            row.operator("msd.open_log", icon="TEXT")
            row.operator("msd.stop_server")

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        return {"FINISHED"}


class MSD_OT_known_words(Drawn, bpy.types.Operator, KindChoice):
    bl_idname = "msd.known_words"
    bl_label = "What It Knows"
    bl_description = "Show the words that the chosen model understands"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        return present(context.window_manager).invoke_popup(self, width=POPUP)

    def draw(self, context: bpy.types.Context) -> None:
        model = chosen_model(settings_for(context.scene, self.kind))
        if model is None:
            self.layout.label(text="Not known before the server has looked at it", icon="INFO")
            return
        self.layout.label(text=model.title, icon="INFO")
        draw_text(self.layout, model.known_things.get(shown_as(self.kind)) or "Any text", room=POPUP - 40)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        return {"FINISHED"}


class MSD_OT_show_colours(bpy.types.Operator):
    bl_idname = "msd.show_colours"
    bl_label = "Show Colours"
    bl_description = "Let this viewport show the result's own colours"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.space_data is not None and context.space_data.type == "VIEW_3D"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        job = bridge.current().job
        colours = "vertices" if job is None else colours_of(job)
        obj = context.object
        has_uv = obj is not None and isinstance(obj.data, bpy.types.Mesh) and obj.data.uv_layers.active is not None
        view.show_colours(cast("bpy.types.SpaceView3D", context.space_data), present(context.scene), colours, has_uv)
        return {"FINISHED"}


CLASSES = (MSD_OT_adjust, MSD_OT_details, MSD_OT_known_words, MSD_OT_show_colours)
