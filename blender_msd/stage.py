"""What a job says -> what is seen of it: its view in the panels, its preview in the scene, its result in the end."""

from __future__ import annotations

import bpy

from . import VERSION
from .core import job as jobs
from .core.arrays import Mesh
from .core.job_view import JobView
from .core.names import undo_name
from .scene import images, placement
from .scene.images import Target
from .scene.placement import Place
from .scene.present import present


def show(job: JobView, message: jobs.Message, where: Place | Target | None) -> None:
    """Show one message of a running job.

    Args:
        where: a place for a mesh, a target for a picture.
    """
    match message:
        case jobs.Submitted(job_id):
            job.job_id, job.state, job.phase = job_id, "queued", "Waiting"
        case jobs.StateChanged(state) if state in ("queued", "running", "paused", "finishing"):
            job.state = state
        case jobs.Progressed():
            for name in ("phase", "fraction", "step", "steps", "seconds_left", "denoiser_calls"):
                setattr(job, name, getattr(message, name))
        case jobs.Noted(text):
            job.notes.append(text)
        case jobs.LiveMesh(mesh) if isinstance(where, Place):
            placement.show_preview(mesh, job.prompt, where)
            job.live_meshes += 1
        case jobs.LiveImage(pixels):
            images.show_preview(pixels)
            job.live_images += 1
        case jobs.Finished():
            _place_result(job, message, where)
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


def _place_result(job: JobView, finished: jobs.Finished, where: Place | Target | None) -> None:
    made: bpy.types.ID
    if isinstance(finished.result, Mesh):
        assert isinstance(where, Place)
        made = placement.place(finished.result, finished.recipe, job.job_id, VERSION, where)
    else:
        assert isinstance(where, Target)
        made, _ = images.place(finished.result, finished.recipe, job.job_id, VERSION, where)
    job.result, job.report, job.folder = made.name, finished.report, str(finished.folder)
    job.fraction, job.phase, job.seconds_left = 1.0, "Done", None
    job.end("done")
    bpy.ops.ed.undo_push(message=undo_name("Generate: ", job.prompt))
