"""What an object is to be like when it is done."""

from __future__ import annotations

from typing import Any

import bpy

from ..core.limits import FACES
from .changed import draw_setting
from .groups import MSD_PG_mesh

# Of faces: what is on the button, and how many it means.
PICKS = (("5k", 5_000), ("20k", 20_000), ("100k", 100_000), ("Raw", int(FACES.most)))


def draw_result(layout: bpy.types.UILayout, settings: MSD_PG_mesh) -> None:
    section: Any = layout  # of whose panels the stubs say nothing that can be used
    header, body = section.panel("msd_result", default_closed=True)
    header.label(text="Faces, Texture, Asset")
    if body is None:
        return
    body.use_property_split = True
    body.use_property_decorate = False
    faces = body.column(align=True)
    draw_setting(faces, settings, "faces", "mesh")
    picks = faces.row(align=True)
    for text, count in PICKS:
        picks.operator("msd.choose_faces", text=text, depress=settings.faces == count).faces = count
    if not settings.faces:
        body.label(text="0: as Quality says", icon="INFO")
    draw_setting(body, settings, "texture_size", "mesh")
    draw_setting(body, settings, "collected", "mesh")
    draw_setting(body, settings, "as_asset", "mesh")
