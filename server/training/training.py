"""Training the embedded prior: first the light field alone, then, with the light field frozen, the diffusion network.

    python -m server train-prior --out RUN_FOLDER

The same command goes on where a stopped run was. In RUN_FOLDER: `checkpoint.pt`, `log.jsonl`, `sheets/*.png`.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.accelerators import has_bfloat16
from server.errors import BadRequest
from server.priors.embedded.wording import tokens_of, vocabulary
from server.priors.parametrisation import network_input, output_from_clean, per_element
from server.training import sheets
from server.training.captions_table import object_table, surface_table
from server.training.networks import build_networks, noise_levels, predict_velocity
from server.training.pictures import PictureBank, Watch, unwatched
from server.training.plan import Plan
from server.training.state import (
    CHECKPOINT,
    LOG,
    LOG_EVERY,
    RunningAverage,
    read_checkpoint,
    step_generator,
    write_checkpoint,
)
from server.world.views import Views

SURFACES = 0.66  # share of the diffusion network's batches
NO_TEXT = 0.1
NO_CAMERA = 0.2
NO_BACKGROUND = 0.12


class Trainer:
    """One run in one folder."""

    def __init__(self, plan: Plan, folder: Path, cache: Path, device: torch.device, watch: Watch = unwatched) -> None:
        self.plan = plan
        self.device = device
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.networks = build_networks(plan.size, plan.seed)
        networks = self.networks
        for module in (networks.patch_code, networks.light_field, networks.text_encoder, networks.unet):
            module.to(device)
        self.bank = PictureBank(cache, plan.size.image, plan.views, plan.windows, device, watch=watch)
        self.objects = object_table(self.networks.tokenizer).to(device)
        self.surfaces = surface_table(self.networks.tokenizer).to(device)
        self.silence = tokens_of(self.networks.tokenizer, [""]).to(device)
        self.levels = noise_levels()
        self.stage = "light"
        self.step = 0
        self._begin_stage("light")
        if (folder / CHECKPOINT).exists():
            self._restore(read_checkpoint(folder / CHECKPOINT, device))
        else:
            self.networks.patch_code.fit(2 * self._fitting_pictures() - 1)

    def run(self, checkpoint_seconds: float, sheet_every: int, seconds: float = math.inf) -> None:
        """Train to the plan's end, or for `seconds`; leaves a checkpoint either way."""
        began = saved = time.monotonic()
        losses: list[dict[str, Tensor]] = []
        measured = time.monotonic()
        while not self.done and time.monotonic() - began < seconds:
            losses.append(self.advance())
            stage_over = self.step == (self.plan.light_steps if self.stage == "light" else self.plan.steps)
            if self.step % LOG_EVERY == 0 or stage_over:
                now = time.monotonic()
                self._log(losses, now - measured)
                losses, measured = [], now
            if self.step % sheet_every == 0:
                self.draw_sheet()
            if time.monotonic() - saved > checkpoint_seconds:
                self.save()
                saved = time.monotonic()
        self.save()
        self.draw_sheet()

    @property
    def done(self) -> bool:
        return self.stage == "diffusion" and self.step >= self.plan.steps

    def advance(self) -> dict[str, Tensor]:
        """One optimiser step of the current stage."""
        if self.stage == "light" and self.step >= self.plan.light_steps:
            self.average.swap([self.networks.light_field])
            self._begin_stage("diffusion")
        generator = step_generator(self.plan.seed, self.stage, self.step, self.device)
        rate = self._rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        losses = self._light_losses(generator) if self.stage == "light" else self._diffusion_losses(generator)
        self.optimiser.zero_grad(set_to_none=True)
        losses["loss"].backward()
        modules = self._modules(self.stage)
        nn.utils.clip_grad_norm_([p for m in modules for p in m.parameters()], 1.0)
        self.optimiser.step()
        self.average.update(modules)
        self.step += 1
        return {name: value.detach() for name, value in losses.items()}

    def save(self) -> None:
        networks = self.networks
        write_checkpoint(
            self.folder / CHECKPOINT,
            {
                "stage": self.stage,
                "step": self.step,
                "plan": self._identity(),
                "patch_code": networks.patch_code.state_dict(),
                "light_field": networks.light_field.state_dict(),
                "text_encoder": networks.text_encoder.state_dict(),
                "unet": networks.unet.state_dict(),
                "average": self.average.state(),
                "optimiser": self.optimiser.state_dict(),
            },
        )

    def report(self) -> dict[str, Any]:
        plan = self.plan
        light = self.step if self.stage == "light" else plan.light_steps
        diffusion = self.step if self.stage == "diffusion" else 0
        images = {"light_field": light * plan.light_batch, "diffusion": diffusion * plan.batch}
        return {"stage": self.stage, "step": self.step, "done": self.done, "images": images, "folder": str(self.folder)}

    @torch.no_grad()
    def draw_sheet(self) -> None:
        """Samples under the averaged weights, as a picture."""
        modules = self._modules(self.stage)
        (self.folder / "sheets").mkdir(exist_ok=True)
        self.average.swap(modules)
        sheet = sheets.light_sheet if self.stage == "light" else sheets.sample_sheet
        sheet(self.networks, self.folder / "sheets" / f"{self.stage}-{self.step:06d}.png", self.device)
        self.average.swap(modules)

    # ----- the two losses

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

    def _modules(self, stage: str) -> list[nn.Module]:
        networks = self.networks
        trained: dict[str, list[nn.Module]] = {
            "light": [networks.light_field],
            "diffusion": [networks.text_encoder, networks.unet],
        }
        return trained[stage]

    def _begin_stage(self, stage: str) -> None:
        self.stage, self.step = stage, 0
        modules = self._modules(stage)
        parameters = [p for m in modules for p in m.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, lr=self._rate(), betas=(0.9, 0.99), weight_decay=0.01)
        self.average = RunningAverage(modules, decay=0.999 if stage == "light" else 0.9995)
        for module in modules:
            module.train()
        if stage == "diffusion":
            self.networks.light_field.requires_grad_(False).eval()

    def _rate(self) -> float:
        """Warm-up, then a cosine for the light field; for the network a plateau that falls over the last third, so that
        a run can be made longer before it falls."""
        if self.stage == "light":
            return self.plan.light_rate * _warm(self.step, 200) * _cosine(self.step / self.plan.light_steps)
        falling = (self.step / self.plan.steps - 2 / 3) * 3
        return self.plan.rate * _warm(self.step, 200) * (_cosine(falling) if falling > 0 else 1.0)

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

    def _restore(self, state: dict[str, Any]) -> None:
        if state["plan"] != self._identity():
            raise BadRequest(
                "training-plan-differs",
                f"The run in {self.folder} was started with other values:"
                f" {_differences(state['plan'], self._identity())}.",
                "Give the same values to continue it, or another --out to start anew.",
            )
        networks = self.networks
        for name in ("patch_code", "light_field", "text_encoder", "unet"):
            getattr(networks, name).load_state_dict(state[name])
        self._begin_stage(state["stage"])
        self.step = int(state["step"])
        self.average.load(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])

    def _log(self, losses: list[dict[str, Tensor]], seconds: float) -> None:
        means = {name: float(torch.stack([loss[name] for loss in losses]).mean()) for name in losses[-1]}
        batch = self.plan.light_batch if self.stage == "light" else self.plan.batch
        line = {
            "stage": self.stage,
            "step": self.step,
            **{name: round(value, 6) for name, value in means.items()},
            "rate": round(self._rate(), 8),
            "images_per_second": round(batch * len(losses) / seconds, 1),
            "time": round(time.time(), 1),
        }
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")


def _differences(there: dict[str, Any], here: dict[str, Any]) -> str:
    return ", ".join(f"{name} {there.get(name)} and not {here[name]}" for name in here if there.get(name) != here[name])


def _warm(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / steps)


def _cosine(progress: float) -> float:
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
