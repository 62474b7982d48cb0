"""The MSD tab: in the 3D View objects and textures, in the Image and Shader Editors textures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from ..scene import overwriting
from . import aims
from .advanced import AdvancedPanel
from .asset_panel import MSD_PT_view3d_asset
from .drawn import TabPanel
from .groups import MSD_PG_texture
from .jobs_panel import JobsPanel
from .models import AboutModel
from .preferences import has_own_server
from .progress import draw_go
from .prompting import draw_prompt
from .result_section import draw_result
from .results_panel import ResultsPanel
from .retexture_panel import (
    MSD_PT_view3d_retexture,
    MSD_PT_view3d_retexture_advanced,
    MSD_PT_view3d_retexture_model,
)
from .settings import scene_settings
from .setup_card import SetupPanel, needs_card
from .strip import StripPanel
from .writing import draw_text

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import SpaceTypeItems


class _InView3D:
    bl_space_type: SpaceTypeItems = "VIEW_3D"


class _InImageEditor:
    bl_space_type: SpaceTypeItems = "IMAGE_EDITOR"


class _InShaderEditor:
    bl_space_type: SpaceTypeItems = "NODE_EDITOR"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        editor: Any = context.space_data  # of nodes; which kinds of them there are, no type says
        return bool(editor.tree_type == "ShaderNodeTree")


class _ObjectPanel(TabPanel):
    bl_label = "Object"

    def draw(self, context: bpy.types.Context) -> None:
        settings = scene_settings(context.scene).mesh
        layout = self.layout
        draw_prompt(layout, settings, "Describe one object, e.g. a yellow duck", "mesh")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "size")
        column.prop(settings, "place")
        draw_result(layout, settings)
        draw_go(layout, context, settings, "msd.generate_mesh", "mesh")


class _TexturePanel(TabPanel):
    bl_label = "Texture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings = scene_settings(context.scene).texture
        layout = self.layout
        draw_prompt(layout, settings, "Describe a surface, e.g. red bricks", "texture")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        sizes = column.column(align=True)
        sizes.enabled = not settings.source
        sizes.prop(settings, "width")
        sizes.prop(settings, "height")
        tiles = column.row(heading="Tile")
        tiles.prop(settings, "tile_x", toggle=True)
        tiles.prop(settings, "tile_y", toggle=True)
        column.prop(settings, "apply")
        if settings.apply == "SLOT":
            column.prop(settings, "slot")
        if settings.apply in ("MATERIAL", "SELECTED", "SLOT") and aims.nothing_selected(bpy.context):
            draw_text(layout, "Nothing is selected: only an image", "INFO")
        # Closed, so that the button below is seen in a window of usual height, with the panel of objects open.
        section: Any = layout  # of whose panels the stubs say nothing that can be used
        header, body = section.panel("msd_maps_and_scale", default_closed=True)
        header.label(text="Maps and Scale")
        if body is not None:
            _draw_maps_and_scale(body, settings)
        header, body = section.panel("msd_begin_as", default_closed=True)
        header.label(text="Begin As a Picture")
        if body is not None:
            _draw_source(body, settings)
        _draw_image(layout, context)
        draw_go(layout, context, settings, "msd.fill_texture", "texture")


def _draw_maps_and_scale(layout: bpy.types.UILayout, settings: MSD_PG_texture) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    maps = column.column(heading="Maps")
    maps.enabled = settings.apply != "SLOT"
    maps.prop(settings, "maps")
    if settings.maps or settings.apply == "SLOT":
        column.label(text="Estimated from colour", icon="INFO")
    spans = column.column(align=True)
    spans.enabled = settings.apply in ("MATERIAL", "SELECTED", "SLOT")
    repeat = spans.row(align=True)
    repeat.enabled = not settings.real_width
    repeat.prop(settings, "repeat")
    spans.prop(settings, "real_width")


def _draw_source(layout: bpy.types.UILayout, settings: MSD_PG_texture) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop_search(settings, "source", bpy.data, "images", text="Picture")
    column.prop(settings, "reimagine", slider=True)
    if not settings.source:
        return
    draw_text(layout, "The texture has the size of this picture", "INFO")
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "part")
    if settings.part == "MASK":
        column.prop_search(settings, "mask", bpy.data, "images")
    if settings.part != "ALL":
        column.prop(settings, "feather")


def _draw_image(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """In the Image Editor: whether its picture is shown repeated, and what was in it before it was filled."""
    space = context.space_data
    if isinstance(space, bpy.types.SpaceImageEditor):
        layout.prop(space, "show_repeat", text="Show Repeated", toggle=True)
        if overwriting.was_filled(space.image):
            layout.operator("msd.restore_image", icon="LOOP_BACK")


class MSD_PT_view3d_status(_InView3D, StripPanel, bpy.types.Panel):
    pass


class MSD_PT_view3d_setup(_InView3D, SetupPanel, bpy.types.Panel):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return needs_card(has_own_server())


class MSD_PT_view3d_object(_InView3D, _ObjectPanel, bpy.types.Panel):
    pass


class MSD_PT_view3d_object_model(_InView3D, AboutModel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_view3d_object"
    settings = "mesh"


class MSD_PT_view3d_object_advanced(_InView3D, AdvancedPanel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_view3d_object"
    settings = "mesh"


class MSD_PT_view3d_texture(_InView3D, _TexturePanel, bpy.types.Panel):
    pass


class MSD_PT_view3d_texture_model(_InView3D, AboutModel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_view3d_texture"
    settings = "texture"


class MSD_PT_view3d_texture_advanced(_InView3D, AdvancedPanel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_view3d_texture"
    settings = "texture"


class MSD_PT_view3d_jobs(_InView3D, JobsPanel, bpy.types.Panel):
    pass


class MSD_PT_view3d_results(_InView3D, ResultsPanel, bpy.types.Panel):
    pass


class MSD_PT_image_status(_InImageEditor, StripPanel, bpy.types.Panel):
    pass


class MSD_PT_image_setup(_InImageEditor, SetupPanel, bpy.types.Panel):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return needs_card(has_own_server())


class MSD_PT_image_texture(_InImageEditor, _TexturePanel, bpy.types.Panel):
    bl_options = set()


class MSD_PT_image_texture_model(_InImageEditor, AboutModel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_image_texture"
    settings = "texture"


class MSD_PT_image_texture_advanced(_InImageEditor, AdvancedPanel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_image_texture"
    settings = "texture"


class MSD_PT_image_jobs(_InImageEditor, JobsPanel, bpy.types.Panel):
    pass


class MSD_PT_image_results(_InImageEditor, ResultsPanel, bpy.types.Panel):
    pass


class MSD_PT_shader_status(_InShaderEditor, StripPanel, bpy.types.Panel):
    pass


class MSD_PT_shader_setup(_InShaderEditor, SetupPanel, bpy.types.Panel):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context) and needs_card(has_own_server())


class MSD_PT_shader_texture(_InShaderEditor, _TexturePanel, bpy.types.Panel):
    bl_options = set()


class MSD_PT_shader_texture_model(_InShaderEditor, AboutModel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_shader_texture"
    settings = "texture"


class MSD_PT_shader_texture_advanced(_InShaderEditor, AdvancedPanel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_shader_texture"
    settings = "texture"


class MSD_PT_shader_jobs(_InShaderEditor, JobsPanel, bpy.types.Panel):
    pass


class MSD_PT_shader_results(_InShaderEditor, ResultsPanel, bpy.types.Panel):
    pass


CLASSES = (
    MSD_PT_view3d_status,
    MSD_PT_view3d_setup,
    MSD_PT_view3d_object,
    MSD_PT_view3d_object_model,
    MSD_PT_view3d_object_advanced,
    MSD_PT_view3d_asset,
    MSD_PT_view3d_texture,
    MSD_PT_view3d_texture_model,
    MSD_PT_view3d_texture_advanced,
    MSD_PT_view3d_retexture,
    MSD_PT_view3d_retexture_model,
    MSD_PT_view3d_retexture_advanced,
    MSD_PT_view3d_jobs,
    MSD_PT_view3d_results,
    MSD_PT_image_status,
    MSD_PT_image_setup,
    MSD_PT_image_texture,
    MSD_PT_image_texture_model,
    MSD_PT_image_texture_advanced,
    MSD_PT_image_jobs,
    MSD_PT_image_results,
    MSD_PT_shader_status,
    MSD_PT_shader_setup,
    MSD_PT_shader_texture,
    MSD_PT_shader_texture_model,
    MSD_PT_shader_texture_advanced,
    MSD_PT_shader_jobs,
    MSD_PT_shader_results,
)
