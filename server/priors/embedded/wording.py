"""Tokens of captions: a CLIP tokenizer whose byte-pair merges make every word of the vocabulary one token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from server.world.captions import COLOURS, KINDS, PATTERNS, VIEWS

LENGTH = 16  # tokens of a caption, start and end included
START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"


def vocabulary() -> list[str]:
    """Every word of a caption's own text, sorted."""
    words = {"a", "with", "on", "view", *COLOURS, *KINDS, *PATTERNS, *VIEWS}
    words |= {kind.part for kind in KINDS.values() if kind.part}
    return sorted(words)


def build_tokenizer() -> CLIPTokenizer:
    """The same in every process: token numbers are part of the weights."""
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789,.-'"]
    merges: Any = _learn_merges([*vocabulary(), ","])
    tokens = [START, END, *letters, *(letter + WORD_END for letter in letters), *(a + b for a, b in merges)]
    return CLIPTokenizer(vocab={t: i for i, t in enumerate(tokens)}, merges=merges, model_max_length=LENGTH)


def _learn_merges(words: list[str]) -> list[tuple[str, str]]:
    """Byte-pair encoding (Sennrich et al. 2016) until every word is one piece; ties go to the alphabet."""
    pieces = [[*word[:-1], word[-1] + WORD_END] for word in words]
    merges = []
    while pairs := Counter(pair for word in pieces for pair in pairwise(word)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        pieces = [_merge(word, best) for word in pieces]
    return merges


def _merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for piece in word:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged


def word_tokens(tokenizer: CLIPTokenizer, captions: Sequence[str]) -> Tensor:
    """`tokens_of` for captions made of vocabulary words and commas alone; far faster for thousands of them."""
    start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    number = {word: tokenizer.convert_tokens_to_ids(word + WORD_END) for word in [*vocabulary(), ","]}
    rows = [[start, *(number[word] for word in caption.replace(",", " ,").split()), end] for caption in captions]
    return torch.tensor([row + [end] * (LENGTH - len(row)) for row in rows])


def tokens_of(tokenizer: CLIPTokenizer, captions: Sequence[str]) -> Tensor:
    """Token ids [B, LENGTH], padded with the end token."""
    encoded = tokenizer(list(captions), padding="max_length", truncation=True, max_length=LENGTH)
    return torch.tensor(encoded["input_ids"])
