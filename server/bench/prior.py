"""How many evaluations a second a prior's network gives, by the size of the batch."""

from __future__ import annotations

import torch

from server.bench.timing import best_times
from server.priors.denoiser import Prior
from server.world.views import Views

BATCHES = (1, 2, 4, 8, 16)
SIGMA = 1.0


def bench_prior(prior: Prior, prompt: str, device: str, repeats: int = 5) -> dict[str, float]:
    """Evaluations a second of D(y, sigma | prompt) at batches of 1 to 16, one condition; keys are batch sizes."""
    works = {}
    for batch in BATCHES:
        views = Views.orbit([360.0 * k / batch for k in range(batch)]).to(device)
        condition = prior.condition(prompt, views)
        noisy = torch.randn(batch, *prior.card.latent_shape, generator=torch.Generator().manual_seed(batch)).to(device)
        sigma = torch.full((batch,), SIGMA, device=device)

        def work(noisy: torch.Tensor = noisy, sigma: torch.Tensor = sigma, condition: object = condition) -> None:
            with torch.no_grad():
                prior.denoise(noisy * SIGMA, sigma, [condition])

        works[str(batch)] = work
    seconds = best_times(works, repeats, device)
    return {batch: round(int(batch) / spent, 2) for batch, spent in seconds.items()}
