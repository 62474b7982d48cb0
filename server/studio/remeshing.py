"""A job that meshes a kept field again, with other wishes and without optimising."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from server.recipe import Recipe
from server.studio.checkpoint import load_field, relabel
from server.studio.climb import StopRequest
from server.studio.events import OnEvent, Progress
from server.studio.filing import file_away
from server.studio.kept_names import FIELD
from server.studio.mesh_files import write_mesh_files
from server.studio.narration import LOADED


def remesh(
    recipe: Recipe, folder: Path, on_event: OnEvent, should_stop: StopRequest, device: str = "cpu"
) -> dict[str, Any]:
    """Mesh the field that lies in `folder`, and write beside it what `produce` would.

    Args:
        recipe: of the field, with the wishes that are to be met.
        should_stop: as `produce`; nothing is kept, because it takes seconds.

    Returns:
        The report, without an optimisation: no step was made.

    Raises:
        BadRequest: the field cannot be read; JobFailed, Cancelled; OSError when `folder` cannot be written.
    """

    def leave_if_asked() -> None:
        while should_stop() == "keep":
            pass

    started = time.monotonic()
    on_event(Progress("Loading", 0.0))
    kept = load_field(folder / FIELD, device)
    on_event(Progress("Loading", LOADED))
    occupied = kept.occupied.numpy()
    report = write_mesh_files(
        kept.field,
        occupied,
        recipe.mesh,
        folder,
        on_event,
        leave_if_asked,
        (LOADED, 0.99),
        device,
        recipe,
        kept.fixed_light,
    )
    relabel(folder / FIELD, recipe)
    report["artifacts"].append(FIELD)
    report |= {"steps": 0, "denoiser_calls": 0, "seconds": round(time.monotonic() - started, 2)}
    file_away(recipe, folder, report)
    on_event(Progress("Done", 1.0, seconds_left=0.0))
    return report
