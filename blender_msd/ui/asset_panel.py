"""The panel of the active object, when that was made from a prompt: what can be made of it."""

from __future__ import annotations

from typing import Any

import bpy

from ..scene import owned, parts
from .drawn import TabPanel
from .reshape_operators import draw_reshape
from .result_section import PICKS
from .writing import draw_text


class MSD_PT_view3d_asset(TabPanel, bpy.types.Panel):
    bl_space_type = "VIEW_3D"
    bl_label = "Finished Object"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, obj = self.layout, bpy.context.object
        if obj is None or not owned.is_ours(obj):
            draw_text(layout, "Select an object that was made from a prompt", "INFO")
            return
        kept: Any = obj
        draw_text(layout, f"“{kept['msd_prompt']}”, {parts.triangles(obj):,} triangles", "MESH_DATA")
        layout.menu("MSD_MT_export", text="Export", icon="EXPORT")
        row = layout.row(align=True)
        for text, count in PICKS[:-1]:
            button = row.row(align=True)
            button.enabled = parts.triangles(obj) > count
            button.operator("msd.reduce_faces", text=f"To {text}").faces = count
        draw_reshape(layout)
        row = layout.row(align=True)
        row.operator("msd.make_lods", icon="MOD_DECIM")
        row.operator("msd.make_hull", icon="MESH_ICOSPHERE")
        if obj.asset_data is None:
            layout.operator("msd.mark_asset", icon="ASSET_MANAGER")
        else:
            tags = ", ".join(tag.name for tag in obj.asset_data.tags)
            draw_text(layout, f"An asset{': ' if tags else ''}{tags}", "ASSET_MANAGER")
