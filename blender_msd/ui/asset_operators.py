"""Operators that make more of a finished object: fewer faces, levels of detail, a hull, an asset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..core.asset_limits import HULL_FACES, LOD_LEVELS, LOD_RATIO, REDUCED_FACES
from ..core.checks import number
from ..core.errors import Problem
from ..scene import assets, owned, parts
from . import texts
from .asset_properties import AssetWords, Hull, Levels, Reduction
from .operators import refuse

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class OnOurs:
    """An operator on the active object, when that was made here."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            owned.check(context.object)
        except Problem as problem:
            say: type[bpy.types.Operator] = cls  # type: ignore[assignment]  # which every one of them is
            say.poll_message_set(problem.message)
            return False
        return True


class MSD_OT_reduce_faces(OnOurs, bpy.types.Operator, Reduction):
    bl_idname = "msd.reduce_faces"
    bl_label = "Reduce Faces"
    bl_description = "Give the active object fewer triangles. Colours, UVs and material stay"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            obj = owned.check(context.object)
            left = parts.reduce(obj, int(number("Faces", self.faces, REDUCED_FACES)))
        except Problem as problem:
            return refuse(self, problem)
        self.report({"INFO"}, f"{obj.name} has {left:,} triangles")
        return {"FINISHED"}


class MSD_OT_make_lods(OnOurs, bpy.types.Operator, Levels):
    bl_idname = "msd.make_lods"
    bl_label = "Levels of Detail"
    bl_description = (
        "Make copies with ever fewer faces, as NAME_LOD1 and so on: hidden, below the object, of its material"
    )
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            levels = int(number("Levels", self.levels, LOD_LEVELS))
            made = parts.make_lods(owned.check(context.object), levels, number("Ratio", self.ratio, LOD_RATIO))
        except Problem as problem:
            return refuse(self, problem)
        faces = ", ".join(f"{parts.triangles(each):,}" for each in made)
        self.report({"INFO"}, f"Made {len(made)} levels of {faces} triangles, hidden below the object")
        return {"FINISHED"}


class MSD_OT_make_hull(OnOurs, bpy.types.Operator, Hull):
    bl_idname = "msd.make_hull"
    bl_label = "Collision Hull"
    bl_description = "Make a convex mesh of the object, as UCX_NAME, that game engines let things collide with"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            hull = parts.make_hull(owned.check(context.object), int(number("Faces", self.faces, HULL_FACES)))
        except Problem as problem:
            return refuse(self, problem)
        self.report({"INFO"}, f"Made {hull.name} of {parts.triangles(hull)} triangles, hidden below the object")
        return {"FINISHED"}


class MSD_OT_mark_asset(OnOurs, bpy.types.Operator, AssetWords):
    bl_idname = "msd.mark_asset"
    bl_label = "Mark as Asset"
    bl_description = (
        "Show the object in the Asset Browser, with a preview, the prompt's words as tags, and a description"
    )
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            assets.mark(owned.check(context.object), texts.text(self, "tags"), texts.text(self, "description"))
        except Problem as problem:
            return refuse(self, problem)
        return {"FINISHED"}


CLASSES = (MSD_OT_reduce_faces, MSD_OT_make_lods, MSD_OT_make_hull, MSD_OT_mark_asset)
