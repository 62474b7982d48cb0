"""From a recipe to finished files: optimise, finish, save. The command line and the workers both call `produce`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from server.errors import BadRequest, disk_problem
from server.files import write_text
from server.generators.picture import Picture, PictureSubject, cut_where_ordinary, seam_ratio
from server.generators.radiance_field.hash_grid import choose_backend
from server.generators.radiance_field.plan import plan_for
from server.generators.radiance_field.resolution import SMALL
from server.generators.radiance_field.subject import RadianceSubject
from server.generators.subject import Subject
from server.guidance.choosing import settings_of
from server.meshing.fields import from_torch
from server.meshing.preview import preview_mesh
from server.png import write_png
from server.priors.denoiser import Prior
from server.priors.views import Views
from server.recipe import Recipe, why_too_much
from server.studio import checkpoint
from server.studio.checkpoint import save_field
from server.studio.events import Event, Log, OnEvent, PreviewImage, PreviewMesh, Progress
from server.studio.finishing import finish_field
from server.studio.optimisation import Outcome, Step, StopRequest, optimise, step_generator
from server.studio.snapshot import Snapshot, Unfinished

# Shares of a job's progress bar, from measured durations with the prior that ships.
LOADED, OPTIMISED = 0.03, 0.90
# Previews cost time that the optimisation could use: about this many over a whole job, and never two within a second.
PREVIEWS = 12
PREVIEW_INTERVAL_S = 1.0
# What a crash may cost, at most, beside the steps between two snapshots.
SAVE_INTERVAL_S = 5.0


@dataclass(frozen=True)
class _Production:
    """What `produce` was given, for the two makers."""

    recipe: Recipe
    prior: Prior
    folder: Path
    on_event: OnEvent
    should_stop: StopRequest
    device: str
    kept: Unfinished | None

    def optimise(self, subject: Subject, on_step: Callable[[Step], None]) -> Outcome:
        """Optimise from where an earlier run with this recipe was, if one was kept, and keep this one's state."""
        start = self._kept_start(subject)
        if start is not None:
            steps = f"step {start.step} of {self.recipe.steps}"
            self.on_event(Log("info", f"Going on from {steps}, where an earlier run was stopped."))
        saved, unsaved = time.monotonic(), False

        def save(snapshot: Snapshot) -> None:
            nonlocal saved, unsaved
            if self.kept is None or time.monotonic() - saved < SAVE_INTERVAL_S:
                return
            try:
                self.kept.save(snapshot)
            except OSError as error:
                if not unsaved:
                    reason = disk_problem(error).message
                    self._warn(f"{reason} The run goes on, but what it has reached cannot be kept for another.")
                unsaved = True
            saved = time.monotonic()

        return optimise(subject, self.prior, self.recipe, on_step, self.should_stop, self._warn, save, start)

    def _kept_start(self, subject: Subject) -> Snapshot | None:
        """Where an earlier run with this recipe was, unless what was kept of it cannot be used."""
        start = None if self.kept is None else self.kept.load(self._warn)
        if self.kept is None or start is None:
            return None
        misfit = start.misfit(subject, self.recipe.steps)
        if not misfit:
            return start
        self.kept.discard()
        self._warn(f"What was kept of an earlier run cannot be used ({misfit}); this one starts anew.")
        return None

    def _warn(self, message: str) -> None:
        self.on_event(Log("warning", message))


def produce(
    recipe: Recipe,
    prior: Prior,
    folder: Path,
    on_event: OnEvent,
    should_stop: StopRequest,
    device: str = "cpu",
    unfinished: Path | None = None,
    deliver: Callable[[Path], object] = lambda folder: None,
) -> dict[str, Any]:
    """Make what the recipe asks for and write it into `folder` (created if needed).

    Args:
        deliver: takes what was asked for out of the finished folder; while it has not returned, the state of the run is
            kept.
        unfinished: folder for the state of runs that are under way. The same recipe, asked for again after a crash, a
            failure or a cancel, goes on from there. None keeps nothing.
        on_event: called from this thread with every event of server/studio/events.py.
        should_stop: polled every step; returns "finish" to stop optimising and keep what exists, may block (pause), and
            may raise `Cancelled`.

    Returns:
        The report, which is also written as report.json.

    Raises:
        JobFailed, BadRequest, Cancelled; OSError when `folder` cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    on_event(Progress("Loading", 0.0))
    # Reads the prompt once, so that a refusal comes before any work.
    prior.condition(recipe.prompt, Views.orbit([0.0]).to(device) if recipe.kind == "mesh" else None)
    on_event(Progress("Loading", LOADED))
    kept = None if unfinished is None else Unfinished(unfinished, recipe, prior.card)
    make = _make_mesh if recipe.kind == "mesh" else _make_texture
    started = time.monotonic()
    report = make(_Production(recipe, prior, folder, on_event, should_stop, device, kept))
    report["seconds"] = round(time.monotonic() - started, 2)
    report["artifacts"] = sorted([*report["artifacts"], "recipe.json", "report.json"])
    write_text(folder / "recipe.json", recipe.model_dump_json(indent=2))
    write_text(folder / "report.json", json.dumps(report, indent=2))
    deliver(folder)
    if kept is not None:
        kept.discard()
    on_event(Progress("Done", 1.0, report["steps"], recipe.steps, 0.0, report["denoiser_calls"]))
    return report


def _make_mesh(asked: _Production) -> dict[str, Any]:
    recipe, card, device, on_event = asked.recipe, asked.prior.card, asked.device, asked.on_event
    # A processor would spend minutes a step on the last pixels.
    size = _side(recipe, min(card.image_size, SMALL) if device == "cpu" else card.image_size)
    backend = choose_backend(device)
    if backend.name == "torch":
        on_event(Log("warning", backend.why))
    plan = plan_for(card.fixed_light, device)
    generator = step_generator(recipe.seed, 0)
    subject = RadianceSubject(card.cameras, recipe.views_per_step, size, generator, device, plan, recipe.seed)

    density, colour = from_torch(subject.field.density, device), from_torch(subject.field.colour, device)

    def preview() -> None:
        mesh = preview_mesh(density, colour, occupied=subject.occupancy.cells.cpu().numpy())
        if mesh is not None:
            on_event(PreviewMesh(mesh))

    outcome = asked.optimise(subject, _Narrator("Shaping", on_event, preview))
    asked.should_stop()
    subject.field.settle()
    occupied = subject.occupancy.cells.cpu().numpy()

    def with_account(event: Event) -> None:
        if isinstance(event, Progress):
            event = replace(event, step=outcome.steps, steps=recipe.steps, denoiser_calls=outcome.denoiser_calls)
        on_event(event)

    # Before meshing, which may fail where another budget or level would not.
    save_field(asked.folder / checkpoint.NAME, subject.field, subject.occupancy, recipe)
    report = finish_field(
        subject.field,
        occupied,
        recipe.mesh,
        asked.folder,
        with_account,
        asked.should_stop,
        (OPTIMISED, 0.99),
        device,
        recipe,
    )
    report["artifacts"].append(checkpoint.NAME)
    return {**report, **_account(outcome)}


def _side(recipe: Recipe, usual: int) -> int:
    """Pixels a side of every view. Raises BadRequest when all views of a step would be too much for memory."""
    side = recipe.render_size or usual
    why = why_too_much(recipe.views_per_step, side)
    if why:
        raise BadRequest("recipe-invalid", f"The recipe {why}.", "Ask for fewer views, or for a smaller render size.")
    return side


def _make_texture(asked: _Production) -> dict[str, Any]:
    recipe, on_event = asked.recipe, asked.on_event
    texture = recipe.texture
    shorter = min(texture.width, texture.height)
    # The shorter side spans one window: over several, parts of a pattern settle out of step with each other.
    extent = (texture.width / shorter, texture.height / shorter)
    card = asked.prior.card
    size = _side(recipe, min(card.image_size, 512))
    generator = step_generator(recipe.seed, 0)
    picture = Picture(extent, (texture.tile_x, texture.tile_y), generator, finest=size).to(asked.device)
    subject = PictureSubject(picture, recipe.views_per_step, size, card.latent_shape[1], recipe.seed)

    def preview() -> None:
        scale = min(1.0, 256 / max(texture.width, texture.height))
        pixels = picture.paint(max(1, round(texture.width * scale)), max(1, round(texture.height * scale)), samples=1)
        on_event(PreviewImage(_to_bytes(pixels)))

    outcome = asked.optimise(subject, _Narrator("Painting", on_event, preview))
    on_event(Progress("Saving", OPTIMISED, outcome.steps, recipe.steps, None, outcome.denoiser_calls))
    pixels = _to_bytes(cut_where_ordinary(picture.paint(texture.width, texture.height), picture.periodic))
    write_png(asked.folder / "texture.png", pixels, recipe.model_dump_json())
    seam = seam_ratio(torch.from_numpy(pixels).permute(2, 0, 1).float())
    size_report = {"width": texture.width, "height": texture.height, "seam_ratio": round(seam, 4)}
    course = settings_of(recipe, card).course
    return {**size_report, "noise": course.noise, **_account(outcome), "artifacts": ["texture.png"]}


def _to_bytes(image: torch.Tensor) -> NDArray[np.uint8]:
    """[3, H, W] in [0, 1] -> uint8 [H, W, 3]."""
    pixels: NDArray[np.uint8] = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(pixels)


def _account(outcome: Outcome) -> dict[str, Any]:
    return {
        "steps": outcome.steps,
        "denoiser_calls": outcome.denoiser_calls,
        "stopped_by": outcome.stopped_by,
        "skipped_steps": outcome.skipped_steps,
    }


class _Narrator:
    """Turns optimisation steps into progress events, and shows a preview now and then."""

    def __init__(self, phase: str, on_event: OnEvent, preview: Callable[[], None]) -> None:
        self._phase = phase
        self._on_event = on_event
        self._preview = preview
        self._last_preview = time.monotonic()

    def __call__(self, step: Step) -> None:
        share = step.number / step.planned
        seconds_left = step.seconds * (1 / share - 1) / OPTIMISED
        fraction = LOADED + (OPTIMISED - LOADED) * share
        self._on_event(Progress(self._phase, fraction, step.number, step.planned, seconds_left, step.denoiser_calls))
        # Slow steps: by step number alone; fast ones: not more often than the clock allows.
        due = step.number % max(1, step.planned // PREVIEWS) == 0
        if due and time.monotonic() - self._last_preview >= PREVIEW_INTERVAL_S:
            self._preview()
            self._last_preview = time.monotonic()
