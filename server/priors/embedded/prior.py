"""The embedded prior: the light field's view of a prompt, refined by the diffusion network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from server.errors import BadRequest
from server.priors.captions import read_known_words
from server.priors.embedded.card import EMBEDDED_CARD, WEIGHTS
from server.priors.embedded.evaluations import ParallelEvaluations
from server.priors.embedded.wording import tokens_of
from server.priors.parametrisation import NoiseTable, as_denoiser
from server.priors.views import Views

REMEMBERED_PROMPTS = 64


@dataclass(frozen=True)
class EmbeddedCondition:
    """Attributes:
    states: of the text encoder, [1, L, W].
    seen: what the light field sees, [B, C, S, S] for B views; zeros [1, C, S, S] without a camera.
    """

    states: Tensor
    seen: Tensor


class EmbeddedPrior:
    """The diffusers folder `weights`; see export.py for its layout.

    Latents have the scale of training (pixels in [-1, 1], patch components, times one half); noise levels that it was
    trained for are about .03 to 14.6 of that scale.
    """

    card = EMBEDDED_CARD

    def __init__(self, folder: Path = WEIGHTS, device: str = "cpu") -> None:
        # Imported here, because these libraries take seconds and the file must be cheap to import.
        from diffusers import DDIMScheduler, UNet2DConditionModel
        from transformers import CLIPTextModel, CLIPTokenizer

        from server.priors.embedded.light_field import LightField
        from server.priors.embedded.patch_code import PatchCode
        from server.priors.quiet import without_progress_bars

        self._check(folder)
        self.device = torch.device(device)
        options: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "low_cpu_mem_usage": False}
        with without_progress_bars():
            self._tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
            self._text_encoder: Any = CLIPTextModel.from_pretrained(
                folder / "text_encoder", dtype=torch.float32, **options
            )
            self._light_field: Any = LightField.from_pretrained(
                folder / "light_field", torch_dtype=torch.float32, **options
            )
            self._vae: Any = PatchCode.from_pretrained(folder / "vae", torch_dtype=torch.float32, **options)
            self._unet: Any = UNet2DConditionModel.from_pretrained(
                folder / "unet", torch_dtype=torch.float32, **options
            )
        for network in (self._text_encoder, self._light_field, self._vae, self._unet):
            network.requires_grad_(False).eval().to(self.device)
        scheduler: Any = DDIMScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
        self.levels = NoiseTable.from_alphas_cumprod(scheduler.alphas_cumprod)
        self._evaluate = ParallelEvaluations(self._unet) if self.device.type == "cpu" else self._evaluate_whole
        self._read = lru_cache(maxsize=REMEMBERED_PROMPTS)(self._read_prompt)

    def condition(self, prompt: str, views: Views | None = None) -> EmbeddedCondition:
        """Words that it does not know are left out: `captions.unknown_words` names them.

        Raises:
            BadRequest: "prompt-unreadable" when what is left names nothing it can draw, or several things.
        """
        tokens, states, is_surface = self._read(prompt)
        if views is None or is_surface:
            side = self._unet.config.sample_size
            return EmbeddedCondition(states, torch.zeros(1, self.card.latent_shape[0], side, side, device=self.device))
        with torch.no_grad():
            seen = self._light_field(tokens.expand(len(views), -1), views.to(self.device))
        return EmbeddedCondition(states, seen)

    @torch.no_grad()
    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[EmbeddedCondition]) -> list[Tensor]:
        """See Prior.denoise: all conditions in one batch."""
        count, batch = len(conditions), len(noisy)
        states = torch.cat([condition.states.expand(batch, -1, -1) for condition in conditions])
        seen = torch.cat([condition.seen.expand(batch, -1, -1, -1) for condition in conditions])

        def network(scaled: Tensor, time: Tensor) -> Tensor:
            return self._evaluate(torch.cat([scaled, seen], 1), time, states)

        denoiser = as_denoiser(network, "v", self.levels)
        repeated = noisy.float().repeat(count, 1, 1, 1)
        return list(denoiser(repeated, sigma.float().repeat(count)).chunk(count))

    def encode(self, image: Tensor) -> Tensor:
        """Images [B, 3, S, S] in [0, 1] to latents [B, C, S / 4, S / 4], resized first if need be."""
        size = self.card.image_size
        if image.shape[-1] != size:
            image = functional.interpolate(image, (size, size), mode="bilinear", antialias=True)
        mean = self._vae.encode(2 * image - 1).latent_dist.mode()
        return cast(Tensor, mean * self._vae.config.scaling_factor)

    def decode(self, latent: Tensor) -> Tensor:
        """See Prior.decode."""
        picture = self._vae.decode(latent / self._vae.config.scaling_factor).sample
        return cast(Tensor, picture / 2 + 0.5)

    def _evaluate_whole(self, noisy: Tensor, time: Tensor, states: Tensor) -> Tensor:
        return cast(Tensor, self._unet(noisy, time, encoder_hidden_states=states, return_dict=False)[0])

    @torch.no_grad()
    def _read_prompt(self, prompt: str) -> tuple[Tensor, Tensor, bool]:
        """Tokens [1, L], the text encoder's states [1, L, W], and whether it is a surface, which no camera looks at."""
        text, is_surface = "", False
        if prompt.strip():
            caption = read_known_words(prompt)
            text, is_surface = caption.text(), caption.makes == "texture"
        tokens = tokens_of(self._tokenizer, [text]).to(self.device)
        return tokens, self._text_encoder(input_ids=tokens).last_hidden_state, is_surface

    @staticmethod
    def _check(folder: Path) -> None:
        try:
            json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadRequest(
                "prior-broken",
                f"The weights of the embedded prior cannot be read ({error}).",
                "Install the program again: they are part of it.",
            ) from None
