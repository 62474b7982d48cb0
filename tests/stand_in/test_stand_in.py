"""The stand-in that is kept here: what it is, and that it behaves as models of photographs do."""

from __future__ import annotations

import pytest
import torch

from server.evaluation.compared import STAND_IN_FOLDER, load_compared
from server.training.photographs import CAMERAS
from server.training.stand_in_export import MOST_BYTES
from server.world.bank import spread_views

pytestmark = pytest.mark.skipif(not STAND_IN_FOLDER.is_dir(), reason="python -m server export-stand-in was not run")


def test_it_is_small_and_has_a_card() -> None:
    files = [path for path in STAND_IN_FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    assert "does not ship" in (STAND_IN_FOLDER / "README.md").read_text(encoding="utf-8")


def test_it_knows_no_camera_but_words_for_views() -> None:
    card = load_compared("stand-in").card
    assert not card.takes_camera
    assert card.view_prompts
    assert (card.image_size, card.latent_shape) == (64, (4, 16, 16))


def test_its_latents_have_the_scale_that_networks_expect_and_decode_to_what_was_encoded() -> None:
    prior = load_compared("stand-in")
    grey = torch.linspace(0.1, 0.9, 8)[:, None, None, None].expand(8, 3, 64, 64)
    latents = prior.encode(grey)
    assert 0.2 < float(latents.std()) < 3
    assert float((prior.decode(latents) - grey).square().mean().sqrt()) < 0.1


def test_words_for_things_and_for_views_change_what_it_sees() -> None:
    prior = load_compared("stand-in")
    views = spread_views(CAMERAS, 8)
    noisy = 3 * torch.randn(len(views), *prior.card.latent_shape, generator=torch.Generator().manual_seed(0))
    asked = [
        prior.condition(prompt)
        for prompt in ("", "a yellow duck", "a yellow duck, front view", "a yellow duck, back view")
    ]
    nothing, duck, front, back = prior.denoise(noisy, torch.full((len(views),), 3.0), asked)
    assert float((duck - nothing).square().mean()) > 1e-3
    assert float((front - back).square().mean()) > 1e-4
