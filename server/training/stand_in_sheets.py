"""Contact sheets: what the stand-in draws, to be judged by eye while it trains."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from server.priors.pretrained.wording import VIEW_WORDS
from server.training.sheets import save_grid
from server.training.stand_in_networks import SCALE, Networks, build_scheduler, predict_noise, read, tokens_of

SHOWN = (
    "a yellow duck", "a red car", "a brown chair", "a white house", "a white snowman", "a blue mug", "a blue cube",
    "a red mushroom",
)  # fmt: skip
COLUMNS = 1 + len(VIEW_WORDS)


@torch.no_grad()
def reconstruction_sheet(networks: Networks, pictures: Tensor, path: Path) -> None:
    """Rows of pictures [N, 3, S, S], N a multiple of 8, each above what the autoencoder makes of it."""
    again = _decode(networks, networks.vae.encode(2 * pictures - 1).latent_dist.mean)
    rows = [row for pair in zip(pictures.split(8), again.split(8), strict=True) for row in pair]
    save_grid(torch.cat(rows), 8, path)


@torch.no_grad()
def sample_sheet(networks: Networks, path: Path) -> None:
    """A sample of every prompt without a view and with each; a row a prompt."""
    prompts = [prompt + view for prompt in SHOWN for view in ("", *VIEW_WORDS)]
    save_grid(sample(networks, prompts), COLUMNS, path)


@torch.no_grad()
def sample(networks: Networks, prompts: list[str], steps: int = 15, scale: float = 3.0, seed: int = 0) -> Tensor:
    """DDIM samples [B, 3, S, S] in [0, 1], one a prompt, with classifier-free guidance."""
    scheduler = build_scheduler()
    scheduler.set_timesteps(steps)
    both = read(networks, tokens_of(networks.tokenizer, prompts + [""] * len(prompts)))
    side = networks.unet.config.sample_size
    latents = torch.randn(len(prompts), 4, side, side, generator=torch.Generator().manual_seed(seed))
    for timestep in scheduler.timesteps:
        noise = predict_noise(networks, torch.cat([latents, latents]), timestep.expand(len(both)), both)
        spoken, silent = noise.chunk(2)
        latents = scheduler.step(silent + scale * (spoken - silent), timestep, latents).prev_sample
    return _decode(networks, latents / SCALE)


def _decode(networks: Networks, raw: Tensor) -> Tensor:
    pictures: Tensor = networks.vae.decode(raw).sample
    return (pictures / 2 + 0.5).clamp(0, 1)
