"""What pictures are compared by: features of a network, and how well a picture fits its prompt.

With nothing but this program, both are the classifier's that judges procedural pictures (training/judge.py). With
models on disk they are those of the literature: Inception's features as a TorchScript file, and CLIP as a folder of
transformers. Nothing is fetched. The Frechet distance is computed here rather than by torchmetrics, whose Inception
comes from a download of its own; the formula is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from server.errors import BadRequest
from server.training.judge import HUES, IGNORED, NAMES, Judge, answer_of
from server.world.captions import read_caption

Features = Callable[[Tensor], Tensor]
"""features(pictures [B, 3, S, S] in [0, 1]) -> [B, F]."""
Similarity = Callable[[Tensor, str], Tensor]
"""similarity(pictures [B, 3, S, S] in [0, 1], prompt) -> [B]: higher is better."""

INCEPTION_SIDE = 299


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Of the normal distributions with the means and covariances of features [n, F] and [m, F], n and m at least 2:
    |mu - mu'|^2 + tr(C + C' - 2 (C C')^(1/2)).

    With C = A A^T and C' = B B^T, the trace of the root is the sum of the singular values of A^T B, which is as
    exact for a few pictures as for many.
    """
    one, other = first.double(), second.double()
    a = (one - one.mean(0)) / (len(one) - 1) ** 0.5
    b = (other - other.mean(0)) / (len(other) - 1) ** 0.5
    root = torch.linalg.svdvals(a @ b.T).sum()
    distance = (one.mean(0) - other.mean(0)).square().sum() + a.square().sum() + b.square().sum() - 2 * root
    return float(distance.clamp(min=0))


def features_of_judge(judge: Judge) -> Features:
    """What the heads of the name and of the first colour make their answers of."""

    @torch.no_grad()
    def features(pictures: Tensor) -> Tensor:
        seen: list[Tensor] = []

        def keep(module: Any, given: Any, found: Tensor) -> None:
            seen.append(found)

        hooks = [head.get_submodule("1").register_forward_hook(keep) for head in list(judge.heads)[:2]]
        try:
            judge(pictures)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.cat(seen, 1)

    return features


def similarity_of_judge(judge: Judge) -> Similarity:
    """The probability that the classifier gives to the right name and colours.

    The similarity raises BadRequest, code "prompt-unreadable", for a prompt beyond the procedural language.
    """

    @torch.no_grad()
    def similarity(pictures: Tensor, prompt: str) -> Tensor:
        wanted = answer_of(read_caption(prompt, reader="The classifier"))
        sure = torch.ones(len(pictures))
        for logits, answer in zip(judge(pictures), wanted, strict=True):
            if answer != IGNORED:
                sure = sure * functional.softmax(logits, 1)[:, answer]
        return sure

    return similarity


def seen_words(judge: Judge, pictures: Tensor) -> list[str]:
    """What the classifier sees in each."""
    verdict = judge.look(pictures)
    return [f"{HUES[int(c)]} {NAMES[int(n)]}" for c, n in zip(verdict.colour, verdict.name, strict=True)]


def inception_features(path: Path) -> Features:
    """Of a TorchScript file that takes pictures [B, 3, 299, 299], 0 to 255, and `return_features=True`, as the one that
    StyleGAN's authors publish does.

    Raises:
        BadRequest: code "feature-model-unusable".
    """
    try:
        network = torch.jit.load(path, map_location="cpu").eval()
    except (OSError, RuntimeError, ValueError) as error:
        raise _unusable(path, "is no TorchScript file", error) from None

    @torch.no_grad()
    def features(pictures: Tensor) -> Tensor:
        size = (INCEPTION_SIDE, INCEPTION_SIDE)
        large = functional.interpolate(pictures, size=size, mode="bilinear", antialias=True)
        try:
            found: Tensor = network(255 * large, return_features=True)
        except RuntimeError as error:
            raise _unusable(path, "does not give features of pictures", error) from None
        return found.flatten(1)

    return features


def clip_similarity(folder: Path) -> Similarity:
    """The cosine between picture and prompt, of a CLIP in a folder of transformers (config.json, model.safetensors and
    its tokenizer's files).

    Raises:
        BadRequest: code "feature-model-unusable".
    """
    from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel

    try:
        network = CLIPModel.from_pretrained(folder, local_files_only=True).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        prepare = CLIPImageProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise _unusable(folder, "is no folder of a CLIP model", error) from None

    @torch.no_grad()
    def similarity(pictures: Tensor, prompt: str) -> Tensor:
        pixels = prepare(images=list(pictures), do_rescale=False, return_tensors="pt")["pixel_values"]
        words = tokenizer([prompt], truncation=True, return_tensors="pt")
        answer = network(pixel_values=pixels, **words)
        found: Tensor = functional.cosine_similarity(answer.image_embeds, answer.text_embeds)
        return found

    return similarity


def _unusable(path: Path, what: str, error: Exception) -> BadRequest:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    hint = "Give another one, or leave it out: the classifier takes its place."
    return BadRequest("feature-model-unusable", f"{path} {what} ({said}).", hint)


def checked(similarity: Similarity, prompts: Sequence[str], side: int) -> Similarity:
    """The similarity, once it has read every prompt. Raises BadRequest for one that it cannot read."""
    for prompt in prompts:
        similarity(torch.zeros(1, 3, side, side), prompt)
    return similarity
