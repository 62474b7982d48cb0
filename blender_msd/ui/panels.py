"""The MSD tab: in the 3D View objects and textures, in the Image and Shader Editors textures."""

from __future__ import annotations

import bpy

from .. import bridge
from ..core.errors import Problem, explain
from ..core.job_view import JobView
from .models import AboutModel, draw_choice, draw_unknown_words, why_off
from .writing import draw_text

TAB = "MSD"

_SERVER_LABELS = {
    "off": ("Off, starts when you generate", "RADIOBUT_OFF"),
    "starting": ("Starting ...", "SORTTIME"),
    "ready": ("Ready", "RADIOBUT_ON"),
}


class _InView3D:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = TAB


class _InImageEditor:
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = TAB


class _InShaderEditor:
    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = TAB

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.space_data.tree_type == "ShaderNodeTree"


class _StatusPanel:
    bl_label = "Server"

    def draw(self: bpy.types.Panel, context: bpy.types.Context) -> None:
        link = bridge.current()
        text, icon = _SERVER_LABELS[link.server_state]
        row = self.layout.row(align=True)
        row.label(text=text, icon=icon)
        if link.server_state == "off":
            row.operator("msd.start_server", text="", icon="PLAY")
        else:
            row.operator("msd.stop_server", text="", icon="X")
        row.operator("msd.open_preferences", text="", icon="PREFERENCES")
        if link.problem is not None:
            _draw_problem(self.layout.box(), link.problem)


class _ObjectPanel:
    bl_label = "Object"

    def draw(self: bpy.types.Panel, context: bpy.types.Context) -> None:
        settings = context.scene.msd.mesh
        layout = self.layout
        _draw_prompt(layout, settings, "Describe one object, e.g. a yellow duck", "mesh")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "size")
        column.prop(settings, "place")
        _draw_go(layout, settings, "msd.generate_mesh", "mesh")
        if _is_colourless(context.space_data, bridge.current().job):
            layout.operator("msd.show_colours", icon="SHADING_SOLID")


class _TexturePanel:
    bl_label = "Texture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self: bpy.types.Panel, context: bpy.types.Context) -> None:
        settings = context.scene.msd.texture
        layout = self.layout
        _draw_prompt(layout, settings, "Describe a surface, e.g. red bricks", "texture")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        sizes = column.column(align=True)
        sizes.prop(settings, "width")
        sizes.prop(settings, "height")
        tiles = column.row(heading="Tile")
        tiles.prop(settings, "tile_x", toggle=True)
        tiles.prop(settings, "tile_y", toggle=True)
        column.prop(settings, "apply")
        repeat = column.row()
        repeat.enabled = settings.apply == "MATERIAL"
        repeat.prop(settings, "repeat")
        _draw_go(layout, settings, "msd.fill_texture", "texture")


class _AdvancedPanel:
    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}
    settings = ""

    def draw(self: bpy.types.Panel, context: bpy.types.Context) -> None:
        settings = getattr(context.scene.msd, self.settings)
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "negative_prompt")
        draw_unknown_words(layout, settings, "negative_prompt")
        column = layout.column(align=True)
        column.prop(settings, "bandwidth_start")
        column.prop(settings, "bandwidth_end")
        if not (settings.bandwidth_start and settings.bandwidth_end):
            layout.label(text="0: the prior's own bandwidth", icon="INFO")


def _draw_prompt(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, placeholder: str, kind: str) -> None:
    layout.prop(settings, "prompt", text="", placeholder=placeholder)
    draw_unknown_words(layout, settings, "prompt")
    draw_choice(layout, settings, kind)
    layout.row().prop(settings, "preset", expand=True)
    row = layout.row(align=True)
    seed = row.row(align=True)
    seed.enabled = not settings.random_seed
    seed.prop(settings, "seed")
    row.prop(settings, "random_seed", text="", icon="FILE_REFRESH", toggle=True)


def _draw_go(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, operator: str, kind: str) -> None:
    """The big button; while its job runs, the progress in its place."""
    job = bridge.current().job
    if job is not None and job.busy and job.kind == kind:
        _draw_progress(layout, job)
        return
    row = layout.row()
    row.scale_y = 1.6
    reason = why_off(settings, kind)
    row.enabled = not reason
    row.operator(operator, icon="PLAY")
    if reason:
        draw_text(layout, reason, "INFO")
    if job is not None and not job.busy and job.kind == kind:
        _draw_end(layout, job)


def _draw_progress(layout: bpy.types.UILayout, job: JobView) -> None:
    steps = f" {job.step} of {job.steps}" if job.steps else ""
    layout.progress(factor=job.fraction, type="BAR", text=f"{job.phase}{steps}")
    left = "" if job.seconds_left is None else f", about {clock(job.seconds_left)} left"
    layout.label(text=f"{clock(job.seconds)} elapsed{left}", icon="TIME")
    row = layout.row(align=True)
    row.operator("msd.finish", icon="CHECKMARK")
    row.operator("msd.cancel", icon="CANCEL")
    _draw_notes(layout, job)


def _draw_end(layout: bpy.types.UILayout, job: JobView) -> None:
    if job.state == "done":
        what = (
            f"{job.report['faces']:,} faces"
            if job.kind == "mesh"
            else f"{job.report['width']} x {job.report['height']}"
        )
        if job.report.get("warning"):
            # The notes say which.
            layout.label(text=f"Ended with a warning, {clock(job.seconds)}, {what}", icon="ERROR")
        else:
            layout.label(text=f"Done in {clock(job.seconds)}, {what}", icon="CHECKMARK")
        layout.operator("wm.path_open", text="Open Folder", icon="FILE_FOLDER").filepath = job.folder
    elif job.state == "cancelled":
        layout.label(text="Cancelled", icon="CANCEL")
    _draw_notes(layout, job)


def _draw_notes(layout: bpy.types.UILayout, job: JobView) -> None:
    # The first one says what was left out of the prompt.
    for note in dict.fromkeys([*job.notes[:1], *job.notes[-2:]]):
        draw_text(layout, note, "INFO")


def _draw_problem(box: bpy.types.UILayout, problem: Problem) -> None:
    explanation = explain(problem)
    box.alert = True
    box.label(text=explanation.headline, icon="ERROR")
    box.alert = False
    for line in explanation.lines:
        draw_text(box, line)
    row = box.row(align=True)
    if explanation.operator:
        row.operator(explanation.operator, text=explanation.label)
    row.operator("msd.copy_report", icon="COPYDOWN")


def _is_colourless(space: bpy.types.Space, job: JobView | None) -> bool:
    """Whether there is a coloured object that this viewport shows in grey."""
    if job is None or not job.live_meshes:
        return False
    return space.type == "VIEW_3D" and space.shading.type == "SOLID" and space.shading.color_type == "MATERIAL"


def clock(seconds: float) -> str:
    """Minutes and seconds, as "2:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class MSD_PT_view3d_status(_InView3D, _StatusPanel, bpy.types.Panel):
    pass


class MSD_PT_view3d_object(_InView3D, _ObjectPanel, bpy.types.Panel):
    pass


class MSD_PT_view3d_object_model(_InView3D, AboutModel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_view3d_object"
    settings = "mesh"


class MSD_PT_view3d_object_advanced(_InView3D, _AdvancedPanel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_view3d_object"
    settings = "mesh"


class MSD_PT_view3d_texture(_InView3D, _TexturePanel, bpy.types.Panel):
    pass


class MSD_PT_view3d_texture_model(_InView3D, AboutModel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_view3d_texture"
    settings = "texture"


class MSD_PT_view3d_texture_advanced(_InView3D, _AdvancedPanel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_view3d_texture"
    settings = "texture"


class MSD_PT_image_status(_InImageEditor, _StatusPanel, bpy.types.Panel):
    pass


class MSD_PT_image_texture(_InImageEditor, _TexturePanel, bpy.types.Panel):
    bl_options = set()


class MSD_PT_image_texture_model(_InImageEditor, AboutModel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_image_texture"
    settings = "texture"


class MSD_PT_image_texture_advanced(_InImageEditor, _AdvancedPanel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_image_texture"
    settings = "texture"


class MSD_PT_shader_status(_InShaderEditor, _StatusPanel, bpy.types.Panel):
    pass


class MSD_PT_shader_texture(_InShaderEditor, _TexturePanel, bpy.types.Panel):
    bl_options = set()


class MSD_PT_shader_texture_model(_InShaderEditor, AboutModel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_shader_texture"
    settings = "texture"


class MSD_PT_shader_texture_advanced(_InShaderEditor, _AdvancedPanel, bpy.types.Panel):
    bl_parent_id = "MSD_PT_shader_texture"
    settings = "texture"


CLASSES = (
    MSD_PT_view3d_status,
    MSD_PT_view3d_object,
    MSD_PT_view3d_object_model,
    MSD_PT_view3d_object_advanced,
    MSD_PT_view3d_texture,
    MSD_PT_view3d_texture_model,
    MSD_PT_view3d_texture_advanced,
    MSD_PT_image_status,
    MSD_PT_image_texture,
    MSD_PT_image_texture_model,
    MSD_PT_image_texture_advanced,
    MSD_PT_shader_status,
    MSD_PT_shader_texture,
    MSD_PT_shader_texture_model,
    MSD_PT_shader_texture_advanced,
)
