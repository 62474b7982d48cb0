"""The list of this Blender's jobs: what is worked on, what waits, and what is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from .. import bridge
from ..core.errors import explain
from ..core.job_view import JobView, clock
from ..core.kinds import THINGS
from ..core.remedies import Button
from ..core.state import PLACE_HERE, RECONNECT
from ..scene.present import present
from .buttons import draw_button
from .drawn import TabPanel
from .progress import CANCEL, PAUSE, RESUME, WATCH, how_long, is_in_scene, what_came_out
from .settings import window_settings
from .writing import ICON, shortened, sidebar

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

# What is shown at once.
ROWS = 6
# Pixels, at a scale of 1: a button with an icon alone, and what a box has around it.
BUTTON, AROUND = 20, 24

ICONS: dict[str, IconItems] = {
    "starting": "SORTTIME",
    "queued": "SORTTIME",
    "running": "RENDER_ANIMATION",
    "paused": "PAUSE",
    "finishing": "RENDER_ANIMATION",
    "done": "CHECKMARK",
    "failed": "ERROR",
    "cancelled": "CANCEL",
    "lost": "UNLINKED",
}
FIRST = Button("msd.first", "", "TRIA_UP_BAR")
RETRY = Button("msd.retry", "", "FILE_REFRESH")
REMOVE = Button("msd.remove_job", "", "X")


class JobsPanel(TabPanel):
    bl_label = "Jobs"
    bl_order = 2
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        under_way = sum(each.view.busy for each in bridge.current().jobs)
        if under_way:
            self.layout.label(text=f"{under_way} under way")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        link = bridge.current()
        views = link.views()
        if not views:
            layout.label(text="No jobs yet", icon="INFO")
            return
        settings = window_settings()
        pages = -(-len(views) // ROWS)
        page = min(settings.job_page, pages - 1)
        for view in views[page * ROWS : (page + 1) * ROWS]:
            _draw_job(layout.box(), view, view is link.job)
        row = layout.row(align=True)
        if pages > 1:
            draw_pages(row, "job_page", page, pages)
        row.operator("msd.clear_jobs", icon="TRASH")


def draw_pages(row: bpy.types.UILayout, name: str, page: int, pages: int) -> None:
    """Which page of a list is shown, and the ways to the next and the one before."""
    for icon, to in (("TRIA_LEFT", page - 1), ("TRIA_RIGHT", page + 1)):
        way = row.row(align=True)
        way.enabled = 0 <= to < pages
        drawn: Any = way.operator("msd.turn_page", text="", icon=icon)  # type: ignore[arg-type]  # names of icons
        drawn.which, drawn.to = name, to
    row.label(text=f"{page + 1} of {pages}")


def _draw_job(box: bpy.types.UILayout, view: JobView, is_watched: bool) -> None:
    column = box.column(align=True)
    row = column.row(align=True)
    buttons = buttons_of(view, is_watched)
    room = sidebar() - AROUND - ICON - BUTTON * len(buttons)
    row.label(text=shortened(view.prompt, room), icon=ICONS[view.state])
    side = row.row(align=True)
    side.enabled = view.settled
    for button in buttons:
        draw_button(side, button, view)
    below = column.row()
    below.scale_y = 0.8
    if view.state in ("running", "finishing"):
        below.progress(factor=view.fraction, type="BAR", text=f"{view.phase}, {view.fraction:.0%}")
    else:
        below.label(text=shortened(said_of(view), sidebar() - AROUND))


def buttons_of(view: JobView, is_watched: bool) -> list[Button]:
    """What can be done about a job, as buttons without labels."""
    buttons = []
    if view.state in ("running", "paused", "finishing") and not is_watched:
        buttons.append(WATCH)
    if view.state == "queued":
        buttons.append(FIRST)
    if view.state in ("queued", "running"):
        buttons.append(PAUSE)
    if view.state == "paused":
        buttons.append(RESUME)
    if view.state in ("failed", "cancelled") and view.job_id:
        buttons.append(RETRY)
    if view.state == "lost":
        buttons.append(RECONNECT)
    if view.state == "done" and not is_in_scene(view):
        buttons.append(PLACE_HERE)
    buttons.append(CANCEL if view.may_go_on else REMOVE)
    return [Button(button.operator, "", button.icon) for button in buttons]


def said_of(view: JobView) -> str:
    """How a job is doing, in a line."""
    match view.state:
        case "failed":
            return explain(present(view.problem)).headline if view.problem else "Failed"
        case "cancelled":
            return f"Cancelled at {view.fraction:.0%}"
        case "lost":
            return "Out of reach; it may go on"
        case _ if view.waits_to_be_chosen:
            return "A quick look, to be chosen"
        case "done" if view.waits_for_a_place:
            return f"{THINGS[view.kind]}, for a file that is closed"
        case "done":
            return what_came_out(view) if view.report else f"{THINGS[view.kind]}, done in {clock(view.seconds)}"
        case "starting":
            return view.phase
    return how_long(view)
