"""From a recipe to finished files: optimise, finish, save. The command line and the workers both call `produce`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from server.errors import BadRequest, JobFailed, disk_problem
from server.files import write_text
from server.generators.picture import Picture, PictureSubject, cut_where_ordinary, extent_of, seam_ratio
from server.generators.radiance_field.hash_grid import choose_backend
from server.generators.radiance_field.plan import plan_for
from server.generators.radiance_field.resolution import SMALL
from server.generators.radiance_field.subject import RadianceSubject
from server.generators.subject import Subject
from server.meshing.fields import from_torch
from server.meshing.preview import preview_mesh
from server.png import write_png
from server.priors.denoiser import Prior
from server.recipe import Recipe, why_too_much
from server.studio import checkpoint, starts
from server.studio.checkpoint import save_field
from server.studio.choosing import settings_of
from server.studio.events import Event, Log, OnEvent, PreviewImage, PreviewMesh, Progress
from server.studio.finishing import finish_field
from server.studio.narration import LOADED, OPTIMISED, STARTED_TWICE, Narrator
from server.studio.optimisation import Outcome, Step, StopRequest, optimise, step_generator
from server.studio.snapshot import Snapshot, Unfinished
from server.studio.starts import Start
from server.world.views import Views

# What a crash may cost, at most, beside the steps between two snapshots.
SAVE_INTERVAL_S = 5.0


@dataclass(frozen=True)
class _Production:
    """What `produce` was given, for the two makers.

    Attributes:
        number: of the start that the run is in, from 1.
        said: warnings so far; both starts may meet the same, and each is said once.
    """

    recipe: Recipe
    prior: Prior
    folder: Path
    on_event: OnEvent
    should_stop: StopRequest
    device: str
    unfinished: Path | None
    most_starts: int
    number: int = 1
    said: set[str] = field(default_factory=set)

    def again(self) -> _Production:
        """The same from another seed."""
        recipe = self.recipe.model_copy(update={"seed": starts.second_seed(self.recipe.seed)})
        return replace(self, recipe=recipe, number=self.number + 1)

    @property
    def kept(self) -> Unfinished | None:
        if self.unfinished is None:
            return None
        return Unfinished(self.unfinished, self.recipe, self.prior.card, self.number)

    def forget(self) -> None:
        """Nobody will go on from here."""
        if self.kept is not None:
            self.kept.discard()

    def optimise(
        self,
        subject: Subject,
        on_step: Callable[[Step], None],
        start: Snapshot | None,
        carried: Mapping[str, torch.Tensor] = MappingProxyType({}),
    ) -> Outcome:
        """Optimise, and keep the state of the run.

        Args:
            start: see `kept_start`.
            carried: goes into every snapshot.
        """
        kept = self.kept
        if start is not None:
            steps = f"step {start.step} of {self.recipe.steps}"
            self.on_event(Log("info", f"Going on from {steps}, where an earlier run was stopped."))
        saved = time.monotonic()

        def save(snapshot: Snapshot) -> None:
            nonlocal saved
            if kept is None or time.monotonic() - saved < SAVE_INTERVAL_S:
                return
            try:
                kept.save(replace(snapshot, tensors={**snapshot.tensors, **carried}))
            except OSError as error:
                reason = disk_problem(error).message
                self.warn(f"{reason} The run goes on, but what it has reached cannot be kept for another.")
            saved = time.monotonic()

        return optimise(subject, self.prior, self.recipe, on_step, self.should_stop, self.warn, save, start)

    def kept_start(self, subject: Subject) -> Snapshot | None:
        """Where an earlier run with this recipe was, unless what was kept of it cannot be used."""
        start = None if self.kept is None else self.kept.load(self.warn)
        misfit = "" if start is None else start.misfit(subject, self.recipe.steps)
        if misfit:
            self.refuse_kept(misfit)
            return None
        return start

    def refuse_kept(self, why: str) -> None:
        self.forget()
        self.warn(f"What was kept of an earlier run cannot be used ({why}); this one starts anew.")

    def warn(self, message: str) -> None:
        if message not in self.said:
            self.said.add(message)
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
    most_starts: int = 2,
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
        most_starts: 1 leaves a texture as it came out, 2 tries one that came out flat, or as noise, once more.

    Returns:
        The report, which is also written as report.json. Of a texture that shows no pattern it has a field "warning":
        "flat" or "noise".

    Raises:
        JobFailed, BadRequest, Cancelled; OSError when `folder` cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    on_event(Progress("Loading", 0.0))
    # Reads the prompt once, so that a refusal comes before any work.
    prior.condition(recipe.prompt, Views.orbit([0.0]).to(device) if recipe.kind == "mesh" else None)
    on_event(Progress("Loading", LOADED))
    asked = _Production(recipe, prior, folder, on_event, should_stop, device, unfinished, most_starts)
    make = _make_mesh if recipe.kind == "mesh" else _make_texture
    started = time.monotonic()
    report = make(asked)
    report["seconds"] = round(time.monotonic() - started, 2)
    report["artifacts"] = sorted([*report["artifacts"], "recipe.json", "report.json"])
    write_text(folder / "recipe.json", recipe.model_dump_json(indent=2))
    write_text(folder / "report.json", json.dumps(report, indent=2))
    deliver(folder)
    asked.forget()
    asked.again().forget()
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

    narrator = Narrator("Shaping", on_event, preview, (LOADED, OPTIMISED))
    outcome = asked.optimise(subject, narrator, asked.kept_start(subject))
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
    recipe, texture = asked.recipe, asked.recipe.texture
    made = _starts(asked)
    best = max(made, key=lambda start: start.verdict.worth)
    picture, outcome = best.picture, best.outcome
    counts = starts.account(made, best)
    done = OPTIMISED if len(made) == 1 else STARTED_TWICE
    asked.on_event(Progress("Saving", done, outcome.steps, recipe.steps, None, counts["denoiser_calls"]))
    pixels = _to_bytes(cut_where_ordinary(picture.paint(texture.width, texture.height), picture.periodic))
    write_png(asked.folder / "texture.png", pixels, recipe.model_dump_json())
    seam = seam_ratio(torch.from_numpy(pixels).permute(2, 0, 1).float())
    size_report = {"width": texture.width, "height": texture.height, "seam_ratio": round(seam, 4)}
    noise = settings_of(recipe, asked.prior.card).course.noise
    warning = starts.warning_of(made, best, noise)
    if warning:
        asked.warn(warning)
    return {**size_report, "noise": noise, **_account(outcome), **counts, "artifacts": ["texture.png"]}


def _starts(asked: _Production) -> list[Start]:
    """The texture of the first start, and that of a second when the first shows no pattern."""
    again = asked.again()
    other = _new_picture(again)
    # Once the second was under way, its snapshot tells of the first.
    first, from_here = None, again.kept_start(other)
    if from_here is not None:
        picture = _new_picture(asked).picture
        try:
            first = starts.unpack(from_here.tensors, picture, asked.recipe.seed, asked.prior.card.image_size)
        except ValueError as error:
            again.refuse_kept(str(error))
            from_here = None
    if first is None:
        subject = _new_picture(asked)
        first = _paint(asked, subject, "Painting", (LOADED, OPTIMISED), asked.kept_start(subject))
    fault = first.verdict.fault
    if fault is None or asked.most_starts < 2 or not starts.may_follow(first, asked.recipe):
        return [first]
    if asked.should_stop() == "finish":
        return [first]
    asked.on_event(Log("info", starts.starting_again(fault)))
    try:
        return [first, _paint(again, other, "Painting again", (OPTIMISED, STARTED_TWICE), from_here, first)]
    except JobFailed as failure:
        asked.warn(f"The second start failed: {failure}")
        return [first]


def _new_picture(asked: _Production) -> PictureSubject:
    recipe, card, texture = asked.recipe, asked.prior.card, asked.recipe.texture
    extent = extent_of(texture.width, texture.height)
    size = _side(recipe, min(card.image_size, 512))
    generator = step_generator(recipe.seed, 0)
    picture = Picture(extent, (texture.tile_x, texture.tile_y), generator, finest=size).to(asked.device)
    return PictureSubject(picture, recipe.views_per_step, size, card.latent_shape[1], recipe.seed)


def _paint(
    asked: _Production,
    subject: PictureSubject,
    phase: str,
    shares: tuple[float, float],
    start: Snapshot | None,
    first: Start | None = None,
) -> Start:
    texture, picture = asked.recipe.texture, subject.picture

    def preview() -> None:
        scale = min(1.0, 256 / max(texture.width, texture.height))
        pixels = picture.paint(max(1, round(texture.width * scale)), max(1, round(texture.height * scale)), samples=1)
        asked.on_event(PreviewImage(_to_bytes(pixels)))

    calls, carried = (0, {}) if first is None else (first.outcome.denoiser_calls, starts.pack(first))
    narrator = Narrator(phase, asked.on_event, preview, shares, calls)
    outcome = asked.optimise(subject, narrator, start, carried)
    return Start(asked.recipe.seed, picture, outcome, starts.look_at(picture, asked.prior.card.image_size))


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
