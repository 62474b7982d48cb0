"""eps, v, sample and flow networks are one and the same denoiser in EDM form."""

import pytest
import torch
from torch import Tensor

from server.guidance.mean_shift import Paper
from server.guidance.noise import Fresh
from server.guidance.sampling import sample
from server.guidance.schedules import karras_grid
from server.lab.densities import density
from server.priors.denoiser import Denoiser
from server.priors.parametrisation import (
    Network,
    NoiseTable,
    Prediction,
    as_denoiser,
    clean_from_output,
    network_input,
    output_from_clean,
    per_element,
    sigma_from_alpha_bar,
)
from tests.closeness import assert_close_to_rounding

TABLE = NoiseTable.scaled_linear()
MIXTURE = density("pinwheel")
HEADS: list[Prediction] = ["eps", "v", "sample", "flow"]


def _network(prediction: Prediction) -> Network:
    """The mixture as a perfect network, computed in float64 and answering in its input's dtype."""

    def network(scaled: Tensor, time: Tensor) -> Tensor:
        time = time.double()
        sigma = time / (1 - time) if prediction == "flow" else TABLE.sigma_of(time)
        level = per_element(sigma, scaled.double())
        noisy = scaled.double() * ((1 + level) if prediction == "flow" else torch.sqrt(1 + level**2))
        return output_from_clean(MIXTURE(noisy, sigma), noisy, level, prediction).to(scaled.dtype)

    return network


@pytest.mark.parametrize("prediction", HEADS)
def test_output_and_clean_image_are_inverse_to_each_other(prediction: Prediction) -> None:
    clean, noise = torch.randn((2, 4, 3, 2, 2), dtype=torch.float64)
    sigma = per_element(torch.tensor([0.03, 0.4, 2.0, 14.0]), clean)
    noisy = clean + sigma * noise
    output = output_from_clean(clean, noisy, sigma, prediction)
    torch.testing.assert_close(clean_from_output(output, noisy, sigma, prediction), clean, atol=1e-13, rtol=0)


def test_conversions_match_the_variance_preserving_definitions() -> None:
    clean, noise = torch.randn((2, 5, 3), dtype=torch.float64)
    alpha_bar = torch.rand((5, 1), dtype=torch.float64)
    noised = alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * noise
    sigma = sigma_from_alpha_bar(alpha_bar)
    noisy = clean + sigma * noise
    torch.testing.assert_close(network_input(noisy, sigma, "eps"), noised)
    velocity = alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * clean
    torch.testing.assert_close(output_from_clean(clean, noisy, sigma, "v"), velocity)
    torch.testing.assert_close(output_from_clean(clean, noisy, sigma, "eps"), noise)


def test_conversions_match_the_flow_definitions() -> None:
    clean, noise = torch.randn((2, 5, 3), dtype=torch.float64)
    u = torch.rand((5, 1), dtype=torch.float64)
    sigma = u / (1 - u)
    noisy = clean + sigma * noise
    torch.testing.assert_close(network_input(noisy, sigma, "flow"), (1 - u) * clean + u * noise)
    torch.testing.assert_close(output_from_clean(clean, noisy, sigma, "flow"), noise - clean)


def test_the_noise_table_of_stable_diffusion_has_its_known_levels() -> None:
    times = torch.tensor([20.0, 100.0, 250.0, 400.0, 500.0, 600.0, 750.0, 900.0, 980.0, 999.0])
    expected = torch.tensor([0.138, 0.344, 0.696, 1.164, 1.618, 2.285, 4.10, 8.35, 13.04, 14.61])
    torch.testing.assert_close(TABLE.sigma_of(times), expected, atol=0.006, rtol=0)


def test_time_and_sigma_are_inverse_between_timesteps_too() -> None:
    times = torch.tensor([0.0, 0.25, 17.5, 640.1, 998.9, 999.0], dtype=torch.float64)
    torch.testing.assert_close(TABLE.time_of(TABLE.sigma_of(times)), times)


def test_levels_outside_the_table_answer_with_its_ends() -> None:
    outside = torch.tensor([1e-4, 1e4])
    assert TABLE.time_of(outside).tolist() == [0.0, 999.0]


def test_timesteps_without_any_signal_are_left_off() -> None:
    table = NoiseTable.from_alphas_cumprod(torch.tensor([0.9, 0.5, 0.1, 0.0]))
    assert table.sigma_max == pytest.approx(3.0)


def test_a_variance_preserving_network_needs_a_noise_table() -> None:
    with pytest.raises(ValueError, match="noise table"):
        as_denoiser(_network("eps"), "eps")


def _trajectories(denoiser: Denoiser, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    drawn = sample(denoiser, (32, 2), karras_grid(0.03, 14.0, 24), generator, "ddim", dtype=dtype)
    shifted = Paper(start="prior", sigma_min=0.03, sigma_max=14.0, steps=24, kernel_time="lam2+sigma2")
    x = torch.randn((32, 2), generator=generator, dtype=dtype)
    return torch.cat([drawn, shifted(denoiser, x, 0.3, Fresh(generator)).target])


@pytest.mark.parametrize("prediction", HEADS)
def test_every_parametrisation_follows_the_edm_trajectories(prediction: Prediction) -> None:
    denoiser = as_denoiser(_network(prediction), prediction, TABLE)
    expected = _trajectories(MIXTURE, torch.float64)
    torch.testing.assert_close(_trajectories(denoiser, torch.float64), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("prediction", HEADS)
def test_every_parametrisation_follows_the_edm_trajectories_in_float32(prediction: Prediction) -> None:
    denoiser = as_denoiser(_network(prediction), prediction, TABLE)
    expected = _trajectories(MIXTURE, torch.float32)
    assert_close_to_rounding(_trajectories(denoiser, torch.float32), expected)
