"""A linear image code with the interface of a latent-diffusion autoencoder.

Every 4 x 4 patch is projected onto its first principal components: [B, 3, 64, 64] becomes [B, 12, 16, 16]. This is
orthonormal, so distances between codes are distances between (projected) pictures, and its gradient is a matrix.
"""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from torch import Tensor, nn
from torch.nn import functional


class PointLatents:
    """The distribution of codes given an image: a point."""

    def __init__(self, mean: Tensor) -> None:
        self.mean = mean

    def mode(self) -> Tensor:
        return self.mean

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        return self.mean


class PatchCode(ModelMixin, ConfigMixin):
    """Principal components of patches; `fit` finds them, `encode` and `decode` behave as AutoencoderKL's.

    Pictures are in [-1, 1]. As everywhere in latent diffusion, a network works on codes times `scaling_factor`.
    """

    @register_to_config
    def __init__(self, patch: int = 4, latent_channels: int = 12, scaling_factor: float = 0.5) -> None:
        super().__init__()
        self.patch = patch
        self.mean = nn.Parameter(torch.zeros(3 * patch * patch), requires_grad=False)
        self.components = nn.Parameter(torch.eye(latent_channels, 3 * patch * patch), requires_grad=False)

    @torch.no_grad()
    def fit(self, pictures: Tensor) -> float:
        """Principal components of `pictures` [N, 3, S, S] in [-1, 1]; returns the root mean square error they leave."""
        patches = functional.pixel_unshuffle(pictures, self.patch).movedim(1, -1).flatten(0, -2).double()
        mean = patches.mean(0)
        centred = patches - mean
        _, vectors = torch.linalg.eigh(centred.T @ centred)
        components = vectors.flip(1).T[: self.components.shape[0]]
        # Eigenvectors have no sign; this choice makes the fit reproducible.
        components = components * components.sum(1, keepdim=True).sign()
        self.mean.copy_(mean.float())
        self.components.copy_(components.float())
        left = centred - centred @ components.T @ components
        return float(left.square().mean().sqrt())

    def encode(self, pictures: Tensor) -> AutoencoderKLOutput:
        patches = functional.pixel_unshuffle(pictures, self.patch)
        weight = self.components[:, :, None, None].to(pictures)
        return AutoencoderKLOutput(latent_dist=PointLatents(functional.conv2d(patches - self._mean(pictures), weight)))

    def decode(self, latents: Tensor) -> DecoderOutput:
        weight = self.components.T[:, :, None, None].to(latents)
        patches = functional.conv2d(latents, weight) + self._mean(latents)
        return DecoderOutput(sample=functional.pixel_shuffle(patches, self.patch))

    def _mean(self, like: Tensor) -> Tensor:
        return self.mean[:, None, None].to(like)
