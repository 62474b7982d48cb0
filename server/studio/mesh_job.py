"""From a recipe to the files of a mesh."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from server.generators.radiance_field.hash_grid import choose_backend
from server.generators.radiance_field.subject import RadianceSubject
from server.meshing.fields import from_torch
from server.meshing.preview import preview_mesh
from server.studio.assignment import Assignment, account, render_side
from server.studio.checkpoint import save_field
from server.studio.climb import WARM_UP_STEPS, step_generator
from server.studio.events import Event, Log, PreviewImage, PreviewMesh, Progress
from server.studio.field_plan import field_plan
from server.studio.kept_names import FIELD
from server.studio.mesh_files import write_mesh_files
from server.studio.narration import LOADED, OPTIMISED, Narrator
from server.studio.plan import render_size_of
from server.studio.sides import WHITE, four_sides
from server.studio.thumbnail import SIDE
from server.studio.toning import tone_down
from server.studio.unformed import UNFORMED, is_unformed, warning_of


def make_mesh(asked: Assignment) -> dict[str, Any]:
    """Optimise a radiance field and mesh it. Returns the report."""
    recipe, card, device, on_event = asked.recipe, asked.prior.card, asked.device, asked.on_event
    size = render_side(recipe, render_size_of(recipe, card, device))
    backend = choose_backend(device)
    if backend.name == "torch":
        on_event(Log("warning", backend.why))
    plan = field_plan(card, device)
    generator = step_generator(recipe.seed, 0)
    subject = RadianceSubject(card.cameras, recipe.views_per_step, size, generator, device, plan, recipe.seed)

    density, colour = from_torch(subject.field.density, device), from_torch(subject.field.colour, device)

    def preview() -> None:
        on_event(PreviewImage(four_sides(subject, device)))
        mesh = preview_mesh(density, colour, occupied=subject.occupancy.cells.cpu().numpy())
        if mesh is not None:
            on_event(PreviewMesh(mesh))

    before = four_sides(subject, device, background=WHITE)
    narrator = Narrator("Shaping", on_event, preview, (LOADED, OPTIMISED))
    outcome = asked.optimise(
        subject, narrator, asked.kept_start(subject), lambda: four_sides(subject, device, SIDE // 2)
    )
    asked.leave_if_asked()
    subject.field.settle()
    outcome = tone_down(subject, asked, outcome)
    # However short the run was.
    on_event(PreviewImage(four_sides(subject, device)))
    # Who asks for fewer steps than warming up takes wants no object.
    unformed = recipe.steps > WARM_UP_STEPS and is_unformed(before, four_sides(subject, device, background=WHITE))
    if unformed:
        asked.warn(warning_of(outcome.steps))
    occupied = subject.occupancy.cells.cpu().numpy()

    def with_account(event: Event) -> None:
        if isinstance(event, Progress):
            event = replace(event, step=outcome.steps, steps=recipe.steps, denoiser_calls=outcome.denoiser_calls)
        on_event(event)

    # Before meshing, which may fail where another budget or level would not.
    save_field(asked.folder / FIELD, subject.field, subject.occupancy, recipe, card.fixed_light)
    report = write_mesh_files(
        subject.field,
        occupied,
        recipe.mesh,
        asked.folder,
        with_account,
        asked.leave_if_asked,
        (OPTIMISED, 0.99),
        device,
        recipe,
        card.fixed_light,
    )
    report["artifacts"].append(FIELD)
    return {**report, **account(outcome), **({"warning": UNFORMED} if unformed else {})}
