"""A text-to-image model of the diffusers library behind the Prior protocol (Rombach et al. 2022 and its successors)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from math import inf
from typing import cast

import torch
from torch import Tensor

from server.accelerators import memory_of
from server.priors.parametrisation import Network, Prediction, as_denoiser
from server.priors.pretrained.autoencoder import Autoencoder
from server.priors.pretrained.families import PretrainedModel
from server.priors.pretrained.folder import TIME_IDS
from server.priors.pretrained.loading import Networks, load_networks, noise_table
from server.priors.pretrained.memory import check_memory
from server.priors.pretrained.merging import merge_loras
from server.priors.pretrained.precision import precision_for
from server.priors.pretrained.text import TextReader, TextStates
from server.priors.pretrained.view_prompts import names_a_view, view_prompts, view_weights
from server.world.views import Views

# Sets of prompts remembered at once: a job needs three, and the next one is often the same with another seed.
REMEMBERED_PROMPTS = 16


class LatentDiffusion:
    """Stable Diffusion 1, 2, XL, 3, and models of their shapes.

    Latents are scaled as the denoiser expects them (standard deviation about 1), so bandwidths and noise levels are in
    units of that scale. Noise levels beyond those of the network's training are asked at its first or last timestep;
    for Stable Diffusion 1, 2 and XL the range is about .03 to 14.6. In flow matching, sigma = u / (1 - u) has no end.
    The `shift` of a flow scheduler moves a sampler's steps and not what the network knows: nothing here needs it.

    Networks run in float32 on the CPU and in half precision on accelerators (precision.py); everything that crosses the
    protocol is float32. Text encoders stay in main memory and visit the device when there is a new prompt.

    Args:
        model: see finding.py.
        device: see server/accelerators.py.
        low_vram: needs less of the device's memory and more time: text encoders never visit the device, guidance
            branches are evaluated one after another, and so are images in the autoencoder, which may then be in half
            precision.
        networks: instead of those in the model's files.
    """

    def __init__(
        self, model: PretrainedModel, device: str = "cpu", low_vram: bool = False, networks: Networks | None = None
    ) -> None:
        self.card = model.card
        self.device = torch.device(device)
        self.levels = noise_table(model)
        self._family = model.family
        self._prediction = cast(Prediction, model.prediction)
        self._one_by_one = low_vram
        self._flow_steps = float(model.scheduler.get("num_train_timesteps", 1000))
        if networks is None:
            check_memory(model, device, low_vram)
            networks = load_networks(model, precision_for(model, self.device, low_vram))
            merge_loras(model, networks)
        # Convolutions are faster with channels last: a UNet by a fifth, an encoder by a third, measured on a CPU.
        self._denoiser = networks.denoiser.to(self.device, memory_format=torch.channels_last)
        vae = networks.vae.to(self.device, memory_format=torch.channels_last)
        if low_vram:
            vae.enable_slicing()
        free_memory = partial(_free_memory, self.device)
        self._autoencoder = Autoencoder(vae, self.card.image_size, (lambda: 0.0) if low_vram else free_memory)
        config = self._denoiser.config
        self._texts = TextReader(
            model.family,
            networks.text_encoders,
            networks.tokenizers,
            width=config.joint_attention_dim if model.family == "sd3" else config.cross_attention_dim,
            device=self.device,
            visits_device=not low_vram,
            zero_empty_prompt=model.zero_empty_prompt,
        )
        self._read = lru_cache(maxsize=REMEMBERED_PROMPTS)(self._texts.read)

    def condition(self, prompt: str, views: Views | None = None) -> TextStates:
        """The prompt as the denoiser reads it, encoded once and remembered: one text, or one for each view.

        Views choose between view-dependent prompts, unless the prompt is empty or says itself from where.
        """
        if views is None or not prompt.strip() or names_a_view(prompt):
            return self._read((prompt,))
        return self._read(view_prompts(prompt)).mixed(view_weights(views).to(self.device, torch.float32))

    @torch.no_grad()
    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[TextStates]) -> list[Tensor]:
        """See Prior.denoise: all conditions in one forward pass of the network, unless memory is short."""
        if self._one_by_one:
            return [self._answer(noisy, sigma, [condition])[0] for condition in conditions]
        return self._answer(noisy, sigma, conditions)

    def encode(self, image: Tensor) -> Tensor:
        """Mean of the encoder's posterior; differentiable.

        Args:
            image: [B, 3, S, S] in [0, 1]; resized when S is not the card's image_size.
        """
        return self._autoencoder.encode(image)

    def decode(self, latent: Tensor) -> Tensor:
        """See Prior.decode."""
        return self._autoencoder.decode(latent)

    def _answer(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[TextStates]) -> list[Tensor]:
        batch, count = len(noisy), len(conditions)
        conditions = self._texts.alike(conditions)
        texts = torch.cat([condition.states.expand(batch, -1, -1) for condition in conditions])
        pooled = [condition.pooled.expand(batch, -1) for condition in conditions if condition.pooled is not None]
        network = self._network(TextStates(texts, torch.cat(pooled) if pooled else None))
        denoiser = as_denoiser(network, self._prediction, self.levels)
        repeated = noisy.float().repeat(count, 1, 1, 1)
        return list(denoiser(repeated, sigma.float().repeat(count)).chunk(count))

    def _network(self, texts: TextStates) -> Network:
        """The bare network for one batch of texts."""

        def unet(scaled: Tensor, time: Tensor) -> Tensor:
            added = None
            if self._family == "sdxl":
                added = {"text_embeds": texts.pooled, "time_ids": self._time_ids(len(scaled))}
            return self._denoiser(
                scaled.to(self._denoiser.dtype), time, texts.states, added_cond_kwargs=added, return_dict=False
            )[0].float()

        def transformer(scaled: Tensor, time: Tensor) -> Tensor:
            return self._denoiser(
                scaled.to(self._denoiser.dtype),
                timestep=time * self._flow_steps,
                encoder_hidden_states=texts.states,
                pooled_projections=texts.pooled,
                return_dict=False,
            )[0].float()

        return transformer if self._family == "sd3" else unet

    def _time_ids(self, count: int) -> Tensor:
        """Original size, corner of the crop, wanted size (Podell et al. 2023): a whole picture of the model's own
        size."""
        size = float(self.card.image_size)
        ids = torch.tensor([size, size, 0.0, 0.0, size, size], device=self.device)
        return ids.expand(count, TIME_IDS)


def _free_memory(device: torch.device) -> float:
    """Bytes of an accelerator that are free; a processor swaps before it fails, and has no limit here."""
    memory = None if device.type == "cpu" else memory_of(device)
    return inf if memory is None else memory[0]
