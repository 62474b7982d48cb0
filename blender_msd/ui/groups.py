"""The settings of each kind of jobs, as they are kept in a scene."""

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from .. import bridge
from ..core.limits import FACES, LOOKS, STEPS, TEXTURE_SIZES
from . import texts
from .properties import MeshSettings, TextureSettings
from .retexture_properties import RetextureSettings


class _PanelState:
    """What only the panel needs to remember."""

    type_prior: BoolProperty(name="Other Model", description="Type the model instead of choosing one from the menu")


class MSD_PG_mesh(bpy.types.PropertyGroup, MeshSettings, _PanelState):
    pass


class MSD_PG_texture(bpy.types.PropertyGroup, TextureSettings, _PanelState):
    pass


class MSD_PG_retexture(bpy.types.PropertyGroup, RetextureSettings, _PanelState):
    pass


class MSD_PG_settings(bpy.types.PropertyGroup):
    mesh: PointerProperty(type=MSD_PG_mesh)
    texture: PointerProperty(type=MSD_PG_texture)
    retexture: PointerProperty(type=MSD_PG_retexture)


def _look_for(settings: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    bridge.current().look_for(texts.text(settings, "search"), getattr(settings, "only_starred"))  # noqa: B009  # by name


class MSD_PG_window(bpy.types.PropertyGroup):
    """What only this session needs to remember, whichever scene and file is open."""

    job_page: IntProperty(min=0)
    looks: IntProperty(
        name="Looks",
        description="How many seeds are looked at",
        default=4,
        soft_min=LOOKS.least,
        soft_max=LOOKS.most,
        min=1,
    )
    search: StringProperty(
        name="Search",
        description="Words, each of which is somewhere in the prompt",
        options={"TEXTEDIT_UPDATE"},
        update=_look_for,
    )
    only_starred: BoolProperty(name="Starred", description="Only results with a star", update=_look_for)
    more_steps: IntProperty(
        name="Steps", description="How many more of them", default=200, soft_min=1, soft_max=STEPS.most
    )
    faces: IntProperty(
        name="Faces",
        description="The most faces that the other mesh may have. 0: all of them",
        default=5000,
        soft_min=FACES.least,
        soft_max=FACES.most,
    )
    texture_size: EnumProperty(
        name="Texture Size",
        items=(
            *((str(side), f"{side} px", f"{side} x {side} pixels") for side in TEXTURE_SIZES if side),
            ("0", "Vertex Colours", "No pictures: the colours are kept at the vertices"),
        ),
        default="1024",
    )


CLASSES = (MSD_PG_mesh, MSD_PG_texture, MSD_PG_retexture, MSD_PG_settings, MSD_PG_window)
