"""The embedded prior: a folder of weights behind the protocol of every prior."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from server.errors import BadRequest
from server.priors.cards import built_in_cards
from server.priors.catalogue import check_prompt, list_priors, load_prior
from server.priors.embedded.card import EMBEDDED_CARD, WEIGHTS
from server.priors.embedded.parallel import MOST_VIEWS
from server.priors.embedded.prior import CANDIDATES, EmbeddedPrior
from server.priors.embedded.wording import tokens_of
from server.world.bank import spread_views
from server.world.captions import read_known_words, unknown_words
from server.world.views import Views
from tests.closeness import assert_close_to_rounding
from tests.priors.broken_models import change_tensors


@pytest.fixture(scope="module")
def prior() -> EmbeddedPrior:
    return EmbeddedPrior()


def test_it_is_the_first_prior_that_is_offered_and_loads_by_its_name() -> None:
    assert built_in_cards()[0] is EMBEDDED_CARD
    assert load_prior("embedded").card is EMBEDDED_CARD


def test_its_weights_are_safetensors_of_at_most_sixteen_mebibytes() -> None:
    files = [path for path in WEIGHTS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 16 * 2**20
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".txt", ".md"}


def test_the_network_on_several_threads_answers_as_the_plain_one(prior: EmbeddedPrior) -> None:
    generator = torch.Generator().manual_seed(0)
    conditions = [prior.condition(text) for text in ("red bricks", "")]
    for count in (1, 2, 3, 5):
        noisy = torch.randn(count, *EMBEDDED_CARD.latent_shape, generator=generator)
        sigma = torch.rand(count, generator=generator) * 3 + 0.1
        together = prior.denoise(noisy, sigma, conditions)
        time = prior.levels.time_of(sigma)
        scale = (1 + sigma**2).rsqrt()[:, None, None, None]
        for condition, answer in zip(conditions, together, strict=True):
            network_input = torch.cat([noisy * scale, torch.zeros_like(noisy)], 1)
            velocity = prior._unet(network_input, time, condition.states.expand(count, -1, -1)).sample
            wide = sigma[:, None, None, None]
            expected = noisy / (1 + wide**2) - velocity * wide * scale
            assert_close_to_rounding(answer, expected.detach())


def test_what_is_seen_beside_other_work_is_what_the_light_field_sees(prior: EmbeddedPrior) -> None:
    for views in (spread_views(EMBEDDED_CARD.cameras, 3), spread_views(EMBEDDED_CARD.cameras, 5)):
        begun = [prior.condition(text, views) for text in ("a yellow duck", "", "a red mug")]
        for text, condition in zip(("a yellow duck", "", "a red mug"), begun, strict=True):
            tokens = tokens_of(prior._tokenizer, [text]).expand(len(views), -1)
            assert_close_to_rounding(condition.seen, prior._light_field(tokens, views).detach())


def test_a_prompt_without_a_camera_is_seen_in_parts_whose_memory_a_thread_can_keep(
    prior: EmbeddedPrior, monkeypatch: pytest.MonkeyPatch
) -> None:
    prior.condition("a pink cone")  # so that the network is traced
    whole: Any = prior._look
    traced, parts = whole._frozen, []

    def look(rays: torch.Tensor, about: torch.Tensor) -> torch.Tensor:
        parts.append(len(rays))
        return traced(rays, about)

    monkeypatch.setattr(whole, "_frozen", look)
    seen = prior.condition("a pink torus").seen
    assert sum(parts) == CANDIDATES
    assert max(parts) <= MOST_VIEWS
    tokens = tokens_of(prior._tokenizer, ["a pink torus"]).expand(CANDIDATES, -1)
    views = spread_views(EMBEDDED_CARD.cameras, CANDIDATES)
    assert_close_to_rounding(seen, prior._light_field(tokens, views).detach())


def test_a_camera_changes_what_it_believes_about_an_object_but_not_about_a_surface(prior: EmbeddedPrior) -> None:
    noisy = torch.randn(1, *EMBEDDED_CARD.latent_shape, generator=torch.Generator().manual_seed(0)) * 5
    sigma = torch.tensor([5.0])
    answers = {}
    for prompt in ("a yellow duck", "red bricks"):
        left, right = (prior.condition(prompt, Views.orbit([azimuth])) for azimuth in (90.0, 270.0))
        one, other = prior.denoise(noisy, sigma, [left, right])
        answers[prompt] = float((one - other).square().mean().sqrt())
    assert answers["a yellow duck"] > 0.1
    assert answers["red bricks"] < 1e-5  # rounding


def test_without_a_camera_it_looks_from_where_the_picture_seems_to_be_taken(prior: EmbeddedPrior) -> None:
    """The noisy picture of a duck from behind is denoised as with the camera behind the duck."""
    views = Views.orbit([180.0])
    seen = prior.condition("a yellow duck", views).seen
    noisy = seen + 0.5 * torch.randn(seen.shape, generator=torch.Generator().manual_seed(0))
    sigma = torch.tensor([0.5])
    (told,) = prior.denoise(noisy, sigma, [prior.condition("a yellow duck", views)])
    (guessed,) = prior.denoise(noisy, sigma, [prior.condition("a yellow duck")])
    (wrong,) = prior.denoise(noisy, sigma, [prior.condition("a yellow duck, front view")])
    assert (guessed - told).square().mean() < 0.5 * (wrong - told).square().mean()


def test_the_empty_prompt_looks_from_where_the_prompt_looks(prior: EmbeddedPrior) -> None:
    noisy = torch.randn(1, *EMBEDDED_CARD.latent_shape, generator=torch.Generator().manual_seed(0))
    sigma = torch.tensor([3.0])
    nothing = prior.condition("")
    _, beside_a_duck = prior.denoise(noisy, sigma, [prior.condition("a yellow duck"), nothing])
    _, beside_bricks = prior.denoise(noisy, sigma, [prior.condition("red bricks"), nothing])
    (alone,) = prior.denoise(noisy, sigma, [nothing])
    assert_close_to_rounding(beside_bricks, alone)
    assert (beside_a_duck - alone).abs().max() > 0.01


def test_codes_keep_the_pictures_of_its_world(prior: EmbeddedPrior) -> None:
    """A smooth picture survives; the code is linear, so its gradient is one everywhere."""
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    assert (prior.decode(prior.encode(ramp)) - ramp).abs().max() < 0.02
    picture = ramp.clone().requires_grad_(True)
    prior.encode(picture).sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0


def test_pictures_of_another_size_are_resized(prior: EmbeddedPrior) -> None:
    assert prior.encode(torch.zeros(2, 3, 48, 48)).shape == (2, *EMBEDDED_CARD.latent_shape)


def test_words_it_does_not_know_are_left_out_and_can_be_named(prior: EmbeddedPrior) -> None:
    prompt = "a majestic yellow duck with sunglasses"
    assert unknown_words(prompt) == ["majestic", "sunglasses"]
    assert read_known_words(prompt).text() == "a yellow duck"
    assert_close_to_rounding(prior.condition(prompt).states, prior.condition("a yellow duck").states)


def test_a_prompt_without_anything_it_knows_is_refused_with_what_it_knows() -> None:
    with pytest.raises(BadRequest) as caught:
        check_prompt("embedded", "a dragon", "mesh")
    assert caught.value.code == "prompt-unreadable"
    assert "dragon" in caught.value.message
    assert "duck" in caught.value.hint


def test_weights_that_were_cut_off_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "weights"
    shutil.copytree(WEIGHTS, broken)
    (cut,) = (broken / "unet").glob("*.safetensors")
    cut.write_bytes(cut.read_bytes()[:-1000])
    with pytest.raises(BadRequest) as caught:
        EmbeddedPrior(broken)
    assert caught.value.code == "prior-broken"
    assert cut.name in caught.value.message


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "weights"
    shutil.copytree(WEIGHTS, broken)
    (broken / "model_index.json").unlink()
    with pytest.raises(BadRequest) as caught:
        EmbeddedPrior(broken)
    assert caught.value.code == "prior-broken"


def damaged(tmp_path: Path, part: str, change: Callable[[dict[str, torch.Tensor]], Any]) -> Path:
    folder = shutil.copytree(WEIGHTS, tmp_path / "weights")
    (file,) = (folder / part).glob("*.safetensors")
    change_tensors(file, change)
    return folder


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "light_field"])
def test_numbers_that_are_not_finite_and_tensors_that_are_not_there_are_named(tmp_path: Path, part: str) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        tensors[min(tensors)].view(-1)[0] = float("nan")

    for number, change in enumerate((spoil, lambda tensors: tensors.pop(min(tensors)), make_flat)):
        with pytest.raises(BadRequest) as caught:
            EmbeddedPrior(damaged(tmp_path / str(number), part, change))
        assert caught.value.code == "prior-broken"
        assert part in caught.value.message


def make_flat(tensors: dict[str, torch.Tensor]) -> None:
    tensors[min(tensors)] = torch.zeros(1)


def test_damaged_weights_are_listed_and_refused_before_a_job_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(WEIGHTS, tmp_path / "weights")
    (cut,) = (folder / "vae").glob("*.safetensors")
    cut.write_bytes(b"")
    monkeypatch.setattr("server.priors.listing.WEIGHTS", folder)
    monkeypatch.setattr("server.priors.embedded.card.WEIGHTS", folder)
    embedded = list_priors()[0]
    assert not embedded.usable
    assert str(cut) in embedded.why_not
    with pytest.raises(BadRequest) as caught:
        check_prompt("embedded", "a duck", "mesh")
    assert caught.value.code == "prior-broken"


def test_loading_says_nothing_to_the_person_who_waits(capfd: pytest.CaptureFixture[str]) -> None:
    EmbeddedPrior()
    assert capfd.readouterr() == ("", "")
