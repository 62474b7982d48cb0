"""The stand-in is trained, resumed, and exported to a folder like any other model's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from server.errors import BadRequest
from server.priors.catalogue import load_prior
from server.training.stand_in import Trainer
from server.training.stand_in_export import export, load_networks
from server.training.stand_in_networks import SCALE, build_networks, centre_latents
from server.training.stand_in_plan import TINY, Plan
from server.world.views import Views

PLAN = Plan(size=TINY, code_steps=3, code_batch=4, pictures=40, steps=4, batch=4, views=6)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("photographs")


@pytest.fixture(scope="module")
def run(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    trainer = Trainer(PLAN, folder, cache)
    trainer.run(checkpoint_seconds=1e9, sheet_every=10**9)
    assert trainer.done
    return folder


def weights(folder: Path) -> torch.Tensor:
    networks, _ = load_networks(folder)
    modules = (networks.vae, networks.text_encoder, networks.unet)
    return torch.cat([p.detach().flatten() for module in modules for p in module.parameters()])


def test_a_run_leaves_a_log_and_sheets(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["stage"], line["step"]) for line in lines] == [("code", 3), ("diffusion", 4)]
    assert {path.name for path in (run / "sheets").iterdir()} == {"code-000003.png", "diffusion-000004.png"}


@pytest.mark.parametrize(("stage", "step"), [("code", 2), ("diffusion", 1), ("diffusion", 3)])
def test_a_resumed_run_ends_where_an_unbroken_one_does(
    stage: str, step: int, run: Path, cache: Path, tmp_path: Path
) -> None:
    class Stopped(Exception):
        pass

    class Stopping(Trainer):
        def advance(self) -> dict[str, torch.Tensor]:
            if (self.stage, self.step) == (stage, step):
                self.save()
                raise Stopped
            return super().advance()

    with pytest.raises(Stopped):
        Stopping(PLAN, tmp_path, cache).run(1e9, 10**9)
    resumed = Trainer(PLAN, tmp_path, cache)
    assert (resumed.stage, resumed.step) == (stage, step)
    resumed.run(1e9, 10**9)
    assert torch.equal(weights(tmp_path), weights(run))


def test_a_run_with_other_values_is_not_continued(run: Path, cache: Path) -> None:
    with pytest.raises(BadRequest) as caught:
        Trainer(replace(PLAN, pictures=41), run, cache)
    assert caught.value.code == "training-plan-differs"
    assert "pictures 40 and not 41" in caught.value.message


def test_a_run_may_be_made_longer(run: Path, cache: Path) -> None:
    assert not Trainer(replace(PLAN, steps=5), run, cache).done


def test_what_is_exported_opens_like_any_other_model(run: Path, tmp_path: Path) -> None:
    size = export(run, tmp_path / "model")
    assert size == sum(path.stat().st_size for path in (tmp_path / "model").rglob("*") if path.is_file())
    assert "Stable Diffusion" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    prior = load_prior(str(tmp_path / "model"))
    assert prior.card.view_prompts
    assert not prior.card.takes_camera
    assert (prior.card.image_size, prior.card.latent_shape) == (16, (4, 8, 8))
    condition = prior.condition("a yellow duck", Views.orbit([0.0, 180.0]))
    noisy = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    front, nothing = prior.denoise(noisy, torch.ones(2), [condition, prior.condition("")])
    assert bool(front.isfinite().all())
    assert not torch.equal(front, nothing)


def test_only_a_run_that_reached_the_diffusion_network_is_exported(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRequest) as caught:
        export(tmp_path, tmp_path / "model")
    assert caught.value.code == "checkpoint-missing"
    Trainer(PLAN, tmp_path, cache).save()
    with pytest.raises(BadRequest) as caught:
        export(tmp_path, tmp_path / "model")
    assert caught.value.code == "training-unfinished"


def test_centred_latents_have_the_usual_scale_and_decode_to_the_same_pictures() -> None:
    vae = build_networks(TINY, 0).vae.requires_grad_(False).eval()
    pictures = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    before = vae.encode(pictures).latent_dist
    decoded = vae.decode(before.mean).sample
    centre_latents(vae, before.mean)
    after = vae.encode(pictures).latent_dist
    scaled = after.mean * SCALE
    torch.testing.assert_close(scaled.mean((0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(scaled.std((0, 2, 3)), torch.ones(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(after.std * before.mean.std((0, 2, 3))[:, None, None] * SCALE, before.std)
    torch.testing.assert_close(vae.decode(after.mean).sample, decoded, atol=1e-4, rtol=1e-4)
