"""Where the vocabularies for a single file can be found: such files hold text encoders, but not their words.

Looked for beside the file, in the programs that such files usually lie in, and in the hub's cache on this machine;
never on the network. CLIP's own ships with this program, and is taken last: a file may have been trained with others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path

from server.errors import BadRequest

# A file in .../models/checkpoints/style/ has the program's own folder four levels up.
LEVELS_UP = 5
# OpenAI's vocabulary, of which every published Stable Diffusion was made; its licence lies beside it.
SHIPPED_CLIP = Path(__file__).parent / "clip"
# Beside the file, and in the program.
CLIP_PLACES = ("tokenizer", "comfy/sd1_clip_tokenizer")
T5_PLACES = ("tokenizer_3", "comfy/text_encoders/t5_tokenizer")


def find_clip_vocabulary(file: Path, size: int) -> Path:
    """A folder with CLIP's vocab.json and merges.txt.

    Args:
        size: of the vocabulary that the file's text encoder was trained with.

    Raises:
        BadRequest: "vocabulary-missing", saying what to fetch and where to put it.
    """
    for folder in chain(_candidates(file, *CLIP_PLACES), [SHIPPED_CLIP]):
        if os.path.isfile(folder / "merges.txt") and _size(folder / "vocab.json", _clip_size) == size:
            return folder
    raise _missing(file, "CLIP", "openai/clip-vit-large-patch14 vocab.json merges.txt", file.parent / "tokenizer")


def find_t5_vocabulary(file: Path, size: int) -> Path:
    """A folder with T5's tokenizer.json; see `find_clip_vocabulary`."""
    for folder in _candidates(file, *T5_PLACES):
        # The encoder's table is padded to a round number of rows.
        if 0 < _size(folder / "tokenizer.json", _t5_size) <= size:
            return folder
    raise _missing(file, "T5", "google-t5/t5-small tokenizer.json", file.parent / "tokenizer_3")


def vocabulary_files(file: Path) -> Iterator[Path]:
    """Where the files would lie that the above depend on, of every kind of vocabulary."""
    for name, in_program in (CLIP_PLACES, T5_PLACES):
        for folder in _candidates(file, name, in_program):
            yield from (folder / part for part in ("vocab.json", "merges.txt", "tokenizer.json"))


def _candidates(file: Path, name: str, in_program: str) -> Iterator[Path]:
    yield file.parent / name
    yield file.parent
    for above in list(file.parents)[:LEVELS_UP]:
        yield above / in_program
    from huggingface_hub import constants

    for snapshot in sorted(Path(constants.HF_HUB_CACHE).glob("models--*/snapshots/*")):
        yield snapshot / name
        yield snapshot


def _size(vocabulary: Path, count: Callable[[Path], int]) -> int:
    """How many words there are; 0 when it is no vocabulary of that kind. An unchanged file is read once."""
    try:
        found = vocabulary.stat()
    except OSError:
        return 0
    return _size_as_of(vocabulary, count, found.st_size, found.st_mtime_ns, found.st_mode)


@lru_cache(maxsize=256)
def _size_as_of(vocabulary: Path, count: Callable[[Path], int], *_: int) -> int:
    return count(vocabulary)


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
