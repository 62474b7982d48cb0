"""The big button; in its place the progress of the job that it began, and below it how that ended.

The rows keep their places: the button or the bar, a line, and a row of two buttons.
"""

from __future__ import annotations

import bpy

from .. import bridge
from ..core.job_view import JobView, clock
from ..core.kinds import THINGS
from ..core.remedies import Button
from ..core.state import OF_THE_SERVER, PLACE_HERE
from .buttons import draw_button, draw_problem
from .colours import draw_show_colours
from .models import why_off
from .settings import Settings
from .writing import draw_text

FINISH = Button("msd.finish", "Finish Now", "CHECKMARK")
CANCEL = Button("msd.cancel", "Cancel", "CANCEL")
GO_ON = Button("msd.go_on", "Go On", "PLAY")
OTHER_SEED = Button("msd.another_seed", "Another Seed", "FILE_REFRESH")
ANEW = Button("msd.make_anew", "Make Anew", "FILE_REFRESH")
VARY = Button("msd.vary", "Vary", "MOD_NOISE")
FOLDER = Button("msd.open_folder", "Open Folder", "FILE_FOLDER")


def draw_go(
    layout: bpy.types.UILayout, context: bpy.types.Context, settings: Settings, operator: str, kind: str
) -> None:
    """The big button; while its job runs, the progress in its place."""
    link = bridge.current()
    job = link.job
    is_ours = job is not None and job.kind == kind
    row = layout.row()
    row.scale_y = 1.6
    if job is not None and job.busy and is_ours:
        steps = f" {job.step} of {job.steps}" if job.steps else ""
        row.progress(factor=job.fraction, type="BAR", text=f"{job.phase}{steps}")
        _draw_progress(layout, job)
    else:
        reason = why_busy(job) or why_off(settings, kind)
        row.enabled = not reason
        row.operator(operator, icon="PLAY")
        if reason:
            draw_text(layout, reason, "INFO")
        if job is not None and is_ours and job.phase:
            _draw_end(layout, job)
    # What is wrong with the server stands in the strip.
    if link.problem is not None and link.problem_of == kind and link.problem.code not in OF_THE_SERVER:
        draw_problem(layout, link.problem)
    if job is not None and is_ours:
        draw_show_colours(layout, context, job)
        _draw_notes(layout, job)


def why_busy(job: JobView | None) -> str:
    """Why nothing can be begun; empty when something can."""
    if job is None or not job.busy:
        return ""
    return f"One job at a time: {THINGS[job.kind]} is at {job.fraction:.0%}. Wait for it, or cancel it above"


def _draw_progress(layout: bpy.types.UILayout, job: JobView) -> None:
    left = job.left()
    shown = "" if left is None else f", about {clock(left)} left"
    layout.label(text=f"{clock(job.seconds)} elapsed{shown}", icon="TIME")
    _draw_pair(layout, job, FINISH, CANCEL)
    if job.kind != "mesh":
        draw_text(layout, f"Forms on {job.aim}" if job.aim else "Forms in the Image Editor", "IMAGE_DATA")


def _draw_end(layout: bpy.types.UILayout, job: JobView) -> None:
    if job.state == "cancelled":
        layout.label(text="Cancelled", icon="CANCEL")
        _draw_pair(layout, job, GO_ON, OTHER_SEED)
    elif job.waits_for_a_place:
        layout.label(text="Done, for a file that is closed", icon="CHECKMARK")
        _draw_pair(layout, job, PLACE_HERE, OTHER_SEED)
    elif job.state == "done":
        draw_text(layout, _what_came_out(job), "ERROR" if job.report.get("warning") else "CHECKMARK")
        _draw_pair(layout, job, ANEW if job.reused else FOLDER, OTHER_SEED if _is_in_scene(job) else PLACE_HERE)
        if job.kind == "texture":
            row = layout.row()
            row.enabled = job.settled
            draw_button(row, VARY)


def _what_came_out(job: JobView) -> str:
    report = job.report
    what = f"{report['faces']:,} faces" if job.kind == "mesh" else f"{report['width']} x {report['height']}"
    if job.reused:
        return f"Made before, {what}"
    # The notes say which.
    done = "Ended with a warning," if report.get("warning") else "Done in"
    return f"{done} {clock(job.seconds)}, {what}"


def _is_in_scene(job: JobView) -> bool:
    """Whether the result is there still: undo may have taken it back."""
    blocks = bpy.data.objects if job.kind == "mesh" else bpy.data.images
    return job.result in blocks or job.result in bpy.data.materials


def _draw_pair(layout: bpy.types.UILayout, job: JobView, left: Button, right: Button) -> None:
    """Always as wide; what has just arrived takes no click, which was meant for what was there before."""
    row = layout.row(align=True)
    row.enabled = job.settled
    for button in (left, right):
        draw_button(row, button)


def _draw_notes(layout: bpy.types.UILayout, job: JobView) -> None:
    # The first one says what was left out of the prompt.
    for note in dict.fromkeys([*job.notes[:1], *job.notes[-2:]]):
        draw_text(layout, note, "INFO")
