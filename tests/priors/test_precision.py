"""Every number of every network has the precision that was asked for, whatever the files are in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from server.priors.pretrained import latent_diffusion, precision
from server.priors.pretrained.autoencoder import Autoencoder
from server.priors.pretrained.finding import find_model
from server.priors.pretrained.latent_diffusion import LatentDiffusion
from server.priors.pretrained.loading import load_networks
from server.priors.pretrained.precision import Precision, precision_for
from tests.priors.broken_models import change_tensors
from tests.priors.tiny_families import LAYOUTS, write_model
from tests.priors.tiny_single_file import write_single_file

STORED = ("float32", "float16", "first half", "last half")


def store(path: Path, how: str) -> None:
    """Rewrite a file in another precision, or one tensor of it."""

    def change(tensors: dict[str, Tensor]) -> None:
        for number, name in enumerate(sorted(tensors)):
            half = {"float32": False, "float16": True, "first half": number == 0}.get(how, number == len(tensors) - 1)
            if tensors[name].is_floating_point():
                tensors[name] = tensors[name].to(torch.float16 if half else torch.float32)

    change_tensors(path, change)


@pytest.mark.parametrize("how", STORED)
@pytest.mark.parametrize("form", ["file", "folder"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_number_is_in_the_precision_that_was_asked_for(
    tmp_path: Path, layout: str, form: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = {"file": write_single_file, "folder": write_model}[form]
    path = write(tmp_path / "model.safetensors", layout)
    for file in [path] if form == "file" else path.rglob("*.safetensors"):
        store(file, how)
    model = find_model(str(path))
    half, wide, full = torch.float16, torch.bfloat16, torch.float32
    for wanted, vae in ((half, half), (half, full), (wide, wide), (full, full)):
        networks = load_networks(model, Precision(wanted, vae))
        opened: dict[str, Any] = {"denoiser": networks.denoiser, "vae": networks.vae, **networks.text_encoders}
        for part, network in opened.items():
            for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
                # The last matrix of each feed-forward layer of T5 overflows in float16.
                keeps_range = part == "text_encoder_3" and name.endswith(".wo.weight") and wanted == torch.float16
                expected = torch.float32 if keeps_range else vae if part == "vae" else wanted
                if tensor.is_floating_point():
                    assert tensor.dtype == expected, (part, name)

    monkeypatch.setattr(latent_diffusion, "precision_for", lambda *_: Precision(torch.bfloat16))
    prior = LatentDiffusion(model)
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    latent = prior.encode(image)
    latent.square().sum().backward()
    (clean,) = prior.denoise(latent.detach(), torch.tensor([1.0]), [prior.condition("a duck")])
    for tensor in (latent, clean, prior.decode(clean)):
        assert tensor.dtype == torch.float32
        assert tensor.isfinite().all()


@pytest.mark.parametrize(
    ("layout", "low_vram", "networks", "vae"),
    [
        ("sd1", False, torch.float16, torch.float32),
        ("sd1", True, torch.float16, torch.float16),
        ("sd2", True, torch.float16, torch.float16),
        ("sdxl", False, torch.float16, torch.float32),
        ("sdxl", True, torch.float16, torch.bfloat16),
        ("sd3", False, torch.bfloat16, torch.float32),
        ("sd3", True, torch.bfloat16, torch.bfloat16),
    ],
)
def test_each_family_is_computed_in_the_half_precision_that_it_was_made_for(
    tmp_path: Path,
    layout: str,
    low_vram: bool,
    networks: torch.dtype,
    vae: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = find_model(str(write_model(tmp_path / "model", layout)))
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    assert precision_for(model, torch.device("cuda"), low_vram) == Precision(networks, vae)
    assert precision_for(model, torch.device("cpu"), low_vram) == Precision()


def test_a_card_without_bfloat16_computes_autoencoders_that_overflow_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: False)
    for layout in ("sdxl", "sd3"):
        model = find_model(str(write_model(tmp_path / layout, layout)))
        assert precision_for(model, torch.device("cuda"), True) == Precision(torch.float16, torch.float32)


@pytest.mark.parametrize("spare", [False, True])
@pytest.mark.parametrize("size", [1e-3, 1e-5, 1e-7])
def test_gradients_come_through_an_autoencoder_in_float16_however_small_they_are(size: float, spare: bool) -> None:
    torch.manual_seed(0)
    widths = (32, 64, 64)
    vae = AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
    ).requires_grad_(False)
    image, gradient = torch.rand(1, 3, 32, 32), torch.randn(1, 4, 8, 8) * size

    def back(dtype: torch.dtype) -> Tensor:
        seen = image.clone().requires_grad_()
        encoder = Autoencoder(vae.to(dtype).train(), 32, (lambda: 0.0) if spare else (lambda: math.inf))
        encoder.encode(seen).backward(gradient)
        assert seen.grad is not None
        return seen.grad

    true, half = back(torch.float32), back(torch.float16)
    assert (half == 0).float().mean() < 0.001
    assert (half - true).norm() < 0.01 * true.norm()


def test_no_gradient_is_none_in_float16_either() -> None:
    vae = AutoencoderKL(norm_num_groups=4, block_out_channels=(8,)).half()
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    (Autoencoder(vae, 16).encode(image) * 0).sum().backward()
    assert image.grad is not None
    assert torch.equal(image.grad, torch.zeros_like(image))
