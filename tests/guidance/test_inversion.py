"""DDIM inversion and score distillation via inversion."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from server.guidance.inversion import DistillationViaInversion, invert
from server.guidance.noise import Fresh
from server.guidance.sampling import solve
from server.guidance.schedules import log_grid
from server.lab.densities import density
from server.priors.denoiser import Guided

PINWHEEL = density("pinwheel")


def test_sampling_back_from_the_inverted_state_returns_to_x() -> None:
    x = PINWHEEL.sample(20, torch.Generator().manual_seed(0))
    levels = log_grid(0.05, 3.0, 400)[::-1]
    states = invert(lambda z, s: PINWHEEL.denoise(z, s), x, levels)
    back = solve(lambda z, s: PINWHEEL.denoise(z, s), states[-1], levels[::-1], "ddim")
    assert len(states) == 400
    torch.testing.assert_close(back, x, atol=0.05, rtol=0)


def test_without_guidance_the_inverted_noise_is_about_as_strong_as_noise() -> None:
    x = 0.5 * torch.randn((8, 400), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    denoiser = lambda z, s: z * (0.25 / (0.25 + s[:, None] ** 2))  # noqa: E731
    estimate = DistillationViaInversion(steps=60, noise=0.0)(denoiser, x, 2.0, Fresh(torch.Generator()))
    assert float(estimate.shell_ratio or 0) == pytest.approx(1, abs=0.2)
    assert estimate.denoiser_calls == 61


def test_the_inversion_uses_its_own_guidance_scale() -> None:
    asked: list[int] = []

    class TwoClasses:
        def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[float]) -> list[Tensor]:
            asked.append(len(conditions))
            return [(noisy - c) / (1 + sigma[:, None] ** 2) + c for c in conditions]

    guided = Guided(TwoClasses(), 1.0, 0.0, scale=1.0)
    estimate = DistillationViaInversion(steps=4, inversion_scale=-6.5)(
        guided, torch.zeros((1, 2)), 1.0, Fresh(torch.Generator().manual_seed(0))
    )
    assert asked == [2, 2, 2, 2, 1]
    assert guided.calls == 9
    assert estimate.denoiser_calls == 5


def test_a_model_without_an_unconditional_one_is_inverted_without_guidance() -> None:
    class OneClass:
        def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[float]) -> list[Tensor]:
            return [(noisy - c) / (1 + sigma[:, None] ** 2) + c for c in conditions]

    guided = Guided(OneClass(), 1.0)
    estimate = DistillationViaInversion(steps=4)(
        guided, torch.zeros((1, 2)), 1.0, Fresh(torch.Generator().manual_seed(0))
    )
    assert guided.calls == estimate.denoiser_calls == 5
    assert bool(estimate.target.isfinite().all())
