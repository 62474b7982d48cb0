"""Giving a finished object another surface, which another Blender makes meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .. import bridge
from ..core.asset_limits import RESHAPE_SECONDS, RESHAPED_FACES
from ..core.checks import number
from ..core.errors import Problem
from ..core.job_view import clock
from ..core.names import printable
from ..scene import owned
from .asset_operators import OnOurs
from .asset_properties import Reshaping
from .buttons import draw_problem
from .operators import refuse
from .writing import draw_text

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class MSD_OT_reshape(OnOurs, bpy.types.Operator, Reshaping):
    bl_idname = "msd.reshape"
    bl_label = "Reshape"
    bl_description = (
        "Give the object a surface of quads or of voxels, with its colours. Another Blender makes it meanwhile"
    )
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        reshaper = bridge.reshaper()
        try:
            obj = owned.check(context.object)
            faces = int(number("Faces", self.faces, RESHAPED_FACES[self.method]))
            reshaper.begin(obj, self.method, faces, number("Time Limit", self.limit_s, RESHAPE_SECONDS))
        except Problem as problem:
            return refuse(self, problem)
        if bpy.app.background:
            reshaper.wait()
            if reshaper.problem is not None:
                self.report({"ERROR"}, printable(str(reshaper.problem)))
                return {"CANCELLED"}
        return {"FINISHED"}


class MSD_OT_cancel_reshape(bpy.types.Operator):
    bl_idname = "msd.cancel_reshape"
    bl_label = "Cancel"
    bl_description = "End the other Blender. The object stays as it is"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bridge.reshaper().busy

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        bridge.reshaper().cancel()
        return {"FINISHED"}


def draw_reshape(layout: bpy.types.UILayout) -> None:
    """Two buttons; while it works, how long already."""
    reshaper = bridge.reshaper()
    if reshaper.work is not None:
        draw_text(layout, f"Reshaping {reshaper.work.title}: {clock(reshaper.work.other.seconds)}", "SORTTIME")
        layout.operator("msd.cancel_reshape", icon="CANCEL")
        return
    row = layout.row(align=True)
    row.operator("msd.reshape", text="Quads", icon="MESH_GRID").method = "QUADS"
    row.operator("msd.reshape", text="Voxels", icon="MOD_REMESH").method = "VOXELS"
    if reshaper.problem is not None:
        draw_problem(layout, reshaper.problem)


CLASSES = (MSD_OT_reshape, MSD_OT_cancel_reshape)
