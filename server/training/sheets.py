"""Contact sheets: what the networks draw, to be judged by eye while they train."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from server.guidance.sampling import sample as draw
from server.png import write_png
from server.priors.embedded.wording import tokens_of
from server.priors.parametrisation import as_denoiser
from server.training.heldout import HELD_OUT_COLOUR
from server.training.networks import Networks, noise_levels, predict_velocity
from server.world.captions import KINDS
from server.world.views import Views

AZIMUTHS = [0.0, 60.0, 120.0, 180.0, 240.0, 300.0]
WITHOUT_CAMERA = [
    "a yellow duck, side view", "a red car, front view", "a green tree", "a blue mug with a red handle",
    "a white house with a blue roof", "a red chair", "red bricks", "white dots on blue", "black and white stripes",
    "red checks on yellow", "brown planks", "blue waves", "cyan tiles", "grey cobblestone", "blue weave",
    "white marble", "green grass", "green scales",
]  # fmt: skip


def object_prompts() -> list[str]:
    """One prompt a kind: every other one in the colour that training never shows it in."""
    return [
        f"a {HELD_OUT_COLOUR[name] if i % 2 else kind.colour} {name}" for i, (name, kind) in enumerate(KINDS.items())
    ]


def turntable(count: int, device: torch.device) -> Views:
    """The sheet's cameras, `count` times over, on a light grey background."""
    views = Views.orbit(AZIMUTHS * count)
    background = torch.full((len(views), 3), 0.75)
    return replace(views, background=background).to(device)


@torch.no_grad()
def light_sheet(networks: Networks, path: Path, device: torch.device) -> None:
    """The light field alone: every kind from every azimuth."""
    prompts = [prompt for prompt in object_prompts() for _ in AZIMUTHS]
    tokens = tokens_of(networks.tokenizer, prompts).to(device)
    latents = networks.light_field(tokens, turntable(len(KINDS), device))
    save_grid(_decode(networks, latents), len(AZIMUTHS), path)


@torch.no_grad()
def sample_sheet(networks: Networks, path: Path, device: torch.device) -> None:
    """Samples of the whole pipeline: every kind from every azimuth, then prompts without a camera, three of each."""
    prompts = [prompt for prompt in object_prompts() for _ in AZIMUTHS]
    with_camera = sample(networks, prompts, turntable(len(KINDS), device), device)
    without = sample(networks, [prompt for prompt in WITHOUT_CAMERA for _ in range(3)], None, device)
    save_grid(torch.cat([with_camera, without]), len(AZIMUTHS), path)


@torch.no_grad()
def sample(
    networks: Networks,
    prompts: list[str],
    views: Views | None,
    device: torch.device,
    steps: int = 18,
    scale: float = 2.0,
    seed: int = 0,
) -> Tensor:
    """DDIM samples [B, 3, S, S] in [0, 1], one a prompt, by classifier-free guidance over the text alone."""
    levels = noise_levels()
    tokens = tokens_of(networks.tokenizer, prompts).to(device)
    silence = tokens_of(networks.tokenizer, [""]).to(device).expand_as(tokens)
    shape = (len(prompts), networks.unet.config.out_channels, *[networks.unet.config.sample_size] * 2)
    both = torch.cat([tokens, silence])
    seen = torch.zeros(2 * shape[0], *shape[1:], device=device)
    if views is not None:
        seen = torch.cat([networks.light_field(tokens, views), networks.light_field(silence, views)])

    def guided_velocity(scaled: Tensor, time: Tensor) -> Tensor:
        answers = predict_velocity(networks, torch.cat([scaled, scaled]), torch.cat([time, time]), both, seen)
        spoken, silent = answers.chunk(2)
        return silent + scale * (spoken - silent)

    times = torch.linspace(levels.steps - 1, 0, steps + 1)[:-1]
    sigmas = levels.sigma_of(times).tolist()
    denoiser = as_denoiser(guided_velocity, "v", levels)
    latents = draw(denoiser, shape, sigmas, torch.Generator().manual_seed(seed), "ddim", device=device)
    return _decode(networks, latents)


def _decode(networks: Networks, latents: Tensor) -> Tensor:
    code = networks.patch_code
    pictures: Tensor = code.decode(latents / code.config.scaling_factor).sample
    return ((pictures + 1) / 2).clamp(0, 1)


def save_grid(pictures: Tensor, columns: int, path: Path) -> None:
    """A grid of pictures [N, 3, S, S] in rows of `columns`; N must be a multiple of it."""
    rows = pictures.cpu().unflatten(0, (-1, columns)).permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)
    write_png(path, (rows * 255).round().to(torch.uint8).numpy())
