"""The exact prior without its camera: words choose among views, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from server.errors import BadRequest
from server.priors import exact, withheld
from server.priors.withheld import WITHHELD_CARD, ExactWithoutCamera
from server.world.bank import in_view
from server.world.views import Views

VIEWS = 40


@pytest.fixture(autouse=True)
def few_views(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As many views as a test has time for."""

    def forget() -> None:
        for made in (exact.bank_of, exact.bank_views, withheld._everywhere, withheld._anything):
            made.cache_clear()

    monkeypatch.setattr(exact, "BANK", VIEWS)
    monkeypatch.setattr(withheld, "VIEWS_OF_ANYTHING", 12)
    forget()
    yield
    forget()


def weights(prompt: str, *azimuths: float, elevation: float = 20.0) -> torch.Tensor:
    """Of the bank's views, [B, VIEWS], each row summing to 1."""
    views = Views.orbit(list(azimuths), elevation) if azimuths else None
    (mixture,) = ExactWithoutCamera().condition(prompt, views).mixtures
    return torch.softmax(mixture.log_prior, -1)


def test_it_says_that_it_has_no_camera_and_that_it_is_told_views_in_words() -> None:
    assert not WITHHELD_CARD.takes_camera
    assert WITHHELD_CARD.view_prompts


def test_views_with_the_same_words_are_the_same_to_it() -> None:
    left, right = weights("a red chair", 60.0, -60.0)
    assert torch.equal(left, right)


def test_a_view_is_one_of_those_that_its_words_name() -> None:
    front, behind, between = weights("a red chair", 0.0, 180.0, 45.0)
    bank = exact.bank_views()
    assert float(front[in_view(bank, "front")].sum()) == pytest.approx(1, abs=1e-5)
    assert float(behind[in_view(bank, "back")].sum()) == pytest.approx(1, abs=1e-5)
    assert float(between[in_view(bank, "front")].sum()) == pytest.approx(0.5, abs=1e-5)
    assert float(between[in_view(bank, "side")].sum()) == pytest.approx(0.5, abs=1e-5)


def test_a_prompt_that_names_a_view_keeps_it_wherever_the_camera_is() -> None:
    named = weights("a red chair, back view", 0.0)
    assert float(named[..., in_view(exact.bank_views(), "back")].sum()) == pytest.approx(1, abs=1e-5)


def test_without_views_an_object_is_seen_from_anywhere() -> None:
    assert torch.allclose(weights("a red chair"), torch.tensor(1 / VIEWS))


def test_every_picture_of_a_batch_has_the_words_of_its_own_view() -> None:
    prior = ExactWithoutCamera()
    noisy = torch.randn(2, 48, 16, 16, generator=torch.Generator().manual_seed(0))
    sigma = torch.full((2,), 2.0)
    together = prior.denoise(noisy, sigma, [prior.condition("a red chair", Views.orbit([0.0, 180.0]))])[0]
    for i, azimuth in enumerate((0.0, 180.0)):
        alone = prior.denoise(noisy[i : i + 1], sigma[:1], [prior.condition("a red chair", Views.orbit([azimuth]))])[0]
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-4, rtol=1e-4)


def test_an_empty_prompt_is_a_picture_of_anything_so_that_it_can_be_guided() -> None:
    prior = ExactWithoutCamera()
    noisy = 50 * torch.randn(1, 48, 16, 16, generator=torch.Generator().manual_seed(0))
    sigma = torch.tensor([50.0])
    anything, chair = prior.denoise(noisy, sigma, [prior.condition(""), prior.condition("a red chair")])
    assert bool(anything.isfinite().all())
    assert not torch.allclose(anything, chair, atol=0.05)


def test_surfaces_have_no_views_and_are_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        ExactWithoutCamera().condition("red bricks")
    assert caught.value.code == "prompt-unreadable"
