"""Table 2: what optimisation arrives at, for every method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import torch
from torch import Tensor

from server.guidance.sampling import sample
from server.guidance.schedules import karras_grid
from server.lab.densities import START_BOX, density
from server.lab.learned import load_weights
from server.lab.methods import RUNS
from server.lab.metrics import maximum_mean_discrepancy, negative_log_likelihood, precision_recall
from server.lab.optimisation import optimise, stratified_start
from server.lab.printed import QUALITY
from server.priors.denoiser import Denoiser
from server.priors.ideal import IdealDenoiser
from server.priors.mixture import GaussianMixture

KNOWN = (*RUNS, "ddim")
# Without a class to be guided to, flow's target is where a point is already.
METHODS = tuple(method for method in KNOWN if method != "flow")
MEASURES = ("nll", "nll_median", "precision", "recall", "mmd")
DDIM_STEPS = 32
PER_SIDE = 20
REFERENCES = 5
SAMPLES = 4096


def steps_of(method: str) -> int:
    """How often `run_method` calls `on_step`, for progress bars."""
    return 1 if method == "ddim" else RUNS[method].steps + RUNS[method].polish_steps


def run_method(
    method: str,
    density_name: str,
    denoiser: Denoiser,
    seed: int,
    on_step: Callable[[int, Tensor, float], None] = lambda step, points, q: None,
) -> tuple[Tensor, int]:
    """Final points [400, 2] and calls per point. Starting points are stratified over the density's box."""
    generator = torch.Generator().manual_seed(seed)
    if method == "ddim":
        grid = karras_grid(0.002, 5.0, DDIM_STEPS)
        drawn = sample(denoiser, (PER_SIDE**2, 2), grid, generator, "ddim", dtype=torch.float64)
        on_step(DDIM_STEPS, drawn, 0.0)
        return drawn, DDIM_STEPS
    start = stratified_start(START_BOX[density_name], PER_SIDE, generator)
    outcome = optimise(RUNS[method], denoiser, start, generator, on_step)
    return outcome.points, outcome.calls_per_point


def denoiser_of(density_name: str, kind: str, weights: Path | None = None) -> Denoiser:
    """A denoiser of a density: the closed form ("ideal"), the best one for whoever knows only SAMPLES draws of it
    ("samples", the paper's Eq. 16), or the trained network ("learned").

    Args:
        weights: folder of networks trained by `lab train`; None takes those that come with the package.

    Raises:
        BadRequest: there are no trained weights for it.
    """
    if kind == "ideal":
        return density(density_name)
    if kind == "samples":
        return IdealDenoiser(density(density_name).sample(SAMPLES, torch.Generator().manual_seed(0)))
    return load_weights(density_name, weights and weights / f"{density_name}.safetensors").denoise


def quality(mixture: GaussianMixture, points: Tensor, seed: int) -> tuple[float, float, float, float, float]:
    """MEASURES of points [n, 2]. The last three compare with n true samples, averaged over REFERENCES such sets:
    a single one moves the precision of a mode-seeking method by a few hundredths."""
    # Another stream than the optimisation's own, so that all methods meet the same true samples.
    generator = torch.Generator().manual_seed(1_000_003 + seed)
    compared = []
    for _ in range(REFERENCES):
        real = mixture.sample(len(points), generator)
        compared.append((*precision_recall(points, real), maximum_mean_discrepancy(points, real)))
    precision, recall, discrepancy = (fmean(column) for column in zip(*compared, strict=True))
    return *negative_log_likelihood(mixture, points), precision, recall, discrepancy


def table2(
    densities: Sequence[str],
    denoisers: Sequence[str] = ("ideal", "learned"),
    methods: Sequence[str] = METHODS,
    seed: int = 0,
    seeds: int = 1,
    on_step: Callable[[str], None] = lambda description: None,
    weights: Path | None = None,
) -> dict[str, Any]:
    """Optimise 400 points by every method and compare them with true samples, 400 at a time.

    Args:
        on_step: called after every update with what is running.
        weights: see `denoiser_of`.

    Returns:
        rows of density, denoiser ("ideal" | "samples" | "learned"), method, nll, nll_median, precision, recall, mmd
        (MMD^2, not in thousandths), calls_per_point, seeds, spread (standard deviations over seeds), paper (what it
        prints, as far as we know it; None where its table has no such cell).
    """
    rows = []
    for name in densities:
        mixture = density(name)
        for kind in denoisers:
            denoiser = denoiser_of(name, kind, weights)
            for method in methods:
                results = []
                calls = 0
                for offset in range(seeds):

                    def report(step: int, points: Tensor, q: float, label: str = f"{name}, {kind}, {method}") -> None:
                        on_step(label)

                    points, calls = run_method(method, name, denoiser, seed + offset, report)
                    results.append(quality(mixture, points, seed + offset))
                columns = dict(zip(MEASURES, zip(*results, strict=True), strict=True))
                rows.append(
                    {
                        "density": name,
                        "denoiser": kind,
                        "method": method,
                        **{measure: fmean(values) for measure, values in columns.items()},
                        "calls_per_point": calls,
                        "seeds": seeds,
                        "spread": {measure: pstdev(values) for measure, values in columns.items()},
                        "paper": QUALITY.get((name, kind, method)),
                    }
                )
    return {"rows": rows}
