"""From a recipe to the file of a texture."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from server.errors import JobFailed
from server.generators.original import PIXELS_OF_A_CELL, Original, fit
from server.generators.picture import Picture, PictureSubject, cut_where_ordinary
from server.studio import starts, thumbnail
from server.studio.assignment import Assignment, account, render_side
from server.studio.climb import step_generator
from server.studio.events import Log, PreviewImage, Progress
from server.studio.material import to_bytes, write_material
from server.studio.narration import LOADED, OPTIMISED, Bar, Narrator, bar_of
from server.studio.optimisation import Outcome
from server.studio.plan import DETAIL_ZOOM, Plan, detail_of, plan_of, render_size_of
from server.studio.snapshot import Snapshot
from server.studio.source import Source, source_of
from server.studio.starts import Start
from server.studio.verdict import Verdict, keeps_layout
from server.world.tiles import extent_of

PREVIEW_SIDE = 256


def make_texture(asked: Assignment) -> dict[str, Any]:
    """Optimise a picture, from a source or from nothing; then a second time where the first shows no pattern. Returns
    the report."""
    recipe, texture, plan = asked.recipe, asked.recipe.texture, plan_of(asked.recipe, asked.prior.card)
    source = source_of(asked)
    detailing = detail_of(recipe, asked.prior.card)
    bar = bar_of(plan.calls, 0 if detailing is None else detailing.calls)
    made, began = (_starts(asked, bar), None) if source is None else _from(source, asked)
    best = max(made, key=lambda start: start.verdict.worth)
    outcome, counts = best.outcome, starts.account(made, best)
    picture, detail = best.picture, dict[str, int]()
    if detailing is not None:
        picture, detail = _detailed(asked, best, counts["denoiser_calls"], detailing, bar)
    counts["denoiser_calls"] += detail.get("detail_calls", 0)
    done = bar.done[len(made) - 1]
    asked.on_event(Progress("Saving", done, outcome.steps, recipe.steps, None, counts["denoiser_calls"]))
    # Nobody holds it but who writes it: a large one is some hundred megabytes.
    written = write_material(_colour(asked, picture, source, began), recipe, asked.folder)
    size_report = {"width": texture.width, "height": texture.height}
    noise = plan.course.noise
    warning = starts.warning_of(made, best, noise)
    if warning:
        asked.warn(warning)
    return {**size_report, "noise": noise, **account(outcome), **counts, **detail, **written}


def _colour(asked: Assignment, picture: Picture, source: Source | None, began: Picture | None) -> Tensor:
    """[3, H, W] in [0, 1]."""
    if source is not None and began is not None:
        return source.result(began, picture)
    texture = asked.recipe.texture
    return cut_where_ordinary(picture.paint(texture.width, texture.height), picture.periodic)


def _starts(asked: Assignment, bar: Bar) -> list[Start]:
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
        first = _paint(asked, subject, "Painting", bar.starts[0], asked.kept_start(subject))
    fault = first.verdict.fault
    if fault is None or asked.most_starts < 2 or not starts.may_follow(first, asked.recipe):
        return [first]
    asked.leave_if_asked()
    if asked.should_stop() == "finish":
        return [first]
    asked.on_event(Log("info", starts.starting_again(fault)))
    try:
        calls, carried = first.outcome.denoiser_calls, starts.pack(first)
        return [first, _paint(again, other, "Painting again", bar.starts[1], from_here, calls, carried)]
    except JobFailed as failure:
        asked.warn(f"The second start failed: {failure}")
        return [first]


def _detailed(asked: Assignment, start: Start, calls: int, plan: Plan, bar: Bar) -> tuple[Picture, dict[str, int]]:
    """The picture of a start, gone over once more through narrower windows if it came out well, and what a report says
    of it. `calls`: of the denoiser, before; `plan`: of the second pass."""
    if start.verdict.fault is not None or start.outcome.stopped_by not in ("steps", "converged"):
        return start.picture, {}
    asked.leave_if_asked()
    if asked.should_stop() == "finish":
        return start.picture, {}
    closer = asked.closer()
    subject = _new_picture(closer, DETAIL_ZOOM)
    begin = closer.kept_start(subject)
    if begin is None:
        across, down = subject.picture.cells
        image = start.picture.paint(PIXELS_OF_A_CELL * across, PIXELS_OF_A_CELL * down)
        fit(subject.picture, Original(image, subject.picture), step_generator(closer.recipe.seed, 0))
    number = int(start.seed != asked.recipe.seed)
    shares = bar.starts[number][1], bar.done[number]
    try:
        fine = _paint(closer, subject, "Adding detail", shares, begin, calls, plan=plan)
    except JobFailed as failure:
        asked.warn(f"No detail could be added: {failure}")
        return start.picture, {}
    told = {"detail_steps": fine.outcome.steps, "detail_calls": fine.outcome.denoiser_calls}
    across, down = subject.picture.cells
    if not keeps_layout(start.picture.paint(across, down), fine.picture.paint(across, down)):
        asked.warn("The detail that was added hid the pattern, and was left out.")
        return start.picture, told
    return fine.picture, told


def _from(source: Source, asked: Assignment) -> tuple[list[Start], Picture]:
    """The texture that the source became, and the picture that it began as."""
    subject = _new_picture(asked)
    picture = subject.picture
    original, began = source.original(picture), copy.deepcopy(picture)
    fit(began, original, step_generator(asked.recipe.seed, 0))
    if source.reimagine < 1:
        # The widest bandwidth does not hide all of it: a layout would stay.
        picture.load_state_dict(began.state_dict())
    if not source.reimagine:
        return [Start(asked.recipe.seed, picture, Outcome(0, 0, 0.0, "steps", 0), _verdict(picture, asked))], began

    # Previews ask for the same few sizes again and again.
    smaller = functools.cache(source.resized)

    def show(picture: Picture, width: int, height: int) -> Tensor:
        return smaller(width, height).result(began, picture)

    shares = LOADED, OPTIMISED
    return [_paint(asked, subject, "Painting", shares, asked.kept_start(subject), show=show)], began


def _new_picture(asked: Assignment, zoom: int = 1) -> PictureSubject:
    """`zoom`: windows in the place of one, along each side."""
    recipe, card, texture = asked.recipe, asked.prior.card, asked.recipe.texture
    across, down = extent_of(texture.width, texture.height)
    extent = zoom * across, zoom * down
    size = render_side(recipe, render_size_of(recipe, card, asked.device))
    generator = step_generator(recipe.seed, 0)
    picture = Picture(extent, (texture.tile_x, texture.tile_y), generator, finest=size).to(asked.device)
    rate = card.picture_learning_rate
    return PictureSubject(picture, recipe.views_per_step, size, card.latent_shape[1], recipe.seed, rate)


def _paint(
    asked: Assignment,
    subject: PictureSubject,
    phase: str,
    shares: tuple[float, float],
    start: Snapshot | None,
    calls: int = 0,
    carried: Mapping[str, Tensor] = MappingProxyType({}),
    plan: Plan | None = None,
    show: Callable[[Picture, int, int], Tensor] = lambda picture, width, height: picture.paint(width, height, 1),
) -> Start:
    """Args:
    calls: of the denoiser, before.
    carried, plan: as `Assignment.optimise`.
    show: makes of the picture what is seen in so many pixels.
    """
    texture, picture = asked.recipe.texture, subject.picture

    def small(side: int) -> NDArray[np.uint8]:
        scale = min(1.0, side / max(texture.width, texture.height))
        width, height = max(1, round(texture.width * scale)), max(1, round(texture.height * scale))
        return to_bytes(show(picture, width, height))

    def preview() -> None:
        asked.on_event(PreviewImage(small(PREVIEW_SIDE)))

    narrator = Narrator(phase, asked.on_event, preview, shares, calls)
    outcome = asked.optimise(subject, narrator, start, lambda: small(thumbnail.SIDE), carried, plan)
    return Start(asked.recipe.seed, picture, outcome, _verdict(picture, asked))


def _verdict(picture: Picture, asked: Assignment) -> Verdict:
    return starts.look_at(picture, asked.prior.card.image_size)
