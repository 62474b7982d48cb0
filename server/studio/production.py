"""From a recipe to files: optimise, mesh, save. The command line and the workers both call `produce`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.priors.denoiser import Prior
from server.recipe import Kind, Recipe
from server.studio.assignment import Assignment
from server.studio.climb import StopRequest
from server.studio.events import OnEvent, Progress
from server.studio.filing import file_away
from server.studio.kept_names import MOST_KEPT, STATE
from server.studio.look_steps import steps_of_look
from server.studio.mesh_job import make_mesh
from server.studio.narration import LOADED
from server.studio.plan import plan_of, without_effect
from server.studio.retexture_job import make_retexture
from server.studio.texture_job import make_texture
from server.world.views import Views

_MAKERS: dict[Kind, Callable[[Assignment], dict[str, Any]]] = {
    "mesh": make_mesh,
    "texture": make_texture,
    "retexture": make_retexture,
}


def produce(
    recipe: Recipe,
    prior: Prior,
    folder: Path,
    on_event: OnEvent,
    should_stop: StopRequest,
    device: str = "cpu",
    unfinished: Path | None = None,
    deliver: Callable[[Path], object] = lambda folder: None,
    most_starts: int = 2,
    given: Path | None = None,
    begin: Path | None = None,
    keeps_end: bool = False,
    is_look: bool = False,
    most_kept: int | None = MOST_KEPT,
) -> dict[str, Any]:
    """Make what the recipe asks for and write it into `folder` (created if needed).

    Args:
        deliver: takes what was asked for out of the folder, once all is there; until it returns, the state of the run
            is kept.
        unfinished: folder for the state of runs that are under way. The same recipe, asked for again after a crash, a
            failure or a cancel, goes on from there. None keeps nothing.
        on_event: called from this thread with every event of server/studio/events.py.
        should_stop: polled every step and between the blocks of every later phase; see StopRequest. It may raise, which
            leaves the job there.
        given: folder of the meshes and pictures that recipes name (server.meshing.shelf, server.images).
        begin: file of where another job ended (STATE), from which this one goes on.
        keeps_end: whether to write STATE, for who wants more steps later; `unfinished` is needed for it.
        is_look: whether to leave as soon as one can tell what it will be, see server.studio.looking.
        most_kept: states in `unfinished`, of which the oldest go; None: its owner sees to that.
        most_starts: 1 leaves a texture as it came out, 2 tries one that came out flat, or as noise, once more.

    Returns:
        The report, which is also written as report.json. It has a field "warning" for a texture that shows no pattern,
        "flat" or "noise", and for an object that still looks as it did before the first step, "unformed", unless it
        was to have no more steps than warming up takes.

    Raises:
        Looked: it was a quick look; the same recipe goes on from there, and `folder` has its thumbnail.
        JobFailed, BadRequest, Cancelled; OSError when `folder` cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    on_event(Progress("Loading", 0.0))
    # Reads the prompt once, so that a refusal comes before any work.
    prior.condition(recipe.prompt, Views.orbit([0.0]).to(device) if recipe.shown == "mesh" else None)
    on_event(Progress("Loading", LOADED))
    look = steps_of_look(recipe, prior.card) if is_look else None
    asked = Assignment(
        *(recipe, prior, folder, on_event, should_stop, device, unfinished, most_starts, given, begin, look),
        most_kept=most_kept,
    )
    if ignored := without_effect(recipe, plan_of(recipe, prior.card)):
        asked.warn(f"The rule that is used does not listen to {', '.join(ignored)}.")
    make = _MAKERS[recipe.kind]
    started = time.monotonic()
    report = make(asked)
    report["seconds"] = round(time.monotonic() - started, 2)
    best = asked if report.get("made_from_seed", recipe.seed) == recipe.seed else asked.again()
    if keeps_end and best.keep_end(folder / STATE):
        report["artifacts"].append(STATE)
    file_away(recipe, folder, report, given)
    deliver(folder)
    asked.forget_all()
    on_event(Progress("Done", 1.0, report["steps"], recipe.steps, 0.0, report["denoiser_calls"]))
    return report
