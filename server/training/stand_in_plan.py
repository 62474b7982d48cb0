"""What the training of the stand-in is: sizes and lengths. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass


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
