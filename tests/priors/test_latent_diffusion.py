"""Any diffusers folder of Stable Diffusion's shape answers through the Prior protocol."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch.nn import functional

from server.priors.catalogue import load_prior
from server.priors.denoiser import Guided, Prior
from server.priors.pretrained.autoencoder import MOST_FOR_ACTIVATIONS, Autoencoder, activation_bytes
from server.priors.pretrained.finding import find_model
from server.priors.pretrained.latent_diffusion import LatentDiffusion
from tests.closeness import assert_close_to_rounding
from tests.priors.tiny_pipeline import LENGTH, write_pipeline

SHAPE = (4, 8, 8)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pipeline(tmp_path_factory.mktemp("eps"))


@pytest.fixture(scope="module")
def prior(folder: Path) -> LatentDiffusion:
    return load(folder)


def load(folder: Path, low_vram: bool = False) -> LatentDiffusion:
    return LatentDiffusion(find_model(str(folder)), low_vram=low_vram)


def latents(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(seed))


def test_the_card_is_read_from_the_configuration(prior: Prior) -> None:
    assert prior.card.image_size == 16
    assert prior.card.latent_shape == SHAPE
    assert not prior.card.takes_camera
    assert prior.card.words is None


@pytest.mark.parametrize("timestep", [0, 350, 999])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_denoiser_is_what_the_schedulers_formulas_say(tmp_path: Path, prediction: str, timestep: int) -> None:
    """At a timestep of the table: z_t = sqrt(a) z, and the clean image from the network's output as in DDIM."""
    prior = load(write_pipeline(tmp_path, prediction))
    a = DDIMScheduler.from_pretrained(tmp_path / "scheduler").alphas_cumprod[timestep].double()
    unet = UNet2DConditionModel.from_pretrained(tmp_path / "unet")
    condition = prior.condition("duck")
    noisy = latents(2) * float(((1 - a) / a).sqrt())
    with torch.no_grad():
        noised = (noisy.double() * a.sqrt()).float()
        output = unet(noised, timestep, condition.states.expand(2, -1, -1)).sample
    expected = {
        "epsilon": (noised - (1 - a).sqrt() * output) / a.sqrt(),
        "v_prediction": a.sqrt() * noised - (1 - a).sqrt() * output,
        "sample": output,
    }[prediction]
    sigma = ((1 - a) / a).sqrt().float().expand(2)
    (clean,) = prior.denoise(noisy, sigma, [condition])
    assert clean.dtype == torch.float32
    assert_close_to_rounding(clean, expected.float(), within=1e-4)


def test_each_image_of_a_batch_has_its_own_noise_level(prior: LatentDiffusion) -> None:
    noisy, sigma, condition = latents(3), torch.tensor([0.1, 1.0, 9.0]), prior.condition("duck")
    together = prior.denoise(noisy, sigma, [condition])[0]
    apart = [prior.denoise(noisy[i : i + 1], sigma[i : i + 1], [condition])[0] for i in range(3)]
    assert_close_to_rounding(together, torch.cat(apart))


@pytest.mark.parametrize("low_vram", [False, True])
def test_branches_answer_in_one_pass_as_they_do_one_by_one(
    folder: Path, low_vram: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    prior = load(folder, low_vram)
    noisy, sigma = latents(2), torch.tensor([0.5, 2.0])
    conditions = [prior.condition(text) for text in ("duck", "", "cat")]
    apart = [prior.denoise(noisy, sigma, [condition])[0] for condition in conditions]
    batches = []
    forward = prior._denoiser.forward
    monkeypatch.setattr(
        prior._denoiser,
        "forward",
        lambda scaled, *rest, **named: batches.append(len(scaled)) or forward(scaled, *rest, **named),
    )
    together = prior.denoise(noisy, sigma, conditions)
    assert batches == ([2, 2, 2] if low_vram else [6])
    for one, other in zip(together, apart, strict=True):
        assert_close_to_rounding(one, other)
    assert (together[0] - together[1]).abs().max() > 1e-6


def test_guidance_mixes_the_two_branches(prior: LatentDiffusion) -> None:
    noisy, sigma = latents(2), torch.tensor([0.5, 2.0])
    text, nothing = prior.condition("duck"), prior.condition("")
    with_text, without = (prior.denoise(noisy, sigma, [condition])[0] for condition in (text, nothing))
    guided = Guided(prior, text, nothing, 7.5)
    assert_close_to_rounding(guided(noisy, sigma), without + 7.5 * (with_text - without), within=1e-4)
    assert guided.calls == 2


def test_noise_levels_beyond_the_table_stay_finite(prior: LatentDiffusion) -> None:
    assert prior.levels.sigma_min == pytest.approx(0.0292, abs=1e-4)
    assert prior.levels.sigma_max == pytest.approx(14.61, abs=0.01)
    (clean,) = prior.denoise(latents(2), torch.tensor([1e-4, 100.0]), [prior.condition("duck")])
    assert torch.isfinite(clean).all()


def test_a_schedule_that_ends_without_signal_has_a_finite_range(tmp_path: Path) -> None:
    prior = load(write_pipeline(tmp_path, "v_prediction", rescale_betas_zero_snr=True))
    assert math.isfinite(prior.levels.sigma_max)
    (clean,) = prior.denoise(latents(1) * 1000, torch.tensor([1000.0]), [prior.condition("duck")])
    assert torch.isfinite(clean).all()


def test_encoding_is_the_scaled_posterior_mean(prior: LatentDiffusion, folder: Path) -> None:
    image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    with torch.no_grad():
        mean = vae.encode(image * 2 - 1).latent_dist.mean
    assert_close_to_rounding(prior.encode(image), (mean - 0.1) * 0.2)
    assert torch.equal(prior.encode(image), prior.encode(image))


def test_decoding_undoes_the_scaling(prior: LatentDiffusion, folder: Path) -> None:
    latent = latents(1)
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    with torch.no_grad():
        expected = vae.decode(latent / 0.2 + 0.1).sample / 2 + 0.5
    assert_close_to_rounding(prior.decode(latent), expected)


def test_gradients_reach_the_image_and_not_the_weights(prior: LatentDiffusion) -> None:
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    direction = latents(1)
    (prior.encode(image) * direction).sum().backward()
    assert image.grad is not None
    step = 1e-2 * image.grad / image.grad.norm()
    with torch.no_grad():
        up, down = (float((prior.encode(image + sign * step) * direction).sum()) for sign in (1, -1))
    assert (up - down) / 2 == pytest.approx(1e-2 * float(image.grad.norm()), rel=0.02)
    assert all(weight.grad is None and not weight.requires_grad for weight in prior._autoencoder._vae.parameters())


def test_encoding_fits_into_little_memory_at_the_same_values_and_gradients(folder: Path) -> None:
    vae = AutoencoderKL.from_pretrained(folder / "vae").requires_grad_(False)
    plenty = 2 * activation_bytes(vae, 16) / MOST_FOR_ACTIVATIONS
    answers = []
    for images, free in ((2, plenty), (2, plenty / 4), (1, plenty / 1.5)):
        autoencoder = Autoencoder(vae, 16, lambda free=free: free)  # type: ignore[misc]
        image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))[:images].requires_grad_()
        remembered = []

        def remember(tensor: torch.Tensor, into: list[int] = remembered) -> torch.Tensor:
            into.append(0 if isinstance(tensor, torch.nn.Parameter) else tensor.numel() * tensor.element_size())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
            latent = autoencoder.encode(image)
        latent.square().sum().backward()
        answers.append((latent.detach(), image.grad, sum(remembered)))
    (latent, gradient, much), (latent_again, gradient_again, little), (_, _, one) = answers
    assert_close_to_rounding(latent_again, latent)
    assert_close_to_rounding(gradient_again, gradient)
    assert little < 0.5 * much
    assert much == pytest.approx(2 * one, rel=0.01)
    # What is thought to be needed is about what is.
    assert activation_bytes(vae, 16) == pytest.approx(one, rel=0.3)


@pytest.mark.parametrize("size", [8, 40])
def test_images_of_another_size_are_resized_with_gradients(prior: LatentDiffusion, size: int) -> None:
    image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0), requires_grad=True)
    resized = functional.interpolate(image, (16, 16), mode="bilinear", antialias=True)
    latent = prior.encode(image)
    assert_close_to_rounding(latent, prior.encode(resized))
    latent.sum().backward()
    assert image.grad is not None
    assert image.grad.abs().min() > 0


def test_a_prompt_is_encoded_once(prior: LatentDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    encoder = prior._texts._encoders["text_encoder"]
    forward = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda *rest, **named: runs.append(1) or forward(*rest, **named))
    first = prior.condition("a new prompt")
    assert prior.condition("a new prompt").states is first.states
    assert len(runs) == 1
    assert first.states.shape == (1, LENGTH, 12)
    assert not torch.equal(prior.condition("duck").states, prior.condition("").states)


def test_a_prompt_becomes_the_byte_pairs_of_the_folders_vocabulary(prior: LatentDiffusion) -> None:
    tokenizer = prior._texts._tokenizers["tokenizer"]
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("A Duck").input_ids)
    assert tokens == ["<|startoftext|>", "a</w>", "du", "ck</w>", "<|endoftext|>"]


def test_weights_of_a_variant_are_loaded(folder: Path, prior: LatentDiffusion, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    for file in copy.glob("*/*.safetensors"):
        file.rename(file.with_suffix(".fp16.safetensors"))
    same = load(copy)
    assert_close_to_rounding(same.encode(torch.zeros(1, 3, 16, 16)), prior.encode(torch.zeros(1, 3, 16, 16)))
    assert_close_to_rounding(same.condition("duck").states, prior.condition("duck").states)


def test_the_catalogue_loads_a_folder_by_its_path(folder: Path) -> None:
    assert load_prior(str(folder)).card.image_size == 16
