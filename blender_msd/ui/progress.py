"""The big button, and below it the progress of the job that it began, or how that ended.

The rows keep their places: the button, the bar, a line, and a row of buttons.
"""

from __future__ import annotations

from dataclasses import replace

import bpy

from .. import bridge
from ..core.job_view import JobView, clock
from ..core.remedies import Button
from ..core.state import OF_THE_SERVER, PLACE_HERE, RECONNECT
from .buttons import draw_button, draw_problem
from .colours import draw_show_colours
from .looks import draw_ask, draw_looks
from .models import why_off
from .settings import Settings
from .writing import draw_text

FINISH = Button("msd.finish", "Finish Now", "CHECKMARK")
PAUSE = Button("msd.pause", "Pause", "PAUSE")
RESUME = Button("msd.resume", "Resume", "PLAY")
NARROW_PAUSE, NARROW_RESUME = replace(PAUSE, label=""), replace(RESUME, label="")
CANCEL = Button("msd.cancel", "Cancel", "CANCEL")
WATCH = Button("msd.watch", "Watch It Form", "HIDE_OFF")
GO_ON = Button("msd.go_on", "Go On", "PLAY")
OTHER_SEED = Button("msd.another_seed", "Another Seed", "FILE_REFRESH")
ANEW = Button("msd.make_anew", "Make Anew", "FILE_REFRESH")
VARY = Button("msd.vary", "Vary", "MOD_NOISE")
FOLDER = Button("msd.open_folder", "Open Folder", "FILE_FOLDER")


def draw_go(
    layout: bpy.types.UILayout, context: bpy.types.Context, settings: Settings, operator: str, kind: str
) -> None:
    """The big button, and below it the job that it began: its progress, or how it ended."""
    link = bridge.current()
    job = link.newest(kind)
    row = layout.row()
    row.scale_y = 1.6
    reason = why_off(settings, kind)
    row.enabled = not reason
    under_way = sum(each.view.busy and each.view.look != "there" for each in link.jobs)
    if under_way:
        row.operator(operator, text=f"Add to Queue ({under_way})", icon="ADD")
    else:
        row.operator(operator, icon="PLAY")
    draw_ask(layout, settings, kind, not reason)
    if reason:
        draw_text(layout, reason, "INFO")
    draw_looks(layout, kind)
    if job is not None and job.busy:
        _draw_progress(layout, job, job is link.job)
    elif job is not None and job.phase:
        _draw_end(layout, job)
    # What is wrong with the server stands in the strip.
    if link.problem is not None and link.problem_of == kind and link.problem.code not in OF_THE_SERVER:
        draw_problem(layout, link.problem)
    if job is not None and job is link.job:
        draw_show_colours(layout, context, job)
    if job is not None:
        _draw_notes(layout, job)


def _draw_progress(layout: bpy.types.UILayout, job: JobView, is_watched: bool) -> None:
    steps = f" {job.step} of {job.steps}" if job.steps else ""
    layout.progress(factor=job.fraction, type="BAR", text=f"{job.phase}{steps}")
    layout.label(text=how_long(job), icon="TIME")
    row = layout.row(align=True)
    row.enabled = job.settled
    finish = row.row(align=True)
    finish.enabled = job.can_finish
    draw_button(finish, FINISH, job)
    # As an icon alone: in a narrow sidebar there is room for two words.
    draw_button(row, NARROW_RESUME if job.state == "paused" else NARROW_PAUSE, job)
    draw_button(row, CANCEL, job)
    if not is_watched:
        draw_button(layout.row(), WATCH, job)
    elif job.kind != "mesh":
        draw_text(layout, f"Forms on {job.aim}" if job.aim else "Forms in the Image Editor", "IMAGE_DATA")


def how_long(job: JobView) -> str:
    """What is said of the time of a job under way."""
    if job.state == "queued":
        return f"Waiting, {job.others_before} of others before it" if job.others_before else "Waiting"
    if job.state == "paused":
        return f"Paused at {job.fraction:.0%}{' for the render' if bridge.current().renders else ''}"
    left = job.left()
    return f"{clock(job.seconds)} elapsed" + ("" if left is None else f", about {clock(left)} left")


def _draw_end(layout: bpy.types.UILayout, job: JobView) -> None:
    if job.state == "cancelled":
        layout.label(text="Cancelled", icon="CANCEL")
        _draw_pair(layout, job, GO_ON, OTHER_SEED)
    elif job.state == "lost":
        layout.label(text="Out of reach; it may go on", icon="UNLINKED")
        draw_button(layout.row(), RECONNECT, job)
    elif job.waits_for_a_place:
        layout.label(text="Done, for a file that is closed", icon="CHECKMARK")
        _draw_pair(layout, job, PLACE_HERE, OTHER_SEED)
    elif job.state == "done":
        draw_text(layout, what_came_out(job), "ERROR" if job.report.get("warning") else "CHECKMARK")
        _draw_pair(layout, job, ANEW if job.reused else FOLDER, OTHER_SEED if is_in_scene(job) else PLACE_HERE)
        if job.kind == "texture":
            row = layout.row()
            row.enabled = job.settled
            draw_button(row, VARY)


def what_came_out(job: JobView) -> str:
    """How long it took, and how large it is."""
    report = job.report
    what = f"{report['faces']:,} faces" if job.kind == "mesh" else f"{report['width']} x {report['height']}"
    if job.reused:
        return f"Made before, {what}"
    # The notes say which.
    done = "Ended with a warning," if report.get("warning") else "Done in"
    return f"{done} {clock(job.seconds)}, {what}"


def is_in_scene(job: JobView) -> bool:
    """Whether the result is there still: undo may have taken it back."""
    blocks = bpy.data.objects if job.kind == "mesh" else bpy.data.images
    return job.result in blocks or job.result in bpy.data.materials


def _draw_pair(layout: bpy.types.UILayout, job: JobView, left: Button, right: Button) -> None:
    """Always as wide; what has just arrived takes no click, which was meant for what was there before."""
    row = layout.row(align=True)
    row.enabled = job.settled
    for button in (left, right):
        draw_button(row, button, job)


def _draw_notes(layout: bpy.types.UILayout, job: JobView) -> None:
    # The first one says what was left out of the prompt.
    for note in dict.fromkeys([*job.notes[:1], *job.notes[-2:]]):
        draw_text(layout, note, "INFO")
