"""What a job says -> what is seen of it: its view in the panels, its preview in the scene, its result in the end."""

from __future__ import annotations

from typing import Any

import bpy

from . import VERSION
from .core import job as jobs
from .core.arrays import Mesh
from .core.job_view import JobView
from .core.names import undo_name
from .scene import forming, images, placement
from .scene.images import Target
from .scene.placement import Place
from .scene.present import present


def view_of(recipe: dict[str, Any], where: Place | Target) -> JobView:
    """A job that begins."""
    aim = where.name if isinstance(where, Target) else ""
    return JobView(recipe["kind"], recipe["prompt"], recipe["seed"], aim=aim)


def begin(job: JobView) -> None:
    """A job has begun: what the last one of its kind left behind goes."""
    if job.kind == "mesh":
        clear_objects()
    else:
        images.remove_preview()


def show(job: JobView, message: jobs.Message, where: Place | Target | None) -> None:
    """Show one message of a running job.

    Args:
        where: a place for a mesh, a target for a picture; None when its scene is gone.
    """
    match message:
        case jobs.Submitted(job_id):
            job.job_id, job.state, job.phase = job_id, "queued", "Waiting"
        case jobs.StateChanged(state) if state in ("queued", "running", "paused", "finishing"):
            job.state = state
        case jobs.Progressed():
            job.denoiser_calls, job.q = message.denoiser_calls, message.q
            job.progress(message.phase, message.fraction, message.step, message.steps, message.seconds_left)
        case jobs.Noted(text):
            job.notes.append(text)
        case jobs.LiveMesh(mesh) if isinstance(where, Place):
            placement.show_preview(mesh, job.prompt, where)
            job.live_meshes += 1
        case jobs.LiveImage(pixels) if isinstance(where, Target):
            images.show_preview(pixels, where)
            job.live_images += 1
        case jobs.Finished():
            _finish(job, message, where)
        case jobs.CancelledElsewhere():
            job.end("cancelled")
            clear()


def clear() -> None:
    """Take every preview away."""
    clear_objects()
    images.remove_preview()


def clear_objects() -> None:
    """Take the preview of an object away, but not that of a picture."""
    placement.remove_preview(present(bpy.context.scene))


def uncover() -> None:
    """Let no surface wear a preview, which is not saved; the next live picture puts it on again."""
    forming.take_off()


def _finish(job: JobView, finished: jobs.Finished, where: Place | Target | None) -> None:
    job.report, job.folder, job.reused = finished.report, str(finished.folder), finished.reused
    job.fraction, job.phase, job.seconds_left = 1.0, "Done", None
    job.waits_for_a_place = where is None
    if where is not None:
        job.result = _place(job, finished, where)
    job.end("done")
    if where is not None:
        bpy.ops.ed.undo_push(message=undo_name("Generate: ", job.prompt))


def _place(job: JobView, finished: jobs.Finished, where: Place | Target) -> str:
    made: bpy.types.ID
    if isinstance(finished.result, Mesh):
        assert isinstance(where, Place)
        made = placement.place(finished.result, finished.recipe, job.job_id, VERSION, where)
    else:
        assert isinstance(where, Target)
        made, _ = images.place(finished.result, finished.recipe, job.job_id, VERSION, where, finished.maps)
    return made.name
