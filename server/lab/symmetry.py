"""What becomes of a flat start, on textures whose phase is open: noise fresh or attached, windows moving or held."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any, Literal

import torch
from torch import Tensor

from server.guidance.convergence import scaled_shift_norm
from server.guidance.estimate import Estimator
from server.guidance.mean_shift import Exact, Noised, Paper, Tweedie
from server.guidance.noise import Fresh
from server.guidance.schedules import Schedule
from server.lab.flat_point import critical_bandwidth, grain_power, ring_power
from server.lab.textures import CELLS, STD, TEXTURES, Texture
from server.priors.denoiser import Denoiser

STEPS = 300
BANDWIDTH = Schedule("geometric", 1.5, 0.075)
POLISH_STEPS = 100
START = 1e-3  # standard deviation of the start around flat
RUNS = 8  # of each seed
FOR_EVER = 0

# The share of the way that a step goes so that steps and bandwidth shrink together: dx / (D - x) = -d ln(lambda). With
# attached noise the run is then DDIM.
IN_STEP = math.log(BANDWIDTH.start / BANDWIDTH.end) / STEPS
FAST = 0.1

ESTIMATORS: dict[str, Estimator] = {
    "tweedie": Tweedie(),
    "noised": Noised(),
    "exact": Exact(steps=4),
    "paper": Paper(centre="random", interval=(0.1, 2.0)),
}

NoiseKind = Literal["fresh", "attached"]


@dataclass(frozen=True)
class Condition:
    """One way of running.

    Attributes:
        estimator: one of ESTIMATORS.
        noise: "fresh" in every step; "attached" to the signal, seen through each window; None where there is none.
        window: steps that a window is held for; FOR_EVER.
        rate: of the plain gradient steps x += rate (target - x).
    """

    estimator: str
    noise: NoiseKind | None
    window: int
    rate: float = IN_STEP


CONDITIONS = (
    *(Condition("noised", "fresh", window) for window in (1, 3, 10, 50, FOR_EVER)),
    *(Condition("noised", "attached", window) for window in (1, FOR_EVER)),
    *(Condition("noised", noise, 1, FAST) for noise in ("fresh", "attached")),
    *(Condition("tweedie", None, window) for window in (1, FOR_EVER)),
    *(Condition(name, noise, 1) for name in ("exact", "paper") for noise in ("fresh", "attached")),
)


def through_windows(denoiser: Denoiser, shifts: Tensor) -> Denoiser:
    """The denoiser as the signal meets it when row i is seen through the window that begins at cell shifts[i].

    Asking it about x + sigma n is asking `denoiser` about x and n, both seen through the windows: noise that is drawn
    for x is attached to it.
    """

    def seen(noisy: Tensor, sigma: Tensor) -> Tensor:
        return roll(denoiser(roll(noisy, shifts), sigma), -shifts)

    return seen


def roll(x: Tensor, shifts: Tensor) -> Tensor:
    """x [B, CELLS], row i from cell shifts[i] on."""
    return x.gather(1, (torch.arange(CELLS) + shifts[:, None]) % CELLS)


def run(texture: Texture, condition: Condition, seed: int) -> tuple[Tensor, Tensor]:
    """RUNS signals as their last windows see them [RUNS, CELLS], after STEPS, and again after POLISH_STEPS of classical
    mean shift from there: x <- D(x, lambda) at the last bandwidth, windows as before."""
    generator = torch.Generator().manual_seed(seed)
    x = START * torch.randn((RUNS, CELLS), generator=generator, dtype=torch.float64)
    shifts = torch.zeros(RUNS, dtype=torch.int64)
    end = x
    for step in range(STEPS + POLISH_STEPS):
        if step == 0 or (condition.window and step % condition.window == 0):
            shifts = torch.randint(CELLS, (RUNS,), generator=generator)
        seen = through_windows(texture.mixture, shifts)
        if step < STEPS:
            # The same seed in every step gives the same noise.
            attached = condition.noise == "attached"
            drawn = torch.Generator().manual_seed(2**32 + seed) if attached else generator
            x = x + condition.rate * (_target(condition.estimator, seen, x, _bandwidth(step), drawn) - x)
        else:
            x = _target("tweedie", seen, x, BANDWIDTH.end, generator)
        if step == STEPS - 1:
            end = roll(x, shifts)
    return end, roll(x, shifts)


def _target(name: str, denoiser: Denoiser, x: Tensor, bandwidth: float, noise: torch.Generator) -> Tensor:
    """The one place that hands noise to an estimator."""
    return ESTIMATORS[name](denoiser, x, bandwidth, Fresh(noise)).target


def _bandwidth(step: int) -> float:
    return BANDWIDTH(step / (STEPS - 1))


def measure(texture: Texture, x: Tensor) -> dict[str, float | None]:
    """Means over x [B, CELLS].

    Returns:
        contrast (root mean square over the texture's), coarse_power and fine_power (in each band, over the texture's;
        None without the band), nll (nats a cell), nearest_mode (root mean square distance a cell), q (scaled shift
        norm at the last bandwidth).
    """
    mixture = texture.mixture
    return {
        "contrast": float(x.square().mean(1).sqrt().mean()) / texture.rms,
        "coarse_power": float(texture.coarse.power(x).mean()) if texture.coarse else None,
        "fine_power": float(texture.fine.power(x).mean()) if texture.fine else None,
        "nll": -float(mixture.log_density(x).mean()) / CELLS,
        "nearest_mode": float(torch.cdist(x, mixture.means).min(1).values.mean()) / math.sqrt(CELLS),
        "q": scaled_shift_norm(mixture.denoise(x, BANDWIDTH.end) - x, BANDWIDTH.end),
    }


def predicted(texture: Texture, condition: Condition) -> dict[str, float | None]:
    """coarse_power and fine_power by theory, which knows the noised estimator where the phase is uniform."""
    power: dict[str, float | None] = {"coarse_power": None, "fine_power": None}
    if condition.estimator != "noised" or texture.leaning:
        return power
    bandwidths = [_bandwidth(step) for step in range(STEPS)]
    if condition.noise == "fresh":
        band = "coarse_power" if texture.coarse else "fine_power"
        power[band] = ring_power(texture.wave.radius, STD, bandwidths, condition.rate, START)
    if texture.grain and texture.fine:
        std = math.hypot(texture.fine.std, STD)
        attached = condition.noise == "attached"
        power["fine_power"] = grain_power(std, bandwidths, condition.rate, attached) * (std / texture.fine.std) ** 2
    return power


def symmetry(
    textures: Sequence[Texture] = TEXTURES,
    conditions: Sequence[Condition] = CONDITIONS,
    seed: int = 0,
    seeds: int = 3,
    on_run: Callable[[str], None] = lambda description: None,
) -> dict[str, Any]:
    """Every texture under every condition; a seed's value is the mean of RUNS runs.

    Returns:
        rows of density, pattern (bands: frequencies and root mean squares), critical_bandwidth (of the wave; None where
        its phase is not uniform), noise, window (steps held; 0 for ever), estimator, rate, the measures of `measure`,
        predicted, spread (standard deviations over seeds), and `after`: the measures after mean shift from there. The
        first row of each density holds true samples: estimator "samples", noise, window and rate None. Rows and `after`
        have an `example` [CELLS], the first run of the first seed.
    """
    rows = []
    for texture in textures:
        drawn = [texture.mixture.sample(400, torch.Generator().manual_seed(seed + offset)) for offset in range(seeds)]
        rows.append(_row(texture, None, drawn, None))
        for condition in conditions:
            runs = []
            for offset in range(seeds):
                runs.append(run(texture, condition, seed + offset))
                on_run(f"{texture.name}, {condition.estimator}")
            rows.append(_row(texture, condition, [end for end, _ in runs], [after for _, after in runs]))
    return {"rows": rows}


def _row(
    texture: Texture,
    condition: Condition | None,
    ends: Sequence[Tensor],
    polished: Sequence[Tensor] | None,
) -> dict[str, Any]:
    bands = {"coarse": texture.coarse, "fine": texture.fine}
    return {
        "density": texture.name,
        "pattern": {
            name: {"frequencies": [band.low, band.high], "rms": band.rms} for name, band in bands.items() if band
        },
        "critical_bandwidth": None if texture.leaning else critical_bandwidth(texture.wave.radius, STD),
        "noise": condition and condition.noise,
        "window": condition and condition.window,
        "estimator": condition.estimator if condition else "samples",
        "rate": condition and condition.rate,
        "predicted": predicted(texture, condition) if condition else None,
        **_over_seeds(texture, ends),
        "after": polished and _over_seeds(texture, polished),
    }


def _over_seeds(texture: Texture, ends: Sequence[Tensor]) -> dict[str, Any]:
    measured = [measure(texture, x) for x in ends]
    columns = {key: [value for one in measured if (value := one[key]) is not None] for key in measured[0]}
    return {
        **{key: fmean(values) if values else None for key, values in columns.items()},
        "spread": {key: pstdev(values) if values else None for key, values in columns.items()},
        "example": ends[0][0].tolist(),
    }
