"""What a training run is: sizes and lengths. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass


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
