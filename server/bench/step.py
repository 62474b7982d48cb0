"""What a whole step of an optimisation costs beside its bare denoiser calls, by the size of the rendering."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from server.accelerators import forget_peak, peak_of, wait_for
from server.bench.field import in_mib, warn
from server.bench.timing import seconds_of
from server.generators.radiance_field.subject import OCCUPANCY_FROM_STEP, RadianceSubject
from server.generators.subject import Exposure
from server.priors.denoiser import Prior
from server.recipe import Recipe
from server.studio.climb import Step, step_generator
from server.studio.field_plan import field_plan
from server.studio.optimisation import SNAPSHOTS, optimise

# Of the unit ball that objects are made in. Fields that fill more of it are not rendered at full size.
OBJECT_RADIUS = 0.6


def bench_step(
    recipe: Recipe, prior: Prior, size: int, steps: int, device: str, on_step: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Time steps as they are at the end of a run; after each, its denoiser calls and its encoding once more, alone.

    Args:
        recipe: of a mesh. Its own number of steps is not used.
        size: pixels per side of the renderings.
        steps: timed, after one that warms up.

    Returns:
        {"step", "denoiser", "encoding": median seconds; encoding is forwards and backwards, "ratio": median of step /
         denoiser, "ratio_spread": its smallest and largest, "denoiser_calls": of a step, "render_size": what was
         rendered, "peak_mib": most memory in use at once, where it is counted}
    """
    watched = _Watched(prior)
    generator = step_generator(recipe.seed, 0)
    plan = field_plan(prior.card, device)
    field = RadianceSubject(prior.card.cameras, recipe.views_per_step, size, generator, device, plan, recipe.seed)
    field.occupancy.cells = _ball(field.occupancy.side).to(device)
    subject = _AtItsEnd(field)
    # So long that no snapshot falls into the steps that are timed: in a real run they are rare.
    recipe = recipe.model_copy(update={"steps": SNAPSHOTS * (steps + 2)})
    seconds: list[tuple[float, float, float]] = []
    since = time.perf_counter()
    calls = done = 0
    peaks: list[int | None] = []
    forget_peak(device)

    def after_step(step: Step) -> None:
        nonlocal since, calls, done
        wait_for(device)
        whole = time.perf_counter() - since
        peaks.append(peak_of(device))
        asked, encoded = watched.take()
        denoiser = seconds_of(lambda: [prior.denoise(*arguments) for arguments in asked], device)
        encoding = seconds_of(lambda: [_there_and_back(prior, image) for image in encoded], device)
        if step.number > 1:
            seconds.append((whole, denoiser, encoding))
        done, calls = step.number, step.denoiser_calls // step.number
        on_step()
        forget_peak(device)
        since = time.perf_counter()

    optimise(subject, watched, recipe, after_step, lambda: "finish" if done > steps else None, warn)
    ratios = [whole / denoiser for whole, denoiser, _ in seconds]
    whole, denoiser, encoding = (round(statistics.median(column), 5) for column in zip(*seconds, strict=True))
    return {
        "step": whole,
        "denoiser": denoiser,
        "encoding": encoding,
        "ratio": round(statistics.median(ratios), 3),
        "ratio_spread": [round(min(ratios), 3), round(max(ratios), 3)],
        "denoiser_calls": calls,
        "render_size": subject.size,
        **in_mib(max((peak for peak in peaks if peak is not None), default=None)),
    }


def _ball(side: int) -> Tensor:
    """Cells of an object of usual size, bool [side, side, side]."""
    axis = (torch.arange(side) + 0.5) * (2 / side) - 1
    return torch.cartesian_prod(axis, axis, axis).norm(dim=1).view(side, side, side) < OBJECT_RADIUS


def _there_and_back(prior: Prior, image: Tensor) -> Tensor:
    prior.encode(image.requires_grad_()).sum().backward()
    return image


class _Watched:
    """A prior that remembers what it was asked since the last `take`."""

    def __init__(self, prior: Prior) -> None:
        self.card = prior.card
        self.condition, self.decode = prior.condition, prior.decode
        self._prior = prior
        self._asked: list[tuple[Tensor, Tensor, Sequence[Any]]] = []
        self._encoded: list[Tensor] = []

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[Any]) -> list[Tensor]:
        self._asked.append((noisy, sigma, conditions))
        return self._prior.denoise(noisy, sigma, conditions)

    def encode(self, image: Tensor) -> Tensor:
        self._encoded.append(image.detach())
        return self._prior.encode(image)

    def take(self) -> tuple[list[tuple[Tensor, Tensor, Sequence[Any]]], list[Tensor]]:
        taken = self._asked, self._encoded
        self._asked, self._encoded = [], []
        return taken


class _AtItsEnd:
    """A radiance field in the last part of its run, where renderings are largest and all of it is shown.

    Attributes:
        size: pixels per side of the last rendering.
    """

    def __init__(self, subject: RadianceSubject) -> None:
        self.parameter_groups, self.state = subject.parameter_groups, subject.state
        self.restore, self.lighten = subject.restore, subject.lighten
        self.size = 0
        self._subject = subject

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        # Before its first refresh the occupancy grid stays as it was set.
        exposure = self._subject.expose(step % OCCUPANCY_FROM_STEP, 1.0, generator)
        self.size = exposure.image.shape[-1]
        return exposure
