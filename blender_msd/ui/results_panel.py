"""Everything that was made, as small pictures, and what can be done with the one that is chosen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import bpy

from .. import bridge
from ..core.kinds import THINGS
from ..core.library import Result
from .drawn import TabPanel
from .grid import FRAME, ICONS, draw_picture
from .jobs_panel import AROUND, draw_pages
from .settings import window_settings
from .writing import ICON, draw_text, shortened, sidebar

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

# Pixels, at a scale of 1, that a picture has at least.
CELL = 76
DAY = 24 * 3600.0


class ResultsPanel(TabPanel):
    bl_label = "Results"
    bl_order = 3
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        shelf = bridge.current().shelf
        if shelf.results is None:
            layout.operator("msd.list_results", icon="ASSET_MANAGER")
            return
        settings = window_settings()
        row = layout.row(align=True)
        row.prop(settings, "search", text="", icon="VIEWZOOM")
        row.prop(settings, "only_starred", text="", icon="SOLO_ON" if settings.only_starred else "SOLO_OFF")
        row.operator("msd.list_results", text="", icon="FILE_REFRESH")
        if not shelf.matching:
            layout.label(text="Nothing is like that" if shelf.results else "Nothing was made yet", icon="INFO")
            return
        columns = max(2, int(sidebar() // CELL))
        grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, even_rows=True, align=True)
        room = sidebar() / columns
        for result in shelf.on_page:
            _draw_cell(grid.column(align=True), result, result.job_id == shelf.chosen, room)
        if shelf.pages > 1:
            draw_pages(layout.row(align=True), "result_page", shelf.page, shelf.pages)
        chosen = shelf.get(shelf.chosen)
        if chosen is not None:
            _draw_chosen(layout.box(), chosen)


def _draw_cell(column: bpy.types.UILayout, result: Result, is_chosen: bool, room: float) -> None:
    draw_picture(column, result.job_id, ICONS[result.kind], room)
    star: Any = "SOLO_ON" if result.starred else "NONE"
    text = shortened(result.prompt, room - FRAME - (ICON if result.starred else 0))
    drawn: Any = column.operator("msd.choose_result", text=text, icon=star, depress=is_chosen)
    drawn.job_id = result.job_id


def _draw_chosen(box: bpy.types.UILayout, result: Result) -> None:
    settings = window_settings()
    draw_text(box, result.prompt, ICONS[result.kind], 3, AROUND)
    line = f"{THINGS[result.kind]}, {result.preset}, seed {result.seed}, {ago(time.time() - result.finished)}"
    draw_text(box, line, most=2, indent=AROUND)
    row = box.row(align=True)
    _button(row, "msd.place_result", result, "PIVOT_CURSOR")
    star = _button(row, "msd.star_result", result, "SOLO_ON" if result.starred else "SOLO_OFF", text="")
    star.starred = not result.starred
    _button(row, "msd.delete_result", result, "TRASH", text="")
    row = box.row(align=True)
    _button(row, "msd.use_settings", result, "SETTINGS")
    _button(row, "msd.vary_result", result, "FILE_REFRESH")
    if result.can_continue:
        row = box.row(align=True)
        row.prop(settings, "more_steps")
        _button(row, "msd.continue_result", result, "PLAY").steps = settings.more_steps
    if result.can_remesh:
        column = box.column(align=True)
        row = column.row(align=True)
        row.prop(settings, "faces")
        row.prop(settings, "texture_size", text="")
        other = _button(column, "msd.remesh_result", result, "MOD_REMESH")
        other.faces, other.texture_size = settings.faces, settings.texture_size


def _button(layout: bpy.types.UILayout, operator: str, result: Result, icon: IconItems, text: str | None = None) -> Any:
    drawn: Any = (
        layout.operator(operator, icon=icon) if text is None else layout.operator(operator, text=text, icon=icon)
    )
    drawn.job_id = result.job_id
    return drawn


def ago(seconds: float) -> str:
    """How long ago something was, roughly."""
    if seconds < 3600:
        return "just now" if seconds < 120 else f"{seconds / 60:.0f} min ago"
    return f"{seconds / 3600:.0f} h ago" if seconds < DAY else f"{seconds / DAY:.0f} d ago"
