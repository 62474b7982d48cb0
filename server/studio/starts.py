"""A texture may start twice: what came out flat, or as noise, is tried once more from another seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from server.generators.picture import Picture
from server.recipe import MAX_SEED, Recipe
from server.studio.climb import SPREAD, WARM_UP_STEPS
from server.studio.optimisation import Outcome
from server.studio.verdict import LEAST_SIDE, Fault, Verdict, judge

# A run as short as this is over before it has left its first grey: another would be, too.
TOO_FEW_STEPS = WARM_UP_STEPS
MOST_SIDE = 512
_CARRIED = "first."
# As `Outcome.stopped_by` of a start that another may follow.
_ENDS = ("steps", "converged", "not-finite")
_CAME_OUT = {"flat": "flat, in one colour", "noise": "as nothing but noise"}


@dataclass(frozen=True)
class Start:
    """One start of a texture and what came of it. `seed`: of all its randomness."""

    seed: int
    picture: Picture
    outcome: Outcome
    verdict: Verdict


def look_at(picture: Picture, image_size: int) -> Verdict:
    """Judge the whole tile.

    Args:
        image_size: pixels along a window, as the prior has.
    """
    side = min(max(image_size, LEAST_SIDE), MOST_SIDE)
    width, height = (round(along * side) for along in picture.extent)
    return judge(picture.paint(width, height))


def second_seed(seed: int) -> int:
    """The seed of the second start; another one for each first."""
    return (seed + SPREAD) % (MAX_SEED + 1)


def may_follow(first: Start, recipe: Recipe) -> bool:
    """Whether a second start is worth its time, and nobody has said how long it all may take."""
    came_to_its_end = first.outcome.stopped_by in _ENDS and recipe.time_budget_s is None
    return first.verdict.fault is not None and came_to_its_end and recipe.steps > TOO_FEW_STEPS


def starting_again(fault: Fault) -> str:
    """What is said at a second start."""
    return f"Starting again: the texture came out {_CAME_OUT[fault]}."


def warning_of(starts: Sequence[Start], kept: Start, noise: str) -> str:
    """What is said of a result with a fault, and what to try; empty when there is no fault.

    Args:
        noise: of every leg of the course, as server.guidance.course.Course.noise.
    """
    fault = kept.verdict.fault
    if fault is None:
        return ""
    twice = ", twice; the better of both is kept" if len(starts) > 1 else ""
    said = f"The texture came out {_CAME_OUT[fault]}{twice}."
    steps = kept.outcome.steps
    if len(starts) == 1 and (steps <= TOO_FEW_STEPS or kept.outcome.stopped_by not in _ENDS):
        return f"{said} It had only {steps} steps: try it with more."
    ways = ["other words", "another preset"]
    ways += ["noise attached to the tile"] if "fresh" in noise.split("-") else []
    ways += ["a smaller guidance scale"] if fault == "noise" else []
    return f"{said} Try {', '.join(ways[:-1])} or {ways[-1]}."


def account(starts: Sequence[Start], kept: Start) -> dict[str, Any]:
    """Fields of a report: how often the texture was started, which seed made it, "warning" when it has a fault (its
    name), and the denoiser calls of all starts."""
    fault = kept.verdict.fault
    return {
        "starts": len(starts),
        "made_from_seed": kept.seed,
        **({} if fault is None else {"warning": fault}),
        "denoiser_calls": sum(start.outcome.denoiser_calls for start in starts),
    }


def pack(first: Start) -> dict[str, Tensor]:
    """What a snapshot of the second start carries of the first."""
    outcome = first.outcome
    counts = [outcome.steps, outcome.denoiser_calls, outcome.skipped_steps, _ENDS.index(outcome.stopped_by)]
    return {
        f"{_CARRIED}counts": torch.tensor(counts),
        f"{_CARRIED}seconds": torch.tensor(outcome.seconds, dtype=torch.float64),
        **{f"{_CARRIED}picture.{name}": value for name, value in first.picture.state_dict().items()},
    }


def unpack(tensors: Mapping[str, Tensor], picture: Picture, seed: int, image_size: int) -> Start:
    """The first start that a snapshot of the second carries; `picture` becomes what it had made.

    Raises:
        ValueError: it carries none, or one of another picture.
    """
    prefix = f"{_CARRIED}picture."
    state = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    try:
        steps, calls, skipped, end = (int(number) for number in tensors[f"{_CARRIED}counts"])
        outcome = Outcome(steps, calls, float(tensors[f"{_CARRIED}seconds"]), _ENDS[end], skipped)
        picture.load_state_dict(state)
    except (KeyError, IndexError, RuntimeError, TypeError) as error:
        raise ValueError("what it says of the first start is missing or misshapen") from error
    return Start(seed, picture, outcome, look_at(picture, image_size))
