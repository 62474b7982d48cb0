"""Guidance stretches colours; an object's end has those that the prior believes in without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.hash_grid import HashGridShape
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.priors.card import PriorCard
from server.priors.cards import built_in_cards
from server.recipe import read_recipe
from server.studio.checkpoint import load_field, save_field
from server.studio.plan import TONE_VIEWS, calls_of, plan_of, tone_calls
from server.studio.production import produce
from server.studio.toning import tone_of
from server.world.views import Views
from tests.closeness import assert_close_to_rounding

SIDE = 16
RECIPE = read_recipe({"kind": "mesh", "prompt": "anything"})
EMBEDDED = next(card for card in built_in_cards() if card.name == "embedded")


class Duller:
    """A prior of pixels that finds all contrast twice too strong."""

    def __init__(self) -> None:
        self.card = PriorCard("duller", "", "", SIDE, (3, SIDE, SIDE), tone_bandwidth=0.1)
        self.asked = 0

    def condition(self, prompt: str, views: Views | None = None) -> str:
        return prompt

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[Any]) -> list[Tensor]:
        self.asked += len(noisy) * len(conditions)
        return [0.5 * noisy + 0.2 for _ in conditions]

    def encode(self, image: Tensor) -> Tensor:
        return image

    def decode(self, latent: Tensor) -> Tensor:
        return latent


class Colours:
    """Pictures of many colours, of which an object covers a share, in some light."""

    def __init__(self, share: float, light: float = 1.0) -> None:
        self.field = RadianceField(HashGridShape(levels=3, log2_table=10, finest=24), torch.Generator().manual_seed(3))
        self._share, self._light, self._generator = share, light, torch.Generator().manual_seed(1)

    def look(self, views: Views) -> tuple[Tensor, Tensor, Tensor]:
        shape = (len(views), SIDE, SIDE)
        lights = self._light + (1 - self._light) * torch.rand(shape, generator=self._generator)
        image = torch.rand(len(views), 3, SIDE, SIDE, generator=self._generator) * lights[:, None]
        return image, (torch.rand(shape, generator=self._generator) < self._share).float(), lights


def tone(subject: Colours, prior: Duller) -> Tensor | None:
    return tone_of(subject, prior, "anything", torch.Generator().manual_seed(0))


def test_the_map_is_what_the_unguided_prior_does_to_colours() -> None:
    prior = Duller()
    found = tone(Colours(0.5), prior)
    assert found is not None
    wanted = torch.cat([0.5 * torch.eye(3), torch.full((3, 1), 0.2)], 1)
    torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)
    assert prior.asked == TONE_VIEWS


def test_where_the_light_is_known_it_is_the_paint_that_is_mapped() -> None:
    subject, prior = Colours(0.5, light=0.4), Duller()

    def half_as_strong(noisy: Tensor, sigma: Tensor, conditions: Sequence[Any]) -> list[Tensor]:
        return [0.5 * noisy for _ in conditions]

    prior.denoise = half_as_strong  # type: ignore[method-assign]
    found = tone(subject, prior)
    assert found is not None
    wanted = torch.cat([0.5 * torch.eye(3), torch.zeros(3, 1)], 1)
    torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)


def test_of_an_object_that_nobody_sees_the_colours_stay() -> None:
    assert tone(Colours(0.0), Duller()) is None


def test_an_answer_that_is_no_number_leaves_the_object_as_it_is() -> None:
    prior = Duller()
    prior.decode = lambda latent: latent / 0  # type: ignore[method-assign]
    assert tone(Colours(0.5), prior) is None


def test_a_toned_field_shows_other_colours_and_the_same_shape_and_its_file_keeps_both(tmp_path: Path) -> None:
    field = RadianceField(HashGridShape(levels=3, log2_table=10, finest=24), torch.Generator().manual_seed(3))
    points = torch.rand(100, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    density, colour = field(points)
    field.tone = torch.tensor([[0.5, 0, 0, 0.1], [0, 0.5, 0, 0.2], [0, 0, 3.0, 0.0]])
    toned_density, toned = field(points)
    assert torch.equal(toned_density, density)
    wanted = torch.stack([0.5 * colour[:, 0] + 0.1, 0.5 * colour[:, 1] + 0.2, (3 * colour[:, 2]).clamp(max=1)], 1)
    assert_close_to_rounding(toned, wanted)

    save_field(tmp_path / "field.safetensors", field, OccupancyGrid(side=8), RECIPE, fixed_light=True)
    back = load_field(tmp_path / "field.safetensors")
    assert back.fixed_light
    assert_close_to_rounding(back.field(points)[1], toned)


def test_it_costs_a_call_a_view_and_only_where_something_was_guided() -> None:
    def asked(**more: Any) -> int:
        return tone_calls(read_recipe({"kind": "mesh", "prompt": "a duck", **more}), EMBEDDED)

    assert asked() == TONE_VIEWS
    assert asked(guidance={"scale": 1.0}) == 0
    assert asked(kind="texture", prompt="bricks") == 0
    assert asked(kind="retexture", retexture={"mesh": "0" * 64}) == TONE_VIEWS
    assert tone_calls(RECIPE, PriorCard("", "", "", 64, (4, 8, 8))) == 0


@pytest.mark.parametrize(("scale", "steps"), [(2.0, 60), (1.0, 5)])
def test_a_report_counts_every_call_and_the_kept_field_has_the_tone(tmp_path: Path, scale: float, steps: int) -> None:
    from server.priors.catalogue import load_prior

    small = {"resolution": 32, "faces": 500, "texture_size": 0}
    wishes = {"steps": steps, "mesh": small, "guidance": {"scale": scale}}
    recipe = read_recipe({"kind": "mesh", "prompt": "a red ball", **wishes})
    report = produce(recipe, load_prior("embedded"), tmp_path, lambda event: None, lambda: None)
    toned = load_field(tmp_path / "field.safetensors").field.tone is not None
    assert toned == (scale != 1.0)
    assert report["denoiser_calls"] == calls_of(recipe, EMBEDDED)
    assert calls_of(recipe, EMBEDDED) - plan_of(recipe, EMBEDDED).calls == toned * TONE_VIEWS
