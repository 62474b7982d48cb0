"""What a prompt means where it is more than words: weights, chunks, and notes for other programs. Free of torch.

The notation is the one that other programs for such models share: (word) counts 1.1 times as much, (word:1.3) 1.3
times, [word] 1 / 1.1 times, brackets may be nested, a backslash before a bracket makes it a bracket, and BREAK starts a
chunk, which the text encoder reads by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# The words for a view, which come last; see view_prompts.py.
VIEW_WORDS = (", front view", ", side view", ", back view", ", overhead view")
EMPHASIS = 1.1
# Beyond that nothing of a picture is left.
MOST_WEIGHT = 10.0

_TOKEN = re.compile(r"\\[\\()\[\]]|[(\[]|:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*(?:\)|\Z)|[)\]]|[^\\()\[\]:]+|:|\\")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")

# What is left out, by its looks, what stands in its place, and the reason that a warning gives; the first that fits
# names it.
_LORA = re.compile(r"<\s*(?:lora|lyco)\s*:[^<>]*>", re.IGNORECASE)
_NOTES = (
    (_LORA, " ", "a LoRA is named beside the prompt: --lora FILE:WEIGHT, or in the panel"),
    (re.compile(r"<\s*\w+\s*:[^<>]*>"), " ", "it names a file of another program"),
    (re.compile(r"\bembedding:[\w./\\-]+"), " ", "textual inversions are not supported"),
    (re.compile(r"(?<!\\)\[[^\[\]]*\|[^\[\]]*\]"), " ", "words cannot take turns here"),
    (re.compile(r"(?<!\\)\[[^\[\]()]*:\s*\d*\.?\d+\s*\]"), " ", "words cannot come or go during a run here"),
    (re.compile(r"\{[^{}]*\|[^{}]*\}"), " ", "words are not drawn at random here"),
    (re.compile(r"__[\w/-]+__"), " ", "words are not drawn from files here"),
    (re.compile(r"\s*\bAND\b\s*"), ", ", "prompts are not added up here; a comma stands in its place"),
)


@dataclass(frozen=True)
class Piece:
    """Words that count `weight` times as much as others."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class Wording:
    """A prompt, understood.

    Attributes:
        chunks: what BREAK separates, each a tuple of pieces; without any words one empty chunk.
        left_out: a sentence for each note that no encoder shall read.
    """

    chunks: tuple[tuple[Piece, ...], ...]
    left_out: tuple[str, ...]

    @property
    def plain(self) -> str:
        """The words alone."""
        return " ".join("".join(piece.text for piece in chunk).strip() for chunk in self.chunks).strip()


def read_wording(prompt: str) -> Wording:
    """Every text has a meaning: brackets that do not close reach to the end, one that never opened is a bracket."""
    left_out = []
    for looks, instead, reason in _NOTES:
        for note in dict.fromkeys(found.group().strip() for found in looks.finditer(prompt)):
            left_out.append(f'"{note}" is left out of the prompt: {reason}.')
        prompt = looks.sub(instead, prompt)
    if left_out:
        prompt = " ".join(prompt.split())
    chunks: list[tuple[Piece, ...]] = []
    current: list[Piece] = []
    for piece in _weighted(prompt):
        first, *others = _BREAK.split(piece.text)
        current.append(Piece(first, piece.weight))
        for text in others:
            chunks.append(tuple(current))
            current = [Piece(text, piece.weight)]
    chunks.append(tuple(current))
    said = [said for chunk in chunks if (said := tuple(piece for piece in chunk if piece.text.strip()))]
    return Wording(tuple(said) or ((),), tuple(left_out))


def split_view(text: str) -> tuple[str, str]:
    """A text and the words for a view that it ends with, if any."""
    words = next((words for words in VIEW_WORDS if text.endswith(words)), "")
    return text.removesuffix(words), words


def _weighted(prompt: str) -> Iterator[Piece]:
    """Neighbours of one weight are one piece, so that a prompt without brackets is read as it was written."""
    pieces: list[tuple[str, float]] = []
    opened: list[tuple[str, int]] = []

    def close(factor: float) -> None:
        start = opened.pop()[1]
        pieces[start:] = [(text, weight * factor) for text, weight in pieces[start:]]

    for found in _TOKEN.finditer(prompt):
        token = found.group()
        if token in "([":
            opened.append((token, len(pieces)))
        elif found[1] is not None and opened and opened[-1][0] == "(":
            close(float(found[1]))
        elif token == ")" and opened and opened[-1][0] == "(":
            close(EMPHASIS)
        elif token == "]" and opened and opened[-1][0] == "[":
            close(1 / EMPHASIS)
        else:
            pieces.append((token[1:] if len(token) == 2 and token[0] == "\\" else token, 1.0))
    while opened:
        close(EMPHASIS if opened[-1][0] == "(" else 1 / EMPHASIS)
    joined: list[tuple[str, float]] = []
    for text, weight in pieces:
        if joined and joined[-1][1] == weight:
            joined[-1] = (joined[-1][0] + text, weight)
        else:
            joined.append((text, weight))
    return (Piece(text, max(-MOST_WEIGHT, min(MOST_WEIGHT, weight))) for text, weight in joined)
