"""Quick looks below the big button: how to ask for them, and once they are there, which of them are to be made."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import bpy

from .. import bridge
from ..core.job_view import JobView
from ..core.offer import in_words
from ..core.state import FETCH
from ..looks_link import picture_of
from .buttons import draw_button
from .grid import FRAME, ICONS, UNIT, draw_picture
from .models import chosen_model
from .quality import expected, shorter_side
from .settings import Settings, window_settings
from .writing import BOX, ICON, draw_text, shortened, sidebar, width

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

OPERATORS = {"mesh": "msd.look_at_meshes", "texture": "msd.look_at_textures", "retexture": "msd.look_at_retextures"}
# Pixels, at a scale of 1, that a look has at least: it may show four sides. And what the number of looks takes.
CELL, COUNT = 110, 76


def draw_ask(layout: bpy.types.UILayout, settings: Settings, kind: str, may_ask: bool) -> None:
    """The button that asks for quick looks, with what they cost, and their number.

    Args:
        may_ask: whether the big button is on.
    """
    wanted = window_settings().looks
    row = layout.row(align=True)
    row.enabled = may_ask
    ask: Any = row.row(align=True).operator(
        OPERATORS[kind], text=_label(settings, kind, wanted, sidebar() - COUNT), icon="LIGHTPROBE_VOLUME"
    )
    ask.count = wanted
    count = row.row(align=True)
    count.ui_units_x = COUNT / UNIT
    count.prop(window_settings(), "looks", text="")


def draw_looks(layout: bpy.types.UILayout, kind: str) -> None:
    """The looks of a kind, and what can be done with them; nothing while there are none."""
    link = bridge.current()
    looks = link.looks(kind)
    coming = link.looks_coming.get(kind, 0)
    if not looks and not coming:
        return
    box = layout.box()
    if coming:
        box.label(text=f"Asking for {coming} looks", icon="SORTTIME")
    columns = max(2, int((sidebar() - BOX) // CELL))
    room = (sidebar() - BOX) / columns
    for prompt, alike in groupby(looks, lambda job: job.prompt):
        draw_text(box, prompt, ICONS[kind], 2, BOX)
        grid = box.grid_flow(row_major=True, columns=columns, even_columns=True, even_rows=True, align=True)
        for job in alike:
            _draw_cell(grid.column(align=True), job, room)
    if looks:
        _draw_choice(box, looks)


def _label(settings: Settings, kind: str, count: int, room: float) -> str:
    """What is on the button: what the looks cost, as far as it is known and there is room."""
    model = chosen_model(settings)
    preset = settings.preset
    share = None if model is None else model.look_share(kind, preset.lower(), shorter_side(settings))
    whole = expected(settings, kind, preset)
    if share is None or whole is None:
        return "Quick Looks"
    time = in_words(count * share * whole)
    texts = (f"Quick Looks, about {time}", f"Quick Looks, {time}", f"Looks, {time}")
    return next((text for text in texts if width(text) <= room - ICON), texts[-1])


def _draw_cell(column: bpy.types.UILayout, job: JobView, room: float) -> None:
    column.enabled = job.settled
    draw_picture(column, picture_of(job), "ERROR" if job.state == "failed" else ICONS[job.kind], room)
    if not job.waits_to_be_chosen:
        said = column.row()
        said.alignment = "CENTER"
        said.label(text=_said_of(job))
        return
    icon: IconItems = "CHECKBOX_HLT" if job.ticked else "CHECKBOX_DEHLT"
    text = shortened(f"Seed {job.seed}", room - FRAME - UNIT)
    drawn: Any = column.operator("msd.tick_look", text=text, icon=icon, depress=job.ticked)
    drawn.job_id = job.handle


def _said_of(job: JobView) -> str:
    if job.phase == "Left":
        return "In the server"
    said = {"queued": "Waiting", "paused": "Paused", "failed": "Failed", "lost": "Out of reach"}
    return said.get(job.state, f"{job.fraction:.0%}")


def _draw_choice(box: bpy.types.UILayout, looks: list[JobView]) -> None:
    ticked = [job.handle for job in looks if job.ticked and job.waits_to_be_chosen]
    others = [job.handle for job in looks if job.handle not in ticked]
    row = box.row(align=True)
    row.enabled = all(job.settled for job in looks)
    room = (sidebar() - BOX) / 2 - ICON
    forget = "Forget the Others" if width("Forget the Others") <= room else "Forget Others"
    for operator, label, icon, concerned in (
        ("msd.finish_looks", "Finish Chosen", "CHECKMARK", ticked),
        ("msd.forget_looks", forget if ticked else "Forget All", "X", others),
    ):
        part = row.row(align=True)
        part.enabled = bool(concerned)
        drawn: Any = part.operator(operator, text=label, icon=icon)  # type: ignore[arg-type]  # names of icons
        drawn.job_ids = " ".join(concerned)
    away = next((job for job in looks if job.phase == "Left" or job.state == "lost"), None)
    if away is not None:
        draw_button(box, FETCH, away)
