"""From a recipe to the file of a texture."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from server.errors import JobFailed
from server.generators.original import fit
from server.generators.picture import Picture, PictureSubject, cut_where_ordinary
from server.studio import starts, thumbnail
from server.studio.assignment import Assignment, account, render_side
from server.studio.climb import step_generator
from server.studio.events import Log, PreviewImage, Progress
from server.studio.material import to_bytes, write_material
from server.studio.narration import LOADED, OPTIMISED, STARTED_TWICE, Narrator
from server.studio.optimisation import Outcome
from server.studio.plan import plan_of, render_size_of
from server.studio.snapshot import Snapshot
from server.studio.source import Source, source_of
from server.studio.starts import Start
from server.studio.verdict import Verdict
from server.world.tiles import extent_of

PREVIEW_SIDE = 256


def make_texture(asked: Assignment) -> dict[str, Any]:
    """Optimise a picture, from a source or from nothing; then a second time where the first shows no pattern. Returns
    the report."""
    recipe, texture = asked.recipe, asked.recipe.texture
    source = source_of(asked)
    made, began = (_starts(asked), None) if source is None else _from(source, asked)
    best = max(made, key=lambda start: start.verdict.worth)
    picture, outcome = best.picture, best.outcome
    counts = starts.account(made, best)
    done = OPTIMISED if len(made) == 1 else STARTED_TWICE
    asked.on_event(Progress("Saving", done, outcome.steps, recipe.steps, None, counts["denoiser_calls"]))
    if source is None or began is None:
        colour = cut_where_ordinary(picture.paint(texture.width, texture.height), picture.periodic)
    else:
        colour = source.result(began, picture)
    written = write_material(colour, recipe, asked.folder)
    size_report = {"width": texture.width, "height": texture.height}
    noise = plan_of(recipe, asked.prior.card).course.noise
    warning = starts.warning_of(made, best, noise)
    if warning:
        asked.warn(warning)
    return {**size_report, "noise": noise, **account(outcome), **counts, **written}


def _starts(asked: Assignment) -> list[Start]:
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
    asked.leave_if_asked()
    if asked.should_stop() == "finish":
        return [first]
    asked.on_event(Log("info", starts.starting_again(fault)))
    try:
        return [first, _paint(again, other, "Painting again", (OPTIMISED, STARTED_TWICE), from_here, first)]
    except JobFailed as failure:
        asked.warn(f"The second start failed: {failure}")
        return [first]


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


def _new_picture(asked: Assignment) -> PictureSubject:
    recipe, card, texture = asked.recipe, asked.prior.card, asked.recipe.texture
    extent = extent_of(texture.width, texture.height)
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
    first: Start | None = None,
    show: Callable[[Picture, int, int], Tensor] = lambda picture, width, height: picture.paint(width, height, 1),
) -> Start:
    """`show` makes of the picture what is seen in so many pixels."""
    texture, picture = asked.recipe.texture, subject.picture

    def small(side: int) -> NDArray[np.uint8]:
        scale = min(1.0, side / max(texture.width, texture.height))
        width, height = max(1, round(texture.width * scale)), max(1, round(texture.height * scale))
        return to_bytes(show(picture, width, height))

    def preview() -> None:
        asked.on_event(PreviewImage(small(PREVIEW_SIDE)))

    calls, carried = (0, {}) if first is None else (first.outcome.denoiser_calls, starts.pack(first))
    narrator = Narrator(phase, asked.on_event, preview, shares, calls)
    outcome = asked.optimise(subject, narrator, start, lambda: small(thumbnail.SIDE), carried)
    return Start(asked.recipe.seed, picture, outcome, _verdict(picture, asked))


def _verdict(picture: Picture, asked: Assignment) -> Verdict:
    return starts.look_at(picture, asked.prior.card.image_size)
