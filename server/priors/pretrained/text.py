"""Prompts to what a denoiser reads of them, in each family's way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.errors import BadRequest
from server.priors.pretrained.families import FamilyName

# Tokens that Stable Diffusion 3 reads through T5; the places stay there, filled with zeros, when there is no T5.
T5_LENGTH = 256


@dataclass(frozen=True)
class TextStates:
    """N texts, as a denoiser reads them.

    Attributes:
        states: [N, L, W], one vector a token.
        pooled: [N, P], one vector a text; None in families that take none.
    """

    states: Tensor
    pooled: Tensor | None = None

    def mixed(self, weights: Tensor) -> TextStates:
        """Linear combinations of the N texts by weights [B, N]: B texts."""

        def mix(tensor: Tensor) -> Tensor:
            return torch.tensordot(weights, tensor.float(), dims=1).to(tensor.dtype)

        return TextStates(mix(self.states), None if self.pooled is None else mix(self.pooled))


class TextReader:
    """The text encoders of a model.

    They are needed once a prompt, and may be larger than the denoiser; so they live in main memory, and each visits
    the device only while it is used.

    Args:
        encoders, tokenizers: by their names in a diffusers folder.
        width: of the states that the denoiser takes.
        device: where results are wanted.
        visits_device: whether encoders compute there; if not, in main memory.
        zero_empty_prompt: whether an empty text is zeros.
    """

    def __init__(
        self,
        family: FamilyName,
        encoders: dict[str, nn.Module],
        tokenizers: dict[str, Any],
        width: int,
        device: torch.device,
        visits_device: bool = True,
        zero_empty_prompt: bool = False,
    ) -> None:
        self._family = family
        self._encoders = encoders
        self._tokenizers = tokenizers
        self._width = width
        self._device = device
        self._workplace = device if visits_device else torch.device("cpu")
        self._zero_empty_prompt = zero_empty_prompt

    @torch.no_grad()
    def read(self, texts: tuple[str, ...]) -> TextStates:
        """Encode N texts.

        Raises:
            BadRequest: "prompt-unreadable" when one is longer than an encoder reads.
        """
        read = {"sd": self._read_one, "sdxl": self._read_two, "sd3": self._read_three}[self._family](texts)
        empty = torch.tensor([not text.strip() for text in texts], device=self._device)
        if self._zero_empty_prompt and bool(empty.any()) and read.pooled is not None:
            read = TextStates(
                read.states.masked_fill(empty[:, None, None], 0), read.pooled.masked_fill(empty[:, None], 0)
            )
        return read

    def _read_one(self, texts: tuple[str, ...]) -> TextStates:
        return TextStates(self._run("", texts)[0])

    def _read_two(self, texts: tuple[str, ...]) -> TextStates:
        first, second = (self._run(suffix, texts, output_hidden_states=True) for suffix in ("", "_2"))
        # The states before the last layer, as the model was trained on (Podell et al. 2023, section 2.1).
        return TextStates(torch.cat([first.hidden_states[-2], second.hidden_states[-2]], -1), second.text_embeds)

    def _read_three(self, texts: tuple[str, ...]) -> TextStates:
        first, second = (self._run(suffix, texts, output_hidden_states=True) for suffix in ("", "_2"))
        clip = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], -1)
        clip = functional.pad(clip, (0, self._width - clip.shape[-1]))
        if "text_encoder_3" in self._encoders:
            last = self._run("_3", texts)[0].to(clip.dtype)
        else:
            last = clip.new_zeros(len(texts), T5_LENGTH, self._width)
        return TextStates(torch.cat([clip, last], 1), torch.cat([first.text_embeds, second.text_embeds], -1))

    def _run(self, suffix: str, texts: tuple[str, ...], **options: Any) -> Any:
        encoder = self._encoders[f"text_encoder{suffix}"]
        tokens = self._tokens(suffix, texts).to(self._workplace)
        encoder.to(self._workplace)
        output = encoder(tokens, **options)
        encoder.to("cpu")
        for name, value in output.items():
            if isinstance(value, Tensor):
                output[name] = value.to(self._device)
        if options:
            output.hidden_states = tuple(state.to(self._device) for state in output.hidden_states[-2:])
        return output

    def _tokens(self, suffix: str, texts: tuple[str, ...]) -> Tensor:
        tokenizer = self._tokenizers[f"tokenizer{suffix}"]
        limit = T5_LENGTH
        if suffix != "_3":
            config: Any = self._encoders[f"text_encoder{suffix}"].config
            limit = min(tokenizer.model_max_length, config.max_position_embeddings)
        for text in texts:
            length = len(tokenizer(text).input_ids)
            if length > limit:
                shown = text if len(text) <= 60 else text[:59] + "…"
                raise BadRequest(
                    "prompt-unreadable",
                    f"{shown!r} is {length - 2} tokens long; this model reads {limit - 2}.",
                    "Shorten the prompt.",
                )
        ids: Tensor = tokenizer(list(texts), padding="max_length", max_length=limit, return_tensors="pt").input_ids
        return ids
