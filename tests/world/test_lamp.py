"""One lamp, fixed in the world, in everything that knows of the priors' light."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from server.evaluation.colours import true_colours
from server.world.captions import COLOURS, read_caption
from server.world.gbuffers import GBuffer
from server.world.lamp import AMBIENT, LIGHT, brightness, diffuse
from server.world.shading import to_layers
from server.world.shapes import Material

UP, DOWN = torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([[0.0, 0.0, -1.0]])


def test_what_faces_the_lamp_has_all_of_its_light_and_what_looks_away_has_none() -> None:
    towards = torch.nn.functional.normalize(torch.tensor([LIGHT]), dim=1)
    assert diffuse(torch.cat([towards, -towards])).tolist() == pytest.approx([1, 0], abs=1e-6)
    assert brightness(torch.cat([towards, -towards])).tolist() == pytest.approx([1, AMBIENT], abs=1e-6)
    assert brightness(DOWN) < brightness(UP)


def test_the_truth_is_lit_as_the_pictures_are() -> None:
    top = np.array([[0.0, 0.0, 0.5]])
    (true,) = true_colours(read_caption("a red cube"), top)
    assert true == pytest.approx(np.array(COLOURS["red"]) * brightness(UP).item(), abs=1e-5)
    pixels = GBuffer(
        material=torch.full((1, 2, 2), int(Material.MAIN), dtype=torch.uint8),
        normal=(127 * UP).round().to(torch.int8).expand(1, 2, 2, 3),
    )
    layers = to_layers(pixels, (Material.MAIN,))
    assert layers.lit.unique().tolist() == [round(255 * diffuse(UP).item())]
