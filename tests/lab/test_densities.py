"""The toy densities are the ones everybody else uses."""

import pytest
import torch

from server.errors import BadRequest
from server.lab.densities import CLASS_OF, DENSITIES, density
from server.lab.samples import samples


def _close(actual: torch.Tensor, expected: list[float] | list[list[float]], atol: float = 1e-9) -> None:
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64), atol=atol, rtol=0)


def test_the_fractals_first_class_has_its_fingerprint() -> None:
    fractal = density("fractal")
    assert len(fractal.weights) == 127 * 8
    assert float(fractal.weights[0]) == pytest.approx(0.0321495364, abs=1e-9)
    _close(fractal.means[0], [0.0213441091, 0.0633343071])
    _close(fractal.covariances[0], [[3.467597672e-4, 1.035784272e-4], [1.035784272e-4, 3.851461886e-4]], 1e-12)
    _close(fractal.means[-1], [0.4817638885, -0.5965597673])
    _close(fractal.mean(), [0.3718510429, 0.3646065593])
    assert float(fractal.covariance().trace()) == pytest.approx(0.2275431091, abs=1e-9)


def test_the_fractals_second_class_grows_on_from_the_same_random_numbers() -> None:
    _close(density("fractal_b").means[-1], [-0.4932547952, 0.5585266677])
    assert len(density("fractal_ab").weights) == 2 * 127 * 8


@pytest.mark.parametrize(("name", "entropy"), [("fractal", -1.3536), ("spiral", -1.2597), ("pinwheel", -0.9070)])
def test_true_samples_have_the_known_negative_log_likelihood(name: str, entropy: float) -> None:
    mixture = density(name)
    drawn = mixture.sample(10_000, torch.Generator().manual_seed(0))
    assert -float(mixture.log_density(drawn).mean()) == pytest.approx(entropy, abs=0.035)


@pytest.mark.parametrize("name", DENSITIES)
def test_weights_sum_to_one_and_covariances_are_positive(name: str) -> None:
    mixture = density(name)
    assert float(mixture.weights.sum()) == pytest.approx(1)
    assert float(torch.linalg.eigvalsh(mixture.covariances).min()) > 0


def test_an_unknown_density_is_refused_with_the_list_of_known_ones() -> None:
    with pytest.raises(BadRequest, match=r"no density 'torus'.*fractal.*spiral.*pinwheel"):
        density("torus")


def test_mean_shift_finds_both_circles_and_under_guidance_the_outer_one() -> None:
    plain, guided = (samples(["circles"], ("mean-shift",), scale)["rows"][0] for scale in (1.0, 4.0))
    radii = torch.tensor(plain["points"]).norm(dim=1)
    near = [((radii - radius).abs() < 0.1).double().mean() for radius in (0.5, 1.0)]
    assert min(near) > 0.2
    assert sum(near) > 0.95
    assert float((torch.tensor(guided["points"]).norm(dim=1) > 0.9).double().mean()) > 0.95


def test_a_class_is_a_part_of_its_density() -> None:
    for one, everything in CLASS_OF.values():
        part, whole = density(one), density(everything)
        assert float(part.weights.sum()) == pytest.approx(1)
        means = {tuple(mean) for mean in whole.means.tolist()}
        assert {tuple(mean) for mean in part.means.tolist()} < means
