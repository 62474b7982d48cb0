"""A prompt as the numbers of its words, in chunks as long as a text encoder reads. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.priors.pretrained.wording import Piece, read_wording, split_view


@dataclass(frozen=True)
class Chunk:
    """Numbers of words, and how much each counts; without the marks at its ends."""

    tokens: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()

    def __add__(self, other: Chunk) -> Chunk:
        return Chunk(self.tokens + other.tokens, self.weights + other.weights)

    def split(self, length: int) -> tuple[Chunk, Chunk]:
        """Its first `length` words, and the others."""
        return (
            Chunk(self.tokens[:length], self.weights[:length]),
            Chunk(self.tokens[length:], self.weights[length:]),
        )


def most_words(tokenizer: Any, config: Any) -> int:
    """How many words of a text CLIP reads at once: 75, beside the marks at its ends."""
    return int(min(tokenizer.model_max_length, config["max_position_embeddings"])) - 2


def read_chunks(tokenizer: Any, text: str, most: int) -> list[Chunk]:
    """The chunks of a text, one at least, each of at most `most` words. Words for a view stay in the first."""
    stem, view = split_view(text)
    last = _numbered(tokenizer, (Piece(view),))
    chunks = []
    for number, pieces in enumerate(read_wording(stem).chunks):
        rest = _numbered(tokenizer, pieces)
        if not number:
            first, rest = rest.split(most - len(last.tokens))
            chunks.append(first + last)
        while rest.tokens:
            chunk, rest = rest.split(most)
            chunks.append(chunk)
    return chunks


def read_whole(tokenizer: Any, text: str) -> Chunk:
    """All words of a text, as an encoder without chunks reads them."""
    stem, view = split_view(text)
    pieces = [piece for chunk in read_wording(stem).chunks for piece in chunk]
    # Whether a text begins anew makes a difference to T5.
    if pieces and pieces[-1].weight == 1.0:
        pieces[-1] = Piece(pieces[-1].text + view)
    else:
        pieces.append(Piece(view))
    return _numbered(tokenizer, pieces)


def _numbered(tokenizer: Any, pieces: Sequence[Piece]) -> Chunk:
    whole = Chunk()
    for piece in pieces:
        # Not verbose: it would warn of texts that are longer than one chunk.
        tokens = tuple(tokenizer(piece.text, add_special_tokens=False, verbose=False).input_ids)
        whole += Chunk(tokens, (piece.weight,) * len(tokens))
    return whole
