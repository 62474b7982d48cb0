"""The autoencoder of a latent diffusion model: images to latents of standard deviation about 1, and back."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from server.priors.resizing import to_side


class Autoencoder:
    """An AutoencoderKL of the diffusers library.

    z = (raw - shift_factor) scaling_factor, or, for models that normalise every channel by itself,
    z = (raw - latents_mean) scaling_factor / latents_std.

    Args:
        vae: on its device, in its dtype, which need not be float32.
        size: side of the images it was trained on.
    """

    def __init__(self, vae: Any, size: int) -> None:
        self._vae = vae
        self._size = size
        config = vae.config
        centre, scale = config.shift_factor or 0.0, config.scaling_factor
        if config.latents_mean is not None and config.latents_std is not None:
            centre = torch.tensor(config.latents_mean, device=vae.device).reshape(1, -1, 1, 1)
            scale = scale / torch.tensor(config.latents_std, device=vae.device).reshape(1, -1, 1, 1)
        self._centre: float | Tensor = centre
        self._scale: float | Tensor = scale

    def encode(self, image: Tensor) -> Tensor:
        """Mean of the encoder's posterior, normalised; differentiable.

        Args:
            image: [B, 3, S, S] in [0, 1]; resized when S is not `size`.
        """
        image = to_side(image, self._size)
        mean = self._vae.encode((image * 2 - 1).to(self._vae.dtype)).latent_dist.mean
        return cast(Tensor, (mean.float() - self._centre) * self._scale)

    @torch.no_grad()
    def decode(self, latent: Tensor) -> Tensor:
        """Latents to images [B, 3, S, S], about [0, 1]."""
        raw = latent / self._scale + self._centre
        return cast(Tensor, self._vae.decode(raw.to(self._vae.dtype)).sample.float() / 2 + 0.5)
