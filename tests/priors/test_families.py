"""Every family answers as its own pipeline and scheduler in the diffusers library would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, FlowMatchEulerDiscreteScheduler
from torch import Tensor

from server.priors.pretrained.autoencoder import Autoencoder
from server.priors.pretrained.finding import find_model
from server.priors.pretrained.latent_diffusion import LatentDiffusion
from server.world.views import Views
from tests.closeness import assert_close_to_rounding
from tests.priors.tiny_families import LAYOUTS, PIPELINES, family_of, write_model

LATENTS = (4, 8, 8)
T5_AND_CLIP = 256 + 20

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("families")
    return {layout: write_model(base / layout.replace(" ", "-"), layout) for layout in LAYOUTS}


@pytest.fixture(scope="module", params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def prior(layout: str, folders: dict[str, Path]) -> LatentDiffusion:
    return load(folders[layout])


def load(path: Path, low_vram: bool = False) -> LatentDiffusion:
    return LatentDiffusion(find_model(str(path)), low_vram=low_vram)


def pipeline_of(path: Path, layout: str) -> Any:
    import diffusers

    options: dict[str, Any] = {"local_files_only": True, "low_cpu_mem_usage": False, "feature_extractor": None}
    options |= {"safety_checker": None} if family_of(layout) == "sd" else {"image_encoder": None}
    if layout == "sd3":
        options |= {"text_encoder_3": None, "tokenizer_3": None}
    return getattr(diffusers, PIPELINES[family_of(layout)]).from_pretrained(path, **options)


def latents(count: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(count, *LATENTS, generator=torch.Generator().manual_seed(seed))


def test_prompts_are_read_as_the_pipeline_reads_them(
    layout: str, prior: LatentDiffusion, folders: dict[str, Path]
) -> None:
    pipeline = pipeline_of(folders[layout], layout)
    read, empty = prior.condition("a duck"), prior.condition("")
    with torch.no_grad():
        if family_of(layout) == "sd":
            states, nothing = pipeline.encode_prompt("a duck", "cpu", 1, True)
            pooled = no_pool = None
        else:
            more = {"prompt_2": None} | ({"prompt_3": None} if family_of(layout) == "sd3" else {})
            states, nothing, pooled, no_pool = pipeline.encode_prompt("a duck", **more, device=torch.device("cpu"))
    assert_close_to_rounding(read.states, states)
    assert_close_to_rounding(empty.states, nothing)
    if pooled is None:
        assert read.pooled is None
        return
    assert_close_to_rounding(read.pooled, pooled)
    assert_close_to_rounding(empty.pooled, no_pool)
    if family_of(layout) == "sd3":
        assert read.states.shape[1] == T5_AND_CLIP
        assert bool(read.states[:, 20:].any()) == layout.endswith("T5")


def test_no_prompt_is_zeros_only_where_the_model_was_trained_so(tmp_path: Path, folders: dict[str, Path]) -> None:
    assert not load(folders["sdxl"]).condition("").states.any()
    assert not load(folders["sdxl"]).condition("").pooled.any()
    encoded = load(write_model(tmp_path, "sdxl", force_zeros_for_empty_prompt=False)).condition("")
    assert encoded.states.any()
    assert encoded.pooled.any()


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("layout", ["sd2", "sdxl"])
def test_one_evaluation_is_the_schedulers_estimate_of_the_image(tmp_path: Path, layout: str, prediction: str) -> None:
    prior, pipeline = load(write_model(tmp_path, layout, prediction)), pipeline_of(tmp_path, layout)
    scheduler = DDIMScheduler.from_pretrained(tmp_path / "scheduler")
    scheduler.set_timesteps(1000)
    timestep = 600
    alpha = scheduler.alphas_cumprod[timestep]
    text = prior.condition("duck")
    added = None
    if layout == "sdxl":
        ids = pipeline._get_add_time_ids((16, 16), (0, 0), (16, 16), torch.float32, 80)
        added = {"text_embeds": text.pooled.expand(2, -1), "time_ids": ids.expand(2, -1)}
    noised = latents()
    with torch.no_grad():
        output = pipeline.unet(noised, timestep, text.states.expand(2, -1, -1), added_cond_kwargs=added).sample
    expected = scheduler.step(output, timestep, noised).pred_original_sample
    sigma = ((1 - alpha) / alpha).sqrt()
    (clean,) = prior.denoise(noised / alpha.sqrt(), sigma.expand(2), [text])
    assert_close_to_rounding(clean, expected, within=1e-4)


@pytest.mark.parametrize("sigma", [0.05, 1.0, 20.0])
def test_flow_matching_is_asked_on_its_straight_path(folders: dict[str, Path], sigma: float) -> None:
    """z_u = (1 - u) y + u n at u = sigma / (1 + sigma), and one Euler step from there to 0 gives the image."""
    prior, pipeline = load(folders["sd3"]), pipeline_of(folders["sd3"], "sd3")
    level = sigma / (1 + sigma)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0)
    scheduler.set_timesteps(sigmas=[level])
    clean_image, noise, text = latents(seed=1), latents(seed=2), prior.condition("duck")
    on_path = (1 - level) * clean_image + level * noise
    with torch.no_grad():
        output = pipeline.transformer(
            on_path,
            text.states.expand(2, -1, -1),
            text.pooled.expand(2, -1),
            scheduler.timesteps.expand(2),
        ).sample
    expected = scheduler.step(output, scheduler.timesteps[0], on_path).prev_sample
    (clean,) = prior.denoise(clean_image + sigma * noise, torch.full((2,), sigma), [text])
    assert_close_to_rounding(clean, expected, within=1e-4)


def test_the_shift_of_a_sampler_changes_nothing(tmp_path: Path, folders: dict[str, Path]) -> None:
    plain = load(folders["sd3"])
    shifted = write_model(tmp_path, "sd3")
    FlowMatchEulerDiscreteScheduler(shift=7.0).save_pretrained(shifted / "scheduler")
    sigma = torch.tensor([0.3, 4.0])
    answers = [model.denoise(latents(), sigma, [model.condition("duck")])[0] for model in (plain, load(shifted))]
    assert_close_to_rounding(*answers)


def test_conditions_in_one_batch_answer_as_one_by_one_with_less_memory(
    layout: str, prior: LatentDiffusion, folders: dict[str, Path]
) -> None:
    spare = load(folders[layout], low_vram=True)
    views = Views.orbit([0.0, 120.0])
    sigma = torch.tensor([0.5, 3.0])
    together, apart = (
        model.denoise(latents(), sigma, [model.condition("duck", views), model.condition("")])
        for model in (prior, spare)
    )
    assert not torch.allclose(together[0], together[1], atol=1e-6)
    for one, other in zip(together, apart, strict=True):
        assert_close_to_rounding(one, other)
    image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    gradients = [torch.autograd.grad(model.encode(image).square().sum(), image)[0] for model in (prior, spare)]
    assert_close_to_rounding(*gradients)
    assert_close_to_rounding(spare.decode(latents()), prior.decode(latents()))


def test_the_prompt_seen_from_an_angle_lies_between_the_named_views(layout: str, prior: LatentDiffusion) -> None:
    named = {name: prior.condition(f"duck, {name} view") for name in ("front", "side", "back")}
    seen = prior.condition("duck", Views.orbit([0.0, 45.0, -90.0, 180.0]))
    assert seen.states.shape == (4, *named["front"].states.shape[1:])
    between = (named["front"].states + named["side"].states) / 2
    expected = torch.cat([named["front"].states, between, named["side"].states, named["back"].states])
    assert_close_to_rounding(seen.states, expected)
    if seen.pooled is not None:
        assert seen.pooled.shape[0] == 4
        assert_close_to_rounding(seen.pooled[3:], named["back"].pooled)


def test_views_change_neither_the_empty_prompt_nor_one_that_names_its_view(prior: LatentDiffusion) -> None:
    views = Views.orbit([10.0, 170.0])
    for prompt in ("", " ", "back view of a duck"):
        assert torch.equal(prior.condition(prompt, views).states, prior.condition(prompt).states)


def test_channels_that_are_normalised_by_themselves_are_so_in_both_directions() -> None:
    """As SDXL's pipelines do: raw latents are z latents_std / scaling_factor + latents_mean."""
    torch.manual_seed(0)
    mean, std = [0.1, -0.2, 0.3, 0.0], [0.5, 2.0, 1.0, 4.0]
    vae = AutoencoderKL(norm_num_groups=4, block_out_channels=(8,), latents_mean=mean, latents_std=std).eval()
    image = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        raw = vae.encode(image * 2 - 1).latent_dist.mean
        latent = Autoencoder(vae, 16).encode(image)
    by_channel = (1, 4, 1, 1)
    expected = (raw - torch.tensor(mean).view(by_channel)) * 0.18215 / torch.tensor(std).view(by_channel)
    assert_close_to_rounding(latent, expected)
    with torch.no_grad():
        assert_close_to_rounding(Autoencoder(vae, 16).decode(latent), vae.decode(raw).sample / 2 + 0.5)


@pytest.mark.gpu
@pytest.mark.parametrize("low_vram", [False, True])
def test_on_an_accelerator_half_precision_answers_alike_and_text_encoders_leave_the_device(
    layout: str, prior: LatentDiffusion, folders: dict[str, Path], low_vram: bool, accelerator: str
) -> None:
    fast = LatentDiffusion(find_model(str(folders[layout])), accelerator, low_vram)
    sigma = torch.tensor([0.5, 3.0])
    for prompt in ("a duck", "a second prompt"):
        slow_answer = prior.denoise(latents(), sigma, [prior.condition(prompt)])[0]
        fast_answer = fast.denoise(latents().to(accelerator), sigma.to(accelerator), [fast.condition(prompt)])[0]
        torch.testing.assert_close(fast_answer.cpu(), slow_answer, rtol=0.1, atol=0.1)
        assert all(encoder.device.type == "cpu" for encoder in fast._texts._encoders.values())
    image = torch.rand(2, 3, 16, 16, device=accelerator, requires_grad=True)
    fast.encode(image).square().sum().backward()
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()
