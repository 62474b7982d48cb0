"""Training the stand-in: a small latent diffusion model that behaves like Stable Diffusion. First the autoencoder; then
photographs are drawn and encoded once; then the diffusion network and its text encoder.

    python -m server train-stand-in --out RUN_FOLDER

The same command goes on where a stopped run was; see staged.py. Beside its files there is `latents.safetensors`.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from server.files import write_bytes
from server.training.photographs import PhotographBank, caption_numbers, caption_parts, captions, without_view
from server.training.pictures import Watch, unwatched
from server.training.staged import Stage, StagedTrainer
from server.training.stand_in_networks import (
    SCALE,
    build_networks,
    build_scheduler,
    centre_latents,
    predict_noise,
    read,
    tokens_of,
)
from server.training.stand_in_plan import Plan
from server.training.stand_in_sheets import reconstruction_sheet, sample_sheet

LATENTS = "latents.safetensors"
KL = 3e-4  # weight of the divergence of a latent number, against the squared error of a pixel
CROPPED = 0.8  # share of the autoencoder's steps that see a quarter of each picture, which are four times as quick
NO_TEXT = 0.1
# The text encoder of a Stable Diffusion comes trained to tell texts apart. This one is made to by a probe that reads
# kind, colour and view from its states; without it, words for views are read alike, and nothing is learned from them.
PROBE = 0.1
NAMED = 0.8  # share of the captions that name the view: of all words, those are learned last
# The loss counts errors of the clean picture, as much as velocities do (1 + SNR) and no more than that of Min-SNR (Hang
# et al. 2023). That of the noise alone hardly counts what is decided at high noise: the thing, its colour and its side.
MOST_WEIGHT = 5.0


class Trainer(StagedTrainer):
    """One run in one folder. It has two stages, "code" and "diffusion"."""

    def __init__(self, plan: Plan, folder: Path, cache: Path, watch: Watch = unwatched) -> None:
        stages = (
            Stage("code", plan.code_steps, plan.code_batch, plan.code_rate),
            Stage("diffusion", plan.steps, plan.batch, plan.rate),
        )
        super().__init__(stages, plan.seed, folder, torch.device("cpu"))
        self.plan = plan
        self.networks = build_networks(plan.size, plan.seed)
        self.answers = caption_parts(torch.arange(len(captions())))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            self.probe = nn.Linear(plan.size.words, int(self.answers.amax(0).add(1).sum()))
        self.bank = PhotographBank(cache, plan.size.image, plan.views, watch=watch)
        self.tokens = tokens_of(self.networks.tokenizer, captions())
        self.silence = tokens_of(self.networks.tokenizer, [""])
        self.alphas = build_scheduler().alphas_cumprod
        self.start()

    # ----- the two losses

    def _losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        return self._code_losses(generator) if self.stage == "code" else self._diffusion_losses(generator)

    def _code_losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        pictures = 2 * self.bank.draw(self.plan.code_batch, generator).pictures - 1
        if self.step < CROPPED * self.plan.code_steps:
            pictures = _quarter(pictures, generator)
        code = self.networks.vae.encode(pictures).latent_dist
        noise = torch.randn(code.mean.shape, generator=generator)
        again = self.networks.vae.decode(code.mean + code.std * noise).sample
        square, divergence = functional.mse_loss(again, pictures), code.kl().sum() / code.mean.numel()
        # The absolute error keeps edges sharp.
        loss = square + 0.2 * functional.l1_loss(again, pictures) + KL * divergence
        return {"loss": loss, "square": square, "divergence": divergence}

    def _diffusion_losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        count = self.plan.batch
        chosen = torch.randint(len(self.latents), (count,), generator=generator)
        clean = self.latents[chosen].float()
        silent = torch.rand(count, 1, generator=generator) < NO_TEXT
        named = torch.rand(count, generator=generator) < NAMED
        spoken = torch.where(named, self.captions[chosen], without_view(self.captions[chosen]))
        tokens = torch.where(silent, self.silence, self.tokens[spoken])
        place = torch.rand(count, generator=generator)
        order = torch.randperm(count, generator=generator)
        timestep = ((order + place) / count * len(self.alphas)).long().clamp(max=len(self.alphas) - 1)
        kept = self.alphas[timestep][:, None, None, None]
        noise = torch.randn(clean.shape, generator=generator)
        noisy = kept.sqrt() * clean + (1 - kept).sqrt() * noise
        words = read(self.networks, tokens)
        error = (predict_noise(self.networks, noisy, timestep, words) - noise).square().mean((1, 2, 3))
        snr = (kept / (1 - kept)).flatten()
        picture = (error * (1 + snr).clamp(max=MOST_WEIGHT) / snr).mean()
        told_apart = self._tell_apart(words, self.answers[spoken], ~silent.squeeze(1))
        return {"loss": picture + PROBE * told_apart, "picture": picture, "noise": error.mean(), "words": told_apart}

    def _tell_apart(self, words: Tensor, answers: Tensor, said: Tensor) -> Tensor:
        """How far the probe is from reading the answers [B, 3] from texts [B, LENGTH, W], where anything was said."""
        sizes = (self.answers.amax(0) + 1).tolist()
        parts = self.probe(words.mean(1)).split(sizes, 1)
        losses = [
            functional.cross_entropy(part, answers[:, i], reduction="none") * said for i, part in enumerate(parts)
        ]
        return torch.stack(losses).sum(0).mean()

    # ----- the run

    @torch.no_grad()
    def _end_stage(self) -> None:
        """Fix the autoencoder, scale its latents, and encode the photographs of the next stage."""
        vae = self.networks.vae
        self.draw_sheet()
        self.average.swap(self._modules())
        vae.eval().requires_grad_(False)
        centre_latents(vae, self._encode(2048, 1)[0])
        latents, chosen = self._encode(self.plan.pictures, 2)
        latents = (latents * SCALE).half()
        write_bytes(self.folder / LATENTS, save({"latents": latents.contiguous(), "captions": chosen}))
        self._begin_stage("diffusion")
        self.save()

    def _encode(self, count: int, salt: int) -> tuple[Tensor, Tensor]:
        """Raw latents and numbers of captions of `count` photographs."""
        found, chosen = [], []
        for start in range(0, count, 256):
            generator = torch.Generator().manual_seed(self.plan.seed + 1_000_000_000 * salt + start)
            photographs = self.bank.draw(min(256, count - start), generator)
            found.append(self.networks.vae.encode(2 * photographs.pictures - 1).latent_dist.mean)
            chosen.append(caption_numbers(photographs))
        return torch.cat(found), torch.cat(chosen)

    def _modules(self) -> list[nn.Module]:
        networks = self.networks
        return [networks.vae] if self.stage == "code" else [networks.text_encoder, networks.unet, self.probe]

    def _kept(self) -> dict[str, nn.Module]:
        networks = {name: getattr(self.networks, name) for name in ("vae", "text_encoder", "unet")}
        return {**networks, "probe": self.probe}

    def _begin_stage(self, stage: str) -> None:
        super()._begin_stage(stage)
        if stage == "diffusion":
            self.networks.vae.eval().requires_grad_(False)
            kept = load_file(self.folder / LATENTS)
            self.latents, self.captions = kept["latents"], kept["captions"]

    def _sheet(self, path: Path) -> None:
        if self.stage == "code":
            photographs = self.bank.draw(32, torch.Generator().manual_seed(0))
            reconstruction_sheet(self.networks, photographs.pictures, path)
        else:
            sample_sheet(self.networks, path)

    def _identity(self) -> dict[str, Any]:
        plan = self.plan
        numbers = {"seed": plan.seed, "code_steps": plan.code_steps, "pictures": plan.pictures, "views": plan.views}
        return {**numbers, "batch": plan.batch, "size": asdict(plan.size)}


def _quarter(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """The same quarter of all pictures, from anywhere."""
    half = pictures.shape[-1] // 2
    top, left = torch.randint(half + 1, (2,), generator=generator).tolist()
    return pictures[..., top : top + half, left : left + half]
