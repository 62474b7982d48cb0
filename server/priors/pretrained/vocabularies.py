"""Where the vocabularies for a single file can be found: such files hold text encoders, but not their words.

Looked for beside the file, in the programs that such files usually lie in, and in the hub's cache on this machine;
never on the network.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from server.errors import BadRequest

# A file in .../models/checkpoints/style/ has the program's own folder four levels up.
LEVELS_UP = 5


def find_clip_vocabulary(file: Path, size: int) -> Path:
    """A folder with CLIP's vocab.json and merges.txt.

    Args:
        size: of the vocabulary that the file's text encoder was trained with.

    Raises:
        BadRequest: "vocabulary-missing", saying what to fetch and where to put it.
    """
    for folder in _candidates(file, "tokenizer", "comfy/sd1_clip_tokenizer"):
        if os.path.isfile(folder / "merges.txt") and _clip_size(folder / "vocab.json") == size:
            return folder
    raise _missing(file, "CLIP", "openai/clip-vit-large-patch14 vocab.json merges.txt", file.parent / "tokenizer")


def find_t5_vocabulary(file: Path, size: int) -> Path:
    """A folder with T5's tokenizer.json; see `find_clip_vocabulary`."""
    for folder in _candidates(file, "tokenizer_3", "comfy/text_encoders/t5_tokenizer"):
        # The encoder's table is padded to a round number of rows.
        if 0 < _t5_size(folder / "tokenizer.json") <= size:
            return folder
    raise _missing(file, "T5", "google-t5/t5-small tokenizer.json", file.parent / "tokenizer_3")


def _candidates(file: Path, name: str, in_program: str) -> Iterator[Path]:
    yield file.parent / name
    yield file.parent
    for above in list(file.parents)[:LEVELS_UP]:
        yield above / in_program
    from huggingface_hub import constants

    for snapshot in sorted(Path(constants.HF_HUB_CACHE).glob("models--*/snapshots/*")):
        yield snapshot / name
        yield snapshot


def _clip_size(vocabulary: Path) -> int:
    try:
        words = json.loads(vocabulary.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return 0
    # Other byte-pair vocabularies (GPT-2, RoBERTa) are kept in files of the same names.
    return len(words) if isinstance(words, dict) and "<|startoftext|>" in words else 0


def _t5_size(tokenizer: Path) -> int:
    try:
        model = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]
        return len(model["vocab"]) if model["type"] == "Unigram" else 0
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0


def _missing(file: Path, which: str, what: str, where: Path) -> BadRequest:
    return BadRequest(
        "vocabulary-missing",
        f"{file.name} needs the vocabulary of {which}, which is not inside it, nor anywhere else on this machine.",
        f"Fetch it once: hf download {what} --local-dir {where}",
    )
