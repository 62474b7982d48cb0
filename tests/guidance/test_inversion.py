"""DDIM inversion and score distillation via inversion."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from server.guidance.inversion import DistillationViaInversion, EvenlyUp, Flow, Timesteps, ddim_deviation, invert
from server.guidance.noise import Attached, Fresh
from server.guidance.sampling import solve
from server.guidance.schedules import log_grid, sigma_at, timestep_at
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
    estimate = DistillationViaInversion(EvenlyUp(60), eta=0.0)(denoiser, x, 2.0, Fresh(torch.Generator()))
    assert float(estimate.shell_ratio or 0) == pytest.approx(1, abs=0.2)
    assert estimate.denoiser_calls == 61


def test_the_inversion_uses_its_own_guidance_scale() -> None:
    asked: list[int] = []

    class TwoClasses:
        def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[float]) -> list[Tensor]:
            asked.append(len(conditions))
            return [(noisy - c) / (1 + sigma[:, None] ** 2) + c for c in conditions]

    guided = Guided(TwoClasses(), 1.0, 0.0, scale=1.0)
    estimate = DistillationViaInversion(EvenlyUp(4), inversion_scale=-6.5)(
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
    estimate = DistillationViaInversion(EvenlyUp(4))(
        guided, torch.zeros((1, 2)), 1.0, Fresh(torch.Generator().manual_seed(0))
    )
    assert guided.calls == estimate.denoiser_calls == 5
    assert bool(estimate.target.isfinite().all())


def test_the_published_ladder_climbs_by_timesteps_and_at_last_a_little_beyond_the_bandwidth() -> None:
    generator = torch.Generator().manual_seed(0)
    bandwidth = sigma_at(640.0)
    ladders = [Timesteps(10)(bandwidth, generator) for _ in range(200)]
    below = [sigma_at(t) for t in (0, 1, 101, 201, 301, 401, 501, 601)]
    assert all(ladder[:-1] == pytest.approx(below) for ladder in ladders)
    beyond = [timestep_at(ladder[-1]) - 640 for ladder in ladders]
    assert 0 <= min(beyond) < 5
    assert 95 < max(beyond) <= 100


@pytest.mark.parametrize("bandwidth", [0.001, 0.0293, 0.03, 0.138, 1.0, 14.6, 100.0])
def test_every_ladder_rises_to_the_bandwidth_whatever_it_is(bandwidth: float) -> None:
    for ladder in (Timesteps(10), Timesteps(200), EvenlyUp(4)):
        levels = ladder(bandwidth, torch.Generator().manual_seed(0))
        assert all(0 < a < b for a, b in pairwise(levels))
        assert levels[-1] >= bandwidth


def test_the_noise_on_the_way_up_is_that_of_ddim() -> None:
    """Against sqrt((1 - a') / (1 - a) (1 - a / a')) of Song et al., in the units of the upper level."""
    for low, high in ((0.03, 0.2), (0.5, 4.0), (4.0, 13.0)):
        kept, kept_above = 1 / (1 + low**2), 1 / (1 + high**2)
        published = ((1 - kept) / (1 - kept_above) * (1 - kept_above / kept)) ** 0.5
        assert ddim_deviation(low, high) == pytest.approx(published / kept_above**0.5)


def test_every_step_of_the_inversion_adds_its_own_noise() -> None:
    """A denoiser that says x whatever it sees: the inversion is that noise alone, one draw for each step."""
    x = torch.zeros((1, 2), dtype=torch.float64)
    drawn = Attached(lambda number, shape: torch.full(shape, 10.0**number), torch.Generator())
    levels = EvenlyUp(3)(1.0, drawn.generator)
    asked: list[torch.Tensor] = []

    def says_nothing(noisy: Tensor, sigma: Tensor) -> Tensor:
        asked.append(noisy)
        return x

    DistillationViaInversion(EvenlyUp(3), eta=0.5)(says_nothing, x, 1.0, drawn)
    state = 0.0
    for number, (low, high) in enumerate(pairwise(levels)):
        state = state * high / low + 0.5 * ddim_deviation(low, high) * 10.0**number
    torch.testing.assert_close(asked[-1], torch.full_like(x, state))


def test_the_noise_found_beyond_is_used_at_the_bandwidth() -> None:
    x = torch.ones((1, 2), dtype=torch.float64)
    asked: list[tuple[torch.Tensor, float]] = []

    def far_below(noisy: Tensor, sigma: Tensor) -> Tensor:
        asked.append((noisy, float(sigma[0])))
        return x - 1

    class Beyond:
        def __call__(self, bandwidth: float, generator: torch.Generator) -> list[float]:
            return [0.1, 2 * bandwidth]

    estimate = DistillationViaInversion(Beyond(), eta=0.0)(far_below, x, 0.7, Fresh(torch.Generator()))
    # From x at level .1, the state at 1.4 is x - 1 + 14; what it differs by from x is so many noises of level 1.4.
    assert asked[-1][1] == pytest.approx(0.7)
    torch.testing.assert_close(asked[-1][0], x + 0.7 * (13.0 / 1.4))
    assert estimate.denoiser_calls == 2


def test_flow_without_guidance_comes_back_to_x_and_with_it_follows_the_prompt() -> None:
    x = PINWHEEL.sample(20, torch.Generator().manual_seed(0))
    flow = Flow(steps=400, sigma_max=5.0)
    nothing = Fresh(torch.Generator())
    back = flow(lambda z, s: PINWHEEL.denoise(z, s), x, 1.0, nothing)
    torch.testing.assert_close(back.target, x, atol=0.05, rtol=0)
    assert back.denoiser_calls == 799

    class TwoClasses:
        def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[float]) -> list[Tensor]:
            return [(noisy - c) / (1 + sigma[:, None] ** 2) + c for c in conditions]

    start = torch.zeros((1, 2), dtype=torch.float64)
    guided = Guided(TwoClasses(), 1.0, 0.0, scale=2.0)
    # Up without the prompt a start at the mean of its class stays there; down, the class lies at 2.
    target = flow(guided, start, 1.0, nothing).target
    assert bool((target > 1).all())
    assert guided.calls == 399 + 2 * 400
