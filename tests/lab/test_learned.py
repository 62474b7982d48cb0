"""The small network: its training and the weights that come with the package."""

from pathlib import Path

import pytest
import torch

from server.errors import BadRequest
from server.lab.densities import density
from server.lab.learned import load_weights, save_weights, score_errors, train
from tests.closeness import assert_close_to_rounding


@pytest.mark.parametrize("name", ["fractal", "spiral", "pinwheel"])
def test_the_weights_in_the_package_know_their_density(name: str) -> None:
    mixture, network = density(name), load_weights(name)
    generator = torch.Generator().manual_seed(0)
    errors = []
    for sigma in (0.05, 0.2, 1.0):
        clean = mixture.sample(500, generator)
        noisy = clean + sigma * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
        errors.append(score_errors(network, mixture, noisy, sigma))
    assert errors[0] < 0.2
    assert max(errors[1:]) < 0.06


def test_training_lowers_the_loss_and_its_weights_survive_the_disk(tmp_path: Path) -> None:
    mixture = density("pinwheel")
    losses: list[float] = []
    network = train(mixture, torch.Generator().manual_seed(0), 100, 128, lambda step, loss: losses.append(loss))
    assert sum(losses[-10:]) < 0.6 * sum(losses[:10])
    save_weights(network, tmp_path / "toy.safetensors")
    again = load_weights("pinwheel", tmp_path / "toy.safetensors")
    x, sigma = torch.randn(5, 2), torch.full((5,), 0.3)
    assert_close_to_rounding(again.denoise(x, sigma), network.denoise(x, sigma))


def test_missing_or_foreign_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="lab train"):
        load_weights("fractal_ab")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not weights")
    with pytest.raises(BadRequest, match="does not hold the weights"):
        load_weights("fractal", broken)
