"""A look-up oracle behind the interface of a diffusion model: closed-form denoisers of procedural pictures.

The ideal denoiser (Karras et al. 2022, eq. 57) returns the posterior mean over a finite set of pictures y_i,
D(z, sigma) = sum_i w_i y_i with w_i ~ p_i N(z; y_i, sigma^2 I). Here the set is a bank of renders of the named object,
or of windows onto the named surface, and each picture comes with the Gaussian family of its lightings and backgrounds,
so that the sum runs over low-rank Gaussians and every term is a linear-Gaussian posterior. No weights, no training, no
noise; also no idea of anything outside its vocabulary. For tests, for comparing methods, and for a first look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from server.errors import BadRequest
from server.priors.exact_card import EXACT_CARD, EXACT_TITLE
from server.priors.posterior import ObjectMixture, SurfaceMixture
from server.world.bank import LazyBank, in_view, spread_views
from server.world.captions import Caption, read_caption
from server.world.lamp import AMBIENT
from server.world.patterns import random_fields, two_colours
from server.world.shading import Layers, colour_layers, palette
from server.world.views import Views

BANK = 1500  # views of an object
WINDOWS = 3000  # windows onto a surface
NEAR = 24  # of them are looked at when the camera is known
CAMERA_SPREAD = 5.0  # degrees of rotation; the bank has about eight views within it
DISTANCE_SPREAD = 0.08
AMBIENT_SPREAD = 0.04

Mixture = ObjectMixture | SurfaceMixture


@dataclass(frozen=True)
class ExactCondition:
    """One mixture a batch element, or a single one for all of them."""

    mixtures: tuple[Mixture, ...]


class ExactPrior:
    """The exact prior. Latents are the pixels themselves, rearranged without loss to [B, 48, 16, 16] in [-1, 1]."""

    card = EXACT_CARD

    def condition(self, prompt: str, views: Views | None = None) -> ExactCondition:
        """A bank view is rendered when it is first needed; without views, all of them are, which takes some seconds.

        Views are compared by the rotation between cameras and by distance; surfaces look the same from anywhere.

        Raises:
            BadRequest: "prompt-unreadable"; "prior-has-no-unconditional" for an empty prompt.
        """
        if not prompt.strip():
            raise BadRequest(
                "prior-has-no-unconditional",
                f"{EXACT_TITLE} has no unconditional model, so it cannot be guided.",
                "Set the guidance scale to 1 or leave it out.",
            )
        caption = read_caption(prompt, reader=EXACT_TITLE)
        if caption.makes == "texture":
            return ExactCondition((_surface(caption),))
        if views is None:
            return ExactCondition((_from_anywhere(caption),))
        return ExactCondition(tuple(_from_views(caption, views)))

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[ExactCondition]) -> list[Tensor]:
        # Its pictures are in main memory, wherever the question comes from.
        pixels, level = functional.pixel_shuffle(noisy.cpu(), 4), sigma.cpu()
        means = [self._mean(pixels, level, condition) for condition in conditions]
        return [functional.pixel_unshuffle(mean, 4).to(noisy.device) for mean in means]

    @staticmethod
    def _mean(pixels: Tensor, sigma: Tensor, condition: ExactCondition) -> Tensor:
        flat = pixels.flatten(2)
        mixtures = condition.mixtures
        if len(mixtures) == 1:
            return mixtures[0].mean(flat, sigma).view_as(pixels)
        if len(mixtures) != len(flat):
            raise ValueError(f"{len(flat)} latents, but the condition was made for {len(mixtures)} views")
        means = [mixture.mean(flat[i : i + 1], sigma[i : i + 1]) for i, mixture in enumerate(mixtures)]
        return torch.cat(means).view_as(pixels)

    def encode(self, image: Tensor) -> Tensor:
        return functional.pixel_unshuffle(2 * image - 1, 4)

    def decode(self, latent: Tensor) -> Tensor:
        return (functional.pixel_shuffle(latent, 4) + 1) / 2


@lru_cache(maxsize=4)
def bank_of(kind: str) -> LazyBank:
    """The layers of a kind from `bank_views`."""
    return LazyBank(kind, bank_views(), EXACT_CARD.image_size)


@lru_cache(maxsize=1)
def bank_views() -> Views:
    """From where every object is known."""
    return spread_views(EXACT_CARD.cameras, BANK)


@lru_cache(maxsize=4)
def _windows(pattern: str) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return random_fields(pattern, WINDOWS, generator, EXACT_CARD.image_size).flatten(1)


def _surface(caption: Caption) -> SurfaceMixture:
    first, second = two_colours(caption)
    return SurfaceMixture(_windows(caption.name), 2 * second - 1, 2 * (first - second))


@lru_cache(maxsize=1)
def _from_anywhere(caption: Caption) -> ObjectMixture:
    chosen = torch.arange(BANK)
    if caption.view is not None:
        chosen = in_view(bank_views(), caption.view).nonzero().squeeze(1)
    return object_mixture(caption, bank_of(caption.name).pick(chosen), torch.zeros(len(chosen)), None)


def _from_views(caption: Caption, views: Views) -> list[ObjectMixture]:
    bank = bank_of(caption.name)
    log_prior = camera_log_prior(bank_views(), views)
    best, near = log_prior.topk(NEAR, dim=1)
    mixtures = []
    for i in range(len(views)):
        background = None if views.background is None else 2 * views.background[i].float().cpu() - 1
        mixtures.append(object_mixture(caption, bank.pick(near[i]), best[i], background))
    return mixtures


def camera_log_prior(bank: Views, views: Views) -> Tensor:
    """log p(bank view | wanted view) up to a constant, [B, N]: Gaussian in rotation angle and in apparent distance."""
    wanted, known = (torch.cat(v.frames()[1:], 1).float().cpu() for v in (views, bank))
    # The trace of the relative rotation is 1 + 2 cos(angle).
    angle = torch.rad2deg(torch.acos(((wanted @ known.T - 1) / 2).clamp(-1, 1)))
    wanted_far, known_far = ((v.distance * torch.tan(v.fov / 2)).float().cpu() for v in (views, bank))
    unit = float(torch.tan(bank.fov[0] / 2))
    far = (wanted_far[:, None] - known_far[None, :]) / unit
    return -0.5 * ((angle / CAMERA_SPREAD) ** 2 + (far / DISTANCE_SPREAD) ** 2)


def object_mixture(caption: Caption, layers: Layers, log_prior: Tensor, background: Tensor | None) -> ObjectMixture:
    """The pictures of an object whose layers [V, ...] are known, in a caption's colours.

    Args:
        log_prior: [V]; background: [3] in [-1, 1], None where it is not known.
    """
    flat, lit, coverage = (x.flatten(2) for x in colour_layers(layers, palette(caption, layers.materials)))
    # In one piece, because every question reads all of it.
    shape = (2 * (AMBIENT * flat + (1 - AMBIENT) * lit) - coverage).contiguous()
    swing = (2 * AMBIENT_SPREAD * (flat - lit)).contiguous()
    return ObjectMixture(shape, swing, 1 - coverage[:, 0], log_prior, background)
