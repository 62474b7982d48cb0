"""The tables of tensors, by which models are checked before they are loaded, are those of the networks themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from server.priors.pretrained.folder import usual_name
from server.priors.pretrained.header import read_header
from server.priors.pretrained.shapes import expected_shapes
from tests.priors.published import PUBLISHED, build
from tests.priors.tiny_families import LAYOUTS, family_of, random_networks, write_model


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_tensor_that_a_small_model_has_on_disk_is_described(layout: str, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", layout)
    for part in random_networks(layout):
        config = json.loads((folder / part / "config.json").read_text(encoding="utf-8"))
        (weights,) = (folder / part).glob("*.safetensors")
        held = {usual_name(part, name): shape for name, shape in read_header(weights).shapes.items()}
        assert expected_shapes(part, family_of(layout), config) == held, part


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_tensor_of_the_published_networks_is_described(name: str) -> None:
    layout, _, configs = PUBLISHED[name]
    for part in ("unet", "transformer", "vae"):
        if part in configs:
            with torch.device("meta"):
                network = build(part, layout, configs[part])
            shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
            assert expected_shapes(part, family_of(layout), json.loads(network.to_json_string())) == shapes, part
