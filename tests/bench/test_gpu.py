"""The one command for a machine with an accelerator, in a small form on a processor."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from server.bench import gpu, random_models
from server.bench.random_models import Shape
from server.commands.main import main

PAGE = Path(__file__).parents[2] / "docs" / "gpu.md"
BLOCKS = {"block_out_channels": [32, 64], "layers_per_block": 1}
TINY_VAE = BLOCKS | {
    "down_block_types": ["DownEncoderBlock2D"] * 2,
    "up_block_types": ["UpDecoderBlock2D"] * 2,
    "latent_channels": 4,
}
UNET = BLOCKS | {
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "attention_head_dim": 8,
}
TINY = Shape("tiny", "sd", 8, UNET | {"cross_attention_dim": 64}, (64,), TINY_VAE)
TINY_XL = Shape(
    "tiny XL",
    "sdxl",
    8,
    UNET
    | {
        "cross_attention_dim": 128,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 64 + 6 * 8,
    },
    (64, 64),
    TINY_VAE,
)
SMALL = gpu.Extent(
    models=("TINY", "TINY_XL", "GONE"),
    sizes=(16,),
    steps=2,
    job=(("steps", 3), ("mesh", {"resolution": 16, "faces": 500, "texture_size": 0})),
    training_steps=1,
    tests=("tests/test_accelerators.py",),
)


def test_every_part_runs_or_says_why_not_and_the_page_has_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random_models, "TINY", TINY, raising=False)
    monkeypatch.setattr(random_models, "TINY_XL", TINY_XL, raising=False)
    begun: list[str] = []
    found = gpu.bench_gpu("cpu", SMALL, begun.append)
    assert [*found] == ["machine", *begun]
    assert found["tests"]["exit"] == 0
    assert "hash grid" in found["fused hash grid"]["skipped"]
    for name in ("TINY", "TINY_XL"):
        assert found[f"steps of {name}"]["16_px"]["step"] > 0
    assert "GONE" in found["steps of GONE"]["failed"]
    assert found["training"]["light_steps_per_s"] > 0
    assert found["training"]["diffusion_steps_per_s"] > 0
    # Three steps make haze; whether it has a surface is not what is asked here.
    assert found["mesh job"].keys() & {"seconds", "failed"}

    page = Path(shutil.copy(PAGE, tmp_path / "gpu.md"))
    written = gpu.write_page(found, page)
    assert json.loads(written.read_text(encoding="utf-8")) == json.loads(json.dumps(found))
    text = page.read_text(encoding="utf-8")
    assert "| machine | device | cpu |" in text
    assert "no figures" not in text
    assert gpu.write_page(found, page).exists()
    assert page.read_text(encoding="utf-8") == text


def test_a_part_that_needs_what_is_not_there_is_skipped_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> dict[str, object]:
        raise ModuleNotFoundError("No module named 'diffusers'", name="diffusers")

    for part in ("_run_tests", "_compare_grids", "_time_steps", "_make_mesh", "_train"):
        monkeypatch.setattr(gpu, part, missing)
    found = gpu.bench_gpu("cpu", SMALL)
    assert {tuple(part.items()) for name, part in found.items() if name != "machine"} == {
        (("skipped", "diffusers is not installed"),)
    }


@pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator")
def test_without_an_accelerator_nothing_is_measured_and_the_page_stays(capsys: pytest.CaptureFixture[str]) -> None:
    before = PAGE.read_text(encoding="utf-8")
    assert main(["bench", "gpu"]) == 2
    assert "no accelerator" in capsys.readouterr().err
    assert PAGE.read_text(encoding="utf-8") == before


def test_the_page_says_plainly_when_it_has_no_figures() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert PAGE.with_suffix(".json").exists() or "no figures of a graphics card yet" in text
