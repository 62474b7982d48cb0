"""The settings of each kind of jobs, as they are kept in a scene."""

import bpy
from bpy.props import BoolProperty, PointerProperty

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


CLASSES = (MSD_PG_mesh, MSD_PG_texture, MSD_PG_retexture, MSD_PG_settings)
