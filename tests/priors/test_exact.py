import math

import pytest
import torch

from server.errors import BadRequest
from server.priors.exact import ExactPrior, camera_log_prior
from server.priors.posterior import FLOOR, ObjectMixture, SurfaceMixture
from server.world.views import Views
from tests.closeness import assert_close_to_rounding


def tiny_mixture(background: torch.Tensor | None, pictures: int = 5, pixels: int = 12) -> ObjectMixture:
    generator = torch.Generator().manual_seed(4)
    return ObjectMixture(
        shape=torch.randn(pictures, 3, pixels, generator=generator),
        swing=0.3 * torch.randn(pictures, 3, pixels, generator=generator),
        clear=torch.rand(pictures, pixels, generator=generator),
        log_prior=torch.randn(pictures, generator=generator),
        background=background,
    )


def brute_force(mixture: ObjectMixture, noisy: torch.Tensor, sigma: float) -> torch.Tensor:
    """E[y | z] from dense covariance matrices in double precision."""
    count, _, pixels = mixture.shape.shape
    log_weights, means = [], []
    for i in range(count):
        mean = mixture.shape[i].double().flatten()
        covariance = FLOOR**2 * torch.eye(3 * pixels, dtype=torch.float64)
        swing = mixture.swing[i].double().flatten()
        covariance += torch.outer(swing, swing)
        for channel in range(3):
            direction = torch.zeros(3, pixels, dtype=torch.float64)
            direction[channel] = mixture.clear[i].double()
            if mixture.background is not None:
                mean = mean + mixture.background[channel].double() * direction.flatten()
            else:
                covariance += mixture.background_spread**2 * torch.outer(direction.flatten(), direction.flatten())
        noise = sigma**2 * torch.eye(3 * pixels, dtype=torch.float64)
        z = noisy.double().flatten()
        likelihood = torch.distributions.MultivariateNormal(mean, covariance + noise)
        log_weights.append(mixture.log_prior[i].double() + likelihood.log_prob(z))
        means.append(mean + covariance @ torch.linalg.solve(covariance + noise, z - mean))
    weights = torch.softmax(torch.stack(log_weights), 0)
    return (weights[:, None] * torch.stack(means)).sum(0).view_as(noisy)


@pytest.mark.parametrize("background", [None, torch.tensor([0.4, -0.2, 0.7])], ids=["hidden", "known"])
@pytest.mark.parametrize("sigma", [0.05, 0.5, 3.0, 50.0])
def test_the_posterior_mean_is_the_one_of_dense_algebra(background: torch.Tensor | None, sigma: float) -> None:
    mixture = tiny_mixture(background)
    noisy = mixture.shape[[1, 3]] + 0.3 + sigma * torch.randn(2, 3, 12, generator=torch.Generator().manual_seed(1))
    mean = mixture.mean(noisy, torch.full((2,), sigma))
    for i in range(2):
        torch.testing.assert_close(mean[i].double(), brute_force(mixture, noisy[i], sigma), atol=2e-4, rtol=2e-4)


def test_elements_of_a_batch_may_have_different_noise() -> None:
    mixture = tiny_mixture(None)
    noisy = torch.randn(2, 3, 12, generator=torch.Generator().manual_seed(2))
    together = mixture.mean(noisy, torch.tensor([0.2, 4.0]))
    apart = torch.cat([mixture.mean(noisy[i : i + 1], torch.tensor([s])) for i, s in enumerate((0.2, 4.0))])
    assert_close_to_rounding(together, apart)


def test_surfaces_follow_the_ideal_denoiser() -> None:
    generator = torch.Generator().manual_seed(5)
    fields, ground, ink = (
        torch.rand(7, 20, generator=generator),
        torch.tensor([-0.5, 0.1, 0.9]),
        torch.tensor([1.0, 0.4, -1.2]),
    )
    mixture = SurfaceMixture(fields, ground, ink)
    pictures = ground[:, None] + ink[:, None] * fields[:, None]
    for sigma in (0.05, 0.7, 50.0):
        noisy = pictures[:2] + sigma * torch.randn(2, 3, 20, generator=generator)
        variance = sigma**2 + FLOOR**2
        squares = (noisy[:, None].double() - pictures.double()).square().sum((2, 3))
        nearest = torch.einsum("bn,ncp->bcp", torch.softmax(-squares / (2 * variance), 1), pictures.double())
        expected = noisy.double() - sigma**2 / variance * (noisy.double() - nearest)
        torch.testing.assert_close(
            mixture.mean(noisy, torch.full((2,), sigma)).double(), expected, atol=1e-4, rtol=1e-4
        )


def test_a_bank_of_one_picture_returns_that_picture() -> None:
    mixture = tiny_mixture(torch.tensor([0.2, 0.2, 0.2]), pictures=1)
    mixture = ObjectMixture(mixture.shape, 0 * mixture.swing, mixture.clear, mixture.log_prior, mixture.background)
    noisy = 3 * torch.randn(1, 3, 12, generator=torch.Generator().manual_seed(3))
    picture = mixture.shape + 0.2 * mixture.clear[:, None]
    torch.testing.assert_close(mixture.mean(noisy, torch.tensor([3.0])), picture, atol=0.01, rtol=0)


def test_great_noise_gives_the_mean_and_little_noise_the_nearest_picture() -> None:
    fields = torch.rand(6, 40, generator=torch.Generator().manual_seed(6))
    mixture = SurfaceMixture(fields, torch.zeros(3), torch.ones(3))
    far = mixture.mean(torch.zeros(1, 3, 40), torch.tensor([1000.0]))
    torch.testing.assert_close(far[0, 0], fields.mean(0), atol=1e-3, rtol=0)
    noisy = fields[4].expand(1, 3, 40) + 0.1 * torch.randn(1, 3, 40, generator=torch.Generator().manual_seed(7))
    near = mixture.mean(noisy, torch.tensor([0.1]))
    assert (near - fields[4]).abs().max() < 0.06


@pytest.fixture(scope="module")
def prior() -> ExactPrior:
    return ExactPrior()


def at_azimuths(*degrees: float, background: bool = True) -> Views:
    views = Views.orbit(list(degrees))
    grey = torch.full((len(degrees), 3), 0.5)
    return Views(views.azimuth, views.elevation, views.distance, views.fov, grey if background else None)


def most_likely(prior: ExactPrior, prompt: str, views: Views | None, count: int = 1) -> torch.Tensor:
    noisy = 50 * torch.randn(count, 48, 16, 16, generator=torch.Generator().manual_seed(0))
    (clean,) = prior.denoise(noisy, torch.full((count,), 50.0), [prior.condition(prompt, views)])
    return prior.decode(clean)


def test_encoding_is_undone_by_decoding_and_keeps_distances(prior: ExactPrior) -> None:
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    latent = prior.encode(image)
    assert latent.shape[1:] == prior.card.latent_shape
    torch.testing.assert_close(prior.decode(latent), image)
    assert_close_to_rounding(latent.norm(), (2 * image - 1).norm())
    latent.sum().backward()
    assert torch.equal(image.grad, torch.full_like(image, 2.0))


def test_the_camera_decides_what_is_seen(prior: ExactPrior) -> None:
    front, back = most_likely(prior, "a yellow duck", at_azimuths(0, 180), count=2)
    orange = (front - back)[0] - (front - back)[1]
    assert orange.clamp_min(0).sum() > 10
    left, right = most_likely(prior, "a yellow duck", at_azimuths(90, 270), count=2)
    assert (left - right.flip(-1)).abs().mean() < 0.5 * (left - right).abs().mean()


def test_a_known_background_is_put_behind_the_object(prior: ExactPrior) -> None:
    views = at_azimuths(10.0)
    blue = Views(views.azimuth, views.elevation, views.distance, views.fov, torch.tensor([[0.1, 0.2, 0.9]]))
    corner = most_likely(prior, "a yellow duck", blue)[0, :, :4, :4].mean((1, 2))
    torch.testing.assert_close(corner, torch.tensor([0.1, 0.2, 0.9]), atol=0.02, rtol=0)


def test_a_hidden_background_is_read_from_the_noisy_picture(prior: ExactPrior) -> None:
    condition = prior.condition("a yellow duck", at_azimuths(10.0, background=False))
    plain = prior.encode(torch.tensor([0.1, 0.7, 0.3])[None, :, None, None].expand(1, 3, 64, 64))
    noisy = plain + torch.randn(1, 48, 16, 16, generator=torch.Generator().manual_seed(0))
    (clean,) = prior.denoise(noisy, torch.tensor([1.0]), [condition])
    corner = prior.decode(clean)[0, :, :4, :4].mean((1, 2))
    torch.testing.assert_close(corner, torch.tensor([0.1, 0.7, 0.3]), atol=0.05, rtol=0)


def test_the_same_view_is_never_far_in_rotation_even_straight_above() -> None:
    high = math.radians(84.0)
    azimuth = torch.tensor([0.0, math.pi / 2])
    same = torch.ones(2)
    views = Views(azimuth, high * same, 3 * same, math.radians(40) * same)
    log_prior = camera_log_prior(views, views)
    torch.testing.assert_close(log_prior.diagonal(), torch.zeros(2), atol=0.01, rtol=0)
    assert log_prior[0, 1] < -50


def test_a_surface_needs_no_camera(prior: ExactPrior) -> None:
    noisy = 20 * torch.randn(2, 48, 16, 16, generator=torch.Generator().manual_seed(1))
    sigma = torch.full((2,), 20.0)
    with_views = prior.denoise(noisy, sigma, [prior.condition("red dots", at_azimuths(0, 90))])[0]
    assert_close_to_rounding(with_views, prior.denoise(noisy, sigma, [prior.condition("red dots")])[0])


def test_an_empty_prompt_is_refused_with_a_way_out(prior: ExactPrior) -> None:
    with pytest.raises(BadRequest, match="guidance scale to 1"):
        prior.condition("  ")


def test_unreadable_prompts_are_refused(prior: ExactPrior) -> None:
    with pytest.raises(BadRequest, match="dragon"):
        prior.condition("a dragon")
