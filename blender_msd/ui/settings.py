"""Where the settings are kept: in the scene, as `scene.msd`; what is only looked at, in the window manager."""

from __future__ import annotations

import bpy

from ..scene.present import present
from .groups import MSD_PG_mesh, MSD_PG_retexture, MSD_PG_settings, MSD_PG_texture, MSD_PG_window

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


def window_settings() -> MSD_PG_window:
    """What the panels show of lists; it is in no file, and undo leaves it alone."""
    found: MSD_PG_window = getattr(present(bpy.context.window_manager), NAME)
    return found


def register() -> None:
    for owner, group in ((bpy.types.Scene, MSD_PG_settings), (bpy.types.WindowManager, MSD_PG_window)):
        declared = bpy.props.PointerProperty(type=group)  # type: ignore[func-returns-value]  # it does
        setattr(owner, NAME, declared)


def unregister() -> None:
    for owner in (bpy.types.Scene, bpy.types.WindowManager):
        delattr(owner, NAME)
