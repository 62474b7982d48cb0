"""The two protocols between a diffusion model and everything that uses it, in EDM form (Karras et al. 2022).

A noisy latent is z = y + sigma * noise with y clean. A denoiser returns D(z, sigma), its estimate of E[y | z]; the
score is (D - z) / sigma^2. Every prior converts its own parametrisation (eps, v, flow) at its door, so that no other
file knows about betas or timesteps.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from torch import Tensor

from server.priors.branches import CONDITIONAL, UNCONDITIONAL, ClassifierFree, Rule, negative
from server.priors.card import PriorCard
from server.priors.parametrisation import Denoiser as Denoiser
from server.world.views import Views


class Conditional(Protocol):
    """A network that can be asked about several conditions at once."""

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[Any]) -> list[Tensor]:
        """One D(z, sigma) for each condition, from a single batched forward pass where the model allows it.

        Args:
            noisy: [B, ...] latents y + sigma n.
            sigma: [B] noise levels, > 0.
            conditions: results of `Prior.condition`, each for the same B views.
        """


class Prior(Conditional, Protocol):
    """p(image | prompt), as a conditional denoiser over latents."""

    card: PriorCard

    def condition(self, prompt: str, views: Views | None = None) -> Any:
        """What `denoise` needs to know of a prompt seen from `views` (None: from anywhere). Cheap after the first call
        with a prompt. An empty prompt is the unconditional model.

        Raises:
            BadRequest: code "prompt-unreadable" when the prior cannot read the prompt at all.
        """

    def encode(self, image: Tensor) -> Tensor:
        """Differentiable map from images [B, 3, S, S] in [0, 1] to latents; S is the card's image_size."""

    def decode(self, latent: Tensor) -> Tensor:
        """Latents to images [B, 3, S, S] in [0, 1] (not clamped)."""


class Guided:
    """Several conditions of one network as a plain denoiser.

    Args:
        conditional, unconditional, negatives: results of `Prior.condition` for the prompt, the empty prompt and
            whatever is to be avoided; the latter only where the rule needs them.
        scale: of classifier-free guidance, D = D_u + w (D_c - D_u); 1 is the conditional model alone.
        rule: how the answers are combined, in place of plain classifier-free guidance.

    Attributes:
        calls: evaluations of the network per batch element: a guided evaluation costs two or more.
    """

    def __init__(
        self,
        network: Conditional,
        conditional: Any,
        unconditional: Any = None,
        scale: float = 1.0,
        *,
        negatives: Sequence[Any] = (),
        rule: Rule | None = None,
    ) -> None:
        if rule is None and scale != 1.0 and unconditional is None:
            raise ValueError("guidance with a scale other than 1 needs an unconditional condition")
        self._network = network
        avoided = {negative(number): condition for number, condition in enumerate(negatives)}
        self._conditions = {CONDITIONAL: conditional, UNCONDITIONAL: unconditional, **avoided}
        self._rule = ClassifierFree(scale) if rule is None else rule
        self.calls = 0

    def __call__(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        return self._evaluate(noisy, sigma, self._rule)

    def at_scale(self, scale: float) -> Denoiser:
        """The same model under plain classifier-free guidance of another scale, counting its calls here; without an
        unconditional condition it cannot be guided, and this is the conditional model alone."""
        if self._conditions[UNCONDITIONAL] is None:
            scale = 1.0
        return partial(self._evaluate, rule=ClassifierFree(scale))

    def _evaluate(self, noisy: Tensor, sigma: Tensor, rule: Rule) -> Tensor:
        branches = rule.needs(sigma)
        conditions = [self._conditions.get(branch) for branch in branches]
        if any(condition is None for condition in conditions):
            raise ValueError(f"{rule} needs the conditions {', '.join(branches)}")
        self.calls += len(branches)
        answers = self._network.denoise(noisy, sigma, conditions)
        return rule.combine(noisy, sigma, dict(zip(branches, answers, strict=True)))


def at_scale(denoiser: Denoiser, scale: float) -> Denoiser:
    """`denoiser` at another guidance scale. One without guidance believes the same with and without its condition, so
    it is its own answer at every scale."""
    return denoiser.at_scale(scale) if isinstance(denoiser, Guided) else denoiser
