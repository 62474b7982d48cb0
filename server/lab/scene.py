"""An image prior that was asked for one picture, from no particular view: what the figures on images are made with.

What moves is a batch of latents, with nothing between them and the prior; the paper's generator is a coordinate network
(`evaluate prompts` has one).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from server.guidance.estimate import Estimate, Estimator
from server.guidance.mean_shift import Exact, Noised, Paper, Tweedie
from server.guidance.noise import Noise
from server.guidance.sampling import sample
from server.guidance.schedules import Schedule, karras_grid
from server.guidance.score_distillation import ScoreDistillation
from server.lab.optimisation import Run, optimise
from server.priors.card import PriorCard
from server.priors.denoiser import Denoiser, Guided, Prior

DDIM_STEPS = 20
# A picture of nothing much.
START_SPREAD = 0.1


class Scene:
    """Args:
    prompt: without a view.

    Raises:
        BadRequest: code "prompt-unreadable" when the prior cannot read it.
    """

    def __init__(self, prior: Prior, prompt: str) -> None:
        self.prior = prior
        self.prompt = prompt
        self.scale = prior.card.guidance_scale
        self._wanted, self._nothing = prior.condition(prompt), prior.condition("")

    @property
    def card(self) -> PriorCard:
        return self.prior.card

    def denoiser(self) -> Guided:
        return Guided(self.prior, self._wanted, self._nothing, self.scale)

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """Grey latents [count, C, H, W]."""
        return START_SPREAD * torch.randn((count, *self.card.latent_shape), generator=generator)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """DDIM samples [count, C, H, W], latents."""
        grid = karras_grid(0.05, 14.0, DDIM_STEPS)
        return sample(self.denoiser(), (count, *self.card.latent_shape), grid, generator, "ddim")

    @torch.no_grad()
    def pictures(self, latents: Tensor) -> Tensor:
        """[B, 3, S, S] in [0, 1]."""
        return self.prior.decode(latents).clamp(0, 1)

    def run(self, estimator: Estimator, steps: int) -> Run:
        """The prior's own course of bandwidths, and steps long enough to leave grey behind."""
        card = self.card
        bandwidths = Schedule(card.bandwidth_schedule, card.bandwidth_start, card.bandwidth_end)
        return Run(estimator, steps, bandwidths, Schedule("cosine", 4.0 / steps, 0.0))

    def climb(
        self,
        estimator: Estimator,
        start: Tensor,
        steps: int,
        generator: torch.Generator,
        on_step: Callable[[int, Tensor, float], None] = lambda step, latents, q: None,
    ) -> tuple[Tensor, float]:
        """Where `steps` updates of Adam lead, and q there. Raises Diverged, as `optimise`."""
        outcome = optimise(self.run(estimator, steps), self.denoiser(), start, generator, on_step)
        return outcome.points, outcome.q


def estimators(card: PriorCard) -> dict[str, Estimator]:
    """Those that are compared on images, with the settings of the prior's card."""
    paper = {"steps": card.sampler_steps, "interval": card.interval, "inversion_scale": card.inversion_scale}
    return {
        "sds": ScoreDistillation(),
        "noised": Noised(),
        "exact": Exact(steps=card.sampler_steps),
        "paper-random": Paper(centre="random", **paper),  # type: ignore[arg-type]
        "paper-inversion": Paper(centre="inversion", **paper),  # type: ignore[arg-type]
        "paper": Paper(**paper),  # type: ignore[arg-type]
        "tweedie": Tweedie(),
    }


@dataclass
class Recorded:
    """An estimator that remembers the shell ratio of every estimate."""

    estimator: Estimator
    shells: list[float] = field(default_factory=list)

    def __call__(self, denoiser: Denoiser, x: Tensor, bandwidth: float, noise: Noise) -> Estimate:
        estimate = self.estimator(denoiser, x, bandwidth, noise)
        if estimate.shell_ratio is not None:
            self.shells.append(float(estimate.shell_ratio))
        return estimate


def rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def detail(pictures: Tensor) -> float:
    """Mean step between neighbouring pixels: small in a blur."""
    return float((pictures.diff(dim=-1).abs().mean() + pictures.diff(dim=-2).abs().mean()) / 2)
