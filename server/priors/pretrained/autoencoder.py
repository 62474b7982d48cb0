"""The autoencoder of a latent diffusion model: images to latents of standard deviation about 1, and back."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, cast

import torch
from torch import Tensor

from server.priors.resizing import to_side

# Of the memory that is free; the field and its rendering need some, too.
MOST_FOR_ACTIVATIONS = 0.4
# Largest number of a gradient on its way through float16: as far from its least as from its end.
LOUDNESS = 16.0


class Autoencoder:
    """An AutoencoderKL of the diffusers library.

    The activations of its encoder are the largest thing in memory: 1.5 GB for a picture of Stable Diffusion 1 in half
    precision, 13 GB for one of XL. Where they do not fit they are computed again on the way back, which makes encoding
    half as slow again.

    z = (raw - shift_factor) scaling_factor, or, for models that normalise every channel by itself,
    z = (raw - latents_mean) scaling_factor / latents_std.

    Args:
        vae: on its device, in its dtype, which need not be float32.
        size: side of the images it was trained on.
        free_memory: bytes that may be had at the moment.
    """

    def __init__(self, vae: Any, size: int, free_memory: Callable[[], float] = lambda: inf) -> None:
        self._vae = vae
        self._size = size
        self._free_memory = free_memory
        self._activation_bytes = activation_bytes(vae, size)
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
        if len(image) * self._activation_bytes > MOST_FOR_ACTIVATIONS * self._free_memory():
            self._vae.enable_gradient_checkpointing()
        else:
            self._vae.disable_gradient_checkpointing()
        picture = image * 2 - 1
        mean = cast(Tensor, self._vae.encode(picture.to(self._vae.dtype)).latent_dist.mean.float())
        if self._vae.dtype == torch.float16 and mean.requires_grad:
            _scale_gradient(picture, mean)
        return (mean - self._centre) * self._scale

    @torch.no_grad()
    def decode(self, latent: Tensor) -> Tensor:
        """Latents to images [B, 3, S, S], about [0, 1]."""
        raw = latent / self._scale + self._centre
        return cast(Tensor, self._vae.decode(raw.to(self._vae.dtype)).sample.float() / 2 + 0.5)


def _scale_gradient(start: Tensor, end: Tensor) -> None:
    """Let the gradient travel from `end` back to `start` as large as float16 bears it: a render's gradients are so
    small that many would become zero on the way. Powers of two cost no precision."""
    scale = torch.ones((), device=start.device)

    def enlarge(gradient: Tensor) -> Tensor:
        nonlocal scale
        largest = gradient.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
        scale = torch.exp2(torch.log2(LOUDNESS / largest).floor().clamp(-100, 100))
        return gradient * scale

    end.register_hook(enlarge)
    start.register_hook(lambda gradient: gradient / scale)


def activation_bytes(vae: Any, size: int) -> float:
    """About what the encoder remembers of one picture of `size` x `size` for its way back. Nothing is computed."""
    with torch.device("meta"):
        twin = type(vae).from_config(vae.config).requires_grad_(False)
        picture = torch.zeros(1, 3, size, size, requires_grad=True)
    own = {id(parameter) for parameter in twin.parameters()}
    # Kept alive until they are counted, since identities of dead tensors are used again.
    remembered: dict[int, Tensor] = {}

    def remember(tensor: Tensor) -> Tensor:
        if id(tensor) not in own:
            remembered[id(tensor)] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        twin.encode(picture)
    return sum(tensor.numel() for tensor in remembered.values()) * float(vae.dtype.itemsize)
