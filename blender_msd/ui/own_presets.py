"""Presets of one's own, by Blender's own system of presets: files in the user's folder, one for each kind of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bl_operators.presets import AddPresetBase

from .choices import PresetFile
from .drawn import Drawn
from .preset_changes import changes, in_a_menu, in_a_tooltip
from .properties import KindChoice
from .settings import settings_for

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

# What makes one result differ from the next, and not one way of working from another.
LEFT_OUT = {"rna_type", "name", "prompt", "seed"}


class _Adding(AddPresetBase):
    bl_label = "Add Preset"
    bl_description = "Keep these settings, all but the prompt and the seed, under a name"
    kind = ""

    @property
    def preset_subdir(self) -> str:
        return f"blender_msd/{self.kind}"

    @property
    def preset_menu(self) -> str:
        return f"MSD_MT_{self.kind}_presets"

    @property
    def preset_values(self) -> list[str]:
        about = settings_for(bpy.context.scene, self.kind).bl_rna.properties
        # In full: Blender 4.3 on Python 3.13 does not find what a preset defines.
        where = f"bpy.context.scene.msd.{self.kind}"
        return [f"{where}.{each.identifier}" for each in about if each.identifier not in LEFT_OUT]


class MSD_OT_mesh_preset(_Adding, bpy.types.Operator):  # type: ignore[misc]  # Blender's own mixture
    bl_idname = "msd.mesh_preset"
    kind = "mesh"


class MSD_OT_texture_preset(_Adding, bpy.types.Operator):  # type: ignore[misc]  # Blender's own mixture
    bl_idname = "msd.texture_preset"
    kind = "texture"


class MSD_OT_retexture_preset(_Adding, bpy.types.Operator):  # type: ignore[misc]  # Blender's own mixture
    bl_idname = "msd.retexture_preset"
    kind = "retexture"


class MSD_OT_use_preset(bpy.types.Operator, KindChoice, PresetFile):
    bl_idname = "msd.use_preset"
    bl_label = "Use Preset"
    bl_description = "Take over the settings that were kept under this name"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def description(cls, context: bpy.types.Context, properties: Any) -> str:
        """What it would change."""
        return in_a_tooltip(changes(settings_for(context.scene, properties.kind), Path(properties.filepath)))

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            bpy.ops.script.execute_preset(filepath=self.filepath, menu_idname=f"MSD_MT_{self.kind}_presets")
        except RuntimeError as error:
            self.report({"ERROR"}, f"The preset cannot be used: {error} Forget it, and keep your settings anew.")
            return {"CANCELLED"}
        return {"FINISHED"}


class _PresetMenu(Drawn):
    bl_label = "Presets"
    preset_subdir = ""
    kind = ""

    def draw(self, context: bpy.types.Context) -> None:
        menu: Any = self
        settings = settings_for(context.scene, self.kind)
        folders = bpy.utils.preset_paths(self.preset_subdir)
        menu.path_menu(
            folders,
            "msd.use_preset",
            props_default={"kind": self.kind},
            display_name=lambda path: in_a_menu(settings, Path(path)),
        )
        self.layout.separator()
        # In a menu a dialog is asked for by name.
        self.layout.operator_context = "INVOKE_DEFAULT"
        self.layout.operator(f"msd.{self.kind}_preset", text="Keep These Settings...", icon="ADD")
        if self.bl_label != "Presets":
            gone: Any = self.layout.operator(f"msd.{self.kind}_preset", text=f"Forget {self.bl_label}", icon="REMOVE")
            gone.remove_active = True


class MSD_MT_mesh_presets(_PresetMenu, bpy.types.Menu):
    kind = "mesh"
    preset_subdir = "blender_msd/mesh"


class MSD_MT_texture_presets(_PresetMenu, bpy.types.Menu):
    kind = "texture"
    preset_subdir = "blender_msd/texture"


class MSD_MT_retexture_presets(_PresetMenu, bpy.types.Menu):
    kind = "retexture"
    preset_subdir = "blender_msd/retexture"


CLASSES = (
    MSD_OT_use_preset,
    MSD_OT_mesh_preset,
    MSD_OT_texture_preset,
    MSD_OT_retexture_preset,
    MSD_MT_mesh_presets,
    MSD_MT_texture_presets,
    MSD_MT_retexture_presets,
)
