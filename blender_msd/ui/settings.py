"""Where the settings are kept: in the scene, as `scene.msd`."""

from __future__ import annotations

import bpy

from ..scene.present import present
from .groups import MSD_PG_mesh, MSD_PG_retexture, MSD_PG_settings, MSD_PG_texture

NAME = "msd"

# Of one kind of jobs.
Settings = MSD_PG_mesh | MSD_PG_texture | MSD_PG_retexture


def scene_settings(scene: bpy.types.Scene | None) -> MSD_PG_settings:
    """The settings in this scene, which is the context's."""
    found: MSD_PG_settings = getattr(present(scene), NAME)
    return found


def settings_for(scene: bpy.types.Scene | None, kind: str) -> Settings:
    """The settings for one kind of jobs in this scene."""
    found: Settings = getattr(scene_settings(scene), kind)
    return found


def register() -> None:
    declared = bpy.props.PointerProperty(type=MSD_PG_settings)  # type: ignore[func-returns-value]  # it does
    setattr(bpy.types.Scene, NAME, declared)


def unregister() -> None:
    delattr(bpy.types.Scene, NAME)
