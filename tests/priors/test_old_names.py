"""Text encoders of older merges, whose tensors have shorter names, are read as others are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from server.priors.catalogue import load_prior
from tests.priors.tiny_single_file import write_single_file

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("layout", ["sd1", "sdxl", "sd3"])
def test_shorter_names_mean_the_same_encoder(tmp_path: Path, layout: str) -> None:
    usual = write_single_file(tmp_path / "art.safetensors", layout)
    tensors = load_file(usual)
    renamed = {re.sub(r"transformer\.text_model\.", "transformer.", name): value for name, value in tensors.items()}
    assert renamed.keys() != tensors.keys()
    old = tmp_path / "old.safetensors"
    save_file(renamed, old, {"modelspec.resolution": "16x16"})
    texts = [load_prior(str(path)).condition("a duck") for path in (usual, old)]
    assert torch.equal(texts[0].states, texts[1].states)
    assert texts[0].pooled is None or torch.equal(texts[0].pooled, texts[1].pooled)


def test_numbers_of_places_under_both_names_do_no_harm(tmp_path: Path) -> None:
    path = write_single_file(tmp_path / "art.safetensors", "sd1")
    places = {
        f"cond_stage_model.transformer.{part}embeddings.position_ids": torch.arange(20) for part in ("", "text_model.")
    }
    save_file(load_file(path) | places, path, {"modelspec.resolution": "16x16"})
    assert load_prior(str(path)).condition("a duck").states.isfinite().all()
