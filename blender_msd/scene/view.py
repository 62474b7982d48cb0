"""What the viewports show: whether a place is in view, and whether a result is seen in its colours."""

from __future__ import annotations

from typing import Any, cast

import bpy
import numpy as np

from . import editors
from .present import present

Point = tuple[float, float, float]

# Half the sensor of a viewport's camera, in mm, which shows twice of what a lens would.
_HALF_SENSOR = 36.0
# How far away a viewport stands from what it frames, in sizes of it.
_DISTANCE = 2.5

# Which colours of solid shading show a result, by where it has its own.
SHOWN_BY = {"vertices": ("VERTEX",), "picture": ("TEXTURE",), "both": ("VERTEX", "TEXTURE")}


def frame_unless_seen(scene: bpy.types.Scene, centre: Point, size: float) -> None:
    """Turn every viewport of the scene towards a place that it does not show; one behind a camera keeps its view.

    Args:
        centre: in scene units, of what is `size` wide.
    """
    for window in editors.windows():
        if window.scene != scene:
            continue
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                space = cast("bpy.types.SpaceView3D", area.spaces.active)
                view = space.region_3d
                if view is not None and view.view_perspective != "CAMERA" and not _shows(area, space, view, centre):
                    view.view_location = centre
                    view.view_distance = max(view.view_distance, _DISTANCE * size)
                    area.tag_redraw()


def _shows(area: bpy.types.Area, space: bpy.types.SpaceView3D, view: bpy.types.RegionView3D, point: Point) -> bool:
    """Computed from what the view is set to: its matrices are those of the last time it was drawn."""
    turn = np.array(view.view_rotation.to_matrix())
    x, y, z = (np.array(point) - view.view_location) @ turn  # as the view sees it: z towards the viewer
    is_flat = view.view_perspective == "ORTHO"
    depth = view.view_distance if is_flat else view.view_distance - z
    if not is_flat and not space.clip_start < depth < space.clip_end:
        return False
    half = depth * _HALF_SENSOR / space.lens
    region = next((region for region in area.regions if region.type == "WINDOW"), None)
    width, height = (region.width, region.height) if region is not None else (1, 1)
    largest = max(width, height, 1)
    return bool(abs(x) <= half * width / largest and abs(y) <= half * height / largest)


def is_grey(space: bpy.types.Space | None, scene: bpy.types.Scene, colours: str) -> bool:
    """Whether this editor is a viewport that shows a result without its colours.

    Args:
        colours: where the result has them, a key of `SHOWN_BY`.
    """
    if space is None or space.type != "VIEW_3D":
        return False
    shading = _shading(cast("bpy.types.SpaceView3D", space), scene)
    if shading.type == "SOLID":
        return shading.color_type not in SHOWN_BY[colours]
    return bool(shading.type == "WIREFRAME")


def show_colours(space: bpy.types.SpaceView3D, scene: bpy.types.Scene, colours: str, has_uv: bool) -> None:
    """Let this viewport show a result's own colours.

    Args:
        colours: as `is_grey`.
        has_uv: whether a picture lies on a UV map, without which solid shading cannot show it.
    """
    shading = _shading(space, scene)
    if colours == "picture" and not has_uv:
        shading.type = "MATERIAL"
        return
    if shading.type == "WIREFRAME":
        shading.type = "SOLID"
    shading.color_type = SHOWN_BY[colours][0]


def _shading(space: bpy.types.SpaceView3D, scene: bpy.types.Scene) -> Any:
    """The shading that counts: Workbench renders with the scene's own, which is solid."""
    engine: str = scene.render.engine
    is_workbench = space.shading.type == "RENDERED" and engine == "BLENDER_WORKBENCH"
    return present(scene.display).shading if is_workbench else space.shading
