"""Training the embedded prior: first the light field alone, then, with the light field frozen, the diffusion network.

    python -m server train-prior --out RUN_FOLDER

The same command goes on where a stopped run was; see staged.py.
"""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.accelerators import has_bfloat16
from server.priors.embedded.wording import tokens_of, vocabulary
from server.priors.parametrisation import network_input, output_from_clean, per_element
from server.training import sheets
from server.training.captions_table import object_table, surface_table
from server.training.networks import build_networks, noise_levels, predict_velocity
from server.training.pictures import PictureBank, Watch, unwatched
from server.training.plan import Plan
from server.training.staged import Stage, StagedTrainer
from server.training.state import step_generator
from server.world.views import Views

SURFACES = 0.66  # share of the diffusion network's batches
NO_TEXT = 0.1
NO_CAMERA = 0.2
NO_BACKGROUND = 0.12


class Trainer(StagedTrainer):
    """One run in one folder. It has two stages, "light" and "diffusion"."""

    def __init__(self, plan: Plan, folder: Path, cache: Path, device: torch.device, watch: Watch = unwatched) -> None:
        stages = (
            Stage("light", plan.light_steps, plan.light_batch, plan.light_rate),
            Stage("diffusion", plan.steps, plan.batch, plan.rate, decay=0.9995),
        )
        super().__init__(stages, plan.seed, folder, device)
        self.plan = plan
        self.networks = build_networks(plan.size, plan.seed)
        for module in self._kept().values():
            module.to(device)
        self.bank = PictureBank(cache, plan.size.image, plan.views, plan.windows, device, watch=watch)
        self.objects = object_table(self.networks.tokenizer).to(device)
        self.surfaces = surface_table(self.networks.tokenizer).to(device)
        self.silence = tokens_of(self.networks.tokenizer, [""]).to(device)
        self.levels = noise_levels()
        if not self.start():
            self.networks.patch_code.fit(2 * self._fitting_pictures() - 1)

    def report(self) -> dict[str, Any]:
        plan = self.plan
        light = self.step if self.stage == "light" else plan.light_steps
        diffusion = self.step if self.stage == "diffusion" else 0
        images = {"light_field": light * plan.light_batch, "diffusion": diffusion * plan.batch}
        return {**super().report(), "images": images}

    # ----- the two losses

    def _losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        return self._light_losses(generator) if self.stage == "light" else self._diffusion_losses(generator)

    def _light_losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        batch = self.bank.draw_objects(self.objects, self.plan.light_batch, generator)
        with torch.no_grad():
            clean = self._encode(batch.pictures)
        tokens = self._forget(batch.tokens, 0.05, generator)
        with self._mixed_precision():
            seen = self.networks.light_field(tokens, self._hide_background(batch.views, generator))
        return {"loss": functional.mse_loss(seen.float(), clean)}

    def _diffusion_losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        count = self.plan.batch
        on_surfaces = round(SURFACES * count)
        objects = self.bank.draw_objects(self.objects, count - on_surfaces, generator)
        surfaces = self.bank.draw_surfaces(self.surfaces, on_surfaces, generator)
        split = count - on_surfaces
        tokens = self._forget(torch.cat([objects.tokens, surfaces.tokens]), NO_TEXT, generator)
        with torch.no_grad():
            clean = self._encode(torch.cat([objects.pictures, surfaces.pictures]))
            seen = torch.zeros_like(clean)
            camera = torch.rand(split, 1, 1, 1, device=self.device, generator=generator) >= NO_CAMERA
            with self._mixed_precision():
                answer = self.networks.light_field(tokens[:split], self._hide_background(objects.views, generator))
            seen[:split] = answer.float() * camera
        place = torch.rand(count, device=self.device, generator=generator)
        order = torch.randperm(count, device=self.device, generator=generator)
        timestep = ((order + place) / count * self.levels.steps).long().clamp(max=self.levels.steps - 1)
        sigma = per_element(self.levels.sigma_of(timestep.float()), clean)
        noisy = clean + sigma * torch.randn(clean.shape, device=self.device, generator=generator)
        wanted = output_from_clean(clean, noisy, sigma, "v")
        with self._mixed_precision():
            scaled = network_input(noisy, sigma, "v")
            velocity = predict_velocity(self.networks, scaled, timestep, tokens, seen)
        each = (velocity.float() - wanted).square().mean((1, 2, 3))
        return {"loss": each.mean(), "objects": each[:split].mean(), "surfaces": each[split:].mean()}

    def _encode(self, pictures: Tensor) -> Tensor:
        code = self.networks.patch_code
        latent: Tensor = code.encode(2 * pictures - 1).latent_dist.mode() * code.config.scaling_factor
        return latent

    def _forget(self, tokens: Tensor, share: float, generator: torch.Generator) -> Tensor:
        gone = torch.rand(len(tokens), device=self.device, generator=generator) < share
        return torch.where(gone[:, None], self.silence, tokens)

    def _hide_background(self, views: Views, generator: torch.Generator) -> Views:
        assert views.background is not None
        hidden = torch.rand(len(views), 1, device=self.device, generator=generator) < NO_BACKGROUND
        background = views.background.masked_fill(hidden, math.nan)
        return replace(views, background=background)

    # ----- the run

    def _modules(self) -> list[nn.Module]:
        networks = self.networks
        return [networks.light_field] if self.stage == "light" else [networks.text_encoder, networks.unet]

    def _kept(self) -> dict[str, nn.Module]:
        return {name: getattr(self.networks, name) for name in ("patch_code", "light_field", "text_encoder", "unet")}

    def _begin_stage(self, stage: str) -> None:
        super()._begin_stage(stage)
        if stage == "diffusion":
            self.networks.light_field.requires_grad_(False).eval()

    def _end_stage(self) -> None:
        """The light field is kept as its average."""
        self.average.swap(self._modules())
        self._begin_stage("diffusion")

    def _sheet(self, path: Path) -> None:
        draw = sheets.light_sheet if self.stage == "light" else sheets.sample_sheet
        draw(self.networks, path, self.device)

    def _mixed_precision(self) -> torch.autocast:
        """bfloat16 where a card has it; on the processors measured it gained nothing at these sizes."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=has_bfloat16(self.device))

    def _fitting_pictures(self) -> Tensor:
        generator = step_generator(self.plan.seed, "look", 0, self.device)
        objects = self.bank.draw_objects(self.objects, 512, generator)
        surfaces = self.bank.draw_surfaces(self.surfaces, 256, generator)
        return torch.cat([objects.pictures, surfaces.pictures])

    def _identity(self) -> dict[str, Any]:
        plan = self.plan
        return {
            "seed": plan.seed,
            "light_batch": plan.light_batch,
            "batch": plan.batch,
            "light_steps": plan.light_steps,
            "views": plan.views,
            "windows": plan.windows,
            "size": asdict(plan.size),
            "vocabulary": vocabulary(),
        }
