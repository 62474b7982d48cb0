"""The radiance field: points a second by each backend of its hash grid, and where the time of a training step goes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from server.accelerators import forget_peak, peak_of
from server.bench.timing import Stopwatch, best_times
from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.hash_grid import Backend, HashGridShape, choose_backend, make_hash_grid
from server.generators.radiance_field.subject import RadianceSubject
from server.generators.subject import Exposure
from server.priors.denoiser import Prior
from server.recipe import Recipe
from server.studio.climb import Step, step_generator
from server.studio.field_plan import field_plan
from server.studio.optimisation import Outcome, optimise

# What a batch of a training step comes to, once an object has formed.
POINTS = 10_000


def in_mib(peak: int | None) -> dict[str, int]:
    """A field of a result, where the device counts its memory."""
    return {} if peak is None else {"peak_mib": peak // 2**20}


def backends(device: str) -> dict[str, Backend]:
    """The backend that jobs on `device` use, and plain torch to compare it with."""
    chosen = choose_backend(device)
    return {"torch": Backend("torch", "plain torch hash grid, for comparison"), chosen.name: chosen}


def bench_field(recipe: Recipe, prior: Prior, device: str, on_step: Callable[[], None]) -> dict[str, Any]:
    """Rates and the parts of a step, by each of `backends`; `on_step` is called after each step of each.

    Returns:
        {"points": in a batch, "backends": {name: {"why", "mpoints_per_s": see `field_rates`}}, "step": {name: see
        `field_step`}}
    """
    chosen = backends(device)
    rates = field_rates(device)
    return {
        "points": POINTS,
        "backends": {name: {"why": chosen[name].why, "mpoints_per_s": rates[name]} for name in chosen},
        "step": {name: field_step(recipe, prior, name, device, on_step) for name in chosen},
    }


def field_rates(device: str, repeats: int = 20, points: int = POINTS) -> dict[str, dict[str, float]]:
    """Millions of points a second by each backend: forwards, and forwards and backwards, of grid and whole field.

    Returns:
        {backend: {"encoding_forward", "encoding_both", "field_forward", "field_both"}}
    """
    generator = torch.Generator().manual_seed(0)
    direction = nn.functional.normalize(torch.randn(points, 3, generator=generator), dim=1)
    where = (direction * torch.rand(points, 1, generator=generator) ** (1 / 3)).to(device)
    works: dict[str, Callable[[], None]] = {}
    for name in backends(device):
        field = _field(name, device)
        works |= {
            f"{name} encoding_forward": _forward(field.grid, (where + 1) / 2),
            f"{name} encoding_both": _both(field.grid, (where + 1) / 2),
            f"{name} field_forward": _forward(field, where),
            f"{name} field_both": _both(field, where),
        }
    rates: dict[str, dict[str, float]] = {}
    for key, seconds in best_times(works, repeats, device).items():
        name, what = key.split()
        rates.setdefault(name, {})[what] = round(points / seconds / 1e6, 3)
    return rates


def _field(backend: str, device: str) -> RadianceField:
    field = RadianceField(HashGridShape(), torch.Generator().manual_seed(0), device)
    field.grid = make_hash_grid(HashGridShape(), torch.Generator().manual_seed(0), device, 1e-3, backend)
    return field


def _forward(module: nn.Module, points: Tensor) -> Callable[[], None]:
    def work() -> None:
        with torch.no_grad():
            module(points)

    return work


def _both(module: nn.Module, points: Tensor) -> Callable[[], None]:
    def work() -> None:
        module.zero_grad(set_to_none=True)
        answer = module(points)
        parts = [answer] if isinstance(answer, Tensor) else list(answer)
        torch.autograd.backward(parts, [torch.ones_like(part) for part in parts])

    return work


def field_step(recipe: Recipe, prior: Prior, backend: str, device: str, on_step: Callable[[], None]) -> dict[str, Any]:
    """Seconds a step of a whole optimisation, by part; forward and backward passes together.

    Returns:
        {"rays", "field", "compositing", "denoiser", "guidance", "optimiser": seconds a step, "total": their sum,
         "steps": steps done, "peak_mib": most memory in use at once, CUDA only}. Looking up which cells are empty
         belongs to "rays"; "guidance" is the prompt's reading, the estimator's own arithmetic and the encoding of the
         image.
    """
    watch = Stopwatch(device)
    size = recipe.render_size or min(prior.card.image_size, 64)
    plan = field_plan(prior.card, device)
    generator = step_generator(recipe.seed, 0)
    subject = RadianceSubject(prior.card.cameras, recipe.views_per_step, size, generator, device, plan, recipe.seed)
    grid = make_hash_grid(plan.shape, step_generator(recipe.seed, 0), device, 1e-3, backend)
    subject.field.grid = grid
    _watch_field(subject.field, watch)

    def before_step() -> None:
        watch.enter("rays")

    def after_step(step: Step) -> None:
        watch.enter(None)
        on_step()

    forget_peak(device)
    optimising = register_optimizer_step_pre_hook(lambda *_: watch.enter("optimiser"))
    try:
        watched, asked = _Watched(subject, watch), _Asked(prior, watch)
        outcome: Outcome = optimise(watched, asked, recipe, after_step, before_step, warn)
    finally:
        optimising.remove()
    parts = {name: round(seconds / outcome.steps, 5) for name, seconds in watch.seconds.items()}
    total = round(sum(watch.seconds.values()) / outcome.steps, 5)
    return {**parts, "total": total, "steps": outcome.steps, **in_mib(peak_of(device))}


def warn(message: str) -> None:
    """On stderr, so that stdout stays one JSON document."""
    print(f"warning: {message}", file=sys.stderr)


def _watch_field(field: RadianceField, watch: Stopwatch) -> None:
    def begins(*_: object) -> None:
        watch.enter("field")

    def ends(module: nn.Module, points: object, answer: tuple[Tensor, Tensor]) -> None:
        watch.enter("compositing" if torch.is_grad_enabled() else "rays")
        for part in answer:
            if part.requires_grad:
                part.register_hook(begins)

    field.register_forward_pre_hook(begins)
    field.register_forward_hook(ends)


class _Watched:
    """A subject whose image says when its gradient has arrived."""

    def __init__(self, subject: RadianceSubject, watch: Stopwatch) -> None:
        self.parameter_groups, self.state = subject.parameter_groups, subject.state
        self.restore, self.lighten = subject.restore, subject.lighten
        self._subject = subject
        self._watch = watch

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        exposure = self._subject.expose(step, progress, generator)
        exposure.image.register_hook(lambda gradient: self._watch.enter("compositing"))
        self._watch.enter("guidance")
        return exposure


class _Asked:
    """A prior that says when its network runs."""

    def __init__(self, prior: Prior, watch: Stopwatch) -> None:
        self.card = prior.card
        self.condition, self.encode, self.decode = prior.condition, prior.encode, prior.decode
        self._prior = prior
        self._watch = watch

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[Any]) -> list[Tensor]:
        self._watch.enter("denoiser")
        answers = self._prior.denoise(noisy, sigma, conditions)
        self._watch.enter("guidance")
        return answers
