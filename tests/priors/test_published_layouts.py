"""The configurations of the published models, at their full size, are recovered from the shapes of their tensors."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from server.priors.pretrained.finding import find_model
from tests.priors.published import PUBLISHED, build
from tests.priors.tiny_single_file import named_tensors


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_models_are_recognised_by_their_shapes(tmp_path: Path, name: str) -> None:
    layout, size, configs = PUBLISHED[name]
    with torch.device("meta"):
        networks = {part: build(part, layout, config) for part, config in configs.items()}
        tensors = named_tensors(layout, networks)
    write_hollow(tmp_path / "model.safetensors", {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    write_vocabularies(tmp_path)
    model = find_model(str(tmp_path / "model.safetensors"))
    assert model.card.image_size == size
    assert model.card.latent_shape == (configs["vae"]["latent_channels"], size // 8, size // 8)
    assert model.configs.keys() == configs.keys()
    for part, config in configs.items():
        found = {key: model.configs[part][key] for key in config}
        assert found == config


def write_hollow(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """A file of gigabytes of zeros, of which the disk stores next to nothing."""
    entries, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * math.prod(shape)
        entries[name] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
    header = json.dumps(entries).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + end)


def write_vocabularies(folder: Path) -> None:
    words = ["<|startoftext|>", *(f"word{number}" for number in range(49407))]
    (folder / "vocab.json").write_text(
        json.dumps({word: number for number, word in enumerate(words)}), encoding="utf-8"
    )
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    (folder / "tokenizer_3").mkdir()
    pieces = [[f"piece{number}", 0.0] for number in range(32100)]
    (folder / "tokenizer_3" / "tokenizer.json").write_text(
        json.dumps({"model": {"type": "Unigram", "vocab": pieces}}), encoding="utf-8"
    )
