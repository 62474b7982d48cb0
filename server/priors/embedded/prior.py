"""The embedded prior: the light field's view of a prompt, refined by the diffusion network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from server.priors.embedded.card import EMBEDDED_CARD, EMBEDDED_TITLE, WEIGHTS, broken_weights, check_weights
from server.priors.embedded.wording import tokens_of
from server.priors.finite import check_finite
from server.priors.parametrisation import NoiseTable, as_denoiser
from server.priors.resizing import to_side
from server.world.bank import in_view, spread_views
from server.world.captions import Caption, read_known_words
from server.world.views import Views

REMEMBERED_PROMPTS = 64


# Without a camera, one of so many views of the camera law is taken for the right one.
CANDIDATES = 192


@dataclass(frozen=True)
class EmbeddedCondition:
    """What is asked for, and what the light field sees of it.

    Attributes:
        states: of the text encoder, [1, L, W].
        look: waits for `seen`, which is drawn while the caller goes on.
        allowed: bool [CANDIDATES], the views that the prompt leaves open; None when there is nothing to choose. All
            False for the empty prompt, which looks from where the other conditions look.
    """

    states: Tensor
    look: Callable[[], Tensor]
    allowed: Tensor | None = None

    @property
    def seen(self) -> Tensor:
        """The light field's pictures [N, C, S, S]: of the B views that were given, or zeros [1, C, S, S] for what no
        camera looks at, or of all CANDIDATES views, when the camera is not known."""
        return self.look()


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
        from server.priors.embedded.parallel import OneThreadALayer, ParallelEvaluations, ParallelLooks
        from server.priors.embedded.patch_code import PatchCode
        from server.priors.quiet import without_progress_bars

        check_weights(folder)
        self.device = torch.device(device)
        with without_progress_bars():
            self._tokenizer = _open(CLIPTokenizer, folder / "tokenizer")
            self._text_encoder = _open_network(CLIPTextModel, folder / "text_encoder")
            self._light_field = _open_network(LightField, folder / "light_field")
            self._vae = _open_network(PatchCode, folder / "vae")
            self._unet = _open_network(UNet2DConditionModel, folder / "unet")
        scheduler = _open(DDIMScheduler, folder / "scheduler")
        for network in (self._text_encoder, self._light_field, self._vae, self._unet):
            network.to(self.device)
        self.levels = NoiseTable.from_alphas_cumprod(scheduler.alphas_cumprod)
        self._evaluate, self._look = self._evaluate_whole, self._look_whole
        if self.device.type == "cpu":
            threads = OneThreadALayer()
            self._evaluate = ParallelEvaluations(self._unet, threads)
            self._look = ParallelLooks(self._light_field, threads)
        self._read = lru_cache(maxsize=REMEMBERED_PROMPTS)(self._read_prompt)
        self._from_anywhere = lru_cache(maxsize=REMEMBERED_PROMPTS)(self._condition_from_anywhere)

    def condition(self, prompt: str, views: Views | None = None) -> EmbeddedCondition:
        """Words that it does not know are left out: `captions.unknown_words` names them.

        Raises:
            BadRequest: "prompt-unreadable" when what is left names nothing it can draw, or several things.
        """
        if views is None:
            return self._from_anywhere(prompt)
        text, states, caption = self._read(prompt)
        if caption is not None and caption.makes == "texture":
            return EmbeddedCondition(states, self._see_nothing)
        return EmbeddedCondition(states, self._look(text, views))

    @torch.no_grad()
    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[EmbeddedCondition]) -> list[Tensor]:
        """See Prior.denoise: all conditions in one batch.

        An object without a camera is a mixture over the cameras that it may have been seen by. The light field tells
        them apart: each noisy picture is taken to be seen from the candidate view whose light-field picture is nearest
        to it, as in hard expectation maximisation, and all conditions look from there.
        """
        count, batch = len(conditions), len(noisy)
        states = torch.cat([condition.states.expand(batch, -1, -1) for condition in conditions])
        view = _nearest_view(noisy, conditions)
        seen = torch.cat([self._seen_from(view, condition, batch) for condition in conditions])

        def network(scaled: Tensor, time: Tensor) -> Tensor:
            return self._evaluate(torch.cat([scaled, seen], 1), time, states)

        denoiser = as_denoiser(network, "v", self.levels)
        repeated = noisy.float().repeat(count, 1, 1, 1)
        return list(denoiser(repeated, sigma.float().repeat(count)).chunk(count))

    def encode(self, image: Tensor) -> Tensor:
        """Images [B, 3, S, S] in [0, 1] to latents [B, C, S / 4, S / 4], resized first if need be."""
        image = to_side(image, self.card.image_size)
        mean = self._vae.encode(2 * image - 1).latent_dist.mode()
        return cast(Tensor, mean * self._vae.config.scaling_factor)

    def decode(self, latent: Tensor) -> Tensor:
        """See Prior.decode."""
        picture = self._vae.decode(latent / self._vae.config.scaling_factor).sample
        return cast(Tensor, picture / 2 + 0.5)

    def _evaluate_whole(self, noisy: Tensor, time: Tensor, states: Tensor) -> Tensor:
        return cast(Tensor, self._unet(noisy, time, encoder_hidden_states=states, return_dict=False)[0])

    def _seen_from(self, view: Tensor | None, condition: EmbeddedCondition, batch: int) -> Tensor:
        if condition.allowed is None:
            return condition.seen.expand(batch, -1, -1, -1)
        return self._see_nothing().expand(batch, -1, -1, -1) if view is None else condition.seen[view]

    def _see_nothing(self) -> Tensor:
        return torch.zeros(1, *self.card.latent_shape, device=self.device)

    @torch.no_grad()
    def _look_whole(self, text: Tensor, views: Views) -> Callable[[], Tensor]:
        seen = self._light_field.look(text, views.to(self.device))
        return lambda: seen

    def _condition_from_anywhere(self, prompt: str) -> EmbeddedCondition:
        text, states, caption = self._read(prompt)
        if caption is not None and caption.makes == "texture":
            return EmbeddedCondition(states, self._see_nothing)
        views = spread_views(self.card.cameras, CANDIDATES)
        allowed = torch.full((CANDIDATES,), caption is not None)
        if caption is not None and caption.view is not None:
            allowed = in_view(views, caption.view)
        # Conditions from anywhere are remembered: one that failed must not be.
        seen = self._look(text, views)()
        return EmbeddedCondition(states, lambda: seen, allowed.to(self.device))

    @torch.no_grad()
    def _read_prompt(self, prompt: str) -> tuple[Tensor, Tensor, Caption | None]:
        """What the light field reads [1, 192], the text encoder's states [1, L, W], and the caption; None for an empty
        prompt."""
        caption = read_known_words(prompt, reader=EMBEDDED_TITLE) if prompt.strip() else None
        tokens = tokens_of(self._tokenizer, [caption.text() if caption else ""]).to(self.device)
        return self._light_field.read(tokens), self._text_encoder(input_ids=tokens).last_hidden_state, caption


def _open(kind: Any, folder: Path, **options: Any) -> Any:
    try:
        return kind.from_pretrained(folder, local_files_only=True, **options)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # The libraries have many ways to say that a file is not what it should be.
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise broken_weights(f"{folder}: {said}") from error


def _open_network(kind: Any, folder: Path) -> Any:
    """One of the networks, frozen, in float32. What the file lacks would be drawn at random otherwise."""
    options: dict[str, Any] = {"use_safetensors": True, "low_cpu_mem_usage": False, "output_loading_info": True}
    network, found = _open(kind, folder, **options)
    if found["missing_keys"]:
        raise broken_weights(f"{folder} has no tensor {min(found['missing_keys'])}")
    # As any module: diffusers' own `to` warns of a list of exceptions that is empty here.
    nn.Module.to(network, torch.float32)
    network.requires_grad_(False).eval()
    check_finite(network, f"{folder}: the {folder.name} of {EMBEDDED_TITLE}")
    return network


def _nearest_view(noisy: Tensor, conditions: Sequence[EmbeddedCondition]) -> Tensor | None:
    """For each noisy latent the number [B] of the candidate view that the first undecided condition sees nearest to
    it; None when no condition has to choose."""
    for condition in conditions:
        if condition.allowed is not None and bool(condition.allowed.any()):
            distance = torch.cdist(noisy.float().flatten(1), condition.seen.flatten(1))
            return distance.masked_fill(~condition.allowed, float("inf")).argmin(1)
    return None
