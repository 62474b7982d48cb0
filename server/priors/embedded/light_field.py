"""A light field: what colour a ray of a camera sees, given a caption, averaged over everything that is not given.

A regressor and no diffusion model: one pass, no noise, the conditional mean of the latent picture. Its answer is handed
to the diffusion network as extra input channels (as an inpainting model gets the known pixels), which is what makes so
small a network take notice of the camera: plain camera embeddings were ignored for the first hundred thousand pictures.
"""

from __future__ import annotations

import math

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional

from server.world.views import Views

SHIFTS = (-0.6, -0.3, 0.0, 0.3, 0.6)
FREQUENCIES = (0.5, 1.0, 2.0, 4.0)
RAY_FEATURES = 6 + 2 * 3 * len(SHIFTS) * len(FREQUENCIES)
CAMERA_FEATURES = 13
# What a caption comes to.
WORDS = 192


def ray_features(views: Views, size: int) -> Tensor:
    """Features [B, size, size, RAY_FEATURES] of the rays through an image's pixels.

    Direction and closest point to the origin, and sines and cosines of five points along the ray.
    """
    eye, direction = views.rays(size)
    eye = eye[:, None, None, :]
    closest = eye - (eye * direction).sum(-1, keepdim=True) * direction
    points = torch.stack([closest + shift * direction for shift in SHIFTS], -2)
    angles = torch.cat([points * (math.pi * frequency) for frequency in FREQUENCIES], -2).flatten(-2)
    return torch.cat([1.5 * direction, 1.5 * closest, torch.sin(angles), torch.cos(angles)], -1)


def camera_features(views: Views) -> Tensor:
    """[B, CAMERA_FEATURES]: harmonics of azimuth and elevation, and the distance."""
    waves = [k * views.azimuth for k in (1, 2, 3, 4)] + [k * views.elevation for k in (1, 2)]
    return torch.stack([f(w) for w in waves for f in (torch.sin, torch.cos)] + [4 * (views.distance - 3)], -1)


class _Block(nn.Module):
    """Residual block, modulated feature by feature (FiLM, Perez et al. 2018); starts as the identity."""

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.rise = nn.Linear(width, width)
        self.film = nn.Linear(code, 2 * width)
        self.fall = nn.Linear(width, width)
        nn.init.zeros_(self.fall.weight)
        nn.init.zeros_(self.fall.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = self.film(code)[:, None].chunk(2, -1)
        hidden = self.rise(self.norm(x)) * (1 + scale) + shift
        return x + self.fall(functional.silu(hidden))


class LightField(ModelMixin, ConfigMixin):
    """E[latent picture | caption, camera, background].

    Args:
        vocabulary: number of tokens; end: id of the end token, which is also the padding.
        size, channels: side and channels of the latent picture.
    """

    @register_to_config
    def __init__(
        self,
        vocabulary: int,
        end: int = 1,
        size: int = 16,
        channels: int = 12,
        width: int = 160,
        depth: int = 5,
        word_width: int = 96,
    ) -> None:
        super().__init__()
        code = 256
        self.word_vectors = nn.Embedding(vocabulary, word_width)
        # Three neighbouring words at a time: "blue handle" must not read like "blue mug with a handle".
        self.phrases = nn.Conv1d(word_width, WORDS, kernel_size=3, padding=1)
        self.code = nn.Sequential(
            nn.Linear(WORDS + CAMERA_FEATURES + 4, code), nn.SiLU(), nn.Linear(code, code), nn.SiLU()
        )
        self.first = nn.Linear(RAY_FEATURES, width)
        self.blocks = nn.ModuleList([_Block(width, code) for _ in range(depth)])
        self.last = nn.Linear(width, channels)

    def forward(self, tokens: Tensor, views: Views) -> Tensor:
        """Tokens [B, L] and B views (background None: not known) to latents [B, C, S, S], scaled as the network's."""
        return self.look(self.read(tokens), views)

    def read(self, tokens: Tensor) -> Tensor:
        """What captions say, the same from every camera: tokens [B, L] to [B, WORDS]."""
        real = (tokens != self.config["end"]).to(self.first.weight)[:, :, None]
        phrases = functional.silu(self.phrases((self.word_vectors(tokens) * real).transpose(1, 2))).transpose(1, 2)
        text: Tensor = (phrases * real).sum(1) / real.sum(1).clamp_min(1)
        return text

    def look(self, text: Tensor, views: Views) -> Tensor:
        """The second half of `forward`: `text` [B, WORDS] of `read`, or [1, WORDS] for all views."""
        return self.paint(self.rays(views), self.about(text, views))

    def rays(self, views: Views) -> Tensor:
        """What is known of the rays: [B, S * S, RAY_FEATURES]."""
        return ray_features(views, self.config["size"]).to(self.first.weight).flatten(1, 2)

    def about(self, text: Tensor, views: Views) -> Tensor:
        """What is known of whole pictures, caption, camera and background: [B, WORDS + CAMERA_FEATURES + 4]."""
        words = text.expand(len(views), -1)
        return torch.cat([words, camera_features(views).to(text), background_features(views).to(text)], 1)

    def paint(self, rays: Tensor, about: Tensor) -> Tensor:
        """The network behind `look`: latents [B, C, S, S] from `rays` and `about`."""
        code = self.code(about)
        x = self.first(rays)
        for block in self.blocks:
            x = block(x, code)
        size = self.config["size"]
        picture: Tensor = self.last(x).transpose(1, 2).unflatten(2, (size, size))
        return picture


def background_features(views: Views) -> Tensor:
    """[B, 4]: 1 and the colour in [-1, 1] where it is known, else zeros. A row of NaN is an unknown colour."""
    if views.background is None:
        return torch.zeros(len(views), 4, device=views.azimuth.device)
    known = ~views.background.isnan().any(-1, keepdim=True)
    colour = torch.where(known, 2 * views.background - 1, 0.0)
    return torch.cat([known.to(colour), colour], -1)
