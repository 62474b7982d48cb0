"""What a job says -> what is seen of it: its view in the panels, its preview in the scene, its result in the end."""

from __future__ import annotations

from typing import Any

import bpy

from . import VERSION, preview
from .core import messages
from .core.arrays import Mesh
from .core.job_view import JobView
from .core.names import undo_name
from .scene import images, placement
from .scene.images import Target
from .scene.placement import Place


def view_of(recipe: dict[str, Any], where: Place | Target) -> JobView:
    """A job that begins."""
    aim = where.name if isinstance(where, Target) else ""
    return JobView(recipe["kind"], recipe["prompt"], recipe["seed"], aim=aim)


def begin(job: JobView) -> None:
    """A job has begun: what the last one of its kind left behind goes."""
    if job.kind == "mesh":
        preview.clear_object()
    else:
        preview.clear_picture()


def show(
    job: JobView,
    message: messages.Message,
    where: Place | Target | None,
    is_watched: bool = True,
    is_wanted: bool = True,
) -> None:
    """Show one message of a running job.

    Args:
        where: a place for a mesh, a target for a picture; None when its scene is gone.
        is_watched: whether the preview is this job's.
        is_wanted: whether its result is waited for, and is selected.
    """
    match message:
        case messages.Submitted(job_id):
            job.job_id, job.state, job.phase = job_id, "queued", "Waiting"
        case messages.StateChanged(state) if state in ("queued", "running", "paused", "finishing"):
            job.state = state
        case messages.Progressed():
            job.denoiser_calls, job.q = message.denoiser_calls, message.q
            job.work(message.elapsed)
            job.progress(message.phase, message.fraction, message.step, message.steps, message.seconds_left)
        case messages.Looked() if job.look:
            job.look = "there"
        case messages.Noted(text) if text not in job.notes:
            job.notes.append(text)
        case messages.LiveMesh(mesh) if is_watched and isinstance(where, Place):
            preview.show_object(mesh, job.prompt, where)
            job.live_meshes += 1
        case messages.LiveImage(pixels) if is_watched and isinstance(where, Target):
            preview.show_picture(pixels, where)
            job.live_images += 1
        case messages.Finished():
            _finish(job, message, where, is_watched, is_wanted)
        case messages.CancelledElsewhere():
            job.end("cancelled")
            if is_watched:
                preview.clear()


def _finish(
    job: JobView, finished: messages.Finished, where: Place | Target | None, is_watched: bool, is_wanted: bool
) -> None:
    job.report, job.folder, job.reused = finished.report, str(finished.folder), finished.reused
    job.fraction, job.phase, job.seconds_left = 1.0, "Done", None
    job.waits_for_a_place = where is None
    if where is not None:
        if is_watched:
            preview.forget("object" if isinstance(finished.result, Mesh) else "picture")
        job.result = _place(job, finished, where, is_watched, is_wanted)
    job.end("done")
    if where is not None:
        bpy.ops.ed.undo_push(message=undo_name("Generate: ", job.prompt))


def _place(job: JobView, finished: messages.Finished, where: Place | Target, is_watched: bool, is_wanted: bool) -> str:
    made: bpy.types.ID
    if isinstance(finished.result, Mesh):
        assert isinstance(where, Place)
        made = placement.place(finished.result, finished.recipe, job.job_id, VERSION, where, is_watched, is_wanted)
    else:
        assert isinstance(where, Target)
        made, _ = images.place(finished.result, finished.recipe, job.job_id, VERSION, where, finished.maps, is_watched)
    return made.name
