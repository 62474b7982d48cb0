"""The panel that textures a mesh which is there."""

from __future__ import annotations

import bpy

from ..scene import overwriting, pictures
from .advanced import AdvancedPanel
from .drawn import TabPanel
from .models import AboutModel
from .progress import draw_go
from .prompting import draw_prompt
from .settings import scene_settings
from .writing import draw_text


class MSD_PT_view3d_retexture(TabPanel, bpy.types.Panel):
    bl_space_type = "VIEW_3D"
    bl_label = "Texture This Mesh"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings = scene_settings(context.scene).retexture
        layout = self.layout
        draw_prompt(layout, settings, "Say what the mesh is, e.g. a red mushroom", "retexture")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "faces")
        column.prop(settings, "apply")
        obj = bpy.context.object
        mesh = None if obj is None else obj.data
        if isinstance(mesh, bpy.types.Mesh):
            layer = mesh.uv_layers.active
            if layer is None:
                layout.operator("msd.make_uv_layer", icon="UV")
            else:
                draw_text(layout, f"On the UV layer {layer.name}, which stays as it is", "UV")
            draw_text(layout, "Its front is what Front View shows (Numpad 1)", "AXIS_FRONT")
        if overwriting.was_filled(pictures.of_surface(obj)):
            layout.operator("msd.restore_picture", icon="LOOP_BACK")
        draw_go(layout, context, settings, "msd.texture_mesh", "retexture")


class MSD_PT_view3d_retexture_model(AboutModel, bpy.types.Panel):
    bl_space_type = "VIEW_3D"
    bl_parent_id = "MSD_PT_view3d_retexture"
    settings = "retexture"


class MSD_PT_view3d_retexture_advanced(AdvancedPanel, bpy.types.Panel):
    bl_space_type = "VIEW_3D"
    bl_parent_id = "MSD_PT_view3d_retexture"
    settings = "retexture"
