"""Prompts of any length are read whole: in chunks, or, by Stable Diffusion 3, through T5."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from server.priors.pretrained.chunks import read_chunks
from server.priors.pretrained.finding import find_model
from server.priors.pretrained.latent_diffusion import LatentDiffusion
from server.world.views import Views
from tests.priors.tiny_families import LAYOUTS, write_model
from tests.priors.tiny_pipeline import LENGTH

MOST = LENGTH - 2  # each letter is a word of the tiny vocabulary
LONG = "abcdefghijkl" * 4
BEHIND = Views.orbit([180.0], 0.0)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def priors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LatentDiffusion]:
    folder = tmp_path_factory.mktemp("models")
    return {layout: LatentDiffusion(find_model(str(write_model(folder / layout, layout)))) for layout in LAYOUTS}


def words(prior: LatentDiffusion, text: str) -> list[list[str]]:
    tokenizer = prior._texts._tokenizers["tokenizer"]
    return [tokenizer.convert_ids_to_tokens(list(chunk.tokens)) for chunk in read_chunks(tokenizer, text, MOST)]


def states(prior: LatentDiffusion, text: str) -> Tensor:
    return prior.condition(text).states


@pytest.mark.parametrize("layout", ["sd1", "sd2", "sdxl"])
def test_a_long_prompt_is_the_states_of_its_chunks_one_after_another(
    priors: dict[str, LatentDiffusion], layout: str
) -> None:
    prior = priors[layout]
    text = " ".join(LONG)
    read = prior.condition(text)
    parts = [prior.condition(text[2 * start : 2 * (start + MOST)]) for start in range(0, len(LONG), MOST)]
    assert len(parts) == 3
    torch.testing.assert_close(read.states, torch.cat([part.states for part in parts], 1), atol=1e-5, rtol=1e-5)
    if read.pooled is not None:
        torch.testing.assert_close(read.pooled, parts[0].pooled, atol=1e-5, rtol=1e-5)


def test_stable_diffusion_3_reads_the_first_chunk_by_clip_and_all_by_t5(priors: dict[str, LatentDiffusion]) -> None:
    prior = priors["sd3 with T5"]
    text, other = " ".join(LONG), " ".join(LONG[:-1] + "a")
    read, changed = states(prior, text), states(prior, other)
    assert read.shape == states(prior, "a").shape
    assert torch.equal(read[:, :LENGTH], changed[:, :LENGTH])
    assert not torch.allclose(read[:, LENGTH:], changed[:, LENGTH:])
    assert states(prior, "a" * 300).shape[1] == LENGTH + 512


@pytest.mark.parametrize("layout", LAYOUTS)
def test_prompts_of_unequal_length_are_asked_about_together(priors: dict[str, LatentDiffusion], layout: str) -> None:
    prior = priors[layout]
    noisy, sigma = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([0.5, 2.0])
    long = " ".join("abcdefgh" * 40)
    conditions = [prior.condition(text) for text in ("a duck", long, "")]
    short, whole, empty = prior.denoise(noisy, sigma, conditions)
    assert all(answer.isfinite().all() for answer in (short, whole, empty))
    torch.testing.assert_close(whole, prior.denoise(noisy, sigma, [conditions[1]])[0], atol=1e-4, rtol=1e-4)
    length = conditions[1].states.shape[1]
    assert {condition.states.shape[1] for condition in prior._texts.alike(conditions)} == {length}


def test_a_short_prompt_beside_a_long_one_goes_on_with_chunks_of_no_text(priors: dict[str, LatentDiffusion]) -> None:
    prior = priors["sd1"]
    short = prior._texts.alike([prior.condition("a"), prior.condition(" ".join(LONG))])[0].states
    torch.testing.assert_close(short, torch.cat([states(prior, "a"), states(prior, ""), states(prior, "")], 1))


@pytest.mark.parametrize("length", [1, MOST - 1, MOST, MOST + 1, 3 * MOST])
def test_the_words_of_a_view_always_stand_in_the_first_chunk(priors: dict[str, LatentDiffusion], length: int) -> None:
    prior = priors["sd1"]
    first, *others = words(prior, " ".join("a" * length) + ", back view")
    tail = words(prior, ", back view")[0]
    assert first[-len(tail) :] == tail
    assert sum(map(len, [first, *others])) == length + len(tail)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_long_prompt_still_looks_different_from_behind(priors: dict[str, LatentDiffusion], layout: str) -> None:
    prior = priors[layout]
    behind = prior.condition(" ".join(LONG), BEHIND)
    ahead = prior.condition(" ".join(LONG), Views.orbit([0.0], 0.0))
    assert not torch.allclose(behind.states[:, :LENGTH], ahead.states[:, :LENGTH])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_move_a_word_and_are_no_words(priors: dict[str, LatentDiffusion], layout: str) -> None:
    prior = priors[layout]
    plain = states(prior, "a duck")
    assert torch.equal(states(prior, "(a duck:1)"), plain)
    # "No prompt" is zeros in some models; no words are what the encoders say of them.
    nothing = prior._texts._read(("",)).states
    heavy = states(prior, "(a duck:1.5)")
    torch.testing.assert_close(heavy[:, 1:4], torch.lerp(nothing, plain, 1.5)[:, 1:4], atol=1e-5, rtol=1e-4)
    assert torch.equal(heavy[:, 0], plain[:, 0])
    assert torch.equal(states(prior, "a duck <lora:x:1>"), plain)


@pytest.mark.parametrize("layout", ["sd1", "sd2", "sdxl"])
def test_a_break_starts_a_chunk(priors: dict[str, LatentDiffusion], layout: str) -> None:
    prior = priors[layout]
    both = torch.cat([states(prior, "a duck"), states(prior, "a cup")], 1)
    torch.testing.assert_close(states(prior, "a duck BREAK a cup"), both, atol=1e-5, rtol=1e-5)
