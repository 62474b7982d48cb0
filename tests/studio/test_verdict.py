"""One colour and noise are told from patterns, and no pattern is taken for either."""

from __future__ import annotations

import pytest
import torch

from server.evaluation.colour_pairs import colour_pairs
from server.guidance.schedules import karras_grid
from server.priors.catalogue import load_prior
from server.studio.sampling import draw_pictures
from server.studio.verdict import judge
from server.world.captions import PATTERNS, Caption


@pytest.mark.parametrize("prior", ["exact", "embedded"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_plain_sample_is_never_condemned(pattern: str, prior: str) -> None:
    sigmas = karras_grid(0.05, 14.0, 12)
    pairs = [*colour_pairs(pattern)[:2], ("white", "grey"), ("red", "orange")]
    for pair in pairs if prior == "exact" else pairs[:1]:
        generator = torch.Generator().manual_seed(1)
        prompt = Caption("texture", pattern, *pair).text()
        for sample in draw_pictures(load_prior(prior), prompt, 2, None, sigmas, generator)[0]:
            assert judge(sample).fault is None, (prompt, judge(sample))


@pytest.mark.parametrize("spread", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(64, 64), (64, 200), (32, 32), (512, 512)])
def test_noise_is_noise_in_grey_and_in_colours_and_in_any_shape(
    shape: tuple[int, int], channels: int, spread: float
) -> None:
    generator = torch.Generator().manual_seed(3)
    noise = 0.5 + spread * torch.randn(channels, *shape, generator=generator)
    assert judge(noise.expand(3, *shape).clamp(0, 1)).fault == "noise"


def test_noise_in_the_latents_of_a_prior_is_noise() -> None:
    prior = load_prior("embedded")
    drawn = torch.randn(4, *prior.card.latent_shape, generator=torch.Generator().manual_seed(0))
    assert [judge(picture.clamp(0, 1)).fault for picture in prior.decode(drawn)] == ["noise"] * 4


@pytest.mark.parametrize("grain", [0.0, 0.01])
@pytest.mark.parametrize("shape", [(64, 64), (40, 160)])
def test_one_colour_is_flat_with_and_without_grain(shape: tuple[int, int], grain: float) -> None:
    drawn = torch.randn(3, *shape, generator=torch.Generator().manual_seed(3))
    colour = torch.tensor([0.4, 0.1, 0.05]).view(3, 1, 1)
    assert judge((colour + grain * drawn).clamp(0, 1)).fault == "flat"


def test_the_more_it_shows_the_more_it_is_worth() -> None:
    line = torch.linspace(0, 8 * torch.pi, 64).sin().expand(3, 64, 64)
    drawn = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(3))
    faint, fainter, seen = (judge(0.5 + share * line) for share in (0.004, 0.002, 0.1))
    assert 0 < fainter.worth < faint.worth < 1 <= seen.worth
    assert judge(0.5 + 0.1 * drawn).worth < judge(0.5 + 0.1 * drawn + 0.02 * line).worth
