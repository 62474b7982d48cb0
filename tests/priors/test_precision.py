"""Every number of every network has the precision that was asked for, whatever the files are in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from server.priors.pretrained import latent_diffusion
from server.priors.pretrained.finding import find_model
from server.priors.pretrained.latent_diffusion import LatentDiffusion
from server.priors.pretrained.loading import load_networks
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
    for wanted in (torch.bfloat16, torch.float16, torch.float32):
        networks = load_networks(model, wanted, spare_memory=True)
        vae = torch.float32 if wanted == torch.float16 and model.configs["vae"].get("force_upcast", True) else wanted
        opened: dict[str, Any] = {"denoiser": networks.denoiser, "vae": networks.vae, **networks.text_encoders}
        for part, network in opened.items():
            for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
                # The last matrix of each feed-forward layer of T5 overflows in float16.
                keeps_range = part == "text_encoder_3" and name.endswith(".wo.weight") and wanted == torch.float16
                expected = torch.float32 if keeps_range else vae if part == "vae" else wanted
                if tensor.is_floating_point():
                    assert tensor.dtype == expected, (part, name)

    monkeypatch.setattr(latent_diffusion, "_half_precision", lambda device: torch.bfloat16)
    prior = LatentDiffusion(model)
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    latent = prior.encode(image)
    latent.square().sum().backward()
    (clean,) = prior.denoise(latent.detach(), torch.tensor([1.0]), [prior.condition("a duck")])
    for tensor in (latent, clean, prior.decode(clean)):
        assert tensor.dtype == torch.float32
        assert tensor.isfinite().all()
