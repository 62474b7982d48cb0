"""Operators that texture a mesh which is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np

from .. import bridge
from ..core.errors import Problem
from ..scene import overwriting, pictures
from ..scene.present import present
from .beginnings import begin
from .operators import Begins, outcome, refuse
from .retexture_properties import RetextureSettings
from .settings import scene_settings
from .values import Values

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class MSD_OT_texture_mesh(Begins, bpy.types.Operator, RetextureSettings):
    bl_idname = "msd.texture_mesh"
    bl_label = "Texture This Mesh"
    bl_description = "Paint the active mesh from the prompt, on the UV layer that it has. No UV is changed"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        settings = scene_settings(context.scene).retexture
        values = Values(settings, self)
        try:
            job = begin(context, "retexture", values)
        except Problem as problem:
            return refuse(self, problem, "retexture")
        return outcome(self, job)


class MSD_OT_make_uv_layer(bpy.types.Operator):
    bl_idname = "msd.make_uv_layer"
    bl_label = "New UV Layer (Smart UV Project)"
    bl_description = "Give the active mesh, which has no UV layer, one in which no face lies over another"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.object
        if obj is None or not isinstance(obj.data, bpy.types.Mesh) or obj.data.library is not None:
            cls.poll_message_set("The active object is no mesh of this file")
            return False
        if len(obj.data.uv_layers):
            cls.poll_message_set("It has a UV layer already, which stays as it is")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        obj = present(context.object)
        mesh = obj.data
        assert isinstance(mesh, bpy.types.Mesh)
        mode = obj.mode
        bpy.ops.object.mode_set(mode="OBJECT")
        chosen = {kind: np.empty(len(kind), bool) for kind in (mesh.vertices, mesh.edges, mesh.polygons)}
        for kind, values in chosen.items():
            kind.foreach_get("select", values)
        mesh.uv_layers.new(name="UVMap")
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.select_all(action="SELECT")
        bpy.ops.uv.smart_project(island_margin=0.01)
        bpy.ops.object.mode_set(mode="OBJECT")
        for kind, values in chosen.items():
            kind.foreach_set("select", values)
        bpy.ops.object.mode_set(mode=mode)
        bridge.current().refuse_nothing()
        return {"FINISHED"}


class MSD_OT_restore_picture(bpy.types.Operator):
    bl_idname = "msd.restore_picture"
    bl_label = "Restore Previous"
    bl_description = "Put back what was in the picture of the active material before it was filled"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not overwriting.was_filled(pictures.of_surface(context.object)):
            cls.poll_message_set("The picture of the active material was not filled")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        overwriting.restore(present(pictures.of_surface(context.object)))
        return {"FINISHED"}


CLASSES = (MSD_OT_texture_mesh, MSD_OT_make_uv_layer, MSD_OT_restore_picture)
