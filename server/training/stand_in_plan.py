"""What the training of the stand-in is: sizes and lengths, and how the command line sets them. Free of torch."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

from server.arguments import field, positive, whole
from server.paths import path_argument
from server.recipe import Recipe


@dataclass(frozen=True)
class Size:
    """How big the networks are. Pictures are `image` pixels wide, latents a quarter of that."""

    image: int = 64
    autoencoder: tuple[int, ...] = (16, 32, 32)
    unet: tuple[int, ...] = (32, 64, 112)
    words: int = 64

    @property
    def latent(self) -> int:
        return self.image // 2 ** (len(self.autoencoder) - 1)


KEPT = Size()
TINY = Size(image=16, autoencoder=(8, 8), unet=(8, 16, 16), words=16)


@dataclass(frozen=True)
class Plan:
    """What is trained and for how long; a resumed run must have the same sizes, seed, batches and numbers of
    pictures."""

    seed: int = 0
    size: Size = KEPT
    code_steps: int = 3500
    code_batch: int = 8
    code_rate: float = 1.5e-3
    pictures: int = 60_000
    steps: int = 8000
    batch: int = 32
    rate: float = 1e-3
    views: int = 600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    plan = Plan()
    parser.add_argument(
        "--out", type=path_argument, required=True, help="folder of the run; a run that is there is continued"
    )
    parser.add_argument(
        "--cache", type=path_argument, default=Path(".cache/prior-data"), help="folder of the rendered layers"
    )
    parser.add_argument("--seed", type=field(Recipe, "seed"), default=plan.seed)
    parser.add_argument(
        "--code-steps",
        type=whole(1, 10**8),
        default=plan.code_steps,
        help="steps of the autoencoder, which comes first",
    )
    parser.add_argument(
        "--pictures", type=whole(32, 10**7), default=plan.pictures, help="photographs that are drawn and encoded once"
    )
    parser.add_argument("--steps", type=whole(1, 10**8), default=plan.steps, help="steps of the diffusion network")
    parser.add_argument("--views", type=whole(1, 10**6), default=plan.views, help="rendered views of each object")
    parser.add_argument("--threads", type=whole(1, 1024), default=1)
    parser.add_argument("--checkpoint-minutes", type=positive(10**6), default=5.0)
    parser.add_argument("--sheet-every", type=whole(1, 10**8), default=1000, help="steps between two sheets of samples")
    parser.add_argument(
        "--minutes", type=positive(10**6), default=math.inf, help="stop, with a checkpoint, after so long"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
