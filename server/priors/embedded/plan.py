"""What a training run is: sizes and lengths, and how the command line sets them. Free of torch."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

from server.arguments import add_device, field, positive, whole
from server.paths import path_argument
from server.recipe import Recipe


@dataclass(frozen=True)
class Size:
    """How big the networks are; pictures are `image` pixels wide and latents a quarter of that."""

    image: int = 64
    channels: tuple[int, int] = (64, 128)
    words: int = 96
    light_width: int = 160
    light_blocks: int = 5

    @property
    def latent(self) -> int:
        return self.image // 4


SHIPPED = Size()
TINY = Size(image=32, channels=(16, 32), words=32, light_width=32, light_blocks=2)


@dataclass(frozen=True)
class Plan:
    """What is trained and for how long; a resumed run must have the same sizes, seed and batches."""

    seed: int = 0
    size: Size = SHIPPED
    light_steps: int = 16_000
    light_batch: int = 24
    light_rate: float = 2e-3
    steps: int = 40_000
    batch: int = 32
    rate: float = 1e-3
    views: int = 1000
    windows: int = 2000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    plan = Plan()
    parser.add_argument(
        "--out", type=path_argument, required=True, help="folder of the run; a run that is there is continued"
    )
    parser.add_argument(
        "--cache", type=path_argument, default=Path(".cache/prior-data"), help="folder of the rendered layers"
    )
    parser.add_argument("--seed", type=field(Recipe, "seed"), default=plan.seed)
    add_device(parser)
    parser.add_argument("--light-steps", type=whole(1, 10**8), default=plan.light_steps)
    parser.add_argument("--light-batch", type=whole(1, 4096), default=plan.light_batch)
    parser.add_argument("--steps", type=whole(1, 10**8), default=plan.steps)
    parser.add_argument("--batch", type=whole(1, 4096), default=plan.batch)
    parser.add_argument(
        "--rate", type=positive(1), default=plan.rate, help="highest learning rate of the diffusion network"
    )
    parser.add_argument("--views", type=whole(1, 10**6), default=plan.views, help="rendered views of each object")
    parser.add_argument(
        "--windows", type=whole(1, 10**6), default=plan.windows, help="rendered windows onto each surface"
    )
    parser.add_argument("--threads", type=whole(1, 1024), default=1)
    parser.add_argument("--checkpoint-minutes", type=positive(10**6), default=5.0)
    parser.add_argument("--sheet-every", type=whole(1, 10**8), default=2000, help="steps between two sheets of samples")
    parser.add_argument(
        "--minutes", type=positive(10**6), default=math.inf, help="stop, with a checkpoint, after so long"
    )
