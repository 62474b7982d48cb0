"""Prompts to what a denoiser reads of them, in each family's way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.priors.pretrained.chunks import Chunk, most_words, read_chunks, read_whole
from server.priors.pretrained.families import FamilyName

# Tokens that Stable Diffusion 3 reads through T5, or that many more; the places stay there, filled with zeros, when
# there is no T5.
T5_LENGTH = 256
# Marks before and after the words of a text.
Ends = tuple[list[int], list[int]]


@dataclass(frozen=True)
class TextStates:
    """N texts, as a denoiser reads them.

    Attributes:
        states: [N, L, W], one vector a token.
        pooled: [N, P], one vector a text; None in families that take none.
        blank: whether they are the zeros that stand for no text.
    """

    states: Tensor
    pooled: Tensor | None = None
    blank: bool = False

    def mixed(self, weights: Tensor) -> TextStates:
        """Linear combinations of the N texts by weights [B, N]: B texts."""

        def mix(tensor: Tensor) -> Tensor:
            return torch.tensordot(weights, tensor.float(), dims=1).to(tensor.dtype)

        return replace(self, states=mix(self.states), pooled=None if self.pooled is None else mix(self.pooled))


class TextReader:
    """The text encoders of a model.

    They are needed once a prompt, and may be larger than the denoiser; so they live in main memory, and each visits
    the device only while it is used.

    CLIP reads 75 words at a time. Longer texts are read in chunks whose states are put one after another, as other
    programs do; Stable Diffusion 3, which was made for one chunk, reads the first one, and the whole text through T5.
    The words for a view always stand in the first chunk. A word of weight w is moved away from what the encoder says
    of no text at all, at the same place: empty + w (word - empty).

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
        self._filler = lru_cache(maxsize=1)(self._read_filler)

    @torch.no_grad()
    def read(self, texts: tuple[str, ...]) -> TextStates:
        """Encode N texts, the shorter ones filled up to the chunks of the longest."""
        blank = self._zero_empty_prompt and not any(text.strip() for text in texts)
        read = self._read(texts)
        if blank and read.pooled is not None:
            return TextStates(torch.zeros_like(read.states), torch.zeros_like(read.pooled), blank)
        return read

    def alike(self, conditions: Sequence[TextStates]) -> list[TextStates]:
        """The same texts with states of one length: the shorter ones go on with chunks of no text."""
        longest = max(condition.states.shape[1] for condition in conditions)
        return [self._lengthened(condition, longest) for condition in conditions]

    def _lengthened(self, text: TextStates, length: int) -> TextStates:
        count, missing = len(text.states), length - text.states.shape[1]
        if not missing:
            return text
        if text.blank:
            return replace(text, states=functional.pad(text.states, (0, 0, 0, missing)))
        filler = self._filler()
        filling = filler.repeat(1, missing // filler.shape[1], 1).expand(count, -1, -1)
        return replace(text, states=torch.cat([text.states, filling], 1))

    @torch.no_grad()
    def _read_filler(self) -> Tensor:
        """One chunk of no text: of the encoder that may be asked about several."""
        states = self._read(("",)).states
        return states[:, -T5_LENGTH:] if self._family == "sd3" else states

    def _read(self, texts: tuple[str, ...]) -> TextStates:
        chunks = {suffix: self._chunks(suffix, texts) for suffix in self._clips()}
        count = 1 if self._family == "sd3" else max(len(text) for part in chunks.values() for text in part)
        parts = {
            suffix: self._clip(suffix, [_of_length(text, count) for text in part]) for suffix, part in chunks.items()
        }
        states = torch.cat([state for state, _ in parts.values()], -1)
        pooled = [vector for _, vector in parts.values() if vector is not None]
        if self._family == "sd3":
            clip = functional.pad(states, (0, self._width - states.shape[-1]))
            states = torch.cat([clip, self._t5(texts, clip)], 1)
        return TextStates(states, torch.cat(pooled, -1) if pooled else None)

    def _clips(self) -> tuple[str, ...]:
        return ("",) if self._family == "sd" else ("", "_2")

    def _chunks(self, suffix: str, texts: tuple[str, ...]) -> list[list[Chunk]]:
        """Of each text the chunks that one of the CLIPs reads."""
        most = self._most_words(suffix)
        return [read_chunks(self._tokenizers[f"tokenizer{suffix}"], text, most) for text in texts]

    def _most_words(self, suffix: str) -> int:
        encoder: Any = self._encoders[f"text_encoder{suffix}"]
        return most_words(self._tokenizers[f"tokenizer{suffix}"], encoder.config.to_dict())

    def _clip(self, suffix: str, texts: list[list[Chunk]]) -> tuple[Tensor, Tensor | None]:
        """States [N, C L, W] of N texts of C chunks each, and of their first chunks the pooled text [N, P]."""
        tokens, weights = self._tokens(suffix, [chunk for text in texts for chunk in text])
        output = self._run(suffix, tokens)
        # Stable Diffusion 1 and 2 read the last layer; the others, as they were trained, the one before (Podell et al.
        # 2023, section 2.1).
        number = -1 if self._family == "sd" else -2
        states = output[0] if self._family == "sd" else output.hidden_states[number]
        if bool((weights != 1).any()):
            empty = self._run(suffix, self._tokens(suffix, [Chunk()])[0])
            states = _weighted(states, empty[0] if self._family == "sd" else empty.hidden_states[number], weights)
        pooled = output.text_embeds.unflatten(0, (len(texts), -1))[:, 0] if "text_embeds" in output else None
        return states.unflatten(0, (len(texts), -1)).flatten(1, 2), pooled

    def _t5(self, texts: tuple[str, ...], like: Tensor) -> Tensor:
        if "text_encoder_3" not in self._encoders:
            return like.new_zeros(len(texts), T5_LENGTH, self._width)
        tokenizer = self._tokenizers["tokenizer_3"]
        wholes = [read_whole(tokenizer, text) for text in texts]
        length = T5_LENGTH * max(len(whole.tokens) // T5_LENGTH + 1 for whole in wholes)
        ends: Ends = ([], [tokenizer.eos_token_id])
        tokens, weights = _rows(wholes, ends, tokenizer.pad_token_id, length)
        states = self._run("_3", tokens)[0]
        if bool((weights != 1).any()):
            nothing = _rows([Chunk()], ends, tokenizer.pad_token_id, length)[0]
            states = _weighted(states, self._run("_3", nothing)[0], weights)
        return states.to(like.dtype)

    def _run(self, suffix: str, tokens: Tensor) -> Any:
        encoder = self._encoders[f"text_encoder{suffix}"]
        encoder.to(self._workplace)
        deep = self._family != "sd" and suffix != "_3"
        output = encoder(tokens.to(self._workplace), output_hidden_states=deep)
        encoder.to("cpu")
        for name, value in output.items():
            if isinstance(value, Tensor):
                output[name] = value.to(self._device)
        if deep:
            output.hidden_states = tuple(state.to(self._device) for state in output.hidden_states[-2:])
        return output

    def _tokens(self, suffix: str, chunks: list[Chunk]) -> tuple[Tensor, Tensor]:
        """Of each chunk the numbers of its words between their marks, and what each counts: [N, L]."""
        tokenizer = self._tokenizers[f"tokenizer{suffix}"]
        ends = ([tokenizer.bos_token_id], [tokenizer.eos_token_id])
        return _rows(chunks, ends, tokenizer.pad_token_id, self._most_words(suffix) + 2)


def _of_length(chunks: list[Chunk], count: int) -> list[Chunk]:
    return [*chunks, *[Chunk()] * count][:count]


def _rows(chunks: list[Chunk], ends: Ends, filler: int, length: int) -> tuple[Tensor, Tensor]:
    before, after = ends
    tokens, weights = [], []
    for chunk in chunks:
        row = [*before, *chunk.tokens, *after]
        tokens.append(row + [filler] * (length - len(row)))
        counted = [1.0] * len(before) + list(chunk.weights)
        weights.append(counted + [1.0] * (length - len(counted)))
    return torch.tensor(tokens), torch.tensor(weights)


def _weighted(states: Tensor, empty: Tensor, weights: Tensor) -> Tensor:
    """empty + w (state - empty), where w is not 1."""
    factor = weights[:, :, None].to(states.device)
    return torch.where(factor == 1, states, torch.lerp(empty.float(), states.float(), factor).to(states.dtype))
