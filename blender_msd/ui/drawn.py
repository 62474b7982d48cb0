"""What Blender's panels, menus and preferences have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import bpy

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import RegionTypeItems


class Drawn:
    """While it is drawn it has a layout; at other times Blender has none for it."""

    layout: bpy.types.UILayout


class TabPanel(Drawn):
    """A panel of the MSD tab in an editor's sidebar."""

    bl_region_type: RegionTypeItems = "UI"
    bl_category = "MSD"
    bl_order = 1
    bl_options: set[Literal["DEFAULT_CLOSED", "HIDE_HEADER", "INSTANCED", "HEADER_LAYOUT_EXPAND"]] = set()
